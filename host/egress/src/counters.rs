//! Running totals of one client.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a client did since it was made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counters {
    /// Requests that were asked for, denied ones too.
    pub requests: u64,
    /// Requests that the gate refused.
    pub denied: u64,
    /// Bytes of response bodies received. Counted when a response ends.
    pub bytes_in: u64,
    /// Bytes of request bodies sent. Counted when a response ends.
    pub bytes_out: u64,
}

/// The counters while they run.
#[derive(Debug, Default)]
pub(crate) struct Running {
    requests: AtomicU64,
    denied: AtomicU64,
    bytes_in: AtomicU64,
    bytes_out: AtomicU64,
}

impl Running {
    pub(crate) fn request(&self) {
        self.requests.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn denied(&self) {
        self.denied.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn moved(&self, bytes_in: u64, bytes_out: u64) {
        self.bytes_in.fetch_add(bytes_in, Ordering::Relaxed);
        self.bytes_out.fetch_add(bytes_out, Ordering::Relaxed);
    }

    pub(crate) fn snapshot(&self) -> Counters {
        Counters {
            requests: self.requests.load(Ordering::Relaxed),
            denied: self.denied.load(Ordering::Relaxed),
            bytes_in: self.bytes_in.load(Ordering::Relaxed),
            bytes_out: self.bytes_out.load(Ordering::Relaxed),
        }
    }
}
