//! Which release an item should move to.
//!
//! A [`Policy`] is plain data. Bound to a version scheme it is checked once, and then judges any number of
//! listings. Every judgement is a function of its arguments: the same releases in another order, at the same
//! time, give the same [`Evaluation`].

mod age;
mod error;
mod evaluate;
mod pin;
mod range;
mod reason;
mod rule;

#[cfg(test)]
mod tests;

use std::fmt;

use serde::{Deserialize, Serialize};

pub use self::{
    age::Age,
    error::PolicyError,
    evaluate::{BoundPolicy, Evaluation, Skipped, Status, Unknown, Unparsable, evaluate},
    pin::{Level, Pin},
    range::Range,
    reason::Reason,
    rule::{Matcher, Pattern, Rule},
};

/// The most ignore rules of one policy.
pub const MAX_RULES: usize = 256;

/// What an operator wants of an item's updates. The default takes the newest release that is no
/// pre-release.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Policy {
    /// Only releases of this channel; any channel if none is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<Channel>,
    /// Only tags of this variant (`oci-tag`). Otherwise the variant of what is installed, or tags without
    /// one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub variant: Option<String>,
    /// Whether pre-releases may be offered.
    pub prereleases: bool,
    /// The only versions that are offered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub pin: Option<Pin>,
    /// How long a release must have been public. A release whose date is not known never passes a minimum
    /// age over zero.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minimum_age: Option<Age>,
    /// Versions that are never offered.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ignore: Vec<Rule>,
}

/// The name of a remote's channel or dist-tag, byte for byte: `stable`, `latest`, `next`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Channel(String);

impl Channel {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for Channel {
    type Error = PolicyError;

    fn try_from(name: String) -> Result<Self, Self::Error> {
        if name.is_empty() || name.chars().count() > 128 || name.chars().any(char::is_control) {
            return Err(PolicyError::Channel);
        }
        Ok(Self(name))
    }
}

impl std::str::FromStr for Channel {
    type Err = PolicyError;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        Self::try_from(name.to_owned())
    }
}

impl From<Channel> for String {
    fn from(channel: Channel) -> Self {
        channel.0
    }
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}
