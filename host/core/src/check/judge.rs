//! The policy's judgement, in the words that are stored.

use jiff::Timestamp;

use crate::{
    item::{ItemSpec, KnownRelease},
    machine::Standing,
    policy::{Status, evaluate},
    release::Release,
};

/// What the policy of an item says of its known releases.
pub(super) struct Judgement {
    /// The release that it wants.
    pub(super) target: Option<String>,
    /// How the installed version stands.
    pub(super) standing: Standing,
    /// When a release that is only too young becomes old enough.
    pub(super) waiting_until: Option<Timestamp>,
}

/// Judges the known releases; without an installed version only the target means something.
pub(super) fn judge(
    spec: &ItemSpec,
    known: &[KnownRelease],
    installed: Option<&str>,
    now: Timestamp,
) -> Judgement {
    let releases: Vec<&Release> = known.iter().map(|known| &known.release).collect();
    // A policy is checked when it is saved. One that does not fit all the same (an older host saved it) judges
    // nothing and says why.
    let evaluation = match evaluate(spec.scheme, &spec.policy, installed, &releases, now) {
        Ok(evaluation) => evaluation,
        Err(error) => {
            let standing = Standing::Unknown { why: error.to_string() };
            return Judgement { target: None, standing, waiting_until: None };
        }
    };
    let target = evaluation.latest.as_ref().map(|latest| latest.version.clone());
    let standing = match (&evaluation.status, &target) {
        (Status::UpToDate | Status::AheadOfSource, _) => Standing::Current,
        (Status::Outdated, Some(target)) => {
            Standing::Outdated { target: target.clone(), gap: evaluation.outdated }
        }
        (status, _) => Standing::Unknown { why: status.to_string() },
    };
    Judgement { target, standing, waiting_until: evaluation.waiting_until() }
}
