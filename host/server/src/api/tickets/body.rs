//! Bodies, as the reference API takes them.

use axum::body::Bytes;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use serde_json::Value;

use super::answer::Answer;

/// What came: JSON, or nothing.
#[derive(Debug)]
pub(super) struct Body(pub(super) Option<Value>);

impl<S: Send + Sync> FromRequest<S> for Body {
    type Rejection = Answer;

    async fn from_request(request: Request, state: &S) -> Result<Self, Answer> {
        let kind = request.headers().get(header::CONTENT_TYPE);
        let kind = kind.map(|kind| kind.to_str().unwrap_or_default().to_ascii_lowercase());
        let bytes = Bytes::from_request(request, state).await.map_err(|e| match e.status() {
            StatusCode::PAYLOAD_TOO_LARGE => Answer::new(e.status(), "Request body is too large"),
            _ => Answer::bad("The body did not arrive"),
        })?;
        let kind = kind.as_deref().map(|kind| kind.split(';').next().unwrap_or_default().trim());
        match kind {
            None if bytes.is_empty() => Ok(Self(None)),
            Some("application/json") if bytes.is_empty() => {
                Err(Answer::bad("Body cannot be empty when content-type is set to 'application/json'"))
            }
            Some("application/json") => match serde_json::from_slice(&bytes) {
                Ok(value) => Ok(Self(Some(value))),
                Err(_) => {
                    Err(Answer::bad("Body is not valid JSON but content-type is set to 'application/json'"))
                }
            },
            Some("text/plain") => Ok(Self(Some(String::from_utf8_lossy(&bytes).into()))),
            _ => Err(Answer::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Unsupported Media Type")),
        }
    }
}
