use std::sync::Arc;

use parking_lot::Mutex;
use waystation_core::ticket::{EndReason, Refusal, TicketLimits};
use waystation_store::tickets::{Ask, Heard, HookDeed, LiveFilter, Lost, Mark, Occasion, TicketState};
use waystation_store::{AuditFilter, Store};

use super::tickets::{Pair, SHELL, VIEW, by, cap, caps, host, key, limits, name, tenant};
use super::{Db, at};

fn ask(pair: &Pair, target: &str, seconds: i64, limits: Arc<TicketLimits>) -> Ask {
    Ask {
        caller: by("default", "agent:source", seconds),
        source: name("source"),
        what: (cap(SHELL), pair.instance),
        target: target.into(),
        limits,
    }
}

/// Action and outcome of each row that the source or the host left.
async fn record(store: &Store) -> Vec<(String, String)> {
    let rows = store.audit(&tenant("default"), &AuditFilter::default(), 0, 1_000).await.unwrap();
    rows.into_iter().map(|row| (row.fields[2].clone(), row.fields[4].clone())).collect()
}

pub(crate) async fn a_held_ticket_opens_nothing_until_it_is_released(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let hold = async |id, s| pair.store.hold_ticket(host(s), name("target"), id).await.unwrap();
    let release =
        async |id, label: &str, s| pair.store.release_ticket(host(s), name(label), id).await.unwrap();
    let id = pair.ask(1).await.unwrap();
    assert_eq!(release(&id, "target", 1).await, Err(Refusal::NoTicket), "it is not held");
    assert_eq!(hold(&id, 2).await.unwrap().instance, pair.instance);
    assert_eq!(hold(&id, 2).await.unwrap_err(), Refusal::NoTicket, "once");
    assert_eq!(pair.redeem(&id, 2).await, Err(Refusal::NoTicket));
    assert_eq!(pair.open(&id, 2).await.unwrap_err(), Refusal::NoTicket);
    assert_eq!(release(&id, "other", 3).await, Err(Refusal::NoTicket));
    assert_eq!(release(&id, "target", 3).await, Ok(()));
    assert_eq!(release(&id, "target", 3).await, Err(Refusal::NoTicket));
    pair.open(&id, 4).await.unwrap();

    // Taken back meanwhile: what hooks say comes too late.
    let id = pair.ask(10).await.unwrap();
    hold(&id, 11).await.unwrap();
    pair.store.revoke_ticket(host(12), id.digest()).await.unwrap().unwrap();
    assert_eq!(release(&id, "target", 13).await, Err(Refusal::NoTicket));
    assert_eq!(pair.open(&id, 13).await.unwrap_err(), Refusal::NoTicket);

    // Denied: used up, and on record with what the hook said.
    let id = pair.ask(20).await.unwrap();
    hold(&id, 21).await.unwrap();
    let deed = HookDeed { action: "hook.deny", target: "guard after-validate: no".into(), outcome: "denied" };
    let heard = Heard {
        caller: host(22),
        deeds: vec![deed],
        refused: Some(("ticket.redeem", id.digest().to_string(), Refusal::Denied)),
        lost: Some(Lost::Ticket(id.digest())),
    };
    pair.store.heard(heard).await.unwrap();
    assert_eq!(pair.state(&id).await, TicketState::Revoked);
    assert_eq!(release(&id, "target", 23).await, Err(Refusal::NoTicket));
    let rows = record(&pair.store).await;
    let row = |action: &str, outcome: &str| (action.to_owned(), outcome.to_owned());
    for expected in [
        row("ticket.hold", "ok"),
        row("ticket.redeem", "ok"),
        row("hook.deny", "denied"),
        row("ticket.redeem", "ticket-policy-denied"),
    ] {
        assert!(rows.contains(&expected), "{expected:?} {rows:?}");
    }

    // A session ends, once.
    let session = pair.session(30).await;
    for _ in 0..2 {
        let lost = Some(Lost::Session(session.id));
        let heard = Heard { caller: host(33), deeds: Vec::new(), refused: None, lost };
        pair.store.heard(heard).await.unwrap();
    }
    assert_eq!(pair.beat(&session, 34).await, Ok(Err(EndReason::PolicyDenied)));
    let ended = record(&pair.store).await.into_iter().filter(|(action, _)| action == "session.end");
    assert_eq!(ended.count(), 1);
}

pub(crate) async fn a_request_that_hooks_are_asked_about_counts_once(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let few = Arc::new(TicketLimits { requests: 2, ..TicketLimits::DEFAULT });
    let look = async |target, s| {
        pair.store.look_at_request(ask(&pair, target, s, Arc::clone(&few)), &key()).await.unwrap()
    };
    let issue = async |target, s| {
        pair.store.issue_ticket(ask(&pair, target, s, Arc::clone(&few)), &key()).await.unwrap().map(drop)
    };
    assert_eq!(look("nobody", 1).await, Err(Refusal::NoAgent), "hooks are not asked about that");
    assert_eq!(look("target", 1).await, Ok(()));
    assert_eq!(issue("target", 1).await, Ok(()), "not counted again");
    assert!(matches!(look("target", 1).await, Err(Refusal::TooOften { .. })));
    // What changed meanwhile is seen.
    pair.store.unassign(host(2), name("target"), cap(SHELL), pair.instance).await.unwrap().unwrap();
    assert_eq!(issue("target", 2).await, Err(Refusal::NotAssigned));
    let outcomes: Vec<_> = record(&pair.store)
        .await
        .into_iter()
        .filter(|(action, _)| action == "ticket.issue")
        .map(|(_, outcome)| outcome)
        .collect();
    assert_eq!(outcomes, ["ticket-no-agent", "ok", "ticket-not-assigned"]);
}

pub(crate) async fn what_becomes_of_sessions_is_told_after_it_was_kept(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let untold = pair.session(1).await;
    let told: Arc<Mutex<Vec<_>>> = Arc::default();
    let into = Arc::clone(&told);
    pair.store.watch_sessions(move |changes| into.lock().extend(changes));
    let session = pair.session(2).await;
    for (mark, s) in [(Mark::Grace, 3), (Mark::Grace, 4), (Mark::Active, 5)] {
        let marked = pair.store.mark_session(host(s), name("source"), session.id, mark, limits()).await;
        marked.unwrap().unwrap();
    }
    pair.beat(&session, 6).await.unwrap().unwrap();
    pair.store.end_session(host(7), untold.id).await.unwrap().unwrap();
    pair.store.end_session(host(7), untold.id).await.unwrap().unwrap();
    pair.store.remove_scope(host(8), "shell".parse().unwrap()).await.unwrap().unwrap();
    let told = told.lock().clone();
    let short: Vec<_> =
        told.iter().map(|change| (change.what, change.reason, change.session.as_str(), change.at)).collect();
    let (id, untold) = (session.id.to_string(), untold.id.to_string());
    assert_eq!(
        short,
        [
            ("opened", None, id.as_str(), at(2)),
            ("grace", None, id.as_str(), at(3)),
            ("active", None, id.as_str(), at(5)),
            ("ended", Some(EndReason::AdminKilled), untold.as_str(), at(7)),
            ("ended", Some(EndReason::ScopeRemoved), id.as_str(), at(8)),
        ]
    );
    let last = told.last().unwrap();
    let parts = [&last.tenant, &last.scope, &last.sub_scope, &last.source, &last.target];
    assert_eq!(parts, ["default", "shell", SHELL, "source", "target"]);
    assert_eq!(last.instance, pair.instance.to_string());
}

pub(crate) async fn hooks_see_who_and_what_there_is(db: Db) {
    let pair = Pair::new(db.open().await).await;
    pair.store.set_capabilities(host(0), name("other"), caps(&[VIEW])).await.unwrap().unwrap();
    let of = tenant("default");
    let occasion = pair.store.occasion(&of, &cap(SHELL), "source", "other").await.unwrap();
    let both = vec![SHELL.to_owned(), VIEW.to_owned()];
    assert_eq!(occasion, Occasion { scope: "shell".into(), source: both, target: vec![VIEW.into()] });
    let nobody = pair.store.occasion(&of, &cap("no:thing"), "x", "y").await.unwrap();
    assert_eq!(nobody, Occasion::default());

    let first = pair.session(1).await;
    let second = pair.session(2).await;
    pair.ask(3).await.unwrap();
    let count = async |filter: &LiveFilter, tenant: &str, s| {
        pair.store.count_live(tenant, filter, at(s)).await.unwrap()
    };
    let all = LiveFilter::default();
    assert_eq!(count(&all, "default", 4).await, (2, 1));
    assert_eq!(count(&all, "default", 60).await, (2, 0), "expired");
    assert_eq!(count(&all, "elsewhere", 4).await, (0, 0));
    for (filter, expected) in [
        (LiveFilter { source: Some("source".into()), ..all.clone() }, (2, 1)),
        (LiveFilter { source: Some("target".into()), ..all.clone() }, (0, 0)),
        (LiveFilter { target: Some("target".into()), ..all.clone() }, (2, 1)),
        (LiveFilter { sub_scope: Some(VIEW.into()), ..all.clone() }, (0, 0)),
    ] {
        assert_eq!(count(&filter, "default", 4).await, expected, "{filter:?}");
    }
    let page = async |after| pair.store.live_sessions("default", &all, after, 1).await.unwrap();
    let one = page(None).await;
    assert_eq!((one.len(), one[0].id), (1, first.id));
    let two = page(Some((one[0].created_at, one[0].id))).await;
    assert_eq!(two[0].id, second.id);
    assert!(page(Some((two[0].created_at, two[0].id))).await.is_empty());
    pair.store.end_session(host(5), first.id).await.unwrap().unwrap();
    assert_eq!(page(None).await[0].id, second.id);
}
