use waystation_core::name::PluginName;
use waystation_store::{KEYS_PER_PAGE, KvLimits, KvUsage, MAX_KEY};

use super::{Db, race};

fn plugin(name: &str) -> PluginName {
    name.parse().unwrap()
}

const LIMITS: KvLimits = KvLimits { value: 10, total: 30, entries: 4 };

pub(crate) async fn values_come_back(db: Db) {
    let (store, p) = (db.open().await, plugin("p"));
    let every_byte: Vec<u8> = (0..=255).collect();
    for (key, value) in [("a", every_byte.as_slice()), ("", b"empty key"), ("\0", b""), ("ä🚉", b"\0\xff")]
    {
        assert_eq!(store.kv_get(&p, key).await.unwrap(), None);
        store.kv_set(&p, key, value, &KvLimits::default()).await.unwrap();
        assert_eq!(store.kv_get(&p, key).await.unwrap().as_deref(), Some(value));
    }
    assert_eq!(store.kv_usage(&p).await.unwrap(), KvUsage { bytes: 1 + 256 + 9 + 1 + 6 + 2, entries: 4 });
    store.kv_set(&p, "a", b"x", &KvLimits::default()).await.unwrap();
    assert_eq!(store.kv_usage(&p).await.unwrap(), KvUsage { bytes: 2 + 9 + 1 + 6 + 2, entries: 4 });
    assert!(store.kv_delete(&p, "a").await.unwrap());
    assert!(!store.kv_delete(&p, "a").await.unwrap());
    assert_eq!(store.kv_usage(&p).await.unwrap(), KvUsage { bytes: 18, entries: 3 });
    store.kv_clear(&p).await.unwrap();
    assert_eq!(store.kv_usage(&p).await.unwrap(), KvUsage::default());
    assert_eq!(store.kv_keys(&p, "", None).await.unwrap().keys, [""; 0]);
}

pub(crate) async fn quotas_hold(db: Db) {
    let (store, p) = (db.open().await, plugin("p"));
    let set = |key: &'static str, size: usize| {
        let (store, p) = (&store, &p);
        async move { store.kv_set(p, key, &vec![7; size], &LIMITS).await.map_err(|error| error.code()) }
    };
    assert_eq!(set("a", 10).await, Ok(()));
    assert_eq!(set("a", 11).await, Err("too-large"));
    assert_eq!(set("b", 10).await, Ok(()));
    assert_eq!(set("c", 8).await, Err("too-large"), "31 bytes");
    assert_eq!(set("c", 7).await, Ok(()), "30 bytes");
    assert_eq!(set("d", 0).await, Err("too-large"));
    assert_eq!(store.kv_get(&p, "d").await.unwrap(), None);
    assert_eq!(store.kv_usage(&p).await.unwrap(), KvUsage { bytes: 30, entries: 3 });
    // In place of what is there, and smaller, always fits.
    assert_eq!(set("a", 10).await, Ok(()));
    assert_eq!(set("a", 0).await, Ok(()));
    assert_eq!(set("d", 0).await, Ok(()));
    assert_eq!(set("e", 0).await, Err("too-large"), "five keys");
    let long = "k".repeat(usize::try_from(MAX_KEY).unwrap());
    assert!(store.kv_set(&plugin("q"), &long, b"", &KvLimits::default()).await.is_ok());
    let longer = store.kv_set(&p, &format!("{long}k"), b"", &KvLimits::default()).await;
    assert_eq!(longer.unwrap_err().code(), "too-large");
    // A plugin over a limit that was lowered can still shrink, and only that.
    let lowered = KvLimits { total: 5, ..LIMITS };
    store.kv_set(&p, "b", b"12345", &lowered).await.unwrap();
    assert_eq!(store.kv_set(&p, "b", b"123456", &lowered).await.unwrap_err().code(), "too-large");
}

pub(crate) async fn racing_writers_stay_within_the_quota(db: Db) {
    let store = db.open().await;
    let limits = KvLimits { value: 100, total: 500, entries: 100 };
    let kept = race(8, |n| {
        let store = store.clone();
        async move {
            let mut kept = 0;
            for k in 0..5 {
                let set = store.kv_set(&plugin("p"), &format!("{n}/{k}x"), &[0; 46], &limits).await;
                match set {
                    Ok(()) => kept += 1,
                    Err(error) => assert_eq!(error.code(), "too-large"),
                }
            }
            kept
        }
    })
    .await;
    assert_eq!(kept.into_iter().sum::<usize>(), 10);
    assert_eq!(store.kv_usage(&plugin("p")).await.unwrap(), KvUsage { bytes: 500, entries: 10 });
    assert_eq!(store.kv_keys(&plugin("p"), "", None).await.unwrap().keys.len(), 10);
}

pub(crate) async fn prefixes_are_bytes(db: Db) {
    let (store, p) = (db.open().await, plugin("p"));
    let keys = [
        "",
        "A",
        "B",
        "a",
        "a%",
        "a%b",
        "a*",
        "a_",
        "a_b",
        "aa",
        "axb",
        "a\u{7f}",
        "aÿ",
        "a\u{10ffff}",
        "b",
        "ä",
    ];
    for key in keys.iter().rev() {
        store.kv_set(&p, key, b"", &KvLimits::default()).await.unwrap();
    }
    let mut sorted = keys;
    sorted.sort_by_key(|key| key.as_bytes());
    for prefix in keys.iter().chain(&["%", "_", "a\u{10ffff}z", "c"]) {
        let expected: Vec<_> = sorted.iter().filter(|key| key.starts_with(prefix)).collect();
        let page = store.kv_keys(&p, prefix, None).await.unwrap();
        assert_eq!(page.keys.iter().collect::<Vec<_>>(), expected, "prefix {prefix:?}");
        assert_eq!(page.cursor, None);
    }
    // A cursor from another listing, or made up, moves the start and never leaves the prefix.
    assert_eq!(store.kv_keys(&p, "a_", Some("a_")).await.unwrap().keys, ["a_b"]);
    assert_eq!(store.kv_keys(&p, "a_", Some("A")).await.unwrap().keys, ["a_", "a_b"]);
    assert_eq!(store.kv_keys(&p, "a_", Some("z")).await.unwrap().keys, [""; 0]);
    assert_eq!(store.kv_keys(&p, "", Some("")).await.unwrap().keys.len(), keys.len() - 1);
}

pub(crate) async fn keys_come_in_pages(db: Db) {
    let (store, p) = (db.open().await, plugin("p"));
    store.kv_set(&p, "first", b"", &KvLimits::default()).await.unwrap();
    // Rows of the table itself: 2,100 transactions would only test patience.
    let mut raw = db.raw().await;
    for n in 0..2_100 {
        sqlx::query("INSERT INTO kv (plugin, key, value) VALUES ('p', $1, $1)")
            .bind(format!("n/{n:05}").into_bytes())
            .execute(&mut raw)
            .await
            .unwrap();
    }
    let mut seen = Vec::new();
    let mut cursor: Option<String> = None;
    loop {
        let page = store.kv_keys(&p, "n/", cursor.as_deref()).await.unwrap();
        assert!(page.keys.len() <= KEYS_PER_PAGE);
        seen.extend(page.keys);
        cursor = page.cursor;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(seen, (0..2_100).map(|n| format!("n/{n:05}")).collect::<Vec<_>>());
    // A full last page has no next one.
    assert_eq!(store.kv_keys(&p, "n/00", None).await.unwrap().keys.len(), KEYS_PER_PAGE);
    assert_eq!(store.kv_keys(&p, "n/00", None).await.unwrap().cursor, None);
}

pub(crate) async fn plugins_do_not_see_each_other(db: Db) {
    let store = db.open().await;
    for name in ["p", "p2", "p/x"] {
        store.kv_set(&plugin(name), "key", name.as_bytes(), &LIMITS).await.unwrap();
    }
    store.kv_delete(&plugin("p2"), "key").await.unwrap();
    assert_eq!(store.kv_get(&plugin("p"), "key").await.unwrap().as_deref(), Some(&b"p"[..]));
    store.remove_plugin(&plugin("p")).await.unwrap();
    assert_eq!(store.kv_get(&plugin("p"), "key").await.unwrap(), None);
    assert_eq!(store.kv_usage(&plugin("p")).await.unwrap(), KvUsage::default());
    assert_eq!(store.kv_keys(&plugin("p/x"), "", None).await.unwrap().keys, ["key"]);
}
