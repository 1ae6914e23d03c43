//! What a verification found: the facts of a signature that holds, and each step on the way.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;

use crate::bundle::Version;
use crate::certificate::Identity;
use crate::error::Refusal;

/// Everything that is established about one signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Facts {
    /// The digest of the subject, as we computed it.
    pub subject: String,
    /// The names of the rule's signers that this is.
    pub matched: Vec<String>,
    /// The certificate's identity, where there is a certificate.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identity: Option<Identity>,
    /// The certificate's issuer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub issuer: Option<String>,
    /// The certificate's claims about the build.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub claims: BTreeMap<&'static str, String>,
    /// SHA-256 of the key (SubjectPublicKeyInfo), `sha256:` and hex. That of a certificate lives for minutes.
    pub key: String,
    /// When it was signed, by all who say so.
    pub times: Vec<Time>,
    /// Where it is logged.
    pub logs: Vec<LogEntry>,
    /// The predicate type, where it is an attestation.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub predicate_type: Option<String>,
    /// The bundle's version.
    pub bundle_version: Version,
    /// SHA-256 of the bundle, in hex.
    pub bundle_sha256: String,
    /// SHA-256 of the trusted root, in hex.
    pub root_sha256: String,
}

impl Facts {
    /// Who signed, whatever they are called: the key, or identity and issuer.
    #[must_use]
    pub fn principal(&self) -> String {
        match &self.identity {
            Some(identity) => {
                format!("{} {} {}", identity.kind, identity.value, self.issuer.as_deref().unwrap_or_default())
            }
            None => self.key.clone(),
        }
    }

    /// The earliest verified time.
    #[must_use]
    pub fn signed_at(&self) -> Option<Timestamp> {
        self.times.iter().map(|time| time.at).min()
    }
}

/// A verified time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Time {
    /// Who says so.
    pub source: Source,
    /// The time.
    pub at: Timestamp,
}

/// Who vouches for a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// A timestamp authority (RFC 3161).
    TimestampAuthority,
    /// A transparency log, in its promise.
    Log,
}

/// An entry of a transparency log that holds the signature.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct LogEntry {
    /// The log's name.
    pub log: String,
    /// The log's id, in hex.
    pub id: String,
    /// The entry's index.
    pub index: u64,
    /// The entry's kind and version.
    pub kind: String,
    /// Whether it is proven to be in the log; otherwise the log promised so.
    pub proven: bool,
    /// How many of the rule's witnesses saw the log's state.
    pub witnesses: usize,
}

/// One step of a verification.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Step {
    /// The step.
    pub step: &'static str,
    /// How it went.
    pub outcome: Outcome,
    /// What was found, or why not.
    pub detail: String,
}

/// How a step went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It holds.
    Passed,
    /// It does not hold.
    Failed,
    /// It was not asked for, or an earlier step failed.
    Skipped,
}

/// The steps in their order.
pub(crate) const STEPS: [&str; 12] = [
    "bundle",
    "version",
    "root",
    "signer",
    "log-entries",
    "times",
    "certificate",
    "sct",
    "inclusion",
    "signature",
    "identity",
    "statement",
];

/// Notes steps as they are taken; whatever is not noted was not reached.
#[derive(Debug, Clone, Default)]
pub(crate) struct Steps(Vec<Step>);

impl Steps {
    pub(crate) fn note(&mut self, step: &'static str, outcome: Outcome, detail: impl Into<String>) {
        self.0.push(Step { step, outcome, detail: detail.into() });
    }

    pub(crate) fn passed(&mut self, step: &'static str, detail: impl Into<String>) {
        self.note(step, Outcome::Passed, detail);
    }

    /// All steps, in order, with what failed.
    pub(crate) fn finish(mut self, refusal: Option<(&'static str, &Refusal)>) -> Vec<Step> {
        if let Some((step, refusal)) = refusal {
            self.0.retain(|noted| noted.step != step);
            self.note(step, Outcome::Failed, format!("{}: {}", refusal.code(), refusal.detail()));
        }
        STEPS
            .iter()
            .map(|name| {
                let noted = self.0.iter().find(|noted| noted.step == *name).cloned();
                let not_reached =
                    || Step { step: name, outcome: Outcome::Skipped, detail: "not reached".to_owned() };
                noted.unwrap_or_else(not_reached)
            })
            .collect()
    }
}
