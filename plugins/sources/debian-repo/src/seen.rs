//! What a validator remembers about an answer.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The state of one suite behind an answer, carried by the validator from one call to the next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Row", from = "Row")]
pub(crate) struct Seen {
    /// Date of the Release document.
    pub date: u64,
    /// Until when that document may be used: a mirror that says "not modified" beyond it stands still.
    pub good_until: Option<u64>,
    /// Fingerprint of the indexes that the document lists.
    pub indexes: String,
    /// The HTTP validator of the document.
    pub http: Option<String>,
}

/// As it is written: every item keeps one of these per suite, so names are left out.
type Row = (u64, Option<u64>, String, Option<String>);

impl From<Row> for Seen {
    fn from((date, good_until, indexes, http): Row) -> Self {
        Self { date, good_until, indexes, http }
    }
}

impl From<Seen> for Row {
    fn from(seen: Seen) -> Self {
        (seen.date, seen.good_until, seen.indexes, seen.http)
    }
}

impl Seen {
    /// Whether what was seen may still be relied on.
    pub(crate) fn current(&self, now: u64) -> bool {
        self.good_until.is_none_or(|until| until > now)
    }
}

/// The state of every suite, in the order of the configuration. None: the suite could not be read and the
/// answer was made without it.
pub(crate) type Suites = Vec<Option<Seen>>;

const FORMAT: u8 = 2;
/// The longest validator that is given. Hosts take 4096 bytes.
const MAX_BYTES: usize = 4000;

/// Writes a validator. `settings` is the fingerprint of the configuration: under another one, nothing of this
/// counts. What would be too long goes without the archives' own validators, which save the least.
pub(crate) fn write(settings: &str, suites: &[Option<Seen>]) -> Option<String> {
    let fitting = |suites: &[Option<Seen>]| {
        let text = serde_json::to_string(&(FORMAT, settings, suites)).ok()?;
        (text.len() <= MAX_BYTES).then_some(text)
    };
    let without_http = || -> Suites {
        suites.iter().map(|seen| seen.clone().map(|seen| Seen { http: None, ..seen })).collect()
    };
    fitting(suites).or_else(|| fitting(&without_http()))
}

/// Reads a validator; anything else than one of ours under the same settings is nothing.
pub(crate) fn read(validator: &str, settings: &str) -> Option<Suites> {
    let (format, under, suites): (u8, String, Suites) = serde_json::from_str(validator).ok()?;
    (format == FORMAT && under == settings).then_some(suites)
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
            date: 5,
            good_until: Some(9),
            indexes: fingerprint(["b"]),
            http: Some("W/\"a b\" x".to_owned()),
        }
    }

    #[test]
    fn it_comes_back_as_it_was_under_the_same_settings() {
        let other = Seen { good_until: None, http: None, ..seen() };
        let suites = vec![Some(seen()), None, Some(other)];
        let written = write("s", &suites).unwrap();
        assert_eq!(read(&written, "s"), Some(suites));
        assert_eq!(read(&written, "x"), None);
        assert!(seen().current(8) && !seen().current(9));
    }

    #[test]
    fn long_ones_are_cut_and_not_refused() {
        let long = Seen { http: Some("x".repeat(1000)), ..seen() };
        let written = write("s", &vec![Some(long); 32]).unwrap();
        let read = read(&written, "s").unwrap();
        assert_eq!(read, vec![Some(Seen { http: None, ..seen() }); 32]);
        assert!(written.len() <= MAX_BYTES);
        assert_eq!(write("s", &vec![Some(seen()); 500]), None);
    }

    #[test]
    fn other_validators_are_nothing() {
        let others = ["", "\"etag\"", "1 a 5 9 b ", r#"[1,"a",[]]"#, r#"[2,"a",[[5,9]]]"#, r#"[2,"a"]"#];
        for other in others {
            assert_eq!(read(other, "a"), None, "{other}");
        }
    }

    #[test]
    fn borders_between_parts_count() {
        assert_ne!(fingerprint(["ab", "c"]), fingerprint(["a", "bc"]));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in r#"[\[\]",0-9anul ]{0,30}"#) {
            let _ = read(&text, "a");
        }
    }
}
