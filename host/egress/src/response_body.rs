//! `BoundedBody`: the body of a response on its way in.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::attempt::Attempt;
use crate::connect::Deadlines;
use crate::exchange::{explain, silent, too_large, within};
use crate::pool::Lease;
use crate::request_body::Upload;
use crate::{EgressError, HttpLimits, Origin, headers};

/// A response's body that ends with an error at the first byte beyond the limit, at the request's total
/// deadline, and where the server breaks off. Nothing is buffered or decompressed here.
///
/// Its end hands the attempt's record to the sink and the connection back to the pool. Dropped before its
/// end, it closes the connection (or, over HTTP/2, resets its stream).
pub struct BoundedBody {
    /// None once the body has ended, one way or another.
    flow: Option<Flow>,
    limits: HttpLimits,
    origin: Origin,
    received: u64,
    deadline: Pin<Box<Sleep>>,
    deadline_after: Duration,
    patience: Option<Patience>,
}

/// What goes with a body that still flows.
struct Flow {
    body: Incoming,
    lease: Lease,
    upload: Arc<Upload>,
    attempt: Attempt,
    _permit: OwnedSemaphorePermit,
}

/// How long the plugin waits between two pieces.
struct Patience {
    after: Duration,
    sleep: Pin<Box<Sleep>>,
    /// Whether `sleep` counts: it is set anew when a wait begins, so that the reader's own time is not on it.
    waiting: bool,
}

/// What a body is made of.
pub(crate) struct Source {
    pub(crate) body: Incoming,
    pub(crate) lease: Lease,
    pub(crate) upload: Arc<Upload>,
    pub(crate) attempt: Attempt,
    pub(crate) permit: OwnedSemaphorePermit,
}

impl BoundedBody {
    pub(crate) fn new(
        source: Source,
        origin: Origin,
        limits: HttpLimits,
        deadlines: &Deadlines,
        patience: Option<Duration>,
    ) -> Self {
        let Source { body, lease, upload, attempt, permit } = source;
        let mut this = Self {
            flow: Some(Flow { body, lease, upload, attempt, _permit: permit }),
            limits,
            origin,
            received: 0,
            deadline: Box::pin(sleep_until(deadlines.total)),
            deadline_after: deadlines.total_after,
            patience: patience.map(|after| Patience {
                after,
                sleep: Box::pin(sleep_until(Instant::now() + after)),
                waiting: false,
            }),
        };
        this.end_if_over();
        this
    }

    /// Ends the body where no more can come.
    fn end_if_over(&mut self) {
        if self.flow.as_ref().is_some_and(|flow| flow.body.is_end_stream()) {
            self.end();
        }
    }

    /// Gives the connection back if the request is through as well.
    fn end(&mut self) {
        if let Some(flow) = self.flow.take()
            && flow.upload.ended()
        {
            flow.lease.release();
        }
    }

    fn fail(&mut self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        if let Some(mut flow) = self.flow.take() {
            flow.attempt.conclude(&error);
        }
        Poll::Ready(Some(Err(error)))
    }

    fn take(&mut self, frame: Frame<Bytes>) -> Result<Frame<Bytes>, EgressError> {
        match frame.into_data() {
            Ok(data) => {
                self.received = self.received.saturating_add(data.len() as u64);
                let received = self.received;
                if let Some(flow) = &mut self.flow {
                    flow.attempt.note(|record| record.bytes_received = received);
                }
                if received > self.limits.response_body {
                    return Err(too_large(&self.origin, &self.limits));
                }
                Ok(Frame::data(data))
            }
            Err(frame) => {
                let mut trailers = frame.into_trailers().unwrap_or_default();
                within(&trailers, &self.limits)?;
                headers::strip_hop_by_hop(&mut trailers);
                Ok(Frame::trailers(trailers))
            }
        }
    }
}

impl Body for BoundedBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let this = &mut *self;
        let Some(flow) = &mut this.flow else { return Poll::Ready(None) };
        // Before the data: a server that always has another byte would otherwise never meet it.
        if this.deadline.as_mut().poll(cx).is_ready() {
            let (origin, after) = (Box::new(this.origin.clone()), this.deadline_after);
            return this.fail(EgressError::Deadline { origin, after });
        }
        let frame = match Pin::new(&mut flow.body).poll_frame(cx) {
            Poll::Ready(frame) => frame,
            Poll::Pending => {
                let Some(patience) = &mut this.patience else { return Poll::Pending };
                if !patience.waiting {
                    patience.sleep.as_mut().reset(Instant::now() + patience.after);
                    patience.waiting = true;
                }
                if patience.sleep.as_mut().poll(cx).is_pending() {
                    return Poll::Pending;
                }
                let error = silent(&this.origin, "more of the body", patience.after);
                return this.fail(error);
            }
        };
        if let Some(patience) = &mut this.patience {
            patience.waiting = false;
        }
        match frame {
            None => {
                this.end();
                Poll::Ready(None)
            }
            Some(Err(error)) => {
                let error = flow.upload.failure().unwrap_or_else(|| explain(&this.origin, &error));
                this.fail(error)
            }
            Some(Ok(frame)) => match this.take(frame) {
                Err(error) => this.fail(error),
                Ok(frame) => {
                    this.end_if_over();
                    Poll::Ready(Some(Ok(frame)))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.flow.as_ref().is_none_or(|flow| flow.body.is_end_stream())
    }

    fn size_hint(&self) -> SizeHint {
        self.flow.as_ref().map_or_else(|| SizeHint::with_exact(0), |flow| flow.body.size_hint())
    }
}

impl std::fmt::Debug for BoundedBody {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("BoundedBody").field("received", &self.received).finish_non_exhaustive()
    }
}
