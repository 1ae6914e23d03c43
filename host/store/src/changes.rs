//! Changes that come together are kept together: one transaction, and one wait for the disk, for all that arrived while
//! the one before was under way.
//!
//! Each change is as if it were alone: it sees those before it, and one that fails leaves nothing and takes no other with
//! it. Whoever waits for an answer may go away; the change is made or not made all the same.

use std::collections::{BTreeMap, VecDeque};
use std::sync::OnceLock;

use futures::future::BoxFuture;
use jiff::Timestamp;
use parking_lot::Mutex;
use sqlx::AnyConnection;
use tokio::sync::oneshot;
use waystation_core::audit::Deed;
use waystation_core::event::NewEvent;
use waystation_core::name::{ChannelName, TenantName};
use waystation_core::ticket::SessionId;

use crate::error::StoreError;
use crate::ledger::Ledger;
use crate::store::{Store, Tx, nowhere};
use crate::tickets::{Bell, SessionChange};

/// How many changes are kept together at most, so that the first does not wait for ever.
const TOGETHER: usize = 256;

/// One change. It may be applied again after it failed together with others, so it owns what it needs.
pub(crate) trait Change: Send + Sync + 'static {
    /// What whoever asked for it is told.
    type Answer: Send + 'static;

    /// Makes it. An error undoes all of it.
    fn apply(&self, work: &mut Work<'_>) -> impl Future<Output = Result<Self::Answer, StoreError>> + Send;
}

/// A transaction in which changes are made.
pub(crate) struct Work<'a> {
    tx: Tx<'a>,
    /// What is to be recorded, by tenant.
    deeds: BTreeMap<TenantName, Vec<Deed>>,
    /// Who is woken when it is kept.
    bells: Vec<(String, Bell)>,
    /// What became of sessions; none where nobody wants to know.
    sessions: Option<Vec<SessionChange>>,
    /// What is told, and to which channels.
    events: Vec<(Timestamp, NewEvent)>,
    /// What is counted, and written when all changes are made.
    ledger: Ledger,
    route: Option<&'a Router>,
}

impl Work<'_> {
    /// What statements go to.
    pub(crate) fn db(&mut self) -> &mut AnyConnection {
        &mut self.tx.tx
    }

    /// What is counted.
    pub(crate) fn ledger(&mut self) -> &mut Ledger {
        &mut self.ledger
    }

    /// How many a tenant has of something, as far as this transaction goes.
    pub(crate) async fn tally(&mut self, tenant: &str, what: &'static str) -> Result<i64, StoreError> {
        self.ledger.tally(&mut self.tx.tx, tenant, what).await
    }

    /// Puts a deed on record, together with the change.
    pub(crate) fn record(&mut self, tenant: &TenantName, deed: Deed) {
        self.deeds.entry(tenant.clone()).or_default().push(deed);
    }

    /// Wakes whoever listens for this agent, once the change is kept.
    pub(crate) fn ring(&mut self, agent: impl Into<String>, bell: Bell) {
        self.bells.push((agent.into(), bell));
    }

    /// Wakes whoever listens for one of the parties of a session.
    pub(crate) fn ring_both(&mut self, parties: [String; 2], session: SessionId) {
        self.bells.extend(parties.map(|agent| (agent, Bell::Session(session))));
    }

    /// Whether somebody wants to know what becomes of sessions.
    pub(crate) fn is_watched(&self) -> bool {
        self.sessions.is_some()
    }

    /// Tells what became of a session, once it is kept.
    pub(crate) fn note(&mut self, change: SessionChange) {
        if let Some(sessions) = &mut self.sessions {
            sessions.push(change);
        }
    }

    /// Tells of it: the event is kept together with the change.
    pub(crate) fn tell(&mut self, event: NewEvent) {
        self.events.push((event.occurred_at, event));
    }

    async fn commit(mut self) -> Result<Vec<SessionChange>, StoreError> {
        let sessions = self.sessions.take().unwrap_or_default();
        std::mem::take(&mut self.ledger).write(&mut self.tx.tx).await?;
        for (tenant, deeds) in std::mem::take(&mut self.deeds) {
            self.tx.append(&tenant, &deeds).await?;
        }
        let events = std::mem::take(&mut self.events);
        match self.route {
            Some(route) => self.tx.emit_all(events, route).await?,
            None => self.tx.emit_all(events, &nowhere).await?,
        }
        self.tx.commit().await?;
        Ok(sessions)
    }
}

/// Told what became of sessions. It must not block.
type Watcher = Box<dyn Fn(Vec<SessionChange>) + Send + Sync>;

/// Picks the channels of an event. It must only compute.
type Router = Box<dyn Fn(&NewEvent) -> Vec<ChannelName> + Send + Sync>;

/// Changes that wait.
#[derive(Default)]
pub(crate) struct Changes {
    state: Mutex<State>,
    watcher: OnceLock<Watcher>,
    router: OnceLock<Router>,
}

impl Changes {
    /// The first one is told.
    pub(crate) fn watch(&self, watcher: Watcher) {
        let _ = self.watcher.set(watcher);
    }

    /// The first one is asked.
    pub(crate) fn route(&self, router: Router) {
        let _ = self.router.set(router);
    }
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Box<dyn Job>>,
    /// Somebody makes those that wait.
    running: bool,
}

/// A change with the one who waits for it.
trait Job: Send {
    fn apply<'a>(&'a mut self, work: &'a mut Work<'_>) -> BoxFuture<'a, Result<(), StoreError>>;
    fn tell(self: Box<Self>, outcome: Result<(), StoreError>);
}

struct Waiting<C: Change> {
    change: C,
    answer: Option<C::Answer>,
    teller: oneshot::Sender<Result<C::Answer, StoreError>>,
}

impl<C: Change> Job for Waiting<C>
where
    C::Answer: Send,
{
    fn apply<'a>(&'a mut self, work: &'a mut Work<'_>) -> BoxFuture<'a, Result<(), StoreError>> {
        Box::pin(async move {
            self.answer = Some(self.change.apply(work).await?);
            Ok(())
        })
    }

    fn tell(self: Box<Self>, outcome: Result<(), StoreError>) {
        let Self { answer, teller, .. } = *self;
        let lost = || StoreError::Unavailable { why: "the change was not made".into() };
        // Nobody may wait any more.
        let _ = teller.send(outcome.and_then(|()| answer.ok_or_else(lost)));
    }
}

impl Store {
    /// Sends what changes of tickets tell to these channels from now on. Once; a second one is not asked.
    pub fn route_events(&self, route: impl Fn(&NewEvent) -> Vec<ChannelName> + Send + Sync + 'static) {
        self.changes().route(Box::new(route));
    }

    /// Makes a change, together with others that are asked for at the same time.
    pub(crate) async fn change<C: Change>(&self, change: C) -> Result<C::Answer, StoreError> {
        let (teller, answer) = oneshot::channel();
        let job = Box::new(Waiting { change, answer: None, teller });
        let idle = {
            let mut state = self.changes().state.lock();
            state.waiting.push_back(job);
            !std::mem::replace(&mut state.running, true)
        };
        if idle {
            let running = Running { store: self.clone(), done: false };
            // On its own: who asked first may go away.
            tokio::spawn(running.all());
        }
        answer.await.unwrap_or_else(|_| {
            Err(StoreError::Unavailable { why: "the program ended before the change was made".into() })
        })
    }
}

/// The one who makes changes, until none waits.
struct Running {
    store: Store,
    done: bool,
}

impl Running {
    async fn all(mut self) {
        while let Some(jobs) = self.next() {
            self.together(jobs).await;
        }
    }

    /// Those that wait, as many as are kept together. With none it is over.
    fn next(&mut self) -> Option<Vec<Box<dyn Job>>> {
        let mut state = self.store.changes().state.lock();
        let most = state.waiting.len().min(TOGETHER);
        if most == 0 {
            (state.running, self.done) = (false, true);
            return None;
        }
        Some(state.waiting.drain(..most).collect())
    }

    async fn together(&self, mut jobs: Vec<Box<dyn Job>>) {
        match (self.one_transaction(&mut jobs).await, jobs.len()) {
            (Ok(()), _) => jobs.into_iter().for_each(|job| job.tell(Ok(()))),
            (Err(e), 1) => drop(jobs.pop().map(|job| job.tell(Err(e)))),
            // One of them is at fault, or was in the way of somebody else: each alone.
            (Err(_), _) => {
                for mut job in jobs {
                    let done = self.one_transaction(std::slice::from_mut(&mut job)).await;
                    job.tell(done);
                }
            }
        }
    }

    async fn one_transaction(&self, jobs: &mut [Box<dyn Job>]) -> Result<(), StoreError> {
        let mut tx = self.store.begin().await?;
        tx.in_order().await?;
        let watcher = self.store.changes().watcher.get();
        let sessions = watcher.map(|_| Vec::new());
        let route = self.store.changes().router.get();
        let (deeds, bells, events) = (BTreeMap::new(), Vec::new(), Vec::new());
        let mut work = Work { tx, deeds, bells, sessions, events, ledger: Ledger::default(), route };
        let made = jobs.len();
        for job in jobs {
            job.apply(&mut work).await?;
        }
        let bells = std::mem::take(&mut work.bells);
        let sessions = work.commit().await?;
        self.store.bells().ring(bells);
        self.store.kept(made);
        match watcher {
            Some(watcher) if !sessions.is_empty() => watcher(sessions),
            _ => {}
        }
        Ok(())
    }
}

impl Drop for Running {
    /// A change that panics takes down those that wait, and not those that come after.
    fn drop(&mut self) {
        if !self.done {
            let mut state = self.store.changes().state.lock();
            state.running = false;
            state.waiting.clear();
        }
    }
}
