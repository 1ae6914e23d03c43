//! What can be wrong with a policy itself.

use crate::version::VersionError;

/// A policy that cannot be carried out. It is refused as a whole: half a policy could offer what the other
/// half forbids.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PolicyError {
    /// A channel name that is empty, too long or not printable.
    #[error("a channel is named by 1 to 128 printable characters; correct `channel`")]
    Channel,
    /// A duration that is not one.
    #[error(
        "{text:?} is not an age: {why}; write for example \"3d\", \"12h\", \"P1W\" or a number of seconds"
    )]
    Age {
        /// What was given.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A rule with no condition, or with several.
    #[error("an ignore rule has exactly one of `version`, `range` and `pattern`; split it or add one")]
    RuleShape,
    /// More rules than are evaluated.
    #[error("a policy has {count} ignore rules and at most {limit} are evaluated; merge some into a range")]
    TooManyRules {
        /// How many there are.
        count: usize,
        /// How many may be.
        limit: usize,
    },
    /// A regular expression that is too long, wrong, or too large when compiled.
    #[error("the pattern {pattern:?} cannot be used: {why}; simplify it")]
    Pattern {
        /// What was given, cut after 128 characters.
        pattern: String,
        /// What is wrong.
        why: String,
    },
    /// A range that is not a list of comparisons.
    #[error("{text:?} is not a range: {why}; write comparisons between commas, as \">=1.2, <2\"")]
    Range {
        /// What was given, cut after 128 characters.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A pin to something that is no list of numbers.
    #[error("{text:?} cannot be pinned to: {why}; write the leading numbers, as \"1.27\"")]
    Prefix {
        /// What was given, cut after 128 characters.
        text: String,
        /// What is wrong.
        why: String,
    },
    /// A version in the policy that the item's scheme does not read.
    #[error("{place} of the policy does not fit the item's scheme: {source}")]
    Version {
        /// Where it stands: `ignore rule 2` or `the pin`.
        place: String,
        /// Why it is not a version.
        source: VersionError,
    },
}

impl PolicyError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Channel => "policy-channel",
            Self::Age { .. } => "policy-age",
            Self::RuleShape => "policy-rule-shape",
            Self::TooManyRules { .. } => "policy-too-many-rules",
            Self::Pattern { .. } => "policy-pattern",
            Self::Range { .. } => "policy-range",
            Self::Prefix { .. } => "policy-prefix",
            Self::Version { .. } => "policy-version",
        }
    }
}

/// The beginning of what was given, so that an error stays one sentence.
pub(super) fn shorten(text: &str) -> String {
    text.chars().take(128).collect()
}
