//! What a signature says of a plugin: an in-toto statement (version 1) with a predicate of ours.

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use crate::error::BundleError;
use crate::json;
use crate::limits::Limits;
use crate::package::Package;

/// The `_type` of statements.
pub const STATEMENT_TYPE: &str = "https://in-toto.io/Statement/v1";

/// The predicate type of plugins: that somebody releases a plugin under a name and version.
pub const PREDICATE_TYPE: &str = "urn:waystation:plugin:v1";

/// That somebody releases a plugin. Its subjects are the manifest, whose digest is the plugin's, and the component.
///
/// Who has only the statement can see what the plugin is and whether it requests the same as another release.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Statement {
    #[serde(rename = "_type")]
    kind: String,
    subject: Vec<Subject>,
    #[serde(rename = "predicateType")]
    predicate_type: String,
    predicate: Predicate,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Subject {
    name: String,
    digest: Digests,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Digests {
    sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Predicate {
    name: String,
    version: String,
    kind: String,
    /// SHA-256 of what is requested, in hex.
    requests: String,
}

#[derive(Deserialize)]
struct Requests {
    #[serde(default)]
    request: Vec<serde_json::Value>,
}

impl Statement {
    /// The statement that is true of a plugin.
    ///
    /// # Errors
    /// When its `plugin.toml` cannot be read.
    pub fn of(package: &Package) -> Result<Self, BundleError> {
        let bad = |why: &str| BundleError::BadManifest(why.to_owned());
        let requests: Requests =
            toml::from_str(package.component().manifest()).map_err(|e| bad(e.message()))?;
        // RFC 8785: the same requests have the same digest, however they are written.
        let requests =
            serde_json_canonicalizer::to_vec(&requests.request).map_err(|e| bad(&e.to_string()))?;
        let subject = |name: &str, digest: String| Subject {
            name: name.to_owned(),
            digest: Digests { sha256: digest },
        };
        let head = package.head();
        Ok(Self {
            kind: STATEMENT_TYPE.to_owned(),
            subject: vec![
                subject("manifest.json", package.digest().hex()),
                subject("component.wasm", package.component().digest().hex()),
            ],
            predicate_type: PREDICATE_TYPE.to_owned(),
            predicate: Predicate {
                name: head.name.clone(),
                version: head.version.to_string(),
                kind: head.kind.clone(),
                requests: hex::encode(Sha256::digest(requests)),
            },
        })
    }

    /// As it is signed: the same plugin has the same bytes.
    ///
    /// # Errors
    /// Does not happen for what [`Statement::of`] made.
    pub fn to_json(&self) -> Result<Vec<u8>, BundleError> {
        serde_json::to_vec(self)
            .map_err(|e| BundleError::BadJson { what: "the statement".to_owned(), why: e.to_string() })
    }

    /// Reads one; whether it is true, a comparison with [`Statement::of`] tells.
    ///
    /// # Errors
    /// When it is of another type, or has anything else in it.
    pub fn parse(payload: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        json::parse("the statement", payload, limits)
    }

    /// What of it is not true of that plugin, for a sentence.
    pub fn differs_from(&self, truth: &Self) -> Option<&'static str> {
        let parts = [
            (self.kind == truth.kind, "type"),
            (self.subject == truth.subject, "subjects"),
            (self.predicate_type == truth.predicate_type, "predicate type"),
            (self.predicate.name == truth.predicate.name, "name"),
            (self.predicate.version == truth.predicate.version, "version"),
            (self.predicate.kind == truth.predicate.kind, "kind"),
            (self.predicate.requests == truth.predicate.requests, "digest of requests"),
        ];
        parts.into_iter().find(|(same, _)| !same).map(|(_, part)| part)
    }
}
