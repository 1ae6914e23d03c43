//! What is written of changes, and that changes made together are each as if alone.

use std::time::Duration;

use futures::future::join_all;
use waystation_core::audit::Broken;
use waystation_store::{AuditFilter, Store};

use super::tickets::{Pair, SHELL, by, cap, host, key, limits, name, tenant};
use super::{Db, at};

pub(crate) async fn what_was_done_is_on_record_and_every_change_of_it_shows(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let whole = tenant("default");
    let session = pair.session(1).await;
    let _ = pair.ask_for("source", "nobody", 2).await;
    store.end_session(by("default", "user:me", 3), session.id).await.unwrap().unwrap();
    let rows = store.audit(&whole, &AuditFilter::default(), 0, 100).await.unwrap();
    let told: Vec<_> = rows.iter().map(|row| (row.fields[2].as_str(), row.fields[4].as_str())).collect();
    let expected = [
        ("scope.register", "ok"),
        ("agent.enrol", "ok"),
        ("agent.enrol", "ok"),
        ("agent.enrol", "ok"),
        ("instance.register", "ok"),
        ("assignment.add", "ok"),
        ("ticket.issue", "ok"),
        ("ticket.redeem", "ok"),
        ("session.open", "ok"),
        ("ticket.issue", "ticket-no-agent"),
        ("session.end", "ok"),
    ];
    assert_eq!(told, expected);
    let last = rows.last().unwrap();
    assert_eq!(last.fields[0], "user:me");
    assert_eq!((last.fields[5].as_str(), last.fields[6].as_str()), ("r1", "127.0.0.1"));
    let filter = AuditFilter { actor: Some("user:me".into()), ..AuditFilter::default() };
    assert_eq!(store.audit(&whole, &filter, 0, 9).await.unwrap().len(), 1);
    let good = store.verify_audit(&whole).await.unwrap();
    assert_eq!((good.head, good.broken), ((11, last.hash), None));

    let check = async |tamper: &'static str, repair: &'static str, broken: Broken| {
        db.tamper(tamper).await;
        assert_eq!(store.verify_audit(&whole).await.unwrap().broken, Some(broken), "{tamper}");
        db.tamper(repair).await;
        assert_eq!(store.verify_audit(&whole).await.unwrap().broken, None, "{repair}");
    };
    check(
        "UPDATE audit SET target = 'x' || target WHERE seq = 4",
        "UPDATE audit SET target = SUBSTR(target, 2) WHERE seq = 4",
        Broken::Changed(4),
    )
    .await;
    check(
        "UPDATE audit SET outcome = 'ok' WHERE seq = 10",
        "UPDATE audit SET outcome = 'ticket-no-agent' WHERE seq = 10",
        Broken::Changed(10),
    )
    .await;
    check(
        "UPDATE audit SET seq = 99 WHERE seq = 6",
        "UPDATE audit SET seq = 6 WHERE seq = 99",
        Broken::Missing(6),
    )
    .await;
    check(
        "UPDATE audit SET seq = 99 WHERE seq = 11",
        "UPDATE audit SET seq = 11 WHERE seq = 99",
        Broken::Missing(11),
    )
    .await;
    check(
        "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 100",
        "UPDATE audit SET seq = 100 WHERE seq = 2; UPDATE audit SET seq = 2 WHERE seq = 3; UPDATE audit SET seq = 3 WHERE seq = 100",
        Broken::Changed(2),
    )
    .await;

    // What is old goes, and the rest still holds.
    assert_eq!(store.trim_audit(&whole, at(1)).await.unwrap(), 6);
    let trimmed = store.verify_audit(&whole).await.unwrap();
    assert_eq!((trimmed.trimmed, trimmed.head, trimmed.broken), (6, good.head, None));
    db.tamper("UPDATE audit SET seq = 99 WHERE seq = 7").await;
    assert_eq!(store.verify_audit(&whole).await.unwrap().broken, Some(Broken::Missing(7)));
    db.tamper("UPDATE audit SET seq = 7 WHERE seq = 99").await;
    assert_eq!(store.trim_audit(&whole, at(100)).await.unwrap(), 5);
    pair.session(4).await;
    assert_eq!(store.verify_audit(&whole).await.unwrap().broken, None);
}

pub(crate) async fn hosts_that_change_tickets_at_once_keep_one_chain(db: Db) {
    let first = db.open().await;
    let pair = Pair::new(first.clone()).await;
    // On SQLite there is one host; its clones come together.
    let second = match db.url.sqlite_path() {
        Some(_) => first.clone(),
        None => Store::open(&db.url, super::host(1)).await.unwrap(),
    };
    let work = (0..60).map(|n| {
        let store = if n % 2 == 0 { first.clone() } else { second.clone() };
        let instance = pair.instance;
        tokio::spawn(async move {
            let what = (cap(SHELL), instance);
            let issued =
                store.request_ticket(host(1), name("source"), what, "target".into(), &key(), limits()).await;
            let id = issued.unwrap().unwrap().id;
            store.redeem_ticket(host(1), name("target"), &id).await.unwrap().unwrap();
            store.open_session(host(1), name("target"), &id, limits()).await.unwrap().unwrap();
        })
    });
    for done in join_all(work).await {
        done.unwrap();
    }
    let verified = first.verify_audit(&tenant("default")).await.unwrap();
    assert_eq!((verified.head.0, verified.broken), (6 + 60 * 3, None));
    assert_eq!(first.sessions(&tenant("default"), None, 100).await.unwrap().len(), 60);
}

/// Who asks may go away; what was asked for is done all the same, and those that come after are served.
pub(crate) async fn a_caller_that_goes_away_holds_up_nobody(db: Db) {
    let pair = Pair::new(db.open().await).await;
    for _ in 0..20 {
        let asked = pair.ask(1);
        // Not at all, or a little.
        let _ = tokio::time::timeout(Duration::from_micros(50), asked).await;
    }
    pair.ask(1).await.unwrap();
    assert_eq!(pair.store.verify_audit(&tenant("default")).await.unwrap().broken, None);
}

pub(crate) async fn a_change_that_fails_takes_no_other_with_it(db: Db) {
    let pair = Pair::new(db.open().await).await;
    let store = &pair.store;
    let bad = pair.ask(0).await.unwrap();
    let good: Vec<_> = join_all((0..20).map(|_| pair.ask(0))).await.into_iter().map(Result::unwrap).collect();
    let mut raw = db.raw().await;
    sqlx::query("UPDATE tickets SET transport = '{' WHERE digest = $1")
        .bind(bad.digest().as_bytes().as_slice())
        .execute(&mut raw)
        .await
        .unwrap();
    drop(raw);
    let damaged = store.redeem_ticket(host(1), name("target"), &bad);
    let (damaged, others) = tokio::join!(damaged, join_all(good.iter().map(|id| pair.redeem(id, 1))));
    assert_eq!(damaged.unwrap_err().code(), "corrupt");
    assert!(others.iter().all(Result::is_ok), "{others:?}");
    assert_eq!(store.verify_audit(&tenant("default")).await.unwrap().broken, None);
}
