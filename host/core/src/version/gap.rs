//! How far one version is behind another.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::number::Number;

/// The most significant thing in which a newer version differs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gap {
    /// The epoch or the first number: `1.x` to `2.x`, or a new year.
    Major,
    /// The second number.
    Minor,
    /// The third number.
    Patch,
    /// A later number, or the packaging: Debian revision, RPM release, Python post-release, Maven `sp`.
    Revision,
    /// The same numbers, but one of both is a pre-release.
    Prerelease,
    /// Something else: a word, a local version, a suffix.
    Other,
}

impl Gap {
    /// The name in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Major => "major",
            Self::Minor => "minor",
            Self::Patch => "patch",
            Self::Revision => "revision",
            Self::Prerelease => "prerelease",
            Self::Other => "other",
        }
    }

    /// Between two versions of which the second is known to be newer.
    pub(super) fn between(older: &Shape, newer: &Shape) -> Self {
        if older.epoch != newer.epoch {
            return Self::Major;
        }
        let longest = older.numbers.len().max(newer.numbers.len());
        match (0..longest).find(|&place| older.number(place) != newer.number(place)) {
            Some(0) => Self::Major,
            Some(1) => Self::Minor,
            Some(2) => Self::Patch,
            Some(_) => Self::Revision,
            None if older.prerelease || newer.prerelease => Self::Prerelease,
            None if older.revision != newer.revision => Self::Revision,
            None => Self::Other,
        }
    }
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// What every scheme's versions have in common.
#[derive(Debug, Clone, Default)]
pub(crate) struct Shape {
    /// Zero where the scheme has none.
    pub(crate) epoch: Number,
    /// The leading numbers; those that are not there count as zero.
    pub(crate) numbers: Vec<Number>,
    pub(crate) prerelease: bool,
    /// What the packaging adds; empty where there is nothing such.
    pub(crate) revision: String,
}

impl Shape {
    /// The number at `place`, none for a zero.
    fn number(&self, place: usize) -> Option<&Number> {
        self.numbers.get(place).filter(|number| !number.is_zero())
    }

    /// Whether the first `count` numbers are the same.
    pub(crate) fn same_numbers(&self, other: &Self, count: usize) -> bool {
        (0..count).all(|place| self.number(place) == other.number(place))
    }
}

impl Default for Number {
    fn default() -> Self {
        Self::from(0)
    }
}
