//! The suite on SQLite, and what only a file can suffer.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod suite;

use std::{fs, path::Path};

use suite::{Db, add, at, host, listing, secs, timing, to_ops};
use waystation_core::{name::PluginName, outbox::RetryPolicy};
use waystation_store::{DatabaseUrl, KvLimits, Store, StoreError, StoreOptions, nowhere};

suite::tests!(crate::run);

/// Gives a test a file in a folder of its own.
async fn run<F: Future<Output = ()>>(test: impl FnOnce(Db) -> F) {
    let folder = tempfile::tempdir().unwrap();
    test(db(&folder.path().join("state.db"))).await;
}

fn db(path: &Path) -> Db {
    Db { url: DatabaseUrl::sqlite(path), raw: format!("sqlite:{}?mode=rw", path.display()) }
}

#[tokio::test]
async fn a_second_host_on_the_file_is_refused_and_told_who_has_it() {
    run(async |db: Db| {
        let path = db.url.sqlite_path().unwrap().to_owned();
        let first = db.open().await;
        let link = path.with_file_name("link.db");
        std::os::unix::fs::symlink(&path, &link).unwrap();
        for other in [db.clone(), self::db(&link)] {
            let error = Store::open(&other.url, host(7)).await.unwrap_err();
            assert_eq!(error.code(), "database-locked-by-other-host");
            let expected = format!("process {}, host {}", std::process::id(), host(0));
            assert!(error.to_string().contains(&expected), "{error}");
        }
        // The refused ones did not disturb the first.
        add(&first, "rg").await;

        let clone = first.clone();
        drop(first);
        assert_eq!(db.try_open().await.unwrap_err().code(), "database-locked-by-other-host");
        drop(clone);
        assert_eq!(db.open().await.count_items().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test]
async fn the_files_are_for_their_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    run(async |db: Db| {
        let store = db.open().await;
        add(&store, "rg").await;
        let folder = db.url.sqlite_path().unwrap().parent().unwrap();
        let mut names = Vec::new();
        for file in fs::read_dir(folder).unwrap() {
            let file = file.unwrap();
            names.push(file.file_name().into_string().unwrap());
            assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o600, "{names:?}");
        }
        names.sort();
        assert_eq!(names, ["state.db", "state.db-shm", "state.db-wal", "state.db.lock"]);
    })
    .await;
}

#[tokio::test]
async fn a_commit_is_on_the_disk_and_foreign_keys_hold() {
    run(async |db: Db| {
        let store = db.open().await;
        let item = add(&store, "rg").await;
        store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();
        store.remove_item(item.id, at(1), &nowhere).await.unwrap();
        assert!(store.releases(item.id).await.unwrap().is_empty());
        let mut raw = db.raw().await;
        let mode: String = sqlx::query_scalar("PRAGMA journal_mode").fetch_one(&mut raw).await.unwrap();
        assert_eq!(mode, "wal");
    })
    .await;
}

#[tokio::test]
async fn what_a_killed_host_had_claimed_is_free_at_the_next_start() {
    run(async |db: Db| {
        let store = db.open().await;
        add(&store, "rg").await;
        store.emit(at(0), suite::event(None), &to_ops).await.unwrap();
        let policy = RetryPolicy::default();
        store.claim_due_items(host(1), at(0), secs(9_999), 1).await.unwrap();
        let first = store.claim_deliveries(host(1), at(0), secs(9_999), 1, &policy).await.unwrap().remove(0);
        drop(store);
        let store = db.open().await;
        assert_eq!(store.claim_due_items(host(2), at(1), secs(60), 1).await.unwrap().len(), 1);
        let again = store.claim_deliveries(host(2), at(1), secs(60), 1, &policy).await.unwrap().remove(0);
        assert_eq!((again.delivery.id, again.delivery.attempt), (first.delivery.id, 2));
    })
    .await;
}

#[tokio::test]
async fn a_file_that_is_no_database_is_refused_and_left_as_it_is() {
    run(async |db: Db| {
        let path = db.url.sqlite_path().unwrap();
        let text = "these are notes, not a database\n".repeat(400);
        fs::write(path, &text).unwrap();
        let error = db.try_open().await.unwrap_err();
        assert_eq!(error.code(), "corrupt");
        assert!(error.to_string().ends_with("restore it from a backup"), "{error}");
        assert_eq!(fs::read_to_string(path).unwrap(), text);
    })
    .await;
}

#[tokio::test]
async fn a_damaged_page_is_told() {
    run(async |db: Db| {
        let store = db.open().await;
        for n in 0..50 {
            add(&store, &format!("item-{n}")).await;
        }
        store.close().await;
        drop(store);
        let path = db.url.sqlite_path().unwrap();
        let mut bytes = fs::read(path).unwrap();
        // All but the first page, which holds the schema's own table.
        bytes[4_096..].fill(0xa5);
        fs::write(path, bytes).unwrap();
        assert_eq!(db.try_open().await.unwrap_err().code(), "corrupt");
    })
    .await;
}

#[tokio::test]
async fn a_place_that_cannot_be_written_is_told() {
    // Not even root writes there.
    let error = Store::open(&DatabaseUrl::sqlite("/proc/waystation.db"), host(0)).await.unwrap_err();
    assert_eq!(error.code(), "database-unavailable");
    assert!(error.to_string().contains("/proc/waystation.db"), "{error}");
    run(async |db: Db| {
        let path = db.url.sqlite_path().unwrap();
        let missing = DatabaseUrl::sqlite(path.parent().unwrap().join("no/such/folder/state.db"));
        assert_eq!(Store::open(&missing, host(0)).await.unwrap_err().code(), "database-unavailable");
        fs::create_dir(path).unwrap();
        assert_eq!(db.try_open().await.unwrap_err().code(), "database-unavailable");
    })
    .await;
}

#[tokio::test]
async fn odd_paths_are_taken_as_they_are() {
    run(async |db: Db| {
        let folder = db.url.sqlite_path().unwrap().parent().unwrap().to_owned();
        for name in ["a b.db", "a%41.db", "a?b#c.db", "ä🚉.db"] {
            let store = Store::open(&DatabaseUrl::sqlite(folder.join(name)), host(0)).await.unwrap();
            add(&store, "rg").await;
            assert!(fs::metadata(folder.join(name)).unwrap().len() > 0, "{name}");
        }
        assert!(!folder.join("aA.db").exists());
    })
    .await;
}

/// Fills the database until it takes no more.
async fn fill(store: &Store, plugin: &PluginName) -> StoreError {
    for n in 0..10_000 {
        if let Err(error) = store.kv_set(plugin, &format!("{n}"), &[7; 16_384], &KvLimits::default()).await {
            return error;
        }
    }
    panic!("the disk never became full");
}

#[tokio::test]
async fn a_full_disk_stops_writes_keeps_nothing_half_and_passes() {
    run(async |db: Db| {
        let options = StoreOptions { sqlite_max_pages: Some(300), ..StoreOptions::default() };
        let store = Store::open_with(&db.url, host(0), &options).await.unwrap();
        let item = add(&store, "rg").await;
        store.record_check(item.id, &listing(&["1.0.0"]), &timing(0), &nowhere).await.unwrap();
        let before = (store.item(item.id).await.unwrap(), store.last_event().await.unwrap());
        let plugin = "p".parse().unwrap();
        let error = fill(&store, &plugin).await;
        assert_eq!((error.code(), error.is_retryable()), ("disk-full", true));

        let many: Vec<String> = (0..50).map(|n| format!("2.0.{n}-{}", "x".repeat(200))).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        let error = store.record_check(item.id, &listing(&many), &timing(1), &to_ops).await.unwrap_err();
        assert_eq!(error.code(), "disk-full", "{error}");
        assert_eq!((store.item(item.id).await.unwrap(), store.last_event().await.unwrap()), before);
        assert_eq!(store.releases(item.id).await.unwrap().len(), 1);
        assert_eq!(store.outbox_counts().await.unwrap(), Default::default());
        let usage = store.kv_usage(&plugin).await.unwrap();
        let keys = store.kv_keys(&plugin, "", None).await.unwrap().keys;
        assert_eq!(usage.entries, u64::try_from(keys.len()).unwrap());

        store.kv_clear(&plugin).await.unwrap();
        store.record_check(item.id, &listing(&many), &timing(2), &to_ops).await.unwrap();
        assert!(store.outbox_counts().await.unwrap().pending > 0);
    })
    .await;
}
