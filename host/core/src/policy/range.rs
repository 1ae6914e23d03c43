//! Ranges of versions in a scheme's own order.

use std::{cmp::Ordering, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use super::error::{PolicyError, shorten};
use crate::version::{Scheme, Version, VersionError};

/// The most comparisons of one range.
const MAX_COMPARISONS: usize = 16;

/// Comparisons that must all hold: `>=1.2, <2`. Not bound to a scheme yet.
///
/// The plain order decides: `2.0.0-rc.1` is less than `2` and so in `<2`, unlike in the requirement syntax
/// of npm and Cargo.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Range(Vec<(Operator, String)>);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Operator {
    Less,
    LessOrEqual,
    Equal,
    NotEqual,
    GreaterOrEqual,
    Greater,
}

impl Operator {
    /// Longer spellings first, so that `>=` is not read as `>`.
    const ALL: [(&'static str, Self); 6] = [
        ("<=", Self::LessOrEqual),
        (">=", Self::GreaterOrEqual),
        ("!=", Self::NotEqual),
        ("<", Self::Less),
        (">", Self::Greater),
        ("=", Self::Equal),
    ];

    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Less => order.is_lt(),
            Self::LessOrEqual => order.is_le(),
            Self::Equal => order.is_eq(),
            Self::NotEqual => order.is_ne(),
            Self::GreaterOrEqual => order.is_ge(),
            Self::Greater => order.is_gt(),
        }
    }

    fn as_str(self) -> &'static str {
        Self::ALL.iter().find(|(_, operator)| *operator == self).map_or("", |(text, _)| text)
    }
}

impl Range {
    /// Reads the edges by `scheme`.
    pub(super) fn bind(&self, scheme: Scheme) -> Result<BoundRange, VersionError> {
        let bind = |(operator, text): &(Operator, String)| {
            Version::parse_bound(scheme, text).map(|bound| (*operator, bound))
        };
        self.0.iter().map(bind).collect::<Result<_, _>>().map(BoundRange)
    }
}

/// A range whose edges were read.
#[derive(Debug, Clone)]
pub(super) struct BoundRange(Vec<(Operator, Version)>);

impl BoundRange {
    pub(super) fn contains(&self, version: &Version) -> bool {
        self.0
            .iter()
            .all(|(operator, bound)| version.compare_bound(bound).is_some_and(|order| operator.holds(order)))
    }
}

impl FromStr for Range {
    type Err = PolicyError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |why: String| PolicyError::Range { text: shorten(text), why };
        let mut comparisons = Vec::new();
        for part in text.split(',').map(str::trim) {
            let (operator, version) = Operator::ALL
                .into_iter()
                .find_map(|(spelling, operator)| Some((operator, part.strip_prefix(spelling)?.trim_start())))
                .ok_or_else(|| wrong(format!("{:?} starts with none of < <= = != >= >", shorten(part))))?;
            if version.is_empty() {
                return Err(wrong("a comparison has no version".to_owned()));
            }
            if comparisons.len() == MAX_COMPARISONS {
                return Err(wrong(format!("it has more than {MAX_COMPARISONS} comparisons")));
            }
            comparisons.push((operator, version.to_owned()));
        }
        Ok(Self(comparisons))
    }
}

impl TryFrom<String> for Range {
    type Error = PolicyError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Range> for String {
    fn from(range: Range) -> Self {
        range.to_string()
    }
}

impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (operator, version)) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{}{version}", operator.as_str())?;
        }
        Ok(())
    }
}
