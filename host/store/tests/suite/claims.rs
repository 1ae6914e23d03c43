use std::collections::HashSet;

use waystation_core::outbox::{Failure, RetryPolicy};
use waystation_store::{Settled, nowhere};

use super::{Db, add, at, event, host, listing, race, secs, timing, to_ops};

pub(crate) async fn racing_hosts_check_each_item_once(db: Db) {
    let store = db.open().await;
    for n in 0..40 {
        add(&store, &format!("item-{n}")).await;
    }
    let claimed = race(8, |n| {
        let store = store.clone();
        async move {
            let mut mine = Vec::new();
            loop {
                let some = store.claim_due_items(host(n), at(1), secs(60), 3).await.unwrap();
                if some.is_empty() {
                    return mine;
                }
                assert!(some.len() <= 3 && some.iter().all(|due| due.until == at(61)));
                mine.extend(some.into_iter().map(|due| due.item.id));
            }
        }
    })
    .await;
    let all: Vec<_> = claimed.into_iter().flatten().collect();
    assert_eq!((all.len(), all.iter().collect::<HashSet<_>>().len()), (40, 40));
}

pub(crate) async fn a_lease_that_ends_is_taken_over(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    let claim = |n, seconds| {
        let store = store.clone();
        async move {
            let due = store.is_check_due(at(seconds)).await.unwrap();
            let claimed = store.claim_due_items(host(n), at(seconds), secs(60), 9).await.unwrap().len();
            assert_eq!(due, claimed > 0, "a look sees what a claim would take");
            claimed
        }
    };
    assert_eq!(store.claim_due_items(host(1), at(-1), secs(60), 9).await.unwrap().len(), 0);
    assert_eq!(claim(1, 0).await, 1);
    assert_eq!((claim(2, 1).await, claim(1, 59).await), (0, 0));
    assert_eq!(claim(2, 60).await, 1);
    // The first host comes back late: what it found is still true, and the item is not due again.
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(61), &nowhere).await.unwrap();
    assert_eq!(claim(1, 62).await, 0);
}

pub(crate) async fn a_recorded_check_ends_the_claim(db: Db) {
    let store = db.open().await;
    let item = add(&store, "rg").await;
    let due = store.claim_due_items(host(1), at(0), secs(3_600), 1).await.unwrap();
    assert_eq!(due[0].item.id, item.id);
    let next =
        store.record_check(item.id, &listing(&["1.0.0"]), &timing(1), &nowhere).await.unwrap().next_check_at;
    assert!(store.claim_due_items(host(2), at(2), secs(60), 1).await.unwrap().is_empty());
    store.check_item_at(item.id, at(3)).await.unwrap();
    let again = store.claim_due_items(host(2), at(3), secs(60), 1).await.unwrap();
    assert_eq!(again[0].item.check.checked_at, Some(at(1)));
    assert!(next > at(3));
}

pub(crate) async fn racing_hosts_run_each_task_once(db: Db) {
    let store = db.open().await;
    for name in ["check", "prune", "sweep"] {
        store
            .ensure_task(&name.parse().unwrap(), &"0 * * * *".parse().unwrap(), secs(30), at(0))
            .await
            .unwrap();
    }
    let ran = race(8, |n| {
        let store = store.clone();
        async move {
            let tasks = store.claim_tasks(host(n), at(1), secs(60)).await.unwrap();
            for task in &tasks {
                assert_eq!(task.claim, Some((host(n), at(61))));
                let ended = store.finish_task(task, None, at(2), at(3_600)).await.unwrap();
                assert_eq!(ended, Settled::Recorded);
            }
            tasks.len()
        }
    })
    .await;
    assert_eq!(ran.into_iter().sum::<usize>(), 3);
    let tasks = store.tasks().await.unwrap();
    assert!(tasks.iter().all(|task| task.claim.is_none() && task.next_run_at == at(3_600)));
    assert_eq!(tasks.iter().map(|task| task.name.as_str()).collect::<Vec<_>>(), ["check", "prune", "sweep"]);
}

pub(crate) async fn a_task_keeps_its_next_run_until_its_schedule_changes(db: Db) {
    let store = db.open().await;
    let (name, hourly, daily) =
        ("check".parse().unwrap(), "0 * * * *".parse().unwrap(), "0 0 * * *".parse().unwrap());
    let next = || async { store.tasks().await.unwrap()[0].next_run_at };
    store.ensure_task(&name, &hourly, secs(0), at(100)).await.unwrap();
    store.ensure_task(&name, &hourly, secs(0), at(200)).await.unwrap();
    assert_eq!(next().await, at(100));
    store.ensure_task(&name, &daily, secs(0), at(300)).await.unwrap();
    assert_eq!(next().await, at(300));
    store.ensure_task(&name, &daily, secs(5), at(400)).await.unwrap();
    assert_eq!(next().await, at(400));
    store.run_task_now(&name, at(7)).await.unwrap();
    assert_eq!(next().await, at(7));
    store.remove_task(&name).await.unwrap();
    assert_eq!(store.run_task_now(&name, at(8)).await.unwrap_err().code(), "not-found");
}

pub(crate) async fn a_late_host_does_not_end_the_run_of_another(db: Db) {
    let store = db.open().await;
    let name = "check".parse().unwrap();
    store.ensure_task(&name, &"0 * * * *".parse().unwrap(), secs(0), at(0)).await.unwrap();
    let first = store.claim_tasks(host(1), at(0), secs(60)).await.unwrap().remove(0);
    assert!(store.claim_tasks(host(2), at(59), secs(60)).await.unwrap().is_empty());
    let second = store.claim_tasks(host(2), at(60), secs(60)).await.unwrap().remove(0);
    assert_eq!(store.finish_task(&first, None, at(61), at(9_999)).await.unwrap(), Settled::LeaseLost);
    let failure = Failure { code: "timeout".into(), message: "took too long".into() };
    assert_eq!(store.finish_task(&second, Some(&failure), at(62), at(99)).await.unwrap(), Settled::Recorded);
    let task = store.tasks().await.unwrap().remove(0);
    assert_eq!((task.next_run_at, task.last_run_at, task.last_error), (at(99), Some(at(62)), Some(failure)));
}

pub(crate) async fn claims_are_given_back(db: Db) {
    let store = db.open().await;
    add(&store, "rg").await;
    store
        .ensure_task(&"check".parse().unwrap(), &"0 * * * *".parse().unwrap(), secs(0), at(0))
        .await
        .unwrap();
    store.emit(at(0), event(None), &to_ops).await.unwrap();
    let policy = RetryPolicy::default();
    for (n, due) in [(1, 1), (2, 0)] {
        assert_eq!(store.claim_due_items(host(n), at(1), secs(600), 9).await.unwrap().len(), due);
        assert_eq!(store.claim_tasks(host(n), at(1), secs(600)).await.unwrap().len(), due);
        assert_eq!(store.claim_deliveries(host(n), at(1), secs(600), 9, &policy).await.unwrap().len(), due);
    }
    store.release_claims(host(2), at(2)).await.unwrap();
    assert!(store.claim_tasks(host(2), at(2), secs(600)).await.unwrap().is_empty());
    store.release_claims(host(1), at(2)).await.unwrap();
    assert_eq!(store.claim_due_items(host(2), at(2), secs(600), 9).await.unwrap().len(), 1);
    assert_eq!(store.claim_tasks(host(2), at(2), secs(600)).await.unwrap().len(), 1);
    assert_eq!(
        store.claim_deliveries(host(2), at(2), secs(600), 9, &policy).await.unwrap()[0].delivery.attempt,
        2
    );
}

pub(crate) async fn a_host_that_comes_back_frees_its_own_claims(db: Db) {
    let store = db.open().await;
    let policy = RetryPolicy::default();
    for name in ["fd", "rg"] {
        add(&store, name).await;
    }
    for _ in 0..2 {
        store.emit(at(0), event(None), &to_ops).await.unwrap();
    }
    for n in [1, 2] {
        assert_eq!(store.claim_due_items(host(n), at(1), secs(600), 1).await.unwrap().len(), 1);
        assert_eq!(store.claim_deliveries(host(n), at(1), secs(600), 1, &policy).await.unwrap().len(), 1);
    }
    // Host 1 was killed and starts again; host 2 is at work.
    store.end_leases(Some(host(1))).await.unwrap();
    assert_eq!(store.claim_due_items(host(3), at(2), secs(600), 9).await.unwrap().len(), 1);
    let again = store.claim_deliveries(host(3), at(2), secs(600), 9, &policy).await.unwrap();
    assert_eq!(again.iter().map(|claimed| claimed.delivery.attempt).collect::<Vec<_>>(), [2]);
}
