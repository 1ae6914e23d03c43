//! Judging again only what can come out differently.
//!
//! A judgement follows from the known releases, the item's specification, what is installed, and the time. A
//! check that finds nothing changed leaves the first as it is. A mark of the others, kept with the check, tells
//! that they are as they were, and it is made only where the passing of time changes nothing any more.

use jiff::Timestamp;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::{
    id::MachineId,
    item::{Item, KnownRelease},
    machine::{MachineItem, Standing},
};

/// What a judgement was made from, all but the known releases.
#[derive(Serialize)]
struct Ground<'a> {
    /// Another version of this program may judge otherwise.
    program: &'a str,
    item: &'a crate::item::ItemSpec,
    installed: Vec<(MachineId, &'a str, &'a Standing)>,
}

fn mark<'a>(
    item: &'a Item,
    installed: impl Iterator<Item = (MachineId, &'a str, &'a Standing)>,
) -> Option<String> {
    let program = env!("CARGO_PKG_VERSION");
    let ground = Ground { program, item: &item.spec, installed: installed.collect() };
    let hash: [u8; 32] = Sha256::digest(serde_json::to_vec(&ground).ok()?).into();
    hash.first_chunk::<8>().map(hex::encode)
}

/// The mark of a judgement of `known` that came to `standings`; none where a later one may come out
/// differently although nothing changed.
pub(super) fn settle(
    item: &Item,
    known: &[KnownRelease],
    installed: &[MachineItem],
    standings: &[(MachineId, Standing)],
    now: Timestamp,
) -> Option<String> {
    if known.iter().any(|known| item.spec.policy.ripens(&known.release, now)) {
        return None;
    }
    let after = |at: &MachineItem| standings.iter().find(|(machine, _)| *machine == at.machine);
    let stands = installed.iter().map(|at| {
        let standing = after(at).map_or(&at.standing, |(_, standing)| standing);
        (at.machine, at.installed.as_str(), standing)
    });
    mark(item, stands)
}

/// Whether the last judgement still holds as long as the known releases stay as they are.
pub(super) fn holds(item: &Item, installed: &[MachineItem]) -> bool {
    let Some(settled) = &item.check.settled else { return false };
    let stands = installed.iter().map(|at| (at.machine, at.installed.as_str(), &at.standing));
    mark(item, stands).as_ref() == Some(settled)
}
