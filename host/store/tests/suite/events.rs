use waystation_core::{
    event::EventSeq,
    outbox::{Attempt, RetryPolicy},
};
use waystation_store::nowhere;

use super::{Db, at, event, host, race, secs, to_ops};

pub(crate) async fn sequences_ascend_and_resume(db: Db) {
    let store = db.open().await;
    assert_eq!(store.last_event().await.unwrap(), EventSeq(0));
    for _ in 0..5 {
        store.emit(at(0), event(None), &nowhere).await.unwrap();
    }
    let seqs =
        |events: Vec<waystation_core::event::Event>| events.iter().map(|e| e.seq.0).collect::<Vec<_>>();
    assert_eq!(seqs(store.events_after(EventSeq(0), 3).await.unwrap()), [1, 2, 3]);
    assert_eq!(seqs(store.events_after(EventSeq(3), 3).await.unwrap()), [4, 5]);
    assert_eq!(seqs(store.events_after(EventSeq(5), 3).await.unwrap()), [0; 0]);
    assert_eq!(seqs(store.events_before(None, 2).await.unwrap()), [5, 4]);
    assert_eq!(seqs(store.events_before(Some(EventSeq(4)), 9).await.unwrap()), [3, 2, 1]);
    drop(store);
    assert_eq!(db.open().await.last_event().await.unwrap(), EventSeq(5));
}

pub(crate) async fn a_key_is_told_once(db: Db) {
    let store = db.open().await;
    let first = store.emit(at(0), event(Some("k")), &to_ops).await.unwrap();
    assert_eq!(first.unwrap().seq, EventSeq(1));
    assert_eq!(store.emit(at(1), event(Some("k")), &to_ops).await.unwrap(), None);
    assert!(store.emit(at(1), event(Some("K")), &to_ops).await.unwrap().is_some());
    let told = race(8, |_| {
        let store = store.clone();
        async move { store.emit(at(2), event(Some("race")), &to_ops).await.unwrap().is_some() }
    })
    .await;
    assert_eq!(told.into_iter().filter(|told| *told).count(), 1);
    assert_eq!(store.outbox_counts().await.unwrap().pending, 3);
}

/// While writers race, a reader that goes on from the last number it saw ends with all events.
pub(crate) async fn racing_writers_leave_no_hole_behind_a_reader(db: Db) {
    let store = db.open().await;
    let reader = tokio::spawn({
        let store = store.clone();
        async move {
            let (mut last, mut seen) = (EventSeq(0), Vec::new());
            while seen.len() < 80 {
                for event in store.events_after(last, 7).await.unwrap() {
                    assert!(event.seq > last);
                    last = event.seq;
                    seen.push(event.subject);
                }
                tokio::task::yield_now().await;
            }
            seen
        }
    });
    race(8, |n| {
        let store = store.clone();
        async move {
            for k in 0..10 {
                let mut new = event(None);
                new.subject = format!("{n}/{k}");
                store.emit(at(0), new, &nowhere).await.unwrap();
            }
        }
    })
    .await;
    let mut seen = tokio::time::timeout(secs(30), reader).await.expect("an event was passed over").unwrap();
    seen.sort();
    seen.dedup();
    assert_eq!(seen.len(), 80);
}

pub(crate) async fn subscribers_hear_of_what_was_kept_in_order(db: Db) {
    let store = db.open().await;
    let mut live = store.subscribe();
    race(8, |_| {
        let store = store.clone();
        async move {
            for _ in 0..5 {
                store.emit(at(0), event(None), &nowhere).await.unwrap();
            }
        }
    })
    .await;
    let stored = store.events_after(EventSeq(0), 100).await.unwrap();
    for expected in &stored {
        assert_eq!(&*live.recv().await.unwrap(), expected);
    }
    store.emit(at(0), event(Some("k")), &nowhere).await.unwrap();
    assert!(live.recv().await.is_ok());
    store.emit(at(0), event(Some("k")), &nowhere).await.unwrap();
    assert!(live.try_recv().is_err());
}

pub(crate) async fn old_events_go_and_dead_letters_stay(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    for route in [&nowhere as &waystation_store::Route<'_>, &to_ops, &to_ops] {
        store.emit(at(0), event(None), route).await.unwrap();
    }
    let claimed = store.claim_deliveries(host(1), at(0), secs(60), 1, &policy).await.unwrap();
    let done = Attempt::Delivered { receipt: Some("42".into()) };
    store.settle_delivery(host(1), &claimed[0].delivery, &done, at(1), &policy, 0).await.unwrap();
    store.claim_deliveries(host(1), at(1), secs(60), 1, &policy).await.unwrap();
    store.claim_deliveries(host(1), at(100), secs(60), 1, &policy).await.unwrap();
    assert_eq!(store.deliveries(Some("dead"), 9).await.unwrap().len(), 1);

    assert_eq!(store.prune_events(at(50), secs(50)).await.unwrap(), 0);
    assert_eq!(store.prune_events(at(51), secs(50)).await.unwrap(), 2);
    let letters = store.deliveries(Some("dead"), 9).await.unwrap();
    // Its event, and that it was given up.
    assert_eq!((letters.len(), store.events_after(EventSeq(0), 9).await.unwrap().len()), (1, 2));
    // A number is never given twice, whatever was removed.
    let next = store.emit(at(60), event(None), &nowhere).await.unwrap().unwrap();
    assert_eq!(next.seq, EventSeq(5));
}

pub(crate) async fn text_from_outside_is_kept_as_it_is(db: Db) {
    let store = db.open().await;
    let odd = "'; DROP TABLE events; -- % _ \\ \" ' ä 🚉 \u{10ffff} \r\n";
    let mut new = event(Some(odd));
    new.subject = format!("{odd}\0");
    new.data.insert("text\0".into(), format!("\0{odd}").into());
    let stored = store.emit(at(0), new.clone(), &nowhere).await.unwrap().unwrap();
    assert_eq!(store.events_after(EventSeq(0), 9).await.unwrap(), [(*stored).clone()]);
    assert_eq!((stored.subject.as_str(), &stored.data), (format!("{odd}\u{fffd}").as_str(), &new.data));
    assert_eq!(store.emit(at(0), new, &nowhere).await.unwrap(), None);
}
