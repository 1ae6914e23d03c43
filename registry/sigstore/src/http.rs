//! Requests and answers, within bounds of time and size.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::time::timeout;
use url::{Host, Url};
use waystation_egress::{Roots, causes};

use crate::error::ServiceError;

/// How services are spoken to.
#[derive(Debug, Clone)]
pub struct Options {
    /// Who they are checked against; a private authority is one of them.
    pub roots: Roots,
    /// For one question and its whole answer.
    pub timeout: Duration,
    /// Hosts, with the port where there is one, that are spoken to without TLS. This machine always may be.
    pub plain_http: BTreeSet<String>,
}

impl Options {
    /// TLS everywhere but on this machine; a minute for each question: a log answers when it has taken the entry in.
    #[must_use]
    pub const fn new(roots: Roots) -> Self {
        Self { roots, timeout: Duration::from_secs(60), plain_http: BTreeSet::new() }
    }
}

/// Connections to services.
pub struct Http {
    client: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    options: Options,
}

impl fmt::Debug for Http {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Http").field("options", &self.options).finish_non_exhaustive()
    }
}

/// One question.
pub(crate) struct Ask<'a> {
    /// What people call it.
    pub(crate) service: &'a str,
    pub(crate) url: &'a str,
    /// Content and its type; without one it is a GET.
    pub(crate) body: Option<(&'static str, Vec<u8>)>,
    pub(crate) accept: &'static str,
    pub(crate) bearer: Option<&'a SecretString>,
    /// The longest answer, in bytes.
    pub(crate) limit: usize,
}

impl Http {
    /// A client.
    ///
    /// # Errors
    /// `bad-roots`.
    pub fn new(options: Options) -> Result<Self, ServiceError> {
        let tls = options.roots.client_config().map_err(|e| ServiceError::Roots(e.to_string()))?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let client = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector);
        Ok(Self { client, options })
    }

    /// Asks, and gives the whole answer of a success.
    pub(crate) async fn ask(&self, ask: Ask<'_>) -> Result<Bytes, ServiceError> {
        let service = ask.service.to_owned();
        match timeout(self.options.timeout, self.exchange(ask)).await {
            Ok(answer) => answer,
            Err(_) => Err(ServiceError::Timeout { service }),
        }
    }

    async fn exchange(&self, ask: Ask<'_>) -> Result<Bytes, ServiceError> {
        let service = || ask.service.to_owned();
        let unreachable = |why| ServiceError::Unreachable { service: service(), why };
        let url = self.address(ask.url)?;
        let bad = |why| ServiceError::Address { url: url.to_string(), why };
        let (method, kind, body) = match ask.body {
            Some((kind, body)) => (Method::POST, Some(kind), body),
            None => (Method::GET, None, Vec::new()),
        };
        let mut request = Request::builder()
            .method(method)
            .uri(url.as_str())
            .header(USER_AGENT, concat!("waystation/", env!("CARGO_PKG_VERSION")))
            .header(ACCEPT, ask.accept);
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        if let Some(bearer) = ask.bearer {
            let value = HeaderValue::from_str(&format!("Bearer {}", bearer.expose_secret()));
            let mut value = value.map_err(|_| ServiceError::TokenMalformed)?;
            value.set_sensitive(true);
            request = request.header(AUTHORIZATION, value);
        }
        let request = request.body(Full::new(body.into())).map_err(|_| bad("it is no address"))?;
        let response = self.client.request(request).await.map_err(|e| unreachable(causes(&e)))?;
        let status = response.status();
        if status.is_redirection() {
            return Err(ServiceError::Redirect { service: service() });
        }
        if !status.is_success() {
            return Err(ServiceError::Refused { service: service(), status: status.as_u16() });
        }
        let mut body = response.into_body();
        let mut all = BytesMut::new();
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|e| unreachable(causes(&e)))?;
            let Ok(piece) = frame.into_data() else { continue };
            if all.len() + piece.len() > ask.limit {
                return Err(ServiceError::TooLarge { service: service(), limit: ask.limit });
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }

    /// TLS, or this machine, or a host that was named.
    pub(crate) fn address(&self, text: &str) -> Result<Url, ServiceError> {
        let bad = |why| ServiceError::Address { url: text.to_owned(), why };
        let url = Url::parse(text).map_err(|_| bad("it is no address"))?;
        if !url.username().is_empty() || url.password().is_some() {
            return Err(ServiceError::Address {
                url: url.host_str().unwrap_or_default().to_owned(),
                why: "credentials do not belong into an address",
            });
        }
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => return Err(bad("it names no host")),
        };
        let host = url.host_str().unwrap_or_default();
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        match url.scheme() {
            "https" => Ok(url),
            "http" if local || self.options.plain_http.contains(&named) => Ok(url),
            _ => Err(bad("it is without TLS")),
        }
    }
}
