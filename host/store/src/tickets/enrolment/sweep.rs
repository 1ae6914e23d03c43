//! What time ends.

use jiff::Timestamp;
use waystation_core::enrolment::EnrolmentLimits;

use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{count, micros};
use crate::store::Store;

/// Rows of each kind that one sweep takes.
const BATCH: i64 = 200;

struct Sweep {
    now: Timestamp,
}

impl Change for Sweep {
    type Answer = u64;

    async fn apply(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let before = micros(self.now).saturating_sub(count(EnrolmentLimits::KEPT.as_micros()));
        // Whoever waits may do so longer than the token lives.
        let tokens = sqlx::query(
            "DELETE FROM enrolment_tokens WHERE id IN
               (SELECT t.id FROM enrolment_tokens t WHERE t.expires_at < $1 AND NOT EXISTS
                 (SELECT 1 FROM enrolments e WHERE e.token_id = t.id AND e.state IN ('waiting', 'approved')
                    AND e.until > $1)
                ORDER BY t.expires_at LIMIT $2)",
        )
        .bind(before)
        .bind(BATCH)
        .execute(work.db())
        .await?
        .rows_affected();
        // What has ended by itself does not have to be refused.
        let certificates = sqlx::query(
            "DELETE FROM certificates WHERE serial IN
               (SELECT serial FROM certificates WHERE revoked_at IS NOT NULL AND expires_at < $1
                ORDER BY expires_at LIMIT $2)",
        )
        .bind(before)
        .bind(BATCH)
        .execute(work.db())
        .await?
        .rows_affected();
        Ok(tokens.max(certificates))
    }
}

impl Store {
    /// Removes tokens that ended, and certificates that were revoked and have ended; a bounded number of each. Whether
    /// there may be more.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sweep_enrolments(&self, now: Timestamp) -> Result<bool, StoreError> {
        Ok(self.change(Sweep { now }).await? >= BATCH.unsigned_abs())
    }
}
