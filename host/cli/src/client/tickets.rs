//! `/api/tickets`, which has paths and errors of its own.

use http::{Method, StatusCode};
use serde_json::Value;

use super::{Client, Problem, whole};
use crate::exit::Failure;

const ROOT: &[&str] = &["api", "tickets"];

/// A refusal of that API, with a word for programs, and all that is wrong with a body.
pub(super) fn problem(status: StatusCode, error: String, details: &Value) -> Problem {
    let code = match status {
        StatusCode::BAD_REQUEST => "bad-request",
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => "unauthorized",
        StatusCode::NOT_FOUND => "not-found",
        StatusCode::CONFLICT => "conflict",
        StatusCode::TOO_MANY_REQUESTS => "too-often",
        _ => "failed",
    };
    let issues = details["issues"].as_array().into_iter().flatten().map(|issue| {
        let path = issue["path"].as_array().into_iter().flatten();
        let path: Vec<_> =
            path.map(|part| part.as_str().map_or_else(|| part.to_string(), str::to_owned)).collect();
        format!("{}: {}", path.join("."), issue["message"].as_str().unwrap_or_default())
    });
    let issues: Vec<_> = issues.collect();
    // Who may not is told why.
    if let Some(reason) = details["reason"].as_str() {
        return Problem { code: "forbidden".to_owned(), detail: reason.to_owned() };
    }
    let detail = if issues.is_empty() { error } else { format!("{error}: {}", issues.join("; ")) };
    Problem { code: code.to_owned(), detail }
}

impl Client {
    /// Asks below `/api/tickets`.
    pub(crate) async fn tickets_get(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Value, Failure> {
        whole(self.send_below(ROOT, Method::GET, path, query, None).await?).await
    }

    pub(crate) async fn tickets_post(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        whole(self.send_below(ROOT, Method::POST, path, &[], Some(body)).await?).await
    }

    pub(crate) async fn tickets_put(&self, path: &[&str], body: &Value) -> Result<Value, Failure> {
        whole(self.send_below(ROOT, Method::PUT, path, &[], Some(body)).await?).await
    }

    pub(crate) async fn tickets_delete(&self, path: &[&str]) -> Result<Value, Failure> {
        whole(self.send_below(ROOT, Method::DELETE, path, &[], None).await?).await
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_that_is_wrong_is_told() {
        let details = json!({ "issues": [
            { "path": ["transport", "port"], "message": "Expected a port" },
            { "path": ["scopes", 0, "name"], "message": "Required" },
        ] });
        let told = problem(StatusCode::BAD_REQUEST, "Validation failed".into(), &details);
        assert_eq!(told.code, "bad-request");
        assert_eq!(
            told.detail,
            "Validation failed: transport.port: Expected a port; scopes.0.name: Required"
        );
        let told = problem(StatusCode::NOT_FOUND, "Ticket not found".into(), &Value::Null);
        assert_eq!((told.code.as_str(), told.detail.as_str()), ("not-found", "Ticket not found"));
    }
}
