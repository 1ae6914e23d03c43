//! Enrolment: how a machine becomes an agent with a token that somebody made for it.
//!
//! A token is the right to enrol, so many times and for so long. Somebody may want to look first: at what was enrolled
//! with it, or at a machine that is enrolled under another name already; such an enrolment waits. [`decide`] says what
//! comes of each attempt, from what is known of it; whoever keeps tokens does what it says in one transaction.

mod decide;

pub use decide::{Decision, Earlier, Facts, Holder, Token, decide};

use std::time::Duration;

use crate::agent::AgentName;
use crate::machine_uid::MachineUid;

/// The most uses of one token.
pub const MAX_USES: u32 = 10_000;

/// Why an enrolment waits for a person.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Waiting {
    /// Whoever made the token wants to see who comes with it.
    Approval,
    /// An agent that is enrolled under another name says to be on the same machine.
    Collision,
}

impl Waiting {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Approval => "approval",
            Self::Collision => "collision",
        }
    }

    /// Reads it back.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Approval, Self::Collision].into_iter().find(|one| one.as_str() == word)
    }
}

/// Why somebody is not enrolled, or a token not made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, thiserror::Error)]
pub enum EnrolRefusal {
    /// There is no such token: it never was, or it was deleted, or who made it is revoked.
    #[error("no such enrolment token")]
    Unknown,
    /// It was used as often as it may be.
    #[error("the enrolment token was used")]
    Used,
    /// Its time is over.
    #[error("the enrolment token has expired")]
    Expired,
    /// It is from before the agent was revoked.
    #[error("the enrolment token is older than the revocation of this agent")]
    Stale,
    /// It is for another label.
    #[error("the enrolment token is for another label")]
    OtherLabel,
    /// An agent of that name is enrolled.
    #[error("an agent of that name is enrolled")]
    Taken,
    /// A person said no.
    #[error("a person rejected this enrolment")]
    Rejected,
    /// No person said anything in time.
    #[error("nobody confirmed this enrolment in time")]
    TimedOut,
    /// Asked too often.
    #[error("asked too often")]
    TooOften {
        /// Seconds until the next attempt is admitted, at least 1.
        retry_after: u32,
    },
    /// Who wants to enrol others owns no live instance of the scope, or may not do so.
    #[error("only the owner of a live instance enrols others for its scope")]
    NotDelegator,
    /// What others are to be enrolled for is no scope of tickets.
    #[error("this is no scope of tickets")]
    NoScope,
    /// There is no such token, waiting enrolment or agent.
    #[error("there is no such thing")]
    NotFound,
    /// It does not wait any more.
    #[error("this enrolment does not wait any more")]
    NotWaiting,
}

impl EnrolRefusal {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unknown => "enrolment-unknown",
            Self::Used => "enrolment-used",
            Self::Expired => "enrolment-expired",
            Self::Stale => "enrolment-stale",
            Self::OtherLabel => "enrolment-other-label",
            Self::Taken => "enrolment-taken",
            Self::Rejected => "enrolment-rejected",
            Self::TimedOut => "enrolment-timed-out",
            Self::TooOften { .. } => "enrolment-too-often",
            Self::NotDelegator => "enrolment-not-delegator",
            Self::NoScope => "enrolment-no-scope",
            Self::NotFound => "enrolment-not-found",
            Self::NotWaiting => "enrolment-not-waiting",
        }
    }
}

/// How much, and for how long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EnrolmentLimits {
    /// How long a token lives, unless its maker says otherwise.
    pub life: Duration,
    /// The longest that its maker may say.
    pub max_life: Duration,
    /// How long an enrolment waits for a person, and for its machine after that.
    pub pending: Duration,
    /// How long a certificate stays good that was renewed.
    pub overlap: Duration,
    /// Attempts of one address within `attempt_window`.
    pub attempts: u32,
    /// See `attempts`.
    pub attempt_window: Duration,
}

impl EnrolmentLimits {
    /// What an operator who says nothing gets.
    pub const DEFAULT: Self = Self {
        life: Duration::from_secs(15 * 60),
        max_life: Duration::from_secs(7 * 86_400),
        pending: Duration::from_secs(86_400),
        overlap: Duration::from_secs(86_400),
        attempts: 5,
        attempt_window: Duration::from_secs(60),
    };

    /// How long a token and what was enrolled with it is remembered after its end, so that who comes late hears why.
    pub const KEPT: Duration = Duration::from_secs(3_600);

    /// Refusals that are recorded in a minute, all addresses together: the rest is answered and not recorded.
    pub const RECORDED: u32 = 30;

    /// Tokens that one agent makes for others in a minute.
    pub const DELEGATIONS: u32 = 10;
}

impl Default for EnrolmentLimits {
    fn default() -> Self {
        Self::DEFAULT
    }
}

/// Who an attempt is of: the same key (or none) under the same name on the same machine. Whoever comes again with the
/// same token is recognised by it.
pub type Binding = [u8; 32];

/// Computes a [`Binding`]: SHA-256 over each part with its length before it.
#[must_use]
pub fn binding(key: Option<&[u8; 32]>, name: &AgentName, machine: Option<&MachineUid>) -> Binding {
    use sha2::{Digest as _, Sha256};
    let mut hasher = Sha256::new();
    hasher.update(b"waystation enrolment 1\0");
    let name = name.to_string();
    for part in [
        key.map_or(&[][..], |key| key.as_slice()),
        name.as_bytes(),
        machine.map_or(&[][..], |machine| machine.as_str().as_bytes()),
    ] {
        hasher.update((part.len() as u64).to_be_bytes());
        hasher.update(part);
    }
    hasher.finalize().into()
}

#[cfg(test)]
mod tests;
