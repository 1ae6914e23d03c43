//! How a machine knows that it speaks with its host. There is no way not to know.

use std::path::PathBuf;
use std::sync::Arc;

use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::{CertifiedKey, SingleCertAndKey};
use waystation_egress::Roots;
use waystation_pki::{Certificate, Pin, PinnedServer};

use crate::args::Known;
use crate::exit::{Exit, Failure};

/// By what a host is known.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Trust {
    /// A certificate that this system trusts.
    System,
    /// One of these authorities.
    Authorities(PathBuf),
    /// The key of the server, or of its authority.
    Pin(Pin),
}

/// A certificate to show, and its key, in PEM.
pub(super) struct Own<'a> {
    pub(super) certificate: &'a str,
    pub(super) key: &'a str,
}

/// How the file of an agent says that it trusts the authorities beside it.
const BESIDE: &str = "ca.pem";

const SYSTEM: &str = "system";

fn tls(e: impl std::fmt::Display, code: &str) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(code)
}

impl Trust {
    /// As the arguments say.
    pub(super) fn of(known: &Known) -> Result<Self, Failure> {
        match (&known.pin, &known.ca) {
            (Some(pin), _) => {
                let pin = pin.parse();
                pin.map(Self::Pin).map_err(|e: waystation_pki::PkiError| {
                    Failure::new(Exit::Usage, e.to_string()).code(e.code())
                })
            }
            (None, Some(file)) => Ok(Self::Authorities(file.clone())),
            (None, None) => Ok(Self::System),
        }
    }

    /// What an agent keeps of it: once it has the authority of the pin, that.
    pub(super) fn kept(&self, authorities: Option<&str>) -> String {
        match self {
            Self::System => SYSTEM.to_owned(),
            Self::Authorities(file) => {
                std::path::absolute(file).unwrap_or_else(|_| file.clone()).display().to_string()
            }
            Self::Pin(pin) => {
                let given = CertificateDer::pem_slice_iter(authorities.unwrap_or_default().as_bytes());
                let mut keys = given.flatten().filter_map(|der| Certificate::from_der(&der).ok());
                match keys.any(|certificate| certificate.key_hash() == pin.0) {
                    true => BESIDE.to_owned(),
                    false => pin.to_string(),
                }
            }
        }
    }

    /// Reads what was kept, in the folder of an agent.
    pub(super) fn read(kept: &str, folder: &std::path::Path) -> Self {
        match (kept, kept.parse()) {
            (_, Ok(pin)) => Self::Pin(pin),
            (SYSTEM, _) => Self::System,
            (file, _) => Self::Authorities(folder.join(file)),
        }
    }

    /// For connections, with a certificate to show or without.
    pub(super) fn config(&self, own: Option<Own<'_>>) -> Result<ClientConfig, Failure> {
        let egress = |e: waystation_egress::EgressError| tls(&e, e.code());
        let mut config = match self {
            Self::System => Roots::load(None).and_then(|roots| roots.client_config()).map_err(egress)?,
            Self::Authorities(file) => {
                Roots::only(file).and_then(|roots| roots.client_config()).map_err(egress)?
            }
            Self::Pin(pin) => ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
                .with_safe_default_protocol_versions()?
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(PinnedServer::new(*pin)))
                .with_no_client_auth(),
        };
        if let Some(own) = own {
            let unusable =
                |_| tls("the agent's certificate or key cannot be read; enrol it again", "agent-key");
            let chain: Result<Vec<_>, _> =
                CertificateDer::pem_slice_iter(own.certificate.as_bytes()).collect();
            let key = PrivateKeyDer::from_pem_slice(own.key.as_bytes()).map_err(unusable)?;
            let certified = CertifiedKey::from_der(chain.map_err(unusable)?, key, &ring::default_provider())?;
            config.client_auth_cert_resolver = Arc::new(SingleCertAndKey::from(certified));
        }
        Ok(config)
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use waystation_pki::{Authority, Organization};

    use super::*;

    #[test]
    fn what_is_kept_is_read_back_and_a_pin_becomes_its_authority() {
        let authority = Authority::create(&Organization::default(), Timestamp::now()).unwrap();
        let (pem, folder) = (authority.certificate().to_pem(), std::path::Path::new("/agent"));
        let of_authority = Trust::Pin(Pin(authority.certificate().id()));
        assert_eq!(of_authority.kept(Some(&pem)), BESIDE);
        assert_eq!(Trust::read(BESIDE, folder), Trust::Authorities("/agent/ca.pem".into()));
        for stays in [Trust::Pin(Pin("0f".repeat(32).parse().unwrap())), Trust::System] {
            assert_eq!(Trust::read(&stays.kept(Some(&pem)), folder), stays);
        }
        let named = Trust::Authorities("/etc/ca.pem".into());
        assert_eq!(Trust::read(&named.kept(None), folder), named);
    }

    #[test]
    fn a_pin_that_is_none_is_told() {
        let known = Known { pin: Some("sha256:0f".into()), ca: None };
        assert_eq!(Trust::of(&known).unwrap_err().code, "pin-form");
    }
}
