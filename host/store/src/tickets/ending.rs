//! What ends when something that it stands on ends.

use jiff::Timestamp;
use sqlx::any::AnyArguments;
use sqlx::query::Query;
use sqlx::{Any, AssertSqlSafe, Row as _};
use waystation_core::ticket::EndReason;

use super::hooks::note;
use super::tally::Tally;
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{count, micros};

/// Which tickets, sessions or instances. The text is part of a statement, so each is written here; what varies is bound
/// as `$3` and `$4`.
#[derive(Debug, Clone, Copy)]
pub(super) enum Which {
    /// Of the instance `$3`.
    Instance,
    /// Of instances of the sub-scope `$3` (in the tenant `$1`).
    SubScope,
    /// Whose source is the agent `$3`.
    Source,
    /// Whose target is the agent `$3`.
    Target,
    /// Of the source `$3`, of the capability `$4`.
    SourceCapability,
    /// Of the target `$3`, of the capability `$4`.
    TargetCapability,
    /// Of the target `$3`, to the instance `$4`.
    Assignment,
}

impl Which {
    const fn condition(self) -> &'static str {
        match self {
            Self::Instance => "instance_id = $3",
            Self::SubScope => "instance_id IN (SELECT id FROM instances WHERE tenant = $1 AND scope = $3)",
            Self::Source => "source = $3",
            Self::Target => "target = $3",
            Self::SourceCapability => "source = $3 AND scope = $4",
            Self::TargetCapability => "target = $3 AND scope = $4",
            Self::Assignment => "target = $3 AND instance_id = $4",
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
        let text = format!(
            "UPDATE tickets SET state = 'revoked', at = $2
             WHERE tenant = $1 AND state = 'pending' AND {condition}"
        );
        let tickets = self.run(work, text, which, (one, two), &[]).await?;
        Tally::Tickets.give(work, self.tenant, tickets).await?;
        self.sessions(work, which, (one, two)).await
    }

    async fn sessions(
        &self,
        work: &mut Work<'_>,
        which: Which,
        (one, two): (&str, &str),
    ) -> Result<u64, StoreError> {
        let condition = which.condition();
        let (reason, by) = if which.two() { ("$5", "$6") } else { ("$4", "$5") };
        let text = format!(
            "UPDATE sessions SET state = 'ended', at = $2, reason = {reason}, ended_by = {by}
             WHERE tenant = $1 AND state <> 'ended' AND {condition}"
        );
        let more = [self.reason.as_str(), self.by];
        let sessions = if work.is_watched() {
            let ended = self.query(format!("{text} RETURNING id"), which, (one, two), &more);
            let ended = ended.fetch_all(work.db()).await?;
            for row in &ended {
                let id: String = row.try_get(0)?;
                note(work, &id, "ended", Some(self.reason), self.now).await?;
            }
            count(ended.len()).unsigned_abs()
        } else {
            self.run(work, text, which, (one, two), &more).await?
        };
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
        let query = self.query(text, which, (one, two), more);
        Ok(query.execute(work.db()).await?.rows_affected())
    }

    fn query<'q>(
        &'q self,
        text: String,
        which: Which,
        (one, two): (&'q str, &'q str),
        more: &[&'q str],
    ) -> Query<'q, Any, AnyArguments> {
        let mut query = sqlx::query(AssertSqlSafe(text)).bind(self.tenant).bind(micros(self.now)).bind(one);
        if which.two() {
            query = query.bind(two);
        }
        for value in more {
            query = query.bind(*value);
        }
        query
    }
}
