use waystation_core::event::{EventSeq, NewEvent};
use waystation_core::name::PluginName;
use waystation_core::outbox::Failure;
use waystation_store::{PluginRecord, Store};

use super::{Db, at, event, race, to_ops};

pub(crate) async fn a_plugin_is_remembered(db: Db) {
    let store = db.open().await;
    let name = "github".parse().unwrap();
    assert_eq!(store.plugin(&name).await.unwrap(), None);
    let mut record = PluginRecord {
        name: name.clone(),
        digest: "sha256:00".into(),
        enabled: true,
        quarantine: Some(serde_json::json!({ "until": "2026-01-01T00:00:00Z", "failures": 5 })),
        last_error: Some(Failure { code: "trap".into(), message: "unreachable".into() }),
        updated_at: at(0),
    };
    store.put_plugin(&record, vec![event(Some("q")), event(Some("q"))], &to_ops).await.unwrap();
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
    drop(store);
    let store = db.open().await;
    assert_eq!(store.plugin(&name).await.unwrap().as_ref(), Some(&record));
    (record.enabled, record.quarantine, record.last_error) = (false, None, None);
    store.put_plugin(&record, Vec::new(), &to_ops).await.unwrap();
    assert_eq!(store.plugins().await.unwrap(), [record]);
    store.remove_plugin(&name).await.unwrap();
    assert!(store.plugins().await.unwrap().is_empty());
}

pub(crate) async fn facts_are_kept(db: Db) {
    let store = db.open().await;
    assert_eq!(store.meta("instance").await.unwrap(), None);
    let answers = race(8, |n| {
        let store = store.clone();
        async move { store.meta_or_insert("instance", &n.to_string()).await.unwrap() }
    })
    .await;
    assert!(answers.iter().all(|answer| *answer == answers[0]));
    assert_eq!(store.meta("instance").await.unwrap().as_deref(), Some(answers[0].as_str()));
    store.set_meta("instance", "other").await.unwrap();
    assert_eq!(store.meta_or_insert("instance", "x").await.unwrap(), "other");
}

pub(crate) async fn a_counter_never_goes_back(db: Db) {
    let store = db.open().await;
    assert_eq!(store.raise("seen", 0).await.unwrap(), 0);
    race(8, |n| {
        let store = store.clone();
        async move { store.raise("seen", n as u64).await.unwrap() }
    })
    .await;
    assert_eq!(store.raise("seen", 3).await.unwrap(), 7);
    assert_eq!(store.raise("seen", 9).await.unwrap(), 9);
    assert_eq!(store.raise("another", 0).await.unwrap(), 0);
}

pub(crate) async fn what_serves_is_news_once(db: Db) {
    let store = db.open().await;
    let name: PluginName = "tool".parse().unwrap();
    // Hosts that start at once with the same.
    let news = race(4, |_| serves(store.clone(), "1")).await;
    assert_eq!(news.iter().filter(|news| **news).count(), 1, "{news:?}");
    assert!(!serves(store.clone(), "1").await && serves(store.clone(), "2").await);
    let events = store.events_after(EventSeq(0), 10).await.unwrap();
    let before: Vec<_> = events.iter().map(|event| event.data["before"]["version"].clone()).collect();
    assert_eq!(before, [serde_json::Value::Null, "1".into()]);
    assert!(store.plugin(&name).await.unwrap().unwrap().enabled, "whoever has no record is to run");
    store.remove_plugin(&name).await.unwrap();
    assert!(serves(store, "2").await);
}

/// Keeps that this version of the plugin `tool` serves; the event tells what did before.
async fn serves(store: Store, version: &'static str) -> bool {
    let served = serde_json::json!({ "version": version });
    let told = |before: Option<serde_json::Value>| {
        let data = serde_json::json!({ "before": before });
        vec![NewEvent { data: data.as_object().cloned().unwrap(), ..event(None) }]
    };
    let name: PluginName = "tool".parse().unwrap();
    store.serves(&name, "sha256:00", &served, at(0), told, &to_ops).await.unwrap()
}

pub(crate) async fn readiness_is_told(db: Db) {
    let store = db.open().await;
    store.ping().await.unwrap();
    let clone = store.clone();
    store.close().await;
    assert_eq!(clone.ping().await.unwrap_err().code(), "database-unavailable");
    assert_eq!(clone.set_meta("a", "b").await.unwrap_err().code(), "database-unavailable");
}

pub(crate) async fn a_quarantine_leaves_the_rest_of_a_plugin_alone(db: Db) {
    let store = db.open().await;
    let (name, rest) = ("github".parse().unwrap(), serde_json::json!({ "opened": 1 }));
    store.set_quarantine(&name, "sha256:00", Some(&rest), event(None), &to_ops).await.unwrap();
    let mut record = store.plugin(&name).await.unwrap().unwrap();
    assert_eq!((record.enabled, record.quarantine.as_ref()), (true, Some(&rest)));
    assert_eq!(store.outbox_counts().await.unwrap().pending, 1);
    record.enabled = false;
    store.put_plugin(&record, Vec::new(), &to_ops).await.unwrap();
    store.set_quarantine(&name, "sha256:01", None, event(None), &to_ops).await.unwrap();
    let after = store.plugin(&name).await.unwrap().unwrap();
    assert_eq!((after.enabled, after.quarantine, after.digest.as_str()), (false, None, "sha256:01"));
}
