//! What a policy ignores.

use std::fmt;

use regex::{Regex, RegexBuilder};
use serde::{Deserialize, Serialize};

use super::{
    error::{PolicyError, shorten},
    range::{BoundRange, Range},
};
use crate::version::{Scheme, Version, VersionError};

/// The longest pattern, in bytes.
const MAX_PATTERN: usize = 512;
/// The most memory that a compiled pattern may take, in bytes. The engine is linear in the text; this bounds
/// the factor.
const PATTERN_MEMORY: usize = 256 * 1024;

/// Versions that are never offered, and why.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "RuleRecord", into = "RuleRecord")]
pub struct Rule {
    /// Which versions.
    pub matcher: Matcher,
    /// For the person who wonders.
    pub reason: Option<String>,
}

/// How a rule recognises versions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Matcher {
    /// This version, by the scheme's equality: `1.0` is also `1.0.0` where the scheme says so. A tag without
    /// variant stands for all variants.
    Version(String),
    /// Every version in the range.
    Range(Range),
    /// Every version whose text the pattern finds.
    Pattern(Pattern),
}

/// A regular expression (syntax of the `regex` crate: linear time, no look-around, no back-references) of at
/// most 512 bytes. It finds anywhere in the text; `^` and `$` anchor it.
#[derive(Debug, Clone)]
pub struct Pattern(Regex);

impl Pattern {
    /// Compiles a pattern within the limits.
    ///
    /// # Errors
    /// [`PolicyError::Pattern`] if it is too long, not an expression, or too large when compiled.
    pub fn new(text: &str) -> Result<Self, PolicyError> {
        let wrong = |why: String| PolicyError::Pattern { pattern: shorten(text), why };
        if text.is_empty() {
            return Err(wrong("it is empty and would match everything".to_owned()));
        }
        if text.len() > MAX_PATTERN {
            return Err(wrong(format!("it is longer than {MAX_PATTERN} bytes")));
        }
        RegexBuilder::new(text)
            .size_limit(PATTERN_MEMORY)
            .dfa_size_limit(PATTERN_MEMORY)
            .nest_limit(32)
            .build()
            .map(Self)
            .map_err(|error| wrong(error.to_string()))
    }

    /// The expression.
    #[must_use]
    pub fn as_str(&self) -> &str {
        self.0.as_str()
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

impl Eq for Pattern {}

impl Rule {
    pub(super) fn bind(&self, scheme: Scheme) -> Result<BoundRule, VersionError> {
        Ok(match &self.matcher {
            Matcher::Version(text) => BoundRule::Version(Version::parse(scheme, text)?),
            Matcher::Range(range) => BoundRule::Range(range.bind(scheme)?),
            Matcher::Pattern(pattern) => BoundRule::Pattern(pattern.0.clone()),
        })
    }
}

/// A rule whose versions were read by a scheme.
#[derive(Debug, Clone)]
pub(super) enum BoundRule {
    Version(Version),
    Range(BoundRange),
    Pattern(Regex),
}

impl BoundRule {
    pub(super) fn matches(&self, version: &Version) -> bool {
        match self {
            Self::Version(ignored) => version.compare_bound(ignored).is_some_and(std::cmp::Ordering::is_eq),
            Self::Range(range) => range.contains(version),
            Self::Pattern(pattern) => pattern.is_match(version.as_str()),
        }
    }
}

/// As the rule, without its reason: `the range >=1.2, <2`.
impl fmt::Display for Rule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.matcher {
            Matcher::Version(version) => write!(f, "the version {version}"),
            Matcher::Range(range) => write!(f, "the range {range}"),
            Matcher::Pattern(pattern) => write!(f, "the pattern {}", pattern.as_str()),
        }
    }
}

/// A rule as it is written: one key of three, and a reason.
#[derive(Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
struct RuleRecord {
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<Range>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pattern: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

impl TryFrom<RuleRecord> for Rule {
    type Error = PolicyError;

    fn try_from(record: RuleRecord) -> Result<Self, Self::Error> {
        let matcher = match (record.version, record.range, record.pattern) {
            (Some(version), None, None) => Matcher::Version(version),
            (None, Some(range), None) => Matcher::Range(range),
            (None, None, Some(pattern)) => Matcher::Pattern(Pattern::new(&pattern)?),
            _ => return Err(PolicyError::RuleShape),
        };
        Ok(Self { matcher, reason: record.reason })
    }
}

impl From<Rule> for RuleRecord {
    fn from(Rule { matcher, reason }: Rule) -> Self {
        let record = Self { reason, ..Self::default() };
        match matcher {
            Matcher::Version(version) => Self { version: Some(version), ..record },
            Matcher::Range(range) => Self { range: Some(range), ..record },
            Matcher::Pattern(pattern) => Self { pattern: Some(pattern.as_str().to_owned()), ..record },
        }
    }
}
