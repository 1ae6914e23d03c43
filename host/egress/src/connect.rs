//! From an admitted request to a connection: one lookup, all answers screened, TCP, TLS, HTTP.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use hyper::client::conn::{http1, http2};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls::ClientConfig;
use rustls::client::Resumption;
use rustls::pki_types::ServerName;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout_at};
use tokio_rustls::TlsConnector;

use crate::pool::{Line, drive};
use crate::{AddressRefused, EgressError, Host, HttpLimits, Origin, Roots, Scheme, Shared, Wanted, roots};

/// The next address is tried while the last one still is, after this time (RFC 8305, section 5).
const STAGGER: Duration = Duration::from_millis(250);

/// Addresses of one name that are tried. All of them are screened.
const TRIED: usize = 8;

/// TLS sessions kept for resumption.
const SESSIONS: usize = 32;

/// What an HTTP/2 server may send ahead of the reader, per stream and per connection.
const STREAM_WINDOW: u32 = 512 * 1024;
const CONNECTION_WINDOW: u32 = 1024 * 1024;

/// The TLS side of one client: its own session cache over the shared roots. Made at first use.
pub(crate) struct Tls {
    roots: Roots,
    config: OnceLock<Arc<ClientConfig>>,
}

impl Tls {
    pub(crate) const fn new(roots: Roots) -> Self {
        Self { roots, config: OnceLock::new() }
    }

    fn config(&self, origin: &Origin) -> Result<Arc<ClientConfig>, EgressError> {
        if let Some(config) = self.config.get() {
            return Ok(Arc::clone(config));
        }
        let mut config = ClientConfig::builder_with_provider(roots::provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| tls_failed(origin, &error))?
            .with_webpki_verifier(self.roots.verifier()?)
            .with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        config.resumption = Resumption::in_memory_sessions(SESSIONS);
        Ok(Arc::clone(self.config.get_or_init(|| Arc::new(config))))
    }
}

/// Until when a connection must be there, and the whole request be done.
pub(crate) struct Deadlines {
    pub(crate) total: Instant,
    pub(crate) total_after: Duration,
    pub(crate) connect_after: Duration,
}

impl Deadlines {
    /// The error of a request that ran into the total deadline.
    pub(crate) fn missed(&self, origin: &Origin) -> EgressError {
        EgressError::Deadline { origin: Box::new(origin.clone()), after: self.total_after }
    }
}

/// What is needed to connect for one request.
pub(crate) struct Dial<'a> {
    pub(crate) shared: &'a Shared,
    pub(crate) tls: &'a Tls,
    pub(crate) limits: &'a HttpLimits,
    pub(crate) wanted: &'a Wanted,
    pub(crate) opened: &'a [ipnet::IpNet],
    pub(crate) deadlines: &'a Deadlines,
}

impl Dial<'_> {
    /// Whether the request may go to `address`, with the keys that the host and its grants hold.
    ///
    /// # Errors
    ///
    /// `address-refused`.
    pub(crate) fn screen(&self, address: IpAddr) -> Result<(), EgressError> {
        self.shared.screening.permit(address, self.opened).map_err(|(refused, missing)| {
            let wanted = self.wanted.clone();
            EgressError::AddressRefused(Box::new(AddressRefused { wanted, refused, missing }))
        })
    }

    /// A new connection to the origin, and the screened address it goes to.
    pub(crate) async fn dial(&self) -> Result<(SocketAddr, Line), EgressError> {
        let origin = &self.wanted.origin;
        let until = Instant::now() + self.deadlines.connect_after;
        let addresses = self.within(until, "name lookup", self.addresses()).await?;
        let connected = self.within(until, "TCP connection", async { Ok(race(addresses).await) }).await?;
        let (address, stream) = connected.map_err(|error| EgressError::ConnectFailed {
            origin: Box::new(origin.clone()),
            why: error.to_string(),
        })?;
        let line = match origin.scheme() {
            Scheme::Http => self.within(until, "HTTP handshake", self.http1(stream)).await?,
            Scheme::Https => {
                let stream = self.within(until, "TLS handshake", self.secure(stream)).await?;
                let http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
                if http2 {
                    self.within(until, "HTTP handshake", self.http2(stream, address)).await?
                } else {
                    self.within(until, "HTTP handshake", self.http1(stream)).await?
                }
            }
        };
        Ok((address, line))
    }

    async fn within<T>(
        &self,
        until: Instant,
        phase: &'static str,
        step: impl Future<Output = Result<T, EgressError>>,
    ) -> Result<T, EgressError> {
        let origin = &self.wanted.origin;
        match timeout_at(until.min(self.deadlines.total), step).await {
            Ok(outcome) => outcome,
            Err(_) if self.deadlines.total <= until => Err(self.deadlines.missed(origin)),
            Err(_) => Err(EgressError::ConnectTimeout {
                origin: Box::new(origin.clone()),
                phase,
                after: self.deadlines.connect_after,
            }),
        }
    }

    /// The one lookup. If any answer is refused, the request is: a name that answers with a public and a
    /// private address is either an attack or a mistake, and neither should be guessed at.
    async fn addresses(&self) -> Result<Vec<SocketAddr>, EgressError> {
        let origin = &self.wanted.origin;
        let failed = |why: String| EgressError::DnsFailed { origin: Box::new(origin.clone()), why };
        let found = match origin.host() {
            Host::Ip(address) => vec![*address],
            Host::Name(name) => {
                self.shared.resolver.resolve(name).await.map_err(|error| failed(error.to_string()))?
            }
        };
        if found.is_empty() {
            return Err(failed("the name has no address".to_owned()));
        }
        let mut addresses: Vec<SocketAddr> = Vec::new();
        for address in found {
            self.screen(address)?;
            let address = SocketAddr::new(address, origin.port());
            if addresses.len() < TRIED && !addresses.contains(&address) {
                addresses.push(address);
            }
        }
        Ok(interleaved(addresses))
    }

    async fn secure(
        &self,
        stream: TcpStream,
    ) -> Result<tokio_rustls::client::TlsStream<TcpStream>, EgressError> {
        let origin = &self.wanted.origin;
        let name = match origin.host() {
            Host::Ip(address) => ServerName::from(*address),
            Host::Name(name) => {
                ServerName::try_from(name.to_string()).map_err(|error| tls_failed(origin, &error))?
            }
        };
        let connector = TlsConnector::from(self.tls.config(origin)?);
        connector.connect(name, stream).await.map_err(|error| tls_failed(origin, &error))
    }

    async fn http1<S>(&self, stream: S) -> Result<Line, EgressError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (sender, connection) = http1::Builder::new()
            .max_headers(self.limits.header_fields)
            .max_header_size(self.limits.header_bytes)
            // hyper takes no buffer under 8 KiB.
            .max_buf_size(self.limits.header_bytes.max(8 * 1024))
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(&error))?;
        Ok(Line::One { sender, held: drive(connection) })
    }

    async fn http2<S>(&self, stream: S, address: SocketAddr) -> Result<Line, EgressError>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        // The library refuses a head over its limit without saying that it was too large. So it takes four
        // times what is allowed, and what lies between is refused by name.
        let head = u32::try_from(self.limits.header_bytes.saturating_mul(4)).unwrap_or(u32::MAX);
        let (sender, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_header_list_size(head)
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| self.lost(&error))?;
        Ok(Line::http2(sender, address, drive(connection)))
    }

    fn lost(&self, error: &hyper::Error) -> EgressError {
        EgressError::ConnectionLost { origin: Box::new(self.wanted.origin.clone()), why: error.to_string() }
    }
}

fn tls_failed(origin: &Origin, error: &dyn std::fmt::Display) -> EgressError {
    EgressError::TlsFailed { origin: Box::new(origin.clone()), why: error.to_string() }
}

/// Families in turn, beginning with the first address's (RFC 8305, section 4).
fn interleaved(addresses: Vec<SocketAddr>) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (first, second): (Vec<_>, Vec<_>) =
        addresses.into_iter().partition(|address| address.is_ipv6() == first_is_v6);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut all = Vec::new();
    loop {
        let before = all.len();
        all.extend(first.next());
        all.extend(second.next());
        if all.len() == before {
            return all;
        }
    }
}

/// Connects to the first of `addresses` that answers, the next one joining after [`STAGGER`] or as soon
/// as all others failed.
async fn race(addresses: Vec<SocketAddr>) -> io::Result<(SocketAddr, TcpStream)> {
    let mut waiting = addresses.into_iter();
    let mut trying = FuturesUnordered::new();
    let mut last = io::Error::from(io::ErrorKind::AddrNotAvailable);
    loop {
        match waiting.next() {
            Some(address) => trying.push(async move {
                let stream = TcpStream::connect(address).await?;
                stream.set_nodelay(true)?;
                Ok((address, stream))
            }),
            None if trying.is_empty() => return Err(last),
            None => {}
        }
        let stagger =
            async { if waiting.len() == 0 { std::future::pending().await } else { sleep(STAGGER).await } };
        tokio::select! {
            Some(outcome) = trying.next() => match outcome {
                Ok(connected) => return Ok(connected),
                Err(error) => last = error,
            },
            () = stagger => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn addresses(given: &[&str]) -> Vec<SocketAddr> {
        given.iter().map(|address| SocketAddr::new(address.parse().unwrap(), 1)).collect()
    }

    #[test]
    fn families_take_turns() {
        let given = addresses(&["2a00::1", "2a00::2", "2a00::3", "1.1.1.1", "1.1.1.2"]);
        assert_eq!(interleaved(given), addresses(&["2a00::1", "1.1.1.1", "2a00::2", "1.1.1.2", "2a00::3"]));
        assert_eq!(interleaved(addresses(&["1.1.1.1", "2a00::1"])), addresses(&["1.1.1.1", "2a00::1"]));
        assert_eq!(interleaved(Vec::new()), Vec::new());
    }

    #[tokio::test]
    async fn a_dead_address_does_not_hide_a_live_one() {
        let live = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let live = live.local_addr().unwrap();
        let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let dead = gone.local_addr().unwrap();
        drop(gone);
        let (address, _) = race(vec![dead, live]).await.unwrap();
        assert_eq!(address, live);
        let error = race(vec![dead]).await.unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::ConnectionRefused);
    }
}
