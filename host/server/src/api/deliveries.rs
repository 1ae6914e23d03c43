//! `/api/v1/deliveries`: messages that were given up, and trying them again.

use axum::Json;
use axum::extract::{Path, State};
use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::api::views::EventView;
use crate::host::Host;

/// The most that is listed.
const MOST: u32 = 200;

/// A message that was given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetter {
    /// UUID; the idempotency key.
    id: String,
    /// The channel.
    channel: String,
    /// Attempts made.
    attempts: u32,
    /// Why the last one failed.
    error: Option<String>,
    /// What it would have told.
    event: EventView,
}

/// Messages that were given up.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct DeadLetters {
    deliveries: Vec<DeadLetter>,
}

/// Lists messages that were given up.
#[utoipa::path(get, path = "/api/v1/deliveries/dead", tag = "deliveries",
    responses((status = 200, body = DeadLetters), (status = "default", body = Problem)))]
pub(crate) async fn dead(State(host): State<Host>) -> Result<Json<DeadLetters>, Problem> {
    let letters = host.store().dead_letters(MOST).await?;
    let deliveries = letters.into_iter().map(|letter| DeadLetter {
        id: letter.delivery.id.to_string(),
        channel: letter.delivery.channel.to_string(),
        attempts: letter.delivery.attempt,
        error: letter.delivery.last_error.map(|e| e.message),
        event: EventView::from(&letter.event),
    });
    Ok(Json(DeadLetters { deliveries: deliveries.collect() }))
}

/// What is tried again.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Replayed {
    id: String,
    channel: String,
}

/// Tries a message again that was given up.
#[utoipa::path(post, path = "/api/v1/deliveries/{id}/replay", tag = "deliveries", params(("id" = String, Path)),
    responses((status = 200, body = Replayed), (status = "default", body = Problem)))]
pub(crate) async fn replay(
    State(host): State<Host>,
    Path(id): Path<String>,
) -> Result<Json<Replayed>, Problem> {
    let parsed = id.parse().map_err(|_| Problem::not_found("delivery", &id))?;
    let delivery = host.store().replay(parsed, Timestamp::now()).await?;
    Ok(Json(Replayed { id: delivery.id.to_string(), channel: delivery.channel.to_string() }))
}
