//! What a check of an item changes: a function of what was known, what the source said and the time.
//!
//! Nothing here decides twice: the same facts and the same outcome give the same conclusion, and each event
//! carries a key, so a check that is repeated after a crash tells its news once.

mod judge;
mod news;
mod settled;
#[cfg(test)]
mod tests;

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::NewEvent,
    id::MachineId,
    item::{Item, KnownRelease, merge},
    machine::{MachineItem, Standing},
    release::Release,
    schedule::{next_check, next_check_after_failure},
};

/// Failed checks in a row after which people are told, where each may be a passing trouble.
pub const FAILURES_BEFORE_NEWS: u32 = 3;

/// What the checks of an item found. The default: not yet checked.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckState {
    /// When a check last got an answer from the source.
    pub checked_at: Option<Timestamp>,
    /// The release that the policy wants.
    pub latest: Option<Latest>,
    /// Makes the next check conditional; means something to the source only.
    pub validator: Option<String>,
    /// Set while checks fail.
    pub failing: Option<Failing>,
    /// Marks what the last judgement was made from, where it holds until some of that changes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub settled: Option<String>,
}

/// The release that an item's policy wants, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latest {
    /// Its version.
    pub version: String,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When a check first found it.
    pub first_seen: Timestamp,
}

/// A row of failed checks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failing {
    /// When the first of them failed.
    pub since: Timestamp,
    /// How many there were.
    pub count: u32,
    /// Whether people were told.
    pub announced: bool,
    /// Why the last one failed.
    pub last: CheckError,
}

/// Why a check failed, as the plugin or the host said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CheckError {
    /// A stable kebab-case word.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
    /// Whether the same check may succeed later.
    pub retryable: bool,
    /// How long the remote asked to wait.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<Duration>,
}

/// How a check ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The source says that nothing changed since the validator.
    Unchanged,
    /// The source's releases, newest first.
    Listing {
        /// The releases.
        releases: Vec<Release>,
        /// For the next check.
        validator: Option<String>,
    },
    /// There was no answer.
    Failed(CheckError),
}

/// When a check ended and how often checks are wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timing {
    /// When it ended.
    pub now: Timestamp,
    /// The time between two checks.
    pub interval: Duration,
    /// Spreads the next one.
    pub random: u32,
}

/// What is known before a check ends.
#[derive(Debug, Clone, Copy)]
pub struct Facts<'a> {
    /// The item.
    pub item: &'a Item,
    /// Its known releases, newest first; of no matter where [`needs_known`] says so.
    pub known: &'a [KnownRelease],
    /// Where it is installed.
    pub installed: &'a [MachineItem],
}

/// What a check changes.
#[derive(Debug, Clone, PartialEq)]
pub struct Conclusion {
    /// The item's new state.
    pub check: CheckState,
    /// When it is checked next.
    pub next_check_at: Timestamp,
    /// The releases to remember from now on, newest first; none when they stay as they are.
    pub known: Option<Vec<KnownRelease>>,
    /// Where it is installed and how that stands now: those that changed.
    pub standings: Vec<(MachineId, Standing)>,
    /// What to tell.
    pub events: Vec<NewEvent>,
}

/// Whether what an outcome means depends on the known releases.
#[must_use]
pub fn needs_known(item: &Item, installed: &[MachineItem], outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Failed(_) => false,
        Outcome::Unchanged => !settled::holds(item, installed),
        Outcome::Listing { .. } => true,
    }
}

/// What the outcome of a check means, given the facts.
#[must_use]
pub fn conclude(facts: &Facts<'_>, outcome: &Outcome, timing: &Timing) -> Conclusion {
    match outcome {
        Outcome::Failed(error) => failed(facts, error, timing),
        Outcome::Unchanged if settled::holds(facts.item, facts.installed) => as_before(facts, timing),
        Outcome::Unchanged => answered(facts, None, facts.item.check.validator.clone(), timing),
        Outcome::Listing { releases, validator } => {
            let merged = Some(merge(facts.known, releases, timing.now));
            answered(facts, merged.filter(|merged| merged != facts.known), validator.clone(), timing)
        }
    }
}

/// How an installed version stands, and what to tell if that changed since `before`.
#[must_use]
pub fn compare_installed(
    item: &Item,
    known: &[KnownRelease],
    before: Option<&Standing>,
    after: &MachineItem,
    now: Timestamp,
) -> (Standing, Option<NewEvent>) {
    let standing = judge::judge(&item.spec, known, Some(&after.installed), now).standing;
    let event = news::standing(item, after, before, &standing, now);
    (standing, event)
}

fn failed(facts: &Facts<'_>, error: &CheckError, timing: &Timing) -> Conclusion {
    let mut check = facts.item.check.clone();
    let before = check.failing.take();
    let count = before.as_ref().map_or(1, |failing| failing.count.saturating_add(1));
    let told = before.as_ref().is_some_and(|failing| failing.announced);
    let tell = !told && (!error.retryable || count >= FAILURES_BEFORE_NEWS);
    let since = before.map_or(timing.now, |failing| failing.since);
    let failing = Failing { since, count, announced: told || tell, last: error.clone() };
    let events = if tell { vec![news::check_failed(facts.item, &failing, timing.now)] } else { Vec::new() };
    check.failing = Some(failing);
    let next_check_at =
        next_check_after_failure(count, timing.interval, error.retry_after, timing.now, timing.random);
    Conclusion { check, next_check_at, known: None, standings: Vec::new(), events }
}

/// There was an answer, and nothing that a judgement is made from changed.
fn as_before(facts: &Facts<'_>, timing: &Timing) -> Conclusion {
    let Facts { item, .. } = *facts;
    let check = CheckState { checked_at: Some(timing.now), failing: None, ..item.check.clone() };
    let next_check_at = next_check(timing.interval, timing.now, timing.random);
    Conclusion {
        check,
        next_check_at,
        known: None,
        standings: Vec::new(),
        events: recovered(facts, timing.now),
    }
}

/// That checks work again, where people were told that they do not.
fn recovered(facts: &Facts<'_>, now: Timestamp) -> Vec<NewEvent> {
    let failing = facts.item.check.failing.as_ref().filter(|failing| failing.announced);
    failing.map(|failing| news::check_recovered(facts.item, failing, now)).into_iter().collect()
}

fn answered(
    facts: &Facts<'_>,
    changed: Option<Vec<KnownRelease>>,
    validator: Option<String>,
    timing: &Timing,
) -> Conclusion {
    let Facts { item, installed, .. } = *facts;
    let known = changed.as_deref().unwrap_or(facts.known);
    let now = timing.now;
    let mut events = recovered(facts, now);
    // Which tags are choices for an item depends on the one that is installed.
    let installed_version = installed.first().map(|at| at.installed.as_str());
    let judge::Judgement { target, waiting_until, .. } =
        judge::judge(&item.spec, known, installed_version, now);
    // The first answer is the ground on which later ones are news.
    if item.check.checked_at.is_some() {
        events.extend(news::releases(
            item,
            facts.known,
            known,
            target.as_deref(),
            !installed.is_empty(),
            now,
        ));
    }
    let mut standings = Vec::new();
    for at in installed {
        let (standing, event) = compare_installed(item, known, Some(&at.standing), at, now);
        events.extend(event);
        if standing != at.standing {
            standings.push((at.machine, standing));
        }
    }
    let latest = target.and_then(|version| {
        let found = known.iter().find(|known| known.release.version == version)?;
        Some(Latest { published_at: found.release.published_at, first_seen: found.first_seen, version })
    });
    let settled = settled::settle(item, known, installed, &standings, now);
    Conclusion {
        check: CheckState { checked_at: Some(now), latest, validator, failing: None, settled },
        // A release that was too young is told of when it is old enough, not at some later check.
        next_check_at: waiting_until.unwrap_or(Timestamp::MAX).min(next_check(
            timing.interval,
            now,
            timing.random,
        )),
        known: changed,
        standings,
        events,
    }
}
