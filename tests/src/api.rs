//! A client of the API.

use std::collections::BTreeMap;

use anyhow::{Context as _, Result, bail};
use reqwest::header::HeaderMap;
use reqwest::{Client, Method, RequestBuilder};
use serde_json::{Value, json};

use crate::patience::until;

/// Talks to one host.
#[derive(Clone)]
pub struct Api {
    http: Client,
    base: String,
    token: String,
}

/// What a host answered.
#[derive(Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// The header fields.
    pub headers: HeaderMap,
    /// The body.
    pub text: String,
}

impl Answer {
    /// The body as JSON; null when it is not.
    pub fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_default()
    }

    /// A header field; empty when there is none.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// The text at `key`; empty when there is none.
pub fn text<'v>(value: &'v Value, key: &str) -> &'v str {
    value.get(key).and_then(Value::as_str).unwrap_or_default()
}

/// The list at `key`; empty when there is none.
pub fn list(value: &Value, key: &str) -> Vec<Value> {
    value.get(key).and_then(Value::as_array).cloned().unwrap_or_default()
}

impl Api {
    /// A client of the host at this address, with this token.
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(address: &str, token: &str) -> Result<Self> {
        let http = Client::builder().no_proxy().build()?;
        Ok(Self { http, base: format!("http://{address}"), token: token.to_owned() })
    }

    /// The same with another token.
    #[must_use]
    pub fn with_token(&self, token: &str) -> Self {
        Self { token: token.to_owned(), ..self.clone() }
    }

    /// Scheme and authority.
    pub fn base(&self) -> &str {
        &self.base
    }

    /// The token.
    pub fn token(&self) -> &str {
        &self.token
    }

    /// Whether the host says that it is ready.
    pub async fn is_ready(&self) -> bool {
        let answer = self.http.get(format!("{}/readyz", self.base)).send().await;
        answer.is_ok_and(|answer| answer.status().is_success())
    }

    /// A request without a token.
    pub fn anonymous(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// A request with the token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.anonymous(method, path).bearer_auth(&self.token)
    }

    /// Sends a request, whatever the answer.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, request: RequestBuilder) -> Result<Answer> {
        let answer = request.send().await?;
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    /// `GET`, and the JSON of a good answer.
    ///
    /// # Errors
    /// When the answer is not good.
    pub async fn get(&self, path: &str) -> Result<Value> {
        good(&self.send(self.request(Method::GET, path)).await?)
    }

    /// `POST` of JSON, and the JSON of a good answer.
    ///
    /// # Errors
    /// When the answer is not good.
    pub async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        good(&self.send(self.request(Method::POST, path).json(body)).await?)
    }

    /// One item.
    ///
    /// # Errors
    /// When there is none.
    pub async fn item(&self, name: &str) -> Result<Value> {
        self.get(&format!("/api/v1/items/{name}")).await
    }

    /// Adds an item of the source `documents` whose versions are a list at `url`.
    ///
    /// # Errors
    /// When it is refused.
    pub async fn watch(&self, name: &str, url: &str) -> Result<Value> {
        let item = json!({
            "name": name, "source": "documents", "locator": url, "scheme": "semver",
            "options": { "versions": "$[*]" },
        });
        self.post("/api/v1/items", &item).await
    }

    /// Waits until a check of an item ended in one way or the other.
    ///
    /// # Errors
    /// When none does.
    pub async fn checked(&self, name: &str) -> Result<Value> {
        until(&format!("{name} is checked"), async || {
            let item = self.item(name).await?;
            Ok((!item["checked_at"].is_null() || !item["error"].is_null()).then_some(item))
        })
        .await
    }

    /// Checks items now; all of them when none is named. Gives them by name.
    ///
    /// # Errors
    /// When the answer is cut off, or a check was lost.
    pub async fn check(&self, names: &[&str]) -> Result<BTreeMap<String, Value>> {
        let body = if names.is_empty() { json!({}) } else { json!({ "items": names }) };
        let answer = self.send(self.request(Method::POST, "/api/v1/checks").json(&body)).await?;
        if answer.status != 200 {
            bail!("checks were refused: {answer:?}");
        }
        let mut items = BTreeMap::new();
        let mut finished = false;
        for line in answer.text.lines() {
            let line: Value = serde_json::from_str(line)?;
            match text(&line, "kind") {
                "checked" => drop(items.insert(text(&line["item"], "name").to_owned(), line["item"].clone())),
                "lost" => bail!("a check was lost: {line}"),
                "finished" => finished = true,
                _ => {}
            }
        }
        if !finished {
            bail!("the answer was cut off: {}", answer.text);
        }
        Ok(items)
    }

    /// Plugins by name.
    ///
    /// # Errors
    /// When the host does not list them.
    pub async fn plugins(&self) -> Result<BTreeMap<String, Value>> {
        let plugins = list(&self.get("/api/v1/plugins").await?, "plugins");
        Ok(plugins.into_iter().map(|plugin| (text(&plugin, "name").to_owned(), plugin)).collect())
    }

    /// Every event after this number, oldest first.
    ///
    /// # Errors
    /// When the host does not list them.
    pub async fn events(&self, after: i64) -> Result<Vec<Value>> {
        Ok(list(&self.get(&format!("/api/v1/events?limit=200&after={after}")).await?, "events"))
    }
}

fn good(answer: &Answer) -> Result<Value> {
    if !(200..300).contains(&answer.status) {
        bail!("refused: {answer:?}");
    }
    if answer.text.is_empty() {
        return Ok(Value::Null);
    }
    serde_json::from_str(&answer.text).with_context(|| format!("not JSON: {answer:?}"))
}
