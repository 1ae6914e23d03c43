//! What the two parties of a session see of it.

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{
    EndReason, Refusal, Session, SessionId, SessionStatus, TicketLimits, standing,
};

use super::facts::{standing_on, stands};
use super::sessions::{SessionColumns, session};
use super::{Listener, Outcome};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;

/// Which party somebody is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who owns the instance.
    Source,
    /// Who redeemed the ticket.
    Target,
}

impl Role {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Target => "target",
        }
    }

    /// The role of that word.
    #[must_use]
    pub fn from_word(word: &str) -> Option<Self> {
        [Self::Source, Self::Target].into_iter().find(|role| role.as_str() == word)
    }
}

/// A session, whether it holds, and how the other party is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// As it is kept.
    pub session: Session,
    /// Why it is over, if it is: also where nobody wrote that down yet.
    pub over: Option<EndReason>,
    /// SHA-256, in hex, of the certificates that the other party can show now.
    pub certificates: Vec<String>,
}

const SESSIONS: &str = "SELECT x.id, x.ticket, x.scope, x.instance_id, s.label, t.label, x.created_at,
       x.last_activity, x.state, x.at, x.reason
     FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target ";

impl Store {
    /// A session of an agent, and whether all that it stands on is there now. Nothing is changed.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoSession` where the agent is no party of it.
    pub async fn session_standing(
        &self,
        tenant: &TenantName,
        party: &AgentName,
        id: SessionId,
        now: Timestamp,
        limits: &TicketLimits,
    ) -> Result<Outcome<Standing>, StoreError> {
        let text = format!("{SESSIONS} WHERE x.id = $1 AND x.tenant = $2 AND (s.label = $3 OR t.label = $3)");
        let mut db = self.reader().acquire().await?;
        let found: Option<SessionColumns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(id.to_string())
            .bind(tenant.as_str())
            .bind(party.label())
            .fetch_optional(&mut *db)
            .await?;
        let Some(session) = found.map(session).transpose()? else { return Ok(Err(Refusal::NoSession)) };
        let (source, target, a, b, c, d, e): (String, String, Option<i64>, i64, Option<i64>, i64, i64) =
            sqlx::query_as(concat!(
                "SELECT x.source, x.target, ",
                standing_on!("s", "t", "x.scope", "x.instance_id"),
                " FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
                 WHERE x.id = $1"
            ))
            .bind(id.to_string())
            .fetch_one(&mut *db)
            .await?;
        let over = match session.status {
            SessionStatus::Ended { reason, .. } => Some(reason),
            status => standing(status, session.last_activity, &stands((a, b, c, d, e)), now, limits),
        };
        let peer = if session.source == *party { target } else { source };
        let certificates = sqlx::query_scalar(
            "SELECT fingerprint FROM certificates WHERE agent_id = $1 AND revoked_at IS NULL AND expires_at > $2
             ORDER BY issued_at DESC LIMIT 16",
        )
        .bind(peer)
        .bind(micros(now))
        .fetch_all(&mut *db)
        .await?;
        Ok(Ok(Standing { session, over, certificates }))
    }

    /// Sessions of an agent that did not end, in one role or both, by id, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn own_sessions(
        &self,
        tenant: &TenantName,
        party: &AgentName,
        role: Option<Role>,
        after: Option<SessionId>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let own = "(SELECT a.id FROM agents a WHERE a.tenant = $1 AND a.label = $2)";
        let condition = match role {
            Some(Role::Source) => format!("x.source = {own}"),
            Some(Role::Target) => format!("x.target = {own}"),
            None => format!("(x.source = {own} OR x.target = {own})"),
        };
        let text = format!(
            "{SESSIONS} WHERE x.state <> 'ended' AND x.tenant = $1 AND {condition} AND x.id > $3 ORDER BY x.id LIMIT $4"
        );
        let found: Vec<SessionColumns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(tenant.as_str())
            .bind(party.label())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(i64::from(limit))
            .fetch_all(self.reader())
            .await?;
        found.into_iter().map(session).collect()
    }

    /// One session of the agent that somebody listens for, whatever became of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn heard_session(
        &self,
        listener: &Listener,
        id: SessionId,
    ) -> Result<Option<Session>, StoreError> {
        let text = format!("{SESSIONS} WHERE x.id = $1 AND (x.source = $2 OR x.target = $2)");
        let found: Option<SessionColumns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(id.to_string())
            .bind(listener.agent())
            .fetch_optional(self.reader())
            .await?;
        found.map(session).transpose()
    }
}
