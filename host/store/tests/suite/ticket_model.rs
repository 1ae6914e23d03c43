//! Random lives of agents, tickets and sessions beside a model that holds everything in memory and looks at it anew each
//! time.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use proptest::{
    prelude::*,
    test_runner::{Config, TestRunner},
};
use waystation_core::ticket::{
    EndReason, InstanceId, Refusal, SessionId, SessionStatus, TicketId, TicketLimits,
};
use waystation_store::Store;
use waystation_store::tickets::{AssignmentFilter, Mark, TicketState};

use super::tickets::{SHELL, VIEW, cap, caps, host, key, name, spec, tenant, transport};
use super::{Db, at};

const AGENTS: [&str; 3] = ["a", "b", "c"];
const SCOPES: [&str; 2] = [SHELL, VIEW];

fn limits() -> Arc<TicketLimits> {
    Arc::new(TicketLimits {
        requests: 4,
        request_window: Duration::from_secs(40),
        instances: 3,
        tickets: 3,
        sessions: 2,
        instance_stale: Duration::from_secs(100),
        instance_dead: Duration::from_secs(400),
        session_idle: Duration::from_secs(120),
        tickets_kept: Duration::from_secs(300),
        sessions_kept: Duration::from_secs(500),
        ..TicketLimits::DEFAULT
    })
}

#[derive(Debug, Clone, Copy)]
enum Op {
    Wait(i64),
    Enrol(usize, u8),
    RevokeAgent(usize),
    Capabilities(usize, u8),
    Scope(bool),
    Register(usize, usize),
    InstanceBeat(usize, usize),
    RemoveInstance(usize, usize),
    Assign(usize, usize),
    Unassign(usize, usize),
    Ask(usize, usize, usize),
    Redeem(usize, usize),
    RevokeTicket(usize),
    Open(usize, usize),
    Beat(usize, usize),
    Mark(usize, usize, bool),
    End(usize),
    Sweep,
}

/// Indices are taken modulo how many there are, newest first.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let (agent, recent) = (0..AGENTS.len(), 0_usize..4);
    let scope = 0..SCOPES.len();
    let op = prop_oneof![
        4 => prop_oneof![1_i64..15, 15_i64..150, 150_i64..600].prop_map(Op::Wait),
        3 => (agent.clone(), 0_u8..4).prop_map(|(a, mask)| Op::Enrol(a, mask | 1)),
        1 => agent.clone().prop_map(Op::RevokeAgent),
        1 => (agent.clone(), 0_u8..4).prop_map(|(a, mask)| Op::Capabilities(a, mask)),
        1 => any::<bool>().prop_map(Op::Scope),
        4 => (agent.clone(), scope).prop_map(|(a, s)| Op::Register(a, s)),
        2 => (agent.clone(), recent.clone()).prop_map(|(a, i)| Op::InstanceBeat(a, i)),
        1 => (agent.clone(), recent.clone()).prop_map(|(a, i)| Op::RemoveInstance(a, i)),
        5 => (agent.clone(), recent.clone()).prop_map(|(a, i)| Op::Assign(a, i)),
        1 => (agent.clone(), recent.clone()).prop_map(|(a, i)| Op::Unassign(a, i)),
        9 => (agent.clone(), recent.clone(), agent.clone()).prop_map(|(s, i, t)| Op::Ask(s, i, t)),
        8 => (agent.clone(), recent.clone()).prop_map(|(a, t)| Op::Redeem(a, t)),
        1 => recent.clone().prop_map(Op::RevokeTicket),
        8 => (agent.clone(), recent.clone()).prop_map(|(a, t)| Op::Open(a, t)),
        5 => (agent.clone(), recent.clone()).prop_map(|(a, s)| Op::Beat(a, s)),
        2 => (agent, recent.clone(), any::<bool>()).prop_map(|(a, s, g)| Op::Mark(a, s, g)),
        1 => recent.prop_map(Op::End),
        1 => Just(Op::Sweep),
    ];
    // Most runs begin where something can happen.
    let begin = prop_oneof![
        1 => Just(vec![Op::Scope(true)]),
        4 => Just(vec![
            Op::Scope(true), Op::Enrol(0, 3), Op::Enrol(1, 3), Op::Register(0, 0), Op::Assign(1, 0), Op::Ask(0, 0, 1),
            Op::Redeem(1, 0),
        ]),
    ];
    (begin, prop::collection::vec(op, 1..50)).prop_map(|(begin, more)| [begin, more].concat())
}

#[derive(Debug, Clone)]
struct Agent {
    revoked: bool,
    capabilities: u8,
}

#[derive(Debug, Clone)]
struct Instance {
    owner: usize,
    scope: usize,
    heard: i64,
    gone: bool,
}

#[derive(Debug, Clone)]
struct Ticket {
    instance: usize,
    source: usize,
    target: usize,
    scope: usize,
    expires: i64,
    state: TicketState,
    ended: i64,
    session: Option<usize>,
    gone: bool,
}

#[derive(Debug, Clone)]
struct Session {
    ticket: usize,
    grace: bool,
    heard: i64,
    ended: Option<(i64, EndReason)>,
    gone: bool,
}

#[derive(Default)]
struct World {
    now: i64,
    scope: bool,
    agents: BTreeMap<usize, Agent>,
    instances: Vec<Instance>,
    assigned: BTreeSet<(usize, usize)>,
    tickets: Vec<Ticket>,
    sessions: Vec<Session>,
    tat: [i64; 3],
    instance_ids: Vec<InstanceId>,
    ticket_ids: Vec<TicketId>,
    session_ids: Vec<SessionId>,
}

type Answer<T = ()> = Result<T, Refusal>;

impl World {
    fn enrolled(&self, agent: usize) -> bool {
        self.agents.get(&agent).is_some_and(|agent| !agent.revoked)
    }

    fn capable(&self, agent: usize, scope: usize) -> bool {
        self.agents.get(&agent).is_some_and(|agent| agent.capabilities & (1 << scope) != 0)
    }

    fn instance(&self, recent: usize) -> Option<usize> {
        self.instances.len().checked_sub(1 + recent)
    }

    fn ticket(&self, recent: usize) -> Option<usize> {
        self.tickets.len().checked_sub(1 + recent)
    }

    fn session(&self, recent: usize) -> Option<usize> {
        self.sessions.len().checked_sub(1 + recent)
    }

    fn broken(&self, ticket: &Ticket) -> Option<EndReason> {
        let (source, target) = (ticket.source, ticket.target);
        if !self.enrolled(source) {
            Some(EndReason::SourceRevoked)
        } else if !self.capable(source, ticket.scope) {
            Some(EndReason::CapabilityRemoved)
        } else if !self.enrolled(target) {
            Some(EndReason::TargetRevoked)
        } else if !self.capable(target, ticket.scope) {
            Some(EndReason::CapabilityRemoved)
        } else if !self.assigned.contains(&(ticket.instance, target)) {
            Some(EndReason::AssignmentRemoved)
        } else {
            None
        }
    }

    /// Tickets and sessions of which that is true end.
    fn end(&mut self, reason: EndReason, which: impl Fn(&Ticket) -> bool) {
        let now = self.now;
        for ticket in self.tickets.iter_mut().filter(|ticket| which(ticket)) {
            if ticket.state == TicketState::Pending {
                (ticket.state, ticket.ended) = (TicketState::Revoked, now);
            }
        }
        let tickets = &self.tickets;
        for session in self.sessions.iter_mut().filter(|session| which(&tickets[session.ticket])) {
            session.ended.get_or_insert((now, reason));
        }
    }

    fn remove_instance(&mut self, at: usize, reason: EndReason) {
        self.end(reason, |ticket| ticket.instance == at);
        self.assigned.retain(|(instance, _)| *instance != at);
        self.instances[at].gone = true;
    }

    fn pending(&self) -> usize {
        self.tickets.iter().filter(|ticket| ticket.state == TicketState::Pending).count()
    }

    fn open(&self) -> usize {
        self.sessions.iter().filter(|session| session.ended.is_none()).count()
    }

    fn ask(
        &mut self,
        source: usize,
        instance: Option<usize>,
        target: usize,
        limits: &TicketLimits,
    ) -> Answer {
        let (each, window) = (10, 40);
        let tat = self.tat[source].max(self.now) + each;
        if tat - self.now > window {
            let retry_after = u32::try_from(tat - self.now - window).unwrap();
            return Err(Refusal::TooOften { retry_after });
        }
        self.tat[source] = tat;
        if !self.enrolled(source) {
            return Err(Refusal::CallerRevoked);
        }
        let scope = instance.map_or(0, |at| self.instances[at].scope);
        if !self.capable(source, scope) {
            return Err(Refusal::NotCapable);
        }
        if !self.enrolled(target) {
            return Err(Refusal::NoAgent);
        }
        if !self.capable(target, scope) {
            return Err(Refusal::NotCapable);
        }
        let at = instance.filter(|at| !self.instances[*at].gone && self.instances[*at].owner == source);
        let at = at.ok_or(Refusal::NoInstance)?;
        match self.now - self.instances[at].heard {
            silent if silent > 400 => return Err(Refusal::NoInstance),
            silent if silent > 100 => return Err(Refusal::InstanceStale),
            _ if source == target => return Err(Refusal::OneSelf),
            _ if !self.assigned.contains(&(at, target)) => return Err(Refusal::NotAssigned),
            _ if self.pending() as u64 >= limits.tickets => return Err(Refusal::TicketLimit),
            _ => {}
        }
        let (expires, state) = (self.now + 30, TicketState::Pending);
        self.tickets.push(Ticket {
            instance: at,
            source,
            target,
            scope,
            expires,
            state,
            ended: expires,
            session: None,
            gone: false,
        });
        Ok(())
    }

    fn redeem(&mut self, agent: usize, at: usize) -> Answer {
        let (now, enrolled) = (self.now, self.enrolled(agent));
        let ticket = &mut self.tickets[at];
        let good = ticket.state == TicketState::Pending
            && ticket.target == agent
            && enrolled
            && ticket.expires >= now;
        if !good {
            return Err(Refusal::NoTicket);
        }
        (ticket.state, ticket.ended) = (TicketState::Redeemed, now);
        Ok(())
    }

    fn open_session(&mut self, agent: usize, at: usize, limits: &TicketLimits) -> Answer {
        let ticket = &self.tickets[at];
        if ticket.gone || ticket.target != agent {
            return Err(Refusal::NoTicket);
        }
        if ticket.session.is_some() {
            return Err(Refusal::SessionExists);
        }
        let late = self.now - ticket.ended > 60;
        if ticket.state != TicketState::Redeemed || late || self.broken(ticket).is_some() {
            return Err(Refusal::NoTicket);
        }
        if self.open() as u64 >= limits.sessions {
            return Err(Refusal::SessionLimit);
        }
        self.tickets[at].session = Some(self.sessions.len());
        self.sessions.push(Session { ticket: at, grace: false, heard: self.now, ended: None, gone: false });
        Ok(())
    }

    /// What a party says: whether the session is over, and why.
    fn said(&mut self, agent: usize, at: usize, mark: Option<bool>) -> Answer<Result<(), EndReason>> {
        let session = &self.sessions[at];
        let ticket = &self.tickets[session.ticket];
        let party = ticket.target == agent || (mark.is_some() && ticket.source == agent);
        // The name has to be known, enrolled or not.
        if session.gone || !party {
            return Err(Refusal::NoSession);
        }
        if let Some((_, reason)) = session.ended {
            return Ok(Err(reason));
        }
        let idle = (self.now - session.heard > 120).then_some(EndReason::Idle);
        let (broken, now) = (idle.or_else(|| self.broken(ticket)), self.now);
        let session = &mut self.sessions[at];
        if let Some(reason) = broken {
            session.ended = Some((now, reason));
            return Ok(Err(reason));
        }
        session.heard = now;
        session.grace = mark.unwrap_or(session.grace);
        Ok(Ok(()))
    }

    fn sweep(&mut self) {
        let now = self.now;
        for at in 0..self.instances.len() {
            if !self.instances[at].gone && now - self.instances[at].heard > 400 {
                self.remove_instance(at, EndReason::InstanceGone);
            }
        }
        for ticket in &mut self.tickets {
            if ticket.state == TicketState::Pending && ticket.expires < now {
                ticket.state = TicketState::Expired;
            }
        }
        for session in &mut self.sessions {
            if session.ended.is_none() && now - session.heard > 120 {
                session.ended = Some((now, EndReason::Idle));
            }
        }
        for ticket in &mut self.tickets {
            ticket.gone |= ticket.state != TicketState::Pending && now - ticket.ended > 300;
        }
        for session in &mut self.sessions {
            session.gone |= session.ended.is_some_and(|(at, _)| now - at > 500);
        }
        for tat in &mut self.tat {
            if *tat < now {
                *tat = 0;
            }
        }
    }

    async fn step(&mut self, store: &Store, op: Op, limits: &Arc<TicketLimits>) {
        let by = || host(self.now);
        let allowed = |mask: u8| {
            let all = SCOPES.iter().enumerate().filter(|(at, _)| mask & (1 << at) != 0);
            caps(&all.map(|(_, name)| *name).collect::<Vec<_>>())
        };
        match op {
            Op::Wait(seconds) => self.now += seconds,
            Op::Enrol(agent, mask) => {
                let expected = if self.enrolled(agent) { Err(Refusal::AgentTaken) } else { Ok(()) };
                let done = store
                    .enrol_agent(by(), name(AGENTS[agent]), allowed(mask), None)
                    .await
                    .unwrap()
                    .map(drop);
                assert_eq!(done, expected);
                if done.is_ok() {
                    self.agents.insert(agent, Agent { revoked: false, capabilities: mask });
                }
            }
            Op::RevokeAgent(agent) => {
                let expected = if self.enrolled(agent) { Ok(()) } else { Err(Refusal::NoAgent) };
                let done = store.revoke_agent(by(), name(AGENTS[agent])).await.unwrap().map(drop);
                assert_eq!(done, expected);
                if done.is_ok() {
                    self.agents.get_mut(&agent).unwrap().revoked = true;
                    self.end(EndReason::SourceRevoked, |ticket| ticket.source == agent);
                    self.end(EndReason::TargetRevoked, |ticket| ticket.target == agent);
                }
            }
            Op::Capabilities(agent, mask) => {
                let expected = if self.enrolled(agent) { Ok(()) } else { Err(Refusal::NoAgent) };
                let done = store.set_capabilities(by(), name(AGENTS[agent]), allowed(mask)).await.unwrap();
                assert_eq!(done, expected);
                if done.is_ok() {
                    let before =
                        std::mem::replace(&mut self.agents.get_mut(&agent).unwrap().capabilities, mask);
                    for scope in 0..SCOPES.len() {
                        if before & !mask & (1 << scope) != 0 {
                            let theirs =
                                |t: &Ticket| t.scope == scope && (t.source == agent || t.target == agent);
                            self.end(EndReason::CapabilityRemoved, theirs);
                        }
                    }
                }
            }
            Op::Scope(true) => {
                let expected = if self.scope { Err(Refusal::ScopeTaken) } else { Ok(()) };
                assert_eq!(store.register_scope(by(), spec(&SCOPES)).await.unwrap(), expected);
                self.scope = true;
            }
            Op::Scope(false) => {
                let expected = if self.scope { Ok(()) } else { Err(Refusal::NoScope) };
                assert_eq!(store.remove_scope(by(), "shell".parse().unwrap()).await.unwrap(), expected);
                self.scope = false;
                for at in 0..self.instances.len() {
                    if !self.instances[at].gone {
                        self.remove_instance(at, EndReason::ScopeRemoved);
                    }
                }
            }
            Op::Register(owner, scope) => {
                let there =
                    self.instances.iter().position(|i| !i.gone && i.owner == owner && i.scope == scope);
                let live = self.instances.iter().filter(|instance| !instance.gone).count() as u64;
                let expected = match there {
                    _ if !self.enrolled(owner) => Err(Refusal::CallerRevoked),
                    _ if !self.capable(owner, scope) => Err(Refusal::NotCapable),
                    _ if !self.scope => Err(Refusal::NoScope),
                    Some(_) => Ok(false),
                    None if live >= limits.instances => Err(Refusal::InstanceLimit),
                    None => Ok(true),
                };
                let (owner_name, what) = (name(AGENTS[owner]), cap(SCOPES[scope]));
                let done = store
                    .register_instance(by(), owner_name, what, transport(), limits.clone())
                    .await
                    .unwrap();
                assert_eq!(done.map(|(_, new)| new), expected);
                match (done, there) {
                    (Ok((id, true)), _) => {
                        self.instances.push(Instance { owner, scope, heard: self.now, gone: false });
                        self.instance_ids.push(id);
                    }
                    (Ok((id, false)), Some(at)) => {
                        assert_eq!(id, self.instance_ids[at]);
                        self.instances[at].heard = self.now;
                    }
                    _ => {}
                }
            }
            Op::InstanceBeat(agent, recent) => {
                let Some(at) = self.instance(recent) else { return };
                let instance = &self.instances[at];
                let good = !instance.gone
                    && instance.owner == agent
                    && self.enrolled(agent)
                    && self.capable(agent, instance.scope);
                let done =
                    store.instance_heartbeat(by(), name(AGENTS[agent]), self.instance_ids[at]).await.unwrap();
                assert_eq!(done, if good { Ok(()) } else { Err(Refusal::NoInstance) });
                if good {
                    self.instances[at].heard = self.now;
                }
            }
            Op::RemoveInstance(agent, recent) => {
                let Some(at) = self.instance(recent) else { return };
                let good = !self.instances[at].gone && self.instances[at].owner == agent;
                let owner = Some(name(AGENTS[agent]));
                let done = store.remove_instance(by(), owner, self.instance_ids[at]).await.unwrap();
                assert_eq!(done, if good { Ok(()) } else { Err(Refusal::NoInstance) });
                if good {
                    self.remove_instance(at, EndReason::InstanceGone);
                }
            }
            Op::Assign(agent, recent) => {
                let Some(at) = self.instance(recent) else { return };
                let instance = &self.instances[at];
                let expected = if !self.enrolled(agent) {
                    Err(Refusal::NoAgent)
                } else if !self.capable(agent, instance.scope) {
                    Err(Refusal::NotCapable)
                } else if instance.gone || self.now - instance.heard > 400 {
                    Err(Refusal::NoInstance)
                } else {
                    Ok(!self.assigned.contains(&(at, agent)))
                };
                let (who, what) = (name(AGENTS[agent]), cap(SCOPES[instance.scope]));
                let done =
                    store.assign(by(), who, what, self.instance_ids[at], limits.clone()).await.unwrap();
                assert_eq!(done.map(|(_, new)| new), expected);
                if expected.is_ok() {
                    self.assigned.insert((at, agent));
                }
            }
            Op::Unassign(agent, recent) => {
                let Some(at) = self.instance(recent) else { return };
                let there = self.assigned.contains(&(at, agent));
                let (who, what) = (name(AGENTS[agent]), cap(SCOPES[self.instances[at].scope]));
                let done = store.unassign(by(), who, what, self.instance_ids[at]).await.unwrap();
                assert_eq!(done, if there { Ok(()) } else { Err(Refusal::NotAssigned) });
                if there {
                    self.assigned.remove(&(at, agent));
                    self.end(EndReason::AssignmentRemoved, |t| t.instance == at && t.target == agent);
                }
            }
            Op::Ask(source, recent, target) => {
                let at = self.instance(recent);
                let scope = at.map_or(0, |at| self.instances[at].scope);
                let id = at.map_or(InstanceId::new([0; 16]), |at| self.instance_ids[at]);
                let (caller, what) = (by(), (cap(SCOPES[scope]), id));
                let expected = self.ask(source, at, target, limits);
                let (who, whom) = (name(AGENTS[source]), AGENTS[target].to_owned());
                let done =
                    store.request_ticket(caller, who, what, whom, &key(), limits.clone()).await.unwrap();
                assert_eq!(done.as_ref().map(|_| ()).map_err(|e| *e), expected);
                self.ticket_ids.extend(done.ok().map(|issued| issued.id));
            }
            Op::Redeem(agent, recent) => {
                let Some(at) = self.ticket(recent) else { return };
                let done =
                    store.redeem_ticket(by(), name(AGENTS[agent]), &self.ticket_ids[at]).await.unwrap();
                assert_eq!(done.map(drop), self.redeem(agent, at));
            }
            Op::RevokeTicket(recent) => {
                let Some(at) = self.ticket(recent) else { return };
                let done = store.revoke_ticket(by(), self.ticket_ids[at].digest()).await.unwrap();
                let (now, ticket) = (self.now, &mut self.tickets[at]);
                assert_eq!(done, if ticket.gone { Err(Refusal::NoTicket) } else { Ok(()) });
                if done.is_ok() && matches!(ticket.state, TicketState::Pending | TicketState::Redeemed) {
                    (ticket.state, ticket.ended) = (TicketState::Revoked, now);
                }
                if let Some(session) = ticket.session.filter(|_| done.is_ok()) {
                    self.sessions[session].ended.get_or_insert((now, EndReason::AdminKilled));
                }
            }
            Op::Open(agent, recent) => {
                let Some(at) = self.ticket(recent) else { return };
                let caller = by();
                let expected = self.open_session(agent, at, limits);
                let (who, id) = (name(AGENTS[agent]), self.ticket_ids[at]);
                let done = store.open_session(caller, who, &id, limits.clone()).await.unwrap();
                assert_eq!(done.as_ref().map(|_| ()).map_err(|e| *e), expected);
                self.session_ids.extend(done.ok().map(|session| session.id));
            }
            Op::Beat(agent, recent) => {
                let Some(at) = self.session(recent) else { return };
                let (caller, who) = (by(), name(AGENTS[agent]));
                let expected = self.said(agent, at, None);
                let done = store.session_heartbeat(caller, who, self.session_ids[at], limits.clone()).await;
                assert_eq!(done.unwrap(), expected);
            }
            Op::Mark(agent, recent, grace) => {
                let Some(at) = self.session(recent) else { return };
                let (caller, who) = (by(), name(AGENTS[agent]));
                let expected = self.said(agent, at, Some(grace));
                let mark = if grace { Mark::Grace } else { Mark::Active };
                let done = store.mark_session(caller, who, self.session_ids[at], mark, limits.clone()).await;
                let expected = expected.and_then(|alive| alive.map_err(|_| Refusal::SessionOver));
                assert_eq!(done.unwrap(), expected);
            }
            Op::End(recent) => {
                let Some(at) = self.session(recent) else { return };
                let done = store.end_session(by(), self.session_ids[at]).await.unwrap();
                let (now, session) = (self.now, &mut self.sessions[at]);
                assert_eq!(done, if session.gone { Err(Refusal::NoSession) } else { Ok(()) });
                session.ended.get_or_insert((now, EndReason::AdminKilled));
            }
            Op::Sweep => {
                store.sweep_tickets(by(), limits.clone()).await.unwrap();
                self.sweep();
            }
        }
    }

    /// All that is listed is as it should be.
    async fn finish(&self, store: &Store) {
        let here = tenant("default");
        let listed = store.instances(&here, None, 1_000).await.unwrap();
        let mut expected: Vec<_> = self
            .instances
            .iter()
            .zip(&self.instance_ids)
            .filter(|(instance, _)| !instance.gone)
            .map(|(instance, id)| (*id, at(instance.heard)))
            .collect();
        expected.sort_unstable();
        assert_eq!(listed.iter().map(|one| (one.id, one.last_heartbeat)).collect::<Vec<_>>(), expected);
        let listed = store.assignments(&here, &AssignmentFilter::default(), None, 1_000).await.unwrap();
        let found: BTreeSet<_> = listed.iter().map(|one| (one.instance, one.agent.label())).collect();
        let expected =
            self.assigned.iter().map(|(at, agent)| (self.instance_ids[*at], AGENTS[*agent].to_owned()));
        assert_eq!(found, expected.collect());
        let listed = store.tickets(&here, None, 1_000).await.unwrap();
        let found: BTreeMap<_, _> = listed.iter().map(|row| (row.digest, row.state.as_str())).collect();
        let expected = self.tickets.iter().zip(&self.ticket_ids).filter(|(ticket, _)| !ticket.gone);
        assert_eq!(found, expected.map(|(ticket, id)| (id.digest(), ticket.state.as_str())).collect());
        let listed = store.sessions(&here, None, 1_000).await.unwrap();
        let found: BTreeMap<_, _> = listed.iter().map(|one| (one.id, one.status)).map(shown).collect();
        let expected = self.sessions.iter().zip(&self.session_ids).filter(|(session, _)| !session.gone);
        let expected = expected.map(|(session, id)| {
            let status = match session.ended {
                Some((ended, reason)) => SessionStatus::Ended { at: at(ended), reason },
                None if session.grace => SessionStatus::Grace,
                None => SessionStatus::Active,
            };
            shown((*id, status))
        });
        assert_eq!(found, expected.collect());
        assert_eq!(store.verify_audit(&here).await.unwrap().broken, None);
    }
}

fn shown((id, status): (SessionId, SessionStatus)) -> (SessionId, String) {
    (id, format!("{status:?}"))
}

const EMPTY: &str = "DELETE FROM sessions; DELETE FROM tickets; DELETE FROM assignments; DELETE FROM instances; \
    DELETE FROM sub_scopes; DELETE FROM scopes; DELETE FROM agents; DELETE FROM tallies; DELETE FROM rate_limits";

pub(crate) async fn whatever_happens_each_answer_is_that_of_the_model(db: Db) {
    let store = db.open().await;
    let runtime = tokio::runtime::Handle::current();
    let cases = std::env::var("WAYSTATION_TEST_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(60);
    let mut runner = TestRunner::new(Config { cases, failure_persistence: None, ..Config::default() });
    let result = tokio::task::block_in_place(|| {
        runner.run(&ops(), |ops| {
            runtime.block_on(async {
                db.tamper(EMPTY).await;
                let (mut world, limits) = (World::default(), limits());
                for op in &ops {
                    world.step(&store, *op, &limits).await;
                }
                world.finish(&store).await;
            });
            Ok(())
        })
    });
    result.unwrap();
}
