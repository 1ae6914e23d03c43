//! The way to a collector: one connection per batch, under a deadline. Trouble is told once, and its end too.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Request, Response, Uri, header};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::client::conn::http1;
use hyper_util::rt::TokioIo;
use opentelemetry_http::{HttpClient, HttpError};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::runtime::Handle;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::ServerName;
use url::Url;
use waystation_egress::{EgressError, Roots};

/// From the name's resolution to the last byte of the answer.
pub(super) const DEADLINE: Duration = Duration::from_secs(10);

/// Bytes of an answer that are read; it holds nothing but an error.
const MAX_ANSWER: usize = 64 << 10;

/// See the module. The thread that sends batches is none of the runtime's, so it borrows one here.
#[derive(Clone)]
pub(super) struct Collector {
    inner: Arc<Inner>,
    runtime: Handle,
}

struct Inner {
    tls: Option<TlsConnector>,
    failing: AtomicBool,
}

impl Collector {
    pub(super) fn new(base: &Url, roots: &Roots) -> Result<Self, EgressError> {
        let tls = match base.scheme() {
            "https" => Some(TlsConnector::from(Arc::new(roots.client_config()?))),
            _ => None,
        };
        let inner = Inner { tls, failing: AtomicBool::new(false) };
        Ok(Self { inner: Arc::new(inner), runtime: Handle::current() })
    }
}

impl fmt::Debug for Collector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Collector").finish_non_exhaustive()
    }
}

impl HttpClient for Collector {
    fn send_bytes<'s, 'f>(
        &'s self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        's: 'f,
        Self: 'f,
    {
        let inner = Arc::clone(&self.inner);
        let sent = self.runtime.spawn(async move {
            let sent = tokio::time::timeout(DEADLINE, inner.send(request)).await;
            let sent = sent.unwrap_or_else(|_| Err("no answer in time".into()));
            inner.tell(&sent);
            sent
        });
        Box::pin(async move { sent.await? })
    }
}

impl Inner {
    async fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let (host, port) = target(request.uri())?;
        let stream = TcpStream::connect((host.as_str(), port)).await?;
        match &self.tls {
            None => exchange(stream, request).await,
            Some(tls) => exchange(tls.connect(ServerName::try_from(host)?, stream).await?, request).await,
        }
    }

    fn tell(&self, sent: &Result<Response<Bytes>, HttpError>) {
        let trouble = match sent {
            Ok(response) if response.status().is_success() => None,
            Ok(response) => Some(format!("it answered {}", response.status())),
            Err(e) => Some(e.to_string()),
        };
        match trouble {
            Some(error) if !self.failing.swap(true, Ordering::Relaxed) => {
                tracing::warn!(
                    error,
                    "the collector of telemetry.otlp_endpoint takes no traces; they are dropped"
                );
            }
            None if self.failing.swap(false, Ordering::Relaxed) => {
                tracing::info!("the collector takes traces again");
            }
            _ => {}
        }
    }
}

fn target(uri: &Uri) -> Result<(String, u16), HttpError> {
    let host = uri.host().ok_or("the endpoint has no host")?;
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    Ok((host.trim_matches(['[', ']']).to_owned(), uri.port_u16().unwrap_or(default)))
}

async fn exchange<S>(stream: S, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut sender, connection) = http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let (mut parts, body) = request.into_parts();
    let authority = parts.uri.authority().map(ToString::to_string).unwrap_or_default();
    parts.headers.insert(header::HOST, HeaderValue::from_str(&authority)?);
    parts.headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    let path = parts.uri.path_and_query().map_or("/", |path| path.as_str());
    parts.uri = path.parse()?;
    let (parts, body) = sender.send_request(Request::from_parts(parts, Full::new(body))).await?.into_parts();
    let body = Limited::new(body, MAX_ANSWER).collect().await?.to_bytes();
    connection.abort();
    Ok(Response::from_parts(parts, body))
}
