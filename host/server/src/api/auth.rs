//! Who may use the API: whoever presents the host's token.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::problem::Problem;
use crate::host::Host;

/// Lets a request pass that carries the token in its `Authorization` header, and
/// nowhere else: never in the URL, where it would be logged.
pub(crate) async fn require_token(State(host): State<Host>, request: Request, next: Next) -> Response {
    match bearer(request.headers()) {
        Some(token) if host.token().matches(token) => next.run(request).await,
        Some(_) => refuse("this token is not the host's; `waystation up` prints where the right one is"),
        None => refuse("send `Authorization: Bearer …` with the token from the host's data folder"),
    }
}

/// The token of a request, in its `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

/// How whoever has the token is called in the record.
pub(super) const OPERATOR: &str = "token:host";

fn refuse(detail: &str) -> Response {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
}
