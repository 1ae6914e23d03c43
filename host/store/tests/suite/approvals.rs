use std::collections::BTreeSet;
use std::sync::Arc;

use waystation_core::agent::AgentName;
use waystation_core::approval::{ApprovalRefusal, ApprovalState, Hand, Terms};
use waystation_core::event::{EventSeq, EventType};
use waystation_core::id::ApprovalId;
use waystation_core::ticket::{Refusal, TicketId, TicketLimits};
use waystation_identity::{ApiToken, EnrolmentToken};
use waystation_store::enrolment::{Attempt, Came, Credentials, NewEnrolment};
use waystation_store::tickets::approval::{Approval, ApprovalFilter, Person};
use waystation_store::tickets::{Ask, Caller};
use waystation_store::users::{Fresh, NewToken, NewUser};
use waystation_store::{AuditFilter, Store};

use super::tickets::{Pair, SHELL, VIEW, by, cap, caps, host, key, limits, name, spec, tenant};
use super::users::{owner, person, roles, user};
use super::{Db, at, race, secs};

const PICKUP: u64 = 900;

/// A scope of which tickets wait for so many people, for 100 s.
fn terms(people: u64) -> waystation_core::ticket::ScopeSpec {
    let only = BTreeSet::from([cap(SHELL)]);
    let approval = Terms::new(people, secs(100), only).ok();
    waystation_core::ticket::ScopeSpec { approval, ..spec(&[SHELL, VIEW]) }
}

struct Site {
    pair: Pair,
    /// Who owns the host, and what they are called.
    people: Vec<(String, Fresh)>,
}

impl Site {
    /// People who may decide: `olga` owns the host, the others are operators.
    async fn new(db: &Db, people: u64) -> Self {
        let store = db.open().await;
        let pair = Pair::new(store.clone()).await;
        store.update_scope(host(0), terms(people)).await.unwrap().unwrap();
        let mut all = vec![("olga".to_owned(), owner(&store, "olga", 0).await)];
        for name in ["ann", "bea", "cyd", "dan", "eve"] {
            all.push((name.to_owned(), person(&store, name, &["operator"]).await));
        }
        Self { pair, people: all }
    }

    fn store(&self) -> &Store {
        &self.pair.store
    }

    async fn ask(&self, seconds: i64) -> Result<TicketId, Refusal> {
        // Where it is still there.
        let _ =
            self.store().instance_heartbeat(host(seconds), name("source"), self.pair.instance).await.unwrap();
        self.pair.ask(seconds).await
    }

    async fn waits(&self, seconds: i64) -> ApprovalId {
        match self.ask(seconds).await {
            Err(Refusal::Waiting(id)) => id,
            other => panic!("{other:?}"),
        }
    }

    fn person(&self, name: &str) -> Person {
        let (_, fresh) = self.people.iter().find(|(known, _)| known == name).unwrap();
        Person { user: fresh.user, login: fresh.login }
    }

    async fn yes(&self, name: &str, id: ApprovalId, seconds: i64) -> Result<Approval, ApprovalRefusal> {
        let caller = by("default", &format!("user:{name}"), seconds);
        self.store().approve(caller, self.person(name), id, secs(PICKUP)).await.unwrap()
    }

    async fn no(&self, name: &str, id: ApprovalId, seconds: i64) -> Result<Approval, ApprovalRefusal> {
        let caller = by("default", &format!("user:{name}"), seconds);
        self.store().reject(caller, self.person(name), id, "not now".parse().unwrap()).await.unwrap()
    }

    async fn state(&self, id: ApprovalId, seconds: i64) -> ApprovalState {
        self.store().approval(&tenant("default"), id, at(seconds)).await.unwrap().unwrap().state
    }

    /// What was told of it, by its state.
    async fn told(&self, id: ApprovalId) -> Vec<String> {
        let events = self.store().events_after(EventSeq(0), 1_000).await.unwrap();
        let ours =
            events.into_iter().filter(|event| event.data.get("approval") == Some(&id.to_string().into()));
        ours.map(|event| {
            let waits = event.kind == EventType::APPROVAL_WAITING;
            let state = event.data["state"].as_str().unwrap().to_owned();
            assert_eq!((waits, event.subject.as_str()), (state == "waiting", "shell"), "{event:?}");
            state
        })
        .collect()
    }

    /// Action and outcome of what is on record of approvals.
    async fn record(&self) -> Vec<(String, String, String)> {
        let rows = self.store().audit(&tenant("default"), &AuditFilter::default(), 0, 1_000).await.unwrap();
        let row = |row: &waystation_core::audit::Row| {
            (row.fields[0].clone(), row.fields[2].clone(), row.fields[4].clone())
        };
        rows.iter().map(row).filter(|(_, action, _)| action.starts_with("approval.")).collect()
    }
}

pub(crate) async fn a_ticket_waits_until_enough_people_said_yes(db: Db) {
    let site = Site::new(&db, 2).await;
    let id = site.waits(1).await;
    assert_eq!(site.waits(2).await, id, "asking again is the same request");
    let first = site.yes("ann", id, 3).await.unwrap();
    assert_eq!((first.state, first.said.clone()), (ApprovalState::Waiting, vec![(user("ann"), at(3))]));
    assert_eq!(site.yes("ann", id, 4).await, Err(ApprovalRefusal::AlreadyGiven));
    assert_eq!(site.waits(5).await, id, "one of two");
    let second = site.yes("bea", id, 6).await.unwrap();
    assert_eq!((second.state, second.until), (ApprovalState::Approved, at(6 + 900)));
    assert_eq!(site.yes("cyd", id, 7).await, Err(ApprovalRefusal::Over));
    assert_eq!(site.no("cyd", id, 7).await, Err(ApprovalRefusal::Over));
    let inbox =
        async |s| site.store().inbox(&tenant("default"), &name("target"), &key(), at(s), 9).await.unwrap();
    assert!(inbox(8).await.is_empty(), "there is no ticket before somebody comes for it");
    // Whoever asked was away for long; the ticket lives from when they come.
    let ticket = site.ask(800).await.unwrap();
    assert_eq!(inbox(800).await[0].expires_at, at(830));
    site.pair.redeem(&ticket, 829).await.unwrap();
    site.pair.open(&ticket, 830).await.unwrap();
    assert_eq!(site.state(id, 830).await, ApprovalState::Used);
    let next = site.waits(831).await;
    assert_ne!(next, id, "it was good for one ticket");
    assert_eq!(site.told(id).await, ["waiting", "approved"]);
    let row = |actor: &str, action: &str, outcome: &str| (actor.into(), action.into(), outcome.into());
    assert_eq!(
        site.record().await,
        [
            row("source", "approval.wait", "ok"),
            row("user:ann", "approval.approve", "ok"),
            row("user:ann", "approval.approve", "approval-already-given"),
            row("user:bea", "approval.approve", "ok"),
            row("user:cyd", "approval.approve", "approval-over"),
            row("user:cyd", "approval.reject", "approval-over"),
            row("source", "approval.use", "ok"),
            row("source", "approval.wait", "ok"),
        ]
    );
    // What is not named is not held up.
    let instance = site.store().register_instance(
        host(832),
        name("source"),
        cap(VIEW),
        super::tickets::transport(),
        limits(),
    );
    let (view, _) = instance.await.unwrap().unwrap();
    site.store().assign(host(832), name("target"), cap(VIEW), view, limits()).await.unwrap().unwrap();
    let what = (cap(VIEW), view);
    let key = key();
    let asked = site.store().request_ticket(host(833), name("source"), what, "target".into(), &key, limits());
    assert!(asked.await.unwrap().is_ok());
    assert!(site.store().verify_audit(&tenant("default")).await.is_ok());
}

/// With hooks: what is looked at first waits, is refused or may go on, and nothing is made of it.
async fn look(site: &Site, seconds: i64) -> Result<(), Refusal> {
    let ask = Ask {
        caller: host(seconds),
        source: name("source"),
        what: (cap(SHELL), site.pair.instance),
        target: "target".into(),
        limits: limits(),
    };
    let beaten = site.store().instance_heartbeat(host(seconds), name("source"), site.pair.instance);
    beaten.await.unwrap().unwrap();
    site.store().look_at_request(ask, &key()).await.unwrap()
}

pub(crate) async fn a_no_ends_it_and_nobody_is_asked_again_at_once(db: Db) {
    let site = Site::new(&db, 2).await;
    assert_eq!(look(&site, 1).await, Ok(()), "hooks are asked before people are");
    assert!(site.told_all().await.is_empty());
    let id = site.waits(1).await;
    assert_eq!(look(&site, 2).await, Err(Refusal::Waiting(id)), "and not again while they are");
    site.yes("ann", id, 3).await.unwrap();
    let over = site.no("bea", id, 4).await.unwrap();
    assert_eq!((over.state, over.reason.as_deref()), (ApprovalState::Rejected, Some("not now")));
    assert_eq!(over.decided_by, Some(user("bea")));
    assert_eq!(site.yes("cyd", id, 5).await, Err(ApprovalRefusal::Over));
    // For 300 s nobody hears of it again.
    for seconds in [5, 303] {
        assert_eq!(site.ask(seconds).await.unwrap_err(), Refusal::NotApproved(id));
        assert_eq!(look(&site, seconds).await, Err(Refusal::NotApproved(id)));
    }
    assert_eq!(site.told(id).await, ["waiting", "rejected"]);
    let next = site.waits(304).await;
    assert_ne!(next, id);
    // Nobody says anything: the same.
    assert_eq!(site.ask(404).await.unwrap_err(), Refusal::NotApproved(next));
    assert_eq!(site.state(next, 404).await, ApprovalState::Expired);
    assert_eq!(site.ask(703).await.unwrap_err(), Refusal::NotApproved(next));
    let third = site.waits(704).await;
    assert_eq!(site.told(next).await, ["waiting", "expired"]);
    for (name, seconds) in [("ann", 705), ("bea", 706)] {
        site.yes(name, third, seconds).await.unwrap();
    }
    assert_eq!(look(&site, 707).await, Ok(()), "hooks are asked again when it is picked up");
    assert_eq!(site.state(third, 707).await, ApprovalState::Approved);
    site.ask(708).await.unwrap();
}

impl Site {
    async fn told_all(&self) -> Vec<EventType> {
        let events = self.store().events_after(EventSeq(0), 1_000).await.unwrap();
        let ours = events.into_iter().map(|event| event.kind);
        ours.filter(|kind| kind.as_str().starts_with("approval.")).collect()
    }
}

pub(crate) async fn who_had_a_hand_in_it_does_not_approve_it(db: Db) {
    let site = Site::new(&db, 1).await;
    let store = site.store();
    let as_user = |who: &str, s| Caller { plane: "api", ..by("default", &format!("user:{who}"), s) };
    // A service whose token somebody made stands for them, whoever made that one's token.
    for service in ["ci", "cd"] {
        let new = NewUser { name: user(service), service: true, roles: roles(&["admin"]) };
        store.add_user(as_user("olga", 0), new).await.unwrap().unwrap();
    }
    let token = async |of: &str, named: &str, by_whom: &str| {
        let new = NewToken {
            user: user(of),
            name: named.parse().unwrap(),
            scope: Vec::new().try_into().unwrap(),
            digest: *ApiToken::generate().digest().as_bytes(),
            expires_at: at(10_000),
        };
        store.add_token(as_user(by_whom, 0), new).await.unwrap().unwrap();
    };
    token("ci", "deep/one", "dan").await;
    token("cd", "two", "ci/deep/one").await;
    store.update_scope(as_user("ann", 1), terms(1)).await.unwrap().unwrap();
    store.unassign(host(1), name("target"), cap(SHELL), site.pair.instance).await.unwrap().unwrap();
    let what = (cap(SHELL), site.pair.instance);
    store.assign(as_user("cd/two", 1), name("target"), what.0, what.1, limits()).await.unwrap().unwrap();
    let certificate = waystation_store::tickets::IssuedCertificate {
        serial: "0a".into(),
        fingerprint: "00".repeat(32),
        expires_at: at(9_000),
    };
    store.add_certificate(as_user("bea", 1), name("source"), certificate).await.unwrap().unwrap();

    let id = site.waits(2).await;
    let one = store.approval(&tenant("default"), id, at(2)).await.unwrap().unwrap();
    let hands: Vec<_> =
        one.hands.iter().map(|(name, hands)| (name.as_str(), hands.first().copied().unwrap())).collect();
    let expected = [
        ("ann", Hand::Scope),
        ("bea", Hand::Agent),
        ("cd", Hand::Assignment),
        ("ci", Hand::Assignment),
        ("dan", Hand::Assignment),
    ];
    assert_eq!(hands, expected);
    for (name, hand) in [("ann", Hand::Scope), ("bea", Hand::Agent), ("dan", Hand::Assignment)] {
        assert_eq!(site.yes(name, id, 3).await, Err(ApprovalRefusal::OwnHand(hand)), "{name}");
    }
    assert_eq!(site.yes("eve", id, 4).await.unwrap().state, ApprovalState::Approved);
    site.ask(5).await.unwrap();
    // A hand forbids no no.
    let next = site.waits(6).await;
    assert_eq!(site.no("ann", next, 7).await.unwrap().state, ApprovalState::Rejected);
}

pub(crate) async fn whoever_lets_machines_in_is_remembered(db: Db) {
    let site = Site::new(&db, 1).await;
    let store = site.store();
    let as_user = |who: &str, s| Caller { plane: "api", ..by("default", &format!("user:{who}"), s) };
    store.revoke_agent(host(1), name("source")).await.unwrap().unwrap();
    let token = EnrolmentToken::generate();
    let new = NewEnrolment {
        name: Some(name("source")),
        capabilities: caps(&[SHELL]),
        uses: 1,
        expires_at: at(900),
        approve: true,
        replace: false,
    };
    store.invite(as_user("ann", 2), token.digest(), new).await.unwrap().unwrap();
    let come = async |s| {
        let attempt = Attempt {
            token: token.digest(),
            name: name("source"),
            binding: [1; 32],
            machine: None,
            credentials: Credentials::default(),
        };
        store.redeem_enrolment(host(s), attempt, waystation_core::enrolment::EnrolmentLimits::DEFAULT).await
    };
    let Came::Waiting { id, .. } = come(3).await.unwrap().unwrap() else { panic!("it has to wait") };
    let limits_of = waystation_core::enrolment::EnrolmentLimits::DEFAULT;
    store.approve_enrolment(as_user("bea", 4), id, &limits_of).await.unwrap().unwrap();
    assert!(matches!(come(5).await.unwrap().unwrap(), Came::Enrolled { .. }));
    let register =
        store.register_instance(host(6), name("source"), cap(SHELL), super::tickets::transport(), limits());
    let (instance, _) = register.await.unwrap().unwrap();
    store.assign(host(6), name("target"), cap(SHELL), instance, limits()).await.unwrap().unwrap();
    let key = key();
    let asked = store.request_ticket(
        host(7),
        name("source"),
        (cap(SHELL), instance),
        "target".into(),
        &key,
        limits(),
    );
    let Err(Refusal::Waiting(id)) = asked.await.unwrap() else { panic!("it has to wait") };
    for who in ["ann", "bea"] {
        assert_eq!(site.yes(who, id, 8).await, Err(ApprovalRefusal::OwnHand(Hand::Agent)), "{who}");
    }
    // One that it enrolled in its own name was let in by the same.
    let tool: AgentName = name("plugin-agent:source:tool");
    store.enrol_agent(host(9), tool.clone(), caps(&[SHELL]), None).await.unwrap().unwrap();
    let register =
        store.register_instance(host(9), tool.clone(), cap(SHELL), super::tickets::transport(), limits());
    let (instance, _) = register.await.unwrap().unwrap();
    store.assign(host(9), name("target"), cap(SHELL), instance, limits()).await.unwrap().unwrap();
    let asked = store.request_ticket(host(9), tool, (cap(SHELL), instance), "target".into(), &key, limits());
    let Err(Refusal::Waiting(id)) = asked.await.unwrap() else { panic!("it has to wait") };
    assert_eq!(site.yes("ann", id, 10).await, Err(ApprovalRefusal::OwnHand(Hand::Agent)));
    assert!(site.yes("cyd", id, 10).await.is_ok());
}

pub(crate) async fn whoever_may_no_more_does_not_count(db: Db) {
    let site = Site::new(&db, 2).await;
    let store = site.store();
    let id = site.waits(1).await;
    let olga = |s| by("default", "user:olga", s);
    site.yes("ann", id, 2).await.unwrap();
    store.lock_user(olga(3), user("ann")).await.unwrap().unwrap();
    assert_eq!(site.yes("bea", id, 4).await.unwrap().state, ApprovalState::Waiting, "ann is locked out");
    store.assign_roles(olga(5), user("bea"), roles(&["viewer"])).await.unwrap().unwrap();
    assert_eq!(site.yes("cyd", id, 6).await.unwrap().state, ApprovalState::Waiting, "bea may not any more");
    store.remove_user(olga(7), user("cyd")).await.unwrap().unwrap();
    // One of the same name is somebody else, whose name was counted.
    let again = person(store, "cyd", &["operator"]).await;
    let cyd = Person { user: again.user, login: again.login };
    let told = store.approve(by("default", "user:cyd", 8), cyd, id, secs(PICKUP)).await.unwrap();
    assert_eq!(told, Err(ApprovalRefusal::AlreadyGiven));
    // Whoever may not, who is logged out, locked out, or no person.
    for who in ["bea", "ann"] {
        assert_eq!(site.no(who, id, 9).await, Err(ApprovalRefusal::NotAPerson), "their logins are over");
    }
    assert_eq!(site.yes("ann", id, 9).await, Err(ApprovalRefusal::NotAPerson));
    store.logout_user(olga(9), user("eve")).await.unwrap().unwrap();
    assert_eq!(site.yes("eve", id, 10).await, Err(ApprovalRefusal::NotAPerson));
    let borrowed = Person { user: site.person("dan").user, login: site.person("olga").login };
    let told = store.approve(by("default", "user:dan", 10), borrowed, id, secs(PICKUP)).await.unwrap();
    assert_eq!(told, Err(ApprovalRefusal::NotAPerson), "the login of somebody else");
    // A role for other scopes only.
    let elsewhere = serde_json::from_value(serde_json::json!({
        "name": "elsewhere", "grants": [{ "actions": ["approval:*"], "on": { "scope": ["tunnel"] } }],
    }));
    store.put_role(olga(11), elsewhere.unwrap()).await.unwrap().unwrap();
    let frank = person(store, "frank", &["elsewhere"]).await;
    let frank = Person { user: frank.user, login: frank.login };
    let told = store.approve(by("default", "user:frank", 12), frank, id, secs(PICKUP)).await.unwrap();
    assert_eq!(told, Err(ApprovalRefusal::NotAllowed));
    assert_eq!(site.yes("dan", id, 13).await.unwrap().state, ApprovalState::Waiting, "one counts");
    assert_eq!(site.yes("olga", id, 14).await.unwrap().state, ApprovalState::Approved, "two do");
    assert_eq!(site.yes("olga", ApprovalId::new(at(0), &[0; 10]), 15).await, Err(ApprovalRefusal::NotFound));
}

pub(crate) async fn of_many_who_decide_at_once_as_many_count_as_are_needed(db: Db) {
    const ALL: [&str; 6] = ["olga", "ann", "bea", "cyd", "dan", "eve"];
    let site = Arc::new(Site::new(&db, 2).await);
    let mut seconds = 1;
    for _ in 0..4 {
        let id = site.waits(seconds).await;
        let told = race(6, |n| {
            let site = Arc::clone(&site);
            async move { site.yes(ALL[usize::from(n)], id, seconds).await }
        })
        .await;
        let counted: Vec<_> = told.iter().filter_map(|told| told.as_ref().ok()).collect();
        assert_eq!(counted.len(), 2, "{told:?}");
        assert_eq!(counted.iter().filter(|one| one.state == ApprovalState::Approved).count(), 1);
        assert!(told.iter().filter_map(|told| told.clone().err()).all(|e| e == ApprovalRefusal::Over));
        let kept = site.store().approval(&tenant("default"), id, at(seconds)).await.unwrap().unwrap();
        assert_eq!((kept.said.len(), site.told(id).await.len()), (2, 2));
        // Of many who come for it, one gets the ticket; the others begin anew, together.
        let asked = race(6, |_| {
            let site = Arc::clone(&site);
            async move { site.ask(seconds).await }
        })
        .await;
        assert_eq!(asked.iter().filter(|asked| asked.is_ok()).count(), 1, "{asked:?}");
        let waiting: BTreeSet<_> =
            asked.iter().filter_map(|asked| asked.as_ref().err()).map(|e| format!("{e:?}")).collect();
        assert_eq!(waiting.len(), 1, "{waiting:?}");

        // Yes and yes against no, and against the clock.
        let id = site.waits(seconds).await;
        site.yes("olga", id, seconds).await.unwrap();
        let told = race(2, |n| {
            let site = Arc::clone(&site);
            async move {
                match n {
                    0 => site.yes("ann", id, seconds).await,
                    _ => site.no("bea", id, seconds).await,
                }
            }
        })
        .await;
        let won: Vec<_> = told.iter().filter_map(|told| told.as_ref().ok()).map(|one| one.state).collect();
        assert_eq!(won.len(), 1, "{told:?}");
        assert_eq!(site.state(id, seconds).await, won[0]);
        assert_eq!(site.told(id).await.len(), 2);
        seconds += 1_000;
        let id = site.waits(seconds).await;
        site.yes("olga", id, seconds).await.unwrap();
        let told = race(2, |n| {
            let site = Arc::clone(&site);
            async move {
                if n == 1 {
                    site.store().sweep_tickets(host(seconds + 100), limits()).await.unwrap();
                    return None;
                }
                // By its own clock this one comes in time, at the last moment.
                Some(site.yes("ann", id, seconds + 99).await)
            }
        })
        .await;
        let yes = told.into_iter().flatten().next().unwrap();
        let expected = if yes.is_ok() { ApprovalState::Approved } else { ApprovalState::Expired };
        assert_eq!(site.state(id, seconds + 100).await, expected);
        assert_eq!(site.told(id).await.len(), 2);
        seconds += 1_500;
        if seconds > 3_000 {
            break;
        }
    }
}

type End = fn(&Site) -> futures::future::BoxFuture<'_, ()>;

pub(crate) async fn what_a_request_stands_on_ends_it(db: Db) {
    let ends: [(&str, End); 7] = [
        ("assignment_removed", |s| {
            Box::pin(async {
                let what = (cap(SHELL), s.pair.instance);
                s.store().unassign(host(5), name("target"), what.0, what.1).await.unwrap().unwrap();
            })
        }),
        ("capability_removed", |s| {
            Box::pin(async {
                s.store().set_capabilities(host(5), name("target"), caps(&[VIEW])).await.unwrap().unwrap();
            })
        }),
        ("instance_gone", |s| {
            Box::pin(async {
                s.store().remove_instance(host(5), None, s.pair.instance).await.unwrap().unwrap();
            })
        }),
        ("source_revoked", |s| {
            Box::pin(async { drop(s.store().revoke_agent(host(5), name("source")).await.unwrap().unwrap()) })
        }),
        ("target_revoked", |s| {
            Box::pin(async { drop(s.store().revoke_agent(host(5), name("target")).await.unwrap().unwrap()) })
        }),
        ("scope_changed", |s| {
            Box::pin(async { s.store().update_scope(host(5), terms(1)).await.unwrap().unwrap() })
        }),
        ("scope_removed", |s| {
            Box::pin(async {
                s.store().remove_scope(host(5), "shell".parse().unwrap()).await.unwrap().unwrap();
            })
        }),
    ];
    let mut site = Site::new(&db, 1).await;
    let one =
        Arc::new(TicketLimits { approvals: 1, approvals_each: 1, requests: 1_000, ..TicketLimits::DEFAULT });
    for (reason, end) in ends {
        for approved in [false, true] {
            // There is room for one, so each was counted off.
            let what = (cap(SHELL), site.pair.instance);
            let key = key();
            let asked = site.store().request_ticket(
                host(1),
                name("source"),
                what,
                "target".into(),
                &key,
                one.clone(),
            );
            let Err(Refusal::Waiting(id)) = asked.await.unwrap() else { panic!("{reason}") };
            if approved {
                site.yes("ann", id, 2).await.unwrap();
            }
            end(&site).await;
            let kept = site.store().approval(&tenant("default"), id, at(5)).await.unwrap().unwrap();
            assert_eq!((kept.state, kept.reason.as_deref()), (ApprovalState::Ended, Some(reason)));
            assert_eq!(site.yes("bea", id, 6).await, Err(ApprovalRefusal::Over));
            let again = site.ask(7).await.unwrap_err();
            assert_eq!(matches!(again, Refusal::Waiting(_)), reason == "scope_changed", "{reason} {again:?}");
            assert_eq!(site.told(id).await.last().unwrap(), "ended");
            assert!(site.record().await.contains(&("host".into(), "approval.end".into(), reason.into())));
            // All as before, for the next.
            let _ = site.store().remove_scope(host(8), "shell".parse().unwrap()).await.unwrap();
            for label in ["source", "target", "other"] {
                let _ = site.store().revoke_agent(host(8), name(label)).await.unwrap();
            }
            let store = site.store().clone();
            site.pair = Pair::new(store.clone()).await;
            store.update_scope(host(0), terms(1)).await.unwrap().unwrap();
        }
    }
}

pub(crate) async fn times_and_limits_of_approvals_hold_at_their_edge(db: Db) {
    let site = Site::new(&db, 1).await;
    let store = site.store();
    let few =
        Arc::new(TicketLimits { approvals: 2, approvals_each: 1, requests: 1_000, ..TicketLimits::DEFAULT });
    let ask = async |instance, source: &str, target: &str, seconds| {
        let what = (cap(SHELL), instance);
        let key = key();
        let asked = store.request_ticket(host(seconds), name(source), what, target.into(), &key, few.clone());
        asked.await.unwrap().map(drop)
    };
    let own = site.pair.instance;
    store.assign(host(0), name("other"), cap(SHELL), own, limits()).await.unwrap().unwrap();
    let mut more = Vec::new();
    for (source, target) in [("target", "other"), ("other", "target")] {
        let register =
            store.register_instance(host(0), name(source), cap(SHELL), super::tickets::transport(), limits());
        let (instance, _) = register.await.unwrap().unwrap();
        store.assign(host(0), name(target), cap(SHELL), instance, limits()).await.unwrap().unwrap();
        more.push((instance, source, target));
    }
    let Err(Refusal::Waiting(id)) = ask(own, "source", "target", 1).await else { panic!("it waits") };
    assert_eq!(ask(own, "source", "other", 1).await, Err(Refusal::ApprovalLimit), "one of each agent");
    assert!(matches!(ask(more[0].0, more[0].1, more[0].2, 1).await, Err(Refusal::Waiting(_))));
    assert_eq!(
        ask(more[1].0, more[1].1, more[1].2, 1).await,
        Err(Refusal::ApprovalLimit),
        "two of the tenant"
    );
    // At 101 the time of the first is over, to the microsecond; swept or not.
    assert_eq!(
        (site.state(id, 100).await, site.state(id, 101).await),
        (ApprovalState::Waiting, ApprovalState::Expired)
    );
    assert_eq!(site.yes("ann", id, 101).await, Err(ApprovalRefusal::Over));
    assert_eq!(store.sweep_tickets(host(100), few.clone()).await.unwrap().approvals, 0, "that ended it");
    assert_eq!(store.sweep_tickets(host(101), few.clone()).await.unwrap().approvals, 1);
    assert!(matches!(ask(own, "source", "other", 101).await, Err(Refusal::Waiting(_))));
    let record = site.record().await;
    let expired = ("host".to_owned(), "approval.expire".to_owned(), "ok".to_owned());
    assert_eq!(record.iter().filter(|row| **row == expired).count(), 2, "{record:?}");

    // Approved at the last moment; it can be picked up for 900 s, and not at their end.
    let Err(Refusal::Waiting(last)) = ask(more[1].0, more[1].1, more[1].2, 101).await else {
        panic!("it waits")
    };
    store.instance_heartbeat(host(1_000), name("other"), more[1].0).await.unwrap().unwrap();
    site.yes("ann", last, 200).await.unwrap();
    assert_eq!(
        (site.state(last, 1_099).await, site.state(last, 1_100).await),
        (ApprovalState::Approved, ApprovalState::Lapsed)
    );
    assert_eq!(ask(more[1].0, more[1].1, more[1].2, 1_099).await, Ok(()));
    let Err(Refusal::Waiting(next)) = ask(more[1].0, more[1].1, more[1].2, 1_100).await else {
        panic!("anew")
    };
    site.yes("bea", next, 1_101).await.unwrap();
    store.instance_heartbeat(host(1_900), name("other"), more[1].0).await.unwrap().unwrap();
    let Err(Refusal::Waiting(third)) = ask(more[1].0, more[1].1, more[1].2, 2_001).await else {
        panic!("anew")
    };
    assert_eq!((site.state(next, 2_001).await, third == next), (ApprovalState::Lapsed, false));
    assert_eq!(site.told(next).await, ["waiting", "approved", "lapsed"]);
    // Rows go when they were kept for long enough; the quiet time is kept whatever the configuration says.
    store.sweep_tickets(host(2_101), few.clone()).await.unwrap();
    let short = Arc::new(TicketLimits { approvals_kept: secs(0), ..TicketLimits::DEFAULT });
    let count = async || {
        let filter = ApprovalFilter::default();
        store.approvals(&tenant("default"), &filter, at(0), None, 100).await.unwrap().len()
    };
    let all = count().await;
    store.sweep_tickets(host(2_400), short.clone()).await.unwrap();
    assert!(count().await < all && count().await > 0, "the last one is still quiet");
    store.sweep_tickets(host(2_500), short).await.unwrap();
    assert_eq!(count().await, 0);
}

pub(crate) async fn approvals_are_of_one_tenant_and_come_in_pages(db: Db) {
    let site = Site::new(&db, 1).await;
    let store = site.store();
    db.tamper("INSERT INTO tenants (name, created_at) VALUES ('rival', 0)").await;
    store.assign(host(0), name("other"), cap(SHELL), site.pair.instance, limits()).await.unwrap().unwrap();
    let first = site.waits(1).await;
    let asked = site.pair.ask_for("source", "other", 2).await;
    let Err(Refusal::Waiting(second)) = asked else { panic!("{asked:?}") };
    let rival = tenant("rival");
    let none = ApprovalFilter::default();
    assert_eq!(store.approvals(&rival, &none, at(3), None, 9).await.unwrap(), []);
    assert_eq!(store.approval(&rival, first, at(3)).await.unwrap(), None);
    assert_eq!(store.own_approval(&rival, &name("source"), first, at(3)).await.unwrap(), None);
    assert_eq!(store.own_approval(&tenant("default"), &name("target"), first, at(3)).await.unwrap(), None);
    assert!(store.own_approval(&tenant("default"), &name("source"), first, at(3)).await.unwrap().is_some());
    let theirs = |seconds| by("rival", "user:ann", seconds);
    let (ann, word) = (site.person("ann"), "no".parse().unwrap());
    assert_eq!(store.approve(theirs(3), ann, first, secs(9)).await.unwrap(), Err(ApprovalRefusal::NotFound));
    assert_eq!(store.reject(theirs(3), ann, first, word).await.unwrap(), Err(ApprovalRefusal::NotFound));

    site.no("ann", second, 4).await.unwrap();
    let list = async |filter: ApprovalFilter, seconds, after, limit| {
        let found = store.approvals(&tenant("default"), &filter, at(seconds), after, limit).await.unwrap();
        found.into_iter().map(|one| one.id).collect::<Vec<_>>()
    };
    assert_eq!(list(none.clone(), 5, None, 9).await, [first, second]);
    assert_eq!(list(none.clone(), 5, None, 1).await, [first]);
    assert_eq!(list(none.clone(), 5, Some(first), 9).await, [second]);
    let state = |state| ApprovalFilter { state: Some(state), ..ApprovalFilter::default() };
    assert_eq!(list(state(ApprovalState::Waiting), 5, None, 9).await, [first]);
    assert_eq!(list(state(ApprovalState::Rejected), 5, None, 9).await, [second]);
    // By the clock, whoever swept.
    assert_eq!(list(state(ApprovalState::Waiting), 101, None, 9).await, []);
    assert_eq!(list(state(ApprovalState::Expired), 101, None, 9).await, [first]);
    for (filter, expected) in [
        (ApprovalFilter { scope: Some("shell".into()), ..none.clone() }, vec![first, second]),
        (ApprovalFilter { scope: Some("tunnel".into()), ..none.clone() }, vec![]),
        (ApprovalFilter { source: Some("source".into()), ..none.clone() }, vec![first, second]),
        (ApprovalFilter { source: Some("target".into()), ..none.clone() }, vec![]),
        (ApprovalFilter { target: Some("other".into()), ..none.clone() }, vec![second]),
        (ApprovalFilter { target: Some("' OR 1=1 --".into()), ..none.clone() }, vec![]),
    ] {
        assert_eq!(list(filter.clone(), 5, None, 9).await, expected, "{filter:?}");
    }
}

pub(crate) async fn whoever_listens_hears_what_became_of_it(db: Db) {
    use futures::FutureExt as _;
    let site = Site::new(&db, 1).await;
    let store = site.store();
    let listen = store.listen(&tenant("default"), &name("source"), 1).await.unwrap().unwrap();
    let rung = || listen.news().now_or_never().flatten().is_some_and(|news| news.approvals);
    assert!(!rung());
    let id = site.waits(1).await;
    assert!(rung() && !rung());
    let heard = async |s| store.heard_approvals(&listen, at(s)).await.unwrap();
    assert_eq!((heard(1).await[0].id, heard(1).await[0].state), (id, ApprovalState::Waiting));
    site.waits(2).await;
    assert!(!rung(), "nothing changed");
    site.yes("ann", id, 3).await.unwrap();
    assert!(rung());
    site.ask(4).await.unwrap();
    assert!(rung());
    let second = site.waits(5).await;
    assert!(rung());
    store.sweep_tickets(host(105), limits()).await.unwrap();
    assert!(rung());
    let states: Vec<_> = heard(106).await.iter().map(|one| (one.id, one.state)).collect();
    assert_eq!(states, [(id, ApprovalState::Used), (second, ApprovalState::Expired)]);
    assert_eq!(heard(5_000).await, [], "for an hour");
    // Somebody else hears none of it.
    let target = store.listen(&tenant("default"), &name("target"), 1).await.unwrap().unwrap();
    assert_eq!(store.heard_approvals(&target, at(6)).await.unwrap(), []);
    // What another host wrote is found by looking.
    let mut looked = waystation_store::tickets::Looked::default();
    if store.is_shared() {
        site.store().look_for_others(&mut looked, at(106)).await.unwrap();
        assert!(rung());
        site.store().look_for_others(&mut looked, at(106)).await.unwrap();
        assert!(!rung(), "once");
    }
}
