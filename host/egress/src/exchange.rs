//! One exchange over a connection: a kept one or a new one, the request out, the response's head in.

use std::sync::Arc;
use std::time::Duration;

use http::header::{CONTENT_LENGTH, HOST};
use http::uri::PathAndQuery;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Uri, Version, response};
use http_body::Body;
use hyper::body::Incoming;
use tokio::time::{Instant, timeout_at};

use crate::attempt::Attempt;
use crate::connect::{Deadlines, Dial};
use crate::pool::{Lease, Pool};
use crate::request_body::{RequestBody, Upload};
use crate::{Credentials, EgressError, HttpLimits, Origin, Timeouts, headers};

/// The head of a request before it is known which protocol carries it.
pub(crate) struct Head {
    method: Method,
    path: PathAndQuery,
    /// The plugin's fields and those of its credentials, without those that frame the message.
    headers: HeaderMap,
}

impl Head {
    /// Takes out what frames the message, then puts the credentials in.
    pub(crate) fn new(
        method: Method,
        uri: Uri,
        mut headers: HeaderMap,
        credentials: &Credentials,
        admission: &crate::Admission,
    ) -> Self {
        headers.remove(headers::CREDENTIAL);
        headers.remove(HOST);
        headers.remove(CONTENT_LENGTH);
        credentials.apply(&admission.credentials, &admission.origin, &mut headers);
        let path = uri.into_parts().path_and_query.unwrap_or_else(|| PathAndQuery::from_static("/"));
        Self { method, path, headers }
    }

    fn request(
        &self,
        origin: &Origin,
        http2: bool,
        body: RequestBody,
    ) -> Result<Request<RequestBody>, EgressError> {
        let bad = |_| EgressError::BadUri { why: "it cannot be written as a request target" };
        let mut request = Request::new(body);
        *request.method_mut() = self.method.clone();
        if http2 {
            *request.version_mut() = Version::HTTP_2;
            *request.headers_mut() = self.headers.clone();
            *request.uri_mut() = Uri::builder()
                .scheme(origin.scheme().as_str())
                .authority(origin.authority())
                .path_and_query(self.path.clone())
                .build()
                .map_err(bad)?;
        } else {
            let host = HeaderValue::try_from(origin.authority()).map_err(|error| bad(error.into()))?;
            let headers = request.headers_mut();
            headers.insert(HOST, host);
            headers.extend(self.headers.clone());
            *request.uri_mut() = Uri::from(self.path.clone());
        }
        Ok(request)
    }
}

/// A response whose head is good.
pub(crate) struct Answer {
    pub(crate) head: response::Parts,
    pub(crate) body: Incoming,
    pub(crate) lease: Lease,
}

/// Sends one request and takes the head of its response.
pub(crate) struct Exchange<'a> {
    pub(crate) dial: Dial<'a>,
    pub(crate) pool: &'a Arc<Pool>,
    pub(crate) timeouts: Timeouts,
    pub(crate) upload: &'a Upload,
}

impl Exchange<'_> {
    pub(crate) async fn run(
        &self,
        head: &Head,
        mut body: RequestBody,
        attempt: &mut Attempt,
    ) -> Result<Answer, EgressError> {
        let origin = &self.dial.wanted.origin;
        loop {
            let mut lease = self.lease().await?;
            attempt.note(|record| {
                record.address = Some(lease.address());
                record.reused = lease.reused();
            });
            let request = head.request(origin, lease.is_http2(), body)?;
            match self.in_time(lease.send(request)).await? {
                Ok(response) => {
                    let (head, body) = response.into_parts();
                    let head = self.checked(head, &body)?;
                    return Ok(Answer { head, body, lease });
                }
                Err(mut refused) => match refused.take_message() {
                    // The server closed a kept connection before any of this was sent.
                    Some(request) if lease.reused() => body = request.into_body(),
                    _ => return Err(self.upload.failure().unwrap_or_else(|| self.explain(refused.error()))),
                },
            }
        }
    }

    async fn lease(&self) -> Result<Lease, EgressError> {
        let origin = &self.dial.wanted.origin;
        while let Some(mut lease) = self.pool.take(origin, |address| self.dial.screen(address).is_ok()) {
            if lease.ready().await {
                return Ok(lease);
            }
        }
        let (address, line) = self.dial.dial().await?;
        // The grants may have changed while the connection was made.
        if self.pool.is_closed() {
            return Err(EgressError::ClientClosed);
        }
        Ok(self.pool.lend(origin, address, line))
    }

    /// Waits for the response's head until the total deadline, or for as long as the plugin wants to.
    async fn in_time<T>(&self, response: impl Future<Output = T>) -> Result<T, EgressError> {
        let Deadlines { total, .. } = *self.dial.deadlines;
        let wish = self.timeouts.first_byte.map(|after| (Instant::now() + after, after));
        let until = wish.map_or(total, |(until, _)| until.min(total));
        timeout_at(until, response).await.map_err(|_| match wish {
            Some((wish, after)) if wish < total => silent(&self.dial.wanted.origin, "the response", after),
            _ => self.dial.deadlines.missed(&self.dial.wanted.origin),
        })
    }

    fn checked(&self, mut head: response::Parts, body: &Incoming) -> Result<response::Parts, EgressError> {
        let limits = self.dial.limits;
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(bad_response(
                &self.dial.wanted.origin,
                "it switched protocols without being asked to",
            ));
        }
        within(&head.headers, limits)?;
        if body.size_hint().lower() > limits.response_body {
            return Err(too_large(&self.dial.wanted.origin, limits));
        }
        headers::strip_hop_by_hop(&mut head.headers);
        head.extensions.clear();
        Ok(head)
    }

    fn explain(&self, error: &hyper::Error) -> EgressError {
        if error.is_parse_too_large() {
            return EgressError::response_head(self.dial.limits);
        }
        explain(&self.dial.wanted.origin, error)
    }
}

/// Refuses a head or trailers of a response over the limits.
pub(crate) fn within(fields: &HeaderMap, limits: &HttpLimits) -> Result<(), EgressError> {
    let (bytes, count) = headers::size(fields);
    if bytes > limits.header_bytes || count > limits.header_fields {
        return Err(EgressError::response_head(limits));
    }
    Ok(())
}

/// What the server did, from the library's error. Says nothing that was in the message.
pub(crate) fn explain(origin: &Origin, error: &hyper::Error) -> EgressError {
    let mut why = error.to_string();
    let mut malformed = error.is_parse();
    let mut source = std::error::Error::source(error);
    while let Some(cause) = source {
        if let Some(io) = cause.downcast_ref::<std::io::Error>() {
            malformed |=
                matches!(io.kind(), std::io::ErrorKind::InvalidData | std::io::ErrorKind::InvalidInput);
        }
        why = format!("{why}: {cause}");
        source = cause.source();
    }
    if malformed {
        bad_response(origin, &why)
    } else {
        EgressError::ConnectionLost { origin: Box::new(origin.clone()), why }
    }
}

pub(crate) fn too_large(origin: &Origin, limits: &HttpLimits) -> EgressError {
    EgressError::ResponseTooLarge { origin: Box::new(origin.clone()), limit: limits.response_body }
}

pub(crate) fn silent(origin: &Origin, waiting: &'static str, after: Duration) -> EgressError {
    EgressError::ResponseTimeout { origin: Box::new(origin.clone()), waiting, after }
}

fn bad_response(origin: &Origin, why: &str) -> EgressError {
    EgressError::BadResponse { origin: Box::new(origin.clone()), why: why.to_owned() }
}
