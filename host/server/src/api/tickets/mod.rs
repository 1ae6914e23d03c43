//! The reference API. `/api/enroll` and `/api/certs/agent`: how machines become agents, and what operators do with these.
//! `/api/tickets`: scopes, instances, assignments, tickets and sessions, for agents by their certificates and for
//! operators by the token.
//!
//! Paths, bodies, codes and messages are those of the reference API, so that its clients work unchanged; what is ours on
//! top is in the book. Errors are `{"error": …, "details": …}` here and nowhere else.

mod answer;
mod approvals;
mod assignments;
mod body;
mod caller;
mod certs;
mod described;
pub(crate) mod enroll;
mod form;
mod instances;
mod own;
mod page;
mod policy;
mod requests;
mod scopes;
mod sessions;
mod stream;

use axum::Router;
use axum::middleware;
use axum::routing::{any, delete, get, patch, post, put};

use crate::api::routed::{Routed, routed};
use crate::host::Host;
use answer::Answer;

pub(super) use described::described;

/// What agents ask of each other, and operators of them.
fn below() -> Routed {
    routed! {
        .route("/scopes", get(scopes::list).post(scopes::register))
        .route("/scopes/{name}", put(scopes::update).delete(scopes::remove))
        .route("/instances", get(instances::list).post(instances::register))
        .route("/instances/{id}", delete(instances::remove))
        .route("/instances/{id}/heartbeat", post(instances::heartbeat))
        .route("/assignments", get(assignments::list).post(assignments::add))
        .route("/assignments/{agent}/{instance}", delete(assignments::remove))
        .route("/", get(requests::list).post(requests::request))
        .route("/inbox", get(requests::inbox))
        .route("/inbox/stream", get(stream::follow))
        .route("/approvals/{id}", get(approvals::show))
        .route("/validate", post(requests::validate))
        .route("/sessions", get(sessions::list).post(sessions::open))
        .route("/sessions/own", get(own::list))
        .route("/sessions/{id}", get(own::show).patch(sessions::mark).delete(sessions::end))
        .route("/sessions/{id}/heartbeat", post(sessions::heartbeat))
        .route("/{id}", delete(requests::revoke))
    }
}

/// What becomes of agents.
fn certs() -> Routed {
    routed! {
        .route("/enroll", post(certs::invite))
        .route("/enroll/{label}", delete(certs::uninvite))
        .route("/enroll-delegated", post(certs::delegate))
        .route("/upgrade-cert", post(certs::renew))
        .route("/{label}", delete(certs::revoke))
        .route("/{label}/capabilities", patch(certs::allow))
    }
}

/// Where machines become agents.
fn enrolment() -> Routed {
    routed! {
        .route("/api/enroll", post(enroll::enroll))
    }
}

/// Every route, below what.
#[cfg(test)]
pub(super) fn lists() -> [(&'static str, &'static [(&'static str, &'static str)]); 3] {
    [("/api/tickets", below().list), ("/api/certs/agent", certs().list), ("", enrolment().list)]
}

/// Reads this as the place of every list here.
#[cfg(any(test, fuzzing))]
pub(super) fn cursors(text: &str) {
    page::holds(text);
    assignments::holds(text);
}

/// All routes, below `/api/tickets`.
pub(super) fn router(host: Host) -> Router<Host> {
    let below = below()
        .router
        .fallback(|| async { Answer::not_found() })
        .method_not_allowed_fallback(|| async { Answer::not_found() })
        .layer(middleware::from_fn_with_state(host.clone(), caller::tell));
    let certs = certs()
        .router
        .fallback(|| async { Answer::not_found() })
        .method_not_allowed_fallback(|| async { Answer::not_found() })
        .layer(middleware::from_fn_with_state(host, caller::tell));
    let enroll = enrolment().router.method_not_allowed_fallback(|| async { Answer::not_found() });
    // A path has one spelling.
    Router::new()
        .nest("/api/tickets", below)
        .nest("/api/certs/agent", certs)
        .merge(enroll)
        .route("/api/tickets/", any(|| async { Answer::not_found() }))
}
