//! Errors of the API: problem details (RFC 9457) with a stable `code`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use waystation_runtime::{CallError, LoadError};
use waystation_schema::{Mismatch, Mismatches};
use waystation_store::StoreError;

/// What the API answers instead of what was asked for.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Problem {
    /// Always `about:blank`: `code` tells problems apart.
    #[serde(rename = "type")]
    kind: &'static str,
    /// The status in words.
    title: &'static str,
    /// The status.
    status: u16,
    /// Stable, kebab-case.
    code: String,
    /// One sentence that says what to do next.
    detail: String,
    /// Each thing that is wrong with the body, where there can be several.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<Fault>,
}

/// One thing that is wrong with a request's body.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Fault {
    /// Where: a JSON pointer (RFC 6901) as a URI fragment, `#/options/page_size`.
    pointer: String,
    /// What, without the value.
    detail: String,
}

impl Problem {
    /// A problem with this status, code and sentence.
    pub(crate) fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self {
            kind: "about:blank",
            title: status.canonical_reason().unwrap_or("Error"),
            status: status.as_u16(),
            code: code.into(),
            detail: detail.into(),
            errors: Vec::new(),
        }
    }

    /// A member of the body does not fit the schema that a plugin gives for it.
    pub(crate) fn mismatch(code: &str, member: &str, found: &Mismatches) -> Self {
        let fault = |one: &Mismatch| Fault {
            pointer: format!("#/{member}{}", fragment(&one.pointer())),
            detail: one.message.clone(),
        };
        Self { errors: found.0.iter().map(fault).collect(), ..Self::bad(code, found.under(&[member])) }
    }

    pub(crate) fn not_found(what: &str, name: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", format!("there is no {what} `{name}`"))
    }

    pub(crate) fn bad(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }
}

/// A pointer as it stands in a URI (RFC 6901, section 6).
fn fragment(pointer: &str) -> String {
    let plain = |b: &u8| b.is_ascii_alphanumeric() || b"/-._~".contains(b);
    pointer.bytes().map(|b| if plain(&b) { char::from(b).to_string() } else { format!("%{b:02X}") }).collect()
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        let mut response = (status, Json(self)).into_response();
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<StoreError> for Problem {
    fn from(e: StoreError) -> Self {
        let status = match e.code() {
            "not-found" => StatusCode::NOT_FOUND,
            "conflict" => StatusCode::CONFLICT,
            "too-large" => StatusCode::PAYLOAD_TOO_LARGE,
            "disk-full" => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        if status == StatusCode::SERVICE_UNAVAILABLE {
            tracing::error!(code = e.code(), error = %e, "the database did not do what a request needs");
        }
        Self::new(status, e.code(), e.to_string())
    }
}

impl From<LoadError> for Problem {
    fn from(e: LoadError) -> Self {
        Self::new(StatusCode::CONFLICT, e.code(), e.to_string())
    }
}

impl From<CallError> for Problem {
    fn from(e: CallError) -> Self {
        Self::new(StatusCode::BAD_GATEWAY, e.code(), e.sentence())
    }
}
