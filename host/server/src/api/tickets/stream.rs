//! `/api/tickets/inbox/stream`: what concerns an agent, at once.
//!
//! Server-sent events. First all that is: `inbox`, a `session` for each that is open, and `ready`. Then what changes:
//! `inbox` is the whole inbox each time, `session` one session as it is now, `approval` one request that people approve. Whoever connects again needs no state: a
//! session that is not there before `ready` is over, and why is at its own path. The last event, `end`, says why
//! there is no more; somebody whose certificate is not good any more hears nothing after it.
//!
//! The database is the truth. A [`Listener`] only says where to look.

use std::collections::{HashMap, HashSet, VecDeque};
use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{FromRequestParts, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::IntoResponse;
use axum::response::sse::{Event, KeepAlive, Sse};
use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::watch::Receiver;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use waystation_core::agent::AgentName;
use waystation_core::approval::ApprovalState;
use waystation_core::id::ApprovalId;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Refusal, Session, SessionId, SessionStatus, TicketDigest};
use waystation_pki::{ClientIdentity, PkiError};
use waystation_store::StoreError;
use waystation_store::tickets::{Enrolled, Listener, News};

use super::answer::Answer;
use super::approvals;
use super::caller::Asker;
use super::described as d;
use super::own;
use super::requests::{self, INBOX};
use crate::host::Host;
use crate::pki;

/// Between two comments that keep the connection open.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// Between two looks at all there is, whoever said what. It varies by as much again.
const LOOK: Duration = Duration::from_secs(30);

/// Sessions that are read at once.
const PAGE: u32 = 200;

/// Sessions that ended and are remembered, so that each is told once.
const ENDED: usize = 64;

/// The certificate that a request came with.
#[derive(Debug)]
pub(super) struct Certificate(Option<Arc<ClientIdentity>>);

impl<S: Sync> FromRequestParts<S> for Certificate {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self(pki::agent(&parts.extensions)))
    }
}

/// Somebody who listens for as long as they may.
pub(super) struct Ear {
    host: Host,
    certificate: Option<Arc<ClientIdentity>>,
    listener: Listener,
    revocations: Receiver<u64>,
    stop: CancellationToken,
}

/// Why nothing more is heard.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// The certificate is not good any more.
    Certificate,
    /// The agent is revoked.
    Agent,
    /// The host stops.
    Stopping,
    /// The database does not answer.
    Unavailable,
    /// All data was erased. Whoever comes again hears what there is, and since when.
    Reset,
}

impl End {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Certificate => "certificate_revoked",
            Self::Agent => "agent_revoked",
            Self::Stopping => "host_stopping",
            Self::Unavailable => "unavailable",
            Self::Reset => "data_reset",
        }
    }
}

/// Something to do for one who listens.
pub(super) enum Heard {
    /// Look there.
    News(News),
    /// It may be over.
    Revocations,
}

impl Ear {
    /// From now on, if there may be one more.
    pub(super) async fn open(host: &Host, asker: &Asker, certificate: Certificate) -> Result<Self, Answer> {
        let agent = asker.agent()?;
        // Before anything is read: what changes from here on is told.
        let revocations = host.pki().revocations();
        let listening = host.store().listen(asker.tenant(), &agent, host.tickets().streams).await?;
        let listener = listening.map_err(|refusal| match refusal {
            Refusal::StreamLimit => Answer {
                retry_after: Some(1),
                ..Answer::new(StatusCode::TOO_MANY_REQUESTS, "Stream limit reached")
            },
            _ => Answer::new(StatusCode::FORBIDDEN, "Agent is not enrolled"),
        })?;
        let (certificate, stop) = (certificate.0, host.stopping());
        Ok(Self { host: host.clone(), certificate, listener, revocations, stop })
    }

    /// Whether this may go on, by what is known of certificates now.
    pub(super) fn admitted(&self) -> Result<(), End> {
        let good = |certificate: &Arc<ClientIdentity>| -> Result<(), PkiError> {
            self.host.pki().identities().still_good(certificate, Timestamp::now())
        };
        if self.stop.is_cancelled() {
            return Err(End::Stopping);
        }
        self.certificate.as_ref().map_or(Ok(()), good).map_err(|_| End::Certificate)
    }

    /// Waits until there is something to do.
    pub(super) async fn hear(&mut self) -> Result<Heard, End> {
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Err(End::Stopping),
            told = self.revocations.changed() => told.map(|()| Heard::Revocations).map_err(|_| End::Stopping),
            news = self.listener.news() => news.map(Heard::News).ok_or(End::Agent),
        }
    }

    /// Whether the agent is still enrolled, by the database.
    pub(super) async fn enrolled(&self) -> Result<Option<Enrolled>, StoreError> {
        self.host.store().enrolled(&self.listener).await
    }
}

/// Sends an agent what concerns it, for as long as both want.
#[utoipa::path(get, path = "/api/tickets/inbox/stream", tag = "tickets", security(("certificate" = []), ("agent_key" = [])), responses(d::Refusals, (status = 200, content_type = "text/event-stream", description = "Events `inbox`, `session`, `ready`, `end`"), (status = 429, body = d::Refusal, description = "It listens too often at once")))]
pub(super) async fn follow(
    State(host): State<Host>,
    asker: Asker,
    certificate: Certificate,
) -> Result<impl IntoResponse, Answer> {
    let ear = Ear::open(&host, &asker, certificate).await?;
    let feed = Feed {
        agent: asker.agent()?,
        tenant: asker.tenant().clone(),
        news: News::everywhere(),
        look: next_look(),
        inbox: None,
        approvals: HashMap::new(),
        enrolled: None,
        known: HashMap::new(),
        ended: VecDeque::new(),
        scan: None,
        queue: VecDeque::new(),
        ready: false,
        over: false,
        ear,
    };
    let next = async |mut feed: Feed| Some((Ok::<_, Infallible>(feed.next().await?), feed));
    let events = futures::stream::unfold(feed, next);
    let stream = Sse::new(events).keep_alive(KeepAlive::new().interval(KEEP_ALIVE));
    // Proxies in front of the host hold nothing back.
    Ok(([("x-accel-buffering", "no")], stream))
}

fn next_look() -> Instant {
    Instant::now() + LOOK + LOOK.mul_f64(rand::random())
}

/// What one stream told already, and is about to tell.
struct Feed {
    ear: Ear,
    tenant: TenantName,
    agent: AgentName,
    news: News,
    look: Instant,
    inbox: Option<Vec<TicketDigest>>,
    /// The requests that were told of, and how.
    approvals: HashMap<ApprovalId, ApprovalState>,
    /// What its agent was when this began.
    enrolled: Option<Enrolled>,
    /// The open sessions that were told of, and how.
    known: HashMap<SessionId, &'static str>,
    ended: VecDeque<SessionId>,
    scan: Option<Scan>,
    queue: VecDeque<Event>,
    ready: bool,
    over: bool,
}

/// A look at every open session, page by page.
#[derive(Default)]
struct Scan {
    after: Option<SessionId>,
    seen: HashSet<SessionId>,
}

impl Feed {
    async fn next(&mut self) -> Option<Event> {
        if self.over {
            return None;
        }
        let end = loop {
            // Also before what waits already: it is for somebody who may not have it any more.
            if let Err(end) = self.ear.admitted() {
                break end;
            }
            if let Some(event) = self.queue.pop_front() {
                return Some(event);
            }
            match self.step().await {
                Ok(()) => {}
                Err(end) => break end,
            }
        };
        self.over = true;
        Some(event("end", &json!({ "reason": end.as_str() })))
    }

    /// Reads what there is to read, or waits for it.
    async fn step(&mut self) -> Result<(), End> {
        let unavailable = |e: StoreError| {
            tracing::warn!(code = e.code(), error = %e, "a stream of tickets ends");
            End::Unavailable
        };
        if self.scan.is_some() || !self.news.is_none() {
            return self.read().await.map_err(unavailable)?;
        }
        tokio::select! {
            heard = self.ear.hear() => {
                if let Heard::News(news) = heard? {
                    self.news.add(news);
                }
            }
            () = tokio::time::sleep_until(self.look) => {
                self.look = next_look();
                self.news.add(News::everywhere());
            }
        }
        Ok(())
    }

    async fn read(&mut self) -> Result<Result<(), End>, StoreError> {
        let Some(enrolled) = self.ear.enrolled().await? else { return Ok(Err(End::Agent)) };
        if *self.enrolled.get_or_insert(enrolled) != enrolled {
            return Ok(Err(End::Reset));
        }
        if std::mem::take(&mut self.news.inbox) {
            self.read_inbox().await?;
        }
        if std::mem::take(&mut self.news.approvals) {
            self.read_approvals().await?;
        }
        if std::mem::take(&mut self.news.all) {
            self.scan = Some(Scan::default());
        }
        // One at a time: what has been read is sent before more is.
        if let Some(scan) = self.scan.take() {
            self.read_page(scan).await?;
        } else if let Some(id) = self.news.sessions.pop_first() {
            self.read_session(id).await?;
        }
        Ok(Ok(()))
    }

    async fn read_inbox(&mut self) -> Result<(), StoreError> {
        let (store, key) = (self.ear.host.store(), &self.ear.host.tickets().key);
        let found = store.inbox(&self.tenant, &self.agent, key, Timestamp::now(), INBOX).await?;
        let digests: Vec<_> = found.iter().map(|one| one.id.digest()).collect();
        if self.inbox.as_ref() != Some(&digests) {
            self.inbox = Some(digests);
            self.queue.push_back(event("inbox", &requests::inbox_view(&found)));
        }
        Ok(())
    }

    async fn read_approvals(&mut self) -> Result<(), StoreError> {
        let found = self.ear.host.store().heard_approvals(&self.ear.listener, Timestamp::now()).await?;
        let known = std::mem::take(&mut self.approvals);
        for one in found {
            // That it was picked up, whoever listens did.
            if known.get(&one.id) != Some(&one.state) && one.state != ApprovalState::Used {
                self.queue.push_back(event("approval", &approvals::view(&one)));
            }
            self.approvals.insert(one.id, one.state);
        }
        Ok(())
    }

    async fn read_page(&mut self, mut scan: Scan) -> Result<(), StoreError> {
        let store = self.ear.host.store().clone();
        let page = store.own_sessions(&self.tenant, &self.agent, None, scan.after, PAGE).await?;
        for session in &page {
            scan.seen.insert(session.id);
            self.tell(session);
        }
        scan.after = page.last().map(|last| last.id);
        if page.len() as u64 == u64::from(PAGE) {
            self.scan = Some(scan);
            return Ok(());
        }
        // What was open and is not there any more.
        let gone = self.known.keys().filter(|id| !scan.seen.contains(id)).copied();
        self.news.sessions.extend(gone);
        if !std::mem::replace(&mut self.ready, true) {
            // What an agent keeps from before that time is not so any more.
            let reset = self.enrolled.and_then(|enrolled| enrolled.reset_at);
            let ready = reset.map_or_else(|| json!({}), |at| json!({ "resetAt": at }));
            self.queue.push_back(event("ready", &ready));
        }
        Ok(())
    }

    async fn read_session(&mut self, id: SessionId) -> Result<(), StoreError> {
        match self.ear.host.store().heard_session(&self.ear.listener, id).await? {
            Some(session) => self.tell(&session),
            // Kept for long enough and removed: it was told while it was there, or nobody knew of it.
            None => drop(self.known.remove(&id)),
        }
        Ok(())
    }

    /// Tells how a session is, unless that is known.
    fn tell(&mut self, session: &Session) {
        let word = session.status.as_str();
        let known = match session.status {
            SessionStatus::Ended { .. } => {
                self.known.remove(&session.id);
                let known = self.ended.contains(&session.id);
                if !known {
                    if self.ended.len() >= ENDED {
                        self.ended.pop_front();
                    }
                    self.ended.push_back(session.id);
                }
                known
            }
            _ => self.known.insert(session.id, word) == Some(word),
        };
        if !known {
            self.queue.push_back(event("session", &own::view(session, &self.agent)));
        }
    }
}

fn event(name: &str, data: &Value) -> Event {
    Event::default().event(name).data(data.to_string())
}
