//! `waystation registry index serve`: the files of an index to whoever asks, and nothing else of the folder.
//!
//! HTTP/1.1, reading only. A connection that does not get on is closed; there are only so many at once.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::stream;
use http::header::{ALLOW, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, X_CONTENT_TYPE_OPTIONS};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt, Empty, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde_json::json;
use tokio::fs::File;
use tokio::io::AsyncReadExt as _;
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use waystation_index::is_served;

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

/// Connections at once; others wait in the system's queue.
const CONNECTIONS: usize = 256;
/// For a request's head.
const HEAD: Duration = Duration::from_secs(10);
/// For a connection in all.
const CONNECTION: Duration = Duration::from_secs(600);
/// Pause after the system refused a connection.
const REST: Duration = Duration::from_millis(500);
/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

type Body = BoxBody<Bytes, std::io::Error>;

pub(super) async fn run(global: &Global, dir: &Path, listen: SocketAddr) -> Outcome {
    if !dir.join("metadata/timestamp.json").is_file() {
        let message = format!("{} holds no published index", dir.display());
        return Err(Failure::new(Exit::Failed, message).code("index-not-here"));
    }
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let unusable = |e| Failure::new(Exit::Failed, format!("cannot listen at {listen}: {e}")).code("listen");
    let listener = TcpListener::bind(listen).await.map_err(unusable)?;
    let url = format!("http://{}/", listener.local_addr().map_err(unusable)?);
    match global.json {
        true => output::json(&json!({ "url": url }))?,
        false => output::note(format!("{} is served at {url}", dir.display())),
    }
    tokio::select! {
        () = accept(&listener, dir) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn accept(listener: &TcpListener, dir: &Path) {
    let dir: Arc<Path> = dir.into();
    let turns = Arc::new(Semaphore::new(CONNECTIONS));
    while let Ok(turn) = Arc::clone(&turns).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let dir = Arc::clone(&dir);
                drop(tokio::spawn(async move {
                    // How a connection ends concerns its client only.
                    let _ = tokio::time::timeout(CONNECTION, connection(stream, dir)).await;
                    drop(turn);
                }));
            }
            Err(_) => tokio::time::sleep(REST).await,
        }
    }
}

async fn connection(stream: TcpStream, dir: Arc<Path>) -> Result<(), hyper::Error> {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD);
    let service = service_fn(move |request: Request<Incoming>| {
        let dir = Arc::clone(&dir);
        async move { Ok::<_, Infallible>(answer(&request, &dir).await) }
    });
    http.serve_connection(TokioIo::new(stream), service).await
}

async fn answer(request: &Request<Incoming>, dir: &Path) -> Response<Body> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut refused = status(StatusCode::METHOD_NOT_ALLOWED);
        refused.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    let Some(path) = path_of(request.uri().path()) else { return status(StatusCode::NOT_FOUND) };
    let Ok(file) = File::open(dir.join(&path)).await else { return status(StatusCode::NOT_FOUND) };
    let length = match file.metadata().await {
        Ok(about) if about.is_file() => about.len(),
        _ => return status(StatusCode::NOT_FOUND),
    };
    let body = match *request.method() {
        Method::HEAD => empty(),
        _ => pieces(file, length),
    };
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    let json = path.extension().is_some_and(|extension| extension == "json");
    let kind = if json { "application/json" } else { "application/x-tar" };
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(kind));
    headers.insert(CONTENT_LENGTH, length.into());
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // Signatures are added to plugins; what is named by version or digest stays as it is.
    let fixed = json && !path.ends_with("timestamp.json");
    let cache = if fixed { "public, max-age=31536000, immutable" } else { "no-cache" };
    headers.insert(CACHE_CONTROL, HeaderValue::from_static(cache));
    response
}

/// The file of the index that an address means. No other has a `%` than that of a `+` in a version.
fn path_of(path: &str) -> Option<PathBuf> {
    let path = path.strip_prefix('/')?.replace("%2B", "+").replace("%2b", "+");
    is_served(&path).then(|| path.into())
}

fn pieces(file: File, length: u64) -> Body {
    let next = |(mut file, left): (File, u64)| async move {
        let mut piece = vec![0; PIECE.min(usize::try_from(left).unwrap_or(PIECE))];
        match file.read(&mut piece).await {
            Ok(0) => None,
            Ok(read) => {
                piece.truncate(read);
                Some((Ok(Frame::data(Bytes::from(piece))), (file, left.saturating_sub(read as u64))))
            }
            Err(e) => Some((Err(e), (file, 0))),
        }
    };
    BodyExt::boxed(StreamBody::new(stream::unfold((file, length), next)))
}

fn empty() -> Body {
    Empty::new().map_err(|never: Infallible| match never {}).boxed()
}

fn status(status: StatusCode) -> Response<Body> {
    let mut response = Response::new(empty());
    *response.status_mut() = status;
    response
}
