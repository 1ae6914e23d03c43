use std::{
    panic::AssertUnwindSafe,
    pin::pin,
    sync::atomic::{AtomicUsize, Ordering},
    task::Poll,
};

use futures::FutureExt;
use waystation_core::{check::Outcome, event::EventSeq, id::ItemId, item::KEPT_RELEASES, machine::THIS_HOST};
use waystation_store::{EndedCheck, Store, nowhere};

use super::{Db, add, at, channel, check_error, host, listing, race, secs, timing, to_ops};

pub(crate) async fn a_check_is_kept_whole(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();
    let route = |_: &_| vec![channel("ops"), channel("chat"), channel("ops")];
    let concluded =
        store.record_check(item.id, &listing(&["1.1.0", "1.0.0"]), &timing(10), &route).await.unwrap();

    let stored = store.item(item.id).await.unwrap();
    assert_eq!((&stored.check, stored.next_check_at), (&concluded.check, concluded.next_check_at));
    assert_eq!(stored.check.latest.as_ref().unwrap().version, "1.1.0");
    assert_eq!(store.releases(item.id).await.unwrap(), concluded.known.unwrap());
    let found = store.events_after(EventSeq(1), 10).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!((found[0].kind.as_str(), found[0].subject.as_str()), ("release.found", "rg"));
    let channels: Vec<_> =
        store.deliveries_of(found[0].seq).await.unwrap().iter().map(|d| d.channel.to_string()).collect();
    assert_eq!(channels, ["chat", "ops"]);
}

pub(crate) async fn a_repeated_check_tells_its_news_once(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &to_ops).await.unwrap();
    let before = store.item(item.id).await.unwrap();
    store.record_check(item.id, &listing(&["1.1.0", "1.0.0"]), &timing(1), &to_ops).await.unwrap();
    let last = store.last_event().await.unwrap();

    // As after a restore of the item's rows: the release counts as new again, its event has a key.
    db.tamper("DELETE FROM releases WHERE version = '1.1.0'").await;
    let again =
        store.record_check(item.id, &listing(&["1.1.0", "1.0.0"]), &timing(2), &to_ops).await.unwrap();
    assert_eq!(again.events.len(), 1);
    assert_eq!(store.last_event().await.unwrap(), last);
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
    assert_ne!(store.item(item.id).await.unwrap(), before);
}

/// Whether the check is in the database: each thing that it changes must say the same.
async fn kept(store: &Store, item: ItemId) -> bool {
    let stored = store.item(item).await.unwrap();
    let signs = [
        stored.check.checked_at == Some(at(10)),
        store.releases(item).await.unwrap().len() == 3,
        store.last_event().await.unwrap().0 > 1,
        store.outbox_counts().await.unwrap().pending == 3,
        store.installed(Some(item)).await.unwrap()[0].standing.target().is_some(),
    ];
    assert!(signs.iter().all(|sign| *sign == signs[0]), "half a check: {signs:?}");
    signs[0]
}

async fn ready(db: &Db) -> (Store, waystation_core::item::Item) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    let machine = store.ensure_machine(&THIS_HOST.parse().unwrap(), at(0)).await.unwrap();
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();
    store
        .record_installed(machine.id, item.id, &"apt".parse().unwrap(), "1.0.0", at(0), &nowhere)
        .await
        .unwrap();
    (store, item)
}

pub(crate) async fn a_check_that_is_cut_off_leaves_no_half(db: Db) {
    let (store, item) = ready(&db).await;
    let mut cut = 0;
    for polls in 0.. {
        assert!(polls < 10_000, "the check never ends");
        let outcome = listing(&["1.2.0", "1.1.0", "1.0.0"]);
        let timing = timing(10);
        let ended = {
            let mut check = pin!(store.record_check(item.id, &outcome, &timing, &to_ops));
            let mut left = polls;
            std::future::poll_fn(|context| match check.as_mut().poll(context) {
                Poll::Ready(result) => Poll::Ready(Some(result)),
                Poll::Pending if left == 0 => Poll::Ready(None),
                Poll::Pending => {
                    left -= 1;
                    Poll::Pending
                }
            })
            .await
        };
        // A write waits for the end of what was cut off, so what is read next is what remains of it.
        store.set_meta("after", "the cut").await.unwrap();
        let kept = kept(&store, item.id).await;
        if let Some(result) = ended {
            result.unwrap();
            assert!(kept);
            break;
        }
        cut += 1;
        if kept {
            break;
        }
    }
    assert!(cut > 0, "it was never cut off");
}

pub(crate) async fn a_check_whose_routing_fails_leaves_nothing(db: Db) {
    let (store, item) = ready(&db).await;
    let calls = AtomicUsize::new(0);
    let route = |_: &_| {
        assert!(calls.fetch_add(1, Ordering::Relaxed) < 2, "the third event breaks the routing");
        vec![channel("ops")]
    };
    let outcome = listing(&["1.2.0", "1.1.0", "1.0.0"]);
    let timing = timing(10);
    let broken =
        AssertUnwindSafe(store.record_check(item.id, &outcome, &timing, &route)).catch_unwind().await;
    assert!(broken.is_err());
    assert!(!kept(&store, item.id).await);
    store.record_check(item.id, &outcome, &timing, &to_ops).await.unwrap();
    assert!(kept(&store, item.id).await);
}

pub(crate) async fn a_removed_item_takes_no_check(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    store.remove_item(item.id, at(1), &nowhere).await.unwrap();
    let error = store.record_check(item.id, &check_error(false), &timing(2), &to_ops).await.unwrap_err();
    assert_eq!(error.code(), "not-found");
    assert_eq!(store.outbox_counts().await.unwrap(), Default::default());
}

pub(crate) async fn hosts_that_check_at_once_tell_once(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();
    race(8, |n| {
        let (store, id) = (store.clone(), item.id);
        async move {
            let outcome = listing(&["1.1.0", "1.0.0"]);
            store.record_check(id, &outcome, &timing(i64::from(n)), &to_ops).await.unwrap();
        }
    })
    .await;
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
    assert!(store.claim_due_items(host(1), at(20), secs(60), 10).await.unwrap().is_empty());
}

fn ended(item: ItemId, outcome: Outcome, seconds: i64) -> EndedCheck {
    EndedCheck { item, outcome, timing: timing(seconds) }
}

pub(crate) async fn checks_that_end_together_are_kept_as_each_would_be(db: Db) {
    let store = db.open().await;
    let versions: Vec<String> = (0..90).rev().map(|n| format!("1.{n}.0")).collect();
    let versions: Vec<&str> = versions.iter().map(String::as_str).collect();
    let mut group = Vec::new();
    for n in 0..70 {
        let item = add(&store, &format!("item-{n}")).await;
        let outcome = if n % 2 == 0 { listing(&versions[..=n]) } else { check_error(true) };
        group.push((item, outcome));
    }
    let gone = add(&store, "gone").await;
    store.remove_item(gone.id, at(1), &nowhere).await.unwrap();
    group.insert(3, (gone.clone(), listing(&["1.0.0"])));

    let checks: Vec<_> = group.iter().map(|(item, outcome)| ended(item.id, outcome.clone(), 5)).collect();
    let answers = store.record_checks(&checks, &to_ops).await.unwrap();
    assert_eq!(answers.len(), group.len());
    for ((item, outcome), answer) in group.iter().zip(answers) {
        if item.id == gone.id {
            assert_eq!(answer.unwrap_err().code(), "not-found");
            continue;
        }
        let (conclusion, stored) = (answer.unwrap(), store.item(item.id).await.unwrap());
        assert_eq!((&stored.check, stored.next_check_at), (&conclusion.check, conclusion.next_check_at));
        let known = store.releases(item.id).await.unwrap();
        assert_eq!(known, conclusion.known.unwrap_or_default());
        match outcome {
            Outcome::Listing { releases, .. } => assert_eq!(known.len(), releases.len().min(KEPT_RELEASES)),
            _ => assert!(stored.check.failing.is_some() && known.is_empty()),
        }
    }
}

pub(crate) async fn two_checks_of_one_item_build_on_each_other(db: Db) {
    let store = db.open().await;
    let (rg, fd) = (add(&store, "rg").await, add(&store, "fd").await);
    let checks = [
        ended(rg.id, listing(&["1.0.0"]), 1),
        ended(fd.id, listing(&["3.0.0"]), 1),
        ended(rg.id, listing(&["1.1.0", "1.0.0"]), 2),
    ];
    let answers = store.record_checks(&checks, &to_ops).await.unwrap();
    let found: Vec<usize> = answers.into_iter().map(|answer| answer.unwrap().events.len()).collect();
    assert_eq!(found, [0, 0, 1], "the release that came between the two is news once");
    assert_eq!(store.item(rg.id).await.unwrap().check.latest.unwrap().version, "1.1.0");
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
}

pub(crate) async fn hosts_that_record_the_same_items_wait_for_each_other(db: Db) {
    let store = db.open().await;
    let mut items = Vec::new();
    for n in 0..20 {
        items.push(add(&store, &format!("item-{n}")).await.id);
    }
    race(6, |n| {
        let (store, mut items) = (store.clone(), items.clone());
        async move {
            items.rotate_left(3 * n as usize);
            let outcome = listing(&["1.1.0", "1.0.0"]);
            let checks: Vec<_> =
                items.iter().map(|item| ended(*item, outcome.clone(), i64::from(n))).collect();
            let answers = store.record_checks(&checks, &to_ops).await.unwrap();
            assert!(answers.iter().all(Result::is_ok));
        }
    })
    .await;
    for item in items {
        assert_eq!(store.releases(item).await.unwrap().len(), 2);
    }
}
