//! Plain files of a web server, over the same connections and under the same rules as registries.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::time::Duration;

use bytes::Bytes;
use http::StatusCode;
use tokio::time::timeout;
use url::Url;
use waystation_bundle::BundleError;

use crate::client::{Ask, Client, refused};
use crate::error::OciError;
use crate::http::Body;
use crate::store::failed;

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
        let server = self.server(url)?;
        let ask = Ask::get(&server, "", url.as_str());
        let download = async {
            match self.open(&ask).await? {
                Some(body) => body.all(url.path(), limit).await.map(Some),
                None => Ok(None),
            }
        };
        in_time(&server, limit, download).await
    }

    /// The same into a file that has no name, as it comes: for what is large. It is at its beginning.
    ///
    /// # Errors
    /// As [`Client::download`], and when it cannot be written.
    pub async fn download_file(&self, url: &Url, limit: u64) -> Result<Option<File>, OciError> {
        let server = self.server(url)?;
        let ask = Ask::get(&server, "", url.as_str());
        let unwritable = |e| failed(&std::env::temp_dir(), &e);
        let download = async {
            let Some(mut body) = self.open(&ask).await? else { return Ok(None) };
            let mut file = tempfile::tempfile().map_err(unwritable)?;
            let mut size = 0;
            while let Some(piece) = body.next().await? {
                size += piece.len() as u64;
                if size > limit {
                    return Err(BundleError::TooLarge { what: url.path().to_owned(), limit }.into());
                }
                file.write_all(&piece).map_err(unwritable)?;
            }
            file.rewind().map_err(unwritable)?;
            Ok(Some(file))
        };
        in_time(&server, limit, download).await
    }

    /// Whom to ask, and safely.
    fn server(&self, url: &Url) -> Result<String, OciError> {
        let host = url.host_str().unwrap_or_default();
        let server = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        self.safe(&server, url).map(|()| server)
    }

    async fn open<'a>(&self, ask: &Ask<'a>) -> Result<Option<Body<'a>>, OciError> {
        let response = self.ask(ask).await?;
        match response.status() {
            StatusCode::OK => Ok(Some(Body::of(ask.registry, response))),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(None),
            status => Err(refused(ask, status)),
        }
    }
}

/// What takes no longer than a server of some use needs for so many bytes.
async fn in_time<T>(
    server: &str,
    limit: u64,
    download: impl Future<Output = Result<T, OciError>>,
) -> Result<T, OciError> {
    match timeout(BASE.saturating_add(Duration::from_secs(limit / RATE)), download).await {
        Ok(done) => done,
        Err(_) => Err(OciError::Unreachable { registry: server.to_owned(), why: "it is too slow".into() }),
    }
}
