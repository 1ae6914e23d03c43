//! Processor time of one call.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};

use crate::metrics::Metrics;

/// The call used up its processor time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CpuExhausted;

/// Runs a call and adds up the processor time of the threads that poll it.
///
/// A guest is interrupted at each tick of the engine's epoch and yields, so a
/// pure loop comes back here every few milliseconds and is dropped once its time
/// is spent. Time in which the call waits (for the network, a queue, the
/// operating system's scheduler) is not counted: nobody polls then, or the
/// thread's clock stands still.
pub(crate) struct Metered<'a, F> {
    call: F,
    limit: Duration,
    spent: Duration,
    metrics: &'a Metrics,
}

impl<'a, F> Metered<'a, F> {
    /// `metrics` hear of the time as it is spent.
    pub(crate) fn new(call: F, limit: Duration, metrics: &'a Metrics) -> Self {
        Self { call, limit, spent: Duration::ZERO, metrics }
    }
}

impl<F: Future + Unpin> Future for Metered<'_, F> {
    type Output = Result<F::Output, CpuExhausted>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let before = thread_time();
        let answer = Pin::new(&mut self.call).poll(cx);
        let slice = thread_time().saturating_sub(before);
        self.spent += slice;
        self.metrics.ran(slice, self.spent);
        match answer {
            Poll::Ready(answer) => Poll::Ready(Ok(answer)),
            Poll::Pending if self.spent > self.limit => Poll::Ready(Err(CpuExhausted)),
            Poll::Pending => Poll::Pending,
        }
    }
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(u64::try_from(time.tv_sec).unwrap_or(0), u32::try_from(time.tv_nsec).unwrap_or(0))
}
