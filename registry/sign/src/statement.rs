//! What is said about a bundle: an in-toto statement (version 1).

use serde::Serialize;
use sha2::{Digest as _, Sha256};

/// The `_type` of statements.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The type of our predicate: that somebody releases a plugin under a name and version.
pub const PREDICATE_TYPE: &str = "urn:waystation:plugin:v1";

/// The release of a plugin, as its signer puts it.
#[derive(Debug, Clone, Copy)]
pub struct Statement<'a> {
    /// The bytes of the bundle's OCI manifest, whose digest is the bundle's.
    pub manifest: &'a [u8],
    /// SHA-256 of the component.
    pub component: [u8; 32],
    /// `namespace/name`.
    pub name: &'a str,
    /// The version.
    pub version: &'a str,
    /// World and generation, `update-source@0.1`.
    pub kind: &'a str,
    /// SHA-256 of what the plugin requests.
    pub requests: [u8; 32],
}

#[derive(Serialize)]
struct Written<'a> {
    #[serde(rename = "_type")]
    kind: &'a str,
    subject: [Subject; 2],
    #[serde(rename = "predicateType")]
    predicate_type: &'a str,
    predicate: Predicate<'a>,
}

#[derive(Serialize)]
struct Subject {
    name: &'static str,
    digest: Digests,
}

#[derive(Serialize)]
struct Digests {
    sha256: String,
}

#[derive(Serialize)]
struct Predicate<'a> {
    name: &'a str,
    version: &'a str,
    kind: &'a str,
    requests: String,
}

impl Statement<'_> {
    /// The statement as it is signed. The same statement has the same bytes.
    pub(crate) fn to_json(self) -> Result<Vec<u8>, serde_json::Error> {
        let subject = |name, digest: &[u8]| Subject { name, digest: Digests { sha256: hex::encode(digest) } };
        serde_json::to_vec(&Written {
            kind: STATEMENT_TYPE,
            subject: [
                subject("manifest.json", &Sha256::digest(self.manifest)),
                subject("component.wasm", &self.component),
            ],
            predicate_type: PREDICATE_TYPE,
            predicate: Predicate {
                name: self.name,
                version: self.version,
                kind: self.kind,
                requests: hex::encode(self.requests),
            },
        })
    }
}
