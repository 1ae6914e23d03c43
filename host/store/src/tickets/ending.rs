//! What ends when something that it stands on ends.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use waystation_core::ticket::EndReason;

use super::tally::Tally;
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::micros;

/// Which tickets, sessions or instances. The text is part of a statement, so each is written here; what varies is bound
/// as `$4` and `$5`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// Of the instance `$4`.
    Instance,
    /// Of instances of the sub-scope `$4` (in the tenant `$1`).
    SubScope,
    /// Whose source is the agent `$4`.
    Source,
    /// Whose target is the agent `$4`.
    Target,
    /// Of the source `$4`, of the capability `$5`.
    SourceCapability,
    /// Of the target `$4`, of the capability `$5`.
    TargetCapability,
    /// Of the target `$4`, to the instance `$5`.
    Assignment,
}

impl Which {
    const fn condition(self) -> &'static str {
        match self {
            Self::Instance => "instance_id = $4",
            Self::SubScope => "instance_id IN (SELECT id FROM instances WHERE tenant = $1 AND scope = $4)",
            Self::Source => "source = $4",
            Self::Target => "target = $4",
            Self::SourceCapability => "source = $4 AND scope = $5",
            Self::TargetCapability => "target = $4 AND scope = $5",
            Self::Assignment => "target = $4 AND instance_id = $5",
        }
    }

    const fn two(self) -> bool {
        matches!(self, Self::SourceCapability | Self::TargetCapability | Self::Assignment)
    }
}

/// Ends what is pending or open, and counts it off. How many sessions ended.
pub(super) struct Ending<'a> {
    pub(super) tenant: &'a str,
    pub(super) now: Timestamp,
    pub(super) reason: EndReason,
    pub(super) by: &'a str,
}

impl Ending<'_> {
    pub(super) async fn all(
        &self,
        work: &mut Work<'_>,
        which: Which,
        (one, two): (&str, &str),
    ) -> Result<u64, StoreError> {
        let condition = which.condition();
        // `$3` is bound for both, and means something for sessions only.
        let text = format!(
            "UPDATE tickets SET state = 'revoked', at = $2
             WHERE tenant = $1 AND state = 'pending' AND $3 <> '' AND {condition}"
        );
        let tickets = self.run(work, text, which, (one, two), &[]).await?;
        Tally::Tickets.give(work, self.tenant, tickets).await?;
        self.sessions(work, which, (one, two)).await
    }

    pub(super) async fn sessions(
        &self,
        work: &mut Work<'_>,
        which: Which,
        (one, two): (&str, &str),
    ) -> Result<u64, StoreError> {
        let (condition, by) = (which.condition(), if which.two() { "$6" } else { "$5" });
        let text = format!(
            "UPDATE sessions SET state = 'ended', at = $2, reason = $3, ended_by = {by}
             WHERE tenant = $1 AND state <> 'ended' AND {condition}"
        );
        let sessions = self.run(work, text, which, (one, two), &[self.by]).await?;
        Tally::Sessions.give(work, self.tenant, sessions).await?;
        Ok(sessions)
    }

    async fn run(
        &self,
        work: &mut Work<'_>,
        text: String,
        which: Which,
        (one, two): (&str, &str),
        more: &[&str],
    ) -> Result<u64, StoreError> {
        let mut query = sqlx::query(AssertSqlSafe(text))
            .bind(self.tenant)
            .bind(micros(self.now))
            .bind(self.reason.as_str())
            .bind(one);
        if which.two() {
            query = query.bind(two);
        }
        for value in more {
            query = query.bind(*value);
        }
        Ok(query.execute(work.db()).await?.rows_affected())
    }
}
