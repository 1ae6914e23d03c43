//! Counters of one plugin. All grow only, but for the gauges that say so.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::failure::Cause;

/// See the module.
#[derive(Debug, Default)]
pub struct Metrics {
    calls: AtomicU64,
    failures: [AtomicU64; Cause::ALL.len()],
    refused: AtomicU64,
    cpu_nanos: AtomicU64,
    wall_nanos: AtomicU64,
    peak_memory: AtomicU64,
    peak_wall_nanos: AtomicU64,
    peak_cpu_nanos: AtomicU64,
    pub(crate) running: AtomicU64,
    pub(crate) waiting: AtomicU64,
}

/// The counters at one moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Snapshot {
    /// Calls that ran.
    pub calls: u64,
    /// Calls that failed, by cause, in the order of [`Cause::ALL`].
    pub failures: [u64; Cause::ALL.len()],
    /// Calls refused before they ran (busy, quarantine).
    pub refused: u64,
    /// Processor time over all calls.
    pub cpu: Duration,
    /// Wall time over all calls.
    pub wall: Duration,
    /// Most memory that one call used, in bytes.
    pub peak_memory: u64,
    /// Longest call.
    pub peak_wall: Duration,
    /// Most processor time of one call.
    pub peak_cpu: Duration,
    /// Gauge: calls that run now.
    pub running: u64,
    /// Gauge: calls that wait now.
    pub waiting: u64,
}

impl Metrics {
    pub(crate) fn finished(&self, wall: Duration, memory: usize, cause: Option<Cause>) {
        let nanos = u64::try_from(wall.as_nanos()).unwrap_or(u64::MAX);
        self.calls.fetch_add(1, Ordering::Relaxed);
        self.wall_nanos.fetch_add(nanos, Ordering::Relaxed);
        self.peak_wall_nanos.fetch_max(nanos, Ordering::Relaxed);
        self.peak_memory.fetch_max(memory as u64, Ordering::Relaxed);
        if let Some(counter) = cause.and_then(|cause| self.failures.get(cause.index())) {
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }

    /// `slice` more of processor time in a call that had `spent` in all.
    pub(crate) fn ran(&self, slice: Duration, spent: Duration) {
        let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        self.cpu_nanos.fetch_add(nanos(slice), Ordering::Relaxed);
        self.peak_cpu_nanos.fetch_max(nanos(spent), Ordering::Relaxed);
    }

    pub(crate) fn refused(&self) {
        self.refused.fetch_add(1, Ordering::Relaxed);
    }

    /// The counters now.
    pub fn snapshot(&self) -> Snapshot {
        let get = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Snapshot {
            calls: get(&self.calls),
            failures: std::array::from_fn(|i| self.failures.get(i).map_or(0, get)),
            refused: get(&self.refused),
            cpu: Duration::from_nanos(get(&self.cpu_nanos)),
            wall: Duration::from_nanos(get(&self.wall_nanos)),
            peak_memory: get(&self.peak_memory),
            peak_wall: Duration::from_nanos(get(&self.peak_wall_nanos)),
            peak_cpu: Duration::from_nanos(get(&self.peak_cpu_nanos)),
            running: get(&self.running),
            waiting: get(&self.waiting),
        }
    }
}
