//! `[server.tls]`, `[server.proxy]` and `[pki]`: how the host knows who connects.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use waystation_pki::DnForm;

use super::text::{HttpUrl, Network, Organization, ServerName, TrustDomain};

/// TLS on `server.listen`, with a certificate of the client where it has one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Tls {
    /// Whether the host speaks TLS. Without it, it speaks plain HTTP, and agents show their certificates to a proxy.
    pub enabled: bool,
    /// The host's certificate and those between it and its authority, in PEM. Read again when it changes. Without it the
    /// host's own authority issues one.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub certificate: Option<PathBuf>,
    /// The key of `certificate`, in PEM.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub key: Option<PathBuf>,
    /// Names and addresses in a certificate of the host's own authority, beside `localhost`, the address of
    /// `server.listen` and the host of `server.public_url`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub names: Vec<ServerName>,
}

/// Reverse proxies between clients and the host.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Proxy {
    /// Whether `X-Forwarded-For` of a trusted proxy says from where a request comes: for rates and for the record. The proxy
    /// must add the address of its peer to it, or write it anew.
    pub forwarded_for: bool,
    /// The addresses from which these headers are believed. From all others they are not looked at.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub trusted: Vec<Network>,
    /// How they send the certificate of a client. Only this form is read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certificate_header: Option<CertificateHeader>,
    /// Certificates, in PEM, of authorities of another system whose agents are known behind the proxies, too; theirs
    /// may be of X.509 version 1.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "paths")]
    pub legacy_authorities: Vec<PathBuf>,
}

/// The form in which proxies send the certificate of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertificateHeader {
    /// `X-SSL-Client-Verify`, `-DN` and `-Serial`: the proxy alone judges the certificate.
    XSslClient,
    /// The same with the subject in OpenSSL's older form, `/O=…/CN=…`.
    XSslClientOneline,
    /// `X-SSL-Client-Cert`: PEM, percent-encoded, as nginx has it.
    XSslClientCert,
    /// `Client-Cert`, by RFC 9440.
    ClientCert,
    /// `X-Forwarded-Client-Cert`, as Envoy writes it, with `Cert`.
    XForwardedClientCert,
}

/// What the host's own authority writes into certificates.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Pki {
    /// The organisation.
    pub organization: Organization,
    /// The authority part of ids, `spiffe://TRUST-DOMAIN/…`. Certificates with ids of another one are refused, so it is
    /// chosen once.
    pub trust_domain: TrustDomain,
    /// A file with serial numbers of certificates that are refused, in hex, one a line; `#` begins a comment. Read again
    /// when it changes.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub revoked: Option<PathBuf>,
    /// Where others get the list of revoked certificates. It is written into certificates of agents; without it they do
    /// not say.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub crl_url: Option<HttpUrl>,
}

impl Default for Pki {
    fn default() -> Self {
        Self {
            organization: Organization::waystation(),
            trust_domain: TrustDomain::internal(),
            revoked: None,
            crl_url: None,
        }
    }
}

impl CertificateHeader {
    /// Whether the whole certificate comes.
    #[must_use]
    pub const fn is_whole(self) -> bool {
        !matches!(self, Self::XSslClient | Self::XSslClientOneline)
    }
}

impl From<CertificateHeader> for waystation_pki::CertificateHeader {
    fn from(header: CertificateHeader) -> Self {
        match header {
            CertificateHeader::XSslClient => Self::Subject(DnForm::Rfc4514),
            CertificateHeader::XSslClientOneline => Self::Subject(DnForm::OneLine),
            CertificateHeader::XSslClientCert => Self::EscapedPem,
            CertificateHeader::ClientCert => Self::ClientCert,
            CertificateHeader::XForwardedClientCert => Self::Forwarded,
        }
    }
}

impl Tls {
    pub(super) fn rebase(&mut self, base: &Path) {
        for file in [&mut self.certificate, &mut self.key] {
            *file = file.take().map(|file| base.join(file));
        }
    }
}

impl Pki {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.revoked = self.revoked.take().map(|file| base.join(file));
    }
}

impl Proxy {
    pub(super) fn rebase(&mut self, base: &Path) {
        for file in &mut self.legacy_authorities {
            *file = base.join(&*file);
        }
    }
}

pub(super) fn paths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path" } })
}
