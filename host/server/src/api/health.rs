//! `/healthz` and `/readyz`: open to everybody, and silent about everything else.

use axum::extract::State;
use axum::http::StatusCode;

use crate::host::Host;

/// The process answers.
#[utoipa::path(get, path = "/healthz", tag = "host", responses((status = 200)))]
pub(crate) async fn live() -> &'static str {
    "ok\n"
}

/// The host can do its work: it is not stopping, and its database answers.
#[utoipa::path(get, path = "/readyz", tag = "host", responses((status = 200), (status = 503)))]
pub(crate) async fn ready(State(host): State<Host>) -> (StatusCode, &'static str) {
    if host.stopping().is_cancelled() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    match host.store().ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "database\n"),
    }
}
