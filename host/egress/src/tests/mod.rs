//! The gate over real sockets on 127.0.0.1. Both keys to loopback are turned where a test does not say
//! otherwise; names end in `.test` and are looked up in a table.

mod bodies;
mod forwarding;
mod pooling;
mod screening;
mod timing;
mod tls;

use std::collections::VecDeque;
use std::convert::Infallible;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use futures::future::BoxFuture;
use http::{Request, Response};
use http_body::{Body, Frame};
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use parking_lot::Mutex;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Answers from a script, the last entry again and again, and counts.
#[derive(Default)]
struct Table {
    answers: Mutex<VecDeque<Vec<IpAddr>>>,
    lookups: AtomicUsize,
    /// Never answers.
    silent: bool,
}

impl Table {
    fn always(addresses: &[IpAddr]) -> Arc<Self> {
        Self::script(&[addresses])
    }

    fn script(answers: &[&[IpAddr]]) -> Arc<Self> {
        let answers = Mutex::new(answers.iter().map(|answer| answer.to_vec()).collect());
        Arc::new(Self { answers, ..Self::default() })
    }

    fn lookups(&self) -> usize {
        self.lookups.load(Ordering::SeqCst)
    }
}

impl Resolver for Table {
    fn resolve<'a>(&'a self, host: &'a str) -> BoxFuture<'a, io::Result<Vec<IpAddr>>> {
        Box::pin(async move {
            self.lookups.fetch_add(1, Ordering::SeqCst);
            if self.silent {
                std::future::pending::<()>().await;
            }
            if !host.ends_with(".test") {
                return Err(io::Error::other("no such host"));
            }
            let mut answers = self.answers.lock();
            let answer = if answers.len() > 1 { answers.pop_front() } else { answers.front().cloned() };
            Ok(answer.unwrap_or_default())
        })
    }
}

/// A client and all that it is made of.
struct Bench {
    client: Client,
    table: Arc<Table>,
    records: Arc<Mutex<Vec<Record>>>,
}

/// What a bench is made from.
struct Setup {
    table: Arc<Table>,
    roots: Roots,
    screening: Screening,
    policy: Policy,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            table: Table::always(&[LOOPBACK]),
            roots: Roots::none(),
            screening: Screening { allow_private: true },
            policy: Policy::default(),
        }
    }
}

impl Setup {
    /// One grant for everything that tests ask for, at these origins.
    fn granting(origins: &[String]) -> Self {
        let grant = HttpGrant {
            origins: origins.iter().map(|origin| origin.parse().unwrap()).collect(),
            methods: Methods::try_from(["GET", "HEAD", "POST"].map(str::to_owned).to_vec()).unwrap(),
            headers: HeaderNames::default(),
            addresses: vec!["127.0.0.0/8".parse().unwrap()],
            mode: Mode::Enforce,
        };
        Self { policy: Policy { grants: vec![grant], ..Policy::default() }, ..Self::default() }
    }

    fn limits(mut self, change: impl FnOnce(&mut HttpLimits)) -> Self {
        change(&mut self.policy.limits);
        self
    }

    fn bench(self) -> Bench {
        let shared = Shared::new(self.roots)
            .with_resolver(self.table.clone())
            .with_screening(self.screening)
            .with_clock(|| SystemTime::UNIX_EPOCH);
        let records = Arc::new(Mutex::new(Vec::new()));
        let sink = {
            let records = Arc::clone(&records);
            Arc::new(move |record| records.lock().push(record))
        };
        let client = Client::new(Arc::new(shared), PluginName::new("acme/tool"), self.policy, sink);
        Bench { client, table: self.table, records }
    }
}

impl Bench {
    async fn get(&self, uri: &str) -> Result<Response<BoundedBody>, EgressError> {
        self.client.send(get(uri)).await
    }

    /// Status and whole body.
    async fn fetch(&self, uri: &str) -> Result<(u16, Bytes), EgressError> {
        let response = self.get(uri).await?;
        let status = response.status().as_u16();
        Ok((status, response.into_body().collect().await?.to_bytes()))
    }

    /// The only record so far.
    fn record(&self) -> Record {
        let records = self.records.lock();
        assert_eq!(records.len(), 1, "{records:#?}");
        records[0].clone()
    }

    fn last(&self) -> Record {
        self.records.lock().last().cloned().unwrap()
    }
}

fn get(uri: &str) -> Request<Empty<Bytes>> {
    Request::get(uri).body(Empty::new()).unwrap()
}

fn code<T>(outcome: Result<T, EgressError>) -> &'static str {
    outcome.map_or_else(|error| error.code(), |_| "ok")
}

/// A body that a test feeds frame by frame; ends when its sender is dropped.
struct Fed(tokio::sync::mpsc::UnboundedReceiver<Bytes>);

impl Fed {
    fn new() -> (tokio::sync::mpsc::UnboundedSender<Bytes>, Self) {
        let (feed, fed) = tokio::sync::mpsc::unbounded_channel();
        (feed, Self(fed))
    }
}

impl Body for Fed {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_recv(cx).map(|data| data.map(|data| Ok(Frame::data(data))))
    }
}

/// How many connections a server took and how many of them are over.
#[derive(Clone, Copy, Default, Debug, PartialEq, Eq)]
struct Seen {
    opened: usize,
    closed: usize,
}

/// A server on 127.0.0.1 that lives as long as the test.
struct Server {
    address: SocketAddr,
    seen: watch::Receiver<Seen>,
}

impl Server {
    /// Serves each connection by `serve`.
    async fn start<F, R>(at: IpAddr, serve: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self::on(TcpListener::bind((at, 0)).await.unwrap(), serve)
    }

    fn on<F, R>(listener: TcpListener, serve: F) -> Self
    where
        F: Fn(TcpStream) -> R + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        let address = listener.local_addr().unwrap();
        let (counter, seen) = watch::channel(Seen::default());
        let counter = Arc::new(counter);
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                counter.send_modify(|seen| seen.opened += 1);
                let (served, counter) = (serve(stream), Arc::clone(&counter));
                tokio::spawn(async move {
                    served.await;
                    counter.send_modify(|seen| seen.closed += 1);
                });
            }
        });
        Self { address, seen }
    }

    /// An HTTP/1.1 server.
    async fn http<F, B>(answer: F) -> Self
    where
        F: Fn(Request<Incoming>) -> Response<B> + Clone + Send + 'static,
        B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
    {
        Self::start(LOOPBACK, move |stream| http1(stream, answer.clone())).await
    }

    /// Reads one request's head from each connection, then does what `then` says.
    async fn raw<F, R>(then: F) -> Self
    where
        F: Fn(TcpStream) -> R + Clone + Send + 'static,
        R: Future<Output = ()> + Send + 'static,
    {
        Self::start(LOOPBACK, move |mut stream| {
            let then = then.clone();
            async move {
                if head(&mut stream).await.is_some() {
                    then(stream).await;
                }
            }
        })
        .await
    }

    /// Writes `answer` after each request's head and waits for the client to close.
    async fn canned(answer: impl Into<Vec<u8>>) -> Self {
        let answer: Arc<[u8]> = answer.into().into();
        Self::raw(move |mut stream| {
            let answer = Arc::clone(&answer);
            async move {
                if tokio::io::AsyncWriteExt::write_all(&mut stream, &answer).await.is_ok() {
                    drain(&mut stream).await;
                }
            }
        })
        .await
    }

    fn origin(&self, name: &str) -> String {
        format!("http://{name}.test:{}", self.address.port())
    }

    fn opened(&self) -> usize {
        self.seen.borrow().opened
    }

    /// Waits until so many connections are over.
    async fn closed(&self, count: usize) {
        self.seen.clone().wait_for(|seen| seen.closed >= count).await.unwrap();
    }
}

/// Reads up to the end of a request's head.
async fn head(stream: &mut (impl AsyncRead + Unpin)) -> Option<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        head.push(stream.read_u8().await.ok()?);
    }
    String::from_utf8(head).ok()
}

/// Reads until the other side closes.
async fn drain(stream: &mut (impl AsyncRead + Unpin)) {
    let mut bytes = [0; 1024];
    while matches!(stream.read(&mut bytes).await, Ok(1..)) {}
}

async fn http1<S, F, B>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin,
    F: Fn(Request<Incoming>) -> Response<B>,
    B: Body<Data = Bytes, Error = Infallible> + 'static,
{
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request))));
    let _ = hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn http2<S, F, B>(stream: S, answer: F)
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    F: Fn(Request<Incoming>) -> Response<B> + Send + 'static,
    B: Body<Data = Bytes, Error = Infallible> + Send + 'static,
{
    let service = service_fn(move |request| std::future::ready(Ok::<_, Infallible>(answer(request))));
    let _ = hyper::server::conn::http2::Builder::new(TokioExecutor::new())
        .max_header_list_size(1 << 20)
        .serve_connection(TokioIo::new(stream), service)
        .await;
}

fn text(body: &str) -> Response<Full<Bytes>> {
    Response::new(Full::new(Bytes::copy_from_slice(body.as_bytes())))
}

/// Lets other tasks run until `condition` holds, without a clock.
async fn until(condition: impl Fn() -> bool) {
    poll_fn(|cx| {
        if condition() {
            return std::task::Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        std::task::Poll::Pending
    })
    .await;
}

const SECOND: Duration = Duration::from_secs(1);
