//! The HTTP API, version 1. Everything but the health probes needs the token.

#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod agents;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod audit;
mod auth;
pub mod certificate;
pub mod channels;
pub mod checks;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod crl;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod deliveries;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod enrolments;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod events;
mod health;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod items;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod metrics;
mod openapi;
pub(crate) mod origin;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod plugins;
pub(crate) mod problem;
pub(crate) mod tickets;
pub mod trust;
pub mod views;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::host::Host;
use crate::pki;
use crate::traceparent;
use problem::Problem;

pub use openapi::document as openapi_document;

/// Bytes of a request's body.
const MAX_BODY: usize = 1 << 20;

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// All routes.
pub(crate) fn router(host: Host) -> Router {
    let v1 = Router::new()
        .route("/host", get(plugins::host))
        .route("/items", get(items::list).post(items::add))
        .route("/items/{name}", get(items::show).delete(items::remove))
        .route("/checks", post(checks::check))
        .route("/certificate", get(certificate::show))
        .route("/agents", get(agents::list).post(agents::enrol))
        .route("/agents/{label}", get(agents::show).patch(agents::change).delete(agents::revoke))
        .route("/agents/{label}/certificates", post(agents::certify))
        .route("/enrolments", get(enrolments::list).post(enrolments::invite))
        .route("/enrolments/{id}", delete(enrolments::uninvite))
        .route("/enrolments/pending", get(enrolments::pending))
        .route("/enrolments/pending/{id}/approve", post(enrolments::approve))
        .route("/enrolments/pending/{id}/reject", post(enrolments::reject))
        .route("/audit", get(audit::list))
        .route("/audit/verify", get(audit::verify))
        .route("/trust", get(trust::show))
        .route("/trust/refresh", post(trust::refresh))
        .route("/plugins", get(plugins::list))
        .route("/plugins/{name}", get(plugins::show))
        .route("/plugins/{name}/enable", post(plugins::enable))
        .route("/plugins/{name}/disable", post(plugins::disable))
        .route("/plugins/{name}/logs", get(plugins::logs))
        .route("/plugins/{name}/logs/stream", get(plugins::follow))
        .route("/events", get(events::list))
        .route("/events/stream", get(events::follow))
        .route("/channels", get(channels::list))
        .route("/channels/{name}/test", post(channels::test))
        .route("/deliveries", get(deliveries::list))
        .route("/deliveries/replay", post(deliveries::replay_all))
        .route("/deliveries/dead", get(deliveries::dead))
        .route("/deliveries/{id}/replay", post(deliveries::replay))
        .route("/openapi.json", get(openapi::serve));
    Router::new()
        .nest("/api/v1", v1)
        .route("/metrics", get(metrics::metrics))
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path has other methods")
        })
        .layer(middleware::from_fn_with_state(host.clone(), auth::require_token))
        .merge(tickets::router(host.clone()))
        .route("/api/v1/certificates/crl", get(crl::serve))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
        .layer(middleware::from_fn_with_state(host.clone(), pki::recognise))
        .with_state(host)
        .layer(middleware::from_fn(security_headers))
        .layer(DefaultBodyLimit::max(MAX_BODY))
        .layer(CatchPanicLayer::custom(|_| {
            tracing::error!("a request handler panicked");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "internal", "this is a bug in Waystation")
                .into_response()
        }))
        .layer(TraceLayer::new_for_http().make_span_with(span).on_response(
            |response: &Response, latency: Duration, _: &tracing::Span| {
                let latency_ms = u64::try_from(latency.as_millis()).unwrap_or(u64::MAX);
                tracing::debug!(status = response.status().as_u16(), latency_ms, "answered a request");
            },
        ))
        .layer(PropagateRequestIdLayer::new(REQUEST_ID))
        .layer(SetRequestIdLayer::new(REQUEST_ID, MakeRequestUuid))
}

/// Path without query, and the request's id: nothing that could be a secret.
fn span(request: &Request) -> tracing::Span {
    let id = request.headers().get(REQUEST_ID).and_then(|id| id.to_str().ok()).unwrap_or_default();
    let span = tracing::info_span!("request", id, method = %request.method(), path = request.uri().path());
    if let Some(parent) = traceparent::parent(request.headers()) {
        // Without an exporter there is no trace to be part of.
        let _ = span.set_parent(parent);
    }
    span
}

async fn security_headers(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::CONTENT_SECURITY_POLICY, "default-src 'none'; frame-ancestors 'none'"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
