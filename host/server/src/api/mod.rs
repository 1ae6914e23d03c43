//! The HTTP API, version 1. Everything but the health probes and logging in needs a token, and asks whether its user may.

pub mod account;
pub mod agents;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod approvals;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod audit;
mod auth;
mod body;
pub mod certificate;
pub mod channels;
pub mod checks;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod crl;
#[cfg(any(test, fuzzing))]
pub(crate) mod cursors;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod deliveries;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod devices;
pub mod enrolments;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod events;
mod health;
pub mod identities;
mod items;
pub mod login;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod metrics;
pub mod oidc;
mod openapi;
pub(crate) mod origin;
mod page;
mod pages;
#[expect(unused_qualifications, reason = "generated from the paths")]
mod plugins;
pub(crate) mod problem;
#[cfg(feature = "data-reset")]
pub mod reset;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod roles;
mod routed;
pub(crate) mod tickets;
#[expect(unused_qualifications, reason = "generated from the paths")]
pub mod tokens;
pub mod trust;
pub mod users;
pub mod views;
pub(crate) mod who;

use std::time::Duration;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{delete, get, post, put};
use tower_http::catch_panic::CatchPanicLayer;
use tower_http::request_id::{MakeRequestUuid, PropagateRequestIdLayer, SetRequestIdLayer};
use tower_http::trace::TraceLayer;
use tracing_opentelemetry::OpenTelemetrySpanExt as _;

use crate::host::Host;
use crate::pki;
use crate::traceparent;
use problem::Problem;
use routed::{Routed, routed};

pub use openapi::document as openapi_document;

/// Bytes of a request's body.
const MAX_BODY: usize = 1 << 20;

const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");

/// Two years (RFC 6797): once a browser saw the host over TLS, it never speaks plain HTTP to it.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=63072000; includeSubDomains");

const REQUEST_ID: HeaderName = HeaderName::from_static("x-request-id");

/// What users ask, below `/api/v1`.
fn v1() -> Routed {
    routed! {
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
        .route("/approvals", get(approvals::list))
        .route("/approvals/{id}", get(approvals::show))
        .route("/approvals/{id}/approve", post(approvals::approve))
        .route("/approvals/{id}/reject", post(approvals::reject))
        .route("/audit", get(audit::list))
        .route("/audit/head", get(audit::head))
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
        .route("/auth/me", get(account::me))
        .route("/auth/logout", post(account::logout))
        .route("/auth/logins", get(account::logins))
        .route("/auth/logins/{id}", delete(account::end_login))
        .route("/auth/password", put(account::password))
        .route("/auth/second-factor", post(account::begin_totp))
        .route("/auth/second-factor/confirm", post(account::confirm_totp))
        .route("/auth/second-factor/off", post(account::end_totp))
        .route("/auth/identities", get(identities::own))
        .route("/auth/device", get(devices::show))
        .route("/auth/device/decide", post(devices::decide))
        .route("/users", get(users::list).post(users::add))
        .route("/users/{name}", get(users::show).delete(users::remove))
        .route("/users/{name}/lock", post(users::lock))
        .route("/users/{name}/unlock", post(users::unlock))
        .route("/users/{name}/logout", post(users::logout))
        .route("/users/{name}/roles", put(users::assign))
        .route("/users/{name}/password-link", post(users::password_link))
        .route("/users/{name}/identities", get(identities::list).post(identities::bind))
        .route("/users/{name}/identities/{id}", delete(identities::unbind))
        .route("/roles", get(roles::list))
        .route("/roles/{name}", put(roles::put).delete(roles::remove))
        .route("/access/explain", get(roles::why))
        .route("/tokens", get(tokens::list).post(tokens::add))
        .route("/tokens/{id}", delete(tokens::remove))
        .route("/openapi.json", get(openapi::serve))
    }
}

/// What users ask beside that.
fn beside() -> Routed {
    routed! {
        .route("/metrics", get(metrics::metrics))
    }
}

/// What those ask who are nobody yet.
fn open() -> Routed {
    routed! {
        .route("/api/v1/auth/login", post(login::login))
        .route("/api/v1/auth/refresh", post(login::refresh))
        .route("/api/v1/auth/oidc", post(oidc::enter))
        .route("/api/v1/auth/providers", get(oidc::providers))
        .route("/api/v1/auth/link", post(login::link))
        .route("/api/v1/auth/link/use", post(login::use_link))
        .route("/api/v1/auth/device", post(devices::start))
        .route("/api/v1/auth/device/token", post(devices::token))
    }
}

/// What is for everybody.
fn public() -> Routed {
    routed! {
        .route("/api/v1/certificates/crl", get(crl::serve))
        .route("/healthz", get(health::live))
        .route("/readyz", get(health::ready))
    }
}

/// All routes.
pub(crate) fn router(host: Host) -> Router {
    let tls = host.pki().speaks_tls();
    let v1 = v1().router;
    #[cfg(feature = "data-reset")]
    let v1 = v1.route("/reset", post(reset::reset));
    Router::new()
        .nest("/api/v1", v1)
        .merge(beside().router)
        .fallback(|| async { Problem::new(StatusCode::NOT_FOUND, "not-found", "there is nothing here") })
        .method_not_allowed_fallback(|| async {
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", "this path has other methods")
        })
        .layer(middleware::from_fn_with_state(host.clone(), auth::require_user))
        .merge(open().router)
        .merge(pages::router())
        .merge(oidc::for_browsers())
        .merge(tickets::router(host.clone()))
        .merge(public().router)
        .layer(middleware::from_fn_with_state(host.clone(), pki::recognise))
        .with_state(host)
        .layer(middleware::from_fn_with_state(tls, security_headers))
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

async fn security_headers(State(tls): State<bool>, request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    if tls {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    for (name, value) in [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_XSS_PROTECTION, "0"),
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (PERMISSIONS_POLICY, "camera=(), geolocation=(), microphone=(), payment=(), usb=()"),
        (header::CACHE_CONTROL, "no-store"),
    ] {
        headers.entry(name).or_insert(HeaderValue::from_static(value));
    }
    response
}
