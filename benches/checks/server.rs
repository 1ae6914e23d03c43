//! The remote that both ask: a sparse index of crates.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use http::{Request, Response, StatusCode};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

/// How many versions each crate has.
const VERSIONS: u64 = 20;

/// What answers depend on.
struct State {
    delay: Duration,
    /// Whether each round brings a release of every crate.
    changing: AtomicBool,
    round: AtomicU64,
}

/// A server on a thread of its own; it ends with the process.
pub(crate) struct Server {
    address: SocketAddr,
    state: Arc<State>,
}

impl Server {
    /// Starts a server that waits this long before it answers.
    pub(crate) fn start(delay: Duration) -> Result<Self> {
        let state = Arc::new(State { delay, changing: AtomicBool::new(false), round: AtomicU64::new(0) });
        let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
        listener.set_nonblocking(true)?;
        let address = listener.local_addr()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = Arc::clone(&state);
        std::thread::Builder::new()
            .name("remote".into())
            .spawn(move || runtime.block_on(serve(listener, serving)))
            .context("no thread for the server")?;
        Ok(Self { address, state })
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Whether each round brings a release of every crate, or nothing at all.
    pub(crate) fn change(&self, changing: bool) {
        self.state.changing.store(changing, Ordering::Relaxed);
    }

    /// Begins a round.
    pub(crate) fn next_round(&self) {
        if self.state.changing.load(Ordering::Relaxed) {
            self.state.round.fetch_add(1, Ordering::Relaxed);
        }
    }
}

async fn serve(listener: std::net::TcpListener, state: Arc<State>) -> Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let state = Arc::clone(&state);
        let service = service_fn(move |request| answer(request, Arc::clone(&state)));
        tokio::spawn(async move {
            let mut server = hyper::server::conn::http1::Builder::new();
            // A client that goes away in between is no failure.
            let _ = server.timer(TokioTimer::new()).serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn answer(request: Request<Incoming>, state: Arc<State>) -> Result<Response<Full<Bytes>>, Infallible> {
    if !state.delay.is_zero() {
        tokio::time::sleep(state.delay).await;
    }
    let round = state.round.load(Ordering::Relaxed);
    let tag = format!("\"{round}\"");
    let known = request.headers().get(http::header::IF_NONE_MATCH);
    let mut response = Response::new(Full::default());
    if known.is_some_and(|known| known.as_bytes() == tag.as_bytes()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else {
        let name = request.uri().path().rsplit('/').next().unwrap_or_default();
        *response.body_mut() = Full::from(file(name, round));
    }
    if let Ok(tag) = tag.parse() {
        response.headers_mut().insert(http::header::ETAG, tag);
    }
    Ok(response)
}

/// The index file of a crate: as many lines in every round, the last one new.
fn file(name: &str, round: u64) -> String {
    let mut text = String::new();
    for minor in round..round + VERSIONS {
        text.push_str(&format!(
            "{{\"name\":\"{name}\",\"vers\":\"1.{minor}.0\",\"deps\":[{{\"name\":\"serde\",\"req\":\"^1.0\",\
             \"features\":[],\"optional\":false,\"default_features\":true,\"target\":null,\"kind\":\"normal\"}}],\
             \"cksum\":\"4148590afebada386688f18773da617792bf2ef03ffc1e4cbd2b1d45b023e0ba\",\"features\":{{}},\
             \"yanked\":false}}\n"
        ));
    }
    text
}
