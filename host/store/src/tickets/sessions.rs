//! Sessions: opened with a redeemed ticket, kept alive by heartbeats, ended with a reason.

use std::sync::Arc;

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{
    EndReason, Refusal, Session, SessionId, SessionStatus, TicketDigest, TicketId, TicketLimits, standing,
};
use waystation_core::time::later;

use super::Outcome;
use super::caller::Caller;
use super::facts::{named, standing_on, stands};
use super::hooks::note;
use super::request::digest;
use super::tally::Tally;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, micros, parsed, time};
use crate::store::Store;

struct Open {
    caller: Caller,
    target: AgentName,
    ticket: TicketDigest,
    limits: Arc<TicketLimits>,
    id: SessionId,
}

impl Change for Open {
    type Answer = Outcome<Session>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.open(work).await?;
        let target = match &done {
            Ok(session) => format!("{} {}", session.id, self.ticket),
            Err(_) => self.ticket.to_string(),
        };
        self.caller.record(work, "session.open", target, &done);
        Ok(done)
    }
}

impl Open {
    async fn open(&self, work: &mut Work<'_>) -> Result<Outcome<Session>, StoreError> {
        let Self { caller, target, ticket, limits, id } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let found: Option<Opening> = sqlx::query_as(concat!(
            "SELECT t.state, t.session_id, t.at, t.scope, t.instance_id, t.source, t.target, s.label, ",
            standing_on!("s", "a", "t.scope", "t.instance_id"),
            " FROM tickets t JOIN agents s ON s.id = t.source JOIN agents a ON a.id = t.target
             WHERE t.digest = $1 AND t.tenant = $2 AND a.label = $3 AND t.held = 0",
        ))
        .bind(ticket.as_bytes().as_slice())
        .bind(tenant)
        .bind(target.label())
        .fetch_optional(work.db())
        .await?;
        let Some((state, session, redeemed_at, scope, instance, source_id, target_id, source, a, b, c, d, e)) =
            found
        else {
            return Ok(Err(Refusal::NoTicket));
        };
        let facts = stands((a, b, c, d, e));
        if session.is_some() {
            return Ok(Err(Refusal::SessionExists));
        }
        let late = now > later(time(redeemed_at)?, limits.open_within);
        if state != "redeemed" || late || facts.broken().is_some() {
            return Ok(Err(Refusal::NoTicket));
        }
        if !Tally::Sessions.take(work, &caller.tenant, limits.sessions).await? {
            return Ok(Err(Refusal::SessionLimit));
        }
        sqlx::query("UPDATE tickets SET session_id = $2 WHERE digest = $1")
            .bind(ticket.as_bytes().as_slice())
            .bind(id.to_string())
            .execute(work.db())
            .await?;
        sqlx::query(
            "INSERT INTO sessions (id, tenant, ticket, scope, instance_id, source, target, created_at, last_activity,
               state, at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, 'active', $8)",
        )
        .bind(id.to_string())
        .bind(tenant)
        .bind(ticket.as_bytes().as_slice())
        .bind(scope.as_str())
        .bind(instance.as_str())
        .bind(source_id.as_str())
        .bind(target_id.as_str())
        .bind(micros(now))
        .execute(work.db())
        .await?;
        work.ring_both([source_id, target_id], *id);
        note(work, &id.to_string(), "opened", None, now).await?;
        Ok(Ok(Session {
            id: *id,
            ticket: *ticket,
            scope: parsed(&scope)?,
            instance: parsed(&instance)?,
            source: named(&source)?,
            target: target.clone(),
            created_at: now,
            last_activity: now,
            status: SessionStatus::Active,
        }))
    }
}

/// A ticket's state, session, end, scope, instance, source, target, and the label of the source; then what its session would
/// stand on.
type Opening = (
    String,
    Option<String>,
    i64,
    String,
    String,
    String,
    String,
    String,
    Option<i64>,
    i64,
    Option<i64>,
    i64,
    i64,
);

/// A session's state, time, reason, source, target and last activity; then what it stands on.
type Standing = (String, i64, Option<String>, String, String, i64, Option<i64>, i64, Option<i64>, i64, i64);

/// A session of which a party says something.
struct Said {
    caller: Caller,
    party: AgentName,
    id: SessionId,
    limits: Arc<TicketLimits>,
    /// That it is in this state; without, the target says that it is alive.
    state: Option<Mark>,
}

/// What a party can say of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It is in use.
    Active,
    /// The other side is lost, for a while.
    Grace,
}

impl Change for Said {
    type Answer = Outcome<Result<(), EndReason>>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, party, id, limits, state } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let found: Option<Standing> = sqlx::query_as(concat!(
            "SELECT x.state, x.at, x.reason, x.source, x.target, x.last_activity, ",
            standing_on!("s", "t", "x.scope", "x.instance_id"),
            " FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
             WHERE x.id = $1 AND x.tenant = $2 AND (t.label = $3 OR (s.label = $3 AND $4 = 1))",
        ))
        .bind(id.to_string())
        .bind(tenant)
        .bind(party.label())
        .bind(i64::from(state.is_some()))
        .fetch_optional(work.db())
        .await?;
        let Some((was, at, reason, source, target, last_activity, a, b, c, d, e)) = found else {
            return Ok(Err(Refusal::NoSession));
        };
        let status = status(&was, at, reason.as_deref())?;
        let facts = stands((a, b, c, d, e));
        if let Some(reason) = standing(status, time(last_activity)?, &facts, now, limits) {
            if !matches!(status, SessionStatus::Ended { .. }) {
                end(work, caller, &id.to_string(), reason, "host").await?;
            }
            return Ok(Ok(Err(reason)));
        }
        let state = match state {
            Some(Mark::Active) => "active",
            Some(Mark::Grace) => "grace",
            None => was.as_str(),
        };
        sqlx::query("UPDATE sessions SET last_activity = $2, at = $2, state = $3 WHERE id = $1")
            .bind(id.to_string())
            .bind(micros(now))
            .bind(state)
            .execute(work.db())
            .await?;
        if state != was {
            work.ring_both([source, target], *id);
            note(work, &id.to_string(), if state == "grace" { "grace" } else { "active" }, None, now).await?;
        }
        Ok(Ok(Ok(())))
    }
}

/// Ends a session that did not end yet.
pub(super) async fn end(
    work: &mut Work<'_>,
    caller: &Caller,
    id: &str,
    reason: EndReason,
    by: &str,
) -> Result<(), StoreError> {
    let ended: Option<(String, String, String)> = sqlx::query_as(
        "UPDATE sessions SET state = 'ended', at = $2, reason = $3, ended_by = $4
         WHERE id = $1 AND state <> 'ended' RETURNING tenant, source, target",
    )
    .bind(id)
    .bind(micros(caller.now))
    .bind(reason.as_str())
    .bind(clean(by))
    .fetch_optional(work.db())
    .await?;
    if let Some((tenant, source, target)) = ended {
        work.ring_both([source, target], parsed(id)?);
        Tally::Sessions.give(work, &tenant, 1);
        note(work, id, "ended", Some(reason), caller.now).await?;
        caller.record(work, "session.end", format!("{id} {}", reason.as_str()), &Ok(()));
    }
    Ok(())
}

/// The same by whoever asks for it.
pub(super) async fn end_by_operator(
    work: &mut Work<'_>,
    caller: &Caller,
    id: &str,
) -> Result<(), StoreError> {
    end(work, caller, id, EndReason::AdminKilled, &caller.actor).await
}

struct Kill {
    caller: Caller,
    id: SessionId,
}

impl Change for Kill {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id } = self;
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM sessions WHERE id = $1 AND tenant = $2")
            .bind(id.to_string())
            .bind(caller.tenant.as_str())
            .fetch_one(work.db())
            .await?;
        if there == 0 {
            let refused = Err(Refusal::NoSession);
            caller.record(work, "session.end", id.to_string(), &refused);
            return Ok(refused);
        }
        end_by_operator(work, caller, &id.to_string()).await?;
        Ok(Ok(()))
    }
}

fn status(state: &str, at: i64, reason: Option<&str>) -> Result<SessionStatus, StoreError> {
    match (state, reason) {
        ("active", None) => Ok(SessionStatus::Active),
        ("grace", None) => Ok(SessionStatus::Grace),
        ("ended", Some(word)) => {
            let reason = EndReason::from_word(word).ok_or_else(|| StoreError::corrupt(word))?;
            Ok(SessionStatus::Ended { at: time(at)?, reason })
        }
        _ => Err(StoreError::corrupt(format!("a session is {state:?}"))),
    }
}

pub(super) type SessionColumns =
    (String, Vec<u8>, String, String, String, String, i64, i64, String, i64, Option<String>);

pub(super) fn session(columns: SessionColumns) -> Result<Session, StoreError> {
    let (id, ticket, scope, instance, source, target, created_at, last_activity, state, at, reason) = columns;
    Ok(Session {
        id: parsed(&id)?,
        ticket: digest(&ticket)?,
        scope: parsed(&scope)?,
        instance: parsed(&instance)?,
        source: named(&source)?,
        target: named(&target)?,
        created_at: time(created_at)?,
        last_activity: time(last_activity)?,
        status: status(&state, at, reason.as_deref())?,
    })
}

impl Store {
    /// Opens the session of a ticket that this agent redeemed a moment ago.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoTicket`, `SessionExists`, `SessionLimit`.
    pub async fn open_session(
        &self,
        caller: Caller,
        target: AgentName,
        ticket: &TicketId,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<Session>, StoreError> {
        let id = SessionId::new(rand::random());
        self.change(Open { caller, target, ticket: ticket.digest(), limits, id }).await
    }

    /// The target says that a session is alive, and hears whether it is: all that it stands on is looked at again.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoSession`, also for the source.
    pub async fn session_heartbeat(
        &self,
        caller: Caller,
        target: AgentName,
        id: SessionId,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<Result<(), EndReason>>, StoreError> {
        self.change(Said { caller, party: target, id, limits, state: None }).await
    }

    /// A party says how a session is. One that is over stays so.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoSession`, `SessionOver`.
    pub async fn mark_session(
        &self,
        caller: Caller,
        party: AgentName,
        id: SessionId,
        mark: Mark,
        limits: Arc<TicketLimits>,
    ) -> Result<Outcome<()>, StoreError> {
        let said = self.change(Said { caller, party, id, limits, state: Some(mark) }).await?;
        Ok(said.and_then(|alive| alive.map_err(|_| Refusal::SessionOver)))
    }

    /// Ends a session. One that is over stays as it ended.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoSession`.
    pub async fn end_session(&self, caller: Caller, id: SessionId) -> Result<Outcome<()>, StoreError> {
        self.change(Kill { caller, id }).await
    }

    /// Sessions by the time they were opened at and by id, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sessions(
        &self,
        tenant: &TenantName,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<Session>, StoreError> {
        let (at, id) = after.map_or((-1, String::new()), |(at, id)| (micros(at), id.to_string()));
        let found: Vec<SessionColumns> = sqlx::query_as(
            "SELECT x.id, x.ticket, x.scope, x.instance_id, s.label, t.label, x.created_at, x.last_activity, x.state,
               x.at, x.reason
             FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
             WHERE x.tenant = $1 AND (x.created_at > $2 OR (x.created_at = $2 AND x.id > $3))
             ORDER BY x.created_at, x.id LIMIT $4",
        )
        .bind(tenant.as_str())
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        found.into_iter().map(session).collect()
    }
}
