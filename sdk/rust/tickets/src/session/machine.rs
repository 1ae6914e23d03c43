//! How a session is got, held and lost: pure, the clock and chance are given.
//!
//! ```text
//! waiting ──a ticket was redeemed──► authorized ◄──────────────┐
//!    ▲                                │      │ no answer        │ an answer
//!    │                                │      ▼                  │
//!    │                                │    grace ───────────────┘
//!    │                             "no"      │ five times no answer, or "no"
//!    │                                ▼      ▼
//!    └──────────── next ─────────── terminated
//! ```

use std::collections::HashSet;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::error::Error;
use crate::model::{Beat, InboxTicket, Session, Status};

/// A ticket with less left is not worth the try.
const LEFT: SignedDuration = SignedDuration::from_secs(5);

/// Heartbeats without an answer after which a session is given up.
const LOST: u32 = 5;

/// Between two heartbeats while there is no answer.
const AGAIN: Backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(60) };

/// How many tickets are remembered as tried.
const TRIED: usize = 256;

/// How admission is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SessionState {
    /// There is no session; a ticket is waited for.
    Waiting,
    /// There is one, and the host says that it holds.
    Authorized(Session),
    /// There was one, and the host does not answer.
    Grace(Session),
    /// It is over. What comes next is [`SessionState::Waiting`].
    Terminated {
        /// The session that was.
        session: Session,
        /// Why: the host's word, or none where it was given up after the host did not answer for long.
        reason: Option<String>,
    },
    /// Nobody waits any more.
    Stopped,
}

impl SessionState {
    /// The session, where there is one.
    #[must_use]
    pub const fn session(&self) -> Option<&Session> {
        match self {
            Self::Authorized(session) | Self::Grace(session) => Some(session),
            _ => None,
        }
    }
}

/// Something for the host, where it can be reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Say {
    Grace(String),
    Active(String),
}

#[derive(Debug)]
pub(super) struct Machine {
    scope: String,
    state: SessionState,
    every: Duration,
    due: Instant,
    failures: u32,
    tried: HashSet<String>,
    /// Sessions that were told of since the stream was there.
    told: HashSet<String>,
}

impl Machine {
    pub(super) fn new(scope: String, every: Duration, now: Instant) -> Self {
        let (tried, told) = (HashSet::new(), HashSet::new());
        Self { scope, state: SessionState::Waiting, every, due: now, failures: 0, tried, told }
    }

    pub(super) const fn state(&self) -> &SessionState {
        &self.state
    }

    /// Whether a scope is ours: the same, or below.
    fn is_ours(&self, scope: &str) -> bool {
        let rest = scope.strip_prefix(self.scope.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(':'))
    }

    /// The ticket to redeem, of an inbox: ours, with time left, the one that lives longest, and none twice.
    pub(super) fn choose(&mut self, inbox: &[InboxTicket], now: Timestamp) -> Option<InboxTicket> {
        if self.state != SessionState::Waiting {
            return None;
        }
        let good = |one: &&InboxTicket| {
            self.is_ours(&one.scope)
                && one.expires_at.duration_since(now) >= LEFT
                && !self.tried.contains(one.id.reveal())
        };
        let chosen = inbox.iter().filter(good).max_by_key(|one| one.expires_at)?.clone();
        if self.tried.len() >= TRIED {
            self.tried.clear();
        }
        self.tried.insert(chosen.id.reveal().to_owned());
        Some(chosen)
    }

    /// A session was opened, or found again after a restart.
    pub(super) fn opened(&mut self, session: Session, now: Instant) {
        if self.state == SessionState::Waiting {
            (self.failures, self.due) = (0, now + self.every);
            self.state = SessionState::Authorized(session);
        }
    }

    /// Which of our sessions to go on with, after a restart.
    pub(super) fn resumable(&self, own: Vec<Session>) -> Option<Session> {
        let own = own.into_iter().filter(|one| self.is_ours(&one.scope) && one.status != Status::Dead);
        own.max_by_key(|one| one.created_at)
    }

    /// When the next heartbeat is due, of which session.
    pub(super) fn beat(&self) -> Option<(Instant, String)> {
        self.state.session().map(|session| (self.due, session.session_id.clone()))
    }

    /// What came of a heartbeat.
    pub(super) fn beaten(&mut self, told: Result<Beat, Error>, now: Instant, random: f64) -> Option<Say> {
        let session = self.state.session()?.clone();
        match told {
            Ok(Beat::Authorized) => {
                (self.failures, self.due) = (0, now + self.every);
                let lost = matches!(self.state, SessionState::Grace(_));
                let say = lost.then(|| Say::Active(session.session_id.clone()));
                self.state = SessionState::Authorized(session);
                say
            }
            Ok(Beat::Over { reason }) => {
                self.state = SessionState::Terminated { session, reason };
                None
            }
            Err(_) => {
                self.failures += 1;
                self.due = now + AGAIN.after(self.failures, random).min(self.every);
                if self.failures >= LOST {
                    self.state = SessionState::Terminated { session, reason: None };
                    return None;
                }
                let say = (self.failures == 1).then(|| Say::Grace(session.session_id.clone()));
                self.state = SessionState::Grace(session);
                say
            }
        }
    }

    /// The host told of a session by itself.
    pub(super) fn told(&mut self, news: &Session) {
        self.told.insert(news.session_id.clone());
        let ours = self.state.session().is_some_and(|session| session.session_id == news.session_id);
        if ours && news.status == Status::Dead {
            self.state = SessionState::Terminated { session: news.clone(), reason: news.reason.clone() };
        }
    }

    /// The stream is there (again): all that is comes now.
    pub(super) fn up(&mut self) {
        self.told.clear();
    }

    /// All that is was told. A session that was not may be over: a heartbeat will say why.
    pub(super) fn ready(&mut self, now: Instant) {
        if self.state.session().is_some_and(|session| !self.told.contains(&session.session_id)) {
            self.due = now;
        }
    }

    /// The host ended the stream.
    pub(super) fn ended(&mut self, reason: &str) {
        let gone = ["certificate_revoked", "agent_revoked"].contains(&reason);
        if let (true, Some(session)) = (gone, self.state.session().cloned()) {
            self.state = SessionState::Terminated { session, reason: Some(reason.to_owned()) };
        }
    }

    /// After a session that is over comes the next.
    pub(super) fn next(&mut self) -> bool {
        let over = matches!(self.state, SessionState::Terminated { .. });
        if over {
            self.state = SessionState::Waiting;
        }
        over
    }

    pub(super) fn stop(&mut self) {
        self.state = SessionState::Stopped;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const EVERY: Duration = Duration::from_secs(60);

    fn session(id: &str, status: &str, reason: Option<&str>) -> Session {
        let text = format!(
            r#"{{"sessionId":"{id}","scope":"shell:connect","instanceId":"i","source":"s","target":"t",
              "createdAt":"2026-01-01T00:00:0{}Z","lastActivityAt":"2026-01-01T00:00:00Z","status":"{status}"}}"#,
            id.len()
        );
        Session { reason: reason.map(str::to_owned), ..serde_json::from_str(&text).unwrap() }
    }

    fn ticket(id: &str, scope: &str, seconds: i64) -> InboxTicket {
        InboxTicket {
            id: id.to_owned().into(),
            scope: scope.into(),
            instance_id: "i".into(),
            source: "s".into(),
            expires_at: Timestamp::UNIX_EPOCH + SignedDuration::from_secs(seconds),
            transport: crate::model::Transport::relay(),
        }
    }

    fn authorized(now: Instant) -> Machine {
        let mut machine = Machine::new("shell".into(), EVERY, now);
        machine.opened(session("a", "active", None), now);
        machine
    }

    #[test]
    fn the_freshest_ticket_of_our_scope_is_taken_once() {
        let mut machine = Machine::new("shell".into(), EVERY, Instant::now());
        let now = Timestamp::UNIX_EPOCH;
        let inbox = [
            ticket("old", "shell:connect", 4),
            ticket("good", "shell:connect", 20),
            ticket("best", "shell", 30),
            ticket("other", "shellfish:connect", 40),
        ];
        let chosen: Vec<_> = std::iter::from_fn(|| machine.choose(&inbox, now))
            .map(|one| one.id.reveal().to_owned())
            .collect();
        assert_eq!(chosen, ["best", "good"]);
        machine.opened(session("a", "active", None), Instant::now());
        assert_eq!(machine.choose(&[ticket("new", "shell", 30)], now), None, "there is a session");
    }

    #[test]
    fn no_answer_is_grace_and_an_answer_ends_it() {
        let now = Instant::now();
        let mut machine = authorized(now);
        assert_eq!(machine.beat(), Some((now + EVERY, "a".into())));
        assert_eq!(machine.beaten(Err(Error::Timeout), now, 0.0), Some(Say::Grace("a".into())));
        assert!(matches!(machine.state(), SessionState::Grace(_)));
        assert_eq!(machine.beat(), Some((now + Duration::from_secs(1), "a".into())));
        assert_eq!(machine.beaten(Err(Error::Timeout), now, 0.0), None, "said once");
        // The host hears that it is active again.
        assert_eq!(machine.beaten(Ok(Beat::Authorized), now, 0.0), Some(Say::Active("a".into())));
        assert!(matches!(machine.state(), SessionState::Authorized(_)));
        assert_eq!(machine.beaten(Ok(Beat::Authorized), now, 0.0), None);
        for failure in 1..=LOST {
            assert!(machine.state().session().is_some(), "{failure}");
            machine.beaten(Err(Error::Timeout), now, 0.0);
        }
        assert!(matches!(machine.state(), SessionState::Terminated { reason: None, .. }));
        assert!(machine.next() && !machine.next());
        assert_eq!(machine.state(), &SessionState::Waiting);
    }

    #[test]
    fn a_no_ends_it_with_its_reason_however_it_comes() {
        let now = Instant::now();
        let reason = |machine: &Machine| match machine.state() {
            SessionState::Terminated { reason, .. } => reason.clone(),
            other => panic!("{other:?}"),
        };
        let mut machine = authorized(now);
        machine.beaten(Ok(Beat::Over { reason: Some("idle".into()) }), now, 0.0);
        assert_eq!(reason(&machine).as_deref(), Some("idle"));
        let mut machine = authorized(now);
        machine.told(&session("b", "dead", Some("admin_killed")));
        machine.told(&session("a", "grace", None));
        assert!(matches!(machine.state(), SessionState::Authorized(_)), "another one, or not over");
        machine.told(&session("a", "dead", Some("admin_killed")));
        assert_eq!(reason(&machine).as_deref(), Some("admin_killed"));
        let mut machine = authorized(now);
        machine.ended("host_stopping");
        assert!(machine.state().session().is_some(), "it comes back");
        machine.ended("certificate_revoked");
        assert_eq!(reason(&machine).as_deref(), Some("certificate_revoked"));
        // A heartbeat that was under way changes nothing.
        assert_eq!(machine.beaten(Ok(Beat::Authorized), now, 0.0), None);
        assert!(matches!(machine.state(), SessionState::Terminated { .. }));
    }

    #[test]
    fn a_session_that_is_not_told_of_is_asked_for() {
        let now = Instant::now();
        let mut machine = authorized(now);
        machine.up();
        machine.told(&session("a", "active", None));
        machine.ready(now);
        assert_eq!(machine.beat().unwrap().0, now + EVERY);
        machine.up();
        machine.ready(now);
        assert_eq!(machine.beat().unwrap().0, now);
    }

    #[test]
    fn after_a_restart_the_newest_session_goes_on() {
        let machine = Machine::new("shell".into(), EVERY, Instant::now());
        let own =
            vec![session("a", "active", None), session("bbb", "grace", None), session("dddd", "dead", None)];
        assert_eq!(machine.resumable(own).unwrap().session_id, "bbb");
        let other = Machine::new("view".into(), EVERY, Instant::now());
        assert_eq!(other.resumable(vec![session("a", "active", None)]), None);
    }
}
