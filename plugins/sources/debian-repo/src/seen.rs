//! What a validator remembers about an answer.

use sha2::{Digest, Sha256};
use std::fmt;

/// The state of the archive behind an answer, carried by the validator from one call to the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Seen {
    /// Fingerprint of the configuration: under another one, nothing of this counts.
    pub settings: String,
    /// Date of the Release document.
    pub date: u64,
    /// Until when that document may be used: a mirror that says "not modified" beyond it stands still.
    pub good_until: Option<u64>,
    /// Fingerprint of the indexes that the document lists.
    pub indexes: String,
    /// The HTTP validator of the document.
    pub http: Option<String>,
}

const FORMAT: &str = "1";

impl Seen {
    /// Reads a validator; anything else than one of ours under the same settings is nothing.
    pub(crate) fn parse(validator: &str, settings: &str) -> Option<Self> {
        let mut parts = validator.splitn(6, ' ');
        if parts.next()? != FORMAT || parts.next()? != settings {
            return None;
        }
        let date = parts.next()?.parse().ok()?;
        let good_until = match parts.next()? {
            "-" => None,
            until => Some(until.parse().ok()?),
        };
        let indexes = parts.next()?.to_owned();
        let http = parts.next().map(str::to_owned).filter(|http| !http.is_empty());
        Some(Self { settings: settings.to_owned(), date, good_until, indexes, http })
    }

    /// Whether what was seen may still be relied on.
    pub(crate) fn current(&self, now: u64) -> bool {
        self.good_until.is_none_or(|until| until > now)
    }
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{FORMAT} {} {} ", self.settings, self.date)?;
        match self.good_until {
            Some(until) => write!(f, "{until}")?,
            None => f.write_str("-")?,
        }
        write!(f, " {} {}", self.indexes, self.http.as_deref().unwrap_or_default())
    }
}

/// The first half of the SHA-256 over the parts, each with its length, in hex.
pub(crate) fn fingerprint<'p>(parts: impl IntoIterator<Item = &'p str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen() -> Seen {
        Seen {
            settings: fingerprint(["a"]),
            date: 5,
            good_until: Some(9),
            indexes: fingerprint(["b"]),
            http: Some("W/\"a b\" x".to_owned()),
        }
    }

    #[test]
    fn it_comes_back_as_it_was_under_the_same_settings() {
        let other = Seen { good_until: None, http: None, ..seen() };
        for one in [seen(), other] {
            assert_eq!(Seen::parse(&one.to_string(), &one.settings), Some(one.clone()));
            assert_eq!(Seen::parse(&one.to_string(), "x"), None);
        }
        assert!(seen().current(8) && !seen().current(9));
    }

    #[test]
    fn other_validators_are_nothing() {
        for other in ["", "\"etag\"", "2 a 5 9 b ", "1 a x 9 b ", "1 a 5 x b ", "1 a"] {
            assert_eq!(Seen::parse(other, "a"), None, "{other}");
        }
    }

    #[test]
    fn borders_between_parts_count() {
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[1 a5x-]{0,30}") {
            let _ = Seen::parse(&text, "a");
        }
    }
}
