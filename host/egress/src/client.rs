//! `Client`: the gate of one plugin.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{Request, Response, request};
use http_body::Body;
use tokio::sync::Semaphore;
use tokio::time::Instant;

use crate::attempt::Attempt;
use crate::connect::{Deadlines, Dial, Tls};
use crate::counters::Running;
use crate::exchange::{Answer, Exchange, Head};
use crate::pool::Pool;
use crate::record::shown_path;
use crate::request_body::{BoxError, RequestBody};
use crate::response_body::Source;
use crate::{
    BoundedBody, Counters, EgressError, PluginName, Policy, Record, Shared, Sink, Timeouts, Wanted, decide,
    headers, policy,
};

/// Sends the HTTP requests of one plugin under one policy. Cheap to clone; clones are the same client.
///
/// It has its own connections and its own TLS sessions, made when they are first needed. Idle connections are
/// closed after 30 s; without connections it has no task. When the plugin's grants or credentials change,
/// [`Client::close`] this one and make another.
#[derive(Clone)]
pub struct Client(Arc<Inner>);

struct Inner {
    shared: Arc<Shared>,
    plugin: PluginName,
    policy: Policy,
    sink: Arc<dyn Sink>,
    counters: Arc<Running>,
    pool: Arc<Pool>,
    tls: Tls,
    in_flight: Arc<Semaphore>,
}

impl Client {
    /// A client without connections.
    #[must_use]
    pub fn new(shared: Arc<Shared>, plugin: PluginName, policy: Policy, sink: Arc<dyn Sink>) -> Self {
        let tls = Tls::new(shared.roots.clone());
        let in_flight = Arc::new(Semaphore::new(policy.limits.in_flight.min(Semaphore::MAX_PERMITS)));
        let (counters, pool) = (Arc::default(), Arc::default());
        Self(Arc::new(Inner { shared, plugin, policy, sink, counters, pool, tls, in_flight }))
    }

    /// The policy that every request is judged by.
    #[must_use]
    pub fn policy(&self) -> &Policy {
        &self.0.policy
    }

    /// What this client did so far.
    #[must_use]
    pub fn counters(&self) -> Counters {
        self.0.counters.snapshot()
    }

    /// Closes idle connections and refuses further requests (`client-closed`). Those under way go on, and
    /// their connections are closed after them.
    pub fn close(&self) {
        self.0.pool.close();
    }

    /// Sends a request, as [`Client::send_with`] without wishes.
    ///
    /// # Errors
    ///
    /// As there.
    pub async fn send<B>(&self, request: Request<B>) -> Result<Response<BoundedBody>, EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        self.send_with(request, Timeouts::default()).await
    }

    /// Sends a request with an absolute URI and returns the response as soon as its head is there, whatever
    /// its status: redirects are not followed.
    ///
    /// The header `waystation-credential` names a credential for the host to put in. Must be called, and the
    /// body read, within a Tokio runtime. Dropping the future gives the request up.
    ///
    /// # Errors
    ///
    /// The refusal of the gate, or what went wrong up to the response's head. What goes wrong later comes
    /// out of the body.
    pub async fn send_with<B>(
        &self,
        request: Request<B>,
        timeouts: Timeouts,
    ) -> Result<Response<BoundedBody>, EgressError>
    where
        B: Body<Data = Bytes> + Send + 'static,
        B::Error: Into<BoxError>,
    {
        let started = Instant::now();
        let (head, body) = request.into_parts();
        let mut attempt = self.0.begin(&head, started);
        let length = headers::announced_length(&head.headers).map_err(|why| EgressError::BadRequest { why });
        let body =
            length.and_then(|length| RequestBody::new(body, length, self.0.policy.limits.request_body));
        match Box::pin(self.0.run(head, body, timeouts, started, &mut attempt)).await {
            Ok(sent) => Ok(sent.response(attempt)),
            Err(error) => {
                attempt.conclude(&error);
                if let EgressError::AddressRefused(refusal) = &error {
                    let address = (refusal.refused.address, refusal.wanted.origin.port()).into();
                    attempt.note(|record| record.address = Some(address));
                }
                Err(error)
            }
        }
    }
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client")
            .field("plugin", &self.0.plugin)
            .field("connections", &self.0.pool.len())
            .finish_non_exhaustive()
    }
}

/// A response's head with what its body needs, all but the attempt.
struct Sent {
    answer: Answer,
    upload: Arc<crate::request_body::Upload>,
    permit: tokio::sync::OwnedSemaphorePermit,
    origin: crate::Origin,
    limits: crate::HttpLimits,
    deadlines: Deadlines,
    between_bytes: Option<Duration>,
}

impl Sent {
    fn response(self, attempt: Attempt) -> Response<BoundedBody> {
        let Self {
            answer: Answer { head, body, lease },
            upload,
            permit,
            origin,
            limits,
            deadlines,
            between_bytes,
        } = self;
        let source = Source { body, lease, upload, attempt, permit };
        Response::from_parts(head, BoundedBody::new(source, origin, limits, &deadlines, between_bytes))
    }
}

type Outgoing = (RequestBody, Arc<crate::request_body::Upload>);

impl Inner {
    fn begin(&self, head: &request::Parts, started: Instant) -> Attempt {
        let record = Record {
            plugin: self.plugin.clone(),
            time: (self.shared.clock)(),
            method: head.method.clone(),
            origin: policy::origin_of(&head.uri).ok(),
            path: shown_path(head.uri.path()),
            rule: None,
            credentials: Vec::new(),
            address: None,
            reused: false,
            status: None,
            bytes_sent: 0,
            bytes_received: 0,
            duration: Duration::ZERO,
            verdict: Attempt::unknown(),
        };
        Attempt::begin(record, started, Arc::clone(&self.sink), Arc::clone(&self.counters))
    }

    /// The gate first, then the bounds, then the network.
    async fn run(
        &self,
        head: request::Parts,
        body: Result<Outgoing, EgressError>,
        timeouts: Timeouts,
        started: Instant,
        attempt: &mut Attempt,
    ) -> Result<Sent, EgressError> {
        let limits = self.policy.limits;
        if self.pool.is_closed() {
            return Err(EgressError::ClientClosed);
        }
        let admission =
            decide(&self.plugin, &self.policy, &head.method, &head.uri, &head.headers).into_result()?;
        attempt.note(|record| record.rule = Some(admission.rule));
        within(&head, &limits)?;
        let (body, upload) = body?;
        attempt.uploads(Arc::clone(&upload));
        let permit = Arc::clone(&self.in_flight)
            .try_acquire_owned()
            .map_err(|_| EgressError::TooManyInFlight { limit: limits.in_flight })?;

        let deadlines = Deadlines {
            total: started + limits.total,
            total_after: limits.total,
            connect_after: timeouts.connect.map_or(limits.connect, |wish| wish.min(limits.connect)),
        };
        let wanted = Wanted::of(&self.plugin, &admission.origin, &head.method, &head.headers);
        let head = Head::new(head.method, head.uri, head.headers, &self.policy.credentials, &admission);
        let exchange = Exchange {
            dial: Dial {
                shared: &self.shared,
                tls: &self.tls,
                limits: &limits,
                wanted: &wanted,
                opened: &admission.addresses,
                deadlines: &deadlines,
            },
            pool: &self.pool,
            timeouts,
            upload: &upload,
        };
        let answer = exchange.run(&head, body, attempt).await?;
        attempt.answered(admission.audited.as_ref());
        attempt.note(|record| {
            record.status = Some(answer.head.status);
            record.credentials = admission.credentials;
        });
        let (origin, between_bytes) = (admission.origin, timeouts.between_bytes);
        Ok(Sent { answer, upload, permit, origin, limits, deadlines, between_bytes })
    }
}

/// Refuses a request's head over the limits. The request line counts as a field's bytes do.
fn within(head: &request::Parts, limits: &crate::HttpLimits) -> Result<(), EgressError> {
    let (bytes, fields) = headers::size(&head.headers);
    let target = head.uri.path_and_query().map_or(1, |target| target.as_str().len());
    if bytes.saturating_add(target) > limits.header_bytes || fields > limits.header_fields {
        return Err(EgressError::request_head(limits));
    }
    Ok(())
}
