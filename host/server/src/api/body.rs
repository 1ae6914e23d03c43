//! What a request says: its body, a name in its path, and which page it wants.

use std::fmt::Display;
use std::str::FromStr;

use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{FromRequest, Request};
use axum::http::StatusCode;
use serde::de::DeserializeOwned;

use crate::api::problem::Problem;

/// A body as JSON; what is wrong with it is a [`Problem`].
pub(crate) struct Body<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, state: &S) -> Result<Self, Problem> {
        let body: Result<Json<T>, JsonRejection> = Json::from_request(request, state).await;
        let Json(body) = body.map_err(|e| Problem::new(e.status(), "bad-body", withheld(&e)))?;
        Ok(Self(body))
    }
}

/// What is wrong with a body, without what was in it: it may have been a password.
fn withheld(e: &JsonRejection) -> String {
    match e {
        JsonRejection::JsonDataError(e) => {
            let text = e.body_text();
            // The sentence of the parser quotes values of the wrong type, not more; those of strings are cut out.
            match (text.find('"'), text.rfind('"')) {
                (Some(from), Some(to)) if from < to => {
                    format!(
                        "{}…{}",
                        text.get(..from).unwrap_or_default(),
                        text.get(to + 1..).unwrap_or_default()
                    )
                }
                _ => text,
            }
        }
        _ => {
            if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
                "the body is too large".to_owned()
            } else {
                "the body is no JSON; send an object with `Content-Type: application/json`".to_owned()
            }
        }
    }
}

/// A text as what it should be.
pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e: T::Err| Problem::bad("bad-value", e.to_string()))
}
