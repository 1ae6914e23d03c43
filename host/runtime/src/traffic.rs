//! What left the host for one plugin: which grants were used, and a line in the
//! journal for each attempt that was not simply allowed.

use std::collections::BTreeMap;
use std::sync::Arc;

use parking_lot::Mutex;
use waystation_egress::{Record, Sink, Verdict};

use crate::journal::{Journal, Level};

/// See the module.
pub struct Traffic {
    journal: Arc<Journal>,
    used: Mutex<BTreeMap<usize, u64>>,
}

impl Traffic {
    pub(crate) fn new(journal: Arc<Journal>) -> Self {
        Self { journal, used: Mutex::default() }
    }

    /// Requests that the grant at this index of the list let pass.
    pub fn used(&self, grant: usize) -> u64 {
        self.used.lock().get(&grant).copied().unwrap_or(0)
    }
}

impl Sink for Traffic {
    fn record(&self, record: Record) {
        if let Some(rule) = record.rule {
            *self.used.lock().entry(rule).or_default() += 1;
        }
        let target = record.origin.as_ref().map_or_else(|| "nowhere".to_owned(), ToString::to_string);
        tracing::debug!(
            plugin = %record.plugin,
            method = %record.method,
            %target,
            address = record.address.map(tracing::field::display),
            status = record.status.map(|s| s.as_u16()),
            bytes_sent = record.bytes_sent,
            bytes_received = record.bytes_received,
            duration_ms = u64::try_from(record.duration.as_millis()).unwrap_or(u64::MAX),
            "plugin sent an HTTP request"
        );
        let (level, reason) = match &record.verdict {
            Verdict::Allowed => return,
            Verdict::Audited(reason) => (Level::Info, reason),
            Verdict::Denied(reason) => (Level::Warn, reason),
            Verdict::Failed(reason) => (Level::Warn, reason),
        };
        self.journal.host(level, format!("{} {target}{}: {}", record.method, record.path, reason.message));
    }
}
