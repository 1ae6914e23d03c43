//! Plain files of a web server, over the same connections and under the same rules as registries.

use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::timeout;
use url::Url;

use crate::client::{Ask, Client, refused};
use crate::error::OciError;
use crate::http::Body;

/// For a file of no size.
const BASE: Duration = Duration::from_secs(60);
/// Bytes a second that a server has to come up to, in the long run.
const RATE: u64 = 128 << 10;

impl Client {
    /// A file of at most `limit` bytes; none where there is none. What it is, the caller has to know by other means.
    ///
    /// # Errors
    /// As for registries; also for a server that sends so little at a time that it would hold up whoever asks. One
    /// that stores objects may say 403 of what it does not have.
    pub async fn download(&self, url: &Url, limit: u64) -> Result<Option<Bytes>, OciError> {
        let host = url.host_str().unwrap_or_default();
        let server = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        self.safe(&server, url)?;
        let ask = Ask::get(&server, "", url.as_str());
        match timeout(patience(limit), self.file(&ask, url, limit)).await {
            Ok(done) => done,
            Err(_) => Err(OciError::Unreachable { registry: server, why: "it is too slow".into() }),
        }
    }

    async fn file(&self, ask: &Ask<'_>, url: &Url, limit: u64) -> Result<Option<Bytes>, OciError> {
        let response = self.ask(ask).await?;
        match response.status() {
            StatusCode::OK => Body::of(ask.registry, response).all(url.path(), limit).await.map(Some),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(None),
            status => Err(refused(ask, status)),
        }
    }
}

fn patience(limit: u64) -> Duration {
    BASE.saturating_add(Duration::from_secs(limit / RATE))
}
