//! Things that happened, in the order in which they were stored.
//!
//! An event is stored in the same transaction as the change it tells of. Its sequence number grows with
//! each stored event and has no holes that are filled later, so a reader that remembers the last number it
//! saw (`Last-Event-ID`) misses nothing.

use std::{borrow::Cow, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::id::EventId;

/// What kind of thing happened: one of the documented types, or one that a newer host wrote.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EventType(Cow<'static, str>);

/// A text that is not an event type.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "an event type is two or more words of a-z, 0-9 and - joined by dots, such as release.found; check its spelling"
)]
pub struct InvalidEventType;

impl InvalidEventType {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-event-type"
    }
}

impl EventType {
    /// A source reported a version of an item that was not known before.
    pub const RELEASE_FOUND: Self = Self(Cow::Borrowed("release.found"));
    /// A known release was withdrawn by its publisher.
    pub const RELEASE_WITHDRAWN: Self = Self(Cow::Borrowed("release.withdrawn"));
    /// An installed item is older than the release that its policy wants.
    pub const ITEM_OUTDATED: Self = Self(Cow::Borrowed("item.outdated"));
    /// An installed item reached the release that its policy wants.
    pub const ITEM_CURRENT: Self = Self(Cow::Borrowed("item.current"));
    /// An item was added.
    pub const ITEM_ADDED: Self = Self(Cow::Borrowed("item.added"));
    /// An item was changed.
    pub const ITEM_CHANGED: Self = Self(Cow::Borrowed("item.changed"));
    /// An item was removed.
    pub const ITEM_REMOVED: Self = Self(Cow::Borrowed("item.removed"));
    /// Checks of an item began to fail.
    pub const CHECK_FAILED: Self = Self(Cow::Borrowed("check.failed"));
    /// Checks of an item work again.
    pub const CHECK_RECOVERED: Self = Self(Cow::Borrowed("check.recovered"));
    /// A plugin failed so often that it is kept from running for a while.
    pub const PLUGIN_QUARANTINED: Self = Self(Cow::Borrowed("plugin.quarantined"));
    /// A plugin serves for the first time.
    pub const PLUGIN_INSTALLED: Self = Self(Cow::Borrowed("plugin.installed"));
    /// Another content serves under the name of a plugin.
    pub const PLUGIN_UPGRADED: Self = Self(Cow::Borrowed("plugin.upgraded"));
    /// What the configuration gives a plugin changed.
    pub const PLUGIN_GRANTED: Self = Self(Cow::Borrowed("plugin.granted"));
    /// A plugin that ran may not run any more.
    pub const PLUGIN_REVOKED: Self = Self(Cow::Borrowed("plugin.revoked"));
    /// The trust policy cannot be used, or can be used again.
    pub const TRUST_STATE: Self = Self(Cow::Borrowed("trust.state"));
    /// A plugin changed its state: enabled, disabled, loaded, failed to load.
    pub const PLUGIN_STATE: Self = Self(Cow::Borrowed("plugin.state"));
    /// A request for a ticket waits for people.
    pub const APPROVAL_WAITING: Self = Self(Cow::Borrowed("approval.waiting"));
    /// It does not any more.
    pub const APPROVAL_DECIDED: Self = Self(Cow::Borrowed("approval.decided"));
    /// A message was given up on.
    pub const DELIVERY_DEAD: Self = Self(Cow::Borrowed("delivery.dead"));
    /// A person tried a channel.
    pub const CHANNEL_TEST: Self = Self(Cow::Borrowed("channel.test"));

    /// Each documented type.
    pub const ALL: [Self; 20] = [
        Self::RELEASE_FOUND,
        Self::RELEASE_WITHDRAWN,
        Self::ITEM_OUTDATED,
        Self::ITEM_CURRENT,
        Self::ITEM_ADDED,
        Self::ITEM_CHANGED,
        Self::ITEM_REMOVED,
        Self::CHECK_FAILED,
        Self::CHECK_RECOVERED,
        Self::PLUGIN_QUARANTINED,
        Self::PLUGIN_STATE,
        Self::PLUGIN_INSTALLED,
        Self::PLUGIN_UPGRADED,
        Self::PLUGIN_GRANTED,
        Self::PLUGIN_REVOKED,
        Self::TRUST_STATE,
        Self::APPROVAL_WAITING,
        Self::APPROVAL_DECIDED,
        Self::DELIVERY_DEAD,
        Self::CHANNEL_TEST,
    ];

    /// The type as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether events of this type can be sent to channels. Those about channels themselves are not: one that
    /// is down must not be told so over itself, and a test is a message already.
    #[must_use]
    pub fn is_for_channels(&self) -> bool {
        !matches!(self.as_str(), "delivery.dead" | "channel.test")
    }

    /// Whether this host documents the type.
    #[must_use]
    pub fn is_documented(&self) -> bool {
        Self::ALL.contains(self)
    }
}

impl fmt::Display for EventType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EventType {
    type Err = InvalidEventType;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::try_from(text.to_owned())
    }
}

impl TryFrom<String> for EventType {
    type Error = InvalidEventType;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        let word = |w: &str| {
            !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text.len() <= 64 && text.contains('.') && text.split('.').all(word) {
            Ok(Self(Cow::Owned(text)))
        } else {
            Err(InvalidEventType)
        }
    }
}

impl From<EventType> for String {
    fn from(kind: EventType) -> Self {
        kind.0.into_owned()
    }
}

/// How much an event asks of a person. Ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// For the record.
    Info,
    /// Worth reading.
    Notice,
    /// Needs attention soon.
    Warning,
    /// Needs attention now.
    Critical,
}

impl Severity {
    /// The word used in the API, the database and for plugins.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Notice => "notice",
            Self::Warning => "warning",
            Self::Critical => "critical",
        }
    }

    /// The severity of that word, if it is one.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Info, Self::Notice, Self::Warning, Self::Critical].into_iter().find(|s| s.as_str() == word)
    }
}

impl fmt::Display for Severity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The place of an event in the order of all events; the first is 1. `0` stands for "before all".
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EventSeq(pub i64);

impl fmt::Display for EventSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An event that is about to be stored.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub kind: EventType,
    /// What it happened to: an item's, a plugin's or a channel's name.
    pub subject: String,
    /// How much it asks of a person.
    pub severity: Severity,
    /// The event's own fields.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
    /// A second event with the same key is not stored, so that work which is repeated after a crash tells
    /// its news once. None: always stored.
    pub key: Option<String>,
}

/// A stored event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its place in the order.
    pub seq: EventSeq,
    /// Its identity.
    pub id: EventId,
    /// What happened.
    #[serde(rename = "type")]
    pub kind: EventType,
    /// What it happened to.
    pub subject: String,
    /// How much it asks of a person.
    pub severity: Severity,
    /// The event's own fields.
    pub data: serde_json::Map<String, serde_json::Value>,
    /// When it happened.
    pub occurred_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_documented_type_reads_back() {
        for kind in EventType::ALL {
            let again: EventType = kind.as_str().parse().unwrap();
            assert_eq!(again, kind);
            assert!(again.is_documented());
            assert_eq!(
                again.is_for_channels(),
                kind != EventType::DELIVERY_DEAD && kind != EventType::CHANNEL_TEST
            );
        }
        assert!(!"machine.lost".parse::<EventType>().unwrap().is_documented());
    }

    #[test]
    fn what_is_no_type_is_refused() {
        for bad in ["", "release", ".found", "release.", "a..b", "Release.Found", "a.b c", "a.b\n"] {
            assert_eq!(bad.parse::<EventType>(), Err(InvalidEventType), "{bad:?}");
        }
        assert!(format!("a.{}", "b".repeat(63)).parse::<EventType>().is_err());
    }

    #[test]
    fn severities_are_ordered_and_read_back() {
        assert!(Severity::Info < Severity::Notice && Severity::Warning < Severity::Critical);
        assert_eq!(Severity::from_word("warning"), Some(Severity::Warning));
        assert_eq!(Severity::from_word("Warning"), None);
    }
}
