//! What was withdrawn: digests, keys and identities, in a list that is signed and expires.

use std::path::Path;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use waystation_bundle::ContentDigest;
use waystation_verify::{Facts, Request, Roots, Subject, verify};

use crate::error::TrustError;
use crate::policy::TrustPolicy;

/// The largest list that is read, in bytes.
const MAX_LIST: usize = 4 << 20;

/// Where a list comes from.
#[derive(Debug, Clone, Copy)]
pub struct RevocationSource<'a> {
    /// The list.
    pub list: &'a [u8],
    /// The Sigstore bundles over it.
    pub signatures: &'a [&'a [u8]],
    /// The highest number that was seen before.
    pub seen: u64,
}

/// A list whose signatures did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Revocations {
    number: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    digests: Vec<RevokedDigest>,
    keys: Vec<RevokedKey>,
    identities: Vec<RevokedIdentity>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    version: u32,
    number: u64,
    issued_at: Timestamp,
    expires_at: Timestamp,
    #[serde(default)]
    digests: Vec<RevokedDigest>,
    #[serde(default)]
    keys: Vec<RevokedKey>,
    #[serde(default)]
    identities: Vec<RevokedIdentity>,
}

impl Written {
    /// Reads a list whose signatures did.
    fn read(list: &[u8]) -> Result<Self, String> {
        let written: Self = serde_json::from_slice(list).map_err(|e| e.to_string())?;
        match written.version {
            1 => Ok(written),
            version => Err(format!("lists of version {version} are not known")),
        }
    }
}

/// What fuzzing calls: a list is refused with a sentence, or one of this version.
#[cfg(any(test, fuzzing))]
pub(crate) fn fuzz(data: &[u8]) -> bool {
    match Written::read(data) {
        Ok(written) => written.version == 1,
        Err(why) => {
            assert!(!why.is_empty());
            false
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedDigest {
    digest: ContentDigest,
    why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedKey {
    /// `sha256:` and the digest of the SubjectPublicKeyInfo.
    fingerprint: ContentDigest,
    /// Signatures from before still count. Without it none does.
    since: Option<Timestamp>,
    why: Option<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
struct RevokedIdentity {
    identity: String,
    issuer: Option<String>,
    since: Option<Timestamp>,
    why: Option<String>,
}

impl TrustPolicy {
    /// The file of the list that the policy asks for; its signatures are beside it.
    #[must_use]
    pub fn revocation_file(&self) -> Option<&Path> {
        self.revocations.as_ref().map(|listed| listed.path.as_path())
    }

    /// Reads a list of revocations: its signatures first, then what it says.
    ///
    /// # Errors
    /// The codes that begin with `revocations-`. A list that is merely too old is read: what it revokes stays
    /// revoked, and [`TrustPolicy::judge`] admits nothing with it.
    pub fn revocations(
        &self,
        source: &RevocationSource<'_>,
        roots: &Roots,
        now: Timestamp,
    ) -> Result<Revocations, TrustError> {
        let malformed = |why: String| TrustError::RevocationsMalformed { why };
        let Some(listed) = &self.revocations else {
            return Err(malformed("the trust policy names no signers of revocations".to_owned()));
        };
        if source.list.len() > MAX_LIST {
            return Err(malformed(format!("it has more than {MAX_LIST} bytes")));
        }
        let subject = Subject::of_bytes(source.list.to_vec());
        let request = Request { subject: &subject, bundles: source.signatures };
        let verdict = verify(&request, &listed.policy, roots, now);
        if !verdict.admitted {
            return Err(TrustError::RevocationsUntrusted { code: verdict.code, why: verdict.message });
        }
        let written = Written::read(source.list).map_err(malformed)?;
        if written.number < source.seen {
            return Err(TrustError::RevocationsRolledBack { found: written.number, seen: source.seen });
        }
        let longest = listed.max_age_days.map(|days| SignedDuration::from_hours(i64::from(days) * 24));
        let by_age = longest.and_then(|age| written.issued_at.checked_add(age).ok());
        Ok(Revocations {
            number: written.number,
            issued_at: written.issued_at,
            expires_at: by_age.map_or(written.expires_at, |by_age| by_age.min(written.expires_at)),
            digests: written.digests,
            keys: written.keys,
            identities: written.identities,
        })
    }
}

impl Revocations {
    /// Counts up with each list.
    #[must_use]
    pub const fn number(&self) -> u64 {
        self.number
    }

    /// When there must be a newer one.
    #[must_use]
    pub const fn expires_at(&self) -> Timestamp {
        self.expires_at
    }

    /// Whether it can be relied on: not too old, and not from a time to come.
    pub(crate) fn is_current(&self, now: Timestamp) -> bool {
        self.issued_at <= now && now < self.expires_at
    }

    /// Why a plugin is withdrawn, if it is.
    pub(crate) fn digest(&self, digest: ContentDigest) -> Option<String> {
        let revoked = self.digests.iter().find(|revoked| revoked.digest == digest)?;
        Some(because(format!("{digest} is revoked"), revoked.why.as_deref()))
    }

    /// Why a signature does not count, if it does not.
    pub(crate) fn signature(&self, facts: &Facts) -> Option<String> {
        // What cannot be dated may be from after.
        let after = |since: Option<Timestamp>| {
            since.is_none_or(|since| facts.signed_at().is_none_or(|signed| signed >= since))
        };
        if let Some(identity) = &facts.identity {
            let revoked = self.identities.iter().find(|revoked| {
                let issuer = revoked.issuer.as_deref();
                revoked.identity == identity.value
                    && issuer.is_none_or(|issuer| facts.issuer.as_deref() == Some(issuer))
                    && after(revoked.since)
            })?;
            return Some(because(format!("{} is revoked", identity.value), revoked.why.as_deref()));
        }
        let revoked = self
            .keys
            .iter()
            .find(|revoked| revoked.fingerprint.to_string() == facts.key && after(revoked.since))?;
        Some(because(format!("the key {} is revoked", facts.key), revoked.why.as_deref()))
    }
}

fn because(what: String, why: Option<&str>) -> String {
    match why {
        Some(why) => format!("{what}: {why}"),
        None => what,
    }
}
