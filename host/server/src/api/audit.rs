//! `/api/v1/audit`: the record of what was done.

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waystation_core::audit::{Head, Row};
use waystation_store::{AuditFilter, StoreError};

use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// Rows per page, unless asked otherwise.
const PAGE: u32 = 200;
/// The most rows per page.
const MAX_PAGE: u32 = 1_000;

/// Which rows.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The number of the last row of the page before.
    after: Option<u64>,
    /// 1 to 1000; 200 when left out.
    limit: Option<u32>,
    /// Of this actor, such as `agent:mac`.
    actor: Option<String>,
    /// Of this action, such as `ticket.issue`.
    action: Option<String>,
    /// About this.
    target: Option<String>,
}

/// Something that was done.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AuditRow {
    /// Its number, from 1 on, without a hole.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// By what kind of credential: `agent`, `api`, `host`.
    pub plane: String,
    /// What.
    pub action: String,
    /// To what.
    pub target: String,
    /// `ok`, or the code of a refusal.
    pub outcome: String,
    /// The request's id.
    pub request: String,
    /// Where the request came from.
    pub address: String,
    /// The hash of this row and all before it, in hex.
    pub hash: String,
}

/// A page of rows, oldest first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditPage {
    /// Some of them.
    pub rows: Vec<AuditRow>,
    /// Give this as `after` for the next page; none when this is the last.
    pub next: Option<u64>,
}

/// What became of the chain.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditState {
    /// Whether every row that is kept is what it was, and in its place.
    pub whole: bool,
    /// Where it is not.
    pub broken: Option<String>,
    /// The number of the last row that held.
    pub head: u64,
    /// The hash of that row, in hex. Kept elsewhere, it shows later whether the chain is still the one it was.
    pub hash: String,
    /// The number of the last row that was removed because it was old.
    pub trimmed: u64,
}

/// The end of the record, signed.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct AuditHead {
    /// The number of the last row; 0 when there is none.
    pub seq: u64,
    /// The hash of that row, in hex.
    pub hash: String,
    /// The number of the last row that was removed because it was old; 0 when none was.
    pub trimmed: u64,
    /// The hash of that row, in hex.
    pub trimmed_hash: String,
    /// A signed note (C2SP signed-note) that says so.
    pub note: String,
    /// The keys that verify notes of this host, as `NAME+HASH+KEY`: that of today, then those that were replaced.
    pub keys: Vec<String>,
}

fn view(row: Row) -> Result<AuditRow, StoreError> {
    let at = Timestamp::from_microsecond(row.at)
        .map_err(|_| StoreError::Corrupt { what: format!("{} is not a time", row.at) })?;
    let [actor, plane, action, target, outcome, request, address] = row.fields;
    let hash = hex::encode(row.hash);
    Ok(AuditRow { seq: row.seq, at, actor, plane, action, target, outcome, request, address, hash })
}

/// Lists what was done.
#[utoipa::path(get, path = "/api/v1/audit", tag = "audit", params(Wanted),
    responses((status = 200, body = AuditPage), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<Wanted>, QueryRejection>,
) -> Result<Json<AuditPage>, Problem> {
    who.may("audit:read")?;
    let Query(wanted) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let limit = wanted.limit.unwrap_or(PAGE).clamp(1, MAX_PAGE);
    let filter = AuditFilter { actor: wanted.actor, action: wanted.action, target: wanted.target };
    let rows = host.store().audit(who.tenant(), &filter, wanted.after.unwrap_or_default(), limit).await?;
    let full = rows.len() as u64 == u64::from(limit);
    let next = rows.last().filter(|_| full).map(|last| last.seq);
    Ok(Json(AuditPage { rows: rows.into_iter().map(view).collect::<Result<_, _>>()?, next }))
}

/// Signs where the record ends. Kept elsewhere, that shows later whether it is still the one it was.
#[utoipa::path(get, path = "/api/v1/audit/head", tag = "audit",
    responses((status = 200, body = AuditHead), (status = "default", body = Problem)))]
pub(crate) async fn head(State(host): State<Host>, who: Who) -> Result<Json<AuditHead>, Problem> {
    who.may("audit:export")?;
    let ends = host.store().audit_ends(who.tenant()).await?;
    let (seq, hash) = ends.head;
    let head = Head { tenant: who.tenant().clone(), seq, hash, at: Timestamp::now() };
    Ok(Json(AuditHead {
        seq,
        hash: hex::encode(hash),
        trimmed: ends.trimmed.0,
        trimmed_hash: hex::encode(ends.trimmed.1),
        note: host.users().notes().sign(&head.text())?,
        keys: host.users().note_keys().iter().map(ToString::to_string).collect(),
    }))
}

/// Goes along the whole chain, and tells where it does not hold.
#[utoipa::path(get, path = "/api/v1/audit/verify", tag = "audit",
    responses((status = 200, body = AuditState), (status = "default", body = Problem)))]
pub(crate) async fn verify(State(host): State<Host>, who: Who) -> Result<Json<AuditState>, Problem> {
    who.may("audit:read")?;
    let verified = host.store().verify_audit(who.tenant()).await?;
    let (head, hash) = verified.head;
    Ok(Json(AuditState {
        whole: verified.broken.is_none(),
        broken: verified.broken.map(|broken| broken.to_string()),
        head,
        hash: hex::encode(hash),
        trimmed: verified.trimmed,
    }))
}
