//! Items: pieces of software that are watched, and the releases that are known of them.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    check::CheckState,
    id::ItemId,
    name::{ItemName, PluginName},
    policy::Policy,
    release::Release,
    version::Scheme,
};

/// The longest locator, in bytes.
pub const MAX_LOCATOR: usize = 512;

/// Releases that are kept of one item: the newest by the order of the source.
pub const KEPT_RELEASES: usize = 50;

/// How a source names an item, such as `BurntSushi/ripgrep`. Means nothing to the host: 1 to 512 bytes
/// without control characters.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Locator(String);

/// A text that is not a locator.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "a locator is 1 to {MAX_LOCATOR} bytes without control characters; look at the source's example of one"
)]
pub struct InvalidLocator;

impl InvalidLocator {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-locator"
    }
}

impl Locator {
    /// The locator as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Locator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for Locator {
    type Err = InvalidLocator;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for Locator {
    type Error = InvalidLocator;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let fits = (1..=MAX_LOCATOR).contains(&text.len()) && !text.chars().any(char::is_control);
        if fits { Ok(Self(text)) } else { Err(InvalidLocator) }
    }
}

impl From<Locator> for String {
    fn from(locator: Locator) -> Self {
        locator.0
    }
}

/// What an operator says of an item.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ItemSpec {
    /// What the operator calls it; unique.
    pub name: ItemName,
    /// The plugin that knows its releases.
    pub source: PluginName,
    /// How that plugin names it.
    pub locator: Locator,
    /// Settings of this item for that plugin.
    #[serde(default, skip_serializing_if = "serde_json::Map::is_empty")]
    pub options: serde_json::Map<String, serde_json::Value>,
    /// How its versions are read.
    pub scheme: Scheme,
    /// Which of its releases are wanted.
    #[serde(default)]
    pub policy: Policy,
}

impl ItemSpec {
    /// Whether what was learnt by checks of `other` holds for this one too: both ask the same thing of the
    /// same source.
    #[must_use]
    pub fn asks_the_same(&self, other: &Self) -> bool {
        (&self.source, &self.locator, &self.options) == (&other.source, &other.locator, &other.options)
    }
}

/// A watched item and how its checks stand.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Item {
    /// Its identity; a change of name keeps it.
    pub id: ItemId,
    /// What the operator says of it.
    #[serde(flatten)]
    pub spec: ItemSpec,
    /// When it was added.
    pub created_at: Timestamp,
    /// When its specification last changed.
    pub updated_at: Timestamp,
    /// What its checks found.
    pub check: CheckState,
    /// It is checked at this time or soon after.
    pub next_check_at: Timestamp,
}

/// A release of an item, and when this host first heard of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KnownRelease {
    /// The release as the source last reported it.
    #[serde(flatten)]
    pub release: Release,
    /// When a check first found it.
    pub first_seen: Timestamp,
}

/// The releases to remember after a listing: those listed, in their order, then those known before, cut at
/// [`KEPT_RELEASES`]. A version that is listed twice counts once, at its first place. What was known keeps
/// the time at which it was first seen.
#[must_use]
pub fn merge(known: &[KnownRelease], listing: &[Release], now: Timestamp) -> Vec<KnownRelease> {
    let mut merged: Vec<KnownRelease> = Vec::new();
    let listed = listing.iter().map(|release| {
        let before = known.iter().find(|known| known.release.version == release.version);
        KnownRelease { release: release.clone(), first_seen: before.map_or(now, |known| known.first_seen) }
    });
    for release in listed.chain(known.iter().cloned()) {
        if merged.len() == KEPT_RELEASES {
            break;
        }
        if merged.iter().all(|kept| kept.release.version != release.release.version) {
            merged.push(release);
        }
    }
    merged
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    #[test]
    fn locators_and_what_is_none() {
        let long = "x".repeat(MAX_LOCATOR);
        for good in ["a", "BurntSushi/ripgrep", "@scope/pkg", "ä ö", long.as_str()] {
            assert_eq!(good.parse::<Locator>().unwrap().as_str(), good);
        }
        for bad in ["", "a\nb", "a\0", &format!("{long}x")] {
            assert_eq!(bad.parse::<Locator>(), Err(InvalidLocator), "{bad:?}");
        }
    }

    #[test]
    fn a_listing_goes_before_what_was_known() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_hours(1));
        let known = merge(&[], &["1.1", "1.0"].map(Release::new), then);
        let merged = merge(&known, &["1.2", "1.1", "1.2"].map(Release::new), now);
        let seen: Vec<_> = merged.iter().map(|k| (k.release.version.as_str(), k.first_seen)).collect();
        assert_eq!(seen, [("1.2", now), ("1.1", then), ("1.0", then)]);
    }

    #[test]
    fn no_more_than_the_limit_is_kept() {
        let listing: Vec<_> = (0..200).map(|n| Release::new(n.to_string())).collect();
        let merged = merge(&[], &listing, Timestamp::UNIX_EPOCH);
        assert_eq!(merged.len(), KEPT_RELEASES);
        assert_eq!(merged.first().map(|known| known.release.version.as_str()), Some("0"));
    }
}
