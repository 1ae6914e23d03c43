//! What is refused before anything of a plugin runs, and what the cache does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test says what it expects")]

mod support;

use std::path::PathBuf;

use support::{Fixture, HTTP_REQUEST, KV_REQUEST, Sandbox, manifest};
use waystation_runtime::artifact::Origin;
use waystation_runtime::{
    Bundle, Carried, Class, ContentDigest, Grants, LoadError, MANIFEST_SECTION, Settings, Status,
    embed_manifest,
};

fn parse(bytes: Vec<u8>) -> LoadError {
    Bundle::parse(bytes).expect_err("it is refused")
}

fn refused(fixture: &Fixture<'_>) -> LoadError {
    fixture.bundle().expect_err("it is refused")
}

#[test]
fn a_bundle_is_understood_without_running_it() {
    let fixture = Fixture {
        imports: r#"(import "waystation:host/log@0.1.0" "write" (func (param i32 i32 i32 i32 i32 i32)))
            (import "wasi:cli/environment@0.2.12" "get-environment" (func (param i32)))"#,
        // Would trap if anything ran.
        declarations: "(func $boom unreachable) (start $boom)",
        ..Fixture::default()
    };
    let bundle = fixture.bundle().unwrap();
    assert_eq!(bundle.manifest().name.as_str(), "test/probe");
    assert_eq!(bundle.generation().to_string(), "0.1.0");
    assert!(bundle.exports().iter().any(|e| e == "waystation:probe/target@0.1.0"));
    let class = |name: &str| bundle.imports().iter().find(|i| i.name.starts_with(name)).map(|i| i.class);
    assert_eq!(class("waystation:host/log"), Some(Class::Free));
    assert_eq!(class("wasi:cli/environment"), Some(Class::Baseline));
    assert_eq!(class("waystation:host/kv"), None, "what the world offers is no import until it is used");
    assert_eq!(ContentDigest::parse(&bundle.digest().to_string()), Some(bundle.digest()));
}

#[test]
fn what_was_read_is_what_is_compiled() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let read = embed_manifest(&Fixture::default().component(), &manifest("")).unwrap();
    std::fs::write(file.path(), &read).unwrap();
    let carried = Carried::read(file.path()).unwrap();
    // Between verification and loading somebody exchanges the file, and then takes it away.
    std::fs::write(file.path(), b"another").unwrap();
    drop(file);
    assert_eq!(carried.bundle().unwrap().bytes(), read);
}

#[test]
fn what_is_no_component_is_named() {
    assert_eq!(parse(Vec::new()).code(), "not-wasm");
    assert_eq!(parse(b"#!/bin/sh".to_vec()).code(), "not-wasm");
    assert_eq!(parse(wat::parse_str("(module)").unwrap()).code(), "core-module");
    assert_eq!(parse(wat::parse_str("(component)").unwrap()).code(), "no-manifest");
}

#[test]
fn truncated_and_flipped_components_never_load_and_never_panic() {
    let whole = embed_manifest(&Fixture::default().component(), &manifest("")).unwrap();
    for length in (0..whole.len()).step_by(7) {
        let error = parse(whole[..length].to_vec());
        assert!(
            matches!(error, LoadError::NotWasm | LoadError::Malformed(_) | LoadError::NoManifest),
            "{length}: {error}"
        );
    }
    for at in (0..whole.len()).step_by(11) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x55;
        if let Ok(bundle) = Bundle::parse(bytes) {
            assert_ne!(bundle.digest(), ContentDigest::of(&whole), "another file is another digest");
        }
    }
}

#[test]
fn two_manifests_are_refused() {
    let once = embed_manifest(&Fixture::default().component(), &manifest("")).unwrap();
    assert_eq!(embed_manifest(&once, &manifest("")).unwrap_err().code(), "several-manifests");
    let mut twice = once;
    let section =
        wasm_encoder::CustomSection { name: MANIFEST_SECTION.into(), data: manifest("").into_bytes().into() };
    wasm_encoder::ComponentSection::append_to_component(&section, &mut twice);
    assert_eq!(parse(twice).code(), "several-manifests");
}

#[test]
fn every_mismatch_is_named_with_who_must_act() {
    let fixture = Fixture {
        imports: r#"(import "waystation:host/kv@0.1.0" "delete" (func (param i32 i32 i32)))
            (import "wasi:http/outgoing-handler@0.2.12" "handle" (func (param i32 i32 i32 i32)))"#,
        manifest: manifest("host = \">=7\"\n").replace("probe@0.1", "notifier@0.1"),
        ..Fixture::default()
    };
    let error = refused(&fixture);
    assert_eq!(error.code(), "wrong-world");
    let text = error.to_string();
    for part in [
        "kind `notifier@0.1`, the component exports waystation:probe/target@0.1.0",
        "imports `waystation:host/kv@0.1.0` but its manifest does not request `kv`",
        "imports `wasi:http/outgoing-handler@0.2.12` but its manifest does not request `http`",
        "wants a host >=7",
        "author must",
        "operator must",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn imports_of_another_host_are_refused() {
    let fixture = Fixture {
        world: "stranger",
        imports: r#"(import "$root" "not-of-this-host" (func))"#,
        ..Fixture::default()
    };
    let error = refused(&fixture);
    assert_eq!(error.code(), "unknown-import");
    assert!(error.to_string().contains("`not-of-this-host`"), "{error}");
}

#[test]
fn an_unknown_capability_names_the_valid_ones() {
    let fixture = Fixture {
        manifest: manifest("[[request]]\ncapability = \"htp\"\nwhy = \"x\"\n"),
        ..Fixture::default()
    };
    let error = refused(&fixture);
    assert_eq!(error.code(), "unknown-capability");
    assert!(
        error.to_string().contains("http, kv, credentials, tickets, scopes; did you mean `http`?"),
        "{error}"
    );
}

#[tokio::test]
async fn a_manifest_that_lies_about_name_or_version_is_refused() {
    for (from, to, field) in [("test/probe", "test/other", "name"), ("1.2.3", "1.2.4", "version")] {
        let sandbox = Sandbox::new();
        let fixture = Fixture { manifest: manifest("").replace(from, to), ..Fixture::default() };
        let error = sandbox.install(&fixture, Settings::default()).await.unwrap_err();
        assert!(matches!(&error, LoadError::Lies { field: f, .. } if *f == field), "{error}");
    }
}

#[tokio::test]
async fn a_kind_that_nobody_serves_is_refused() {
    // The probe world is what this runtime serves; the component claims, and
    // exports, nothing else, so the claim is of another generation.
    let fixture = Fixture { manifest: manifest("").replace("probe@0.1", "probe@0.2"), ..Fixture::default() };
    assert_eq!(refused(&fixture).code(), "wrong-world");
}

#[tokio::test]
async fn what_is_requested_must_be_granted_and_what_is_granted_requested() {
    let sandbox = Sandbox::new();
    let needy = Fixture { manifest: manifest(KV_REQUEST), ..Fixture::default() };
    let error = sandbox.install(&needy, Settings::default()).await.unwrap_err();
    assert_eq!(error.code(), "needs-grants");
    assert!(error.to_string().contains("[plugins.probe.grants]  # To flood it.\nkv = true"), "{error}");
    assert!(matches!(sandbox.plugin.status(), Status::NeedsGrants(_)));

    let generous = Settings { grants: Grants { kv: true, ..Grants::default() }, ..Settings::default() };
    let error = sandbox.install(&Fixture::default(), generous.clone()).await.unwrap_err();
    assert_eq!(error.code(), "not-requested");

    sandbox.install(&needy, generous).await.unwrap();
    assert_eq!(sandbox.plugin.status(), Status::Running);
}

#[tokio::test]
async fn an_optional_request_is_denied_at_the_call() {
    let sandbox = Sandbox::new();
    let fixture = Fixture {
        imports: r#"(import "waystation:host/kv@0.1.0" "delete" (func $delete (param i32 i32 i32)))"#,
        // Hands the host's refusal on as its own error.
        run: r#"(call $delete (i32.const 16) (i32.const 4) (i32.const 800))
            (i32.const 800)"#,
        manifest: manifest(&format!("{KV_REQUEST}optional = true\n")),
        ..Fixture::default()
    };
    sandbox.install(&fixture, Settings::default()).await.unwrap();
    let error = sandbox.call().await.unwrap_err();
    assert_eq!(error.code(), "denied");
    assert!(error.to_string().contains("add to waystation.toml"), "{error}");
    assert_eq!(sandbox.plugin.status(), Status::Running, "a refusal is no misbehaviour");
}

#[tokio::test]
async fn a_pinned_digest_is_kept() {
    let sandbox = Sandbox::new();
    let pinned = Settings { pinned: Some(ContentDigest::of(b"another")), ..Settings::default() };
    let error = sandbox.install(&Fixture::default(), pinned).await.unwrap_err();
    assert_eq!(error.code(), "digest-mismatch");
    let digest = Fixture::default().bundle().unwrap().digest();
    sandbox
        .install(&Fixture::default(), Settings { pinned: Some(digest), ..Settings::default() })
        .await
        .unwrap();
}

#[tokio::test]
async fn the_language_baseline_holds_nothing() {
    // What Python and JavaScript drag in: an environment (empty) and folders (none).
    let fixture = Fixture {
        imports: r#"(import "wasi:cli/environment@0.2.12" "get-environment" (func $env (param i32)))
            (import "wasi:filesystem/preopens@0.2.12" "get-directories" (func $dirs (param i32)))"#,
        run: "(call $env (i32.const 800)) (call $dirs (i32.const 808))
            (if (i32.or (i32.load (i32.const 804)) (i32.load (i32.const 812))) (then unreachable))
            (global.get $ok)",
        ..Fixture::default()
    };
    let sandbox = Sandbox::new();
    sandbox.install(&fixture, Settings::default()).await.unwrap();
    sandbox.call().await.expect("neither variables nor folders");
}

fn artifact(sandbox: &Sandbox) -> PathBuf {
    std::fs::read_dir(sandbox.folder.path().join("artifacts"))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .find(|path| path.extension().is_some_and(|e| e == "cwasm"))
        .expect("an artifact")
}

async fn origin(sandbox: &Sandbox, fixture: &Fixture<'_>) -> Origin {
    sandbox.install(fixture, Settings::default()).await.unwrap();
    sandbox.call().await.unwrap();
    sandbox.plugin.loaded().unwrap().origin()
}

#[tokio::test]
async fn compiled_once_then_taken_from_the_cache() {
    let sandbox = Sandbox::new();
    let fixture = Fixture::default();
    assert_eq!(origin(&sandbox, &fixture).await, Origin::Compiled);
    assert_eq!(origin(&sandbox, &fixture).await, Origin::Cache);
    let mode = std::os::unix::fs::MetadataExt::mode(&std::fs::metadata(artifact(&sandbox)).unwrap());
    assert_eq!(mode & 0o777, 0o600);
}

#[tokio::test]
async fn an_artifact_that_was_touched_is_never_loaded() {
    let sandbox = Sandbox::new();
    let fixture = Fixture::default();
    assert_eq!(origin(&sandbox, &fixture).await, Origin::Compiled);
    let path = artifact(&sandbox);
    let good = std::fs::read(&path).unwrap();
    for at in [0, 8, 39, 40, good.len() / 2, good.len() - 1] {
        let mut bad = good.clone();
        bad[at] ^= 1;
        std::fs::write(&path, bad).unwrap();
        assert_eq!(origin(&sandbox, &fixture).await, Origin::Compiled, "byte {at}");
    }
    std::fs::write(&path, &good[..20]).unwrap();
    assert_eq!(origin(&sandbox, &fixture).await, Origin::Compiled);
    assert_eq!(origin(&sandbox, &fixture).await, Origin::Cache);
}

#[tokio::test]
async fn an_artifact_of_another_component_is_never_loaded_in_its_place() {
    let sandbox = Sandbox::new();
    let one = Fixture::default();
    let other = Fixture { manifest: manifest(HTTP_REQUEST), ..Fixture::default() };
    origin(&sandbox, &one).await;
    let first = artifact(&sandbox);
    let name = first
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace(&one.bundle().unwrap().digest().hex(), &other.bundle().unwrap().digest().hex());
    std::fs::copy(&first, first.with_file_name(name)).unwrap();
    assert_eq!(origin(&sandbox, &other).await, Origin::Compiled);
}
