use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use waystation_core::enrolment::{EnrolRefusal as No, EnrolmentLimits, Waiting, binding};
use waystation_core::id::EnrolmentId;
use waystation_core::machine_uid::MachineUid;
use waystation_core::ticket::TicketLimits;
use waystation_identity::{AgentKey, EnrolmentToken};
use waystation_store::enrolment::{Attempt, Came, Credentials, NewEnrolment};
use waystation_store::tickets::{Caller, IssuedCertificate};
use waystation_store::{AuditFilter, Store};

use super::tickets::{Pair, SHELL, VIEW, by, cap, caps, host, name, tenant};
use super::{Db, at};

fn enroller(seconds: i64) -> Caller {
    Caller { plane: "enrol", ..by("default", "enrol", seconds) }
}

fn new(label: Option<&str>, uses: u32, until: i64) -> NewEnrolment {
    NewEnrolment {
        name: label.map(name),
        capabilities: caps(&[SHELL]),
        uses,
        expires_at: at(until),
        approve: false,
        replace: false,
    }
}

async fn invite(store: &Store, new: NewEnrolment, seconds: i64) -> (EnrolmentToken, EnrolmentId) {
    let token = EnrolmentToken::generate();
    let id = store.invite(host(seconds), token.digest(), new).await.unwrap().unwrap();
    (token, id)
}

fn certificate(serial: &str, until: Timestamp) -> IssuedCertificate {
    IssuedCertificate { serial: serial.into(), fingerprint: format!("of {serial}"), expires_at: until }
}

fn machine(number: u8) -> MachineUid {
    format!("muid_{}", hex(number)).parse().unwrap()
}

fn hex(number: u8) -> String {
    format!("{number:02x}").repeat(32)
}

/// Somebody with a key of that number, whose certificate would have that serial.
fn attempt(token: &EnrolmentToken, label: &str, key: u8, on: Option<u8>, serial: &str) -> Attempt {
    let (name, machine) = (name(label), on.map(machine));
    Attempt {
        token: token.digest(),
        binding: binding(Some(&[key; 32]), &name, machine.as_ref()),
        name,
        machine,
        credentials: Credentials { certificate: Some(certificate(serial, at(99_999))), key: None },
    }
}

async fn redeem(store: &Store, attempt: Attempt, seconds: i64) -> Result<Came, No> {
    store.redeem_enrolment(enroller(seconds), attempt, EnrolmentLimits::DEFAULT).await.unwrap()
}

async fn outcomes(store: &Store, action: &str) -> Vec<String> {
    let filter = AuditFilter { action: Some(action.into()), ..AuditFilter::default() };
    let rows = store.audit(&tenant("default"), &filter, 0, 1_000).await.unwrap();
    rows.into_iter().map(|row| row.fields[4].clone()).collect()
}

pub(crate) async fn a_token_enrols_as_often_as_it_may(db: Db) {
    let store = db.open().await;
    let (token, id) = invite(&store, new(Some("mac"), 1, 900), 0).await;
    let offer = store.knock(enroller(1), "a".into(), Some(token.digest()), &EnrolmentLimits::DEFAULT);
    let offer = offer.await.unwrap().unwrap();
    assert_eq!((offer.tenant, offer.name), (tenant("default"), Some(name("mac"))));
    assert_eq!(redeem(&store, attempt(&token, "pc", 1, None, "01"), 1).await, Err(No::OtherLabel));
    let came = redeem(&store, attempt(&token, "mac", 1, Some(1), "02"), 1).await.unwrap();
    let Came::Enrolled { id: agent, new: true } = came else { panic!("{came:?}") };
    let mac = store.agent(&tenant("default"), &name("mac")).await.unwrap().unwrap();
    assert_eq!((mac.id, mac.capabilities, mac.machine), (agent, caps(&[SHELL]), Some(machine(1))));
    // The answer was lost: the same key is the same agent; another key is too late.
    let again = redeem(&store, attempt(&token, "mac", 1, Some(1), "03"), 2).await;
    assert_eq!(again, Ok(Came::Again(agent)));
    assert_eq!(redeem(&store, attempt(&token, "mac", 2, Some(1), "04"), 2).await, Err(No::Used));
    let many = 20;
    for n in 0..many {
        let again = redeem(&store, attempt(&token, "mac", 1, Some(1), &format!("again {n}")), 2).await;
        if let Err(No::TooOften { retry_after }) = again {
            assert!(n > 5 && retry_after > 0);
            break;
        }
        assert!(n + 1 < many, "it gets certificates without end");
    }
    let listed = store.invites(&tenant("default"), None, 10).await.unwrap();
    assert_eq!((listed[0].id, listed[0].used, listed[0].uses), (id, 1, 1));
    let unknown = EnrolmentToken::generate();
    assert_eq!(redeem(&store, attempt(&unknown, "mac", 1, None, "05"), 2).await, Err(No::Unknown));

    let (late, _) = invite(&store, new(Some("late"), 1, 900), 0).await;
    assert_eq!(redeem(&store, attempt(&late, "late", 3, None, "06"), 900).await, Err(No::Expired));
    let (gone, id) = invite(&store, new(Some("gone"), 1, 900), 0).await;
    store.uninvite(host(1), id).await.unwrap().unwrap();
    assert_eq!(store.uninvite(host(1), id).await.unwrap(), Err(No::NotFound));
    assert_eq!(redeem(&store, attempt(&gone, "gone", 4, None, "07"), 1).await, Err(No::Unknown));
    let taken = store.invite(host(3), EnrolmentToken::generate().digest(), new(Some("mac"), 1, 900)).await;
    assert_eq!(taken.unwrap(), Err(No::Taken));

    // For any label, and for a plugin's agent only where it says so.
    let (any, _) = invite(&store, new(None, 3, 900), 0).await;
    for (label, key) in [("one", 5), ("two", 6)] {
        let came = redeem(&store, attempt(&any, label, key, None, label), 4).await;
        assert!(matches!(came, Ok(Came::Enrolled { new: true, .. })), "{came:?}");
    }
    assert_eq!(redeem(&store, attempt(&any, "one", 7, None, "08"), 4).await, Err(No::Taken));
    let other = redeem(&store, attempt(&any, "plugin-agent:mac:x", 7, None, "09"), 4).await;
    assert_eq!(other, Err(No::OtherLabel));
    assert!(store.verify_audit(&tenant("default")).await.unwrap().broken.is_none());
    assert_eq!(outcomes(&store, "agent.enrol").await, ["ok", "ok", "ok"]);
    let refused = outcomes(&store, "enrolment.use").await;
    assert_eq!(refused[..2], ["enrolment-other-label", "enrolment-used"]);
    let replaced = NewEnrolment { replace: true, ..new(Some("late"), 1, 900) };
    let (fresh, _) = invite(&store, replaced, 5).await;
    assert_eq!(redeem(&store, attempt(&late, "late", 3, None, "10"), 6).await, Err(No::Unknown));
    assert!(redeem(&store, attempt(&fresh, "late", 3, None, "11"), 6).await.is_ok());
}

pub(crate) async fn of_many_who_come_with_one_token_one_gets_in(db: Db) {
    let store = db.open().await;
    let (token, _) = invite(&store, new(None, 1, 900), 0).await;
    let tries = (0..60u8).map(|n| {
        let (store, label) = (store.clone(), format!("a{n}"));
        let attempt = attempt(&token, &label, n, None, &label);
        tokio::spawn(async move { redeem(&store, attempt, 1).await })
    });
    let came: Vec<_> = join_all(tries).await.into_iter().map(Result::unwrap).collect();
    assert_eq!(came.iter().filter(|came| matches!(came, Ok(Came::Enrolled { .. }))).count(), 1);
    assert_eq!(came.iter().filter(|came| **came == Err(No::Used)).count(), 59);
    assert_eq!(store.agents(&tenant("default"), None, 100).await.unwrap().len(), 1);
}

pub(crate) async fn whoever_is_on_a_known_machine_waits_for_a_person(db: Db) {
    let store = db.open().await;
    let (token, _) = invite(&store, new(None, 9, 900), 0).await;
    redeem(&store, attempt(&token, "old", 1, Some(1), "01"), 1).await.unwrap();
    let comes = |key: u8, seconds: i64| {
        let serial = format!("{key}-{seconds}");
        redeem(&store, attempt(&token, &format!("new{key}"), key, Some(1), &serial), seconds)
    };
    let Ok(Came::Waiting { id, why: Waiting::Collision, until }) = comes(2, 2).await else { panic!() };
    assert_eq!(until, at(2 + 86_400));
    assert!(store.agent(&tenant("default"), &name("new2")).await.unwrap().is_none());
    let pending = store.pending_enrolments(&tenant("default"), at(3), None, 10).await.unwrap();
    assert_eq!((pending.len(), pending[0].id, &pending[0].name), (1, id, &name("new2")));
    assert_eq!((&pending[0].elsewhere, &pending[0].machine), (&vec![name("old")], &Some(machine(1))));
    let still = comes(2, 3).await;
    assert_eq!(still, Ok(Came::Waiting { id, why: Waiting::Collision, until }));
    assert_eq!(
        store.approve_enrolment(host(4), id, &EnrolmentLimits::DEFAULT).await.unwrap(),
        Ok(name("new2"))
    );
    assert_eq!(store.reject_enrolment(host(4), id).await.unwrap(), Err(No::NotWaiting));
    // Somebody else's yes is for the same key and name alone.
    let other = attempt(&token, "new2", 3, Some(1), "03");
    assert!(matches!(redeem(&store, other, 5).await, Ok(Came::Waiting { .. })));
    assert!(matches!(comes(2, 5).await, Ok(Came::Enrolled { new: true, .. })));
    assert!(matches!(comes(2, 6).await, Ok(Came::Again(_))));

    let Ok(Came::Waiting { id, .. }) = comes(4, 6).await else { panic!() };
    store.reject_enrolment(host(7), id).await.unwrap().unwrap();
    assert_eq!(comes(4, 8).await, Err(No::Rejected));
    let Ok(Came::Waiting { id, .. }) = comes(5, 10).await else { panic!() };
    assert_eq!(comes(5, 10 + 86_400).await, Err(No::TimedOut));
    let late = store.approve_enrolment(host(10 + 86_400), id, &EnrolmentLimits::DEFAULT).await.unwrap();
    assert_eq!(late, Err(No::NotWaiting));
    let nothing = EnrolmentId::new(at(0), &[0; 10]);
    assert_eq!(store.reject_enrolment(host(11), nothing).await.unwrap(), Err(No::NotFound));

    // Each that waits took a use, and goes with its token.
    let (single, token_id) =
        invite(&store, NewEnrolment { approve: true, ..new(Some("seen"), 1, 900) }, 0).await;
    let waits = attempt(&single, "seen", 6, None, "06");
    let Ok(Came::Waiting { id, why: Waiting::Approval, .. }) = redeem(&store, waits.clone(), 1).await else {
        panic!()
    };
    assert_eq!(redeem(&store, attempt(&single, "seen", 7, None, "07"), 1).await, Err(No::Used));
    store.approve_enrolment(host(2), id, &EnrolmentLimits::DEFAULT).await.unwrap().unwrap();
    store.uninvite(host(3), token_id).await.unwrap().unwrap();
    assert_eq!(redeem(&store, waits, 4).await, Err(No::Unknown));
    assert_eq!(outcomes(&store, "enrolment.wait").await.len(), 5);
}

pub(crate) async fn whoever_was_revoked_comes_back_with_a_new_token_only(db: Db) {
    let store = db.open().await;
    let (token, _) = invite(&store, new(Some("mac"), 5, 900), 0).await;
    let key = AgentKey::generate();
    let first = Attempt {
        credentials: Credentials {
            key: Some(key.digest()),
            ..attempt(&token, "mac", 1, None, "01").credentials
        },
        ..attempt(&token, "mac", 1, None, "01")
    };
    let Ok(Came::Enrolled { id, .. }) = redeem(&store, first.clone(), 1).await else { panic!() };
    let owner = store.agent_of_key(&key.digest()).await.unwrap();
    assert_eq!(owner, Some((tenant("default"), name("mac"))));
    assert_eq!(store.agent_of_key(&AgentKey::generate().digest()).await.unwrap(), None);
    store.revoke_agent(host(2), name("mac")).await.unwrap().unwrap();
    assert_eq!(store.agent_of_key(&key.digest()).await.unwrap(), None);
    for key in [1, 2] {
        assert_eq!(redeem(&store, attempt(&token, "mac", key, None, "02"), 3).await, Err(No::Stale));
    }
    let (fresh, _) = invite(&store, new(Some("mac"), 1, 900), 3).await;
    let back = redeem(&store, attempt(&fresh, "mac", 3, None, "03"), 4).await;
    assert_eq!(back, Ok(Came::Enrolled { id, new: false }), "the same agent");
    assert_eq!(store.agent_of_key(&key.digest()).await.unwrap(), None, "its old key stays gone");
    // Who had the old token gets no certificate for the key of before.
    assert_eq!(redeem(&store, first, 5).await, Err(No::Taken));
}

pub(crate) async fn an_agent_enrols_others_while_it_may(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let delegate = async |who: &str, short: &str, scope: &str, seconds: i64| {
        let token = EnrolmentToken::generate();
        let asked = store.delegate(
            by("default", who, seconds),
            token.digest(),
            name(who),
            (short.parse().unwrap(), cap(scope)),
            (&EnrolmentLimits::DEFAULT, &TicketLimits::DEFAULT),
        );
        asked.await.unwrap().map(|()| token)
    };
    let label = "plugin-agent:source:helper";
    assert_eq!(delegate("source", "helper", "no:scope", 1).await.unwrap_err(), No::NoScope);
    assert_eq!(delegate("source", "helper", VIEW, 1).await.unwrap_err(), No::NotDelegator);
    assert_eq!(delegate("target", "helper", SHELL, 1).await.unwrap_err(), No::NotDelegator);
    assert_eq!(
        delegate("source", "helper", SHELL, 9_999).await.unwrap_err(),
        No::NotDelegator,
        "long silent"
    );
    let replaced = delegate("source", "helper", SHELL, 2).await.unwrap();
    let token = delegate("source", "helper", SHELL, 3).await.unwrap();
    assert_eq!(redeem(store, attempt(&replaced, label, 1, None, "01"), 4).await, Err(No::Unknown));
    assert_eq!(redeem(store, attempt(&token, "source", 1, None, "01"), 4).await, Err(No::Unknown));
    assert!(redeem(store, attempt(&token, label, 1, Some(1), "01"), 4).await.is_ok());
    let helper = store.agent(&tenant("default"), &name(label)).await.unwrap().unwrap();
    assert_eq!((helper.capabilities, helper.machine), (BTreeSet::from([cap(SHELL)]), None));
    assert_eq!(delegate("source", "helper", SHELL, 5).await.unwrap_err(), No::Taken);
    assert_eq!(delegate(label, "more", SHELL, 5).await.unwrap_err(), No::NotDelegator);

    // Between the token and its use the delegator is revoked, and enrolled again.
    let other = delegate("source", "other", SHELL, 6).await.unwrap();
    store.revoke_agent(host(7), name("source")).await.unwrap().unwrap();
    let label = "plugin-agent:source:other";
    assert_eq!(redeem(store, attempt(&other, label, 2, None, "02"), 8).await, Err(No::Unknown));
    store.enrol_agent(host(9), name("source"), caps(&[SHELL]), None).await.unwrap().unwrap();
    assert_eq!(redeem(store, attempt(&other, label, 2, None, "02"), 10).await, Err(No::Unknown));
    for n in 0..20 {
        let Err(No::TooOften { retry_after }) = delegate("target", &format!("n{n}"), SHELL, 11).await else {
            continue;
        };
        assert!(n > 8 && (1..=60).contains(&retry_after));
        return;
    }
    panic!("an agent makes tokens without end");
}

pub(crate) async fn a_renewed_certificate_ends_after_the_overlap(db: Db) {
    let store = db.open().await;
    let first = Some(certificate("01", at(9_999_999)));
    store.enrol_agent(host(0), name("mac"), caps(&[]), first).await.unwrap().unwrap();
    let limits = EnrolmentLimits { overlap: Duration::from_secs(100), ..EnrolmentLimits::DEFAULT };
    let renew = async |serial: &str, seconds| {
        let next = certificate(serial, at(9_999_999));
        store.renew_certificate(by("default", "mac", seconds), name("mac"), next, &limits).await.unwrap()
    };
    let revoked = async |seconds| {
        let found = store.revoked_certificates(at(seconds)).await.unwrap();
        found.into_iter().map(|one| (one.serial, one.superseded)).collect::<Vec<_>>()
    };
    renew("02", 10).await.unwrap();
    assert_eq!(revoked(109).await, []);
    assert_eq!(revoked(110).await, [("01".to_owned(), true)]);
    renew("03", 120).await.unwrap();
    assert_eq!(revoked(219).await, [("01".to_owned(), true)], "a renewal never gives time back");
    // Revoked it is all at once, also what would have ended later.
    store.revoke_agent(host(130), name("mac")).await.unwrap().unwrap();
    let all = [("01", true), ("02", false), ("03", false)].map(|(serial, why)| (serial.to_owned(), why));
    assert_eq!(revoked(131).await, all);
    assert_eq!(renew("04", 132).await, Err(No::NotFound));
    store.enrol_agent(host(140), name("mac"), caps(&[]), None).await.unwrap().unwrap();
    for n in 0..30 {
        if let Err(No::TooOften { retry_after }) = renew(&format!("1{n:02}"), 141).await {
            assert!(n > 5 && retry_after > 0);
            return;
        }
    }
    panic!("an agent renews without end");
}

pub(crate) async fn whoever_tries_tokens_is_slowed_and_fills_no_record(db: Db) {
    let store = db.open().await;
    let knock = async |who: &str, seconds| {
        let guess = Some(EnrolmentToken::generate().digest());
        store.knock(enroller(seconds), who.into(), guess, &EnrolmentLimits::DEFAULT).await.unwrap()
    };
    for _ in 0..5 {
        assert_eq!(knock("a", 0).await, Err(No::Unknown));
    }
    assert!(matches!(knock("a", 0).await, Err(No::TooOften { retry_after: 1..=12 })));
    assert_eq!(knock("a", 13).await, Err(No::Unknown), "one in twelve seconds");
    for n in 0..1_000 {
        assert_eq!(knock(&format!("b{n}"), 14).await, Err(No::Unknown));
    }
    let written = outcomes(&store, "enrolment.use").await.len();
    assert!((30..=60).contains(&written), "{written}");
    // One token, however often it is tried, makes as many agents as it may.
    let (token, _) = invite(&store, new(None, 3, 900), 20).await;
    for n in 0..200 {
        let label = format!("n{n}");
        let _ = redeem(&store, attempt(&token, &label, 1, None, &label), 21).await;
    }
    assert_eq!(store.agents(&tenant("default"), None, 100).await.unwrap().len(), 3);
    assert!(outcomes(&store, "enrolment.use").await.len() <= 64);
}

pub(crate) async fn tokens_are_of_one_tenant(db: Db) {
    let store = db.open().await;
    db.tamper("INSERT INTO tenants (name, created_at) VALUES ('other', 0)").await;
    let theirs = EnrolmentToken::generate();
    let made = store.invite(by("other", "op", 0), theirs.digest(), new(Some("mac"), 1, 900)).await;
    let id = made.unwrap().unwrap();
    assert!(store.invites(&tenant("default"), None, 10).await.unwrap().is_empty());
    assert_eq!(store.uninvite(host(1), id).await.unwrap(), Err(No::NotFound));
    assert_eq!(store.uninvite_name(host(1), name("mac")).await.unwrap(), Err(No::NotFound));
    // Presented as if it were of this tenant it is unknown; what it offers is theirs.
    assert_eq!(redeem(&store, attempt(&theirs, "mac", 1, None, "01"), 1).await, Err(No::Unknown));
    let offer = store.knock(enroller(1), "a".into(), Some(theirs.digest()), &EnrolmentLimits::DEFAULT);
    assert_eq!(offer.await.unwrap().unwrap().tenant, tenant("other"));
    let caller = Caller { tenant: tenant("other"), ..enroller(1) };
    let came = store.redeem_enrolment(
        caller.clone(),
        attempt(&theirs, "mac", 1, Some(1), "01"),
        EnrolmentLimits::DEFAULT,
    );
    assert!(matches!(came.await.unwrap(), Ok(Came::Enrolled { .. })));
    // The same machine and label, of another tenant, are in nobody's way; and what waits there is not seen here.
    let (ours, _) = invite(&store, new(Some("mac"), 1, 900), 0).await;
    assert!(matches!(
        redeem(&store, attempt(&ours, "mac", 2, Some(1), "02"), 1).await,
        Ok(Came::Enrolled { .. })
    ));
    let waits = EnrolmentToken::generate();
    let new = NewEnrolment { approve: true, ..new(Some("pc"), 1, 900) };
    store.invite(by("other", "op", 0), waits.digest(), new).await.unwrap().unwrap();
    let came = store.redeem_enrolment(caller, attempt(&waits, "pc", 3, None, "03"), EnrolmentLimits::DEFAULT);
    let Ok(Came::Waiting { id, .. }) = came.await.unwrap() else { panic!() };
    assert!(store.pending_enrolments(&tenant("default"), at(2), None, 10).await.unwrap().is_empty());
    let approved = store.approve_enrolment(host(2), id, &EnrolmentLimits::DEFAULT).await.unwrap();
    assert_eq!(approved, Err(No::NotFound));
    assert_eq!(store.reject_enrolment(host(2), id).await.unwrap(), Err(No::NotFound));
}

pub(crate) async fn ended_tokens_are_remembered_for_a_while(db: Db) {
    let store = db.open().await;
    let (token, _) = invite(&store, new(Some("mac"), 1, 900), 0).await;
    let (seen, _) = invite(&store, NewEnrolment { approve: true, ..new(Some("seen"), 1, 900) }, 0).await;
    let waits = attempt(&seen, "seen", 1, None, "01");
    let Ok(Came::Waiting { until, .. }) = redeem(&store, waits.clone(), 1).await else { panic!() };
    assert_eq!(until, at(86_401));
    assert!(!store.sweep_enrolments(at(900 + 3_600)).await.unwrap());
    assert_eq!(redeem(&store, attempt(&token, "mac", 2, None, "02"), 4_500).await, Err(No::Expired));
    store.sweep_enrolments(at(900 + 3_601)).await.unwrap();
    assert_eq!(redeem(&store, attempt(&token, "mac", 2, None, "02"), 4_501).await, Err(No::Unknown));
    assert!(matches!(redeem(&store, waits.clone(), 4_501).await, Ok(Came::Waiting { .. })));
    store.sweep_enrolments(at(86_401 + 3_600)).await.unwrap();
    assert_eq!(redeem(&store, waits, 86_401 + 3_600).await, Err(No::Unknown));
}

pub(crate) async fn no_token_and_no_key_is_in_the_database(db: Db) {
    let store = db.open().await;
    let (token, _) = invite(&store, new(Some("mac"), 1, 900), 0).await;
    let key = AgentKey::generate();
    let mut mac = attempt(&token, "mac", 1, None, "01");
    mac.credentials.key = Some(key.digest());
    redeem(&store, mac, 1).await.unwrap();
    let mut raw = db.raw().await;
    for (column, secret) in [
        ("SELECT digest FROM enrolment_tokens", token.reveal()),
        ("SELECT digest FROM agent_keys", key.reveal()),
    ] {
        let digest: Vec<u8> = sqlx::query_scalar(column).fetch_one(&mut raw).await.unwrap();
        assert_eq!(digest.len(), 32);
        assert!(!secret.as_bytes().windows(32).any(|part| part == digest));
    }
    let rows = store.audit(&tenant("default"), &AuditFilter::default(), 0, 100).await.unwrap();
    let told = format!("{rows:?}");
    assert!(!told.contains(&token.reveal()[4..]) && !told.contains(&key.reveal()[4..]), "{told}");
}
