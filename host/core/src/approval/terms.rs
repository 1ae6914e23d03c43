//! What a scope asks for, and what a person says who says no.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::ticket::Capability;

/// The most people that a scope can ask for.
pub const MAX_PEOPLE: u64 = 5;

/// How long a request waits, unless the scope says otherwise.
pub const DEFAULT_WITHIN: Duration = Duration::from_secs(15 * 60);

/// How long it can wait at most.
pub const MAX_WITHIN: Duration = Duration::from_secs(24 * 3_600);

/// The most characters of a [`Reason`].
const MAX_REASON: usize = 500;

/// Terms that cannot be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidTerms {
    /// Nobody, or too many.
    #[error("a ticket is approved by 1 to {MAX_PEOPLE} people")]
    People,
    /// No time, or too much of it.
    #[error("a request waits for 1 to {} seconds", MAX_WITHIN.as_secs())]
    Within,
    /// What is written down is no capability.
    #[error("what is approved is a sub-scope of the scope")]
    Capability,
    /// A reason that is empty, too long or not plain text.
    #[error("a reason is 1 to {MAX_REASON} characters on one line, without control characters")]
    Reason,
}

impl InvalidTerms {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::People => "approval-people",
            Self::Within => "approval-within",
            Self::Capability => "approval-capability",
            Self::Reason => "approval-reason",
        }
    }
}

/// How many people have to say yes, within which time, to tickets of what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written", into = "Written")]
pub struct Terms {
    people: u8,
    within: Duration,
    only: BTreeSet<Capability>,
}

/// Terms as they are written: in a scope's body, and in the database.
#[derive(Serialize, Deserialize)]
struct Written {
    people: u64,
    within: u64,
    #[serde(rename = "for", default, skip_serializing_if = "Vec::is_empty")]
    only: Vec<String>,
}

impl Terms {
    /// So many people, within that time; for tickets of these sub-scopes, or of all without any.
    ///
    /// # Errors
    /// When it is not 1 to [`MAX_PEOPLE`] people, or not 1 s to [`MAX_WITHIN`].
    pub fn new(people: u64, within: Duration, only: BTreeSet<Capability>) -> Result<Self, InvalidTerms> {
        let people = u8::try_from(people).ok().filter(|n| (1..=MAX_PEOPLE).contains(&u64::from(*n)));
        let people = people.ok_or(InvalidTerms::People)?;
        match (Duration::from_secs(1)..=MAX_WITHIN).contains(&within) {
            true => Ok(Self { people, within, only }),
            false => Err(InvalidTerms::Within),
        }
    }

    /// How many.
    #[must_use]
    pub const fn people(&self) -> u8 {
        self.people
    }

    /// How long a request waits.
    #[must_use]
    pub const fn within(&self) -> Duration {
        self.within
    }

    /// The sub-scopes that are named; none where all are meant.
    #[must_use]
    pub const fn only(&self) -> &BTreeSet<Capability> {
        &self.only
    }

    /// Whether tickets of this sub-scope wait.
    #[must_use]
    pub fn ask_for(&self, sub_scope: &Capability) -> bool {
        self.only.is_empty() || self.only.contains(sub_scope)
    }
}

impl TryFrom<Written> for Terms {
    type Error = InvalidTerms;

    fn try_from(Written { people, within, only }: Written) -> Result<Self, Self::Error> {
        let only = only.iter().map(|name| name.parse().map_err(|_| InvalidTerms::Capability));
        Self::new(people, Duration::from_secs(within), only.collect::<Result<_, _>>()?)
    }
}

impl From<Terms> for Written {
    fn from(terms: Terms) -> Self {
        let only = terms.only.iter().map(ToString::to_string).collect();
        Self { people: terms.people.into(), within: terms.within.as_secs(), only }
    }
}

/// Why somebody said no: one line of plain text, which is shown to the one who asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason(String);

impl Reason {
    /// As text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Reason {
    type Err = InvalidTerms;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        // Nor the marks that turn the direction of writing (Unicode's `Bidi_Control`) or break lines.
        let acts = |c: char| {
            c.is_control()
                || matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        let text = text.trim();
        match (1..=MAX_REASON).contains(&text.chars().count()) && !text.contains(acts) {
            true => Ok(Self(text.to_owned())),
            false => Err(InvalidTerms::Reason),
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
