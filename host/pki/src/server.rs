//! The certificate of the host's own listener.

use std::collections::BTreeSet;
use std::fmt;
use std::net::IpAddr;

use jiff::{SignedDuration, Timestamp};
use rcgen::{DnType, ExtendedKeyUsagePurpose, SanType};
use rustls::pki_types::{CertificateDer, DnsName};
use secrecy::SecretString;

use crate::key::Key;
use crate::{Authority, Certificate, PkiError};

/// How long a server's certificate lasts.
pub const SERVER_LIFE: SignedDuration = SignedDuration::from_hours(90 * 24);

/// How long before its end it is replaced.
pub const SERVER_RENEWAL: SignedDuration = SignedDuration::from_hours(30 * 24);

/// The most names of one certificate.
const MAX_NAMES: usize = 64;

/// Under which names and addresses a host is reached: at least one, in lower case, each once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerNames {
    dns: BTreeSet<String>,
    addresses: BTreeSet<IpAddr>,
}

/// A certificate of the host's authority for its listener, and the key.
pub struct ServerCertificate {
    certificate: Certificate,
    authority: CertificateDer<'static>,
    key: Key,
}

impl fmt::Debug for ServerCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ServerCertificate")
            .field("serial", &self.certificate.serial.to_string())
            .field("not_after", &self.certificate.not_after)
            .finish_non_exhaustive()
    }
}

impl ServerNames {
    /// Names and addresses, as people write them.
    ///
    /// # Errors
    /// `server-names`.
    pub fn new<T: AsRef<str>>(names: impl IntoIterator<Item = T>) -> Result<Self, PkiError> {
        let mut all = Self { dns: BTreeSet::new(), addresses: BTreeSet::new() };
        for name in names {
            let name = name.as_ref();
            if let Ok(address) = name.parse::<IpAddr>() {
                all.addresses.insert(address);
            } else if DnsName::try_from(name).is_ok() && !name.ends_with('.') {
                all.dns.insert(name.to_ascii_lowercase());
            } else {
                return Err(PkiError::ServerNames { why: "one is neither a DNS name nor an IP address" });
            }
        }
        match all.dns.len() + all.addresses.len() {
            0 => Err(PkiError::ServerNames { why: "there is none" }),
            count if count > MAX_NAMES => Err(PkiError::ServerNames { why: "there are more than 64" }),
            _ => Ok(all),
        }
    }

    fn alternatives(&self) -> Result<Vec<SanType>, PkiError> {
        let addresses = self.addresses.iter().map(|address| Ok(SanType::IpAddress(*address)));
        let dns = self.dns.iter().map(|name| Ok(SanType::DnsName(name.as_str().try_into()?)));
        dns.chain(addresses).collect()
    }
}

impl ServerCertificate {
    /// From when on it is to be replaced: [`SERVER_RENEWAL`] before its end, or where its authority gave it a shorter
    /// life, after two thirds of it.
    #[must_use]
    pub fn renew_at(&self) -> Timestamp {
        let Certificate { not_before, not_after, .. } = &self.certificate;
        let third = not_after.duration_since(*not_before) / 3;
        not_after.checked_sub(SERVER_RENEWAL.min(third)).unwrap_or(*not_before)
    }

    /// Whether it is to be replaced.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        now >= self.renew_at()
    }

    /// What it says.
    #[must_use]
    pub const fn certificate(&self) -> &Certificate {
        &self.certificate
    }

    /// What the listener sends. The authority is in it for those who know but the hash of its key: see [`crate::Pin`].
    #[must_use]
    pub fn chain(&self) -> Vec<CertificateDer<'static>> {
        vec![self.certificate.der.clone(), self.authority.clone()]
    }

    /// The key in PEM (PKCS#8).
    #[must_use]
    pub fn key_pem(&self) -> SecretString {
        self.key.to_pem()
    }

    pub(crate) const fn key(&self) -> &Key {
        &self.key
    }
}

impl Authority {
    /// Issues a certificate for a listener, with a new key (P-256): valid for [`SERVER_LIFE`] but not longer than the
    /// authority, for TLS servers only.
    ///
    /// # Errors
    /// `authority-expired`, `authority-not-yet-valid`, `authority-unusable`, `pki-crypto`.
    pub fn issue_server(&self, names: &ServerNames, now: Timestamp) -> Result<ServerCertificate, PkiError> {
        let (mut params, _) = self.within(now, SERVER_LIFE)?;
        params.distinguished_name.push(DnType::CommonName, "Waystation");
        params.subject_alt_names = names.alternatives()?;
        params.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
        let key = Key::generate()?;
        let issued = params.signed_by(&key.pair, self.issuer())?;
        let authority = self.certificate().certificate.der.clone();
        Ok(ServerCertificate { certificate: self.checked(issued.der(), &key.public())?, authority, key })
    }
}
