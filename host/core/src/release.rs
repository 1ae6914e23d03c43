//! Releases as an update source reports them; the shape of `release` in `wit/update-source`.

use std::{collections::BTreeMap, fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// Names and values beyond a record's fields.
pub type Extras = BTreeMap<String, String>;

/// One version that a remote offers.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Release {
    /// As the remote spells it, without a tag's prefix such as `v`. Not yet read by any scheme.
    pub version: String,
    /// When the remote published it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub published_at: Option<Timestamp>,
    /// Whether the remote calls it a pre-release.
    #[serde(default)]
    pub prerelease: bool,
    /// Yanked, deprecated or unpublished: never offered, still known.
    #[serde(default)]
    pub withdrawn: bool,
    /// The remote's channel or dist-tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// Where a person reads about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Its files.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assets: Vec<Asset>,
    /// Documented: `tag`, `commit`, `title`, `withdrawn-reason`.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
}

impl Release {
    /// A release of which nothing but the version is known.
    #[must_use]
    pub fn new(version: impl Into<String>) -> Self {
        Self {
            version: version.into(),
            published_at: None,
            prerelease: false,
            withdrawn: false,
            channel: None,
            url: None,
            assets: Vec::new(),
            extra: Extras::new(),
        }
    }

    /// Why the remote withdrew it, where it said so.
    #[must_use]
    pub fn withdrawn_reason(&self) -> Option<&str> {
        self.extra.get("withdrawn-reason").map(String::as_str)
    }
}

/// A file that belongs to a release.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Asset {
    /// The file's name.
    pub name: String,
    /// Absolute, without credentials.
    pub url: String,
    /// In bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub size: Option<u64>,
    /// How to check what was fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub digests: Vec<Digest>,
    /// Such as `application/gzip`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// Documented: `platform`, `signature-url`.
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    pub extra: Extras,
}

/// One digest of an asset, written `algorithm:hex`.
///
/// Invariant: the value is lower-case hex, of the algorithm's length where that is known.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "DigestRecord", into = "DigestRecord")]
pub struct Digest {
    algorithm: String,
    value: String,
}

/// The record of the WIT, before it is checked.
#[derive(Serialize, Deserialize)]
struct DigestRecord {
    algorithm: String,
    value: String,
}

/// A digest that cannot be one.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a digest: {why}; give the algorithm's name and the value in hex, as sha256:9f86d0…")]
pub struct InvalidDigest {
    text: String,
    why: &'static str,
}

impl InvalidDigest {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-digest"
    }
}

/// Longest digest value in hex digits: 1,024 bits leave room for every hash in use.
const MAX_HEX: usize = 256;

impl Digest {
    /// Checks and keeps a digest; upper-case hex becomes lower-case.
    ///
    /// # Errors
    /// [`InvalidDigest`] if the algorithm has no name, the value is not hex, or its length is not that of a
    /// known algorithm.
    pub fn new(algorithm: &str, value: &str) -> Result<Self, InvalidDigest> {
        let invalid =
            |why| InvalidDigest { text: format!("{algorithm}:{value}").chars().take(80).collect(), why };
        let named = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-';
        if algorithm.is_empty() || algorithm.len() > 32 || !algorithm.bytes().all(named) {
            return Err(invalid("the algorithm's name holds only a-z, 0-9 and hyphens"));
        }
        if value.is_empty() || value.len() > MAX_HEX || !value.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err(invalid("the value is not hex"));
        }
        let length = match algorithm {
            "md5" => Some(32),
            "sha1" => Some(40),
            "sha256" | "blake2b-256" | "blake3" | "sha3-256" => Some(64),
            "sha384" => Some(96),
            "sha512" | "blake2b-512" => Some(128),
            _ => None,
        };
        if length.is_some_and(|length| length != value.len()) {
            return Err(invalid("the value does not have the length of this algorithm"));
        }
        Ok(Self { algorithm: algorithm.to_owned(), value: value.to_ascii_lowercase() })
    }

    /// `sha256`, `sha512`, `blake2b-256` …
    #[must_use]
    pub fn algorithm(&self) -> &str {
        &self.algorithm
    }

    /// Lower-case hex.
    #[must_use]
    pub fn value(&self) -> &str {
        &self.value
    }
}

impl TryFrom<DigestRecord> for Digest {
    type Error = InvalidDigest;

    fn try_from(record: DigestRecord) -> Result<Self, Self::Error> {
        Self::new(&record.algorithm, &record.value)
    }
}

impl From<Digest> for DigestRecord {
    fn from(Digest { algorithm, value }: Digest) -> Self {
        Self { algorithm, value }
    }
}

impl FromStr for Digest {
    type Err = InvalidDigest;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let (algorithm, value) = text.split_once(':').unwrap_or(("", text));
        Self::new(algorithm, value)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm, self.value)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_keeps_its_algorithm_and_lower_case_hex() {
        let digest: Digest = "md5:D41D8CD98F00B204E9800998ECF8427E".parse().unwrap();
        assert_eq!((digest.algorithm(), digest.value()), ("md5", "d41d8cd98f00b204e9800998ecf8427e"));
        assert_eq!(digest.to_string().parse::<Digest>().unwrap(), digest);
        assert_eq!(Digest::new("future-9", "00ff").unwrap().to_string(), "future-9:00ff");
    }

    #[test]
    fn a_digest_of_the_wrong_length_or_alphabet_is_refused() {
        for text in ["", "sha256", "sha256:", ":00", "sha256:00ff", "md5:zz", "SHA256:00", "a b:00", "sha1:é"]
        {
            assert_eq!(text.parse::<Digest>().unwrap_err().code(), "invalid-digest", "{text}");
        }
        assert!(Digest::new("x", &"0".repeat(MAX_HEX + 1)).is_err());
        assert!(serde_json::from_str::<Digest>(r#"{"algorithm":"sha256","value":"0"}"#).is_err());
    }

    #[test]
    fn a_release_survives_json() {
        let mut release = Release::new("1.2.3");
        release.published_at = Some("2024-10-01T12:00:00Z".parse().unwrap());
        release.extra.insert("withdrawn-reason".into(), "broken".into());
        release.assets.push(Asset {
            name: "a.tar.gz".into(),
            url: "https://example.org/a.tar.gz".into(),
            size: Some(5),
            digests: vec![Digest::new("md5", &"0".repeat(32)).unwrap()],
            media_type: Some("application/gzip".into()),
            extra: Extras::new(),
        });
        let json = serde_json::to_string(&release).unwrap();
        assert_eq!(serde_json::from_str::<Release>(&json).unwrap(), release);
        assert_eq!(release.withdrawn_reason(), Some("broken"));
        assert_eq!(serde_json::from_str::<Release>(r#"{"version":"1"}"#).unwrap(), Release::new("1"));
    }
}
