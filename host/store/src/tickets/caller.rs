//! Who does something, for the record.

use jiff::Timestamp;
use waystation_core::audit::Deed;
use waystation_core::name::TenantName;
use waystation_core::ticket::Refusal;

use super::Outcome;
use crate::changes::Work;

/// Who does something, and how it is told in the record.
#[derive(Debug, Clone)]
pub struct Caller {
    /// Whose things these are. Nothing of another tenant is seen or changed.
    pub tenant: TenantName,
    /// `agent:mac`, `user:0197…`, `host`.
    pub actor: String,
    /// By what kind of credential: `agent`, `api`, `enrol`, `host`.
    pub plane: &'static str,
    /// The request's id.
    pub request: Option<String>,
    /// Where it came from.
    pub address: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Caller {
    /// Puts on record what came of something.
    pub(super) fn record<T>(
        &self,
        work: &mut Work<'_>,
        action: &'static str,
        target: impl Into<String>,
        outcome: &Outcome<T>,
    ) {
        self.note(work, action, target, outcome.as_ref().map_or_else(Refusal::code, |_| "ok"));
    }

    /// The same, with a word for what came of it.
    pub(crate) fn note(
        &self,
        work: &mut Work<'_>,
        action: &'static str,
        target: impl Into<String>,
        outcome: &str,
    ) {
        work.record(
            &self.tenant,
            Deed {
                at: self.now,
                actor: self.actor.clone(),
                plane: self.plane,
                action,
                target: target.into(),
                outcome: outcome.to_owned(),
                request: self.request.clone(),
                address: self.address.clone(),
            },
        );
    }
}
