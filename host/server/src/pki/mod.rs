//! Who connects: the host's authority, its TLS, and agents by their certificates.
//!
//! Where the host speaks TLS, or proxies pass certificates on, it has an authority of its own, kept below the data
//! folder ([`files`]). Every request is told apart from then on: an agent, or nobody. What cannot be told apart is
//! refused, and no header about certificates reaches a handler.

mod crl;
pub mod files;
mod issue;
mod recognise;
mod revoked;
mod tls;
mod watch;

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;

use http::HeaderMap;
use jiff::Timestamp;
use tokio::sync::watch::Receiver;
use waystation_pki::{
    Authorities, Identities, LegacyAuthority, Naming, PeerAddress, Pin, PkiError, ProxyRules, Serial,
    TrustStore, TrustedProxies,
};

use crate::config::Config;
use crate::error::StartError;
use revoked::RevokedSerials;

pub(crate) use crl::NoList;
pub(crate) use issue::{Issued, NotIssued};
pub(crate) use recognise::{Connection, agent, recognise};
pub(crate) use tls::Door;
pub(crate) use watch::watch;

/// See the module.
pub struct Pki {
    naming: Naming,
    identities: Identities,
    authorities: Option<Authorities>,
    proxies: Option<ProxyRules>,
    forwarders: TrustedProxies,
    door: Option<Door>,
    revoked: RevokedSerials,
    crl: crl::Crl,
}

impl Pki {
    /// Reads what the configuration names, and makes an authority where one is needed and there is none.
    ///
    /// # Errors
    /// When a file cannot be read or written, or what is in it cannot be used.
    pub(crate) fn open(config: &Config, now: Timestamp) -> Result<Self, StartError> {
        let setting = |path: &'static str| move |error| StartError::Pki { path: path.to_owned(), error };
        let naming = Naming {
            trust_domain: config.pki.trust_domain.as_str().parse().map_err(setting("pki.trust_domain"))?,
            organization: config.pki.organization.as_str().parse().map_err(setting("pki.organization"))?,
            crl_url: config.pki.crl_url.as_ref().map(ToString::to_string),
        };
        let (tls, proxy) = (&config.server.tls, &config.server.proxy);
        let proxies = match proxy.certificate_header {
            None => None,
            Some(header) => {
                let proxies = TrustedProxies::new(proxy.trusted.iter().map(ToString::to_string))
                    .map_err(setting("server.proxy.trusted"))?;
                if proxies.trust_this_machine() && !header.is_whole() {
                    tracing::warn!(
                        "`server.proxy.trusted` holds addresses of this machine: any process here can name any agent"
                    );
                }
                Some(ProxyRules { proxies, header: header.into() })
            }
        };
        let forwarders = match proxy.forwarded_for {
            true => TrustedProxies::new(proxy.trusted.iter().map(ToString::to_string))
                .map_err(setting("server.proxy.trusted"))?,
            false => TrustedProxies::default(),
        };
        let trust = Arc::new(TrustStore::default());
        let mut legacy = Vec::new();
        for file in &proxy.legacy_authorities {
            let bytes = std::fs::read(file).map_err(|e| unreadable(file, &e))?;
            legacy.push(LegacyAuthority::read(&bytes).map_err(|error| unusable(file, error))?);
        }
        trust.trust_legacy(legacy);
        let authorities = match tls.enabled || proxies.is_some() {
            true => Some(files::open(&config.server.data_dir, &naming.organization, now)?),
            false => None,
        };
        if let Some(authorities) = &authorities {
            trust.trust(authorities.trusted(now).cloned().collect());
        }
        let identities = Identities::new(trust, naming.trust_domain.clone());
        let door = match (&authorities, tls.enabled) {
            (Some(authorities), true) => Some(Door::open(config, authorities, &identities, now)?),
            _ => None,
        };
        let revoked = RevokedSerials::new(config.pki.revoked.clone());
        revoked.look(identities.trust())?;
        let crl = crl::Crl::default();
        Ok(Self { naming, identities, authorities, proxies, forwarders, door, revoked, crl })
    }

    /// Recognises agents.
    pub fn identities(&self) -> &Identities {
        &self.identities
    }

    /// What certificates have in common.
    pub fn naming(&self) -> &Naming {
        &self.naming
    }

    /// The host's authorities, where it needs any.
    pub fn authorities(&self) -> Option<&Authorities> {
        self.authorities.as_ref()
    }

    /// Whether the host speaks TLS.
    pub fn speaks_tls(&self) -> bool {
        self.door.is_some()
    }

    /// Revokes these, beside those of the file in `pki.revoked`, and no others: what the database says. It counts at
    /// once, also for connections that are open.
    pub fn set_revoked(&self, serials: HashSet<Serial>) {
        self.revoked.set_stored(serials, self.identities.trust());
    }

    /// Changes when somebody may have been revoked.
    pub(crate) fn revocations(&self) -> Receiver<u64> {
        self.revoked.written()
    }

    /// By what somebody who was invited knows this host, where it speaks TLS itself.
    pub(crate) fn pin(&self) -> Option<Pin> {
        self.door
            .as_ref()
            .zip(self.authorities.as_ref())
            .and_then(|(door, authorities)| door.pin(authorities))
    }

    pub(crate) fn crl(&self) -> &crl::Crl {
        &self.crl
    }

    pub(crate) fn revoked(&self) -> &RevokedSerials {
        &self.revoked
    }

    pub(crate) fn proxies(&self) -> Option<&ProxyRules> {
        self.proxies.as_ref()
    }

    /// From where a request comes: of whoever a trusted proxy says that it is from.
    pub(crate) fn client(&self, peer: PeerAddress, headers: &HeaderMap) -> PeerAddress {
        self.forwarders.client(peer, headers)
    }

    pub(crate) fn door(&self) -> Option<&Door> {
        self.door.as_ref()
    }
}

fn unusable(path: &Path, error: PkiError) -> StartError {
    StartError::Pki { path: path.display().to_string(), error }
}

fn unreadable(path: &Path, error: &std::io::Error) -> StartError {
    StartError::PkiFile { path: path.display().to_string(), message: error.to_string() }
}
