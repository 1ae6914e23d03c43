//! Plugins that an index names and that a registry has; indexes that a web server has.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

#[path = "../../oci/tests/support/mod.rs"]
mod support;

use std::path::Path;
use std::sync::Arc;

use jiff::Timestamp;
use support::{Reply, Stub, client};
use waystation_bundle::Package;
use waystation_index::{
    Change, Clock, Folder, Holders, Index, Keys, Limits, Place, Publisher, Validity, Web, Which, With, check,
};
use waystation_oci::Store;
use waystation_sign::{Algorithm, Key, Signer as _};

const LIMITS: Limits = Limits::DEFAULT;

/// An index of one plugin, which only a registry has.
async fn index(folder: &Path, package: &Package, registry: &str) -> Vec<u8> {
    let key = Key::generate(Algorithm::P256);
    let holders = Some(Holders { keys: vec![key.public().clone()], threshold: 1 });
    let keys = Keys { root: holders.clone(), targets: holders.clone(), online: holders };
    let with = With { signers: &[&key], now: Timestamp::now(), validity: Validity::DEFAULT };
    let (publisher, _) = Publisher::init(folder, &keys, &with, &LIMITS).await.unwrap();
    let reference = format!("{registry}/p@{}", package.digest()).parse().unwrap();
    let add = Change::Add { package, references: vec![reference], keep: false };
    publisher.change(&[add], &with).await.unwrap();
    std::fs::read(folder.join("metadata/1.root.json")).unwrap()
}

#[tokio::test]
async fn a_plugin_comes_from_the_registry_that_the_index_names() {
    let package = support::package();
    let stub = Stub::of(&package, |_, reply| reply).await;
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().join("index");
    let root = index(&at, &package, &stub.registry).await;
    let clock = Clock::at(Timestamp::now());
    let report = check(&at, &root, &clock, &LIMITS).await.unwrap();
    assert_eq!(report.plugins[0].place, Place::Registry);
    let open = || Index::open(vec![Arc::new(Folder(at.clone()))], root.clone(), None, &LIMITS).unwrap();
    let catalog = open().refresh(&clock).await.unwrap();
    let entry = catalog.entries().next().unwrap();
    let refused = open().fetch(entry, None).await.unwrap_err();
    assert_eq!(refused.code(), "index-no-bundle");
    assert!(refused.to_string().contains("not asked"), "{refused}");
    let index = open().with_registries(Arc::new(client(&stub.registry)));
    let store = Store::open(&folder.path().join("store"), &LIMITS.bundle).unwrap();
    assert_eq!(index.fetch(entry, Some(&store)).await.unwrap(), package);
    let asked = stub.lines().len();
    assert_eq!(index.fetch(entry, Some(&store)).await.unwrap(), package);
    assert_eq!(stub.lines().len(), asked, "what is kept is not asked for");
    // A mirror has it itself, with all that is attached.
    let to = folder.path().join("mirror");
    index.mirror(&to, &Which::All, &clock).await.unwrap();
    let mirror = Index::open(vec![Arc::new(Folder(to))], root, None, &LIMITS).unwrap();
    assert_eq!(mirror.fetch(entry, None).await.unwrap(), package);
}

#[tokio::test]
async fn a_registry_that_gives_another_plugin_is_not_believed() {
    let package = support::package();
    let stub = Stub::of(&package, |asked, mut reply| {
        if asked.line.contains("/blobs/") {
            reply.body = vec![0; reply.body.len()];
        }
        reply
    })
    .await;
    let folder = tempfile::tempdir().unwrap();
    let root = index(folder.path(), &package, &stub.registry).await;
    let sources: Vec<Arc<dyn waystation_index::Fetch>> = vec![Arc::new(Folder(folder.path().to_owned()))];
    let index = Index::open(sources, root, None, &LIMITS).unwrap();
    let index = index.with_registries(Arc::new(client(&stub.registry)));
    let catalog = index.refresh(&Clock::at(Timestamp::now())).await.unwrap();
    let refused = index.fetch(catalog.entries().next().unwrap(), None).await.unwrap_err();
    assert_eq!(refused.code(), "index-no-bundle");
}

#[tokio::test]
async fn an_index_is_read_from_a_web_server_however_it_answers() {
    let package = support::package();
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path().to_owned();
    let root = index(&at, &package, "registry.example").await;
    // It says 403 of what it does not have, as stores of objects do.
    let stub = Stub::start(move |asked| {
        let path = asked.line.split(' ').nth(1).unwrap().strip_prefix("/base/").unwrap_or("none");
        match std::fs::read(at.join(path)) {
            Ok(content) => Reply::ok(content),
            Err(_) => Reply::status(403),
        }
    })
    .await;
    let open = |base: &str, registry: &str| {
        let web = Web::new(base.parse().unwrap(), Arc::new(client(registry)));
        Index::open(vec![Arc::new(web)], root.clone(), None, &LIMITS).unwrap()
    };
    let clock = Clock::at(Timestamp::now());
    for base in ["base", "base/", "base?x=1#y"] {
        let read = open(&format!("http://{}/{base}", stub.registry), &stub.registry).refresh(&clock).await;
        assert_eq!(read.unwrap().entries().count(), 1, "{base}");
    }
    let elsewhere = open(&format!("http://{}/other", stub.registry), &stub.registry);
    assert_eq!(elsewhere.refresh(&clock).await.unwrap_err().code(), "index-missing");
    let endless = Stub::start(|_| Reply::ok(vec![b' '; 1 << 20])).await;
    let read = open(&format!("http://{}/", endless.registry), &endless.registry).refresh(&clock).await;
    assert_eq!(read.unwrap_err().code(), "index-too-large");
    let gone = open("http://127.0.0.1:9/", "127.0.0.1:9").refresh(&clock).await;
    assert_eq!(gone.unwrap_err().code(), "index-unreachable");
}
