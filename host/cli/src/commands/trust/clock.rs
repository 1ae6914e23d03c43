//! `waystation trust clock`: a timestamp authority over HTTP (RFC 3161, 3.4), so that it can be on another machine than
//! the keys that it dates.
//!
//! It says of whatever it is asked about when it was asked, and knows nothing else. So anybody may ask; how much of that
//! there can be is bounded.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{ALLOW, CONTENT_TYPE};
use http::{Method, Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::Semaphore;
use waystation_sign::{Authority, Query};

use crate::args::Global;
use crate::args::sign::TrustClock;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use crate::signing::Asked;

/// The longest question, in bytes.
const MAX_QUERY: usize = 4 << 10;
/// The most connections at once; others wait in the system's queue.
const CONNECTIONS: usize = 64;
/// For one question and its answer.
const PATIENCE: Duration = Duration::from_secs(10);
/// After the system refused a connection.
const REST: Duration = Duration::from_millis(500);

pub(super) async fn run(global: &Global, args: &TrustClock) -> Outcome {
    // Before anything is announced, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let authority = Asked::new(&args.passphrase).open(&args.authority, Authority::from_pem)?;
    let listen =
        |e| Failure::new(Exit::Failed, format!("cannot listen on {}: {e}", args.listen)).code("listen");
    let listener = TcpListener::bind(args.listen).await.map_err(listen)?;
    let url = format!("http://{}", listener.local_addr()?);
    match global.json {
        true => output::json_line(&json!({ "url": url }))?,
        false => output::note(format!("{} tells the time at {url}", authority.name())),
    }
    tokio::select! {
        () = serve(listener, Arc::new(authority)) => {}
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    Ok(())
}

async fn serve(listener: TcpListener, authority: Arc<Authority>) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS));
    loop {
        let Ok(turn) = Arc::clone(&connections).acquire_owned().await else { return };
        let Ok((stream, _)) = listener.accept().await else {
            // For want of descriptors, for instance: some will be free again.
            tokio::time::sleep(REST).await;
            continue;
        };
        let authority = Arc::clone(&authority);
        tokio::spawn(async move {
            let answer = service_fn(|request| {
                let authority = Arc::clone(&authority);
                async move { Ok::<_, Infallible>(answer(&authority, request).await) }
            });
            let mut http = http1::Builder::new();
            http.timer(TokioTimer::new()).header_read_timeout(PATIENCE).keep_alive(false);
            // Who breaks off, or is too slow, has no answer, and that is all.
            let _ = tokio::time::timeout(PATIENCE, http.serve_connection(TokioIo::new(stream), answer)).await;
            drop(turn);
        });
    }
}

async fn answer(authority: &Authority, request: Request<Incoming>) -> Response<Full<Bytes>> {
    let refused = |status: StatusCode, name, value| {
        let mut response = Response::new(Full::default());
        *response.status_mut() = status;
        response.headers_mut().insert(name, http::HeaderValue::from_static(value));
        response
    };
    if request.method() != Method::POST {
        return refused(StatusCode::METHOD_NOT_ALLOWED, ALLOW, "POST");
    }
    let kind = request.headers().get(CONTENT_TYPE).map(http::HeaderValue::as_bytes);
    if kind != Some(Query::CONTENT_TYPE.as_bytes()) {
        return refused(StatusCode::UNSUPPORTED_MEDIA_TYPE, CONTENT_TYPE, "text/plain");
    }
    let Ok(query) = Limited::new(request.into_body(), MAX_QUERY).collect().await else {
        return refused(StatusCode::PAYLOAD_TOO_LARGE, CONTENT_TYPE, "text/plain");
    };
    let mut response = Response::new(Full::from(authority.respond(&query.to_bytes(), Timestamp::now())));
    let kind = http::HeaderValue::from_static(Query::ANSWER_TYPE);
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}
