//! Why something is refused: one stable code for each reason, and a sentence for this case.

use std::fmt;

macro_rules! codes {
    ($($name:ident = $word:literal, $text:literal;)*) => {
        /// The reason of a refusal. A code never changes its meaning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Code {
            $(#[doc = $text] $name,)*
        }

        impl Code {
            /// Every code there is.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The stable word for programs.
            #[must_use]
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// What it means, in a sentence.
            #[must_use]
            pub const fn meaning(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

codes! {
    BundleTooLarge = "bundle-too-large", "The bundle is longer than 4 MiB.";
    BundleMalformed = "bundle-malformed", "The bundle is not a JSON document of the expected shape.";
    BundleDuplicateKey = "bundle-duplicate-key", "A JSON key of the bundle occurs twice.";
    BundleUnknownField = "bundle-unknown-field", "The bundle has a field that its format does not define.";
    BundleTooDeep = "bundle-too-deep", "The bundle is nested deeper than 16 levels.";
    BundleAmbiguous = "bundle-ambiguous", "The bundle has more than one of what there must be one of: key or certificate, message or attestation.";
    BundleVersion = "bundle-version", "The bundle's version is unknown, not admitted by the rule, or does not fit its shape.";
    NoBundle = "no-bundle", "No bundle was given, or more than 16.";
    NoSignature = "no-signature", "The bundle has no signature.";
    SeveralSignatures = "several-signatures", "The envelope has more than one signature.";
    NoCertificate = "no-certificate", "The certificate chain is empty.";
    DuplicateEntry = "duplicate-entry", "One log entry is there twice.";
    DuplicateTimestamp = "duplicate-timestamp", "One timestamp is there twice.";
    RootMissing = "root-missing", "The rule needs trusted roots and none were given.";
    RootTooLarge = "root-too-large", "The trusted root is longer than 4 MiB.";
    RootMalformed = "root-malformed", "The trusted root is empty, truncated, or not of the expected shape.";
    RootDuplicateKey = "root-duplicate-key", "A JSON key of the trusted root occurs twice.";
    RootUnknownField = "root-unknown-field", "The trusted root has a field that its format does not define.";
    RootTooDeep = "root-too-deep", "The trusted root is nested deeper than 16 levels.";
    RootVersion = "root-version", "The trusted root is of an unknown version.";
    RootDuplicateId = "root-duplicate-id", "Two entries of the trusted root have the same id, key or chain.";
    RootKey = "root-key", "A key of the trusted root does not parse, or is not what its entry says.";
    RootLogId = "root-log-id", "The id of a log in the trusted root is not that of its key.";
    RootCertificate = "root-certificate", "A certificate of the trusted root does not parse, or its chain does not hold together.";
    RootWindow = "root-window", "An entry of the trusted root has no time window, or one that ends before it starts.";
    RootPin = "root-pin", "The trusted root is not the one that the rule pins.";
    RootExpired = "root-expired", "The rule no longer accepts this trusted root.";
    RootLacks = "root-lacks", "The trusted root has no authority of a kind that the rule needs.";
    TimestampInvalid = "timestamp-invalid", "A timestamp is not of a trusted authority, or not over this signature.";
    TimestampWindow = "timestamp-window", "A timestamp lies outside the time window of the authority that made it.";
    TimestampMissing = "timestamp-missing", "Fewer timestamp authorities vouch than the rule needs.";
    NoVerifiedTime = "no-verified-time", "Nothing proves when the signature was made.";
    TimeInFuture = "time-in-future", "A verified time lies in the future of the host's clock.";
    IntegratedTimeUnsigned = "integrated-time-unsigned", "A log entry gives a time that no log signed.";
    CertificateMalformed = "certificate-malformed", "The signing certificate does not parse, or says something twice.";
    CertificateUntrusted = "certificate-untrusted", "The signing certificate does not lead to a trusted authority, or is not for signing code.";
    CertificateExpired = "certificate-expired", "The signing certificate was not valid at a verified time.";
    CertificateAuthorityWindow = "certificate-authority-window", "No trusted authority was valid at a verified time.";
    SctInvalid = "sct-invalid", "The certificate's proof of being logged is missing, not of a trusted log, or does not verify.";
    LogUnknown = "log-unknown", "A log entry names a log that is not trusted.";
    LogWindow = "log-window", "A verified time lies outside the time window of the log's key.";
    LogMissing = "log-missing", "Fewer logs vouch for the signature than the rule needs.";
    PromiseInvalid = "promise-invalid", "The log's signature over an entry and its time does not verify.";
    ProofMissing = "proof-missing", "A log entry has no inclusion proof.";
    ProofInvalid = "proof-invalid", "An inclusion proof does not lead from the entry to the tree's root.";
    CheckpointInvalid = "checkpoint-invalid", "A checkpoint is missing, malformed, or not signed by the entry's log.";
    WitnessMissing = "witness-missing", "Fewer witnesses signed the checkpoint than the rule needs.";
    EntryMalformed = "entry-malformed", "A log entry does not parse, or is of a kind that is not known.";
    EntryMismatch = "entry-mismatch", "A log entry is about another signature, key, payload or artifact.";
    SignatureInvalid = "signature-invalid", "The signature does not verify.";
    AlgorithmMismatch = "algorithm-mismatch", "The bundle names an algorithm that is not that of the key.";
    DigestMismatch = "digest-mismatch", "The bundle is about other bytes.";
    SubjectUnsupported = "subject-unsupported", "The signature can only be checked with the whole file, or with another digest.";
    KeyRequired = "key-required", "The bundle is signed with a key and the rule names none that fits.";
    CertificateRequired = "certificate-required", "The bundle is signed with a certificate and the rule names only keys.";
    KeyUnusable = "key-unusable", "A public key does not parse, or is of an unknown kind.";
    KeyOutsideValidity = "key-outside-validity", "The signature was made before or after the time in which the rule believes the key.";
    KeyRevoked = "key-revoked", "The rule says that the signer is revoked.";
    IdentityMismatch = "identity-mismatch", "The certificate's identity is not that of the rule.";
    IssuerMismatch = "issuer-mismatch", "The certificate's issuer is not that of the rule.";
    ClaimMismatch = "claim-mismatch", "A claim of the certificate is missing, or is not that of the rule.";
    SelfHostedRunner = "self-hosted-runner", "The signature was made on a self-hosted runner, which the rule does not admit.";
    ForkTrigger = "fork-trigger", "The build was triggered by a pull request, which the rule does not admit.";
    PayloadType = "payload-type", "The envelope's payload type is not that of an in-toto statement.";
    StatementMalformed = "statement-malformed", "The signed payload is not an in-toto statement.";
    StatementType = "statement-type", "The statement's `_type` is not known.";
    StatementSubjects = "statement-subjects", "The statement has no subject, or more than 1,024.";
    StatementNotAdmitted = "statement-not-admitted", "The bundle is an attestation, and the rule names no predicate types.";
    StatementRequired = "statement-required", "The bundle is a plain signature, and the rule asks for an attestation.";
    PredicateType = "predicate-type", "The statement's predicate type is not one that the rule admits.";
    ProvenanceMismatch = "provenance-mismatch", "The provenance contradicts the certificate, or the rule.";
    SignatureTooOld = "signature-too-old", "The signature is older than the rule admits.";
    PolicyMalformed = "policy-malformed", "The policy does not parse.";
    PolicyVersion = "policy-version", "The policy is of an unknown version.";
    PolicyUnknownField = "policy-unknown-field", "The policy has a field that is not known.";
    PolicyEmpty = "policy-empty", "The policy, or one of its lists, is empty.";
    PolicyUnknownName = "policy-unknown-name", "The policy uses a signer or a domain that it does not define.";
    PolicyPattern = "policy-pattern", "A pattern of the policy cannot be used.";
    PolicyThreshold = "policy-threshold", "The policy asks for more signers than it names, or for none.";
    PolicyDuplicateSigner = "policy-duplicate-signer", "Two signers of the policy are one.";
    PolicyNoEvidence = "policy-no-evidence", "A domain of the policy asks for no evidence at all.";
    ThresholdNotMet = "threshold-not-met", "Fewer distinct signers vouch than the rule needs.";
}

impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl serde::Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// A refusal: the code, and what about this input.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail}")]
pub struct Refusal {
    code: Code,
    detail: String,
}

impl Refusal {
    pub(crate) fn new(code: Code, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into() }
    }

    /// The stable reason.
    #[must_use]
    pub const fn code(&self) -> Code {
        self.code
    }

    /// What about this input, in a sentence.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl Code {
    /// A refusal for this reason.
    pub(crate) fn because(self, detail: impl Into<String>) -> Refusal {
        Refusal::new(self, detail)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_distinct_and_kebab_case() {
        let mut words: Vec<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        for word in &words {
            assert!(word.chars().all(|c| c.is_ascii_lowercase() || c == '-'), "{word}");
        }
        words.sort_unstable();
        words.dedup();
        assert_eq!(words.len(), Code::ALL.len());
    }

    #[test]
    fn every_code_is_documented() {
        let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/verify/blob.md");
        let page = std::fs::read_to_string(page).unwrap();
        for code in Code::ALL {
            let row = format!("| `{}` | {} |", code.as_str(), code.meaning());
            assert!(page.contains(&row), "docs/src/verify/blob.md lacks\n{row}");
        }
    }
}
