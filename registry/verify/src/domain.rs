//! Trust domains: which evidence a rule asks for, whatever a bundle brings.

use jiff::Timestamp;
use serde::Deserialize;

use crate::bundle::Version;
use crate::checkpoint::Witness;
use crate::error::{Code, Refusal};
use crate::root::TrustRoot;

/// How much has to vouch for a signature.
///
/// A domain is chosen by the rule and never by what a bundle contains: a bundle from which the log entry was
/// taken must not become one that needs none.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Domain {
    /// Proofs in the certificate that it was logged: 1, or 0 for an authority that logs none.
    pub sct: usize,
    /// Distinct transparency logs that hold the signature.
    pub tlog: usize,
    /// Distinct timestamp authorities that saw it.
    pub tsa: usize,
    /// Distinct witnesses under the checkpoint of each log entry.
    pub witness: usize,
    /// The witnesses that count.
    pub witnesses: Vec<Witness>,
    /// The versions of bundles that are admitted.
    pub bundles: Vec<Version>,
    /// Bundles of version 0.1 may go without an inclusion proof if their log signed for a time before this one.
    /// The time is in what the log signed, so that a newer bundle cannot be made into an old one.
    pub promise_until: Option<Timestamp>,
    /// Bundles of version 0.1 must be of signatures from before this time: later ones were made into old ones.
    pub old_until: Option<Timestamp>,
    /// The trusted roots that are accepted, by SHA-256 of the document in hex; any where the list is empty.
    pub root_sha256: Vec<String>,
    /// When the trusted root must have been replaced.
    pub root_expires: Option<Timestamp>,
}

impl Default for Domain {
    /// The public instance: a logged certificate and a logged signature, bundles of version 0.3.
    fn default() -> Self {
        Self {
            sct: 1,
            tlog: 1,
            tsa: 0,
            witness: 0,
            witnesses: Vec::new(),
            bundles: vec![Version::V0_3],
            promise_until: None,
            old_until: None,
            root_sha256: Vec::new(),
            root_expires: None,
        }
    }
}

impl Domain {
    /// Whether it can mean anything.
    ///
    /// # Errors
    /// `policy-no-evidence`, `policy-empty`, `policy-threshold`.
    pub fn validate(&self) -> Result<(), Refusal> {
        if self.tlog == 0 && self.tsa == 0 {
            let detail = "a domain needs a log or a timestamp authority: without one nothing proves when something was signed";
            return Err(Code::PolicyNoEvidence.because(detail));
        }
        if self.sct > 1 {
            return Err(Code::PolicyThreshold
                .because("a certificate holds one proof of being logged: `sct` is 0 or 1"));
        }
        if self.bundles.is_empty() {
            return Err(Code::PolicyEmpty.because("a domain admits no version of bundles"));
        }
        if self.witness > self.witnesses.len() || (self.witness > 0 && self.tlog == 0) {
            return Err(Code::PolicyThreshold
                .because("a domain asks for more witnesses than it names, or for witnesses without a log"));
        }
        let pin =
            |text: &String| text.len() == 64 && text.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match self.root_sha256.iter().all(pin) {
            true => Ok(()),
            false => {
                Err(Code::PolicyPattern.because("`root_sha256` holds digests of 64 lower-case hex digits"))
            }
        }
    }

    /// Whether this trusted root can serve it now.
    pub(crate) fn admits(
        &self,
        root: &TrustRoot,
        by_certificate: bool,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if !self.root_sha256.is_empty() && !self.root_sha256.contains(&root.sha256()) {
            return Err(Code::RootPin.because(format!(
                "the trusted root sha256:{} is not one that the rule pins",
                root.sha256()
            )));
        }
        if let Some(expires) = self.root_expires.filter(|expires| *expires <= now) {
            return Err(Code::RootExpired
                .because(format!("the rule accepted this trusted root until {expires}; get a current one")));
        }
        let lacks = [
            (by_certificate && root.authorities == 0, "certificate authority"),
            (by_certificate && self.sct > 0 && root.certificate_logs == 0, "log of certificates"),
            (self.tlog > 0 && root.logs.is_empty(), "transparency log"),
            (self.tsa > 0 && root.timestamp_authorities.is_empty(), "timestamp authority"),
        ];
        match lacks.iter().find(|(lacks, _)| *lacks) {
            Some((_, what)) => {
                Err(Code::RootLacks
                    .because(format!("the trusted root has no {what}, and the rule needs one")))
            }
            None => Ok(()),
        }
    }
}
