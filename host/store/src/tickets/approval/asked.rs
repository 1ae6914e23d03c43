//! Somebody asks for a ticket that people approve.

use sqlx::AssertSqlSafe;
use waystation_core::approval::{ApprovalState, Hand, Hands, Latest, Terms, Turn, turn};
use waystation_core::id::ApprovalId;
use waystation_core::ticket::{Capability, InstanceId, Refusal, TicketDigest, TicketLimits};
use waystation_core::time::later;

use super::super::caller::Caller;
use super::super::people;
use super::super::tally::Tally;
use super::super::{Bell, Outcome};
use super::over::{run_out, told};
use super::{find, state_of};
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{count, micros, parsed, time, to_json};

/// A request that passed everything else.
pub(in super::super) struct Wanted<'a> {
    pub(in super::super) caller: &'a Caller,
    pub(in super::super) limits: &'a TicketLimits,
    pub(in super::super) terms: &'a Terms,
    /// The scope that was registered.
    pub(in super::super) registered: &'a str,
    pub(in super::super) scope: &'a Capability,
    pub(in super::super) instance: InstanceId,
    /// The rows of the two agents.
    pub(in super::super) source: &'a str,
    pub(in super::super) target: &'a str,
    /// What it is called if it waits from now on.
    pub(in super::super) id: ApprovalId,
}

impl Wanted<'_> {
    /// The request of the same that was approved, to be picked up; none where people have to be asked. Refused while they
    /// are, and for a while after they did not want to.
    pub(in super::super) async fn approved(
        &self,
        work: &mut Work<'_>,
    ) -> Result<Outcome<Option<ApprovalId>>, StoreError> {
        let (now, quiet) = (self.caller.now, self.limits.approval_quiet);
        // The one that is open, whatever clocks say; else the one that ended last.
        let mut found = None;
        for which in [
            "state IN ('waiting', 'approved')",
            "state NOT IN ('waiting', 'approved') ORDER BY at DESC, created_at DESC LIMIT 1",
        ] {
            let text = format!(
                "SELECT id, state, at, until FROM approvals WHERE instance_id = $1 AND target = $2 AND {which}"
            );
            let row: Option<(String, String, i64, i64)> = sqlx::query_as(AssertSqlSafe(text))
                .bind(self.instance.to_string())
                .bind(self.target)
                .fetch_optional(work.db())
                .await?;
            found = found.or(row);
            if found.is_some() {
                break;
            }
        }
        let Some((id, state, at, until)) = found else { return Ok(Ok(None)) };
        let (kept, until) = (state_of(&state)?, time(until)?);
        let state = kept.at(until, now);
        if state != kept {
            // Nobody swept yet.
            run_out(work, &id, now).await?;
        }
        let since = if state == kept { time(at)? } else { until };
        let id: ApprovalId = parsed(&id)?;
        Ok(match turn(Some(Latest { state, since }), now, quiet) {
            Turn::Begin => Ok(None),
            Turn::PickUp => Ok(Some(id)),
            Turn::Wait => Err(Refusal::Waiting(id)),
            Turn::Refuse => Err(Refusal::NotApproved(id)),
        })
    }

    /// It waits from now on, if there is room.
    pub(in super::super) async fn begin(&self, work: &mut Work<'_>) -> Result<Refusal, StoreError> {
        let Self { caller, limits, terms, .. } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let own: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM approvals
             WHERE source = $1 AND state IN ('waiting', 'approved') AND until > $2",
        )
        .bind(self.source)
        .bind(micros(now))
        .fetch_one(work.db())
        .await?;
        if own >= count(limits.approvals_each)
            || !Tally::Approvals.take(work, &caller.tenant, limits.approvals).await?
        {
            return Ok(Refusal::ApprovalLimit);
        }
        let hands = self.hands(work).await?;
        let until = later(now, terms.within());
        sqlx::query(
            "INSERT INTO approvals (id, tenant, registered, scope, instance_id, source, target, people, hands,
               created_at, state, at, until)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, 'waiting', $10, $11)",
        )
        .bind(self.id.to_string())
        .bind(tenant)
        .bind(self.registered)
        .bind(self.scope.as_str())
        .bind(self.instance.to_string())
        .bind(self.source)
        .bind(self.target)
        .bind(i64::from(terms.people()))
        .bind(to_json(&hands)?)
        .bind(micros(now))
        .bind(micros(until))
        .execute(work.db())
        .await?;
        if let Some(made) = find(work.db(), &self.id.to_string(), now).await? {
            caller.note(work, "approval.wait", made.what(), "ok");
            told(work, tenant, &made, now);
        }
        work.ring(self.source, Bell::Approval);
        Ok(Refusal::Waiting(self.id))
    }

    /// Who had a hand in it, as far as rows know.
    async fn hands(&self, work: &mut Work<'_>) -> Result<Hands, StoreError> {
        let tenant = self.caller.tenant.as_str();
        let (actor, assigned): (String, String) = sqlx::query_as(
            "SELECT assigned_by, people FROM assignments WHERE instance_id = $1 AND agent_id = $2",
        )
        .bind(self.instance.to_string())
        .bind(self.target)
        .fetch_one(work.db())
        .await?;
        let wrote: String = sqlx::query_scalar("SELECT people FROM scopes WHERE tenant = $1 AND name = $2")
            .bind(tenant)
            .bind(self.registered)
            .fetch_one(work.db())
            .await?;
        let let_in: String = sqlx::query_scalar("SELECT people FROM agents WHERE id = $1")
            .bind(self.source)
            .fetch_one(work.db())
            .await?;
        let mut assigned = people::read(&assigned);
        // One from before people were noted says at least who.
        assigned.extend(people::behind(work, tenant, &actor).await?);
        let mut hands = Hands::new();
        for (people, hand) in [
            (assigned, Hand::Assignment),
            (people::read(&wrote), Hand::Scope),
            (people::read(&let_in), Hand::Agent),
        ] {
            for name in people {
                hands.entry(name).or_default().insert(hand);
            }
        }
        Ok(hands)
    }

    /// The ticket of it is made: it is good for no other.
    pub(in super::super) async fn use_up(
        &self,
        work: &mut Work<'_>,
        id: ApprovalId,
        ticket: &TicketDigest,
    ) -> Result<(), StoreError> {
        let Self { caller, .. } = self;
        let now = micros(caller.now);
        let used = sqlx::query(
            "UPDATE approvals SET state = $4, at = $2, until = $2, ticket = $3
             WHERE id = $1 AND state = 'approved' AND until > $2",
        )
        .bind(id.to_string())
        .bind(now)
        .bind(ticket.as_bytes().as_slice())
        .bind(ApprovalState::Used.as_str())
        .execute(work.db())
        .await?;
        if used.rows_affected() != 1 {
            return Err(StoreError::corrupt("a request that was approved is not there to be used"));
        }
        Tally::Approvals.give(work, caller.tenant.as_str(), 1);
        caller.note(work, "approval.use", format!("{id} {ticket}"), "ok");
        work.ring(self.source, Bell::Approval);
        Ok(())
    }
}
