//! Who waits for news of agents, and is woken when it is kept.
//!
//! A bell says where to look and never what is there: whoever hears it reads the database. It rings after the commit.
//! What other processes write on a shared database is found by looking, for all who listen at once.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::Notify;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Refusal, SessionId};

use super::Outcome;
use crate::error::StoreError;
use crate::row::{micros, parsed, time};
use crate::store::Store;

/// Sessions that are named one by one; with more of them, all are looked at.
const NAMED: usize = 256;

/// How far back a look for what others wrote goes. Clocks of hosts may differ by as much.
const BACK: SignedDuration = SignedDuration::from_secs(10);

/// Where to look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct News {
    /// At the inbox.
    pub inbox: bool,
    /// At what it asked for and people approve.
    pub approvals: bool,
    /// At every session.
    pub all: bool,
    /// At these sessions.
    pub sessions: BTreeSet<SessionId>,
}

impl News {
    /// Everywhere.
    #[must_use]
    pub const fn everywhere() -> Self {
        Self { inbox: true, approvals: true, all: true, sessions: BTreeSet::new() }
    }

    /// Nowhere.
    #[must_use]
    pub fn is_none(&self) -> bool {
        !self.inbox && !self.approvals && !self.all && self.sessions.is_empty()
    }

    /// Takes these in.
    pub fn add(&mut self, other: Self) {
        self.inbox |= other.inbox;
        self.approvals |= other.approvals;
        self.all |= other.all;
        self.sessions.extend(other.sessions);
        self.all |= self.sessions.len() > NAMED;
        if self.all {
            self.sessions.clear();
        }
    }
}

/// What happened to an agent, within a change.
#[derive(Debug, Clone)]
pub(crate) enum Bell {
    /// A ticket came or went.
    Inbox,
    /// Something that it asked for and people approve changed.
    Approval,
    /// A session of it changed.
    Session(SessionId),
    /// It was revoked: whoever listens for it hears nothing more.
    Revoked,
    /// The data of its tenant was erased: all look at everything.
    Reset,
}

/// All who listen.
#[derive(Debug, Default)]
pub(crate) struct Bells {
    ears: Mutex<HashMap<String, Vec<Arc<Ear>>>>,
}

#[derive(Debug, Default)]
struct Ear {
    news: Mutex<News>,
    rung: Notify,
    cut: AtomicBool,
}

impl Ear {
    fn hear(&self, bell: &Bell) {
        match bell {
            Bell::Inbox => self.news.lock().inbox = true,
            Bell::Approval => self.news.lock().approvals = true,
            Bell::Session(id) => {
                self.news.lock().add(News { sessions: BTreeSet::from([*id]), ..News::default() });
            }
            Bell::Reset => self.news.lock().add(News::everywhere()),
            Bell::Revoked => self.cut.store(true, Ordering::Release),
        }
        self.rung.notify_one();
    }
}

impl Bells {
    /// Rings for those that happened.
    pub(crate) fn ring(&self, bells: Vec<(String, Bell)>) {
        if bells.is_empty() {
            return;
        }
        let mut ears = self.ears.lock();
        for (agent, bell) in bells {
            if matches!(bell, Bell::Reset) {
                ears.values().flatten().for_each(|ear| ear.hear(&bell));
            }
            ears.get(&agent).into_iter().flatten().for_each(|ear| ear.hear(&bell));
            // They take no place of the one who is enrolled again.
            if matches!(bell, Bell::Revoked) {
                ears.remove(&agent);
            }
        }
    }

    fn listening(&self) -> Vec<String> {
        self.ears.lock().keys().cloned().collect()
    }

    fn listen(self: &Arc<Self>, agent: String, most: usize) -> Option<Listener> {
        let mut ears = self.ears.lock();
        let there = ears.entry(agent.clone()).or_default();
        if there.len() >= most {
            return None;
        }
        let ear = Arc::new(Ear::default());
        there.push(Arc::clone(&ear));
        Some(Listener { bells: Arc::clone(self), agent, ear })
    }
}

/// Hears what happens to one agent, from when it was made until it is dropped.
#[derive(Debug)]
pub struct Listener {
    bells: Arc<Bells>,
    agent: String,
    ear: Arc<Ear>,
}

impl Listener {
    /// Which agent, as rows name it.
    pub(crate) fn agent(&self) -> &str {
        &self.agent
    }

    /// Waits until there is somewhere to look; none once the agent was revoked. What was not waited for to the end is
    /// told the next time.
    pub async fn news(&self) -> Option<News> {
        loop {
            if self.ear.cut.load(Ordering::Acquire) {
                return None;
            }
            let heard = std::mem::take(&mut *self.ear.news.lock());
            if !heard.is_none() {
                return Some(heard);
            }
            self.ear.rung.notified().await;
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let mut ears = self.bells.ears.lock();
        if let Some(there) = ears.get_mut(&self.agent) {
            there.retain(|ear| !Arc::ptr_eq(ear, &self.ear));
            if there.is_empty() {
                ears.remove(&self.agent);
            }
        }
    }
}

/// An agent that is enrolled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Enrolled {
    /// When the data of its tenant was erased last: what it knows from before is not so any more.
    pub reset_at: Option<Timestamp>,
}

/// What was found at the look before, so that it rings once.
#[derive(Debug, Default)]
pub struct Looked {
    tickets: HashSet<String>,
    sessions: HashMap<String, String>,
    approvals: HashMap<String, String>,
    resets: HashSet<(String, String)>,
}

/// What was found, whose, whose else, its id, its state.
type Found = (String, String, String, String, String);

impl Looked {
    /// The bells for what was not found before.
    fn news(&mut self, found: Vec<Found>) -> Result<Vec<(String, Bell)>, StoreError> {
        let (mut bells, mut now) = (Vec::new(), Self::default());
        for (kind, agent, other, id, state) in found {
            match kind.as_str() {
                "ticket" => {
                    if !self.tickets.contains(&id) {
                        bells.push((agent, Bell::Inbox));
                    }
                    now.tickets.insert(id);
                }
                "approval" => {
                    if self.approvals.get(&id) != Some(&state) {
                        bells.push((agent, Bell::Approval));
                    }
                    now.approvals.insert(id, state);
                }
                "session" => {
                    if self.sessions.get(&id) != Some(&state) {
                        let session = parsed(&id)?;
                        bells.extend([agent, other].map(|agent| (agent, Bell::Session(session))));
                    }
                    now.sessions.insert(id, state);
                }
                "reset" => {
                    let reset = (agent, state);
                    if !self.resets.contains(&reset) {
                        bells.push((reset.0.clone(), Bell::Reset));
                    }
                    now.resets.insert(reset);
                }
                _ => bells.push((agent, Bell::Revoked)),
            }
        }
        *self = now;
        Ok(bells)
    }
}

impl Store {
    /// Hears from now on what happens to an agent, together with at most `most - 1` others.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoAgent`, `StreamLimit`.
    pub async fn listen(
        &self,
        tenant: &TenantName,
        agent: &AgentName,
        most: usize,
    ) -> Result<Outcome<Listener>, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM agents WHERE tenant = $1 AND label = $2 AND revoked_at IS NULL",
        )
        .bind(tenant.as_str())
        .bind(agent.label())
        .fetch_optional(self.reader())
        .await?;
        let Some(id) = found else { return Ok(Err(Refusal::NoAgent)) };
        Ok(self.bells().listen(id, most).ok_or(Refusal::StreamLimit))
    }

    /// The agent that somebody listens for, while it is enrolled.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn enrolled(&self, listener: &Listener) -> Result<Option<Enrolled>, StoreError> {
        let there: Option<(Option<i64>,)> = sqlx::query_as(
            "SELECT n.reset_at FROM agents a JOIN tenants n ON n.name = a.tenant
             WHERE a.id = $1 AND a.revoked_at IS NULL",
        )
        .bind(listener.agent())
        .fetch_optional(self.reader())
        .await?;
        let Some((reset,)) = there else { return Ok(None) };
        Ok(Some(Enrolled { reset_at: reset.map(time).transpose()? }))
    }

    /// Whether other processes can change what is in the database.
    #[must_use]
    pub fn is_shared(&self) -> bool {
        self.backend_is_shared()
    }

    /// Wakes those who listen where another process changed something: one look for all of them. Only where the database
    /// is shared.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn look_for_others(&self, looked: &mut Looked, now: Timestamp) -> Result<(), StoreError> {
        let listening = if self.is_shared() { self.bells().listening() } else { Vec::new() };
        if listening.is_empty() {
            *looked = Looked::default();
            return Ok(());
        }
        let since = now.checked_sub(BACK).unwrap_or(now);
        let found: Vec<Found> = sqlx::query_as(
            "WITH listening AS (SELECT unnest(string_to_array($1, ',')) AS id)
             SELECT 'ticket', t.target, '', encode(t.digest, 'hex'), '' FROM tickets t
               WHERE t.state = 'pending' AND t.target IN (SELECT id FROM listening)
             UNION ALL
             SELECT 'session', x.source, x.target, x.id, x.state FROM sessions x
               WHERE x.state IN ('active', 'grace', 'ended') AND x.at > $2
               AND (x.source IN (SELECT id FROM listening) OR x.target IN (SELECT id FROM listening))
             UNION ALL
             SELECT 'approval', p.source, '', p.id, p.state FROM approvals p
               WHERE p.at > $2 AND p.source IN (SELECT id FROM listening)
             UNION ALL
             SELECT 'reset', n.name, '', '', CAST(n.reset_at AS TEXT) FROM tenants n WHERE n.reset_at > $2
             UNION ALL
             SELECT 'agent', a.id, '', '', '' FROM agents a
               WHERE a.revoked_at IS NOT NULL AND a.id IN (SELECT id FROM listening)",
        )
        .bind(listening.join(","))
        .bind(micros(since))
        .fetch_all(self.reader())
        .await?;
        self.bells().ring(looked.news(found)?);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use futures::FutureExt as _;

    use super::*;

    fn id(n: u8) -> SessionId {
        SessionId::new([n; 16])
    }

    #[test]
    fn news_is_heard_once_by_each_who_listens_for_that_agent() {
        let bells = Arc::new(Bells::default());
        let listen = |agent: &str| bells.listen(agent.to_owned(), 2);
        let (one, two, other) = (listen("a").unwrap(), listen("a").unwrap(), listen("b").unwrap());
        assert!(listen("a").is_none(), "as many as may be");
        let ring = |agent: &str, bell| bells.ring(vec![(agent.to_owned(), bell)]);
        bells.ring(vec![("a".into(), Bell::Inbox), ("a".into(), Bell::Session(id(1)))]);
        ring("c", Bell::Revoked);
        let wanted = News { inbox: true, approvals: false, all: false, sessions: BTreeSet::from([id(1)]) };
        for ear in [&one, &two] {
            assert_eq!(ear.news().now_or_never(), Some(Some(wanted.clone())));
            assert_eq!(ear.news().now_or_never(), None);
        }
        assert_eq!(other.news().now_or_never(), None);
        // What came while nobody waited is told to whoever waits next.
        ring("b", Bell::Inbox);
        assert_eq!(other.news().now_or_never(), Some(Some(News { inbox: true, ..News::default() })));
        drop((one, other));
        assert_eq!(bells.listening(), ["a"]);
        let three = listen("a").unwrap();
        // Whoever is revoked hears that, whatever else there is to hear, and takes no place any more.
        bells.ring(vec![("a".into(), Bell::Inbox), ("a".into(), Bell::Revoked)]);
        for ear in [&two, &three] {
            assert_eq!((ear.news().now_or_never(), ear.news().now_or_never()), (Some(None), Some(None)));
        }
        let (again, last) = (listen("a").unwrap(), listen("a").unwrap());
        assert_eq!(again.news().now_or_never(), None);
        drop((two, three));
        assert_eq!(bells.listening(), ["a"], "they left it to others");
        drop((again, last));
        assert!(bells.listening().is_empty(), "nobody is remembered");
    }

    #[test]
    fn too_many_sessions_are_all_sessions() {
        let mut news = News::default();
        assert!(news.is_none());
        let named = |id| News { sessions: BTreeSet::from([id]), ..News::default() };
        (0..=u8::MAX).for_each(|n| news.add(named(id(n))));
        assert!(!news.all && news.sessions.len() == NAMED);
        news.add(named(format!("{}00", "01".repeat(15)).parse().unwrap()));
        assert!(news.all && news.sessions.is_empty());
    }

    #[test]
    fn what_others_wrote_rings_once() {
        let session = |state: &str| ["session", "a", "b", &"0a".repeat(16), state].map(str::to_owned).into();
        let ticket = || -> Found { ["ticket", "b", "", "d1", ""].map(str::to_owned).into() };
        let mut looked = Looked::default();
        assert_eq!(looked.news(vec![ticket(), session("active")]).unwrap().len(), 3);
        assert_eq!(looked.news(vec![ticket(), session("active")]).unwrap().len(), 0);
        assert_eq!(looked.news(vec![session("ended")]).unwrap().len(), 2);
        assert_eq!(looked.news(vec![ticket()]).unwrap().len(), 1);
        assert!(looked.news(vec![["session", "a", "b", "zz", ""].map(str::to_owned).into()]).is_err());
        let reset = |at: &str| -> Found { ["reset", "default", "", "", at].map(str::to_owned).into() };
        let told = |looked: &mut Looked, at| looked.news(vec![reset(at)]).unwrap().len();
        assert_eq!([told(&mut looked, "1"), told(&mut looked, "1"), told(&mut looked, "2")], [1, 0, 1]);
    }
}
