//! The rules of `wit/README.md`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

use std::path::{Path, PathBuf};

use wit_parser::{Resolve, Type, TypeDefKind, TypeId};

/// Folders, and the file in each.
const OURS: [(&str, &str); 5] = [
    ("host", "host"),
    ("host-0.1.1", "host"),
    ("update-source", "update-source"),
    ("notifier", "notifier"),
    ("hook", "hook"),
];
const WASI: [&str; 7] = ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"];

fn wit() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../wit")
}

fn resolve() -> Resolve {
    let mut resolve = Resolve::default();
    for name in WASI {
        resolve.push_path(wit().join(format!("deps/{name}.wit"))).expect("WASI parses");
    }
    for (name, _) in OURS {
        resolve.push_path(wit().join(name)).unwrap_or_else(|e| panic!("{name}: {e:#}"));
    }
    resolve
}

#[test]
fn every_function_of_ours_returns_a_result_with_our_error() {
    let resolve = resolve();
    let mut seen = 0;
    for (_, interface) in &resolve.interfaces {
        let Some(package) = interface.package.map(|id| &resolve.packages[id].name) else { continue };
        if package.namespace != "waystation" {
            continue;
        }
        for (name, function) in &interface.functions {
            let error = function.result.and_then(|result| error_of(&resolve, result));
            assert_eq!(error.as_deref(), Some("error"), "{package}: {name}");
            seen += 1;
        }
    }
    assert!(seen >= 22, "{seen} functions were found");
}

/// The name of the error type of a `result`.
fn error_of(resolve: &Resolve, result: Type) -> Option<String> {
    let Type::Id(id) = result else { return None };
    let TypeDefKind::Result(result) = &resolve.types[id].kind else { return None };
    let Some(Type::Id(error)) = result.err else { return None };
    named(resolve, error)
}

fn named(resolve: &Resolve, id: TypeId) -> Option<String> {
    resolve.types[id].name.clone()
}

#[test]
fn records_that_a_guest_fills_can_grow() {
    let resolve = resolve();
    // A pair, a page and an identity are whole as they are.
    let closed = ["digest", "query", "key-page"];
    for (_, definition) in &resolve.types {
        let (TypeDefKind::Record(record), Some(name)) = (&definition.kind, &definition.name) else {
            continue;
        };
        let wit_parser::TypeOwner::Interface(owner) = definition.owner else { continue };
        let Some(package) = resolve.interfaces[owner].package else { continue };
        if resolve.packages[package].name.namespace != "waystation" || closed.contains(&name.as_str()) {
            continue;
        }
        assert!(record.fields.iter().any(|field| field.name == "extra"), "record `{name}` has no `extra`");
    }
}

#[test]
fn released_packages_are_as_they_were() {
    let mut compared = 0;
    for (folder, name) in OURS {
        let now = std::fs::read_to_string(wit().join(folder).join(format!("{name}.wit"))).unwrap();
        let version = now
            .lines()
            .find_map(|line| line.strip_prefix("package waystation:")?.strip_suffix(';')?.split_once('@'))
            .expect("a version")
            .1
            .to_owned();
        for entry in std::fs::read_dir(wit().join("released")).unwrap() {
            let path = entry.unwrap().path();
            let file = path.file_stem().unwrap().to_str().unwrap().to_owned();
            let Some(released) = file.strip_prefix(&format!("{name}@")) else { continue };
            let then = std::fs::read_to_string(&path).unwrap();
            compared += 1;
            if released == version {
                assert_eq!(then, now, "{name} {version} was released; give the change a new version");
            } else if name == "host" {
                // Each version of it has what is new there and nothing twice.
                let interfaces = |text: &str| {
                    let named = |line: &str| line.strip_prefix("interface ").map(str::to_owned);
                    text.lines().filter_map(named).collect::<Vec<_>>()
                };
                let twice = interfaces(&then).into_iter().find(|one| interfaces(&now).contains(one));
                assert_eq!(twice, None, "{released} and {version}");
            } else {
                compatible(name, &then, &now);
            }
        }
    }
    assert!(compared >= OURS.len(), "each package has a released copy");
}

/// Whether a component built against `then` still fits `now`, for each world.
fn compatible(name: &str, then: &str, now: &str) {
    let mut resolve = Resolve::default();
    for wasi in WASI {
        resolve.push_path(wit().join(format!("deps/{wasi}.wit"))).unwrap();
    }
    for host in ["released/host@0.1.0.wit", "released/host@0.1.1.wit"] {
        resolve.push_path(wit().join(host)).unwrap();
    }
    let before = resolve.push_str("then.wit", then).unwrap();
    let after = resolve.push_str("now.wit", now).unwrap();
    for (world, old) in resolve.packages[before].worlds.clone() {
        let new =
            *resolve.packages[after].worlds.get(&world).unwrap_or_else(|| panic!("world {world} is gone"));
        wit_component::semver_check(resolve.clone(), old, new)
            .unwrap_or_else(|e| panic!("{name} {world}: {e:#}"));
    }
}

#[test]
fn the_semver_check_would_notice() {
    // Else the test above could not fail once there is a second version.
    let old = "package a:b@0.1.0; interface i { f: func(x: u32) -> u32; } world w { export i; }";
    for new in [
        "package a:b@0.1.1; interface i { f: func(y: u32) -> u32; } world w { export i; }",
        "package a:b@0.1.1; interface i { f: func(x: u64) -> u32; } world w { export i; }",
    ] {
        let mut resolve = Resolve::default();
        let before = resolve.push_str("then.wit", old).unwrap();
        let after = resolve.push_str("now.wit", new).unwrap();
        let (then, now) = (resolve.packages[before].worlds["w"], resolve.packages[after].worlds["w"]);
        assert!(wit_component::semver_check(resolve, then, now).is_err(), "{new}");
    }
}
