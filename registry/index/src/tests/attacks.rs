//! What a server, a mirror or a holder of one key may try.

use serde_json::{Value, json};
use waystation_sign::{Algorithm, Key, Signer};

use super::support::{LIMITS, Lab, Memory, days, holders, now, plugin, sign, with};
use crate::{Change, Clock, Index, Keys};

/// An index in two states, and a reader that has seen the second.
async fn seen() -> (Lab, Memory, Memory, super::support::Reader) {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    let before = lab.served();
    lab.add(&plugin("acme/tool", "1.0.1")).await;
    let after = lab.served();
    let reader = lab.reader("state");
    reader.read(&after).await.unwrap();
    (lab, before, after, reader)
}

#[tokio::test]
async fn an_older_state_is_refused_by_whoever_saw_a_newer_one() {
    let (lab, before, after, reader) = seen().await;
    assert_eq!(reader.refused(&before).await, "index-rolled-back");
    // Whoever has the online key cannot go back either: not with the snapshot, not with the list.
    let mut snapshot = after.clone();
    snapshot.forge("metadata/timestamp.json", "metadata/timestamp.json", &[&lab.online], |signed| {
        signed["version"] = 99.into();
        signed["meta"]["snapshot.json"] = json!({ "version": 2 });
    });
    assert_eq!(reader.refused(&snapshot).await, "index-rolled-back");
    let mut targets = after.clone();
    targets.chain(&lab.online, &[("targets", 2)]);
    assert_eq!(reader.refused(&targets).await, "index-rolled-back");
    // A list that disappears from the snapshot.
    let mut gone = after.clone();
    gone.chain(&lab.online, &[]);
    gone.forge("metadata/4.snapshot.json", "metadata/4.snapshot.json", &[&lab.online], |signed| {
        signed["meta"] = json!({});
    });
    assert_eq!(reader.refused(&gone).await, "index-mixed");
    // What was refused is not remembered.
    assert_eq!(reader.refused(&after).await, "read");
}

#[tokio::test]
async fn an_older_root_is_refused_by_whoever_saw_a_newer_one() {
    let (lab, _, before, reader) = seen().await;
    let new = Key::generate(Algorithm::P256);
    let keys = Keys { root: Some(holders(&[&new], 1)), ..Keys::default() };
    let all: [&dyn Signer; 3] = [&new, &lab.root, &lab.online];
    lab.publisher().change(&[Change::Keys(keys)], &with(&all)).await.unwrap();
    let after = lab.served();
    assert_eq!(reader.refused(&after).await, "read");
    let mut hidden = after.clone();
    hidden.0.remove("metadata/2.root.json");
    // It is remembered, so that hiding it changes nothing; the rest of the older state is refused.
    assert_eq!(reader.refused(&hidden).await, "read");
    assert_eq!(reader.refused(&before).await, "index-rolled-back");
    // Who only remembers that there was one does not go on without it.
    let file = reader.state.join("trusted.json");
    let mut kept: Value = serde_json::from_slice(&std::fs::read(&file).unwrap()).unwrap();
    let root = kept["material"]["roots"]["2"].take();
    kept["material"]["roots"] = json!({ "3": root });
    std::fs::write(&file, kept.to_string()).unwrap();
    assert_eq!(reader.refused(&hidden).await, "index-rolled-back");
}

#[tokio::test]
async fn a_root_follows_only_if_the_last_one_signed_it() {
    let (lab, _, after, reader) = seen().await;
    let thief = Key::generate(Algorithm::P256);
    let forge = |version: u64, keys: &[&Key]| {
        let mut offered = after.clone();
        offered.forge("metadata/1.root.json", "metadata/2.root.json", keys, |signed| {
            signed["version"] = version.into();
            let (id, object) =
                (crate::keys::id_of(thief.public()).unwrap(), crate::keys::object(thief.public()).unwrap());
            signed["keys"][&id] = object;
            signed["roles"]["root"] = json!({ "keyids": [id], "threshold": 1 });
        });
        offered
    };
    assert_eq!(reader.refused(&forge(2, &[&thief])).await, "index-signature");
    assert_eq!(reader.refused(&forge(2, &[&lab.root])).await, "index-signature");
    assert_eq!(reader.refused(&forge(3, &[&thief, &lab.root])).await, "index-root-chain");
    assert_eq!(reader.refused(&forge(1, &[&thief, &lab.root])).await, "index-root-chain");
    assert_eq!(reader.refused(&forge(2, &[&thief, &lab.root])).await, "read");
}

#[tokio::test]
async fn what_is_over_is_refused() {
    let (lab, _, after, reader) = seen().await;
    let refused_at = async |at, from: &Memory| {
        reader.read_at(from, at).await.map_or_else(|e| e.to_string(), |_| "read".into())
    };
    assert_eq!(refused_at(now() + days(7), &after).await, "read");
    assert!(refused_at(now() + days(7) + days(1), &after).await.contains("timestamp.json was good until"));
    let later = now() + days(365) + days(1);
    let root = reader.read_at(&after, later).await.unwrap_err();
    assert_eq!(root.code(), "index-root-expired");
    // The list, while all else is fresh.
    let all: [&dyn Signer; 2] = [&lab.root, &lab.online];
    let late = crate::With { now: now() + days(360), ..with(&all) };
    lab.publisher().change(&[Change::Renew("root".into())], &late).await.unwrap();
    let late = crate::With { now: now() + days(364), ..with(&all) };
    lab.publisher().refresh(&late).await.unwrap();
    let frozen = reader.read_at(&lab.served(), later).await.unwrap_err();
    assert_eq!(frozen.code(), "index-frozen");
    assert!(frozen.to_string().contains("targets.json"), "{frozen}");
    // The snapshot alone.
    let mut snapshot = after.clone();
    snapshot.chain(&lab.online, &[]);
    let path = "metadata/4.snapshot.json";
    snapshot.forge(path, path, &[&lab.online], |signed| signed["expires"] = "2030-01-01T00:00:00Z".into());
    let frozen = lab.reader("other").read(&snapshot).await.unwrap_err();
    assert!(frozen.to_string().contains("snapshot.json"), "{frozen}");
    assert_eq!(frozen.code(), "index-frozen");
}

#[tokio::test]
async fn files_of_two_states_do_not_mix() {
    let (lab, before, after, _) = seen().await;
    let reader = lab.reader("fresh");
    let mix = |path: &str, from: &str| {
        let mut mixed = after.clone();
        mixed.put(path, before.0[from].clone());
        mixed
    };
    let snapshot = mix("metadata/3.snapshot.json", "metadata/2.snapshot.json");
    assert_eq!(reader.refused(&snapshot).await, "index-mixed");
    let targets = mix("metadata/3.targets.json", "metadata/2.targets.json");
    assert_eq!(reader.refused(&targets).await, "index-mixed");
    // One file in the place of another.
    let timestamp = mix("metadata/timestamp.json", "metadata/2.snapshot.json");
    assert_eq!(reader.refused(&timestamp).await, "index-malformed");
    for missing in ["metadata/timestamp.json", "metadata/3.snapshot.json", "metadata/3.targets.json"] {
        let mut without = after.clone();
        without.0.remove(missing);
        assert_eq!(reader.refused(&without).await, "index-missing", "{missing}");
    }
}

#[tokio::test]
async fn nobody_else_signs() {
    let (lab, _, after, _) = seen().await;
    let reader = lab.reader("fresh");
    for (path, wrong) in [
        ("metadata/timestamp.json", &lab.targets),
        ("metadata/3.snapshot.json", &lab.root),
        ("metadata/3.targets.json", &lab.online),
    ] {
        let mut forged = after.clone();
        forged.forge(path, path, &[wrong], |_| ());
        // A snapshot and a list are named by their digests, which is found out first.
        let code = reader.refused(&forged).await;
        assert!(["index-signature", "index-mixed"].contains(&code), "{path}: {code}");
        // The same where whoever has the online key gives it a name.
        if path.ends_with("targets.json") {
            forged.chain(&lab.online, &[("targets", 3)]);
            assert_eq!(reader.refused(&forged).await, "index-signature", "{path}");
        }
    }
}

#[tokio::test]
async fn one_key_does_not_count_twice() {
    let lab = Lab::bare();
    let (a, b) = (Key::generate(Algorithm::P256), Key::generate(Algorithm::P256));
    let keys = Keys {
        root: Some(holders(&[&lab.root], 1)),
        targets: Some(holders(&[&a, &b], 2)),
        online: Some(holders(&[&lab.online], 1)),
    };
    let all: [&dyn Signer; 4] = [&lab.root, &lab.online, &a, &b];
    crate::Publisher::init(&lab.index(), &keys, &with(&all), &LIMITS).await.unwrap();
    let good = lab.served();
    let reader = lab.reader("state");
    assert_eq!(reader.refused(&good).await, "read");
    let forged = |signatures: &[&Key]| {
        let mut forged = good.clone();
        forged.forge("metadata/1.targets.json", "metadata/1.targets.json", signatures, |signed| {
            signed["expires"] = "2040-01-01T00:00:00Z".into();
        });
        forged.chain(&lab.online, &[("targets", 1)]);
        forged
    };
    let fresh = lab.reader("fresh");
    assert_eq!(fresh.refused(&forged(&[&a])).await, "index-signature");
    assert_eq!(fresh.refused(&forged(&[&a, &a])).await, "index-signature");
    // The same key under a second name, in a root that is signed as it should be.
    for second in ["0".repeat(64), crate::keys::id_of(b.public()).unwrap()] {
        let mut root: Value = lab.served().json("metadata/1.root.json")["signed"].take();
        let id = crate::keys::id_of(a.public()).unwrap();
        root["keys"][&second] = root["keys"][&id].clone();
        root["roles"]["targets"] = json!({ "keyids": [id, second], "threshold": 2 });
        let twice = sign(&root, &[&lab.root]);
        let opened = Index::open(Vec::new(), twice, None, &LIMITS);
        assert_eq!(opened.unwrap_err().code(), "index-keys");
    }
    // One key, but not under its own name.
    let mut root: Value = lab.served().json("metadata/1.root.json")["signed"].take();
    let id = crate::keys::id_of(a.public()).unwrap();
    let object = root["keys"].as_object_mut().unwrap().remove(&id).unwrap();
    root["keys"]["0".repeat(64)] = object;
    root["roles"]["targets"] = json!({ "keyids": ["0".repeat(64)], "threshold": 1 });
    let named = Index::open(Vec::new(), sign(&root, &[&lab.root]), None, &LIMITS).unwrap_err();
    assert!(named.code() == "index-keys" && named.to_string().contains("not the identifier"), "{named}");
    // Under a second name that is its own, for it is written in another way.
    let mut root: Value = lab.served().json("metadata/1.root.json")["signed"].take();
    let id = crate::keys::id_of(a.public()).unwrap();
    let mut other = root["keys"][&id].clone();
    other["keytype"] = "ecdsa-sha2-nistp256".into();
    let second = crate::keys::id(&other).unwrap();
    root["keys"][&second] = other;
    root["roles"]["targets"] = json!({ "keyids": [id, second], "threshold": 2 });
    let twice = Index::open(Vec::new(), sign(&root, &[&lab.root]), None, &LIMITS).unwrap_err();
    assert!(twice.code() == "index-keys" && twice.to_string().contains("are one key"), "{twice}");
    // The same name twice in a role, and a name of a key that is not there.
    for ids in [json!([0, 0]), json!([0, 1])] {
        let mut root: Value = lab.served().json("metadata/1.root.json")["signed"].take();
        let id = crate::keys::id_of(a.public()).unwrap();
        let id = |n: &Value| if n == 0 { json!(id) } else { json!("f".repeat(64)) };
        let ids: Vec<_> = ids.as_array().unwrap().iter().map(id).collect();
        root["roles"]["targets"] = json!({ "keyids": ids, "threshold": 2 });
        let opened = Index::open(Vec::new(), sign(&root, &[&lab.root]), None, &LIMITS);
        assert_eq!(opened.unwrap_err().code(), "index-keys");
    }
}

#[tokio::test]
async fn metadata_has_one_reading() {
    let (lab, _, after, _) = seen().await;
    let text = |path: &str| String::from_utf8(after.0[path].to_vec()).unwrap();
    let reader = lab.reader("fresh");
    let path = "metadata/timestamp.json";
    for (from, to) in [
        ("\"signed\": {", "\"signed\": {\"version\": 9,"),
        ("{\n  \"signatures\"", "{\"more\":1,\"signatures\""),
        ("\"version\": 3", "\"version\": 3.0"),
        ("}\n", "}\n{}"),
        ("\"_type\": \"timestamp\"", "\"_type\": \"snapshot\""),
        ("\"spec_version\": \"1.", "\"spec_version\": \"2."),
    ] {
        let changed = text(path).replace(from, to);
        assert_ne!(changed, text(path), "{from}");
        let mut forged = after.clone();
        forged.put(path, changed);
        let code = reader.refused(&forged).await;
        assert!(["index-malformed", "index-signature"].contains(&code), "{from}: {code}");
    }
    let mut deep = after.clone();
    deep.put(path, "[".repeat(10_000));
    assert_eq!(reader.refused(&deep).await, "index-malformed");
}

#[tokio::test]
async fn what_is_endless_is_not_read() {
    let (lab, _, after, _) = seen().await;
    let reader = lab.reader("fresh");
    let much = |bytes: u64| vec![b' '; usize::try_from(bytes + 1).unwrap()];
    for (path, limit) in [
        ("metadata/2.root.json", LIMITS.root),
        ("metadata/timestamp.json", LIMITS.timestamp),
        ("metadata/3.snapshot.json", LIMITS.snapshot),
        ("metadata/3.targets.json", LIMITS.targets),
    ] {
        let mut large = after.clone();
        large.put(path, much(limit));
        assert_eq!(reader.refused(&large).await, "index-too-large", "{path}");
    }
    let few = crate::Limits { entries: 1, ..LIMITS };
    let index =
        |limits| Index::open(vec![std::sync::Arc::new(after.clone())], lab.pinned(), None, limits).unwrap();
    let refused = index(&few).refresh(&Clock::at(now())).await.unwrap_err();
    assert_eq!(refused.code(), "index-too-many");
    assert!(index(&crate::Limits { entries: 2, ..LIMITS }).refresh(&Clock::at(now())).await.is_ok());
    // Roots without end, each signed as it should be.
    let mut roots = after.clone();
    for version in 2..=4u64 {
        let path = format!("metadata/{version}.root.json");
        roots.forge("metadata/1.root.json", &path, &[&lab.root], |signed| signed["version"] = version.into());
    }
    for (rotations, code) in [(2, "index-too-many"), (3, "read")] {
        let limits = crate::Limits { rotations, ..LIMITS };
        let index =
            Index::open(vec![std::sync::Arc::new(roots.clone())], lab.pinned(), None, &limits).unwrap();
        let read = index.refresh(&Clock::at(now())).await;
        assert_eq!(read.map_or_else(|e| e.code(), |_| "read"), code);
    }
    let many = crate::Limits { keys: 2, ..LIMITS };
    assert_eq!(Index::open(Vec::new(), lab.pinned(), None, &many).unwrap_err().code(), "index-too-many");
}

/// A list that its holders signed and that should not be.
async fn listed(change: impl FnOnce(&mut Value, Value)) -> (Lab, Memory) {
    let (lab, _, after, _) = seen().await;
    let mut forged = after.clone();
    let path = "metadata/3.targets.json";
    let entry = after.json(path)["signed"]["targets"]["acme/tool/1.0.0.json"].clone();
    forged.forge(path, path, &[&lab.targets], |signed| change(signed, entry));
    forged.chain(&lab.online, &[("targets", 3)]);
    (lab, forged)
}

#[tokio::test]
async fn a_path_that_leads_elsewhere_is_refused() {
    for path in [
        "../../etc/cron.d/x/1.0.0.json",
        "/acme/tool/1.0.0.json",
        "acme/tool/../../../1.0.0.json",
        "acme/..%2f/1.0.0.json",
        "acme\\tool\\1.0.0.json",
        "acme/tool/1.0.0/../1.0.1.json",
        "acme/tool/latest.json",
        "acme/tool/1.0.0.json\u{0}",
        "ACME/tool/1.0.0.json",
    ] {
        let (lab, forged) = listed(|signed, entry| signed["targets"][path] = entry).await;
        assert_eq!(lab.reader("fresh").refused(&forged).await, "index-entry", "{path}");
    }
}

#[tokio::test]
async fn an_entry_that_is_not_understood_is_refused() {
    let changes: [fn(&mut Value); 9] = [
        |entry| entry["hashes"] = json!({}),
        |entry| entry["hashes"] = json!({ "sha512": "a".repeat(128) }),
        |entry| entry["hashes"]["sha256"] = json!("A".repeat(64)),
        |entry| entry["length"] = json!(LIMITS.bundle.json + 1),
        |entry| entry["custom"] = Value::Null,
        |entry| entry["custom"]["kind"] = json!("nothing"),
        |entry| entry["custom"]["host"] = json!("whatever"),
        |entry| entry["custom"]["summary"] = json!("x".repeat(LIMITS.about)),
        |entry| entry["custom"]["references"] = json!(["registry.example/acme/tool:1.0.0"]),
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let (lab, forged) = listed(|signed, mut entry| {
            change(&mut entry);
            signed["targets"]["acme/tool/1.0.0.json"] = entry;
        })
        .await;
        assert_eq!(lab.reader("fresh").refused(&forged).await, "index-entry", "{number}");
    }
}

#[tokio::test]
async fn a_namespace_has_one_authority() {
    let lab = Lab::new().await;
    lab.add(&plugin("acme/tool", "1.0.0")).await;
    lab.add(&plugin("other/thing", "1.0.0")).await;
    let acme = Key::generate(Algorithm::P256);
    let give = Change::Delegate { namespace: "acme".into(), holders: Some(holders(&[&acme], 1)) };
    let all: [&dyn Signer; 3] = [&lab.targets, &lab.online, &acme];
    lab.publisher().change(&[give], &with(&all)).await.unwrap();
    let good = lab.served();
    let reader = lab.reader("fresh");
    assert_eq!(reader.refused(&good).await, "read");
    let (theirs, top) = ("metadata/1.acme.json", "metadata/4.targets.json");
    let entry = |path: &str, name: &str| good.json(path)["signed"]["targets"][name].clone();
    // They name what is not theirs.
    let mut forged = good.clone();
    let foreign = entry(top, "other/thing/1.0.0.json");
    forged.forge(theirs, theirs, &[&acme], |signed| signed["targets"]["other/thing/2.0.0.json"] = foreign);
    forged.chain(&lab.online, &[("acme", 1)]);
    assert_eq!(lab.reader("a").refused(&forged).await, "index-entry");
    // The index names what it gave away.
    let mut forged = good.clone();
    let given = entry(theirs, "acme/tool/1.0.0.json");
    forged.forge(top, top, &[&lab.targets], |signed| signed["targets"]["acme/tool/9.0.0.json"] = given);
    forged.chain(&lab.online, &[("targets", 4)]);
    assert_eq!(lab.reader("b").refused(&forged).await, "index-entry");
    // Somebody else signs for them, or they give it further.
    let mut forged = good.clone();
    forged.forge(theirs, theirs, &[&lab.targets], |_| ());
    forged.chain(&lab.online, &[("acme", 1)]);
    assert_eq!(lab.reader("c").refused(&forged).await, "index-signature");
    let mut forged = good.clone();
    let delegations = good.json(top)["signed"]["delegations"].clone();
    forged.forge(theirs, theirs, &[&acme], |signed| signed["delegations"] = delegations);
    forged.chain(&lab.online, &[("acme", 1)]);
    assert_eq!(lab.reader("d").refused(&forged).await, "index-delegation");
    // More than a namespace, less, not to the end, twice, or in the name of another role.
    let changes: [fn(&mut Value); 8] = [
        |roles| roles[0]["paths"] = json!(["*/*/*"]),
        |roles| roles[0]["paths"] = json!(["acme/*/*", "other/*/*"]),
        |roles| roles[0]["paths"] = json!(["acme/tool/*"]),
        |roles| roles[0]["path_hash_prefixes"] = json!([""]),
        |roles| roles[0]["terminating"] = json!(false),
        |roles| roles[0]["name"] = json!("targets"),
        |roles| roles[0]["name"] = json!("../x"),
        |roles| {
            let first = roles[0].clone();
            if let Some(roles) = roles.as_array_mut() {
                roles.push(first);
            }
        },
    ];
    for (number, change) in changes.into_iter().enumerate() {
        let mut forged = good.clone();
        forged.forge(top, top, &[&lab.targets], |signed| change(&mut signed["delegations"]["roles"]));
        forged.chain(&lab.online, &[("targets", 4)]);
        assert_eq!(lab.reader("e").refused(&forged).await, "index-delegation", "{number}");
    }
    // One key twice, for a threshold of two.
    let mut forged = good.clone();
    forged.forge(top, top, &[&lab.targets], |signed| {
        let keys = &mut signed["delegations"]["keys"];
        let one = keys.as_object().unwrap().values().next().unwrap().clone();
        keys["0".repeat(64)] = one;
    });
    forged.chain(&lab.online, &[("targets", 4)]);
    assert_eq!(lab.reader("f").refused(&forged).await, "index-keys");
}
