//! One request to a host, as an agent.

use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, RETRY_AFTER};
use http::{Method, Request};
use http_body_util::{BodyExt as _, Full, Limited};
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::rt::TokioExecutor;
use serde::de::DeserializeOwned;
use serde_json::Value;
use url::Url;

use crate::client::refused;
use crate::exit::{Exit, Failure};

/// The most bytes of an answer.
const MAX_ANSWER: usize = 1 << 20;

/// How long a host may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was answered.
#[derive(Debug)]
pub(super) struct Told {
    pub(super) status: u16,
    /// Seconds after which to come again.
    pub(super) later: Option<u64>,
    pub(super) body: Value,
}

impl Told {
    /// What was asked for.
    pub(super) fn read<T: DeserializeOwned>(&self) -> Result<T, Failure> {
        T::deserialize(&self.body).map_err(|e| {
            Failure::new(Exit::Failed, format!("the host's answer is not understood: {e}"))
                .code("unexpected-answer")
                .hint("host and command may be of different versions")
        })
    }

    /// Why not.
    pub(super) fn message(&self) -> String {
        let issue = &self.body["details"]["issues"][0];
        match (self.body["error"].as_str(), issue["path"][0].as_str(), issue["message"].as_str()) {
            (Some(error), Some(field), Some(why)) => format!("{error}: {field}: {why}"),
            (Some(error), ..) => error.to_owned(),
            (None, ..) => format!("it answered {}", self.status),
        }
    }

    /// The word for it.
    pub(super) fn code(&self) -> &str {
        match self.body["details"]["code"].as_str() {
            Some(code) if !code.is_empty() => code,
            _ if self.status == 429 => "too-often",
            _ if self.body["details"]["issues"].is_array() => "bad-body",
            _ => "unexpected-answer",
        }
    }
}

/// Sends, and reads the whole answer.
pub(super) async fn post(
    base: &Url,
    tls: rustls::ClientConfig,
    path: &[&str],
    body: &Value,
) -> Result<Told, Failure> {
    let mut url = base.clone();
    if let Ok(mut segments) = url.path_segments_mut() {
        segments.pop_if_empty().extend(path);
    }
    let request = Request::builder().method(Method::POST).uri(url.as_str());
    let request = request.header(CONTENT_TYPE, "application/json");
    let request = request.body(Full::new(Bytes::from(serde_json::to_vec(body)?)))?;
    let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
    let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(https);
    let late = || {
        let hint = "look whether it runs and can be reached from here, then run the same command again";
        Failure::new(Exit::Unreachable, format!("{base} does not answer")).hint(hint)
    };
    let asked = tokio::time::timeout(PATIENCE, async {
        let answer = http.request(request).await.map_err(|e| unreachable(base, &e))?;
        let (head, body) = answer.into_parts();
        let body = Limited::new(body, MAX_ANSWER).collect().await.map_err(|_| late())?.to_bytes();
        Ok::<_, Failure>((head, body))
    });
    let (head, body) = asked.await.map_err(|_| late())??;
    let later = head.headers.get(RETRY_AFTER).and_then(|value| value.to_str().ok()?.parse().ok());
    let body = serde_json::from_slice(&body).unwrap_or(Value::Null);
    Ok(Told { status: head.status.as_u16(), later, body })
}

fn unreachable(base: &Url, error: &hyper_util::client::legacy::Error) -> Failure {
    let Some(error) = refused(error) else {
        let hint = "look at --host, and whether the host runs and can be reached from here";
        return Failure::new(Exit::Unreachable, format!("no host answers at {base}")).hint(hint);
    };
    if let Some(pin) = waystation_pki::refusal(error) {
        return Failure::new(Exit::Unreachable, format!("{base} is not the host of the invitation: {pin}"))
            .code(pin.code());
    }
    let hint = "give the invitation's --pin or the host's authorities with --ca, and name the host as its certificate \
                does; a certificate of your own that was refused is revoked or has ended";
    Failure::new(Exit::Unreachable, format!("{base} is not known to be the host: {error}"))
        .code("tls")
        .hint(hint)
}
