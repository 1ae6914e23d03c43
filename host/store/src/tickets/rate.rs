//! How often somebody may ask, remembered in the database, so that several hosts share it and a restart forgets nothing.

use std::time::Duration;

use jiff::Timestamp;

use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{micros, time};

/// So many in so long, at once or spread over it: the generic cell rate algorithm (ITU-T I.371), which keeps one number
/// for each name. The rule is [`waystation_identity::Rate`]; here it is applied.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    pub(crate) requests: u32,
    pub(crate) window: Duration,
}

impl Rate {
    /// Counts one, unless it is too early. How many seconds it is too early by, at least 1.
    pub(crate) async fn take(
        self,
        work: &mut Work<'_>,
        name: &str,
        now: Timestamp,
    ) -> Result<Result<(), u32>, StoreError> {
        let kept = match work.ledger().rate(name) {
            Some(kept) => Some(kept),
            None => {
                sqlx::query_scalar("SELECT tat FROM rate_limits WHERE name = $1")
                    .bind(name)
                    .fetch_optional(work.db())
                    .await?
            }
        };
        self.take_found(work, name, kept, now)
    }

    /// The same with what is kept under the name in the database, which was looked up with something else.
    pub(crate) fn take_found(
        self,
        work: &mut Work<'_>,
        name: &str,
        found: Option<i64>,
        now: Timestamp,
    ) -> Result<Result<(), u32>, StoreError> {
        let kept = work.ledger().rate(name).or(found);
        let rule = waystation_identity::Rate { burst: self.requests, per: self.window };
        // Changes are made one after another: nobody takes one between looking and keeping.
        Ok(match rule.take(kept.map(time).transpose()?, now) {
            Ok(paid) => {
                work.ledger().keep_rate(name, micros(paid));
                Ok(())
            }
            Err(early) => {
                let seconds = early.retry_after().unwrap_or(1);
                Err(u32::try_from(seconds).unwrap_or(u32::MAX).max(1))
            }
        })
    }
}
