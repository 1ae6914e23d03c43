//! An HTTP server that stands in for the outside world, and answers as badly as it
//! is told to. It remembers every request.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use parking_lot::Mutex;
use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio_rustls::TlsAcceptor;

use crate::patience::until;

/// One request that came.
#[derive(Debug, Clone)]
pub struct Seen {
    /// `GET`
    pub method: String,
    /// Path and query.
    pub target: String,
    /// Fields with names in lower case.
    pub headers: Vec<(String, String)>,
    /// The content.
    pub body: Vec<u8>,
}

impl Seen {
    /// A header field; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers
            .iter()
            .find(|(field, _)| field == name)
            .map(|(_, value)| value.as_str())
            .unwrap_or_default()
    }

    /// The content as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }
}

/// Keeps answers back until it is opened.
#[derive(Debug, Clone)]
pub struct Gate(Arc<watch::Sender<bool>>);

impl Gate {
    /// A closed one.
    pub fn new() -> Self {
        Self(Arc::new(watch::Sender::new(false)))
    }

    /// Lets everything pass that waits, and that comes.
    pub fn open(&self) {
        self.0.send_replace(true);
    }

    async fn pass(&self) {
        // The sender lives as long as this gate.
        let _ = self.0.subscribe().wait_for(|open| *open).await;
    }
}

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

/// How to answer a request.
#[derive(Debug, Clone)]
pub enum Reply {
    /// In order.
    Whole {
        /// The status.
        status: u16,
        /// More header fields.
        headers: Vec<(&'static str, String)>,
        /// The content.
        body: Vec<u8>,
    },
    /// With this tag, or 304 to a request that knows it.
    Tagged {
        /// The tag, in its quotes.
        etag: &'static str,
        /// The content.
        body: Vec<u8>,
    },
    /// Half of what was announced, then the end of the connection.
    Half(Vec<u8>),
    /// A byte now and then, for ever.
    Drip,
    /// No answer at all.
    Silent,
    /// More and more content, of no announced length.
    Endless,
    /// Bytes as they are.
    Raw(Vec<u8>),
    /// Once the gate is open, this.
    Held(Gate, Box<Reply>),
}

impl Reply {
    /// 200 with JSON.
    pub fn json(value: &Value) -> Self {
        Self::body(value.to_string())
    }

    /// 200 with anything.
    pub fn body(body: impl Into<Vec<u8>>) -> Self {
        Self::Whole { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// A status, and no content.
    pub fn status(status: u16) -> Self {
        Self::Whole { status, headers: Vec::new(), body: Vec::new() }
    }

    /// A redirect.
    pub fn to(location: impl Into<String>) -> Self {
        Self::status(302).with("location", location)
    }

    /// With a header field more.
    #[must_use]
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        if let Self::Whole { headers, .. } = &mut self {
            headers.push((name, value.into()));
        }
        self
    }

    /// Behind a gate.
    #[must_use]
    pub fn behind(self, gate: &Gate) -> Self {
        Self::Held(gate.clone(), Box::new(self))
    }
}

#[derive(Default)]
struct State {
    script: Mutex<HashMap<String, VecDeque<Reply>>>,
    seen: Mutex<Vec<Seen>>,
}

/// See the module. Stops when dropped.
pub struct StandIn {
    scheme: &'static str,
    address: SocketAddr,
    state: Arc<State>,
    accepting: JoinHandle<()>,
}

impl Drop for StandIn {
    fn drop(&mut self) {
        self.accepting.abort();
    }
}

impl StandIn {
    /// On a free port of 127.0.0.1.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start() -> Result<Self> {
        Self::start_at("127.0.0.1:0").await
    }

    /// On this address.
    ///
    /// # Errors
    /// When it cannot be had.
    pub async fn start_at(address: &str) -> Result<Self> {
        Self::listen(address, None).await
    }

    /// On a free port of 127.0.0.1, behind TLS.
    ///
    /// # Errors
    /// When there is none.
    pub async fn start_secure(acceptor: TlsAcceptor) -> Result<Self> {
        Self::listen("127.0.0.1:0", Some(acceptor)).await
    }

    async fn listen(address: &str, acceptor: Option<TlsAcceptor>) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let (address, state) = (listener.local_addr()?, Arc::<State>::default());
        let scheme = if acceptor.is_some() { "https" } else { "http" };
        let shared = Arc::clone(&state);
        let accepting = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let (state, acceptor) = (Arc::clone(&shared), acceptor.clone());
                // A client that goes away in the middle is its own affair.
                tokio::spawn(async move {
                    match acceptor {
                        Some(acceptor) => drop(state.serve(acceptor.accept(stream).await?).await),
                        None => drop(state.serve(stream).await),
                    }
                    anyhow::Ok(())
                });
            }
        });
        Ok(Self { scheme, address, state, accepting })
    }

    /// The port.
    pub fn port(&self) -> u16 {
        self.address.port()
    }

    /// Scheme, host and port.
    pub fn origin(&self) -> String {
        format!("{}://{}", self.scheme, self.address)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.origin())
    }

    /// From now on answers requests for `path` so.
    pub fn on(&self, path: &str, reply: Reply) {
        self.on_each(path, [reply]);
    }

    /// From now on answers requests for `path` with one of these after the other; the
    /// last one stays.
    pub fn on_each(&self, path: &str, replies: impl IntoIterator<Item = Reply>) {
        self.state.script.lock().insert(path.to_owned(), replies.into_iter().collect());
    }

    /// Every request so far.
    pub fn seen(&self) -> Vec<Seen> {
        self.state.seen.lock().clone()
    }

    /// Requests for this path so far.
    pub fn seen_at(&self, path: &str) -> Vec<Seen> {
        self.seen().into_iter().filter(|seen| seen.target == path).collect()
    }

    /// Waits until `count` requests for this path came, and gives all of them.
    ///
    /// # Errors
    /// When they do not come.
    pub async fn wait_for(&self, path: &str, count: usize) -> Result<Vec<Seen>> {
        until(&format!("{count} requests for {path}"), async || {
            let seen = self.seen_at(path);
            Ok((seen.len() >= count).then_some(seen))
        })
        .await
        .with_context(|| format!("seen were {:#?}", self.seen()))
    }
}

impl State {
    async fn serve(&self, mut stream: impl Stream) -> Result<()> {
        let seen = read(&mut stream).await?;
        let reply = self.next(seen.target.split('?').next().unwrap_or_default());
        let tag = seen.header("if-none-match").to_owned();
        self.seen.lock().push(seen);
        answer(&mut stream, reply, &tag).await?;
        Ok(stream.shutdown().await?)
    }

    fn next(&self, path: &str) -> Reply {
        let mut script = self.script.lock();
        match script.get_mut(path) {
            Some(replies) if replies.len() > 1 => replies.pop_front(),
            Some(replies) => replies.front().cloned(),
            None => None,
        }
        .unwrap_or_else(|| Reply::status(404))
    }
}

/// What bytes come and go over.
trait Stream: AsyncRead + AsyncWrite + Unpin + Send {}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Stream for S {}

async fn read(stream: &mut impl Stream) -> Result<Seen> {
    let mut bytes = Vec::new();
    let end = loop {
        if let Some(end) = bytes.windows(4).position(|four| four == b"\r\n\r\n") {
            break end;
        }
        anyhow::ensure!(stream.read_buf(&mut bytes).await? > 0, "the connection ended within a head");
    };
    let mut body = bytes.split_off(end + 4);
    let head = String::from_utf8(bytes)?;
    let mut lines = head.lines();
    let mut first = lines.next().unwrap_or_default().split(' ');
    let (method, target) = (first.next().unwrap_or_default(), first.next().unwrap_or_default());
    let headers: Vec<(String, String)> = lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect();
    let mut seen = Seen { method: method.to_owned(), target: target.to_owned(), headers, body: Vec::new() };
    let length: usize = seen.header("content-length").parse().unwrap_or(0);
    while body.len() < length {
        anyhow::ensure!(stream.read_buf(&mut body).await? > 0, "the connection ended within a body");
    }
    seen.body = body;
    Ok(seen)
}

async fn answer(stream: &mut impl Stream, reply: Reply, tag: &str) -> Result<()> {
    match reply {
        Reply::Whole { status, headers, body } => whole(stream, status, &headers, &body).await,
        Reply::Tagged { etag, .. } if tag == etag => {
            whole(stream, 304, &[("etag", etag.to_owned())], b"").await
        }
        Reply::Tagged { etag, body } => whole(stream, 200, &[("etag", etag.to_owned())], &body).await,
        Reply::Half(body) => {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", body.len() * 2);
            stream.write_all(head.as_bytes()).await?;
            Ok(stream.write_all(&body).await?)
        }
        Reply::Drip => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 10000\r\n\r\n").await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        }
        Reply::Silent => {
            // Until the client has enough of it.
            while stream.read(&mut [0; 64]).await? > 0 {}
            Ok(())
        }
        Reply::Endless => {
            stream.write_all(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n").await?;
            let chunk = [b"4000\r\n".as_slice(), &[b' '; 0x4000], b"\r\n"].concat();
            loop {
                stream.write_all(&chunk).await?;
            }
        }
        Reply::Raw(bytes) => Ok(stream.write_all(&bytes).await?),
        Reply::Held(gate, then) => {
            gate.pass().await;
            Box::pin(answer(stream, *then, tag)).await
        }
    }
}

async fn whole(
    stream: &mut impl Stream,
    status: u16,
    headers: &[(&'static str, String)],
    body: &[u8],
) -> Result<()> {
    let mut head = format!("HTTP/1.1 {status} Status\r\nconnection: close\r\n");
    if status != 304 {
        head.push_str(&format!("content-length: {}\r\n", body.len()));
    }
    for (name, value) in headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    stream.write_all(head.as_bytes()).await?;
    Ok(stream.write_all(body).await?)
}
