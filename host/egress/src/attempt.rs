//! `Attempt`: the record of a request while it is under way.

use std::sync::Arc;
use std::time::SystemTime;

use tokio::time::Instant;

use crate::counters::Running;
use crate::record::{Reason, Record, Sink, Verdict};
use crate::request_body::Upload;
use crate::{Class, EgressError};

/// Hands its record to the sink exactly once, when it is dropped. Until [`Attempt::conclude`] or
/// [`Attempt::answered`] says otherwise the verdict is that the plugin gave up.
pub(crate) struct Attempt {
    /// The record so far. Taken on drop.
    record: Option<Record>,
    started: Instant,
    sink: Arc<dyn Sink>,
    counters: Arc<Running>,
    upload: Option<Arc<Upload>>,
}

impl Attempt {
    pub(crate) fn begin(
        record: Record,
        started: Instant,
        sink: Arc<dyn Sink>,
        counters: Arc<Running>,
    ) -> Self {
        counters.request();
        Self { record: Some(record), started, sink, counters, upload: None }
    }

    /// The verdict before anything is known.
    pub(crate) fn unknown() -> Verdict {
        Verdict::Failed(Reason::from(&EgressError::Cancelled))
    }

    /// Changes the record.
    pub(crate) fn note(&mut self, change: impl FnOnce(&mut Record)) {
        if let Some(record) = &mut self.record {
            change(record);
        }
    }

    /// Counts what the body of the request sends.
    pub(crate) fn uploads(&mut self, upload: Arc<Upload>) {
        self.upload = Some(upload);
    }

    /// A response came; `audited` is what would have refused the request.
    pub(crate) fn answered(&mut self, audited: Option<&EgressError>) {
        let verdict = audited.map_or(Verdict::Allowed, |error| Verdict::Audited(error.into()));
        self.note(|record| record.verdict = verdict);
    }

    /// The request ended with `error`.
    pub(crate) fn conclude(&mut self, error: &EgressError) {
        let verdict = match error.class() {
            Class::Denied | Class::Configuration => Verdict::Denied(error.into()),
            Class::Failed => Verdict::Failed(error.into()),
        };
        self.note(|record| record.verdict = verdict);
    }
}

impl Drop for Attempt {
    fn drop(&mut self) {
        let Some(mut record) = self.record.take() else { return };
        record.duration = self.started.elapsed();
        record.bytes_sent = self.upload.as_ref().map_or(0, |upload| upload.sent());
        self.counters.moved(record.bytes_received, record.bytes_sent);
        if let Verdict::Denied(reason) = &record.verdict {
            self.counters.denied();
            tracing::debug!(plugin = %record.plugin, code = reason.code, "outgoing request denied");
        }
        self.sink.record(record);
    }
}

/// The wall clock, passed in so that tests own it.
pub(crate) type Clock = Arc<dyn Fn() -> SystemTime + Send + Sync>;
