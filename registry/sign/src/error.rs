//! Why nothing was signed.

/// A failure, with a stable code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SignError {
    /// A private key does not parse.
    #[error(
        "the private key does not parse: {why}; give one PRIVATE KEY or ENCRYPTED PRIVATE KEY in PEM (PKCS#8)"
    )]
    KeyMalformed {
        /// What is wrong, without anything of the key.
        why: String,
    },
    /// The key is encrypted and there is no passphrase.
    #[error("the private key is encrypted; give its passphrase")]
    PassphraseNeeded,
    /// The passphrase does not open the key.
    #[error("the passphrase does not open this private key")]
    PassphraseWrong,
    /// The key cannot be written.
    #[error("the private key cannot be written: {why}")]
    KeyUnwritable {
        /// Why not.
        why: String,
    },
    /// A public key does not parse.
    #[error("the public key does not parse; give one PUBLIC KEY in PEM, ECDSA on P-256 or Ed25519")]
    PublicKeyMalformed,
    /// The command that signs did not start, or failed.
    #[error("the signing command `{program}` {why}")]
    CommandFailed {
        /// The program.
        program: String,
        /// What happened.
        why: String,
    },
    /// What came out is no signature by that key.
    #[error(
        "what `{program}` gave is no signature by the public key that goes with it; is it the right key?"
    )]
    SignatureMismatch {
        /// The program.
        program: String,
    },
    /// A timestamp authority of this machine cannot be used.
    #[error(
        "the timestamp authority cannot be used: {why}; give the file that holds its key and certificates, in PEM"
    )]
    AuthorityMalformed {
        /// What is wrong.
        why: &'static str,
    },
    /// What came from a timestamp authority is none of its answers.
    #[error("what the timestamp authority answered is no answer to a query (RFC 3161); is it one at all?")]
    TimestampMalformed,
    /// A timestamp authority refuses.
    #[error("the timestamp authority refuses, with status {status} (RFC 3161, 2.4.2)")]
    TimestampRefused {
        /// As it says.
        status: u8,
    },
    /// The answer of a timestamp authority is one to something else.
    #[error("the timestamp authority answered for {what}; nothing is made of it")]
    TimestampMismatch {
        /// For what.
        what: &'static str,
    },
    /// Something cannot be written in the form that it has to have.
    #[error("what was signed cannot be written: {why}")]
    Unencodable {
        /// Why not.
        why: String,
    },
    /// The key refused to sign.
    #[error("the key does not sign: {why}")]
    Refused {
        /// Why not.
        why: String,
    },
}

impl SignError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::KeyMalformed { .. } => "key-malformed",
            Self::PassphraseNeeded => "passphrase-needed",
            Self::PassphraseWrong => "passphrase-wrong",
            Self::KeyUnwritable { .. } => "key-unwritable",
            Self::PublicKeyMalformed => "public-key-malformed",
            Self::CommandFailed { .. } => "command-failed",
            Self::SignatureMismatch { .. } => "signature-mismatch",
            Self::AuthorityMalformed { .. } => "authority-malformed",
            Self::TimestampMalformed => "timestamp-malformed",
            Self::TimestampRefused { .. } => "timestamp-refused",
            Self::TimestampMismatch { .. } => "timestamp-mismatch",
            Self::Unencodable { .. } => "not-encodable",
            Self::Refused { .. } => "key-refused",
        }
    }
}
