//! How often somebody may ask, remembered in the database, so that several hosts share it and a restart forgets nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{count, micros};

/// So many in so long, at once or spread over it: the generic cell rate algorithm (ITU-T I.371), which keeps one number
/// for each name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Rate {
    pub(super) requests: u32,
    pub(super) window: Duration,
}

impl Rate {
    /// Counts one, unless it is too early. How many seconds it is too early by, at least 1.
    pub(super) async fn take(
        self,
        work: &mut Work<'_>,
        name: &str,
        now: Timestamp,
    ) -> Result<Result<(), u32>, StoreError> {
        let window = count(self.window.as_micros());
        let each = window / i64::from(self.requests.max(1));
        let allowed = if self.requests == 0 { -1 } else { window };
        // What is further ahead than a window is from a clock that went back.
        let taken = sqlx::query(
            "INSERT INTO rate_limits (name, tat) SELECT $1, $2 + $3 WHERE $3 <= $4
             ON CONFLICT (name) DO UPDATE SET tat = $3 +
               (CASE WHEN rate_limits.tat > $2 AND rate_limits.tat <= $2 + $4 THEN rate_limits.tat ELSE $2 END)
             WHERE rate_limits.tat + $3 <= $2 + $4 OR rate_limits.tat > $2 + $4",
        )
        .bind(name)
        .bind(micros(now))
        .bind(each)
        .bind(allowed)
        .execute(work.db())
        .await?;
        if taken.rows_affected() == 1 {
            return Ok(Ok(()));
        }
        let tat: Option<i64> = sqlx::query_scalar("SELECT tat FROM rate_limits WHERE name = $1")
            .bind(name)
            .fetch_optional(work.db())
            .await?;
        let early = tat.unwrap_or_default() + each - allowed - micros(now);
        Ok(Err(u32::try_from(early.saturating_add(999_999) / 1_000_000).unwrap_or(1).max(1)))
    }
}
