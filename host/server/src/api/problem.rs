//! Errors of the API: problem details (RFC 9457) with a stable `code`.

use axum::Json;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use waystation_core::user::UserRefusal;
use waystation_identity::IdentityError;
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
    /// After how many seconds it makes sense to try again.
    #[serde(skip)]
    retry_after: Option<u64>,
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
            retry_after: None,
        }
    }

    /// Whether this is about what was sent, and says what.
    #[cfg(any(test, fuzzing))]
    pub(crate) fn is_refusal(&self) -> bool {
        (400..500).contains(&self.status) && !self.code.is_empty() && !self.detail.is_empty()
    }

    /// A member of the body does not fit the schema that a plugin gives for it.
    pub(crate) fn mismatch(code: &str, member: &str, found: &Mismatches) -> Self {
        let fault = |one: &Mismatch| Fault {
            pointer: format!("#/{member}{}", fragment(&one.pointer())),
            detail: one.message.clone(),
        };
        Self { errors: found.0.iter().map(fault).collect(), ..Self::bad(code, found.under(&[member])) }
    }

    /// Its status and code, and after how many seconds it makes sense to try again: for a page instead of it.
    pub(crate) fn told(self) -> (StatusCode, String, Option<u64>) {
        let status = StatusCode::from_u16(self.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
        (status, self.code, self.retry_after)
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
        let retry_after = self.retry_after;
        let mut response = (status, Json(self)).into_response();
        if let Some(seconds) = retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        let kind = HeaderValue::from_static("application/problem+json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        if status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        response
    }
}

impl From<IdentityError> for Problem {
    fn from(e: IdentityError) -> Self {
        let status = match &e {
            IdentityError::Locked(_) | IdentityError::TooFast(_) => StatusCode::TOO_MANY_REQUESTS,
            IdentityError::Memory | IdentityError::Crowded => StatusCode::SERVICE_UNAVAILABLE,
            IdentityError::OwnerExists | IdentityError::NameTaken => StatusCode::CONFLICT,
            IdentityError::Gone => StatusCode::GONE,
            IdentityError::Ended
            | IdentityError::Reused
            | IdentityError::Expired
            | IdentityError::SecondFactor
            | IdentityError::WrongCode
            | IdentityError::CodeUsed => StatusCode::UNAUTHORIZED,
            IdentityError::Form(_) | IdentityError::PasswordLength => StatusCode::UNPROCESSABLE_ENTITY,
            _ => {
                tracing::error!(code = e.code(), error = %e, "users cannot be told apart as they should");
                StatusCode::INTERNAL_SERVER_ERROR
            }
        };
        Self { retry_after: e.retry_after(), ..Self::new(status, e.code(), e.to_string()) }
    }
}

impl From<UserRefusal> for Problem {
    fn from(refusal: UserRefusal) -> Self {
        let status = match &refusal {
            UserRefusal::NoUser
            | UserRefusal::NoRole(_)
            | UserRefusal::NoToken
            | UserRefusal::NoLogin
            | UserRefusal::NoIdentity => StatusCode::NOT_FOUND,
            _ => StatusCode::CONFLICT,
        };
        Self::new(status, refusal.code(), refusal.to_string())
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
