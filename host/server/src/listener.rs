//! The host's listener: HTTP/1.1 for as many connections as the configuration allows, none of which is held by a
//! client that does not get on with it.
//!
//! A request's head has to be whole within `header_timeout`, counted from when the connection begins to wait for
//! it: this bounds half heads and idle connections alike. Past `connections`, new ones wait in the system's queue
//! until one ends. When the host stops, no connection is taken, each ends with the request that it is at, and
//! [`serve`] returns after the last.

use std::io::ErrorKind;
use std::pin::pin;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

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
pub(crate) async fn serve(listener: TcpListener, router: Router, bounds: Bounds, stop: CancellationToken) {
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(bounds.header_timeout).max_buf_size(MAX_BUFFER);
    let connections = Arc::new(Semaphore::new(bounds.connections));
    let (open, mut said) = (TaskTracker::new(), None);
    while let Some(turn) = stop.run_until_cancelled(turn(&connections, &mut said)).await.flatten() {
        match stop.run_until_cancelled(listener.accept()).await {
            None => break,
            Some(Ok((stream, _))) => {
                drop(open.spawn(connection(http.clone(), stream, router.clone(), stop.clone(), turn)));
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

async fn connection(
    http: http1::Builder,
    stream: TcpStream,
    router: Router,
    stop: CancellationToken,
    turn: OwnedSemaphorePermit,
) {
    let mut connection = pin!(http.serve_connection(TokioIo::new(stream), TowerToHyperService::new(router)));
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
