//! Moving what was written into the SQLite file while changes go on.
//!
//! SQLite does so by itself at the end of a transaction, where enough was written before: whoever waits for that
//! transaction waits for all of it. Begun earlier and beside it, there is little left for SQLite to do then.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use crate::store::Store;

/// After how many changes it is begun: some 3 MiB.
const EACH: usize = 256;

/// Whether it is time, and whether somebody is at it.
#[derive(Debug, Default)]
pub(crate) struct Checkpoints {
    changes: AtomicUsize,
    running: Arc<AtomicBool>,
}

/// Somebody is at it until this is dropped.
struct Turn(Arc<AtomicBool>);

impl Checkpoints {
    /// Counts changes that were kept; a turn when it is time.
    fn after(&self, changes: usize) -> Option<Turn> {
        let due = self.changes.fetch_add(changes, Ordering::Relaxed).saturating_add(changes) >= EACH;
        if !due || self.running.swap(true, Ordering::AcqRel) {
            return None;
        }
        self.changes.store(0, Ordering::Relaxed);
        Some(Turn(Arc::clone(&self.running)))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Store {
    /// So many changes were kept.
    pub(crate) fn kept(&self, changes: usize) {
        if self.backend_is_shared() {
            return;
        }
        let Some(turn) = self.checkpoints().after(changes) else { return };
        let store = self.clone();
        tokio::spawn(async move {
            // It waits for nobody, and nobody for it. What fails is left to SQLite, which tells whoever writes.
            if let Err(e) = sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(store.reader()).await {
                tracing::debug!(error = %e, "no checkpoint");
            }
            drop(turn);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_at_a_time_and_after_enough() {
        let all = Checkpoints::default();
        assert!(all.after(EACH - 1).is_none());
        let turn = all.after(1);
        assert!(turn.is_some() && all.after(2 * EACH).is_none(), "somebody is at it");
        drop(turn);
        assert!(all.after(1).is_some(), "what came meanwhile counts");
    }
}
