//! What ends when something that it stands on ends.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use waystation_core::ticket::EndReason;

use super::Bell;
use super::approval;
use super::hooks::note;
use super::tally::Tally;
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{micros, parsed};

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

/// Source, target and id of what ended; only the target of a ticket.
type Gone = (String, String, Option<String>);

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
             WHERE tenant = $1 AND state = 'pending' AND {condition} RETURNING target, target, session_id"
        );
        let tickets = self.run(work, text, which, (one, two), &[]).await?;
        Tally::Tickets.give(work, self.tenant, tickets.len() as u64);
        tickets.into_iter().for_each(|(target, ..)| work.ring(target, Bell::Inbox));
        self.approvals(work, which, (one, two)).await?;
        self.sessions(work, which, (one, two)).await
    }

    /// What waits for people, and what they approved and nobody came for.
    async fn approvals(
        &self,
        work: &mut Work<'_>,
        which: Which,
        (one, two): (&str, &str),
    ) -> Result<(), StoreError> {
        let condition = which.condition();
        let reason = if which.two() { "$5" } else { "$4" };
        let text = format!(
            "UPDATE approvals SET state = 'ended', at = $2, until = $2, reason = {reason}
             WHERE tenant = $1 AND state IN ('waiting', 'approved') AND {condition} RETURNING source, target, id"
        );
        let ended = self.run(work, text, which, (one, two), &[self.reason.as_str()]).await?;
        let ids = ended.into_iter().filter_map(|(_, _, id)| id).collect();
        approval::ended(work, self.tenant, ids, (self.now, self.by)).await
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
             WHERE tenant = $1 AND state <> 'ended' AND {condition} RETURNING source, target, id"
        );
        let sessions = self.run(work, text, which, (one, two), &[self.reason.as_str(), self.by]).await?;
        let count = sessions.len() as u64;
        Tally::Sessions.give(work, self.tenant, count);
        for (source, target, id) in sessions {
            let id = id.unwrap_or_default();
            note(work, &id, "ended", Some(self.reason), self.now).await?;
            work.ring_both([source, target], parsed(&id)?);
        }
        Ok(count)
    }

    async fn run(
        &self,
        work: &mut Work<'_>,
        text: String,
        which: Which,
        (one, two): (&str, &str),
        more: &[&str],
    ) -> Result<Vec<Gone>, StoreError> {
        let mut query =
            sqlx::query_as(AssertSqlSafe(text)).bind(self.tenant).bind(micros(self.now)).bind(one);
        if which.two() {
            query = query.bind(two);
        }
        for value in more {
            query = query.bind(*value);
        }
        Ok(query.fetch_all(work.db()).await?)
    }
}
