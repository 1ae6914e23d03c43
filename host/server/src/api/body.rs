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
        JsonRejection::JsonDataError(e) => without_values(&e.body_text()),
        _ => {
            if e.status() == StatusCode::PAYLOAD_TOO_LARGE {
                "the body is too large".to_owned()
            } else {
                "the body is no JSON; send an object with `Content-Type: application/json`".to_owned()
            }
        }
    }
}

/// The sentence of the parser without the values that it quotes: a text between quotation marks, the rest after a word for
/// its kind.
fn without_values(text: &str) -> String {
    let cut = |text: &str, from: usize, to: usize| {
        format!("{}…{}", text.get(..from).unwrap_or_default(), text.get(to..).unwrap_or_default())
    };
    let mut text = match (text.find('"'), text.rfind('"')) {
        (Some(from), Some(to)) if from < to => cut(text, from, to + 1),
        _ => text.to_owned(),
    };
    for kind in ["integer `", "floating point `", "number `", "boolean `", "character `", "unknown variant `"]
    {
        let Some(from) = text.find(kind).map(|at| at + kind.len()) else { continue };
        let rest = text.get(from..).unwrap_or_default();
        let Some(length) = rest.rfind("`, expected").or_else(|| rest.rfind('`')) else { continue };
        text = cut(&text, from, from + length);
    }
    text
}

/// A text as what it should be.
pub(crate) fn parsed<T: FromStr<Err: Display>>(text: &str) -> Result<T, Problem> {
    text.parse().map_err(|e: T::Err| Problem::bad("bad-value", e.to_string()))
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Example {
        #[expect(dead_code, reason = "only its form matters")]
        password: String,
        #[expect(dead_code, reason = "only its form matters")]
        kind: Option<Kind>,
    }

    #[derive(Debug, Deserialize)]
    #[serde(rename_all = "lowercase")]
    enum Kind {
        One,
    }

    #[test]
    fn no_value_is_told_back() {
        for body in [
            r#"{"password": 918273}"#,
            r#"{"password": -918273}"#,
            r#"{"password": 918273.5}"#,
            r#"{"password": 918273e300}"#,
            r#"{"password": ["918273"]}"#,
            r#"{"password": {"918273": 1}}"#,
            r#"{"password": "x", "kind": "918273"}"#,
            r#"{"password": "x", "kind": "91\"82`73"}"#,
            r#"{"password": "x", "kind": 918273}"#,
            r#""918273""#,
            "918273",
        ] {
            let told = without_values(&serde_json::from_str::<Example>(body).unwrap_err().to_string());
            for part in ["918", "273", "82", "73`"] {
                assert!(!told.contains(part), "{body}: {told}");
            }
        }
        let told = serde_json::from_str::<Example>(r#"{"pasword": "x"}"#).unwrap_err().to_string();
        assert!(without_values(&told).contains("unknown field `pasword`, expected `password`"), "{told}");
    }
}
