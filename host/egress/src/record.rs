//! `Record`: what is kept of one attempt to send a request.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime};

use http::{Method, StatusCode};

use crate::{CredentialName, EgressError, Origin, PluginName};

/// One attempt, from the plugin's request to the end of the response's body. There is exactly one per
/// attempt, denied, failed or given up ones too.
///
/// Holds no header, no query and no body; parts of the path that look like secrets are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The plugin.
    pub plugin: PluginName,
    /// When the plugin asked.
    pub time: SystemTime,
    /// The method.
    pub method: Method,
    /// Where to. None when the URI did not say.
    pub origin: Option<Origin>,
    /// The path, without query, at most 200 characters; `…` stands for a segment that could be a secret.
    pub path: String,
    /// The index of the grant that let it pass.
    pub rule: Option<usize>,
    /// The credentials that the host put in.
    pub credentials: Vec<CredentialName>,
    /// The address that was screened and connected to.
    pub address: Option<SocketAddr>,
    /// Whether a connection of an earlier request was used again.
    pub reused: bool,
    /// The response's status.
    pub status: Option<StatusCode>,
    /// Bytes of the request's body that were sent.
    pub bytes_sent: u64,
    /// Bytes of the response's body that were received.
    pub bytes_received: u64,
    /// From `time` to the end.
    pub duration: Duration,
    /// How it ended.
    pub verdict: Verdict,
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// A grant allowed it and a response came.
    Allowed,
    /// No grant allowed it, an audit grant let it pass, and a response came. The reason is what would
    /// have refused it.
    Audited(Reason),
    /// The gate refused it.
    Denied(Reason),
    /// It was let through and did not come to a good end.
    Failed(Reason),
}

/// Why: an error as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// [`EgressError::code`].
    pub code: &'static str,
    /// The error's sentence.
    pub message: String,
}

impl From<&EgressError> for Reason {
    fn from(error: &EgressError) -> Self {
        Self { code: error.code(), message: error.to_string() }
    }
}

/// Takes records. Called on the task that sends the request, so it must not block.
pub trait Sink: Send + Sync {
    /// Takes one.
    fn record(&self, record: Record);
}

impl<F: Fn(Record) + Send + Sync> Sink for F {
    fn record(&self, record: Record) {
        self(record);
    }
}

/// A path as it may be kept: at most 200 characters, and `…` for each segment that could be a secret, as
/// in the URLs of incoming web hooks. A segment could be one when it has 20 characters or more, letters and
/// digits among them; digests and commit hashes are lost with them.
#[must_use]
pub(crate) fn shown_path(path: &str) -> String {
    let secret = |segment: &str| {
        segment.len() >= 20
            && segment.bytes().any(|b| b.is_ascii_digit())
            && segment.bytes().any(|b| b.is_ascii_alphabetic())
    };
    let segments: Vec<&str> =
        path.split('/').map(|segment| if secret(segment) { "…" } else { segment }).collect();
    let shown = segments.join("/");
    match shown.char_indices().nth(200) {
        Some((end, _)) => format!("{}…", shown.get(..end).unwrap_or_default()),
        None => shown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_lose_what_could_be_a_secret() {
        for (path, shown) in [
            ("/repos/acme/tool/releases/v1.2.3", "/repos/acme/tool/releases/v1.2.3"),
            ("/bot123456789:AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw/sendMessage", "/…/sendMessage"),
            ("/services/T00000000/B00000000/a1b2c3d4e5f6a1b2c3d4e5f6", "/services/T00000000/B00000000/…"),
            ("/api/webhooks/123456789012345678/abc_DEF-0123456789xyz", "/api/webhooks/123456789012345678/…"),
            ("", ""),
            ("/", "/"),
        ] {
            assert_eq!(shown_path(path), shown);
        }
        assert_eq!(shown_path(&"/ä".repeat(300)).chars().count(), 201);
    }
}
