//! Certificates that a reverse proxy took in, and passes on in a header of the request.
//!
//! A header is as good as who may send it. So it counts from addresses that the operator listed and from nobody else,
//! in the one form that the operator chose: what comes in another form, or from another address, is not looked at.
//! [`ProxyRules::strip`] takes all forms out of a request, so that nobody behind sees any.

mod addresses;
mod escaped;
mod forwarded;
mod structured;
mod subject;

use std::str::FromStr;
use std::sync::Arc;

use http::{HeaderMap, HeaderName};
use jiff::Timestamp;

pub use addresses::{PeerAddress, TrustedProxies};

use crate::{DnForm, Identities, Peer, PkiError};

/// The most bytes of a header with a certificate.
const MAX_HEADER: usize = 64 << 10;

/// In which form a proxy sends the certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateHeader {
    /// `X-SSL-Client-Verify`, `X-SSL-Client-DN` and `X-SSL-Client-Serial`: that the proxy verified it, its subject and
    /// its number. The proxy alone judges the certificate.
    Subject(DnForm),
    /// `X-SSL-Client-Cert`: the PEM, percent-encoded, as nginx has it in `$ssl_client_escaped_cert`.
    EscapedPem,
    /// `Client-Cert` and `Client-Cert-Chain` (RFC 9440).
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it, with `Cert`.
    Forwarded,
}

impl FromStr for CertificateHeader {
    type Err = PkiError;

    /// `x-ssl-client`, `x-ssl-client-cert`, `client-cert` or `x-forwarded-client-cert`.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        match text {
            "x-ssl-client" => Ok(Self::Subject(DnForm::Rfc4514)),
            "x-ssl-client-cert" => Ok(Self::EscapedPem),
            "client-cert" => Ok(Self::ClientCert),
            "x-forwarded-client-cert" => Ok(Self::Forwarded),
            _ => Err(PkiError::HeaderForm { name: text.chars().take(64).collect() }),
        }
    }
}

/// All headers of all forms, in lower case.
const ALL: [&str; 7] = [
    subject::VERIFY,
    subject::DN,
    subject::SERIAL,
    escaped::CERT,
    structured::CERT,
    structured::CHAIN,
    forwarded::XFCC,
];

/// Which proxies are believed, and in which form.
#[derive(Debug, Clone)]
pub struct ProxyRules {
    /// From where.
    pub proxies: TrustedProxies,
    /// In which form.
    pub header: CertificateHeader,
}

impl ProxyRules {
    /// Who a request is from, that came over a connection from `peer`: the agent whose certificate a trusted proxy
    /// sent, nobody where it sent none, and nobody where the peer is not a trusted proxy, whatever the headers say.
    ///
    /// # Errors
    /// When a trusted proxy sent something that cannot be used, or a certificate that is not good: `proxy-header`,
    /// `proxy-not-verified`, those of [`crate::DnError`], `certificate-serial`, `agent-name`, and what
    /// [`Identities::of_certificate`] refuses. Such a request must be refused; it is not one without a certificate.
    pub fn identify(
        &self,
        peer: &PeerAddress,
        headers: &HeaderMap,
        identities: &Identities,
        now: Timestamp,
    ) -> Result<Peer, PkiError> {
        if !self.proxies.contain(peer) {
            return Ok(Peer::Anonymous);
        }
        let der = match self.header {
            CertificateHeader::Subject(form) => return subject::identify(headers, form, identities),
            CertificateHeader::EscapedPem => escaped::certificate(headers)?,
            CertificateHeader::ClientCert => structured::certificate(headers)?,
            CertificateHeader::Forwarded => forwarded::certificate(headers)?,
        };
        match der {
            None => Ok(Peer::Anonymous),
            Some(der) => Ok(Peer::Agent(Arc::new(identities.of_proxied(&der, now)?))),
        }
    }

    /// Takes every header of every form out of a request: to be called once it is known who the request is from, for
    /// every request, also where no proxy is trusted.
    pub fn strip(headers: &mut HeaderMap) {
        for name in ALL {
            headers.remove(HeaderName::from_static(name));
        }
    }
}

/// The one value of a header, or none. Two are refused: proxies that overwrite send one, and with two it could be the
/// client who sent the other.
fn one<'a>(headers: &'a HeaderMap, header: &'static str) -> Result<Option<&'a str>, PkiError> {
    let mut values = headers.get_all(header).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err(PkiError::Header { header, why: "it is there twice" }),
        (Some(value), None) if value.len() > MAX_HEADER => {
            Err(PkiError::Header { header, why: "it is too long" })
        }
        (Some(value), None) => std::str::from_utf8(value.as_bytes())
            .map(Some)
            .map_err(|_| PkiError::Header { header, why: "it is no text" }),
    }
}
