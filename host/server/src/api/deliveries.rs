//! `/api/v1/deliveries`: messages to channels, and trying them again.

use axum::Json;
use axum::extract::rejection::{JsonRejection, QueryRejection};
use axum::extract::{Path, Query, State};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use waystation_core::outbox::DeliveryState;
use waystation_store::Claimed;

use crate::api::problem::Problem;
use crate::api::views::EventView;
use crate::api::who::Who;
use crate::host::Host;

/// The most that is listed.
const MOST: u32 = 200;

/// Which messages.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeliveryQuery {
    /// `pending`, `claimed`, `delivered` or `dead`; all of them when left out.
    #[param(inline)]
    state: Option<Stage>,
    /// 1 to 200; 200 when left out.
    limit: Option<u32>,
}

/// Where a message stands.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum Stage {
    Pending,
    Claimed,
    Delivered,
    Dead,
}

impl Stage {
    const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Claimed => "claimed",
            Self::Delivered => "delivered",
            Self::Dead => "dead",
        }
    }
}

/// One event on its way to one channel.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct DeliveryView {
    /// UUID; the idempotency key.
    pub id: String,
    /// The channel.
    pub channel: String,
    /// `pending`, `claimed` (a host is sending it), `delivered`, `dead` (given up).
    pub state: String,
    /// When it is due (`pending`), when another host may take it (`claimed`), when it ended.
    pub at: Timestamp,
    /// Attempts made.
    pub attempts: u32,
    /// The receiver's own name for it, if it gave one.
    pub receipt: Option<String>,
    /// Why the last attempt failed, kebab-case.
    pub error_code: Option<String>,
    /// Why the last attempt failed, a sentence.
    pub error: Option<String>,
    /// What it tells.
    pub event: EventView,
}

impl From<Claimed> for DeliveryView {
    fn from(Claimed { delivery, event }: Claimed) -> Self {
        let state = delivery.state.word().to_owned();
        let (at, receipt) = match delivery.state {
            DeliveryState::Pending { next_attempt_at } => (next_attempt_at, None),
            DeliveryState::Claimed { until, .. } => (until, None),
            DeliveryState::Delivered { at, receipt } => (at, receipt),
            DeliveryState::Dead { at } => (at, None),
        };
        let (error_code, error) = delivery.last_error.map(|e| (e.code, e.message)).unzip();
        Self {
            id: delivery.id.to_string(),
            channel: delivery.channel.to_string(),
            state,
            at,
            attempts: delivery.attempt,
            receipt,
            error_code,
            error,
            event: EventView::from(&event),
        }
    }
}

/// Messages, those of the newest events first.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct DeliveryList {
    /// At most 200.
    pub deliveries: Vec<DeliveryView>,
}

/// Lists messages.
#[utoipa::path(get, path = "/api/v1/deliveries", tag = "deliveries", params(DeliveryQuery),
    responses((status = 200, body = DeliveryList), (status = "default", body = Problem)))]
pub(crate) async fn list(
    State(host): State<Host>,
    who: Who,
    query: Result<Query<DeliveryQuery>, QueryRejection>,
) -> Result<Json<DeliveryList>, Problem> {
    who.may("delivery:read")?;
    let Query(query) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    listed(&host, query.state, query.limit.unwrap_or(MOST).clamp(1, MOST)).await
}

/// Lists messages that were given up.
#[utoipa::path(get, path = "/api/v1/deliveries/dead", tag = "deliveries",
    responses((status = 200, body = DeliveryList), (status = "default", body = Problem)))]
pub(crate) async fn dead(State(host): State<Host>, who: Who) -> Result<Json<DeliveryList>, Problem> {
    who.may("delivery:read")?;
    listed(&host, Some(Stage::Dead), MOST).await
}

async fn listed(host: &Host, state: Option<Stage>, limit: u32) -> Result<Json<DeliveryList>, Problem> {
    let found = host.store().deliveries(state.map(Stage::word), limit).await?;
    Ok(Json(DeliveryList { deliveries: found.into_iter().map(DeliveryView::from).collect() }))
}

/// What is tried again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Replayed {
    /// The message.
    pub id: String,
    /// Its channel.
    pub channel: String,
}

/// Tries a message again that was given up, at once.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = Replayed), (status = "default", body = Problem)))]
pub(crate) async fn replay(
    State(host): State<Host>,
    who: Who,
    Path(id): Path<String>,
) -> Result<Json<Replayed>, Problem> {
    who.may("delivery:replay")?;
    let parsed = id.parse().map_err(|_| Problem::not_found("delivery", &id))?;
    let delivery = host.store().replay(parsed, Timestamp::now()).await?;
    host.wake_deliveries();
    Ok(Json(Replayed { id: delivery.id.to_string(), channel: delivery.channel.to_string() }))
}

/// Which messages to try again.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ReplayAll {
    /// Those of this channel; of every channel when left out.
    channel: Option<String>,
}

/// How many are tried again.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ReplayedAll {
    /// Messages.
    pub replayed: u64,
}

/// Tries every message again that was given up, at once.
#[utoipa::path(post, path = "/api/v1/deliveries/replay", tag = "deliveries", request_body = ReplayAll,
    responses((status = 200, body = ReplayedAll), (status = "default", body = Problem)))]
pub(crate) async fn replay_all(
    State(host): State<Host>,
    who: Who,
    body: Result<Json<ReplayAll>, JsonRejection>,
) -> Result<Json<ReplayedAll>, Problem> {
    who.may("delivery:replay")?;
    let Json(which) = body.map_err(|e| Problem::new(e.status(), "bad-body", e.body_text()))?;
    let channel = match &which.channel {
        Some(name) => Some(name.parse().map_err(|_| Problem::not_found("channel", name))?),
        None => None,
    };
    let replayed = host.store().replay_dead(channel.as_ref(), Timestamp::now()).await?;
    host.wake_deliveries();
    Ok(Json(ReplayedAll { replayed }))
}
