use std::collections::HashSet;

use waystation_core::{
    event::EventType,
    id::DeliveryId,
    outbox::{Attempt, DeliveryState, Failure, RetryPolicy},
};
use waystation_store::{OutboxCounts, Settled, Store};

use super::{Db, at, channel, event, host, race, secs, to_ops};

fn failed(retryable: bool) -> Attempt {
    let failure = Failure { code: "unreachable".into(), message: "no answer".into() };
    Attempt::Failed { failure, retryable, retry_after: None }
}

fn delivered() -> Attempt {
    Attempt::Delivered { receipt: Some("remote-1".into()) }
}

async fn claim(store: &Store, n: u8, seconds: i64) -> Vec<waystation_store::Claimed> {
    store.claim_deliveries(host(n), at(seconds), secs(60), 10, &RetryPolicy::default()).await.unwrap()
}

pub(crate) async fn racing_hosts_send_each_message_once(db: Db) {
    let store = db.open().await;
    let route = |_: &_| vec![channel("ops"), channel("chat")];
    for _ in 0..20 {
        store.emit(at(0), event(None), &route).await.unwrap();
    }
    let sent = race(8, |n| {
        let store = store.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let policy = RetryPolicy::default();
                let some = store.claim_deliveries(host(n), at(0), secs(60), 3, &policy).await.unwrap();
                if some.is_empty() {
                    return mine;
                }
                for claimed in some {
                    let ended = delivered();
                    let done =
                        store.settle_delivery(host(n), &claimed.delivery, &ended, at(1), &policy, 0).await;
                    assert_eq!(done.unwrap(), Settled::Recorded);
                    mine.push((claimed.delivery.id, claimed.event.seq, claimed.delivery.channel));
                }
            }
        }
    })
    .await;
    let all: Vec<_> = sent.into_iter().flatten().collect();
    assert_eq!(all.iter().map(|(id, ..)| id).collect::<HashSet<_>>().len(), 40);
    assert_eq!(all.iter().map(|(_, seq, channel)| (seq, channel)).collect::<HashSet<_>>().len(), 40);
    assert_eq!(all.len(), 40);
    assert_eq!(store.outbox_counts().await.unwrap(), OutboxCounts { delivered: 40, ..Default::default() });
    assert_eq!(store.next_delivery_at().await.unwrap(), None);
}

pub(crate) async fn an_abandoned_message_is_sent_again_with_its_key(db: Db) {
    let store = db.open().await;
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(at(0)));
    let first = claim(&store, 1, 5).await.remove(0);
    assert_eq!(first.delivery.state, DeliveryState::Claimed { by: host(1), until: at(65) });
    assert!(claim(&store, 2, 64).await.is_empty());
    assert_eq!(store.next_delivery_at().await.unwrap(), Some(at(65)));
    let second = claim(&store, 2, 65).await.remove(0);
    assert_eq!((second.delivery.id, second.event), (first.delivery.id, first.event));
    assert_eq!((first.delivery.attempt, second.delivery.attempt), (1, 2));
}

pub(crate) async fn failures_wait_and_end_in_a_dead_letter(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy { max_attempts: 3, ..RetryPolicy::default() };
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    for (seconds, wait) in [(0, 30), (30, 60)] {
        let claimed =
            store.claim_deliveries(host(1), at(seconds), secs(60), 1, &policy).await.unwrap().remove(0);
        store
            .settle_delivery(host(1), &claimed.delivery, &failed(true), at(seconds), &policy, u32::MAX)
            .await
            .unwrap();
        let waiting = store.delivery(claimed.delivery.id).await.unwrap();
        assert_eq!(waiting.state, DeliveryState::Pending { next_attempt_at: at(seconds + wait) });
        assert_eq!(waiting.last_error.unwrap().code, "unreachable");
        assert!(
            store
                .claim_deliveries(host(1), at(seconds + wait - 1), secs(60), 1, &policy)
                .await
                .unwrap()
                .is_empty()
        );
    }
    let last = store.claim_deliveries(host(1), at(90), secs(60), 1, &policy).await.unwrap().remove(0);
    store.settle_delivery(host(1), &last.delivery, &failed(true), at(91), &policy, 0).await.unwrap();
    assert!(claim(&store, 1, 99_999).await.is_empty());
    let letters = store.deliveries(Some("dead"), 10).await.unwrap();
    assert_eq!((letters.len(), letters[0].delivery.attempt), (1, 3));
    assert_eq!(letters[0].delivery.state, DeliveryState::Dead { at: at(91) });
    assert_eq!(letters[0].event, last.event);
}

pub(crate) async fn a_dead_letter_is_replayed(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy::default();
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    let claimed = claim(&store, 1, 0).await.remove(0).delivery;
    assert_eq!(store.replay(claimed.id, at(1)).await.unwrap_err().code(), "not-found");
    store.settle_delivery(host(1), &claimed, &failed(false), at(1), &policy, 0).await.unwrap();
    let again = store.replay(claimed.id, at(2)).await.unwrap();
    assert_eq!((again.id, again.attempt), (claimed.id, 0));
    let second = claim(&store, 1, 2).await.remove(0).delivery;
    assert_eq!((second.id, second.attempt), (claimed.id, 1));
    store.settle_delivery(host(1), &second, &delivered(), at(3), &policy, 0).await.unwrap();
    let sent = store.delivery(claimed.id).await.unwrap();
    assert_eq!(sent.state, DeliveryState::Delivered { at: at(3), receipt: Some("remote-1".into()) });
    assert_eq!(sent.last_error, None);
    let nothing = store.replay(DeliveryId::new(at(0), &[5; 10]), at(4)).await.unwrap_err();
    assert_eq!(nothing.code(), "not-found");
    assert_eq!(store.replay_dead(Some(&channel("ops")), at(5)).await.unwrap(), 0);
}

pub(crate) async fn a_message_that_kills_its_host_ends(db: Db) {
    let store = db.open().await;
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    for attempt in 0_u8..10 {
        let claimed = claim(&store, attempt, 60 * i64::from(attempt)).await;
        assert_eq!(claimed[0].delivery.attempt, u32::from(attempt) + 1);
    }
    assert!(claim(&store, 1, 600).await.is_empty());
    let letter = store.deliveries(Some("dead"), 1).await.unwrap().remove(0);
    assert_eq!(letter.delivery.last_error.unwrap().code, "lease-expired");
    assert_eq!(store.replay_dead(Some(&channel("ops")), at(700)).await.unwrap(), 1);
    assert_eq!(claim(&store, 1, 700).await.len(), 1);
}

pub(crate) async fn a_late_host_changes_nothing(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy::default();
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    let first = claim(&store, 1, 0).await.remove(0).delivery;
    let second = claim(&store, 1, 60).await.remove(0).delivery;
    let late = store.settle_delivery(host(1), &first, &failed(false), at(61), &policy, 0).await.unwrap();
    assert_eq!(late, Settled::LeaseLost);
    let wrong = store.settle_delivery(host(2), &second, &failed(false), at(61), &policy, 0).await.unwrap();
    assert_eq!(wrong, Settled::LeaseLost);
    assert_eq!(store.delivery(first.id).await.unwrap(), second);
    let done = store.settle_delivery(host(1), &second, &delivered(), at(62), &policy, 0).await.unwrap();
    assert_eq!(done, Settled::Recorded);
    let twice = store.settle_delivery(host(1), &second, &delivered(), at(63), &policy, 0).await.unwrap();
    assert_eq!(twice, Settled::LeaseLost);
}

pub(crate) async fn what_cannot_be_retried_is_dead_at_once(db: Db) {
    let store = db.open().await;
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    let claimed = claim(&store, 1, 0).await.remove(0).delivery;
    store
        .settle_delivery(host(1), &claimed, &failed(false), at(1), &RetryPolicy::default(), 0)
        .await
        .unwrap();
    assert_eq!(store.outbox_counts().await.unwrap(), OutboxCounts { dead: 1, ..Default::default() });
}

pub(crate) async fn that_a_message_is_given_up_is_kept_with_it(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy { max_attempts: 1, ..RetryPolicy::default() };
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    let [sent, abandoned] =
        <[_; 2]>::try_from(store.claim_deliveries(host(1), at(0), secs(60), 2, &policy).await.unwrap())
            .unwrap();
    let told = || async { store.events_after(sent.event.seq, 10).await.unwrap().split_off(1) };

    // Where the event cannot be stored, the message is not dead either.
    db.tamper("ALTER TABLE counters RENAME TO hidden").await;
    let gone = failed(false);
    let settle = || store.settle_delivery(host(1), &sent.delivery, &gone, at(1), &policy, 0);
    settle().await.unwrap_err();
    assert_eq!(store.delivery(sent.delivery.id).await.unwrap(), sent.delivery);
    db.tamper("ALTER TABLE hidden RENAME TO counters").await;
    let mut live = store.subscribe();
    assert_eq!(settle().await.unwrap(), Settled::Recorded);
    let events = told().await;
    assert_eq!(events.len(), 1, "{events:?}");
    assert_eq!(*live.recv().await.unwrap(), events[0]);
    assert_eq!((&events[0].kind, events[0].subject.as_str()), (&EventType::DELIVERY_DEAD, "ops"));
    assert_eq!(events[0].data["delivery_id"], sent.delivery.id.to_string());
    assert_eq!((&events[0].data["event_seq"], &events[0].data["code"]), (&1.into(), &"unreachable".into()));
    // It is told once, and to no channel.
    assert_eq!(settle().await.unwrap(), Settled::LeaseLost);
    assert_eq!(told().await.len(), 1);
    assert!(store.deliveries_of(events[0].seq).await.unwrap().is_empty());

    // Nobody says how the other one ended.
    assert!(store.claim_deliveries(host(2), at(60), secs(60), 2, &policy).await.unwrap().is_empty());
    let events = told().await;
    assert_eq!(events.len(), 2, "{events:?}");
    assert_eq!(events[1].data["delivery_id"], abandoned.delivery.id.to_string());
    assert_eq!(events[1].data["code"], "lease-expired");
}

pub(crate) async fn messages_are_listed_by_state(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy::default();
    for seconds in 0..3 {
        store.emit(at(seconds), event(None), &to_ops).await.unwrap();
    }
    let claimed = store.claim_deliveries(host(1), at(3), secs(60), 2, &policy).await.unwrap();
    store.settle_delivery(host(1), &claimed[0].delivery, &failed(false), at(4), &policy, 0).await.unwrap();
    let listed = |state: Option<&'static str>| {
        let store = store.clone();
        async move {
            let all = store.deliveries(state, 10).await.unwrap();
            all.iter().map(|d| (d.event.seq.0, d.delivery.state.word())).collect::<Vec<_>>()
        }
    };
    assert_eq!(listed(None).await, [(3, "pending"), (2, "claimed"), (1, "dead")]);
    assert_eq!(listed(Some("dead")).await, [(1, "dead")]);
    assert_eq!(listed(Some("delivered")).await, []);
    assert_eq!(store.deliveries(None, 1).await.unwrap()[0].event.seq.0, 3);
    assert_eq!(store.replay_dead(Some(&channel("chat")), at(5)).await.unwrap(), 0);
    assert_eq!(store.replay_dead(None, at(5)).await.unwrap(), 1);
    assert_eq!(listed(Some("dead")).await, []);
}
