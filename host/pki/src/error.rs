//! What can be wrong with a certificate, a request, a list, an authority or what a proxy says.

use jiff::Timestamp;

use crate::dn::DnError;

/// A failure, with a stable code. Whoever meets one lets nobody in.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PkiError {
    /// The name of an agent is none.
    #[error(
        "this is not the name of an agent: {why}; names are `agent:LABEL` and `plugin-agent:DELEGATOR:NAME`, of 1 to 50 \
         characters a-z, 0-9 and - each"
    )]
    Name {
        /// What is wrong.
        why: &'static str,
    },
    /// A trust domain, tenant or organisation cannot be put into certificates.
    #[error("{what} {rule}")]
    Naming {
        /// Which of them.
        what: &'static str,
        /// What it has to be.
        rule: &'static str,
    },
    /// A serial number is none.
    #[error("a serial number is 1 to 20 bytes in hex, and positive; {why}")]
    Serial {
        /// What is wrong.
        why: &'static str,
    },
    /// A certificate cannot be read.
    #[error("the certificate cannot be read: {why}")]
    Malformed {
        /// What is wrong.
        why: &'static str,
    },
    /// A certificate of X.509 version 1, which says nothing about what it is for.
    #[error(
        "the certificate is of X.509 version 1, which is accepted behind a trusted proxy only; enrol the agent again, or \
         see the page on certificates"
    )]
    Version1,
    /// It is not valid yet.
    #[error("the certificate is valid from {from} on; check the clocks")]
    NotYetValid {
        /// From when on.
        from: Timestamp,
    },
    /// It is not valid any more.
    #[error("the certificate ended at {end}; enrol the agent again")]
    Expired {
        /// When.
        end: Timestamp,
    },
    /// It was revoked.
    #[error("the certificate was revoked; enrol the agent again with a new token")]
    Revoked,
    /// No authority of this host issued it.
    #[error("no authority that this host trusts issued the certificate")]
    UnknownIssuer,
    /// It is for something else than an agent.
    #[error("the certificate is not one of an agent: {why}")]
    Purpose {
        /// Why not.
        why: &'static str,
    },
    /// It names nobody, or several.
    #[error("the certificate names no agent of this host: {why}")]
    Identity {
        /// Why not.
        why: &'static str,
    },
    /// A request is too large.
    #[error("the certificate request has {size} bytes; it may have {limit}")]
    RequestTooLarge {
        /// Its size.
        size: usize,
        /// How much it may be.
        limit: usize,
    },
    /// A request cannot be read.
    #[error("the certificate request cannot be read: {why}; send PKCS#10, in PEM or DER")]
    RequestMalformed {
        /// What is wrong.
        why: &'static str,
    },
    /// A request asks for a key that is not accepted.
    #[error(
        "the key of the certificate request is not accepted: {why}; use P-256, P-384, Ed25519 or RSA of 2048 to 8192 bits"
    )]
    RequestKey {
        /// Why not.
        why: &'static str,
    },
    /// A request is not signed by the key that is in it.
    #[error("the certificate request is not signed by its own key")]
    RequestSignature,
    /// An authority's certificate or key cannot be used.
    #[error("the authority cannot be used: {why}")]
    Authority {
        /// Why not.
        why: &'static str,
    },
    /// What should be an authority is none.
    #[error("the certificate is not one of an authority: {why}")]
    NotAnAuthority {
        /// Why not.
        why: &'static str,
    },
    /// Key and certificate of an authority do not belong together.
    #[error("the key is not that of the authority's certificate; put the two that belong together")]
    AuthorityKey,
    /// An authority is not valid any more.
    #[error("the authority ended at {end}; make the next one")]
    AuthorityExpired {
        /// When.
        end: Timestamp,
    },
    /// An authority is not valid yet.
    #[error("the authority is valid from {from} on; check the clock of this machine")]
    AuthorityNotYet {
        /// From when on.
        from: Timestamp,
    },
    /// A listener's certificate has no name, too many, or one that is none.
    #[error("these are not names for a server's certificate: {why}")]
    ServerNames {
        /// What is wrong.
        why: &'static str,
    },
    /// A server's certificate or key cannot be used.
    #[error("the certificate and key of the server cannot be used: {why}")]
    ServerKey {
        /// Why not.
        why: String,
    },
    /// A revocation list cannot be read.
    #[error("the revocation list cannot be read: {why}")]
    CrlMalformed {
        /// What is wrong.
        why: &'static str,
    },
    /// A revocation list is not signed by the authority.
    #[error("the revocation list is not signed by this authority")]
    CrlUntrusted,
    /// A revocation list is older than one that was seen.
    #[error("the revocation list has number {found}, and number {seen} was seen before; get the current one")]
    CrlRolledBack {
        /// Its number.
        found: u64,
        /// The highest one seen.
        seen: u64,
    },
    /// A revocation list should have been replaced.
    #[error("a newer revocation list was due at {due}; get the current one")]
    CrlExpired {
        /// When.
        due: Timestamp,
    },
    /// A list of trusted proxies is wrong.
    #[error("`{entry}` does not say which proxies to trust: {why}")]
    Proxies {
        /// The entry.
        entry: String,
        /// What is wrong.
        why: &'static str,
    },
    /// A form of headers is not known.
    #[error(
        "`{name}` is not a form in which certificates come; there are `x-ssl-client`, `x-ssl-client-cert`, `client-cert` \
         and `x-forwarded-client-cert`"
    )]
    HeaderForm {
        /// What was given.
        name: String,
    },
    /// What a trusted proxy sent about the client's certificate cannot be used.
    #[error("the header `{header}` of the proxy cannot be used: {why}")]
    Header {
        /// Which one.
        header: &'static str,
        /// What is wrong.
        why: &'static str,
    },
    /// The proxy did not verify the client's certificate.
    #[error("the proxy did not verify the client's certificate")]
    NotVerified,
    /// The subject that a proxy sent cannot be read.
    #[error("the subject that the proxy sent cannot be used: {0}")]
    Subject(#[from] DnError),
    /// A private key of an agent cannot be read.
    #[error("the agent's key is no P-256 key in PEM (PKCS#8); enrol the agent again in another folder")]
    AgentKey,
    /// A pin is none.
    #[error("a pin is `sha256:` and 64 hex digits; copy it from the invitation")]
    PinForm,
    /// The server is not the one of the pin.
    #[error(
        "the server shows no certificate with the pinned key: it is another server, or its key changed; ask whoever sent \
         the invitation"
    )]
    Pin,
    /// The cryptography refused.
    #[error("a certificate could not be made: {why}")]
    Crypto {
        /// What it said.
        why: String,
    },
}

impl From<waystation_core::agent::InvalidAgentName> for PkiError {
    fn from(e: waystation_core::agent::InvalidAgentName) -> Self {
        Self::Name { why: e.why }
    }
}

impl PkiError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Name { .. } => "agent-name",
            Self::Naming { .. } => "pki-naming",
            Self::Serial { .. } => "certificate-serial",
            Self::Malformed { .. } => "certificate-malformed",
            Self::Version1 => "certificate-version-1",
            Self::NotYetValid { .. } => "certificate-not-yet-valid",
            Self::Expired { .. } => "certificate-expired",
            Self::Revoked => "certificate-revoked",
            Self::UnknownIssuer => "certificate-unknown-issuer",
            Self::Purpose { .. } => "certificate-purpose",
            Self::Identity { .. } => "certificate-identity",
            Self::RequestTooLarge { .. } => "csr-too-large",
            Self::RequestMalformed { .. } => "csr-malformed",
            Self::RequestKey { .. } => "csr-key",
            Self::RequestSignature => "csr-signature",
            Self::Authority { .. } => "authority-unusable",
            Self::NotAnAuthority { .. } => "authority-not-ca",
            Self::AuthorityKey => "authority-key-mismatch",
            Self::AuthorityExpired { .. } => "authority-expired",
            Self::AuthorityNotYet { .. } => "authority-not-yet-valid",
            Self::ServerNames { .. } => "server-names",
            Self::ServerKey { .. } => "server-certificate",
            Self::CrlMalformed { .. } => "crl-malformed",
            Self::CrlUntrusted => "crl-untrusted",
            Self::CrlRolledBack { .. } => "crl-rolled-back",
            Self::CrlExpired { .. } => "crl-expired",
            Self::Proxies { .. } => "proxy-list",
            Self::HeaderForm { .. } => "proxy-header-form",
            Self::Header { .. } => "proxy-header",
            Self::NotVerified => "proxy-not-verified",
            Self::Subject(error) => error.code(),
            Self::AgentKey => "agent-key",
            Self::PinForm => "pin-form",
            Self::Pin => "pin-mismatch",
            Self::Crypto { .. } => "pki-crypto",
        }
    }
}

impl From<rcgen::Error> for PkiError {
    fn from(error: rcgen::Error) -> Self {
        Self::Crypto { why: error.to_string() }
    }
}
