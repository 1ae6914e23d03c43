//! What a reader finds, and what it remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::future::BoxFuture;

use waystation_oci::Store;

use super::support::{LIMITS, Lab, Memory, Reader, days, now, plugin, plugin_with, version};
use crate::{Change, Clock, Fetch, Folder, Index, IndexError};

#[tokio::test]
async fn a_version_is_resolved_for_a_host() {
    let lab = Lab::new().await;
    for text in ["0.9.0", "1.0.0", "1.2.0", "2.0.0-rc.1"] {
        lab.add(&plugin("acme/tool", text)).await;
    }
    let catalog = lab.reader("state").read(&lab.served()).await.unwrap();
    let resolve = |wanted: &str, host: &str| {
        let found = catalog.resolve("acme/tool", &wanted.parse().unwrap(), &version(host));
        found.map_or_else(|e| e.code().to_owned(), |entry| entry.version.to_string())
    };
    assert_eq!(resolve("*", "0.1.0"), "1.2.0");
    assert_eq!(resolve("^1", "0.2.5"), "1.2.0");
    assert_eq!(resolve("<1.2", "0.1.0"), "1.0.0");
    assert_eq!(resolve("=0.9.0", "0.1.0"), "0.9.0");
    assert_eq!(resolve(">=2.0.0-rc.1", "0.1.0"), "2.0.0-rc.1");
    assert_eq!(resolve("^3", "0.1.0"), "index-no-version");
    assert_eq!(resolve("*", "0.3.0"), "index-no-version");
    let refused = catalog.resolve("acme/tool", &"*".parse().unwrap(), &version("1.0.0")).unwrap_err();
    assert!(refused.to_string().contains("1.2.0 (for hosts >=0.1, <0.3)"), "{refused}");
    let near = catalog.versions("acme/tol").unwrap_err();
    assert_eq!(near.code(), "index-unknown-plugin");
    assert!(near.to_string().contains("did you mean `acme/tool`?"), "{near}");
    let newest: Vec<_> =
        catalog.versions("acme/tool").unwrap().iter().map(|entry| entry.version.to_string()).collect();
    assert_eq!(newest, ["2.0.0-rc.1", "1.2.0", "1.0.0", "0.9.0"]);
}

#[tokio::test]
async fn a_search_finds_names_kinds_and_summaries_the_best_first() {
    let lab = Lab::new().await;
    let plugins = [
        plugin("acme/github-releases", "1.0.0"),
        plugin("acme/github", "1.0.0"),
        plugin("acme/forge", "1.0.0"),
        plugin("github/other", "0.1.0-alpha"),
    ];
    for plugin in &plugins {
        lab.add(plugin).await;
    }
    let catalog = lab.reader("state").read(&lab.served()).await.unwrap();
    let search = |text: &str| catalog.search(text).iter().map(|e| e.name.clone()).collect::<Vec<_>>();
    assert_eq!(search("github"), ["acme/github", "acme/github-releases", "github/other"]);
    assert_eq!(search("GitHub acme"), ["acme/github", "acme/github-releases"]);
    assert_eq!(search("acme/forge"), ["acme/forge"]);
    assert_eq!(search("gihtub"), ["acme/github"]);
    assert_eq!(search("update-source").len(), 4);
    assert_eq!(search("").len(), 4);
    assert!(search("nothing-like-it").is_empty());
}

#[tokio::test]
async fn requests_are_known_before_anything_is_fetched() {
    let lab = Lab::new().await;
    let request = "[[request]]\ncapability = \"http\"\norigins = [\"https://api.example\"]\nmethods = [\"GET\"]\n\
                   why = \"Reads.\"\noptional = true\n[[request]]\ncapability = \"future\"\nwhy = \"?\"\ndeep = { a = [1] }\n";
    lab.add(&plugin_with("acme/tool", "1.0.0", request)).await;
    let catalog = lab.reader("state").read(&lab.served()).await.unwrap();
    let entry = serde_json::to_value(catalog.entries().next().unwrap()).unwrap();
    assert_eq!(
        entry["requests"],
        serde_json::json!([
            { "capability": "http", "why": "Reads.", "optional": true, "origins": ["https://api.example"],
              "methods": ["GET"] },
            { "capability": "future", "why": "?", "deep": { "a": [1] } },
        ])
    );
    assert_eq!((entry["version"].as_str(), entry["host"].as_str()), (Some("1.0.0"), Some(">=0.1, <0.3")));
}

#[tokio::test]
async fn a_plugin_comes_from_the_first_that_has_it_undamaged_and_is_kept() {
    let lab = Lab::new().await;
    let (tool, other) = (plugin("acme/tool", "1.0.0"), plugin("acme/tool", "1.0.1"));
    lab.add(&tool).await;
    let good = lab.served();
    let path = crate::names::bundle(tool.digest());
    let (mut none, mut wrong, mut damaged) = (good.clone(), good.clone(), good.clone());
    none.0.remove(&path);
    wrong.put(&path, other.to_tar(&LIMITS.bundle).unwrap());
    damaged.put(&path, &b"no archive"[..]);
    let catalog = lab.reader("state").read(&good).await.unwrap();
    let entry = catalog.entries().next().unwrap();
    let store = Store::open(&lab.folder.path().join("store"), &LIMITS.bundle).unwrap();
    let index = |sources: Vec<&Memory>| {
        let sources = sources.into_iter().map(|source| Arc::new(source.clone()) as Arc<_>).collect();
        Index::open(sources, lab.pinned(), None, &LIMITS).unwrap()
    };
    let refused = index(vec![&none, &wrong, &damaged]).fetch(entry, Some(&store)).await.unwrap_err();
    assert_eq!(refused.code(), "index-no-bundle");
    for part in ["has no bundles/", &other.digest().to_string(), "not a tar archive"] {
        assert!(refused.to_string().contains(part), "{part} is not in {refused}");
    }
    assert!(store.packages().unwrap().is_empty());
    let all = index(vec![&none, &wrong, &damaged, &good]);
    assert_eq!(all.fetch(entry, Some(&store)).await.unwrap(), tool);
    assert_eq!(index(vec![]).fetch(entry, Some(&store)).await.unwrap(), tool);
}

#[tokio::test]
async fn a_reader_remembers_without_asking_until_it_is_over() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let reader = lab.reader("state");
    let folder: Arc<dyn Fetch> = Arc::new(Folder(lab.index()));
    let index = Index::open(vec![folder], lab.pinned(), Some(&reader.state), &LIMITS).unwrap();
    assert_eq!(index.catalog(&Clock::at(now())).unwrap_err().code(), "index-not-refreshed");
    let fresh = index.refresh(&Clock::at(now())).await.unwrap();
    assert_eq!(index.catalog(&Clock::at(now())).unwrap(), fresh);
    let late = Clock::at(now() + days(8));
    assert_eq!(index.catalog(&late).unwrap_err().code(), "index-frozen");
    // A site without a network can allow for some lateness, which is never more than was allowed.
    assert!(index.catalog(&late.late_by(days(2))).is_ok());
    assert_eq!(index.catalog(&late.late_by(days(1)).late_by(days(0))).unwrap_err().code(), "index-frozen");
    let very = Clock::at(now() + days(366)).late_by(days(1000));
    assert_eq!(index.catalog(&very).unwrap_err().code(), "index-root-expired");
    // What is kept and does not verify any more is no reason to start over silently.
    let file = reader.state.join("trusted.json");
    let kept = std::fs::read_to_string(&file).unwrap();
    for broken in [kept.replacen("\\\"version\\\": 2", "\\\"version\\\": 1", 1), "{}".into(), String::new()] {
        assert_ne!(broken, kept);
        std::fs::write(&file, broken).unwrap();
        assert_eq!(index.refresh(&Clock::at(now())).await.unwrap_err().code(), "index-state");
    }
}

#[tokio::test]
async fn another_index_with_another_root_does_not_take_the_place_of_what_was_seen() {
    let (lab, other) = (Lab::new().await, Lab::new().await);
    lab.reader("state").read(&lab.served()).await.unwrap();
    let mut reader = other.reader("unused");
    reader.state = lab.reader("state").state;
    assert_eq!(reader.refused(&other.served()).await, "index-state");
    // The same root with one more signature is the same root.
    lab.change(&[Change::Renew("targets".into())]).await.unwrap();
    let mut same = lab.reader("state");
    let signed = lab.served().json("metadata/1.root.json")["signed"].clone();
    same.pinned = super::support::sign(&signed, &[&lab.root, &lab.online]).into();
    assert_eq!(same.refused(&lab.served()).await, "read");
}

/// While one process reads an older state, another one reads the newer.
#[derive(Debug)]
struct Meanwhile {
    older: Memory,
    newer: Memory,
    other: Reader,
    done: AtomicBool,
}

impl Fetch for Meanwhile {
    fn name(&self) -> String {
        self.older.name()
    }

    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>> {
        Box::pin(async move {
            if path == crate::names::TIMESTAMP && !self.done.swap(true, Ordering::Relaxed) {
                self.other.read(&self.newer).await?;
            }
            self.older.fetch(path, limit).await
        })
    }
}

#[tokio::test]
async fn of_two_processes_the_slower_does_not_put_back_what_the_faster_saw() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let older = lab.served();
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    let newer = lab.served();
    for (behind, code) in [(older, "index-rolled-back"), (newer.clone(), "read")] {
        let other = lab.reader(code);
        let state = other.state.clone();
        let source = Meanwhile { older: behind, newer: newer.clone(), other, done: AtomicBool::new(false) };
        let index = Index::open(vec![Arc::new(source)], lab.pinned(), Some(&state), &LIMITS).unwrap();
        let read = index.refresh(&Clock::at(now())).await;
        assert_eq!(read.map_or_else(|e| e.code(), |_| "read"), code);
        assert_eq!(index.catalog(&Clock::at(now())).unwrap().entries().count(), 2);
    }
}

#[tokio::test]
async fn reading_can_be_left_to_another_thread() {
    let lab = Lab::new().await;
    let tool = plugin("acme/tool", "1.0.0");
    lab.add(&tool).await;
    let index = lab.reader("state").index(&lab.served());
    let digest = tool.digest();
    let fetched = tokio::spawn(async move {
        let catalog = index.refresh(&Clock::at(now())).await.unwrap();
        index.fetch(catalog.by_digest(digest).unwrap(), None).await.unwrap()
    });
    assert_eq!(fetched.await.unwrap(), tool);
}
