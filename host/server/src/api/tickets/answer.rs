//! What is answered when it is not what was asked for.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use waystation_core::ticket::Refusal;
use waystation_store::StoreError;

/// A refusal in the form of the reference API.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) error: String,
    pub(super) details: Option<Value>,
    pub(super) retry_after: Option<u32>,
}

impl Answer {
    pub(super) fn new(status: StatusCode, error: impl Into<String>) -> Self {
        Self { status, error: error.into(), details: None, retry_after: None }
    }

    pub(super) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Not found")
    }

    pub(super) fn bad(error: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, error)
    }

    pub(super) fn with(self, details: Value) -> Self {
        Self { details: Some(details), ..self }
    }

    /// What is the same wherever it happens.
    pub(super) fn too_often(refusal: &Refusal) -> Option<Self> {
        match refusal {
            Refusal::TooOften { retry_after } => Some(Self {
                retry_after: Some(*retry_after),
                ..Self::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
            }),
            _ => None,
        }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut body = json!({ "error": self.error });
        if let (Some(details), Some(body)) = (self.details, body.as_object_mut()) {
            body.insert("details".to_owned(), details);
        }
        let mut response = (self.status, Json(body)).into_response();
        if let Some(seconds) = self.retry_after {
            response.headers_mut().insert(header::RETRY_AFTER, seconds.into());
        }
        response
    }
}

impl From<StoreError> for Answer {
    fn from(e: StoreError) -> Self {
        tracing::error!(code = e.code(), error = %e, "the database did not do what a request needs");
        let status = match e {
            StoreError::DiskFull => StatusCode::INSUFFICIENT_STORAGE,
            _ => StatusCode::SERVICE_UNAVAILABLE,
        };
        Self::new(status, "The host cannot do this now; try again").with(json!({ "code": e.code() }))
    }
}
