use std::collections::BTreeSet;
use std::sync::Arc;

use futures::future::join_all;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{
    Capability, Direct, EndReason, InstanceId, Protocol, Refusal, ScopeSpec, ScopeTransport, Session,
    SessionStatus, Strategy, SubScope, TicketDigest, TicketId, TicketKey, TicketLimits, Transport,
};
use waystation_store::tickets::{AssignmentFilter, Caller, Mark, TicketState};
use waystation_store::{AuditFilter, Store};

use super::{Db, at};

pub(crate) const SHELL: &str = "shell:connect";
pub(crate) const VIEW: &str = "shell:view";

pub(crate) fn tenant(name: &str) -> TenantName {
    name.parse().unwrap()
}

pub(crate) fn name(label: &str) -> AgentName {
    AgentName::from_label(label).unwrap()
}

pub(crate) fn cap(text: &str) -> Capability {
    text.parse().unwrap()
}

pub(crate) fn key() -> TicketKey {
    TicketKey::new([7; 32])
}

pub(crate) fn by(tenant_name: &str, actor: &str, seconds: i64) -> Caller {
    Caller {
        tenant: tenant(tenant_name),
        actor: actor.into(),
        plane: "agent",
        request: Some("r1".into()),
        address: Some("127.0.0.1".into()),
        now: at(seconds),
    }
}

pub(crate) fn host(seconds: i64) -> Caller {
    by("default", "host", seconds)
}

pub(crate) fn transport() -> Transport {
    let direct = Some(Direct { host: "a.example".into(), port: 4_000 });
    Transport { strategies: vec![Strategy::Relay, Strategy::Direct], preferred: None, direct }
}

pub(crate) fn spec(subs: &[&str]) -> ScopeSpec {
    let sub = |name: &&str| SubScope { name: cap(name), description: "d".into(), instance_scoped: true };
    ScopeSpec {
        name: "shell".parse().unwrap(),
        version: "1".into(),
        description: "shells".into(),
        scopes: subs.iter().map(sub).collect(),
        transport: ScopeTransport {
            strategies: vec![Strategy::Relay],
            preferred: Strategy::Relay,
            port: 0,
            protocol: Protocol::Wss,
        },
        approval: None,
    }
}

pub(crate) fn limits() -> Arc<TicketLimits> {
    Arc::new(TicketLimits { requests: 1_000, ..TicketLimits::DEFAULT })
}

pub(crate) fn caps(names: &[&str]) -> BTreeSet<Capability> {
    names.iter().map(|name| cap(name)).collect()
}

/// The agent `source` with an instance, and `target`, which is assigned to it.
pub(crate) struct Pair {
    pub(crate) store: Store,
    pub(crate) instance: InstanceId,
}

impl Pair {
    pub(crate) async fn new(store: Store) -> Self {
        store.register_scope(host(0), spec(&[SHELL, VIEW])).await.unwrap().unwrap();
        for label in ["source", "target", "other"] {
            store.enrol_agent(host(0), name(label), caps(&[SHELL, VIEW]), None).await.unwrap().unwrap();
        }
        let (instance, new) = store
            .register_instance(host(0), name("source"), cap(SHELL), transport(), limits())
            .await
            .unwrap()
            .unwrap();
        assert!(new);
        let assigned =
            store.assign(host(0), name("target"), cap(SHELL), instance, limits()).await.unwrap().unwrap();
        assert!(assigned.1);
        Self { store, instance }
    }

    pub(crate) async fn ask(&self, seconds: i64) -> Result<TicketId, Refusal> {
        self.ask_for("source", "target", seconds).await
    }

    pub(crate) async fn ask_for(
        &self,
        source: &str,
        target: &str,
        seconds: i64,
    ) -> Result<TicketId, Refusal> {
        let what = (cap(SHELL), self.instance);
        let (caller, key) = (by("default", source, seconds), key());
        let asked =
            self.store.request_ticket(caller, name(source), what, target.into(), &key, limits()).await;
        asked.unwrap().map(|issued| issued.id)
    }

    pub(crate) async fn redeem(&self, id: &TicketId, seconds: i64) -> Result<(), Refusal> {
        self.store.redeem_ticket(host(seconds), name("target"), id).await.unwrap().map(drop)
    }

    pub(crate) async fn open(&self, id: &TicketId, seconds: i64) -> Result<Session, Refusal> {
        self.store.open_session(host(seconds), name("target"), id, limits()).await.unwrap()
    }

    pub(crate) async fn session(&self, seconds: i64) -> Session {
        let id = self.ask(seconds).await.unwrap();
        self.redeem(&id, seconds).await.unwrap();
        self.open(&id, seconds).await.unwrap()
    }

    pub(crate) async fn beat(
        &self,
        session: &Session,
        seconds: i64,
    ) -> Result<Result<(), EndReason>, Refusal> {
        let beat = self.store.session_heartbeat(host(seconds), name("target"), session.id, limits());
        beat.await.unwrap()
    }

    pub(crate) async fn state(&self, id: &TicketId) -> TicketState {
        let all = self.store.tickets(&tenant("default"), None, 100).await.unwrap();
        all.iter().find(|row| row.digest == id.digest()).unwrap().state
    }
}

pub(crate) async fn a_ticket_admits_once(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let id = pair.ask(1).await.unwrap();
    let inbox = async |label: &str, s| {
        pair.store.inbox(&tenant("default"), &name(label), &key(), at(s), 9).await.unwrap()
    };
    let mine = inbox("target", 2).await;
    assert_eq!(mine.len(), 1);
    assert_eq!(mine[0].id.reveal(), id.reveal(), "the inbox has the id, which the database has not");
    assert_eq!((&mine[0].source, &mine[0].transport), (&name("source"), &transport()));
    assert_eq!(mine[0].expires_at, at(31));
    assert!(inbox("other", 2).await.is_empty() && inbox("source", 2).await.is_empty());
    assert!(inbox("target", 31).await.is_empty(), "an expired one is not offered");

    // Somebody else does not burn it.
    let stolen = pair.store.redeem_ticket(host(3), name("other"), &id).await.unwrap();
    assert_eq!(stolen.unwrap_err(), Refusal::NoTicket);
    assert_eq!(pair.open(&id, 3).await.unwrap_err(), Refusal::NoTicket, "it has to be redeemed first");
    let redeemed = pair.store.redeem_ticket(host(3), name("target"), &id).await.unwrap().unwrap();
    assert_eq!((redeemed.instance, redeemed.source), (pair.instance, name("source")));
    assert_eq!(pair.redeem(&id, 3).await, Err(Refusal::NoTicket));
    assert!(inbox("target", 3).await.is_empty());

    let session = pair.open(&id, 4).await.unwrap();
    assert_eq!(pair.open(&id, 4).await.unwrap_err(), Refusal::SessionExists);
    assert_eq!(pair.beat(&session, 60).await, Ok(Ok(())));
    let source = pair.store.session_heartbeat(host(61), name("source"), session.id, limits()).await.unwrap();
    assert_eq!(source, Err(Refusal::NoSession));
    for party in ["source", "target"] {
        let marked = pair.store.mark_session(host(62), name(party), session.id, Mark::Grace, limits()).await;
        assert_eq!(marked.unwrap(), Ok(()));
    }
    let marked = pair.store.mark_session(host(62), name("other"), session.id, Mark::Grace, limits()).await;
    assert_eq!(marked.unwrap(), Err(Refusal::NoSession));
    let listed = pair.store.sessions(&tenant("default"), None, 9).await.unwrap();
    assert_eq!(listed[0].status, SessionStatus::Grace);
    pair.store.end_session(host(63), session.id).await.unwrap().unwrap();
    pair.store.end_session(host(64), session.id).await.unwrap().unwrap();
    let listed = pair.store.sessions(&tenant("default"), None, 9).await.unwrap();
    let ended = SessionStatus::Ended { at: at(63), reason: EndReason::AdminKilled };
    assert_eq!(listed[0].status, ended, "it ends once");
    assert_eq!(pair.beat(&session, 65).await, Ok(Err(EndReason::AdminKilled)));
    let marked = pair.store.mark_session(host(66), name("target"), session.id, Mark::Active, limits()).await;
    assert_eq!(marked.unwrap(), Err(Refusal::SessionOver));
}

pub(crate) async fn a_ticket_lives_for_its_time(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let (last, late) = (pair.ask(0).await.unwrap(), pair.ask(0).await.unwrap());
    pair.redeem(&last, 30).await.unwrap();
    assert_eq!(pair.redeem(&late, 31).await, Err(Refusal::NoTicket));
    // What was redeemed opens its session soon, or not at all.
    assert_eq!(pair.open(&last, 91).await.unwrap_err(), Refusal::NoTicket);
    assert!(pair.open(&last, 90).await.is_ok());
    let swept = pair.store.sweep_tickets(host(31), limits()).await.unwrap();
    assert_eq!((swept.expired, swept.more), (1, false));
    assert_eq!(pair.state(&late).await, TicketState::Expired);
}

/// Who has only the database can neither redeem a ticket nor make one.
pub(crate) async fn no_ticket_is_in_the_database(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let id = pair.ask(0).await.unwrap();
    let mut raw = db.raw().await;
    let row: (Vec<u8>, Vec<u8>) =
        sqlx::query_as("SELECT digest, nonce FROM tickets").fetch_one(&mut raw).await.unwrap();
    let revealed = hex_of(&id.reveal());
    assert_ne!(row.0, revealed);
    assert!(!revealed.windows(row.1.len()).any(|part| part == row.1));
    assert_eq!(TicketDigest::from_bytes(&row.0), Some(id.digest()));
    let all = pair.store.audit(&tenant("default"), &AuditFilter::default(), 0, 1_000).await.unwrap();
    assert!(all.iter().flat_map(|row| &row.fields).all(|field| !field.contains(&id.reveal())));
    // Another key is another id: a host that lost its key offers nothing that could be redeemed.
    let other = TicketKey::new([8; 32]);
    let inbox = pair.store.inbox(&tenant("default"), &name("target"), &other, at(1), 9).await.unwrap();
    assert_eq!(pair.redeem(&inbox[0].id, 1).await, Err(Refusal::NoTicket));
}

pub(crate) fn hex_of(text: &str) -> Vec<u8> {
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap()).collect()
}

pub(crate) async fn of_a_hundred_who_redeem_a_ticket_one_gets_it(db: Db) {
    let store = db.open().await;
    let pair = Pair::new(store.clone()).await;
    for _ in 0..5 {
        let id = pair.ask(0).await.unwrap();
        let tries = (0..100).map(|_| {
            let store = store.clone();
            tokio::spawn(
                async move { store.redeem_ticket(host(1), name("target"), &id).await.unwrap().is_ok() },
            )
        });
        let got = join_all(tries).await.into_iter().filter(|won| *won.as_ref().unwrap()).count();
        assert_eq!(got, 1);
        let opens = (0..20).map(|_| pair.open(&id, 2));
        assert_eq!(join_all(opens).await.into_iter().filter(Result::is_ok).count(), 1);
    }
}

pub(crate) async fn each_request_is_refused_for_its_reason(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    assert_eq!(pair.ask_for("nobody", "target", 0).await.unwrap_err(), Refusal::CallerRevoked);
    assert_eq!(pair.ask_for("source", "nobody", 0).await.unwrap_err(), Refusal::NoAgent);
    assert_eq!(pair.ask_for("source", "' OR 1 = 1 --\0", 0).await.unwrap_err(), Refusal::NoAgent);
    assert_eq!(pair.ask_for("source", "other", 0).await.unwrap_err(), Refusal::NotAssigned);
    assert_eq!(pair.ask_for("source", "source", 0).await.unwrap_err(), Refusal::OneSelf);
    assert_eq!(pair.ask_for("other", "target", 0).await.unwrap_err(), Refusal::NoInstance, "somebody else's");
    let view = (cap(VIEW), pair.instance);
    let asked = store.request_ticket(host(0), name("source"), view, "target".into(), &key(), limits()).await;
    assert_eq!(asked.unwrap().unwrap_err(), Refusal::NoInstance, "of another capability");
    assert_eq!(pair.ask(301).await.unwrap_err(), Refusal::InstanceStale);
    assert_eq!(pair.ask(3_601).await.unwrap_err(), Refusal::NoInstance);
    store.instance_heartbeat(host(301), name("source"), pair.instance).await.unwrap().unwrap();
    assert!(pair.ask(302).await.is_ok());
    let foreign = store.instance_heartbeat(host(302), name("other"), pair.instance).await.unwrap();
    assert_eq!(foreign, Err(Refusal::NoInstance));

    // Twice the same is once.
    let again = store.register_instance(host(303), name("source"), cap(SHELL), transport(), limits()).await;
    assert_eq!(again.unwrap(), Ok((pair.instance, false)));
    let again = store.assign(host(303), name("target"), cap(SHELL), pair.instance, limits()).await;
    let (assignment, new) = again.unwrap().unwrap();
    assert_eq!((assignment.at, assignment.by.as_str(), new), (at(0), "host", false));

    let unknown = store.register_instance(host(0), name("source"), cap("x:y"), transport(), limits()).await;
    assert_eq!(unknown.unwrap(), Err(Refusal::NotCapable));
    store.set_capabilities(host(304), name("other"), caps(&["x:y"])).await.unwrap().unwrap();
    let unknown = store.register_instance(host(0), name("other"), cap("x:y"), transport(), limits()).await;
    assert_eq!(unknown.unwrap(), Err(Refusal::NoScope));
    let assigned = store.assign(host(0), name("other"), cap(SHELL), pair.instance, limits()).await.unwrap();
    assert_eq!(assigned.unwrap_err(), Refusal::NotCapable);
    let assigned =
        store.assign(host(9_000), name("target"), cap(SHELL), pair.instance, limits()).await.unwrap();
    assert_eq!(assigned.unwrap_err(), Refusal::NoInstance, "a dead one");
    let assigned = store.assign(host(0), name("target"), cap(VIEW), pair.instance, limits()).await.unwrap();
    assert_eq!(assigned.unwrap_err(), Refusal::NoInstance, "of another capability");
    let taken = store.enrol_agent(host(0), name("source"), caps(&[]), None).await.unwrap();
    assert_eq!(taken.unwrap_err(), Refusal::AgentTaken);
    let orphan =
        store.enrol_agent(host(0), name("plugin-agent:nobody:shell"), caps(&[]), None).await.unwrap();
    assert_eq!(orphan.unwrap_err(), Refusal::NoAgent);
    assert_eq!(store.register_scope(host(0), spec(&[SHELL])).await.unwrap(), Err(Refusal::ScopeTaken));
    let mut second = spec(&["second:a", SHELL]);
    second.name = "second".parse().unwrap();
    assert_eq!(store.update_scope(host(0), second.clone()).await.unwrap(), Err(Refusal::NoScope));
    assert_eq!(store.register_scope(host(0), second).await.unwrap(), Err(Refusal::SubScopeTaken));
    assert_eq!(store.scopes(&tenant("default"), None, 9).await.unwrap().len(), 1);
}

pub(crate) async fn what_a_session_stands_on_ends_it_at_once(db: Db) {
    let store = db.open().await;
    let pair = Pair::new(store.clone()).await;
    type End = for<'a> fn(&'a Pair) -> futures::future::BoxFuture<'a, ()>;
    let ends: &[(EndReason, End)] = &[
        (EndReason::SourceRevoked, |p| {
            Box::pin(async { drop(p.store.revoke_agent(host(2), name("source")).await.unwrap().unwrap()) })
        }),
        (EndReason::TargetRevoked, |p| {
            Box::pin(async { drop(p.store.revoke_agent(host(2), name("target")).await.unwrap().unwrap()) })
        }),
        (EndReason::CapabilityRemoved, |p| {
            Box::pin(async {
                p.store.set_capabilities(host(2), name("source"), caps(&[VIEW])).await.unwrap().unwrap();
            })
        }),
        (EndReason::CapabilityRemoved, |p| {
            Box::pin(async {
                p.store.set_capabilities(host(2), name("target"), caps(&[])).await.unwrap().unwrap();
            })
        }),
        (EndReason::AssignmentRemoved, |p| {
            Box::pin(async {
                p.store.unassign(host(2), name("target"), cap(SHELL), p.instance).await.unwrap().unwrap();
            })
        }),
        (EndReason::InstanceGone, |p| {
            Box::pin(async {
                p.store.remove_instance(host(2), Some(name("source")), p.instance).await.unwrap().unwrap();
            })
        }),
        (EndReason::ScopeRemoved, |p| {
            Box::pin(async { p.store.update_scope(host(2), spec(&[VIEW])).await.unwrap().unwrap() })
        }),
        (EndReason::ScopeRemoved, |p| {
            Box::pin(async {
                p.store.remove_scope(host(2), "shell".parse().unwrap()).await.unwrap().unwrap();
            })
        }),
    ];
    let mut pair = pair;
    for (reason, end) in ends {
        let session = pair.session(1).await;
        let (pending, redeemed) = (pair.ask(1).await.unwrap(), pair.ask(1).await.unwrap());
        pair.redeem(&redeemed, 1).await.unwrap();
        end(&pair).await;
        let listed = store.sessions(&tenant("default"), None, 100).await.unwrap();
        let listed = listed.iter().find(|one| one.id == session.id).unwrap();
        let ended = SessionStatus::Ended { at: at(2), reason: *reason };
        assert_eq!(listed.status, ended, "before anybody asks");
        assert_eq!(pair.beat(&session, 3).await, Ok(Err(*reason)));
        assert_eq!(pair.state(&pending).await, TicketState::Revoked, "{reason:?}");
        assert_eq!(pair.redeem(&pending, 3).await, Err(Refusal::NoTicket), "{reason:?}");
        assert_eq!(pair.open(&redeemed, 3).await.unwrap_err(), Refusal::NoTicket, "{reason:?}");
        // All as before, for the next.
        let _ = store.remove_scope(host(3), "shell".parse().unwrap()).await.unwrap();
        for label in ["source", "target", "other"] {
            let _ = store.revoke_agent(host(3), name(label)).await.unwrap();
        }
        pair = Pair::new(store.clone()).await;
    }
}

pub(crate) async fn a_revoked_ticket_opens_nothing_and_ends_what_it_opened(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let (pending, redeemed) = (pair.ask(1).await.unwrap(), pair.ask(1).await.unwrap());
    pair.redeem(&redeemed, 1).await.unwrap();
    let session = pair.session(1).await;
    for id in [pending.digest(), redeemed.digest(), session.ticket] {
        pair.store.revoke_ticket(host(2), id).await.unwrap().unwrap();
    }
    assert_eq!(pair.redeem(&pending, 2).await, Err(Refusal::NoTicket));
    assert_eq!(pair.open(&pending, 2).await.unwrap_err(), Refusal::NoTicket);
    assert_eq!(pair.open(&redeemed, 2).await.unwrap_err(), Refusal::NoTicket);
    assert_eq!(pair.beat(&session, 2).await, Ok(Err(EndReason::AdminKilled)));
    let none = "0".repeat(64).parse().unwrap();
    assert_eq!(pair.store.revoke_ticket(host(2), none).await.unwrap(), Err(Refusal::NoTicket));
}

/// Somebody who was revoked and is enrolled again is who it was, without what it was revoked for.
pub(crate) async fn an_agent_that_is_enrolled_again_goes_on(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let plugin = name("plugin-agent:target:tool");
    store.enrol_agent(host(1), plugin.clone(), caps(&[SHELL]), None).await.unwrap().unwrap();
    let before = store.agent(&tenant("default"), &name("target")).await.unwrap().unwrap();
    let revoked = store.revoke_agent(host(2), name("target")).await.unwrap().unwrap();
    assert_eq!(revoked.agents, [name("target"), plugin.clone()], "with those that it enrolled");
    assert_eq!(store.revoke_agent(host(2), name("target")).await.unwrap(), Err(Refusal::NoAgent));
    assert_eq!(store.set_capabilities(host(2), plugin, caps(&[])).await.unwrap(), Err(Refusal::NoAgent));
    assert_eq!(pair.ask(3).await.unwrap_err(), Refusal::NoAgent);
    let id = store.enrol_agent(host(4), name("target"), caps(&[SHELL]), None).await.unwrap().unwrap();
    assert_eq!(id, before.id);
    let session = pair.session(5).await;
    assert_eq!(pair.beat(&session, 6).await, Ok(Ok(())));
    let agents = store.agents(&tenant("default"), Some(&name("other")), 9).await.unwrap();
    let revoked: Vec<_> = agents.iter().map(|a| (a.name.label(), a.revoked_at.is_some())).collect();
    let expected = [("plugin-agent:target:tool", true), ("source", false), ("target", false)];
    assert_eq!(revoked, expected.map(|(label, revoked)| (label.to_owned(), revoked)));
}

pub(crate) async fn limits_of_tickets_hold_at_their_edge(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let small = Arc::new(TicketLimits {
        instances: 2,
        tickets: 2,
        sessions: 1,
        requests: 3,
        ..TicketLimits::DEFAULT
    });
    let register = async |label: &str, scope: &str| {
        let done = store.register_instance(host(0), name(label), cap(scope), transport(), small.clone());
        done.await.unwrap()
    };
    assert!(register("source", VIEW).await.is_ok());
    assert_eq!(register("target", VIEW).await, Err(Refusal::InstanceLimit));
    assert!(register("source", SHELL).await.is_ok(), "what is there already is not one more");
    let view = register("source", VIEW).await.unwrap().0;
    store.remove_instance(host(0), None, view).await.unwrap().unwrap();
    assert!(register("target", VIEW).await.is_ok());

    let ask = async |seconds: i64| {
        let (what, key) = ((cap(SHELL), pair.instance), key());
        let asked =
            store.request_ticket(host(seconds), name("source"), what, "target".into(), &key, small.clone());
        asked.await.unwrap().map(|issued| issued.id)
    };
    let (one, two) = (ask(0).await.unwrap(), ask(0).await.unwrap());
    assert_eq!(ask(0).await.unwrap_err(), Refusal::TicketLimit, "which counts as asked");
    assert_eq!(ask(0).await.unwrap_err(), Refusal::TooOften { retry_after: 20 });
    assert_eq!(ask(19).await.unwrap_err(), Refusal::TooOften { retry_after: 1 });
    pair.redeem(&one, 19).await.unwrap();
    pair.redeem(&two, 19).await.unwrap();
    let three = ask(20).await.unwrap();
    pair.redeem(&three, 20).await.unwrap();
    let open = async |id| store.open_session(host(21), name("target"), &id, small.clone()).await.unwrap();
    let session = open(one).await.unwrap();
    assert_eq!(open(two).await.unwrap_err(), Refusal::SessionLimit);
    store.end_session(host(22), session.id).await.unwrap().unwrap();
    assert!(open(two).await.is_ok());
    let record = store.audit(&tenant("default"), &AuditFilter::default(), 0, 1_000).await.unwrap();
    assert!(record.iter().any(|row| row.fields[4] == "ticket-limit"));
    assert!(record.iter().all(|row| row.fields[4] != "ticket-too-often"), "which would fill it");
    let none = Arc::new(TicketLimits { requests: 0, tickets: 0, ..TicketLimits::DEFAULT });
    let what = (cap(SHELL), pair.instance);
    let asked = store.request_ticket(host(500), name("source"), what, "target".into(), &key(), none).await;
    assert!(matches!(asked.unwrap().unwrap_err(), Refusal::TooOften { .. }));
}

pub(crate) async fn time_ends_what_is_silent(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let session = pair.session(0).await;
    let sweep = async |seconds| store.sweep_tickets(host(seconds), limits()).await.unwrap();
    assert_eq!(sweep(600).await.idle, 0);
    assert_eq!(sweep(601).await.idle, 1);
    assert_eq!(pair.beat(&session, 601).await, Ok(Err(EndReason::Idle)));
    store.instance_heartbeat(host(1_000), name("source"), pair.instance).await.unwrap().unwrap();
    let second = pair.session(1_000).await;
    // A heartbeat finds it out without a sweep.
    assert_eq!(pair.beat(&second, 1_601).await, Ok(Err(EndReason::Idle)));
    let third = pair.session(1_200).await;
    let swept = sweep(4_601).await;
    assert_eq!((swept.instances, swept.removed), (1, 3), "two tickets, and who asked when");
    let all = store.sessions(&tenant("default"), None, 9).await.unwrap();
    let third = all.iter().find(|one| one.id == third.id).unwrap();
    assert_eq!(third.status, SessionStatus::Ended { at: at(4_601), reason: EndReason::InstanceGone });
    assert!(store.instances(&tenant("default"), None, 9).await.unwrap().is_empty());
    assert!(
        store
            .assignments(&tenant("default"), &AssignmentFilter::default(), None, 9)
            .await
            .unwrap()
            .is_empty()
    );
    assert!(sweep(200_000).await.removed >= 4);
    assert!(store.sessions(&tenant("default"), None, 9).await.unwrap().is_empty());
    assert!(store.tickets(&tenant("default"), None, 9).await.unwrap().is_empty());
}

pub(crate) async fn a_scope_is_written_anew_in_place(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let session = pair.session(0).await;
    let mut newer = spec(&["shell:more", SHELL]);
    (newer.version, newer.description) = ("2".into(), "better shells".into());
    store.update_scope(host(5), newer.clone()).await.unwrap().unwrap();
    let scopes = store.scopes(&tenant("default"), None, 9).await.unwrap();
    assert_eq!((&scopes[0].spec, scopes[0].registered_at, scopes[0].updated_at), (&newer, at(0), at(5)));
    assert_eq!(pair.beat(&session, 6).await, Ok(Ok(())));
    assert_eq!(store.instances(&tenant("default"), None, 9).await.unwrap()[0].id, pair.instance);
    assert_eq!(store.remove_scope(host(7), "none".parse().unwrap()).await.unwrap(), Err(Refusal::NoScope));
}

pub(crate) async fn tenants_do_not_see_each_other(db: Db) {
    let store = db.open().await;
    db.tamper("INSERT INTO tenants (name, created_at) VALUES ('other', 0)").await;
    let pair = Pair::new(store.clone()).await;
    let pending = pair.ask(0).await.unwrap();
    let session = pair.session(0).await;
    let they = || by("other", "host", 1);
    // The same names, of somebody else.
    store.register_scope(they(), spec(&[SHELL, VIEW])).await.unwrap().unwrap();
    for label in ["source", "target"] {
        store.enrol_agent(they(), name(label), caps(&[SHELL]), None).await.unwrap().unwrap();
    }
    let other = tenant("other");
    assert!(store.instances(&other, None, 9).await.unwrap().is_empty());
    assert!(store.assignments(&other, &AssignmentFilter::default(), None, 9).await.unwrap().is_empty());
    assert!(store.tickets(&other, None, 9).await.unwrap().is_empty());
    assert!(store.sessions(&other, None, 9).await.unwrap().is_empty());
    assert!(store.inbox(&other, &name("target"), &key(), at(1), 9).await.unwrap().is_empty());
    assert_eq!(store.agents(&other, None, 9).await.unwrap().len(), 2);
    assert!(store.agent(&other, &name("other")).await.unwrap().is_none());

    let (id, instance) = (session.id, pair.instance);
    assert_eq!(store.redeem_ticket(they(), name("target"), &pending).await.unwrap(), Err(Refusal::NoTicket));
    assert_eq!(store.revoke_ticket(they(), pending.digest()).await.unwrap(), Err(Refusal::NoTicket));
    let opened = store.open_session(they(), name("target"), &pending, limits()).await.unwrap();
    assert_eq!(opened.unwrap_err(), Refusal::NoTicket);
    let beat = store.session_heartbeat(they(), name("target"), id, limits()).await.unwrap();
    assert_eq!(beat, Err(Refusal::NoSession));
    let marked = store.mark_session(they(), name("target"), id, Mark::Grace, limits()).await.unwrap();
    assert_eq!(marked, Err(Refusal::NoSession));
    assert_eq!(store.end_session(they(), id).await.unwrap(), Err(Refusal::NoSession));
    let beat = store.instance_heartbeat(they(), name("source"), instance).await.unwrap();
    assert_eq!(beat, Err(Refusal::NoInstance));
    assert_eq!(store.remove_instance(they(), None, instance).await.unwrap(), Err(Refusal::NoInstance));
    let assigned = store.assign(they(), name("target"), cap(SHELL), instance, limits()).await.unwrap();
    assert_eq!(assigned.unwrap_err(), Refusal::NoInstance);
    let unassigned = store.unassign(they(), name("target"), cap(SHELL), instance).await.unwrap();
    assert_eq!(unassigned, Err(Refusal::NotAssigned));
    let asked = store
        .request_ticket(they(), name("source"), (cap(SHELL), instance), "target".into(), &key(), limits())
        .await;
    assert_eq!(asked.unwrap().unwrap_err(), Refusal::NoInstance);
    store.revoke_agent(they(), name("source")).await.unwrap().unwrap();
    store.remove_scope(they(), "shell".parse().unwrap()).await.unwrap().unwrap();
    // Nothing of that touched the first.
    assert_eq!(pair.beat(&session, 2).await, Ok(Ok(())));
    pair.redeem(&pending, 2).await.unwrap();
    let theirs = store.audit(&other, &AuditFilter::default(), 0, 100).await.unwrap();
    assert_eq!(theirs.first().map(|row| row.seq), Some(1), "a chain of its own");
    assert_eq!(store.verify_audit(&other).await.unwrap().broken, None);
}

pub(crate) async fn lists_come_in_pages(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    for seconds in [0, 0, 0, 1, 2] {
        pair.session(seconds).await;
    }
    let all = store.tickets(&tenant("default"), None, 100).await.unwrap();
    assert_eq!(all.len(), 5);
    let (mut after, mut paged) = (None, Vec::new());
    while let Some(page) =
        Some(store.tickets(&tenant("default"), after, 2).await.unwrap()).filter(|p| !p.is_empty())
    {
        after = page.last().map(|row| (row.created_at, row.digest));
        paged.extend(page);
    }
    assert_eq!(paged, all);
    let all = store.sessions(&tenant("default"), None, 100).await.unwrap();
    let (mut after, mut paged) = (None, Vec::new());
    while let Some(page) =
        Some(store.sessions(&tenant("default"), after, 2).await.unwrap()).filter(|p| !p.is_empty())
    {
        after = page.last().map(|row| (row.created_at, row.id));
        paged.extend(page);
    }
    assert_eq!(paged, all);
    store.assign(host(3), name("other"), cap(SHELL), pair.instance, limits()).await.unwrap().unwrap();
    let none = AssignmentFilter::default();
    let first = store.assignments(&tenant("default"), &none, None, 1).await.unwrap();
    let after = (first[0].instance, first[0].agent.clone());
    let second = store.assignments(&tenant("default"), &none, Some(&after), 1).await.unwrap();
    assert_eq!((first[0].agent.label(), second[0].agent.label()), ("other".into(), "target".into()));
    let of = AssignmentFilter { agent: Some(name("target")), instance: Some(pair.instance) };
    assert_eq!(store.assignments(&tenant("default"), &of, None, 9).await.unwrap(), second);
}

/// Whoever listens is woken by what is kept, and by nothing that is refused.
pub(crate) async fn listeners_are_told_of_what_is_kept(db: Db) {
    use futures::FutureExt as _;
    use waystation_store::tickets::{Looked, News};

    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let listen = async |label: &str| store.listen(&tenant("default"), &name(label), 2).await.unwrap();
    let (source, target) = (listen("source").await.unwrap(), listen("target").await.unwrap());
    let second = listen("target").await.unwrap();
    assert_eq!(listen("target").await.err(), Some(Refusal::StreamLimit));
    assert_eq!(listen("nobody").await.err(), Some(Refusal::NoAgent));
    drop(second);

    let inbox = Some(Some(News { inbox: true, ..News::default() }));
    let id = pair.ask(0).await.unwrap();
    assert_eq!(target.news().now_or_never(), inbox);
    assert_eq!(source.news().now_or_never(), None);
    assert_eq!(pair.ask_for("source", "other", 0).await.err(), Some(Refusal::NotAssigned));
    assert_eq!(target.news().now_or_never(), None);
    let caller = by("default", "agent:target", 1);
    store.redeem_ticket(caller.clone(), name("target"), &id).await.unwrap().unwrap();
    assert_eq!(target.news().now_or_never(), inbox);
    let session = store.open_session(caller.clone(), name("target"), &id, limits()).await.unwrap().unwrap();
    let told = Some(Some(News { sessions: BTreeSet::from([session.id]), ..News::default() }));
    assert_eq!((source.news().now_or_never(), target.news().now_or_never()), (told.clone(), told.clone()));
    // A heartbeat is no news.
    store
        .session_heartbeat(caller.clone(), name("target"), session.id, limits())
        .await
        .unwrap()
        .unwrap()
        .unwrap();
    assert_eq!(source.news().now_or_never(), None);
    let grace = store.mark_session(caller.clone(), name("target"), session.id, Mark::Grace, limits()).await;
    grace.unwrap().unwrap();
    assert_eq!(source.news().now_or_never(), told);
    let heard = store.heard_session(&source, session.id).await.unwrap().unwrap();
    assert_eq!(heard.status, SessionStatus::Grace);
    let standing = async || {
        let at = at(2);
        store
            .session_standing(&tenant("default"), &name("source"), session.id, at, &limits())
            .await
            .unwrap()
            .unwrap()
    };
    assert_eq!(standing().await.over, None);
    store.unassign(caller.clone(), name("target"), cap(SHELL), pair.instance).await.unwrap().unwrap();
    assert_eq!(source.news().now_or_never(), told);
    assert_eq!(standing().await.over, Some(EndReason::AssignmentRemoved));

    assert!(store.enrolled(&target).await.unwrap().is_some());
    store.revoke_agent(host(3), name("target")).await.unwrap().unwrap();
    assert_eq!(target.news().now_or_never(), Some(None), "nothing more");
    assert!(store.enrolled(&target).await.unwrap().is_none());
    assert_eq!(listen("target").await.err(), Some(Refusal::NoAgent));

    // Where other processes write, they are looked for: what is new rings once.
    let mut looked = Looked::default();
    for round in 0..2 {
        store.look_for_others(&mut looked, at(3)).await.unwrap();
        let shared = store.is_shared() && round == 0;
        assert_eq!(source.news().now_or_never(), told.clone().filter(|_| shared), "{round}");
    }
}
