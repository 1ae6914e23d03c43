//! `/api/v1/reset`: erases data. Only in a program that was built with the feature `data-reset`.

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::{OpenApi, ToSchema};

use crate::api::body::Body;
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::declared;
use crate::host::Host;

/// What has to be said.
const WORD: &str = "RESET";

/// The description of what is in this module alone.
#[derive(OpenApi)]
#[openapi(paths(reset))]
pub(crate) struct Api;

/// That it is meant.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Confirmation {
    /// `RESET`.
    confirm: String,
}

/// That it was done.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ResetDone {
    /// When.
    pub reset_at: Timestamp,
}

/// Erases items, events, deliveries, what plugins stored, scopes, instances, assignments, tickets and sessions. Users, tokens,
/// agents, certificates, settings and the record stay; items of the configuration are added again.
#[utoipa::path(post, path = "/api/v1/reset", tag = "host", request_body = Confirmation,
    responses((status = 200, body = ResetDone), (status = "default", body = Problem)))]
pub(crate) async fn reset(
    State(host): State<Host>,
    who: Who,
    Body(given): Body<Confirmation>,
) -> Result<Json<ResetDone>, Problem> {
    who.may("data:reset")?;
    who.just_logged_in()?;
    if given.confirm != WORD {
        return Err(Problem::bad(
            "not-confirmed",
            format!("say {{\"confirm\":\"{WORD}\"}} to erase all data"),
        ));
    }
    let reset_at = host.store().reset_data(who.caller()).await?;
    tracing::warn!(who = who.name().as_str(), "all data was erased");
    declared::sync(host.store(), host.config(), host.plugins()).await?;
    Ok(Json(ResetDone { reset_at }))
}
