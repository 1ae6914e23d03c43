//! Copies of an index: mirrors, and sites in one file.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use waystation_bundle::ContentDigest;
use waystation_bundle::archive::Writer;
use waystation_sign::{Algorithm, Key, Signer};

use super::support::{LIMITS, Lab, Memory, days, holders, now, plugin, version, with};
use crate::{Change, Clock, Folder, Imported, Index, IndexError, Keys, Place, Which, check, import, names};

fn clock() -> Clock {
    Clock::at(now())
}

fn open(lab: &Lab, from: &Memory) -> Index {
    Index::open(vec![Arc::new(from.clone())], lab.pinned(), None, &LIMITS).unwrap()
}

async fn places(lab: &Lab, folder: &Path) -> Vec<(String, Place)> {
    let report = check(folder, &lab.pinned(), &clock(), &LIMITS).await.unwrap();
    report
        .plugins
        .into_iter()
        .map(|found| (format!("{} {}", found.name, found.version), found.place))
        .collect()
}

#[tokio::test]
async fn a_mirror_is_an_index_and_fetches_only_what_it_lacks() {
    let lab = Lab::new().await;
    let plugins =
        [plugin("acme/tool", "1.0.0"), plugin("acme/tool", "1.1.0"), plugin("other/thing", "1.0.0")];
    for plugin in &plugins {
        lab.add(plugin).await;
    }
    let to = lab.folder.path().join("mirror");
    let index = open(&lab, &lab.served());
    let some = Which::Of(vec![("acme/tool".into(), None)]);
    let first = index.mirror(&to, &some, &clock()).await.unwrap();
    assert_eq!((first.plugins, first.fetched), (1, 1));
    let expected = [
        ("acme/tool 1.0.0", Place::Missing),
        ("acme/tool 1.1.0", Place::Here),
        ("other/thing 1.0.0", Place::Missing),
    ];
    assert_eq!(places(&lab, &to).await, expected.map(|(name, place)| (name.to_owned(), place)));
    let all = index.mirror(&to, &Which::All, &clock()).await.unwrap();
    assert_eq!((all.plugins, all.fetched), (3, 2));
    assert_eq!(index.mirror(&to, &Which::All, &clock()).await.unwrap().fetched, 0);
    // What was damaged is told, and comes again.
    let file = to.join(names::bundle(plugins[0].digest()));
    std::fs::write(&file, plugins[1].to_tar(&LIMITS.bundle).unwrap()).unwrap();
    assert_eq!(places(&lab, &to).await[0].1, Place::Damaged);
    assert_eq!(index.mirror(&to, &Which::All, &clock()).await.unwrap().fetched, 1);
    // What is nowhere is told, and the others come nevertheless.
    let mut poorer = lab.served();
    poorer.0.remove(&names::bundle(plugins[0].digest())).unwrap();
    let partial = lab.folder.path().join("partial");
    let done = open(&lab, &poorer).mirror(&partial, &Which::All, &clock()).await.unwrap();
    assert_eq!((done.plugins, done.fetched, done.missing.len()), (2, 2, 1));
    assert_eq!((done.missing[0].name.as_str(), done.missing[0].digest), ("acme/tool", plugins[0].digest()));
    assert_eq!(places(&lab, &partial).await[0].1, Place::Missing);
    // As soon as somebody has it, it comes.
    let done = index.mirror(&partial, &Which::All, &clock()).await.unwrap();
    assert_eq!((done.plugins, done.fetched, done.missing), (3, 1, Vec::new()));
    // Another mirror can be made of it, which is the same.
    let copy = Index::open(vec![Arc::new(Folder(to.clone()))], lab.pinned(), None, &LIMITS).unwrap();
    let second = lab.folder.path().join("second");
    copy.mirror(&second, &Which::All, &clock()).await.unwrap();
    let served = lab.served();
    for (path, content) in &served.0 {
        // Only the newest lists are copied.
        if let Ok(copied) = std::fs::read(second.join(path)) {
            assert_eq!(&copied, content, "{path}");
        } else {
            assert!(path.starts_with("metadata/"), "{path}");
        }
    }
    assert!(second.join("metadata/4.targets.json").exists());
}

#[tokio::test]
async fn a_mirror_does_not_go_back() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let before = lab.served();
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    let to = lab.folder.path().join("mirror");
    open(&lab, &lab.served()).mirror(&to, &Which::All, &clock()).await.unwrap();
    let back = open(&lab, &before).mirror(&to, &Which::All, &clock()).await.unwrap_err();
    assert_eq!(back.code(), "index-rolled-back");
    assert_eq!(places(&lab, &to).await.len(), 2);
    // Nor does it become the copy of another index.
    let other = Lab::new().await;
    let foreign = open(&other, &other.served()).mirror(&to, &Which::All, &clock()).await.unwrap_err();
    assert_eq!(foreign.code(), "index-state");
    // Namespaces of others come along, and one that nobody has signed for yet.
    let theirs = Key::generate(Algorithm::P256);
    let give = |namespace: &str| Change::Delegate {
        namespace: namespace.into(),
        holders: Some(holders(&[&theirs], 1)),
    };
    let all: [&dyn Signer; 3] = [&lab.targets, &lab.online, &theirs];
    lab.publisher().change(&[give("acme"), give("empty")], &with(&all)).await.unwrap();
    open(&lab, &lab.served()).mirror(&to, &Which::All, &clock()).await.unwrap();
    assert!(to.join("metadata/1.acme.json").exists() && !to.join("metadata/1.empty.json").exists());
    assert_eq!(places(&lab, &to).await.len(), 2);
    // Keys that are exchanged are followed.
    let new = Key::generate(Algorithm::P256);
    let keys = Keys { online: Some(holders(&[&new], 1)), ..Keys::default() };
    let all: [&dyn Signer; 2] = [&lab.root, &new];
    lab.publisher().change(&[Change::Keys(keys)], &with(&all)).await.unwrap();
    open(&lab, &lab.served()).mirror(&to, &Which::All, &clock()).await.unwrap();
    assert_eq!(places(&lab, &to).await.len(), 2);
}

/// An index with two plugins, in one file.
async fn exported() -> (Lab, Vec<u8>) {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    let bytes = export(&lab, &Which::All).await;
    (lab, bytes)
}

async fn export(lab: &Lab, which: &Which) -> Vec<u8> {
    let mut bytes = Vec::new();
    let include = BTreeMap::from([("trust.toml".to_owned(), Bytes::from_static(b"version = 1\n"))]);
    open(lab, &lab.served()).export(&mut bytes, which, &include, &clock()).await.unwrap();
    bytes
}

async fn carry(lab: &Lab, archive: &[u8], to: &str) -> Result<Imported, IndexError> {
    import(archive, &lab.folder.path().join(to), &lab.pinned(), &clock(), &LIMITS).await
}

#[tokio::test]
async fn a_site_is_carried_in_one_file_that_is_always_the_same() {
    let (lab, site) = exported().await;
    assert_eq!(export(&lab, &Which::All).await, site);
    let mut paths = Vec::new();
    let bounds = waystation_bundle::archive::Bounds { archive: 1 << 30, file: 1 << 30, entries: 100 };
    waystation_bundle::archive::read(site.as_slice(), &bounds, |path, _| {
        paths.push(path.to_owned());
        Ok::<(), IndexError>(())
    })
    .unwrap();
    assert!(paths.is_sorted(), "{paths:?}");
    let done = carry(&lab, &site, "site").await.unwrap();
    let policy = ContentDigest::of(b"version = 1\n");
    assert_eq!(
        (done.plugins, done.included[0].name.as_str(), done.included[0].digest),
        (2, "trust.toml", policy)
    );
    let to = lab.folder.path().join("site");
    assert!(places(&lab, &to).await.iter().all(|(_, place)| *place == Place::Here));
    let left: Vec<_> = std::fs::read_dir(&to).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left.len(), 5, "bundles, include, lock, metadata, targets: {left:?}");
    // The next one has only what is new.
    lab.add(&plugin("acme/tool", "2.0.0")).await;
    let next = export(&lab, &Which::Of(vec![("acme/tool".into(), Some("^2".parse().unwrap()))])).await;
    assert!(next.len() < site.len());
    assert_eq!(carry(&lab, &next, "site").await.unwrap().plugins, 1);
    assert!(places(&lab, &to).await.iter().all(|(_, place)| *place == Place::Here));
    // Back, it does not go.
    assert_eq!(carry(&lab, &site, "site").await.unwrap_err().code(), "index-rolled-back");
    // A mirror and a reader take the site for what it is.
    let index = Index::open(vec![Arc::new(Folder(to))], lab.pinned(), None, &LIMITS).unwrap();
    let catalog = index.refresh(&clock()).await.unwrap();
    let entry = catalog.entry("acme/tool", &version("2.0.0")).unwrap();
    assert_eq!(index.fetch(entry, None).await.unwrap(), plugin("acme/tool", "2.0.0"));
}

#[tokio::test]
async fn a_site_that_is_late_needs_leave() {
    let (lab, site) = exported().await;
    let to = lab.folder.path().join("site");
    let late = Clock::at(now() + days(20));
    let code = async |clock| {
        let done = import(site.as_slice(), &to, &lab.pinned(), &clock, &LIMITS).await;
        done.map_or_else(|e| e.code(), |_| "read")
    };
    assert_eq!(code(late).await, "index-frozen");
    assert!(!to.join("metadata").exists());
    assert_eq!(code(late.late_by(days(30))).await, "read");
    assert_eq!(code(late.late_by(days(30))).await, "read");
}

#[tokio::test]
async fn a_site_that_was_changed_is_refused_and_nothing_of_it_is_there() {
    let (lab, site) = exported().await;
    let other = Lab::new().await;
    let wrong =
        import(site.as_slice(), &lab.folder.path().join("x"), &other.pinned(), &clock(), &LIMITS).await;
    assert_eq!(wrong.unwrap_err().code(), "index-signature");
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    let bounds = waystation_bundle::archive::Bounds { archive: 1 << 30, file: 1 << 30, entries: 100 };
    waystation_bundle::archive::read(site.as_slice(), &bounds, |path, content| {
        files.push((path.to_owned(), content.to_vec()));
        Ok::<(), IndexError>(())
    })
    .unwrap();
    let pack = |files: &[(String, Vec<u8>)]| {
        let mut writer = Writer::new(Vec::new());
        files.iter().try_for_each(|(path, content)| writer.file(path, content)).unwrap();
        writer.finish().unwrap()
    };
    assert_eq!(pack(&files), site);
    let refused = async |files: &[(String, Vec<u8>)]| {
        let code = carry(&lab, &pack(files), "bad").await.map_or_else(|e| e.code(), |_| "read");
        let folder = lab.folder.path().join("bad");
        let left: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name()).collect();
        assert_eq!(left, ["lock"], "{code}");
        code
    };
    let with = |path: &str, content: &[u8]| {
        let mut more = files.clone();
        more.push((path.to_owned(), content.to_vec()));
        more
    };
    // A plugin that the index does not name, under its own digest and under another's.
    let foreign = plugin("evil/tool", "1.0.0");
    let tar = foreign.to_tar(&LIMITS.bundle).unwrap();
    assert_eq!(refused(&with(&names::bundle(foreign.digest()), &tar)).await, "index-stray");
    let mut swapped = files.clone();
    swapped[0].1 = tar;
    assert_eq!(refused(&swapped).await, "index-other-bundle");
    let mut damaged = files.clone();
    damaged[0].1.truncate(1_000);
    assert_eq!(refused(&damaged).await, "truncated");
    for path in [
        "staged/1.root.json",
        "lock",
        "trusted.json",
        "bundles/x",
        "include/.hidden",
        "include/a/b",
        "metadata/x",
        "targets/acme/tool/x.json",
        "metadata/timestamp.json.tmp",
    ] {
        assert_eq!(refused(&with(path, b"{}")).await, "index-stray", "{path}");
    }
    for name in ["../x", ".x", "a/b", "", "a b"] {
        let include = BTreeMap::from([(name.to_owned(), Bytes::new())]);
        let index = open(&lab, &lab.served());
        let stray = index.export(Vec::new(), &Which::All, &include, &clock()).await.unwrap_err();
        assert_eq!(stray.code(), "index-stray", "{name}");
    }
    let missing: Vec<_> =
        files.iter().filter(|(path, _)| !path.ends_with("snapshot.json")).cloned().collect();
    assert_eq!(refused(&missing).await, "index-missing");
    assert_eq!(carry(&lab, b"\x1f\x8b", "bad").await.unwrap_err().code(), "compressed");
    let few = crate::Limits { files: 3, ..LIMITS };
    let to = lab.folder.path().join("few");
    let many = import(site.as_slice(), &to, &lab.pinned(), &clock(), &few).await.unwrap_err();
    assert_eq!(many.code(), "too-many");
    let small = crate::Limits { archive: 10_000, ..LIMITS };
    let large = import(site.as_slice(), &to, &lab.pinned(), &clock(), &small).await.unwrap_err();
    assert_eq!(large.code(), "too-large");
}

#[tokio::test]
async fn any_changed_byte_of_a_site_is_refused_or_means_nothing() {
    let (lab, site) = exported().await;
    let good = carry(&lab, &site, "good").await.unwrap();
    let index = |folder: &str| {
        let folder = Arc::new(Folder(lab.folder.path().join(folder)));
        Index::open(vec![folder], lab.pinned(), None, &LIMITS).unwrap()
    };
    let catalog = index("good").refresh(&clock()).await.unwrap();
    let mut accepted = 0;
    for position in (0..site.len()).step_by(151) {
        let mut flipped = site.clone();
        flipped[position] ^= 0x10;
        let to = format!("flip-{position}");
        if let Ok(done) = carry(&lab, &flipped, &to).await {
            accepted += 1;
            assert_eq!(done.plugins, good.plugins, "{position}");
            assert_eq!(index(&to).refresh(&clock()).await.unwrap(), catalog, "{position}");
            for entry in catalog.entries() {
                assert!(index(&to).fetch(entry, None).await.is_ok(), "{position}");
            }
        }
    }
    // The file beside, which nobody vouches for, and what a header says of owners, modes and times.
    assert!(accepted < site.len() / 151 / 4, "{accepted}");
}
