//! Why a release is not offered.

use std::fmt;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::Age;

/// One ground on which a policy passes over a release. Shown as a sentence without its full stop.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(tag = "code", rename_all = "kebab-case", rename_all_fields = "snake_case")]
#[non_exhaustive]
pub enum Reason {
    /// The remote withdrew it.
    Withdrawn {
        /// What the remote said.
        why: Option<String>,
    },
    /// A tag of another build of the software.
    OtherVariant {
        /// The variant that is followed; none for tags without one.
        wanted: Option<String>,
        /// The variant of this release.
        found: Option<String>,
    },
    /// A tag of more or fewer numbers than the installed one, so one that moves more or less.
    OtherPrecision {
        /// How many numbers the installed tag has.
        wanted: usize,
        /// How many this one has.
        found: usize,
    },
    /// A pre-release, by its version or by the remote's word, where the policy wants none.
    Prerelease,
    /// Not of the policy's channel.
    OtherChannel {
        /// The policy's channel.
        wanted: String,
        /// The release's channel, if the remote named one.
        found: Option<String>,
    },
    /// Outside of what the policy pins the item to.
    Pinned {
        /// What it is pinned to.
        to: String,
    },
    /// A rule ignores it.
    Ignored {
        /// The rule.
        rule: String,
        /// The rule's reason, as its author wrote it.
        why: Option<String>,
    },
    /// Younger than the policy's minimum age.
    TooYoung {
        /// The policy's minimum age.
        minimum_age: Age,
        /// When it will be old enough.
        eligible_at: Timestamp,
    },
    /// There is a minimum age and the remote does not say when this was published. It never passes.
    UnknownAge {
        /// The policy's minimum age.
        minimum_age: Age,
    },
}

impl Reason {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Withdrawn { .. } => "withdrawn",
            Self::OtherVariant { .. } => "other-variant",
            Self::OtherPrecision { .. } => "other-precision",
            Self::Prerelease => "prerelease",
            Self::OtherChannel { .. } => "other-channel",
            Self::Pinned { .. } => "pinned",
            Self::Ignored { .. } => "ignored",
            Self::TooYoung { .. } => "too-young",
            Self::UnknownAge { .. } => "unknown-age",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let because = |f: &mut fmt::Formatter<'_>, why: &Option<String>| match why {
            Some(why) => write!(f, " ({})", why.trim_end_matches('.')),
            None => Ok(()),
        };
        match self {
            Self::Withdrawn { why } => {
                f.write_str("the publisher withdrew it")?;
                because(f, why)
            }
            Self::OtherVariant { wanted, found } => {
                let name = |variant: &Option<String>| {
                    variant.as_ref().map_or_else(|| "no variant".to_owned(), |name| format!("variant {name}"))
                };
                write!(f, "it has {} and this item follows tags with {}", name(found), name(wanted))
            }
            Self::OtherPrecision { wanted, found } => {
                write!(f, "its tag has {found} numbers and the installed one has {wanted}")
            }
            Self::Prerelease => f.write_str("it is a pre-release and the policy takes none"),
            Self::OtherChannel { wanted, found: Some(found) } => {
                write!(f, "it is of channel {found} and the policy takes channel {wanted}")
            }
            Self::OtherChannel { wanted, found: None } => {
                write!(f, "it names no channel and the policy takes channel {wanted}")
            }
            Self::Pinned { to } => write!(f, "the item is pinned to {to}"),
            Self::Ignored { rule, why } => {
                write!(f, "{rule} is ignored")?;
                because(f, why)
            }
            Self::TooYoung { minimum_age, eligible_at } => {
                write!(f, "it must be {minimum_age} old and will be at {eligible_at}")
            }
            Self::UnknownAge { minimum_age } => {
                write!(f, "it must be {minimum_age} old and its publication date is not known")
            }
        }
    }
}
