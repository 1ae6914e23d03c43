//! Who is trusted can change at any moment: also while a plugin compiles.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test says what it expects")]

use std::path::Path;

use jiff::Timestamp;
use waystation_bundle::{Kind, Limits, PackageWriter, Statement};
use waystation_lab as lab;
use waystation_runtime::{Bundle, Status};
use waystation_server::Host;
use waystation_server::config::{Config, Environment};
use waystation_server::plugins::Loading;
use waystation_server::trust::{Lock, Locked};

/// A policy that believes one identity for one namespace.
fn policy(namespace: &str) -> String {
    format!(
        "version = 1\n[domains.default]\nroot = \"root.json\"\nsct = 1\ntlog = 1\ntsa = 0\n\
         [signers.release]\nidentity = \"{}\"\nissuer = \"{}\"\n\
         [[namespaces]]\nname = \"{namespace}\"\nkinds = [\"update-source\"]\nany_of = [\"release\"]\n",
        lab::IDENTITY,
        lab::ISSUER
    )
}

#[tokio::test]
async fn a_policy_that_changes_while_a_plugin_compiles_counts_when_it_is_in_place() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let component = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fixtures/generations");
    let component = std::fs::read_dir(component).unwrap().next().unwrap().unwrap().path();
    let component = std::fs::read(component.join("update-source.wasm")).unwrap();
    let mut package = PackageWriter::new(component, &Limits::DEFAULT).unwrap().finish().unwrap();
    let statement = Statement::of(&package).unwrap().to_json().unwrap();
    let statement = serde_json::from_slice(&statement).unwrap();
    let signed = lab::make(&lab::Make { statement: Some(statement), ..lab::Make::default() });
    package.attach(Kind::Signature, signed.to_string(), &Limits::DEFAULT).unwrap();
    std::fs::write(at("tool.plugin.tar"), package.to_tar(&Limits::DEFAULT).unwrap()).unwrap();
    std::fs::write(at("root.json"), lab::root().to_string()).unwrap();
    std::fs::write(at("trust.toml"), policy("others")).unwrap();
    let text = format!(
        "server.data_dir = {:?}\ntrust.policy = {:?}\ntrust.lock = {:?}\n[plugins.tool]\nfile = {:?}\n\
         grants.http = [{{ origin = \"https://example.org\" }}]\nconfig = {{ index = \"https://example.org\" }}\n",
        at("data"),
        at("trust.toml"),
        at("waystation.lock"),
        at("tool.plugin.tar"),
    );
    let environment: Environment = [].into_iter().collect();
    let config = Config::parse(Some(("waystation.toml", text.as_bytes())), &environment).unwrap();
    let bundle = Bundle::from_package(&package).unwrap();
    let configured = config.plugins.get("tool").unwrap().clone();
    let host = Host::open(config, environment, &|_| {}).await.unwrap();
    let trusted = |namespace: &str| {
        std::fs::write(at("trust.toml"), policy(namespace)).unwrap();
        host.admission().refresh(Timestamp::now());
    };
    trusted("waystation");
    let signers = host.admission().vouched(&package, Timestamp::now()).unwrap().signatures;
    let mut lock = Lock::default();
    lock.plugins.insert("tool".to_owned(), Locked::of(&bundle, "file".to_owned(), &signers, &configured));
    lock.write(&at("waystation.lock")).unwrap();
    trusted("waystation");

    let compiled = std::sync::atomic::AtomicBool::new(false);
    let changes = |loading: Loading| {
        if let Loading::Compiling(_) = loading {
            compiled.store(true, std::sync::atomic::Ordering::SeqCst);
            trusted("others");
        }
    };
    let error = host.plugins().load("tool", &changes).await.unwrap_err();
    assert!(compiled.load(std::sync::atomic::Ordering::SeqCst), "it was admitted, and had to be compiled");
    assert_eq!(error.code(), "namespace-unknown");
    let plugin = host.plugins().get("tool").unwrap();
    assert!(plugin.serving().is_none() && plugin.status() != Status::Running, "{:?}", plugin.status());
    assert!(host.plugins().standing("tool").is_none());
    // Nothing but the policy was in the way.
    trusted("waystation");
    host.plugins().load("tool", &|_| {}).await.unwrap();
    assert_eq!(host.plugins().get("tool").unwrap().status(), Status::Running);
    host.shut_down().await;
}
