//! TLS of the listener: its certificate, and how that is replaced while the host runs.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::Timestamp;
use parking_lot::Mutex;
use rustls::time_provider::DefaultTimeProvider;
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use tokio_rustls::TlsAcceptor;
use waystation_pki::{
    Authorities, ClientVerifier, Identities, Pin, PkiError, ServerKey, ServerNames, server_config,
};

use super::files::text;
use super::unusable;
use crate::config::Config;
use crate::error::StartError;
use crate::key_file::warn_if_open;

/// What a TLS listener needs.
pub(crate) struct Door {
    acceptor: TlsAcceptor,
    key: Arc<ServerKey>,
    source: Source,
}

/// Where the certificate comes from.
enum Source {
    /// Two files, and what they held last.
    Files { certificate: PathBuf, key: PathBuf, held: Mutex<[u8; 32]> },
    /// The host's own authority.
    Issued { names: ServerNames, renew_at: Mutex<Timestamp> },
}

impl Door {
    pub(super) fn open(
        config: &Config,
        authorities: &Authorities,
        identities: &Identities,
        now: Timestamp,
    ) -> Result<Self, StartError> {
        let tls = &config.server.tls;
        let (key, source) = match (&tls.certificate, &tls.key) {
            (Some(certificate), Some(key)) => {
                warn_if_open(key);
                let (chain, secret, held) = read(certificate, key)?;
                let loaded = ServerKey::of_files(chain.as_bytes(), &secret);
                let loaded = loaded.map_err(|error| unusable(certificate, error))?;
                let held = Mutex::new(held);
                (loaded, Source::Files { certificate: certificate.clone(), key: key.clone(), held })
            }
            _ => {
                let setting = |error| StartError::Pki { path: "server.tls.names".to_owned(), error };
                let names = names(config).map_err(setting)?;
                let issued = authorities.issuing().issue_server(&names, now).map_err(setting)?;
                (
                    ServerKey::issued(&issued).map_err(setting)?,
                    Source::Issued { names, renew_at: issued.renew_at().into() },
                )
            }
        };
        let key = Arc::new(key);
        let verifier = Arc::new(ClientVerifier::new(identities.clone(), now));
        let config = server_config(Arc::clone(&key), verifier, Arc::new(DefaultTimeProvider))
            .map_err(|error| StartError::Pki { path: "server.tls".to_owned(), error })?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), key, source })
    }

    pub(crate) const fn acceptor(&self) -> &TlsAcceptor {
        &self.acceptor
    }

    /// The key by which it is known: that of the authority, or its own where nobody here vouches for it.
    pub(super) fn pin(&self, authorities: &Authorities) -> Option<Pin> {
        match &self.source {
            Source::Files { .. } => self.key.key_hash().map(Pin),
            Source::Issued { .. } => Some(Pin(authorities.issuing().certificate().id())),
        }
    }

    /// Replaces the certificate where files changed or its end comes near. Where that fails the present one stays.
    pub(super) fn look(&self, authorities: &Authorities, now: Timestamp) -> Result<bool, StartError> {
        match &self.source {
            Source::Files { certificate, key, held } => {
                let (chain, secret, found) = read(certificate, key)?;
                if *held.lock() == found {
                    return Ok(false);
                }
                let replaced = self.key.replace_files(chain.as_bytes(), &secret);
                replaced.map_err(|error| unusable(certificate, error))?;
                *held.lock() = found;
            }
            Source::Issued { names, renew_at } => {
                if now < *renew_at.lock() {
                    return Ok(false);
                }
                let failed = |error| StartError::Pki { path: "server.tls".to_owned(), error };
                let issued = authorities.issuing().issue_server(names, now).map_err(failed)?;
                self.key.replace_issued(&issued).map_err(failed)?;
                *renew_at.lock() = issued.renew_at();
            }
        }
        Ok(true)
    }
}

/// Under what the host is reached, as far as the configuration tells.
fn names(config: &Config) -> Result<ServerNames, PkiError> {
    let server = &config.server;
    let mut names: Vec<String> = server.tls.names.iter().map(ToString::to_string).collect();
    names.extend(["localhost", "127.0.0.1", "::1"].map(str::to_owned));
    if !server.listen.ip().is_unspecified() {
        names.push(server.listen.ip().to_string());
    }
    if let Some(host) = server.public_url.as_ref().and_then(|url| url.as_url().host_str()) {
        names.push(host.trim_matches(['[', ']']).to_owned());
    }
    ServerNames::new(names)
}

/// Both files, and a digest by which a change is noticed.
fn read(certificate: &Path, key: &Path) -> Result<(String, SecretString, [u8; 32]), StartError> {
    let (chain, key) = (text(certificate)?, SecretString::from(text(key)?));
    let mut held = Sha256::new();
    for part in [&chain, key.expose_secret()] {
        held.update(part.len().to_be_bytes());
        held.update(part);
    }
    Ok((chain, key, held.finalize().into()))
}
