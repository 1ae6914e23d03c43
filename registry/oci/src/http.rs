//! Requests and answers, within bounds of time and size.

use std::io::Read;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http::{Request, Response};
use http_body_util::BodyExt as _;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use tokio::time::timeout;
use waystation_bundle::{Blob, BundleError};
use waystation_egress::{Roots, causes};

use crate::error::OciError;

/// Until the head of an answer is there, the upload included.
const HEAD: Duration = Duration::from_secs(120);
/// Until the next piece of an answer is there.
const PIECE: Duration = Duration::from_secs(30);

/// Connections to registries.
#[derive(Debug)]
pub(crate) struct Http {
    client: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Sent>,
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
        request: Request<Sent>,
    ) -> Result<Response<Incoming>, OciError> {
        match timeout(HEAD, self.client.request(request)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(e)) => Err(unreachable(registry, causes(&e))),
            Err(_) => Err(unreachable(registry, "no answer in time".into())),
        }
    }
}

/// Bytes that are sent at once.
const SENT: usize = 64 << 10;

/// What a request holds: a blob, a piece at a time.
pub(crate) struct Sent {
    reader: Box<dyn Read + Send>,
    left: u64,
}

impl Sent {
    pub(crate) fn of(blob: &Blob) -> Self {
        Self { reader: Box::new(blob.reader()), left: blob.size() }
    }

    pub(crate) fn nothing() -> Self {
        Self { reader: Box::new(std::io::empty()), left: 0 }
    }
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        if self.left == 0 {
            return Poll::Ready(None);
        }
        let mut piece = Vec::with_capacity(SENT);
        let read = self.reader.as_mut().take(SENT as u64).read_to_end(&mut piece);
        self.left = self.left.saturating_sub(piece.len() as u64);
        Poll::Ready(Some(match read {
            Ok(0) => Err(std::io::ErrorKind::UnexpectedEof.into()),
            Ok(_) => Ok(Frame::data(piece.into())),
            Err(e) => Err(e),
        }))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
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
