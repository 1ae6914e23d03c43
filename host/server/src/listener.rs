//! The host's listener: HTTP/1.1, over TLS where it is configured, for as many connections as the configuration allows, none of which is held by a
//! client that does not get on with it.
//!
//! A request's head has to be whole within `header_timeout`, counted from when the connection begins to wait for
//! it: this bounds half heads and idle connections alike. A TLS handshake has as long. Past `connections`, new ones wait in the system's queue
//! until one ends. When the host stops, no connection is taken, each ends with the request that it is at, and
//! [`serve`] returns after the last.

use std::io::ErrorKind;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::Request;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::{Service as _, service_fn};
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use jiff::Timestamp;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waystation_pki::{Peer, PeerAddress};

use crate::api;
use crate::host::Host;
use crate::pki::Connection;

/// Bytes of a request's head, and of a body that is read ahead.
const MAX_BUFFER: usize = 64 << 10;

/// Pause after the system refused a connection, for want of descriptors for instance.
const REST: Duration = Duration::from_millis(500);

/// Between two lines of the log that say the same.
const QUIET: Duration = Duration::from_secs(60);

/// See the module.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Bounds {
    pub(crate) header_timeout: Duration,
    pub(crate) connections: usize,
}

/// Serves until told to stop, and until the last connection ended.
pub(crate) async fn serve(listener: TcpListener, host: Host, bounds: Bounds, stop: CancellationToken) {
    let router = api::router(host.clone());
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout).max_buf_size(MAX_BUFFER);
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let (open, mut said) = (TaskTracker::new(), None);
    while let Some(turn) = stop.run_until_cancelled(turn(&connections, &mut said)).await.flatten() {
        match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok(accepted)) => {
                let served = (host.clone(), router.clone());
                drop(open.spawn(connection(http.clone(), accepted, served, bounds, stop.clone(), turn)));
            }
            // The client was gone before it was its turn.
            Some(Err(e)) if matches!(e.kind(), ErrorKind::ConnectionAborted | ErrorKind::ConnectionReset) => {
            }
            Some(Err(e)) => {
                tracing::error!(error = %e, "no connection can be taken; trying again");
                tokio::time::sleep(REST).await;
            }
        }
    }
    drop(listener);
    open.close();
    open.wait().await;
}

/// Waits until there may be one connection more.
async fn turn(connections: &Arc<Semaphore>, said: &mut Option<Instant>) -> Option<OwnedSemaphorePermit> {
    if connections.available_permits() == 0 && said.is_none_or(|said| said.elapsed() > QUIET) {
        *said = Some(Instant::now());
        tracing::warn!("as many connections are open as `server.max_connections` allows; others wait");
    }
    Arc::clone(connections).acquire_owned().await.ok()
}

/// What comes before HTTP: the handshake, where there is one. Whose certificate is not good gets no further.
async fn connection(
    http: http1::Builder,
    (stream, address): (TcpStream, SocketAddr),
    (host, router): (Host, Router),
    bounds: Bounds,
    stop: CancellationToken,
    turn: OwnedSemaphorePermit,
) {
    let address = PeerAddress::Ip(address.ip().to_canonical());
    let Some(door) = host.pki().door() else {
        let connection = Connection { address, peer: Peer::Anonymous };
        return requests(http, stream, router, connection, stop, turn).await;
    };
    let handshake = tokio::time::timeout(bounds.header_timeout, door.acceptor().accept(stream));
    let stream = match stop.run_until_cancelled(handshake).await {
        Some(Ok(Ok(stream))) => stream,
        Some(Ok(Err(e))) => return refused(&e),
        Some(Err(_)) => return tracing::debug!("a TLS handshake took too long"),
        None => return,
    };
    let certificates = stream.get_ref().1.peer_certificates();
    match host.pki().identities().of_connection(certificates, Timestamp::now()) {
        Ok(peer) => requests(http, stream, router, Connection { address, peer }, stop, turn).await,
        Err(e) => tracing::debug!(code = e.code(), error = %e, "a client's certificate was refused"),
    }
}

fn refused(error: &std::io::Error) {
    let tls = error.get_ref().and_then(|e| e.downcast_ref::<rustls::Error>());
    match tls.and_then(waystation_pki::refusal) {
        Some(e) => tracing::debug!(code = e.code(), error = %e, "a client's certificate was refused"),
        None => tracing::debug!(%error, "a TLS handshake failed"),
    }
}

async fn requests(
    http: http1::Builder,
    stream: impl AsyncRead + AsyncWrite + Send + Unpin + 'static,
    router: Router,
    connection: Connection,
    stop: CancellationToken,
    turn: OwnedSemaphorePermit,
) {
    let router = TowerToHyperService::new(router);
    let service = service_fn(move |mut request: Request<Incoming>| {
        request.extensions_mut().insert(connection.clone());
        router.call(request)
    });
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), service));
    let ended = tokio::select! {
        ended = connection.as_mut() => ended,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(e) = ended {
        tracing::debug!(error = %e, "a connection ended before its time");
    }
    drop(turn);
}
