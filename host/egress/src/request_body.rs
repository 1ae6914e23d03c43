//! The body of a request on its way out: counted, bounded, and as long as it was announced to be.

use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use http_body_util::combinators::UnsyncBoxBody;

use crate::EgressError;

/// The boxed error of somebody else's body.
pub(crate) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// What became of a request's body, shared with whoever waits for the response: the connection that
/// carries the body loses the error that ended it.
#[derive(Debug, Default)]
pub(crate) struct Upload {
    sent: AtomicU64,
    ended: AtomicBool,
    failure: OnceLock<EgressError>,
}

impl Upload {
    /// Bytes handed to the connection.
    pub(crate) fn sent(&self) -> u64 {
        self.sent.load(Ordering::Relaxed)
    }

    /// Whether the connection is done with the body: it has all of it, or needs none of it.
    pub(crate) fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire) && self.failure.get().is_none()
    }

    /// What ended the body before its end.
    pub(crate) fn failure(&self) -> Option<EgressError> {
        self.failure.get().cloned()
    }
}

/// A plugin's body. Ends with an error at the first byte beyond the limit or beyond the announced length,
/// when it is shorter than announced, and at trailers (they would pass the header rules unseen).
pub(crate) struct RequestBody {
    inner: UnsyncBoxBody<Bytes, BoxError>,
    /// The announced length, where there is one.
    length: Option<u64>,
    limit: u64,
    upload: Arc<Upload>,
}

impl RequestBody {
    /// Wraps `body`, of which `announced` is the content-length.
    ///
    /// # Errors
    ///
    /// When what is announced is more than `limit`, or is not what the body itself says.
    pub(crate) fn new<B>(
        body: B,
        announced: Option<u64>,
        limit: u64,
    ) -> Result<(Self, Arc<Upload>), EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let hint = body.size_hint();
        if announced.unwrap_or(0).max(hint.lower()) > limit {
            return Err(EgressError::RequestTooLarge { limit });
        }
        if let (Some(announced), Some(exact)) = (announced, hint.exact())
            && announced != exact
        {
            return Err(EgressError::BadRequest { why: "its content-length is not the length of its body" });
        }
        let upload = Arc::new(Upload::default());
        let body = Self {
            inner: body.map_err(Into::into).boxed_unsync(),
            length: announced.or(hint.exact()),
            limit,
            upload: Arc::clone(&upload),
        };
        body.note_end();
        Ok((body, upload))
    }

    fn note_end(&self) {
        if self.is_end_stream() {
            self.upload.ended.store(true, Ordering::Release);
        }
    }

    fn fail(&self, error: EgressError) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let _ = self.upload.failure.set(error.clone());
        Poll::Ready(Some(Err(error)))
    }
}

impl Drop for RequestBody {
    /// A connection that drops a body will send no more of it. So it is with a request that has none by its
    /// method and a body of unknown length all the same, as guests make them.
    fn drop(&mut self) {
        self.upload.ended.store(true, Ordering::Release);
    }
}

impl Body for RequestBody {
    type Data = Bytes;
    type Error = EgressError;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, EgressError>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        let sent = self.upload.sent();
        match frame {
            None if self.length.is_some_and(|length| sent < length) => {
                self.fail(EgressError::BadRequest { why: "its body is shorter than its content-length" })
            }
            None => {
                self.upload.ended.store(true, Ordering::Release);
                Poll::Ready(None)
            }
            Some(Err(_)) => self.fail(EgressError::RequestBodyFailed),
            Some(Ok(frame)) => match frame.into_data() {
                Err(_) => self.fail(EgressError::BadRequest { why: "trailers cannot be sent" }),
                Ok(data) => {
                    let sent = sent.saturating_add(data.len() as u64);
                    if sent > self.limit {
                        return self.fail(EgressError::RequestTooLarge { limit: self.limit });
                    }
                    if self.length.is_some_and(|length| sent > length) {
                        return self.fail(EgressError::BadRequest {
                            why: "its body is longer than its content-length",
                        });
                    }
                    self.upload.sent.store(sent, Ordering::Relaxed);
                    self.note_end();
                    Poll::Ready(Some(Ok(Frame::data(data))))
                }
            },
        }
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream() && self.length.is_none_or(|length| self.upload.sent() >= length)
    }

    fn size_hint(&self) -> SizeHint {
        match self.length {
            Some(length) => SizeHint::with_exact(length.saturating_sub(self.upload.sent())),
            None => self.inner.size_hint(),
        }
    }
}

#[cfg(test)]
mod tests {
    use futures::stream;
    use http_body_util::{Empty, Full, StreamBody};

    use super::*;

    type Frames = Vec<Result<Frame<Bytes>, BoxError>>;

    fn frames(frames: Frames) -> impl Body<Data = Bytes, Error = BoxError> + Send + 'static {
        StreamBody::new(stream::iter(frames))
    }

    fn data(text: &'static str) -> Result<Frame<Bytes>, BoxError> {
        Ok(Frame::data(Bytes::from_static(text.as_bytes())))
    }

    async fn outcome(
        pieces: Frames,
        announced: Option<u64>,
        limit: u64,
    ) -> (Result<Bytes, EgressError>, Arc<Upload>) {
        let (body, upload) = RequestBody::new(frames(pieces), announced, limit).unwrap();
        (body.collect().await.map(http_body_util::Collected::to_bytes), upload)
    }

    #[tokio::test]
    async fn a_body_passes_up_to_the_limit_and_not_beyond() {
        let (sent, upload) = outcome(vec![data("abc"), data("de")], None, 5).await;
        assert_eq!((sent.unwrap().as_ref(), upload.sent(), upload.ended()), (&b"abcde"[..], 5, true));
        let (sent, upload) = outcome(vec![data("abc"), data("def")], None, 5).await;
        assert_eq!(sent.unwrap_err(), EgressError::RequestTooLarge { limit: 5 });
        assert_eq!((upload.sent(), upload.ended()), (3, false));
        assert_eq!(upload.failure(), Some(EgressError::RequestTooLarge { limit: 5 }));
    }

    #[tokio::test]
    async fn a_body_is_as_long_as_announced() {
        for (pieces, ok) in [
            (vec![data("ab"), data("cd")], true),
            (vec![data("abc")], false),
            (vec![data("abcde")], false),
            (vec![], false),
        ] {
            let (sent, upload) = outcome(pieces, Some(4), 100).await;
            assert_eq!(sent.is_ok(), ok, "{sent:?}");
            assert_eq!(upload.failure().is_none(), ok);
        }
    }

    #[tokio::test]
    async fn trailers_and_failures_end_the_body() {
        let (sent, _) = outcome(vec![data("a"), Ok(Frame::trailers(http::HeaderMap::new()))], None, 9).await;
        assert_eq!(sent.unwrap_err().code(), "bad-request");
        let (sent, upload) = outcome(vec![data("a"), Err("token=HUNTER2".into())], None, 9).await;
        assert_eq!(sent.unwrap_err(), EgressError::RequestBodyFailed);
        assert!(!upload.ended());
        let (dropped, upload) = RequestBody::new(frames(vec![]), None, 9).unwrap();
        assert!(!upload.ended());
        drop(dropped);
        assert!(upload.ended());
    }

    #[test]
    fn what_is_announced_is_judged_before_anything_is_sent() {
        let refused = |body: Full<Bytes>, announced, limit| {
            RequestBody::new(body, announced, limit).map(drop).unwrap_err()
        };
        assert_eq!(refused(Full::from("abcdef"), None, 5).code(), "request-too-large");
        assert_eq!(refused(Full::from("abc"), Some(4), 5).code(), "bad-request");
        let streamed = RequestBody::new(frames(vec![]), Some(6), 5).map(drop).unwrap_err();
        assert_eq!(streamed.code(), "request-too-large");
        let (empty, upload) = RequestBody::new(Empty::new(), None, 0).unwrap();
        assert!(empty.is_end_stream() && upload.ended() && empty.size_hint().exact() == Some(0));
    }
}
