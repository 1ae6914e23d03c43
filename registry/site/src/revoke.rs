//! Lists of what is revoked, as [`waystation_trust::Revocations`] are read.

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use waystation_bundle::ContentDigest;

use crate::error::SiteError;

/// A list that is to be signed. Every one of it says everything that is revoked, also what earlier ones said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct List {
    version: u32,
    number: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    digests: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    keys: Vec<Value>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    identities: Vec<Value>,
}

/// What is withdrawn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Revoked {
    /// A plugin.
    Digest(ContentDigest),
    /// Whatever a key signed, by the fingerprint that people name it by.
    Key {
        /// `sha256:` and the digest of the SubjectPublicKeyInfo.
        fingerprint: ContentDigest,
        /// Signatures from before still count.
        since: Option<Timestamp>,
    },
    /// Whatever was signed under an identity.
    Identity {
        /// The subject alternative name.
        identity: String,
        /// Only where this one issued it.
        issuer: Option<String>,
        /// Signatures from before still count.
        since: Option<Timestamp>,
    },
}

impl List {
    /// The first list: it revokes nothing yet.
    #[must_use]
    pub const fn first() -> Self {
        Self {
            version: 1,
            number: 0,
            issued_at: Timestamp::UNIX_EPOCH,
            expires_at: Timestamp::UNIX_EPOCH,
            digests: Vec::new(),
            keys: Vec::new(),
            identities: Vec::new(),
        }
    }

    /// Reads the list that is to be continued.
    ///
    /// # Errors
    /// `revocations-malformed`.
    pub fn parse(bytes: &[u8]) -> Result<Self, SiteError> {
        let unusable = |why: String| SiteError::ListUnusable { why };
        let list: Self = serde_json::from_slice(bytes).map_err(|e| unusable(e.to_string()))?;
        match list.version {
            1 => Ok(list),
            version => Err(unusable(format!("lists of version {version} are not known"))),
        }
    }

    /// Adds something, with the reason that is told wherever it is met.
    ///
    /// # Errors
    /// `already-revoked`.
    pub fn revoke(&mut self, revoked: &Revoked, why: &str) -> Result<(), SiteError> {
        let (list, what, entry) = match revoked {
            Revoked::Digest(digest) => {
                let entry = serde_json::json!({ "digest": digest });
                (&mut self.digests, ("digest", digest.to_string()), entry)
            }
            Revoked::Key { fingerprint, since } => {
                let entry = serde_json::json!({ "fingerprint": fingerprint, "since": since });
                (&mut self.keys, ("fingerprint", fingerprint.to_string()), entry)
            }
            Revoked::Identity { identity, issuer, since } => {
                let entry = serde_json::json!({ "identity": identity, "issuer": issuer, "since": since });
                (&mut self.identities, ("identity", identity.clone()), entry)
            }
        };
        let same = |there: &Value| {
            there.get(what.0) == entry.get(what.0)
                && there.get("issuer").filter(|v| !v.is_null()) == entry.get("issuer").filter(|v| !v.is_null())
                // A second entry may revoke more than the first: from earlier on, or all.
                && there.get("since").filter(|v| !v.is_null()) == entry.get("since").filter(|v| !v.is_null())
        };
        if list.iter().any(same) {
            return Err(SiteError::AlreadyRevoked { what: what.1 });
        }
        let mut entry = entry;
        if let Some(entry) = entry.as_object_mut() {
            entry.retain(|_, value| !value.is_null());
            entry.insert("why".to_owned(), why.into());
        }
        list.push(entry);
        Ok(())
    }

    /// The next list: a higher number, at least the one given, and good for some days from now on. In its bytes, which are what is signed.
    ///
    /// # Errors
    /// `revocations-malformed`, when number or time have no next one.
    pub fn issue(mut self, now: Timestamp, days: u32, at_least: u64) -> Result<(u64, Vec<u8>), SiteError> {
        let unusable = |why: &str| SiteError::ListUnusable { why: why.to_owned() };
        let next = self.number.checked_add(1).ok_or_else(|| unusable("its number is the last one"))?;
        self.number = next.max(at_least);
        // In whole seconds, as people write it.
        self.issued_at = Timestamp::from_second(now.as_second()).unwrap_or(now);
        let good = SignedDuration::from_hours(24 * i64::from(days));
        self.expires_at =
            self.issued_at.checked_add(good).map_err(|_| unusable("it would be good for too long"))?;
        let mut bytes = serde_json::to_vec_pretty(&self).map_err(|e| unusable(&e.to_string()))?;
        bytes.push(b'\n');
        Ok((self.number, bytes))
    }

    /// Until when it is good.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }
}
