//! Requests to a provider: over TLS, within bounds of time and size, and no further than where they go.

use std::pin::Pin;
use std::time::Duration;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use openidconnect::{AsyncHttpClient, HttpRequest, HttpResponse};
use tokio::time::timeout;
use waystation_egress::{EgressError, Roots, causes};

/// Until all of an answer is there.
const TOTAL: Duration = Duration::from_secs(10);

/// Bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// Why there is no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum HttpError {
    /// The address is not one that a host asks.
    #[error("it names an address that is not https")]
    Unsafe,
    /// Nobody answers.
    #[error("{0}")]
    Unreachable(String),
    /// The answer takes too long.
    #[error("no whole answer came within {} s", TOTAL.as_secs())]
    Slow,
    /// The answer does not end.
    #[error("the answer has more than {MAX_ANSWER} bytes")]
    TooLarge,
}

impl HttpError {
    pub(crate) const fn code(&self) -> &'static str {
        match self {
            Self::Unsafe => "provider-unsafe",
            Self::Unreachable(_) => "provider-unreachable",
            Self::Slow => "provider-slow",
            Self::TooLarge => "provider-answer-too-large",
        }
    }
}

/// Connections to one provider.
pub(super) struct Http {
    client: Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    /// The provider is on this machine, for a try: plain HTTP goes there.
    plain: bool,
}

impl Http {
    pub(super) fn new(roots: &Roots, plain: bool) -> Result<Self, EgressError> {
        let tls = roots.client_config()?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self { client: Client::builder(TokioExecutor::new()).build(connector), plain })
    }

    /// Redirects are not followed: a provider says where its things are.
    async fn send(&self, request: HttpRequest) -> Result<HttpResponse, HttpError> {
        self.allowed(request.uri())?;
        let answer = async {
            let told = self.client.request(request.map(|body| Full::new(body.into()))).await;
            let (head, body) = told.map_err(|e| HttpError::Unreachable(causes(&e)))?.into_parts();
            let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|e| {
                match e.is::<http_body_util::LengthLimitError>() {
                    true => HttpError::TooLarge,
                    false => HttpError::Unreachable(e.to_string()),
                }
            })?;
            Ok(http::Response::from_parts(head, body.to_bytes().to_vec()))
        };
        timeout(TOTAL, answer).await.map_err(|_| HttpError::Slow)?
    }

    /// Over TLS; without, only on this machine, and only where the provider is.
    fn allowed(&self, uri: &http::Uri) -> Result<(), HttpError> {
        let here = || {
            let host = uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback())
        };
        match uri.scheme_str() {
            Some("https") => Ok(()),
            Some("http") if self.plain && here() => Ok(()),
            _ => Err(HttpError::Unsafe),
        }
    }
}

impl<'c> AsyncHttpClient<'c> for Http {
    type Error = HttpError;
    type Future = Pin<Box<dyn Future<Output = Result<HttpResponse, HttpError>> + Send + 'c>>;

    fn call(&'c self, request: HttpRequest) -> Self::Future {
        Box::pin(self.send(request))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_go_over_tls_or_nowhere() {
        let http = |plain| {
            let connector = HttpsConnectorBuilder::new()
                .with_tls_config(
                    rustls::ClientConfig::builder_with_provider(std::sync::Arc::new(
                        rustls::crypto::ring::default_provider(),
                    ))
                    .with_safe_default_protocol_versions()
                    .unwrap()
                    .with_root_certificates(rustls::RootCertStore::empty())
                    .with_no_client_auth(),
                )
                .https_or_http()
                .enable_http1()
                .build();
            Http { client: Client::builder(TokioExecutor::new()).build(connector), plain }
        };
        let allowed = |plain, uri: &str| http(plain).allowed(&uri.parse().unwrap()).is_ok();
        for uri in ["https://id.example/token", "https://127.0.0.1/"] {
            assert!(allowed(false, uri) && allowed(true, uri), "{uri}");
        }
        for uri in ["http://127.0.0.1:1/", "http://localhost/", "http://[::1]:1/"] {
            assert!(!allowed(false, uri) && allowed(true, uri), "{uri}");
        }
        for uri in [
            "http://id.example/",
            "http://127.0.0.1.example/",
            "http://10.0.0.1/",
            "/token",
            "ftp://localhost/",
        ] {
            assert!(!allowed(false, uri) && !allowed(true, uri), "{uri}");
        }
    }
}
