//! Who may say yes, and when it is enough.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::refusal::ApprovalRefusal;
use super::state::ApprovalState;
use crate::name::UserName;

/// What somebody did for a request that they do not approve as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Hand {
    /// They assigned the target to the instance.
    Assignment,
    /// They wrote the scope as it is.
    Scope,
    /// They let in the agent that asks.
    Agent,
}

impl Hand {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Assignment => "assignment",
            Self::Scope => "scope",
            Self::Agent => "agent",
        }
    }
}

impl fmt::Display for Hand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Assignment => "you made the assignment that this request stands on",
            Self::Scope => "you wrote the scope of this request as it is",
            Self::Agent => "you let in the agent that asks",
        })
    }
}

/// Who had a hand in a request, and which.
pub type Hands = BTreeMap<UserName, BTreeSet<Hand>>;

/// A request, as far as a yes to it needs to know.
#[derive(Debug, Clone, Copy)]
pub struct Case<'a> {
    /// Where it stands, by the clock.
    pub state: ApprovalState,
    /// How many people it takes.
    pub people: u8,
    /// Who had a hand in it.
    pub hands: &'a Hands,
    /// Who said yes, whether or not it still counts.
    pub said: &'a BTreeSet<UserName>,
    /// Those of them who still may.
    pub hold: &'a BTreeSet<UserName>,
}

/// What a yes comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    /// How many people there are now whose yes counts.
    pub count: u8,
    /// Whether that is enough.
    pub approved: bool,
}

/// What a yes of this person comes to, who may decide on it. People are told apart by name, and each counts once.
///
/// # Errors
/// `Over`, `OwnHand`, `AlreadyGiven`, in this order.
pub fn vote(case: &Case<'_>, who: &UserName) -> Result<Verdict, ApprovalRefusal> {
    if case.state != ApprovalState::Waiting {
        return Err(ApprovalRefusal::Over);
    }
    if let Some(hand) = case.hands.get(who).and_then(BTreeSet::first) {
        return Err(ApprovalRefusal::OwnHand(*hand));
    }
    if case.said.contains(who) {
        return Err(ApprovalRefusal::AlreadyGiven);
    }
    let counts = |name: &&UserName| case.said.contains(*name) && !case.hands.contains_key(*name);
    let count = u8::try_from(case.hold.iter().filter(counts).count() + 1).unwrap_or(u8::MAX);
    Ok(Verdict { count, approved: count >= case.people })
}
