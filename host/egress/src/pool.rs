//! `Pool`: the open connections of one client, kept for the next request.
//!
//! A connection is kept under its origin with the address it goes to. It is handed out again only where
//! the new request may go to that address, and closed after [`IDLE`] without use. While nothing is kept,
//! the pool has no task.

use std::collections::HashMap;
use std::convert::Infallible;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Weak};
use std::time::Duration;

use http::{Request, Response};
use hyper::body::Incoming;
use hyper::client::conn::{TrySendError, http1, http2};
use parking_lot::Mutex;
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until, timeout};

use crate::Origin;
use crate::request_body::RequestBody;

/// How long a connection without a request stays open.
pub(crate) const IDLE: Duration = Duration::from_secs(30);

/// How long a connection that nobody needs any more may take to close.
const LINGER: Duration = Duration::from_secs(5);

/// How long a kept HTTP/1 connection may take to be ready again. Its last response was read to the end, so
/// it is a matter of one turn of its task.
const READY: Duration = Duration::from_secs(1);

/// Idle HTTP/1 connections kept for one origin, and in all.
const PER_ORIGIN: usize = 16;
const IN_ALL: usize = 32;

/// Keeps the task of a connection going. When it is dropped, the connection has [`LINGER`] to close.
pub(crate) struct Held {
    _held: oneshot::Sender<Infallible>,
}

/// Runs a connection in a task of its own until it ends or is let go.
pub(crate) fn drive<C, T>(connection: C) -> Held
where
    C: Future<Output = T> + Send + 'static,
    T: Send,
{
    let (held, let_go) = oneshot::channel();
    tokio::spawn(async move {
        let mut connection = std::pin::pin!(connection);
        // How the connection ended is known to the request that it carried.
        tokio::select! {
            _ = &mut connection => {}
            _ = let_go => { let _ = timeout(LINGER, connection).await; }
        }
    });
    Held { _held: held }
}

/// A connection that can carry requests.
pub(crate) enum Line {
    /// HTTP/1.1: one request at a time, so it belongs to whoever has it.
    One { sender: http1::SendRequest<RequestBody>, held: Held },
    /// HTTP/2: many requests at once, so it is shared.
    Many(Share),
}

/// One request's share of an HTTP/2 connection.
pub(crate) struct Share {
    sender: http2::SendRequest<RequestBody>,
    trunk: Arc<Trunk>,
}

/// An HTTP/2 connection. It is let go when the last share and the pool are done with it.
struct Trunk {
    sender: http2::SendRequest<RequestBody>,
    address: SocketAddr,
    _held: Held,
    load: Mutex<Load>,
}

/// How many requests an HTTP/2 connection carries, and when that last changed.
struct Load {
    shares: usize,
    since: Instant,
}

impl Share {
    fn of(trunk: &Arc<Trunk>) -> Self {
        let mut load = trunk.load.lock();
        load.shares += 1;
        load.since = Instant::now();
        drop(load);
        Self { sender: trunk.sender.clone(), trunk: Arc::clone(trunk) }
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        let mut load = self.trunk.load.lock();
        load.shares = load.shares.saturating_sub(1);
        load.since = Instant::now();
    }
}

impl Line {
    pub(crate) fn http2(sender: http2::SendRequest<RequestBody>, address: SocketAddr, held: Held) -> Self {
        let load = Mutex::new(Load { shares: 0, since: Instant::now() });
        Self::Many(Share::of(&Arc::new(Trunk { sender, address, _held: held, load })))
    }
}

/// A connection lent to one request.
pub(crate) struct Lease {
    origin: Origin,
    address: SocketAddr,
    reused: bool,
    line: Line,
    pool: Weak<Pool>,
}

impl Lease {
    pub(crate) const fn address(&self) -> SocketAddr {
        self.address
    }

    pub(crate) const fn reused(&self) -> bool {
        self.reused
    }

    pub(crate) const fn is_http2(&self) -> bool {
        matches!(self.line, Line::Many(_))
    }

    /// Whether it can take a request. A kept connection may have been closed by the server.
    pub(crate) async fn ready(&mut self) -> bool {
        let ready = async {
            match &mut self.line {
                Line::One { sender, .. } => sender.ready().await,
                Line::Many(share) => share.sender.ready().await,
            }
        };
        matches!(timeout(READY, ready).await, Ok(Ok(())))
    }

    /// Sends the request. The error holds the request where no byte of it was sent.
    pub(crate) async fn send(
        &mut self,
        request: Request<RequestBody>,
    ) -> Result<Response<Incoming>, TrySendError<Request<RequestBody>>> {
        match &mut self.line {
            Line::One { sender, .. } => sender.try_send_request(request).await,
            Line::Many(share) => share.sender.try_send_request(request).await,
        }
    }

    /// Gives the connection back, after a response that was read to its end.
    pub(crate) fn release(self) {
        if let (Line::One { sender, held }, Some(pool)) = (self.line, self.pool.upgrade()) {
            pool.keep(self.origin, Idle { sender, held, address: self.address, since: Instant::now() });
        }
    }
}

/// An HTTP/1 connection without a request.
struct Idle {
    sender: http1::SendRequest<RequestBody>,
    held: Held,
    address: SocketAddr,
    since: Instant,
}

#[derive(Default)]
struct Kept {
    closed: bool,
    /// Whether the task that closes idle connections runs.
    swept: bool,
    idle: HashMap<Origin, Vec<Idle>>,
    trunks: HashMap<Origin, Vec<Arc<Trunk>>>,
}

/// The connections of one client.
#[derive(Default)]
pub(crate) struct Pool(Mutex<Kept>);

impl Pool {
    /// A kept connection to `origin` whose address is `permitted`, the one used last.
    pub(crate) fn take(
        self: &Arc<Self>,
        origin: &Origin,
        permitted: impl Fn(IpAddr) -> bool,
    ) -> Option<Lease> {
        let mut kept = self.0.lock();
        let (address, line) = kept.trunk(origin, &permitted).or_else(|| kept.idle(origin, &permitted))?;
        drop(kept);
        Some(Lease { origin: origin.clone(), address, reused: true, line, pool: Arc::downgrade(self) })
    }

    /// Lends out a connection that was just made, and keeps it if others can share it.
    pub(crate) fn lend(self: &Arc<Self>, origin: &Origin, address: SocketAddr, line: Line) -> Lease {
        if let Line::Many(share) = &line {
            let mut kept = self.0.lock();
            if !kept.closed {
                kept.trunks.entry(origin.clone()).or_default().push(Arc::clone(&share.trunk));
                self.sweep_later(&mut kept);
            }
        }
        Lease { origin: origin.clone(), address, reused: false, line, pool: Arc::downgrade(self) }
    }

    fn keep(self: &Arc<Self>, origin: Origin, idle: Idle) {
        let mut kept = self.0.lock();
        let in_all: usize = kept.idle.values().map(Vec::len).sum();
        if kept.closed || idle.sender.is_closed() || in_all >= IN_ALL {
            return;
        }
        let of_origin = kept.idle.entry(origin).or_default();
        if of_origin.len() < PER_ORIGIN {
            of_origin.push(idle);
            self.sweep_later(&mut kept);
        }
    }

    /// Closes what is idle and keeps nothing from now on. Requests under way go on.
    pub(crate) fn close(&self) {
        let mut kept = self.0.lock();
        kept.closed = true;
        kept.idle.clear();
        kept.trunks.clear();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.0.lock().closed
    }

    /// Connections that are kept, for `Debug` and tests.
    pub(crate) fn len(&self) -> usize {
        let kept = self.0.lock();
        kept.idle.values().map(Vec::len).sum::<usize>() + kept.trunks.values().map(Vec::len).sum::<usize>()
    }

    fn sweep_later(self: &Arc<Self>, kept: &mut Kept) {
        if kept.swept {
            return;
        }
        kept.swept = true;
        let pool = Arc::downgrade(self);
        tokio::spawn(async move {
            while let Some(next) = pool.upgrade().and_then(|pool| pool.0.lock().sweep(Instant::now())) {
                sleep_until(next).await;
            }
        });
    }
}

impl Kept {
    fn trunk(&mut self, origin: &Origin, permitted: &impl Fn(IpAddr) -> bool) -> Option<(SocketAddr, Line)> {
        let trunks = self.trunks.get_mut(origin)?;
        trunks.retain(|trunk| !trunk.sender.is_closed());
        let trunk = trunks.iter().rev().find(|trunk| permitted(trunk.address.ip()))?;
        Some((trunk.address, Line::Many(Share::of(trunk))))
    }

    fn idle(&mut self, origin: &Origin, permitted: &impl Fn(IpAddr) -> bool) -> Option<(SocketAddr, Line)> {
        let idle = self.idle.get_mut(origin)?;
        idle.retain(|idle| !idle.sender.is_closed());
        let place = idle.iter().rposition(|idle| permitted(idle.address.ip()))?;
        let Idle { sender, held, address, .. } = idle.remove(place);
        Some((address, Line::One { sender, held }))
    }

    /// Closes what was idle for too long. Says when to look again; none when nothing is left, and then
    /// the task must end.
    fn sweep(&mut self, now: Instant) -> Option<Instant> {
        let mut next: Option<Instant> = None;
        let mut stays = |closed: bool, expires: Instant| {
            let stays = !closed && expires > now;
            if stays {
                next = Some(next.map_or(expires, |next| next.min(expires)));
            }
            stays
        };
        self.idle.retain(|_, idle| {
            idle.retain(|idle| stays(idle.sender.is_closed(), idle.since + IDLE));
            !idle.is_empty()
        });
        self.trunks.retain(|_, trunks| {
            trunks.retain(|trunk| {
                let load = trunk.load.lock();
                let since = if load.shares > 0 { now } else { load.since };
                stays(trunk.sender.is_closed(), since + IDLE)
            });
            !trunks.is_empty()
        });
        self.swept = next.is_some();
        next
    }
}
