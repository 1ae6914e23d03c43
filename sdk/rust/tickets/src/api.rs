//! Each call of the API that agents have.

use std::time::Duration;

use tokio::time::Instant;

use http::Method;
use serde::Deserialize;
use serde_json::{Value, json};

use crate::backoff::Backoff;
use crate::client::{Call, Client, LONG_CALL};
use crate::error::Error;
use crate::events::EventStream;
use crate::model::{
    Approval, ApprovalState, Asked, Beat, InboxTicket, IssuedTicket, Redeemed, Session, Standing, Status,
    TicketId, Transport,
};

/// Between two tries to hear what people decided.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(30) };

/// Which party of a session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who owns the instance.
    Source,
    /// Who was admitted.
    Target,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Registered {
    instance_id: String,
}

/// There is a ticket, or why not.
#[derive(Deserialize)]
struct Issued {
    ticket: Option<IssuedTicket>,
    details: Option<Waits>,
}

#[derive(Deserialize)]
struct Waits {
    approval: Approval,
}

#[derive(Deserialize)]
struct Shown {
    approval: Approval,
}

#[derive(Deserialize)]
pub(crate) struct Inbox {
    pub(crate) tickets: Vec<InboxTicket>,
}

#[derive(Deserialize)]
struct Opened {
    session: Session,
}

#[derive(Deserialize)]
struct Own {
    sessions: Vec<Session>,
    next: Option<String>,
}

#[derive(Deserialize)]
struct Answered {
    authorized: bool,
    reason: Option<String>,
    /// The exact reason, where the host has a word that older clients do not know.
    cause: Option<String>,
}

impl Client {
    /// Offers an instance of a capability; offered already, it is heard of. Its id.
    ///
    /// # Errors
    /// `forbidden` without the capability, `not-found` where no scope has it.
    pub async fn register_instance(&self, scope: &str, transport: &Transport) -> Result<String, Error> {
        let body = json!({ "scope": scope, "transport": transport });
        let call = Call { body: Some(&body), within: LONG_CALL, ..Call::new(Method::POST, &["instances"]) };
        Ok(self.call::<Registered>(call).await?.instance_id)
    }

    /// Keeps an instance alive.
    ///
    /// # Errors
    /// `not-found` where it is gone, or the capability is: register it again.
    pub async fn instance_heartbeat(&self, instance: &str) -> Result<(), Error> {
        let path = ["instances", instance, "heartbeat"];
        self.call::<Value>(Call::new(Method::POST, &path)).await.map(drop)
    }

    /// Takes an instance back, with its assignments: an operator has to make them anew.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn deregister_instance(&self, instance: &str) -> Result<(), Error> {
        self.call::<Value>(Call::new(Method::DELETE, &["instances", instance])).await.map(drop)
    }

    /// Asks for a ticket that admits `target` to an instance of ours.
    ///
    /// # Errors
    /// `too-often`, with the time to wait; `not-found` where this is not for that target; `unavailable`; where people have to
    /// approve it, `approval-waiting` with the request, `approval-rejected`, `approval-expired`.
    pub async fn request_ticket(
        &self,
        scope: &str,
        instance: &str,
        target: &str,
    ) -> Result<IssuedTicket, Error> {
        match self.ask_for_ticket(scope, instance, target).await? {
            Asked::Issued(ticket) => Ok(ticket),
            Asked::Waiting(approval) => Err(Error::Waiting(Box::new(approval))),
        }
    }

    /// The same, where that people have to approve it is no error.
    ///
    /// # Errors
    /// As [`Client::request_ticket`], without `approval-waiting`.
    pub async fn ask_for_ticket(&self, scope: &str, instance: &str, target: &str) -> Result<Asked, Error> {
        let body = json!({ "scope": scope, "instanceId": instance, "target": target });
        let repeat = false;
        let call = Call { body: Some(&body), within: LONG_CALL, repeat, ..Call::new(Method::POST, &[]) };
        match self.call::<Issued>(call).await? {
            Issued { ticket: Some(ticket), .. } => Ok(Asked::Issued(ticket)),
            Issued { details: Some(waits), .. } => Ok(Asked::Waiting(waits.approval)),
            Issued { .. } => Err(Error::Answer("there is no ticket, and nothing waits".into())),
        }
    }

    /// How a request of ours stands that people approve.
    ///
    /// # Errors
    /// `not-found` where it is not ours, or is over for long.
    pub async fn approval(&self, id: &str) -> Result<Approval, Error> {
        Ok(self.call::<Shown>(Call::new(Method::GET, &["approvals", id])).await?.approval)
    }

    /// The same, answered once it does not wait for people any more, after at most `wait` (30 s).
    ///
    /// # Errors
    /// As [`Client::approval`]; `too-often` where we wait as often as we may.
    pub async fn wait_for_approval(&self, id: &str, wait: Duration) -> Result<Approval, Error> {
        let seconds = wait.as_secs().min(30).to_string();
        let within = LONG_CALL + wait.min(LONG_CALL);
        let path = ["approvals", id];
        let call = Call { query: &[("wait", &seconds)], within, ..Call::new(Method::GET, &path) };
        Ok(self.call::<Shown>(call).await?.approval)
    }

    /// Waits until people decided on a request of ours, or its time is over, for as long as `within`: then it is as it was
    /// last. A host that is not reached for a while is asked again.
    ///
    /// # Errors
    /// As [`Client::approval`].
    pub async fn decided(&self, approval: Approval, within: Duration) -> Result<Approval, Error> {
        let end = Instant::now() + within;
        let (mut approval, mut failures) = (approval, 0);
        loop {
            let left = end.saturating_duration_since(Instant::now());
            if approval.state != ApprovalState::Waiting || left.is_zero() {
                return Ok(approval);
            }
            // The host counts whole seconds.
            let wait = left.max(Duration::from_secs(1));
            match tokio::time::timeout(wait, self.wait_for_approval(&approval.id, wait)).await {
                Err(_) => return Ok(approval),
                Ok(Ok(told)) => (approval, failures) = (told, 0),
                Ok(Err(e)) if e.is_transient() || e.code() == "too-often" => {
                    failures += 1;
                    let wait = AGAIN.after(failures, rand::random());
                    tokio::time::sleep(wait.min(end.saturating_duration_since(Instant::now()))).await;
                }
                Ok(Err(e)) => return Err(e),
            }
        }
    }

    /// The tickets that we can redeem.
    ///
    /// # Errors
    /// As all calls.
    pub async fn inbox(&self) -> Result<Vec<InboxTicket>, Error> {
        Ok(self.call::<Inbox>(Call::new(Method::GET, &["inbox"])).await?.tickets)
    }

    /// The same, answered once there is one, after at most `wait` (30 s).
    ///
    /// # Errors
    /// As all calls; `too-often` where we wait as often as we may.
    pub async fn wait_for_inbox(&self, wait: Duration) -> Result<Vec<InboxTicket>, Error> {
        let seconds = wait.as_secs().min(30).to_string();
        let within = LONG_CALL + wait.min(LONG_CALL);
        let call = Call { query: &[("wait", &seconds)], within, ..Call::new(Method::GET, &["inbox"]) };
        Ok(self.call::<Inbox>(call).await?.tickets)
    }

    /// What concerns us, as it happens, until the connection ends. [`crate::Follower`] connects again.
    ///
    /// # Errors
    /// As all calls; `too-often` where we listen as often as we may; `not-found` where the host has no streams.
    pub async fn events(&self) -> Result<EventStream, Error> {
        let call = Call::new(Method::GET, &["inbox", "stream"]);
        let opened = tokio::time::timeout(call.within, self.send(&call, "text/event-stream")).await;
        Ok(EventStream::new(opened.map_err(|_| Error::Timeout)??.into_body()))
    }

    /// Redeems a ticket: once.
    ///
    /// # Errors
    /// `invalid-ticket`, whatever is wrong with it.
    pub async fn validate_ticket(&self, ticket: &TicketId) -> Result<Redeemed, Error> {
        let body = json!({ "ticketId": ticket });
        let call = Call { body: Some(&body), repeat: false, ..Call::new(Method::POST, &["validate"]) };
        self.call(call).await
    }

    /// Opens the session of a ticket that we redeemed.
    ///
    /// # Errors
    /// `invalid`, `conflict` where it is open already, `unavailable`.
    pub async fn open_session(&self, ticket: &TicketId) -> Result<Session, Error> {
        let body = json!({ "ticketId": ticket });
        let call = Call { body: Some(&body), repeat: false, ..Call::new(Method::POST, &["sessions"]) };
        Ok(self.call::<Opened>(call).await?.session)
    }

    /// Redeems a ticket and opens its session. An answer that was lost on the way loses neither: what the host did is
    /// found out.
    ///
    /// # Errors
    /// Those of both.
    pub async fn admit(&self, ticket: &InboxTicket) -> Result<Session, Error> {
        match self.validate_ticket(&ticket.id).await {
            Ok(_) => {}
            // Whether it was redeemed shows when its session is opened.
            Err(e) if e.is_uncertain() => {}
            Err(e) => return Err(e),
        }
        let mut failures = 0;
        loop {
            match self.open_session(&ticket.id).await {
                Err(e) if e.is_uncertain() && failures < 2 => failures += 1,
                // Not redeemed after all.
                Err(e) if e.code() == "invalid" && failures == 0 => {
                    self.validate_ticket(&ticket.id).await?;
                    return self.open_session(&ticket.id).await;
                }
                Err(e) if e.code() == "conflict" => return self.opened(ticket, e).await,
                other => return other,
            }
        }
    }

    /// The newest session of ours that a ticket like this opened.
    async fn opened(&self, ticket: &InboxTicket, e: Error) -> Result<Session, Error> {
        let mut own = self.own_sessions(Some(Role::Target)).await?;
        own.retain(|one| one.scope == ticket.scope && one.instance_id == ticket.instance_id);
        own.into_iter().max_by_key(|one| one.created_at).ok_or(e)
    }

    /// Says that a session of ours is alive, as its target, and hears whether it is.
    ///
    /// # Errors
    /// `not-found` where there is none.
    pub async fn session_heartbeat(&self, session: &str) -> Result<Beat, Error> {
        let path = ["sessions", session, "heartbeat"];
        let told: Answered = self.call(Call::new(Method::POST, &path)).await?;
        Ok(match told.authorized {
            true => Beat::Authorized,
            false => Beat::Over { reason: told.cause.or(told.reason) },
        })
    }

    /// Says how a session of ours is: [`Status::Active`] or [`Status::Grace`].
    ///
    /// # Errors
    /// `not-found`, `conflict` where it is over.
    pub async fn mark_session(&self, session: &str, status: Status) -> Result<(), Error> {
        let word = if status == Status::Active { "active" } else { "grace" };
        let body = json!({ "status": word });
        let path = ["sessions", session];
        let call = Call { body: Some(&body), ..Call::new(Method::PATCH, &path) };
        self.call::<Value>(call).await.map(drop)
    }

    /// Whether a session of ours is alive: as its source too, which should ask before it lets somebody in.
    ///
    /// # Errors
    /// `not-found` where we are no party of it.
    pub async fn session(&self, session: &str) -> Result<Standing, Error> {
        self.call(Call::new(Method::GET, &["sessions", session])).await
    }

    /// Our sessions that are not over.
    ///
    /// # Errors
    /// As all calls.
    pub async fn own_sessions(&self, role: Option<Role>) -> Result<Vec<Session>, Error> {
        let role = role.map(|role| if role == Role::Source { "source" } else { "target" });
        let (mut sessions, mut after): (Vec<Session>, Option<String>) = (Vec::new(), None);
        loop {
            let role = role.iter().map(|role| ("role", *role));
            let query: Vec<_> = role.chain(after.iter().map(|after| ("after", after.as_str()))).collect();
            let call = Call { query: &query, ..Call::new(Method::GET, &["sessions", "own"]) };
            let page: Own = self.call(call).await?;
            sessions.extend(page.sessions);
            match page.next {
                Some(next) => after = Some(next),
                None => return Ok(sessions),
            }
        }
    }
}
