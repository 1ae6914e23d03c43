//! Plain files of a web server, over the same connections and under the same rules as registries.

use bytes::Bytes;
use http::StatusCode;
use url::Url;

use crate::client::{Ask, Client, refused};
use crate::error::OciError;
use crate::http::Body;

impl Client {
    /// A file of at most `limit` bytes; none where there is none. What it is, the caller has to know by other means.
    ///
    /// # Errors
    /// As for registries. A server that stores objects may say 403 of what it does not have.
    pub async fn download(&self, url: &Url, limit: u64) -> Result<Option<Bytes>, OciError> {
        let host = url.host_str().unwrap_or_default();
        let server = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        self.safe(&server, url)?;
        let ask = Ask::get(&server, "", url.as_str());
        let response = self.ask(&ask).await?;
        match response.status() {
            StatusCode::OK => Body::of(&server, response).all(url.path(), limit).await.map(Some),
            StatusCode::NOT_FOUND | StatusCode::FORBIDDEN | StatusCode::GONE => Ok(None),
            status => Err(refused(&ask, status)),
        }
    }
}
