//! Building requests.

use serde::Serialize;

use super::{BodyReader, Headers, Response, exchange, url, validator};
use crate::{Error, credentials};

/// The most bytes of an answer that are read unless a request says otherwise.
pub const DEFAULT_MAX_BODY: usize = 8 << 20;
/// The most redirects that are followed unless a request says otherwise.
pub const DEFAULT_REDIRECTS: u8 = 5;

/// Names a credential; the host puts its value in, where it is bound to the origin asked.
const CREDENTIAL: &str = "waystation-credential";
pub(super) const CREDENTIAL_FIELDS: [&str; 4] =
    [CREDENTIAL, "authorization", "proxy-authorization", "cookie"];

/// An HTTP method.
#[derive(Clone, Debug, PartialEq, Eq)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Method {
    Get,
    Head,
    Post,
    Put,
    Patch,
    Delete,
    Options,
    Other(String),
}

/// One HTTP request. What cannot be sent is told by [`Request::send`].
#[derive(Clone, Debug)]
pub struct Request {
    pub(super) method: Method,
    pub(super) url: String,
    pub(super) headers: Headers,
    pub(super) body: Option<Vec<u8>>,
    pub(super) max_body: usize,
    pub(super) redirects: u8,
    pub(super) problem: Option<Error>,
}

impl Request {
    /// A request with any method to an absolute URL.
    #[must_use]
    pub fn new(method: Method, url: &str) -> Self {
        Self {
            method,
            url: url.to_owned(),
            headers: Headers::new(),
            body: None,
            max_body: DEFAULT_MAX_BODY,
            redirects: DEFAULT_REDIRECTS,
            problem: None,
        }
    }

    /// A `GET` request.
    #[must_use]
    pub fn get(url: &str) -> Self {
        Self::new(Method::Get, url)
    }

    /// A `HEAD` request.
    #[must_use]
    pub fn head(url: &str) -> Self {
        Self::new(Method::Head, url)
    }

    /// A `POST` request.
    #[must_use]
    pub fn post(url: &str) -> Self {
        Self::new(Method::Post, url)
    }

    /// Sets a header field.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.set(name, value);
        self
    }

    /// Adds a query parameter to the URL.
    #[must_use]
    pub fn query(mut self, name: &str, value: &str) -> Self {
        self.url = url::with_query(&self.url, name, value);
        self
    }

    /// Sends the credential of this name. The host refuses the request where the credential is not
    /// bound to the origin asked.
    #[must_use]
    pub fn credential(self, name: &str) -> Self {
        self.header(CREDENTIAL, name)
    }

    /// As [`Request::credential`] where the operator bound one of this name. Asks the host at once.
    #[must_use]
    pub fn credential_if_bound(self, name: &str) -> Self {
        if credentials::bound(name) { self.credential(name) } else { self }
    }

    /// Asks for the content only if it changed since an answer with this
    /// [`Response::validator`]. A foreign string asks unconditionally.
    #[must_use]
    pub fn conditional(mut self, validator: Option<&str>) -> Self {
        if let Some((name, value)) = validator.and_then(validator::field) {
            self.headers.set(name, value);
        }
        self
    }

    /// Sends this content.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>, content_type: &str) -> Self {
        self.body = Some(body);
        self.header("content-type", content_type)
    }

    /// Sends this value as JSON.
    #[must_use]
    pub fn json<T: Serialize>(mut self, value: &T) -> Self {
        match serde_json::to_vec(value) {
            Ok(body) => self.body(body, "application/json"),
            Err(error) => {
                self.problem = Some(Error::internal(format!("the content does not fit into JSON: {error}")));
                self
            }
        }
    }

    /// Reads at most so many bytes of the answer, counted unpacked; more is `too-large`.
    #[must_use]
    pub fn max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Follows at most so many redirects; with 0 the redirect itself is the answer.
    ///
    /// Each hop is a new request through the host's gate. Credentials are dropped when the origin
    /// changes, and https never becomes http.
    #[must_use]
    pub fn redirects(mut self, hops: u8) -> Self {
        self.redirects = hops;
        self
    }

    /// Sends the request and reads the whole answer. Any status is `Ok`; of an error status at most
    /// 64 KiB of content are kept.
    ///
    /// # Errors
    /// `denied`, `unreachable`, `timeout`, `too-large`, `bad-response`, and `bad-input` for a
    /// request that cannot be sent.
    pub fn send(self) -> Result<Response, Error> {
        let (mut response, body) = exchange::run(self)?;
        response.body = if response.status >= 400 { body.first(ERROR_BODY)? } else { body.all()? };
        Ok(response)
    }

    /// Sends the request; the content is read by the caller. `Response::body` stays empty.
    ///
    /// # Errors
    /// As [`Request::send`].
    pub fn stream(self) -> Result<(Response, BodyReader), Error> {
        exchange::run(self)
    }

    /// As [`Request::stream`] for an answer that must be a success: an error status becomes the error
    /// that [`Response::success`] gives.
    ///
    /// # Errors
    /// As [`Request::send`] and [`Response::success`].
    pub fn open(self) -> Result<(Response, BodyReader), Error> {
        let (mut response, body) = exchange::run(self)?;
        if !response.is_success() {
            response.body = body.first(ERROR_BODY)?;
            return Err(response.failure());
        }
        Ok((response, body))
    }
}

/// An error page is for one sentence.
const ERROR_BODY: usize = 64 << 10;
