//! The host's certificate authority, and who a certificate speaks for.
//!
//! An [`Authority`] issues certificates to agents, of the key in their [`CertificateRequest`], and to the host's own
//! listener. Whoever comes with a certificate is recognised by [`Identities`]: over TLS through [`ClientVerifier`],
//! behind a reverse proxy through [`ProxyRules`]. Revocation is a set of serials in [`TrustStore`], which takes effect
//! at the next look at it, and is told to others as a list ([`RevocationList`]).
//!
//! Invariants: nothing here has a clock, a database or a socket; the time is a parameter. Who cannot be recognised is
//! nobody: there is no name that stands for more because it is missing or cannot be read. No private key prints.
#![forbid(unsafe_code)]

mod agent_key;
mod authority;
mod certificate;
mod crl;
mod der;
mod digest;
mod dn;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod identity;
mod issue;
mod key;
mod legacy;
mod naming;
mod pem;
mod pin;
mod proxy;
mod request;
mod rotation;
mod serial;
mod server;
mod tls;
mod trust;

pub use agent_key::AgentKeyPair;
pub use authority::{AUTHORITY_LIFE, Authority, AuthorityCertificate};
pub use certificate::{Certificate, MAX_CERTIFICATE, Version};
pub use crl::{CrlNumber, Reason, RevocationList, Revoked};
pub use digest::{Fingerprint, KeyHash};
pub use dn::{DistinguishedName, DnError, DnForm, MAX_DN, MAX_RDNS};
pub use error::PkiError;
pub use identity::{ClientIdentity, Identities, Peer, Presented};
pub use issue::{AGENT_LIFE, AgentSubject, BACKDATE, IssuedCertificate};
pub use legacy::LegacyAuthority;
pub use naming::{Naming, Organization, Tenant, TrustDomain};
pub use pin::{Pin, PinnedServer};
pub use proxy::{CertificateHeader, PeerAddress, ProxyRules, TrustedProxies};
pub use request::{CertificateRequest, KeyKind, MAX_REQUEST};
pub use rotation::Authorities;
pub use serial::Serial;
pub use server::{SERVER_LIFE, SERVER_RENEWAL, ServerCertificate, ServerNames};
pub use tls::{ClientVerifier, ServerKey, refusal, server_config};
pub use trust::TrustStore;
pub use waystation_core::agent::{AgentName, Label, ShortName};
