//! What is written, and who has to sign.

use std::path::PathBuf;

use waystation_sign::{Algorithm, Command, Key, Signer};

use super::support::{LIMITS, Lab, days, holders, now, plugin, version, with};
use crate::{Change, Holders, Keys, Publisher, With};

fn add(package: &waystation_bundle::Package) -> Change<'_> {
    Change::Add { package, references: Vec::new(), keep: true }
}

#[tokio::test]
async fn what_is_added_is_read_back() {
    let lab = Lab::new().await;
    let reader = lab.reader("state");
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 0);
    let (one, two) = (plugin("acme/tool", "1.0.0"), plugin("acme/tool", "1.1.0"));
    lab.add(&one).await;
    lab.change(&[add(&two), add(&plugin("other/thing", "0.1.0"))]).await.unwrap();
    let catalog = reader.read(&lab.served()).await.unwrap();
    let listed: Vec<_> = catalog.entries().map(|e| format!("{} {}", e.name, e.version)).collect();
    assert_eq!(listed, ["acme/tool 1.0.0", "acme/tool 1.1.0", "other/thing 0.1.0"]);
    let entry = catalog.entry("acme/tool", &version("1.0.0")).unwrap();
    assert_eq!((entry.digest, entry.about.license.as_deref()), (one.digest(), Some("MIT")));
    assert_eq!(reader.index(&lab.served()).fetch(entry, None).await.unwrap(), one);
    // Versions are given once, and the same again is no other.
    lab.add(&one).await;
    let other = super::support::plugin_with("acme/tool", "1.0.0", "revision = \"x\"\n");
    assert_eq!(lab.change(&[add(&other)]).await.unwrap_err().code(), "index-version-taken");
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 3);
}

#[tokio::test]
async fn what_is_withdrawn_stays_listed_and_what_is_removed_does_not() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    let name = || "acme/tool".to_owned();
    let yank = |why: Option<&str>| Change::Yank {
        name: name(),
        version: version("1.1.0"),
        why: why.map(str::to_owned),
    };
    let any = "*".parse().unwrap();
    let reader = lab.reader("state");
    for (why, newest) in [(Some("it leaks"), "1.0.0"), (None, "1.1.0"), (Some("it leaks"), "1.0.0")] {
        lab.change(&[yank(why)]).await.unwrap();
        let catalog = reader.read(&lab.served()).await.unwrap();
        assert_eq!(catalog.resolve("acme/tool", &any, &version("0.1.0")).unwrap().version, version(newest));
        let entry = catalog.entry("acme/tool", &version("1.1.0")).unwrap();
        assert_eq!(entry.about.yanked.as_deref(), why);
    }
    // Listing it again does not bring it back.
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    lab.change(&[Change::Remove { name: name(), version: version("1.0.0") }]).await.unwrap();
    let catalog = reader.read(&lab.served()).await.unwrap();
    let refused = catalog.resolve("acme/tool", &any, &version("0.1.0")).unwrap_err();
    assert_eq!(refused.code(), "index-no-version");
    assert!(refused.to_string().contains("1.1.0 (withdrawn: it leaks)"), "{refused}");
    assert!(catalog.entry("acme/tool", &version("1.0.0")).is_none());
    let gone = Change::Remove { name: name(), version: version("1.0.0") };
    assert_eq!(lab.change(&[gone]).await.unwrap_err().code(), "index-unknown-plugin");
}

#[tokio::test]
async fn a_threshold_is_met_by_several_holders_one_after_the_other() {
    let lab = Lab::bare();
    let (a, b, c) =
        (Key::generate(Algorithm::P256), Key::generate(Algorithm::Ed25519), Key::generate(Algorithm::P256));
    let keys = Keys {
        root: Some(holders(&[&a, &b, &c], 2)),
        targets: Some(holders(&[&a, &b, &c], 2)),
        online: Some(holders(&[&lab.online], 1)),
    };
    let (publisher, outcome) =
        Publisher::init(&lab.index(), &keys, &with(&[&a, &lab.online]), &LIMITS).await.unwrap();
    let waiting: Vec<_> = outcome.waiting.iter().map(|w| (w.role.as_str(), w.have, w.need)).collect();
    assert_eq!(waiting, [("root", 1, 2), ("targets", 1, 2)]);
    assert_eq!(outcome.published, None);
    drop(publisher);
    // Whoever signs next sees what.
    let pending = lab.publisher().pending().await.unwrap();
    assert_eq!((pending[0].role.as_str(), pending[0].added.len(), pending[1].added.len()), ("root", 4, 0));
    // The same key again does not count twice; a stranger's does not count at all.
    assert_eq!(lab.publisher().sign(&with(&[&a])).await.unwrap().waiting.len(), 2);
    assert_eq!(lab.publisher().sign(&with(&[&lab.root])).await.unwrap_err().code(), "index-idle-key");
    // Complete, but for the key that is online.
    let outcome = lab.publisher().sign(&with(&[&c])).await.unwrap();
    assert_eq!((outcome.published, outcome.waiting[0].role.as_str()), (None, "snapshot"));
    assert!(lab.publisher().refresh(&with(&[&lab.online])).await.unwrap().published.is_some());
    assert!(!lab.index().join("staged").exists());

    // What waits keeps nobody from renewing what is published.
    let tool = plugin("acme/tool", "1.0.0");
    let outcome = lab.publisher().change(&[add(&tool)], &with(&[&b, &lab.online])).await.unwrap();
    assert_eq!((outcome.published, outcome.waiting.len()), (None, 1));
    let pending = lab.publisher().pending().await.unwrap();
    let added = format!("acme/tool 1.0.0 {}", tool.digest());
    assert_eq!((pending.len(), &pending[0].added), (1, &vec![added]));
    assert!(pending[0].changed.is_empty() && pending[0].removed.is_empty(), "{pending:?}");
    let online: [&dyn Signer; 1] = [&lab.online];
    let later = With { now: now() + days(3), ..with(&online) };
    let outcome = lab.publisher().refresh(&later).await.unwrap();
    assert_eq!((outcome.published.is_some(), outcome.waiting.len()), (true, 1));
    let reader = lab.reader("state");
    let catalog = reader.read_at(&lab.served(), now() + days(9)).await.unwrap();
    assert_eq!(catalog.entries().count(), 0);
    assert!(lab.publisher().sign(&with(&[&c, &lab.online])).await.unwrap().published.is_some());
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 1);
}

#[tokio::test]
async fn keys_are_exchanged_and_readers_follow() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let (late, early) = (lab.reader("late"), lab.reader("early"));
    early.read(&lab.served()).await.unwrap();
    let (root, targets, online) = (
        Key::generate(Algorithm::Ed25519),
        Key::generate(Algorithm::P256),
        Key::generate(Algorithm::Ed25519),
    );
    let change = |keys| [Change::Keys(keys)];
    // The new root alone does not do, nor does the old one.
    let keys = Keys { root: Some(holders(&[&root], 1)), ..Keys::default() };
    for signers in [[&root as &dyn Signer, &lab.online], [&lab.root, &lab.online]] {
        let outcome = lab.publisher().change(&change(keys.clone()), &with(&signers)).await.unwrap();
        assert_eq!(outcome.published, None, "{outcome:?}");
    }
    let all: [&dyn Signer; 3] = [&root, &lab.root, &lab.online];
    let outcome = lab.publisher().change(&change(keys), &with(&all)).await.unwrap();
    assert_eq!(outcome.published.unwrap()["root"].version, 2);
    assert!(early.read(&lab.served()).await.is_ok());
    // All others at once. The lists are signed anew by the new holders.
    let keys = Keys {
        targets: Some(holders(&[&targets], 1)),
        online: Some(holders(&[&online], 1)),
        ..Keys::default()
    };
    let all: [&dyn Signer; 3] = [&root, &targets, &online];
    let outcome = lab.publisher().change(&change(keys), &with(&all)).await.unwrap();
    assert_eq!(outcome.published.unwrap()["root"].version, 3);
    for reader in [&early, &late] {
        assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 1);
    }
    // The old keys have no say any more.
    let tool = plugin("acme/tool", "2.0.0");
    let outcome = lab.publisher().change(&[add(&tool)], &with(&lab.all())).await.unwrap();
    assert_eq!(outcome.published, None);
}

#[tokio::test]
async fn a_namespace_is_given_to_others_and_taken_back() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    lab.add(&plugin("other/thing", "1.0.0")).await;
    let acme = Key::generate(Algorithm::P256);
    let give = |holders: Option<Holders>| [Change::Delegate { namespace: "acme".into(), holders }];
    // They have to sign for what is there already.
    let outcome = lab.change(&give(Some(holders(&[&acme], 1)))).await.unwrap();
    assert_eq!(outcome.waiting[0].role, "acme");
    let theirs: [&dyn Signer; 2] = [&acme, &lab.online];
    let published = lab.publisher().sign(&with(&theirs)).await.unwrap().published.unwrap();
    assert!(published.contains_key("acme"));
    let reader = lab.reader("state");
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 2);
    // From now on it is theirs.
    let two = plugin("acme/tool", "2.0.0");
    let outcome = lab.change(&[add(&two)]).await.unwrap();
    assert_eq!((outcome.published, outcome.waiting[0].role.as_str()), (None, "acme"));
    assert!(lab.publisher().sign(&with(&theirs)).await.unwrap().published.is_some());
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 3);
    // Other keys of theirs; then back, with everything, and away again.
    let other = Key::generate(Algorithm::Ed25519);
    let all: [&dyn Signer; 3] = [&lab.targets, &lab.online, &other];
    for holders in [Some(holders(&[&other], 1)), None, Some(holders(&[&other], 1)), None] {
        let outcome = lab.publisher().change(&give(holders), &with(&all)).await.unwrap();
        assert!(outcome.published.is_some(), "{outcome:?}");
        assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 3);
    }
    assert_eq!(lab.change(&give(None)).await.unwrap_err().code(), "index-role");
    // A namespace without plugins needs no signature of theirs yet.
    let empty = Change::Delegate { namespace: "empty".into(), holders: Some(holders(&[&other], 1)) };
    assert!(lab.change(&[empty]).await.unwrap().published.is_some());
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 3);
}

#[tokio::test]
async fn one_namespace_that_lapses_takes_no_other_with_it() {
    let lab = Lab::new().await;
    lab.add(&plugin("other/thing", "1.0.0")).await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let acme = Key::generate(Algorithm::P256);
    let give = Change::Delegate { namespace: "acme".into(), holders: Some(holders(&[&acme], 1)) };
    let all: [&dyn Signer; 3] = [&lab.targets, &lab.online, &acme];
    lab.publisher().change(&[give], &with(&all)).await.unwrap();
    let later = now() + days(200);
    let renew = |role: &str| [Change::Renew(role.into())];
    let late = With { now: later, ..with(&all) };
    lab.publisher().change(&renew("targets"), &late).await.unwrap();
    let at = now() + days(400);
    let keys: [&dyn Signer; 2] = [&lab.root, &lab.online];
    let late = With { now: at, ..with(&keys) };
    let renewed = lab.publisher().change(&renew("root"), &late).await.unwrap();
    assert!(renewed.published.is_some());
    let reader = lab.reader("state");
    let catalog = reader.read_at(&lab.served(), at).await.unwrap();
    assert_eq!(catalog.names().collect::<Vec<_>>(), ["other/thing"]);
    assert_eq!(catalog.lapsed().map(|(name, _)| name).collect::<Vec<_>>(), ["acme"]);
    assert_eq!(catalog.versions("acme/tool").unwrap_err().code(), "index-frozen");
    let late = With { now: at, ..with(&all) };
    lab.publisher().change(&renew("acme"), &late).await.unwrap();
    assert_eq!(reader.read_at(&lab.served(), at).await.unwrap().names().count(), 2);
}

#[tokio::test]
async fn a_folder_is_made_once_and_roles_can_be_met() {
    let lab = Lab::new().await;
    let good = || holders(&[&lab.root], 1);
    let keys = |root| Keys { root: Some(root), targets: Some(good()), online: Some(good()) };
    let nobody = with(&[]);
    let init = async |folder: &str, keys: &Keys| {
        let made = Publisher::init(&lab.folder.path().join(folder), keys, &nobody, &LIMITS).await;
        made.map_or_else(|e| e.code(), |_| "made")
    };
    assert_eq!(init("index", &keys(good())).await, "index-exists");
    assert_eq!(init("a", &keys(holders(&[&lab.root], 2))).await, "index-role");
    assert_eq!(init("b", &keys(holders(&[&lab.root, &lab.root], 2))).await, "index-role");
    assert_eq!(init("c", &keys(holders(&[&lab.root], 0))).await, "index-role");
    assert_eq!(init("d", &Keys { root: Some(good()), ..Keys::default() }).await, "index-role");
    assert!(!lab.folder.path().join("a").exists(), "what cannot be is not begun");
    // What failed is begun again.
    let none = PathBuf::from("/nonexistent/program");
    let broken = Command::new(none.into(), Vec::new(), lab.root.public().clone());
    let signers: [&dyn Signer; 1] = [&broken];
    let failed = Publisher::init(&lab.folder.path().join("e"), &keys(good()), &with(&signers), &LIMITS).await;
    assert_eq!(failed.unwrap_err().code(), "command-failed");
    let signers: [&dyn Signer; 1] = [&lab.root];
    let made = Publisher::init(&lab.folder.path().join("e"), &keys(good()), &with(&signers), &LIMITS).await;
    assert!(made.unwrap().1.published.is_some());
    assert_eq!(Publisher::open(lab.folder.path(), &LIMITS).unwrap_err().code(), "index-not-here");
    for namespace in ["root", "snapshot", "Acme", "a/b", ""] {
        let give = Change::Delegate { namespace: namespace.into(), holders: Some(good()) };
        assert_eq!(lab.change(&[give]).await.unwrap_err().code(), "index-role", "{namespace}");
    }
    let renew = lab.change(&[Change::Renew("acme".into())]).await;
    assert_eq!(renew.unwrap_err().code(), "index-role");
}

#[tokio::test]
async fn what_was_interrupted_is_finished_and_what_fails_changes_nothing() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let before = lab.served();
    // Killed after all of it was written and nothing of it in place.
    lab.add(&plugin("acme/tool", "1.1.0")).await;
    let after = lab.served();
    let ready = lab.index().join("staged/ready");
    std::fs::create_dir_all(&ready).unwrap();
    for (path, content) in after.0.iter().filter(|(path, _)| path.starts_with("metadata/")) {
        let name = path.rsplit('/').next().unwrap();
        match before.0.get(path) {
            Some(old) if old == content => {}
            old => {
                std::fs::write(ready.join(name), content).unwrap();
                match old {
                    Some(old) => std::fs::write(lab.index().join(path), old).unwrap(),
                    None => std::fs::remove_file(lab.index().join(path)).unwrap(),
                }
            }
        }
    }
    let reader = lab.reader("state");
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 1);
    assert!(lab.publisher().waiting().await.unwrap().is_empty());
    assert_eq!(lab.served(), after);
    assert_eq!(reader.read(&lab.served()).await.unwrap().entries().count(), 2);
    // A list that is over is not refreshed away, and nothing is touched.
    let online: [&dyn Signer; 1] = [&lab.online];
    let late = With { now: now() + days(366), ..with(&online) };
    assert_eq!(lab.publisher().refresh(&late).await.unwrap_err().code(), "index-root-expired");
    assert_eq!(lab.served(), after);
}
