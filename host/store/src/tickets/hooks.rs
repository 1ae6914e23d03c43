//! What hooks need of tickets: what they are told, and what is put on record of them.

use jiff::Timestamp;
use waystation_core::agent::AgentName;
use waystation_core::audit::Deed;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Capability, EndReason, Refusal, SessionId, TicketDigest, TicketId};

use super::Outcome;
use super::caller::Caller;
use super::sessions::end;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{clean, micros};
use crate::store::Store;

/// The most capabilities of an agent that a hook is told.
const CAPABILITIES: i64 = 256;

/// What a hook is told beside the request itself.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Occasion {
    /// The registered scope; empty where it is no more.
    pub scope: String,
    /// What the source may do, sorted.
    pub source: Vec<String>,
    /// What the target may do, sorted.
    pub target: Vec<String>,
}

/// What a hook did, for the record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HookDeed {
    /// `hook.deny`, or `hook.pass` where a hook failed and may.
    pub action: &'static str,
    /// Which, where, and why.
    pub target: String,
    /// `denied` or `hook-failed`.
    pub outcome: &'static str,
}

/// What hooks said about something.
#[derive(Debug, Clone)]
pub struct Heard {
    /// Who asked.
    pub caller: Caller,
    /// What hooks did that is worth a row.
    pub deeds: Vec<HookDeed>,
    /// What was refused because of it: the action, on what, and how.
    pub refused: Option<(&'static str, String, Refusal)>,
    /// What is lost by it.
    pub lost: Option<Lost>,
}

/// What a denial takes away.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// A ticket that is held meanwhile.
    Ticket(TicketDigest),
    /// A session that is open.
    Session(SessionId),
}

impl Change for Heard {
    type Answer = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let Self { caller, deeds, refused, lost } = self;
        for deed in deeds {
            work.record(
                &caller.tenant,
                Deed {
                    at: caller.now,
                    actor: caller.actor.clone(),
                    plane: caller.plane,
                    action: deed.action,
                    target: clean(&deed.target),
                    outcome: deed.outcome.to_owned(),
                    request: caller.request.clone(),
                    address: caller.address.clone(),
                },
            );
        }
        if let Some((action, target, refusal)) = refused {
            caller.record::<()>(work, action, clean(target), &Err(*refusal));
        }
        match lost {
            None => {}
            Some(Lost::Ticket(held)) => {
                sqlx::query(
                    "UPDATE tickets SET state = 'revoked', held = 0, at = $2 WHERE digest = $1 AND held = 1",
                )
                .bind(held.as_bytes().as_slice())
                .bind(micros(caller.now))
                .execute(work.db())
                .await?;
            }
            Some(Lost::Session(id)) => {
                end(work, caller, &id.to_string(), EndReason::PolicyDenied, "host").await?;
            }
        }
        Ok(())
    }
}

/// A ticket that was held, and may open its session now.
struct Release {
    caller: Caller,
    target: AgentName,
    digest: TicketDigest,
}

impl Change for Release {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, target, digest } = self;
        // Meanwhile somebody may have taken it back.
        let released = sqlx::query(
            "UPDATE tickets SET held = 0, at = $4
             WHERE digest = $1 AND tenant = $2 AND state = 'redeemed' AND held = 1 AND target =
               (SELECT a.id FROM agents a WHERE a.tenant = $2 AND a.label = $3 AND a.revoked_at IS NULL)",
        )
        .bind(digest.as_bytes().as_slice())
        .bind(caller.tenant.as_str())
        .bind(target.label())
        .bind(micros(caller.now))
        .execute(work.db())
        .await?;
        let done = if released.rows_affected() == 0 { Err(Refusal::NoTicket) } else { Ok(()) };
        caller.record(work, "ticket.redeem", digest.to_string(), &done);
        Ok(done)
    }
}

/// What became of a session, told after it was kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionChange {
    /// `opened`, `active`, `grace` or `ended`.
    pub what: &'static str,
    /// Why, where it ended.
    pub reason: Option<EndReason>,
    /// Which.
    pub session: String,
    /// Whose.
    pub tenant: String,
    /// The registered scope; empty where it is no more.
    pub scope: String,
    /// The sub-scope.
    pub sub_scope: String,
    /// The instance.
    pub instance: String,
    /// The label of the source.
    pub source: String,
    /// The label of the target.
    pub target: String,
    /// When.
    pub at: Timestamp,
}

/// Notes what became of a session, where somebody wants to know.
pub(super) async fn note(
    work: &mut Work<'_>,
    id: &str,
    what: &'static str,
    reason: Option<EndReason>,
    at: Timestamp,
) -> Result<(), StoreError> {
    if !work.is_watched() {
        return Ok(());
    }
    let found: Option<(String, Option<String>, String, String, String, String)> = sqlx::query_as(
        "SELECT x.tenant, u.scope, x.scope, x.instance_id, s.label, t.label
         FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
         LEFT JOIN sub_scopes u ON u.tenant = x.tenant AND u.name = x.scope
         WHERE x.id = $1",
    )
    .bind(id)
    .fetch_optional(work.db())
    .await?;
    if let Some((tenant, scope, sub_scope, instance, source, target)) = found {
        work.note(SessionChange {
            what,
            reason,
            session: id.to_owned(),
            tenant,
            scope: scope.unwrap_or_default(),
            sub_scope,
            instance,
            source,
            target,
            at,
        });
    }
    Ok(())
}

/// Which tickets and sessions are counted or listed. What is not said is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LiveFilter {
    /// The label of the source.
    pub source: Option<String>,
    /// The label of the target.
    pub target: Option<String>,
    /// The sub-scope.
    pub sub_scope: Option<String>,
}

/// A session that did not end: id, since when, sub-scope, instance, source, target, state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveSession {
    /// Its id.
    pub id: SessionId,
    /// Since when.
    pub created_at: Timestamp,
    /// The sub-scope.
    pub sub_scope: String,
    /// The instance.
    pub instance: String,
    /// The label of the source.
    pub source: String,
    /// The label of the target.
    pub target: String,
    /// `active` or `grace`.
    pub state: String,
}

impl Store {
    /// Tells of every session from now on, each after its change was kept. Once; a second one is not told.
    pub fn watch_sessions(&self, watcher: impl Fn(Vec<SessionChange>) + Send + Sync + 'static) {
        self.changes().watch(Box::new(watcher));
    }

    /// What a hook is told of the two agents and of the scope.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn occasion(
        &self,
        tenant: &TenantName,
        sub_scope: &Capability,
        source: &str,
        target: &str,
    ) -> Result<Occasion, StoreError> {
        let scope: Option<String> =
            sqlx::query_scalar("SELECT scope FROM sub_scopes WHERE tenant = $1 AND name = $2")
                .bind(tenant.as_str())
                .bind(sub_scope.as_str())
                .fetch_optional(self.reader())
                .await?;
        let mut able = [Vec::new(), Vec::new()];
        for (of, label) in able.iter_mut().zip([source, target]) {
            *of = sqlx::query_scalar(
                "SELECT c.capability FROM agent_capabilities c JOIN agents a ON a.id = c.agent_id
                 WHERE a.tenant = $1 AND a.label = $2 ORDER BY c.capability LIMIT $3",
            )
            .bind(tenant.as_str())
            .bind(label)
            .bind(CAPABILITIES)
            .fetch_all(self.reader())
            .await?;
        }
        let [source, target] = able;
        Ok(Occasion { scope: scope.unwrap_or_default(), source, target })
    }

    /// Puts on record what hooks said, and what was refused because of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn heard(&self, heard: Heard) -> Result<(), StoreError> {
        self.change(heard).await
    }

    /// Lets a ticket open its session that [`Store::hold_ticket`] held.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoTicket` where it was taken back meanwhile.
    pub async fn release_ticket(
        &self,
        caller: Caller,
        target: AgentName,
        id: &TicketId,
    ) -> Result<Outcome<()>, StoreError> {
        self.change(Release { caller, target, digest: id.digest() }).await
    }

    /// How many sessions did not end, and how many tickets can be redeemed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_live(
        &self,
        tenant: &str,
        filter: &LiveFilter,
        now: Timestamp,
    ) -> Result<(u64, u64), StoreError> {
        let of = |word: &Option<String>| word.clone().unwrap_or_default();
        let sessions: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
             WHERE x.tenant = $1 AND x.state <> 'ended' AND ($2 = '' OR s.label = $2)
               AND ($3 = '' OR t.label = $3) AND ($4 = '' OR x.scope = $4)",
        )
        .bind(tenant)
        .bind(of(&filter.source))
        .bind(of(&filter.target))
        .bind(of(&filter.sub_scope))
        .fetch_one(self.reader())
        .await?;
        let tickets: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM tickets x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
             WHERE x.tenant = $1 AND x.state = 'pending' AND x.expires_at > $5 AND ($2 = '' OR s.label = $2)
               AND ($3 = '' OR t.label = $3) AND ($4 = '' OR x.scope = $4)",
        )
        .bind(tenant)
        .bind(of(&filter.source))
        .bind(of(&filter.target))
        .bind(of(&filter.sub_scope))
        .bind(micros(now))
        .fetch_one(self.reader())
        .await?;
        Ok((sessions.unsigned_abs(), tickets.unsigned_abs()))
    }

    /// Sessions that did not end, by the time they were opened at and by id, after this one, at most `limit`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn live_sessions(
        &self,
        tenant: &str,
        filter: &LiveFilter,
        after: Option<(Timestamp, SessionId)>,
        limit: u32,
    ) -> Result<Vec<LiveSession>, StoreError> {
        let of = |word: &Option<String>| word.clone().unwrap_or_default();
        let (at, id) = after.map_or((-1, String::new()), |(at, id)| (micros(at), id.to_string()));
        let found: Vec<(String, i64, String, String, String, String, String)> = sqlx::query_as(
            "SELECT x.id, x.created_at, x.scope, x.instance_id, s.label, t.label, x.state
             FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
             WHERE x.tenant = $1 AND x.state <> 'ended' AND ($2 = '' OR s.label = $2)
               AND ($3 = '' OR t.label = $3) AND ($4 = '' OR x.scope = $4)
               AND (x.created_at > $5 OR (x.created_at = $5 AND x.id > $6))
             ORDER BY x.created_at, x.id LIMIT $7",
        )
        .bind(tenant)
        .bind(of(&filter.source))
        .bind(of(&filter.target))
        .bind(of(&filter.sub_scope))
        .bind(at)
        .bind(id)
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        let session = |(id, at, sub_scope, instance, source, target, state): (String, i64, _, _, _, _, _)| {
            Ok(LiveSession {
                id: crate::row::parsed(&id)?,
                created_at: crate::row::time(at)?,
                sub_scope,
                instance,
                source,
                target,
                state,
            })
        };
        found.into_iter().map(session).collect()
    }
}
