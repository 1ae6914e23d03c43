//! The connection to a host: mutual TLS, kept open, with time-outs and retries.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::{ClientConfig, RootCertStore};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::backoff::Backoff;
use crate::error::Error;

/// The most bytes of an answer.
const MAX_ANSWER: usize = 8 << 20;

/// How long the answer to a call may take.
const CALL: Duration = Duration::from_secs(10);

/// The same where the host may have to look something up first.
pub(crate) const LONG_CALL: Duration = Duration::from_secs(30);

/// How often a call is tried that can be repeated.
const TRIES: u32 = 3;

const BETWEEN: Backoff = Backoff { first: Duration::from_millis(200), longest: Duration::from_secs(2) };

/// Makes a [`Client`].
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    url: String,
    certificate: Vec<u8>,
    key: Vec<u8>,
    authorities: Vec<u8>,
}

impl ClientBuilder {
    /// Who the agent is: the certificate that the host issued, and its key, in PEM.
    #[must_use]
    pub fn identity(mut self, certificate: impl Into<Vec<u8>>, key: impl Into<Vec<u8>>) -> Self {
        (self.certificate, self.key) = (certificate.into(), key.into());
        self
    }

    /// Who the host may be: the authorities that its certificate has to come from, in PEM, and no others. The host hands
    /// them out with each certificate.
    #[must_use]
    pub fn authorities(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.authorities = pem.into();
        self
    }

    /// The client.
    ///
    /// # Errors
    /// [`Error::Config`] when one of these cannot be used.
    pub fn build(self) -> Result<Client, Error> {
        let wrong = |what: &str, e: &dyn std::fmt::Display| Error::Config(format!("{what}: {e}"));
        let url = Url::parse(&self.url).map_err(|e| wrong("the address of the host", &e))?;
        if url.scheme() != "https" || url.cannot_be_a_base() {
            return Err(Error::Config("the address of the host begins with https://".into()));
        }
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(&self.authorities) {
            let certificate = certificate.map_err(|e| wrong("the authorities", &e))?;
            roots.add(certificate).map_err(|e| wrong("the authorities", &e))?;
        }
        if roots.is_empty() {
            return Err(Error::Config("there is no authority in PEM".into()));
        }
        let chain: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&self.certificate).collect();
        let chain = chain.map_err(|e| wrong("the certificate", &e))?;
        let key = PrivateKeyDer::from_pem_slice(&self.key).map_err(|e| wrong("the key", &e))?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let tls = tls.map_err(|e| wrong("TLS", &e))?.with_root_certificates(roots);
        let tls =
            tls.with_client_auth_cert(chain, key).map_err(|e| wrong("the certificate and its key", &e))?;
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CALL));
        http.set_keepalive(Some(Duration::from_secs(30)));
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        // The host closes idle connections after a while; ours go before that.
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .pool_idle_timeout(Duration::from_secs(5))
            .build(https);
        Ok(Client { http, base: url })
    }
}

/// An agent's connection to its host. Cheap to clone; clones share connections.
#[derive(Debug, Clone)]
pub struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: Url,
}

/// One call.
pub(crate) struct Call<'a> {
    pub(crate) method: Method,
    pub(crate) path: &'a [&'a str],
    pub(crate) query: &'a [(&'a str, &'a str)],
    pub(crate) body: Option<&'a Value>,
    pub(crate) within: Duration,
    /// Whether it does the same when it is done twice.
    pub(crate) repeat: bool,
}

impl<'a> Call<'a> {
    pub(crate) fn new(method: Method, path: &'a [&'a str]) -> Self {
        Self { method, path, query: &[], body: None, within: CALL, repeat: true }
    }
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
    #[serde(default)]
    details: Value,
}

impl Client {
    /// For the host at `https://NAME:PORT`.
    #[must_use]
    pub fn builder(url: impl Into<String>) -> ClientBuilder {
        ClientBuilder { url: url.into(), certificate: Vec::new(), key: Vec::new(), authorities: Vec::new() }
    }

    /// Asks, again where that does no harm and the host was not reached, and reads the answer.
    pub(crate) async fn call<T: DeserializeOwned>(&self, call: Call<'_>) -> Result<T, Error> {
        let mut failures = 0;
        loop {
            match tokio::time::timeout(call.within, self.once(&call)).await.unwrap_or(Err(Error::Timeout)) {
                Err(e) if call.repeat && e.is_transient() && failures + 1 < TRIES => {
                    failures += 1;
                    tokio::time::sleep(BETWEEN.after(failures, rand::random())).await;
                }
                other => return other,
            }
        }
    }

    async fn once<T: DeserializeOwned>(&self, call: &Call<'_>) -> Result<T, Error> {
        let answer = self.send(call, "application/json").await?;
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map_err(|e| Error::Network(e.to_string()))?.to_bytes();
        serde_json::from_slice(&body).map_err(|e| Error::Answer(e.to_string()))
    }

    /// Sends a call, and hands over the answer if it is a good one.
    pub(crate) async fn send(&self, call: &Call<'_>, accept: &str) -> Result<Response<Incoming>, Error> {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["api", "tickets"]).extend(call.path);
        }
        if !call.query.is_empty() {
            url.query_pairs_mut().extend_pairs(call.query);
        }
        let mut request = Request::builder().method(&call.method).uri(url.as_str()).header(ACCEPT, accept);
        let body = match call.body {
            None => Bytes::new(),
            Some(body) => {
                request = request.header(CONTENT_TYPE, "application/json");
                Bytes::from(body.to_string())
            }
        };
        let request = request.body(Full::new(body)).map_err(|e| Error::Config(e.to_string()))?;
        let answer = self.http.request(request).await.map_err(|e| Error::Network(whole(&e)))?;
        let status = answer.status();
        if status.is_success() {
            return Ok(answer);
        }
        let seconds = answer.headers().get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
        let body = Limited::new(answer.into_body(), MAX_ANSWER).collect().await;
        let body = body.map(http_body_util::Collected::to_bytes).unwrap_or_default();
        Err(refused(status, &body, seconds.map(Duration::from_secs)))
    }
}

/// An error with all its causes.
fn whole(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Why the host did not do it.
fn refused(status: StatusCode, body: &[u8], retry_after: Option<Duration>) -> Error {
    if let (StatusCode::FORBIDDEN, Ok(refusal)) = (status, serde_json::from_slice::<Refusal>(body)) {
        let reason = refusal.details["reason"].as_str().unwrap_or_default().to_owned();
        match refusal.details["code"].as_str() {
            Some("approval-rejected") => return Error::NotApproved { rejected: true, reason, retry_after },
            Some("approval-expired") => return Error::NotApproved { rejected: false, reason, retry_after },
            _ => {}
        }
    }
    Error::Refused { status: status.as_u16(), message: message(status, body), retry_after }
}

/// What a refusal says, with each field that is wrong.
fn message(status: StatusCode, body: &[u8]) -> String {
    let Ok(refusal) = serde_json::from_slice::<Refusal>(body) else {
        return status.canonical_reason().unwrap_or_default().to_owned();
    };
    let issues = refusal.details["issues"].as_array().into_iter().flatten();
    let issues = issues.map(|issue| {
        let path = issue["path"].as_array().into_iter().flatten();
        let path: Vec<_> = path.map(|part| part.as_str().map_or(part.to_string(), str::to_owned)).collect();
        format!("; {}: {}", path.join("."), issue["message"].as_str().unwrap_or_default())
    });
    refusal.error + &issues.collect::<String>()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_says_which_field_is_wrong() {
        let body = br#"{"error":"Validation failed","details":{"issues":[{"path":["transport","port"],"message":"no"}]}}"#;
        assert_eq!(message(StatusCode::BAD_REQUEST, body), "Validation failed; transport.port: no");
        assert_eq!(message(StatusCode::BAD_REQUEST, b"<html>"), "Bad Request");
    }

    #[test]
    fn what_people_did_not_approve_says_so() {
        let told = |status, code: &str| {
            let body =
                format!(r#"{{"error":"Not approved","details":{{"code":"{code}","reason":"not now"}}}}"#);
            refused(status, body.as_bytes(), None).code()
        };
        assert_eq!(told(StatusCode::FORBIDDEN, "approval-rejected"), "approval-rejected");
        assert_eq!(told(StatusCode::FORBIDDEN, "approval-expired"), "approval-expired");
        assert_eq!(told(StatusCode::FORBIDDEN, "denied"), "forbidden");
        assert_eq!(told(StatusCode::NOT_FOUND, "approval-rejected"), "not-found");
    }

    #[test]
    fn what_cannot_be_used_is_said_at_once() {
        let build = |url: &str| Client::builder(url).identity("x", "y").authorities("z").build().map(drop);
        for url in ["http://host", "nonsense", "https://host"] {
            assert_eq!(build(url).unwrap_err().code(), "config", "{url}");
        }
    }
}
