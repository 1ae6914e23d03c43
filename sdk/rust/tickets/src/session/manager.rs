//! Gets and holds sessions, as [`super::machine`] says.

use std::time::Duration;

use jiff::Timestamp;
use tokio::sync::{broadcast, watch};
use tokio::task::JoinHandle;
use tokio::time::Instant;

use super::machine::{Machine, Say, SessionState};
use crate::api::Role;
use crate::client::Client;
use crate::events::Event;
use crate::follow::{Follower, Update};
use crate::model::{InboxTicket, Status};

/// Between two looks at the inbox, where the host does not tell by itself.
const POLL: Duration = Duration::from_secs(3);

/// The same after one that failed.
const POLL_AGAIN: Duration = Duration::from_secs(10);

/// Changes that somebody may be behind.
const CHANGES: usize = 256;

/// How admission is sought and held.
#[derive(Debug, Clone)]
pub struct SessionOptions {
    /// The capability, such as `shell:connect`, or the scope, such as `shell`, for all that is below.
    pub scope: String,
    /// Between two heartbeats. The host ends a session after ten minutes of silence.
    pub heartbeat: Duration,
    /// Whether a session that was left open is gone on with at the start.
    pub resume: bool,
}

impl SessionOptions {
    /// A heartbeat a minute; what was left open goes on.
    #[must_use]
    pub fn new(scope: impl Into<String>) -> Self {
        Self { scope: scope.into(), heartbeat: Duration::from_secs(60), resume: true }
    }
}

/// Redeems tickets as they come and holds the session that they open, until it is stopped or dropped. The host tells by
/// itself what happens; where it does not, it is asked.
#[derive(Debug)]
pub struct SessionManager {
    client: Client,
    state: watch::Receiver<SessionState>,
    each: broadcast::WeakSender<SessionState>,
    stop: watch::Sender<bool>,
    task: JoinHandle<()>,
}

impl SessionManager {
    /// Begins.
    #[must_use]
    pub fn start(client: Client, options: SessionOptions) -> Self {
        let (told, state) = watch::channel(SessionState::Waiting);
        let (stop, stopped) = watch::channel(false);
        let machine = Machine::new(options.scope, options.heartbeat, Instant::now());
        let each = broadcast::Sender::new(CHANGES);
        let weak = each.downgrade();
        let (inbox, poll, up) = (Vec::new(), Instant::now(), false);
        let resume = options.resume.then_some(poll);
        let work = Work { client: client.clone(), machine, told, each, inbox, poll, up, resume };
        let task = tokio::spawn(work.run(stopped));
        Self { client, state, each: weak, stop, task }
    }

    /// How admission is.
    #[must_use]
    pub fn state(&self) -> SessionState {
        self.state.borrow().clone()
    }

    /// Tells each change of [`Self::state`] from now on.
    #[must_use]
    pub fn changes(&self) -> Changes {
        // Once nobody tells any more there is one that is closed.
        let each = self
            .each
            .upgrade()
            .map_or_else(|| broadcast::Sender::new(1).subscribe(), |each| each.subscribe());
        Changes { state: self.state.clone(), each }
    }

    /// Stops. The host hears that the session is in grace; the next start goes on with it.
    pub async fn stop(mut self) {
        let session = self.state().session().map(|session| session.session_id.clone());
        let _ = self.stop.send(true);
        let _ = (&mut self.task).await;
        if let Some(session) = session {
            // Nobody is there to hear why not.
            let _ = self.client.mark_session(&session, Status::Grace).await;
        }
    }
}

impl Drop for SessionManager {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Each change of a [`SessionState`], in order.
#[derive(Debug)]
pub struct Changes {
    state: watch::Receiver<SessionState>,
    each: broadcast::Receiver<SessionState>,
}

impl Changes {
    /// The next state; none after [`SessionState::Stopped`]. Somebody who is too slow goes on with how it is now.
    pub async fn next(&mut self) -> Option<SessionState> {
        match self.each.recv().await {
            Ok(state) => Some(state),
            Err(broadcast::error::RecvError::Lagged(_)) => {
                self.each = self.each.resubscribe();
                Some(self.state.borrow().clone())
            }
            Err(broadcast::error::RecvError::Closed) => None,
        }
    }
}

struct Work {
    client: Client,
    machine: Machine,
    told: watch::Sender<SessionState>,
    each: broadcast::Sender<SessionState>,
    inbox: Vec<InboxTicket>,
    poll: Instant,
    /// The host tells by itself.
    up: bool,
    /// When to look for a session that is open already.
    resume: Option<Instant>,
}

impl Work {
    async fn run(mut self, mut stop: watch::Receiver<bool>) {
        let client = self.client.clone();
        tokio::select! {
            () = self.work(Follower::start(client)) => {}
            _ = stop.wait_for(|stop| *stop) => {}
        }
        self.machine.stop();
        self.publish();
    }

    async fn work(&mut self, mut follower: Follower) {
        loop {
            self.publish();
            if self.machine.next() {
                self.publish();
            }
            if self.machine.beat().is_none() && self.resume.is_some_and(|at| at <= Instant::now()) {
                self.resume().await;
                continue;
            }
            if let Some(ticket) = self.machine.choose(&self.inbox, Timestamp::now()) {
                match self.client.admit(&ticket).await {
                    Ok(session) => {
                        self.resume = None;
                        self.machine.opened(session, Instant::now());
                    }
                    // It may have opened one.
                    Err(e) if e.is_uncertain() => self.resume = Some(Instant::now()),
                    // What goes wrong with one ticket is over with it: the source asks for another.
                    Err(_) => {}
                }
                continue;
            }
            let beat = self.machine.beat();
            let polls = beat.is_none() && !self.up;
            let due = beat.as_ref().map_or(self.poll, |(due, _)| *due);
            let resume = self.resume.filter(|_| beat.is_none());
            tokio::select! {
                update = follower.next() => self.update(update),
                () = tokio::time::sleep_until(resume.unwrap_or(due)), if resume.is_some() => {}
                () = tokio::time::sleep_until(due), if beat.is_some() || polls => match beat {
                    Some((_, session)) => self.beat(&session, &mut follower).await,
                    None => self.look().await,
                },
            }
        }
    }

    async fn resume(&mut self) {
        let own = match self.client.own_sessions(Some(Role::Target)).await {
            Ok(own) => own,
            Err(e) => {
                self.resume = e.is_transient().then(|| Instant::now() + POLL);
                return;
            }
        };
        self.resume = None;
        let Some(session) = self.machine.resumable(own) else { return };
        let id = session.session_id.clone();
        let lost = session.status == Status::Grace;
        self.machine.opened(session, Instant::now());
        let told = self.client.session_heartbeat(&id).await;
        let good = told.is_ok();
        let say = self.machine.beaten(told, Instant::now(), rand::random());
        self.say(say.or((good && lost).then_some(Say::Active(id)))).await;
    }

    fn update(&mut self, update: Update) {
        let now = Instant::now();
        match update {
            Update::Up => {
                self.up = true;
                self.machine.up();
            }
            Update::Down(_) => {
                if std::mem::replace(&mut self.up, false) {
                    self.poll = now;
                }
            }
            Update::Event(Event::Inbox(tickets)) => self.inbox = tickets,
            Update::Event(Event::Session(session)) => self.machine.told(&session),
            Update::Event(Event::Ready) => {
                self.machine.ready(now);
                self.resume = self.resume.map(|_| now);
            }
            Update::Event(Event::End(reason)) => self.machine.ended(&reason),
            // The source waits for people; the target waits for tickets.
            Update::Event(Event::Approval(_)) => {}
        }
    }

    /// A heartbeat; what the host tells meanwhile is heard.
    async fn beat(&mut self, session: &str, follower: &mut Follower) {
        let client = self.client.clone();
        let beating = client.session_heartbeat(session);
        tokio::pin!(beating);
        let told = loop {
            tokio::select! {
                told = &mut beating => break told,
                update = follower.next() => {
                    self.update(update);
                    self.publish();
                }
            }
        };
        let say = self.machine.beaten(told, Instant::now(), rand::random());
        self.publish();
        self.say(say).await;
    }

    async fn say(&self, say: Option<Say>) {
        // Where the host does not hear it, the next heartbeat counts.
        let _ = match say {
            Some(Say::Grace(session)) => self.client.mark_session(&session, Status::Grace).await,
            Some(Say::Active(session)) => self.client.mark_session(&session, Status::Active).await,
            None => Ok(()),
        };
    }

    async fn look(&mut self) {
        let wait = match self.client.inbox().await {
            Ok(tickets) => {
                self.inbox = tickets;
                POLL
            }
            Err(_) => POLL_AGAIN,
        };
        self.poll = Instant::now() + wait.mul_f64(1.0 - rand::random::<f64>() / 4.0);
    }

    fn publish(&self) {
        self.told.send_if_modified(|state| {
            let new = state != self.machine.state();
            if new {
                state.clone_from(self.machine.state());
                // An error means that nobody listens.
                let _ = self.each.send(state.clone());
            }
            new
        });
    }
}
