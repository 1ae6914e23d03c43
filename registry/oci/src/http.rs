//! Requests and answers, within bounds of time and size.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use waystation_bundle::BundleError;
use waystation_egress::{Roots, causes};

use crate::error::OciError;

/// Until the head of an answer is there, the upload included.
const HEAD: Duration = Duration::from_secs(120);
/// Until the next piece of an answer is there.
const PIECE: Duration = Duration::from_secs(30);

/// Connections to registries.
#[derive(Debug)]
pub(crate) struct Http {
    client: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
}

impl Http {
    pub(crate) fn new(roots: &Roots) -> Result<Self, OciError> {
        let tls = roots.client_config().map_err(|e| OciError::Roots(e.to_string()))?;
        let connector =
            HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        Ok(Self {
            client: hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(connector),
        })
    }

    pub(crate) async fn send(
        &self,
        registry: &str,
        request: Request<Full<Bytes>>,
    ) -> Result<Response<Incoming>, OciError> {
        match timeout(HEAD, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(e)) => Err(unreachable(registry, causes(&e))),
            Err(_) => Err(unreachable(registry, "no answer in time".into())),
        }
    }
}

/// What an answer holds.
pub(crate) struct Body<'a> {
    registry: &'a str,
    body: Incoming,
}

impl<'a> Body<'a> {
    pub(crate) fn of(registry: &'a str, response: Response<Incoming>) -> Self {
        Self { registry, body: response.into_body() }
    }

    /// The next piece; none at the end.
    pub(crate) async fn next(&mut self) -> Result<Option<Bytes>, OciError> {
        loop {
            match timeout(PIECE, self.body.frame()).await {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(data) => return Ok(Some(data)),
                    Err(_) => continue,
                },
                Ok(Some(Err(e))) => return Err(unreachable(self.registry, causes(&e))),
                Err(_) => return Err(unreachable(self.registry, "nothing more came in time".into())),
            }
        }
    }

    /// All of it.
    pub(crate) async fn all(mut self, what: &str, limit: u64) -> Result<Bytes, OciError> {
        let mut all = BytesMut::new();
        while let Some(piece) = self.next().await? {
            if (all.len() + piece.len()) as u64 > limit {
                return Err(BundleError::TooLarge { what: what.to_owned(), limit }.into());
            }
            all.extend_from_slice(&piece);
        }
        Ok(all.freeze())
    }
}

fn unreachable(registry: &str, why: String) -> OciError {
    OciError::Unreachable { registry: registry.to_owned(), why }
}
