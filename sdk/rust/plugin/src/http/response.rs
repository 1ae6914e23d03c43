//! Reading answers.

use serde::de::DeserializeOwned;

use super::url::Url;
use super::{Headers, link, status, validator};
use crate::Error;

/// The answer to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Response {
    /// The status code.
    pub status: u16,
    /// The header fields.
    pub headers: Headers,
    /// The URL that answered, after redirects.
    pub url: String,
    /// The content; empty after [`super::Request::stream`].
    pub body: Vec<u8>,
}

impl Response {
    /// The first value of a header field.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)
    }

    /// Whether a conditional request found nothing new.
    #[must_use]
    pub fn not_modified(&self) -> bool {
        self.status == 304
    }

    /// What to give to [`super::Request::conditional`] the next time.
    #[must_use]
    pub fn validator(&self) -> Option<String> {
        validator::of(&self.headers)
    }

    /// The answer itself if its status is 2xx or 304.
    ///
    /// # Errors
    /// As [`status::error_for_status`], with `url` and `http-status` in `extra`.
    pub fn success(self) -> Result<Self, Error> {
        if self.is_success() { Ok(self) } else { Err(self.failure()) }
    }

    /// Whether the status is 2xx or 304.
    #[must_use]
    pub fn is_success(&self) -> bool {
        matches!(self.status, 200..=299 | 304)
    }

    pub(super) fn failure(&self) -> Error {
        status::error(self.status, &self.headers, &self.body, crate::now).with("url", self.shown())
    }

    /// The content as JSON.
    ///
    /// # Errors
    /// `bad-response` with line and column.
    pub fn json<T: DeserializeOwned>(&self) -> Result<T, Error> {
        serde_json::from_slice(&self.body).map_err(|error| {
            Error::bad_response(format!("{} did not answer the JSON expected: {error}", self.shown()))
        })
    }

    /// The content as text.
    ///
    /// # Errors
    /// `bad-response` where it is not UTF-8.
    pub fn text(&self) -> Result<&str, Error> {
        std::str::from_utf8(&self.body)
            .map_err(|error| Error::bad_response(format!("{} did not answer UTF-8: {error}", self.shown())))
    }

    /// The next page (`Link` with `rel=next`), resolved against [`Response::url`].
    #[must_use]
    pub fn next_link(&self) -> Option<String> {
        let target = link::target(self.headers.all("link"), "next")?;
        Some(Url::parse(&self.url).ok()?.resolve(&target).ok()?.to_string())
    }

    fn shown(&self) -> String {
        Url::parse(&self.url).map_or_else(|_| String::from("the remote"), |url| url.shown())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, headers: &[(&str, &str)], body: &str) -> Response {
        Response {
            status,
            headers: headers.iter().copied().collect(),
            url: "https://a.example/list?token=hunter2".into(),
            body: body.into(),
        }
    }

    #[test]
    fn success_lets_not_modified_pass_and_shows_no_query() {
        assert!(answer(204, &[], "").success().is_ok());
        assert!(answer(304, &[], "").success().unwrap().not_modified());
        let error = answer(404, &[], "").success().unwrap_err();
        assert_eq!(error.code, "not-found");
        assert!(error.extra.contains(&("url".into(), "https://a.example/list".into())), "{error:?}");
        let error = answer(200, &[], "[").json::<Vec<u8>>().unwrap_err();
        assert_eq!(error.code, "bad-response");
        assert!(error.message.contains("line 1 column 1") && !error.message.contains("hunter2"), "{error}");
    }

    #[test]
    fn the_next_page_is_resolved() {
        let next = |value| answer(200, &[("Link", value)], "").next_link();
        assert_eq!(next("<?page=2>; rel=next").as_deref(), Some("https://a.example/list?page=2"));
        assert_eq!(next("<javascript:x>; rel=next"), None);
    }
}
