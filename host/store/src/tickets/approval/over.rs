//! Requests that wait no more: their time ran out, or what they stood on is no more. And what is told of them.

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use waystation_core::approval::ApprovalState;
use waystation_core::audit::Deed;
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_core::ticket::ScopeName;

use super::super::Bell;
use super::super::caller::Caller;
use super::super::tally::Tally;
use super::{Approval, find};
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::{micros, parsed};

/// Why one ended whose scope was written anew.
const SCOPE_CHANGED: &str = "scope_changed";

/// What time does, for the record.
fn clock(tenant: &str, now: Timestamp) -> Result<Caller, StoreError> {
    let tenant = parsed(tenant)?;
    Ok(Caller { tenant, actor: "host".into(), plane: "host", request: None, address: None, now })
}

/// Ends one whose time is over, if nobody did, as of when it was over.
pub(in super::super) async fn run_out(
    work: &mut Work<'_>,
    id: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    let over: Option<(String, String)> = sqlx::query_as(
        "UPDATE approvals SET state = CASE WHEN state = 'waiting' THEN 'expired' ELSE 'lapsed' END, at = until
         WHERE id = $1 AND state IN ('waiting', 'approved') AND until <= $2 RETURNING tenant, source",
    )
    .bind(id)
    .bind(micros(now))
    .fetch_optional(work.db())
    .await?;
    let Some((tenant, source)) = over else { return Ok(()) };
    Tally::Approvals.give(work, &tenant, 1);
    work.ring(source, Bell::Approval);
    if let Some(one) = find(work.db(), id, now).await? {
        let action = if one.state == ApprovalState::Lapsed { "approval.lapse" } else { "approval.expire" };
        clock(&tenant, now)?.note(work, action, one.what(), "ok");
        told(work, &tenant, &one, now);
    }
    Ok(())
}

/// Ends those that wait for the tickets of a scope.
pub(in super::super) async fn end_of_scope(
    work: &mut Work<'_>,
    caller: &Caller,
    scope: &ScopeName,
) -> Result<(), StoreError> {
    let ids: Vec<String> = sqlx::query_scalar(
        "UPDATE approvals SET state = 'ended', at = $3, until = $3, reason = $4
         WHERE tenant = $1 AND registered = $2 AND state IN ('waiting', 'approved') RETURNING id",
    )
    .bind(caller.tenant.as_str())
    .bind(scope.as_str())
    .bind(micros(caller.now))
    .bind(SCOPE_CHANGED)
    .fetch_all(work.db())
    .await?;
    ended(work, caller.tenant.as_str(), ids, (caller.now, &caller.actor)).await
}

/// Counts off those that were ended, puts each on record and tells of it.
pub(in super::super) async fn ended(
    work: &mut Work<'_>,
    tenant: &str,
    ids: Vec<String>,
    (now, by): (Timestamp, &str),
) -> Result<(), StoreError> {
    Tally::Approvals.give(work, tenant, ids.len() as u64);
    for id in ids {
        let source: String = sqlx::query_scalar("SELECT source FROM approvals WHERE id = $1")
            .bind(id.as_str())
            .fetch_one(work.db())
            .await?;
        work.ring(source, Bell::Approval);
        let Some(one) = find(work.db(), &id, now).await? else { continue };
        let deed = Deed {
            at: now,
            actor: by.to_owned(),
            plane: "host",
            action: "approval.end",
            target: one.what(),
            outcome: one.reason.clone().unwrap_or_default(),
            request: None,
            address: None,
        };
        work.record(&parsed(tenant)?, deed);
        told(work, tenant, &one, now);
    }
    Ok(())
}

/// Tells that a request waits, or what became of it: once of each.
pub(super) fn told(work: &mut Work<'_>, tenant: &str, one: &Approval, now: Timestamp) {
    let (kind, severity) = match one.state {
        ApprovalState::Waiting => (EventType::APPROVAL_WAITING, Severity::Warning),
        _ => (EventType::APPROVAL_DECIDED, Severity::Info),
    };
    let said: Vec<_> = one.said.iter().map(|(name, _)| name.as_str()).collect();
    let data = json!({
        "approval": one.id.to_string(), "tenant": tenant, "scope": one.registered.as_str(),
        "sub_scope": one.scope.as_str(), "instance": one.instance.to_string(), "source": one.source.label(),
        "target": one.target.label(), "people": one.people, "approved_by": said, "state": one.state.as_str(),
        "until": one.until.to_string(), "rejected_by": one.decided_by.as_ref().map(ToString::to_string),
        "reason": one.reason,
    });
    work.tell(NewEvent {
        kind,
        subject: one.registered.to_string(),
        severity,
        data: match data {
            Value::Object(data) => data,
            _ => Map::new(),
        },
        occurred_at: now,
        key: Some(format!("approval {} {}", one.id, one.state.as_str())),
    });
}
