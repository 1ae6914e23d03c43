//! Whatever is done to an index, in whatever order: it reads back as it was meant; and whatever is done to its bytes,
//! it reads the same or not at all.

use std::collections::BTreeMap;

use proptest::prelude::*;
use waystation_sign::{Algorithm, Key, Signer};

use super::support::{Lab, days, holders, now, plugin, version, with};
use crate::{Change, Keys, With};

#[derive(Debug, Clone)]
enum Step {
    Add(u8, u8),
    Yank(u8, u8, bool),
    Remove(u8, u8),
    Refresh,
    Renew,
    /// Other keys for the root, the list, or what is renewed.
    Rotate(u8),
    /// A namespace goes to a new key, or comes back.
    Delegate(u8, bool),
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..3u8, 0..4u8).prop_map(|(plugin, version)| Step::Add(plugin, version)),
        2 => (0..3u8, 0..4u8, any::<bool>()).prop_map(|(p, v, yank)| Step::Yank(p, v, yank)),
        1 => (0..3u8, 0..4u8).prop_map(|(plugin, version)| Step::Remove(plugin, version)),
        1 => Just(Step::Refresh),
        1 => Just(Step::Renew),
        2 => (0..3u8).prop_map(Step::Rotate),
        2 => (0..2u8, any::<bool>()).prop_map(|(namespace, give)| Step::Delegate(namespace, give)),
    ]
}

const NAMES: [&str; 3] = ["acme/one", "acme/two", "beta/one"];

async fn all_of(steps: Vec<Step>) {
    let lab = Lab::new().await;
    let (often, once) = (lab.reader("often"), lab.reader("once"));
    let mut keys = Vec::new();
    let mut expected: BTreeMap<(String, String), bool> = BTreeMap::new();
    for (number, step) in steps.into_iter().enumerate() {
        let at = |plugin: u8, v: u8| (NAMES[usize::from(plugin)].to_owned(), format!("1.{v}.0"));
        let mut package = None;
        let mut change = None;
        let mut refused = false;
        match &step {
            Step::Add(p, v) => {
                let (name, version) = at(*p, *v);
                package = Some(plugin(&name, &version));
                expected.entry((name, version)).or_default();
            }
            Step::Yank(p, v, yank) => {
                let (name, text) = at(*p, *v);
                match expected.get_mut(&(name.clone(), text.clone())) {
                    Some(yanked) => *yanked = *yank,
                    None => refused = true,
                }
                let why = yank.then(|| "it leaks".to_owned());
                change = Some(Change::Yank { name, version: version(&text), why });
            }
            Step::Remove(p, v) => {
                let (name, text) = at(*p, *v);
                refused = expected.remove(&(name.clone(), text.clone())).is_none();
                change = Some(Change::Remove { name, version: version(&text) });
            }
            Step::Refresh => {}
            Step::Renew => change = Some(Change::Renew("targets".into())),
            Step::Rotate(role) => {
                keys.push(Key::generate(if number % 2 == 0 { Algorithm::P256 } else { Algorithm::Ed25519 }));
                let new = Some(holders(&keys.iter().rev().take(1).collect::<Vec<_>>(), 1));
                change = Some(Change::Keys(match role {
                    0 => Keys { root: new, ..Keys::default() },
                    1 => Keys { targets: new, ..Keys::default() },
                    _ => Keys { online: new, ..Keys::default() },
                }));
            }
            Step::Delegate(namespace, give) => {
                keys.push(Key::generate(Algorithm::P256));
                let new = holders(&keys.iter().rev().take(1).collect::<Vec<_>>(), 1);
                let namespace = ["acme", "beta"][usize::from(*namespace)].to_owned();
                change = Some(Change::Delegate { namespace, holders: give.then_some(new) });
            }
        }
        if let Some(package) = &package {
            change = Some(Change::Add { package, references: Vec::new(), keep: true });
        }
        let signers: Vec<&dyn Signer> =
            lab.all().into_iter().chain(keys.iter().map(|key| key as &dyn Signer)).collect();
        let with = With { now: now() + days(i64::try_from(number).unwrap()), ..with(&signers) };
        let publisher = lab.publisher();
        let done = match change {
            Some(change) => publisher.change(&[change], &with).await,
            None => publisher.refresh(&with).await,
        };
        match (&step, done) {
            // There is nothing to take back.
            (Step::Delegate(_, false), Err(e)) => assert_eq!(e.code(), "index-role"),
            (_, Err(e)) => assert!(refused && e.code() == "index-unknown-plugin", "{step:?}: {e}"),
            (_, Ok(done)) => assert!(!refused && done.published.is_some(), "{step:?}: {done:?}"),
        }
        let catalog = often.read_at(&lab.served(), with.now).await.unwrap();
        let listed: BTreeMap<_, _> = catalog
            .entries()
            .map(|e| ((e.name.clone(), e.version.to_string()), e.about.yanked.is_some()))
            .collect();
        assert_eq!(listed, expected, "{step:?}");
        if number % 5 == 0 {
            assert_eq!(once.read_at(&lab.served(), with.now).await.unwrap(), catalog);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, max_shrink_iters: 50, ..ProptestConfig::default() })]

    #[test]
    fn any_sequence_of_changes_reads_back(steps in proptest::collection::vec(step(), 1..14)) {
        tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(all_of(steps));
    }
}

#[tokio::test]
async fn any_changed_byte_of_metadata_is_refused_or_reads_the_same() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let good = lab.served();
    let read = async |from: &super::support::Memory| {
        let sources: Vec<std::sync::Arc<dyn crate::Fetch>> = vec![std::sync::Arc::new(from.clone())];
        let index = crate::Index::open(sources, lab.pinned(), None, &crate::Limits::DEFAULT).unwrap();
        index.refresh(&crate::Clock::at(now())).await
    };
    let catalog = read(&good).await.unwrap();
    let current = ["metadata/timestamp.json", "metadata/2.snapshot.json", "metadata/2.targets.json"];
    let (mut same, mut refused) = (0, 0);
    for path in current {
        for position in 0..good.0[path].len() {
            for bit in [0x01, 0x20] {
                let mut bytes = good.0[path].to_vec();
                bytes[position] ^= bit;
                let mut changed = good.clone();
                changed.put(path, bytes);
                match read(&changed).await {
                    Ok(read) => {
                        assert_eq!(read, catalog, "{path} {position}");
                        same += 1;
                    }
                    Err(e) => {
                        assert!(!e.code().is_empty());
                        refused += 1;
                    }
                }
            }
        }
    }
    // White space and the case of hexadecimal digits in the timestamp, which nothing pins.
    assert!(refused > 10 * same, "{refused} {same}");
}
