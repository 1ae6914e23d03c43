//! Who may use the API: whoever presents an access token or an API token, for as long as it holds.

use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use waystation_identity::{Api, ApiToken, Kind as _};
use waystation_store::StoreError;
use waystation_store::users::Standing;

use crate::api::origin::Origin;
use crate::api::problem::Problem;
use crate::api::who::{Proof, Who};
use crate::host::Host;

/// Lets a request pass that carries a token in its `Authorization` header, and nowhere else: never in the URL, where it
/// would be logged. Puts a [`Who`] into it.
pub(crate) async fn require_user(State(host): State<Host>, mut request: Request, next: Next) -> Response {
    let Some(token) = bearer(request.headers()) else {
        return refuse("send `Authorization: Bearer …` with a token: `waystation login` gets one");
    };
    match told(&host, token).await {
        Ok(Some((standing, proof))) => {
            let origin = Origin::of(request.headers(), request.extensions());
            request.extensions_mut().insert(Who::new(standing, proof, origin, host));
            next.run(request).await
        }
        Ok(None) => {
            refuse("this token is none, or does not hold any more; log in again with `waystation login`")
        }
        Err(e) => Problem::from(e).into_response(),
    }
}

/// Who a token speaks for now. To whoever presents it, everything that speaks against one is the same.
pub(super) async fn told(host: &Host, token: &str) -> Result<Option<(Standing, Proof)>, StoreError> {
    let now = Timestamp::now();
    let proof = if token.starts_with(Api::PREFIX) {
        token.parse::<ApiToken>().ok().map(|token| Proof::Token(token.digest()))
    } else {
        let claims = host.users().claims(token, now);
        claims
            .map(Proof::Login)
            .inspect_err(|e| tracing::debug!(code = e.code(), "an access token was refused"))
            .ok()
    };
    let Some(proof) = proof else { return Ok(None) };
    Ok(proof.standing(host, now).await?.map(|standing| (standing, proof)))
}

/// The token of a request, in its `Authorization` header.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim())
}

fn refuse(detail: &str) -> Response {
    Problem::new(StatusCode::UNAUTHORIZED, "unauthorized", detail).into_response()
}
