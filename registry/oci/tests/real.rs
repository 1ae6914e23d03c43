//! A real registry (Debian's `docker-registry`), with `skopeo` as an independent client of it.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test that fails panics")]

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use support::{LIMITS, client, package};
use waystation_bundle::{Kind, Package};
use waystation_oci::{Reference, Store};

/// The registry's program; ends when dropped.
struct Registry {
    child: Child,
    address: String,
}

impl Registry {
    async fn start(folder: &Path) -> Self {
        // It tells nobody which port it took, so it gets one that was free a moment ago.
        let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap().to_string();
        drop(free);
        let config = folder.join("registry.yml");
        let storage = folder.join("registry");
        let text = format!(
            "version: 0.1\nstorage: {{filesystem: {{rootdirectory: {}}}}}\nhttp: {{addr: \"{address}\"}}\n",
            storage.display()
        );
        std::fs::write(&config, text).unwrap();
        let mut command = Command::new("docker-registry");
        command.arg("serve").arg(config).stdout(Stdio::null()).stderr(Stdio::null());
        let child = command.spawn().expect("there is no `docker-registry`; `cargo xtask test` installs it");
        let since = Instant::now();
        while tokio::net::TcpStream::connect(&address).await.is_err() {
            assert!(since.elapsed() < Duration::from_secs(30), "the registry does not listen");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Self { child, address }
    }

    fn reference(&self, rest: &str) -> Reference {
        format!("{}/example/p{rest}", self.address).parse().unwrap()
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn skopeo(args: &[&str]) {
    let ran = Command::new("skopeo").args(args).output();
    let ran = ran.expect("there is no `skopeo`; `cargo xtask test` installs it");
    assert!(ran.status.success(), "{args:?}: {}", String::from_utf8_lossy(&ran.stderr));
}

#[tokio::test]
async fn a_package_comes_back_from_a_real_registry_as_it_went() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(folder.path()).await;
    let client = client(&registry.address);
    let mut package = package();
    let tagged = registry.reference(":1.0.0");
    assert_eq!(client.push(&package, &tagged).await.unwrap(), package.digest());
    assert_eq!(client.push(&package, &tagged).await.unwrap(), package.digest(), "twice is once");
    let store = Store::open(&folder.path().join("store"), &LIMITS).unwrap();
    assert_eq!(client.pull(&tagged, Some(&store)).await.unwrap(), package);
    assert_eq!(store.package(package.digest()).unwrap().as_ref(), Some(&package));
    let by_digest = registry.reference(&format!("@{}", package.digest()));
    assert_eq!(client.pull(&by_digest, None).await.unwrap(), package);

    // A signature that came later is found, too.
    package.attach(Kind::Signature, "{\"later\":true}", &LIMITS).unwrap();
    client.push(&package, &tagged).await.unwrap();
    assert_eq!(client.pull(&tagged, None).await.unwrap().signatures().count(), 2);
    let error = client.pull(&registry.reference(":none"), None).await.unwrap_err();
    assert_eq!(error.code(), "registry-not-found");
}

#[tokio::test]
async fn skopeo_reads_what_was_pushed_and_what_it_pushed_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(folder.path()).await;
    let client = client(&registry.address);
    let package = package();
    client.push(&package, &registry.reference(":1.0.0")).await.unwrap();
    let from = format!("docker://{}/example/p:1.0.0", registry.address);
    let file = folder.path().join("p.tar");
    let archive = format!("oci-archive:{}:1.0.0", file.display());
    let copy = [
        "--insecure-policy",
        "copy",
        "--preserve-digests",
        "--src-tls-verify=false",
        "--dest-tls-verify=false",
    ];
    skopeo(&[&copy[..], &[&from, &archive]].concat());
    let copied = Package::read(std::fs::File::open(&file).unwrap(), &LIMITS).unwrap();
    assert_eq!(copied.digest(), package.digest());
    assert_eq!(copied.missing(), [Kind::Readme]);
    let error = client.push(&copied, &registry.reference(":half")).await.unwrap_err();
    assert_eq!(error.code(), "missing-document");

    // What has no documents is whole without them.
    let plain =
        waystation_bundle::PackageWriter::new(package.component().content().bytes().unwrap(), &LIMITS);
    let plain = plain.unwrap().finish().unwrap();
    std::fs::write(&file, plain.to_tar(&LIMITS).unwrap()).unwrap();
    let to = format!("docker://{}/example/p:plain", registry.address);
    skopeo(&[&copy[..], &[&archive, &to]].concat());
    assert_eq!(client.pull(&registry.reference(":plain"), None).await.unwrap(), plain);
}

#[tokio::test]
async fn wkg_reads_what_was_pushed_and_what_it_pushed_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(folder.path()).await;
    let client = client(&registry.address);
    let package = package();
    client.push(&package, &registry.reference(":1.0.0")).await.unwrap();
    let file = folder.path().join("p.wasm");
    let wkg = |verb: &str, rest: &[&str]| {
        let name = registry.reference(if verb == "pull" { ":1.0.0" } else { ":wkg" }).to_string();
        let mut command = Command::new("wkg");
        command.args(["oci", verb, "--insecure", &registry.address, &name]).args(rest);
        let ran = command.output().expect("there is no `wkg`; run `cargo xtask test`, which installs it");
        assert!(ran.status.success(), "{verb}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    let path = file.to_str().unwrap();
    wkg("pull", &["--output", path]);
    assert!(
        std::fs::read(&file).unwrap() == package.component().content().bytes().unwrap(),
        "it pulled another component"
    );
    wkg("push", &[path]);
    let pulled = client.pull(&registry.reference(":wkg"), None).await.unwrap();
    assert_eq!((pulled.head(), pulled.component()), (package.head(), package.component()));
}

#[tokio::test]
async fn oras_for_python_reads_what_was_pushed_and_what_it_pushed_is_read() {
    const SCRIPT: &str = r#"
import os, sys
from oras.client import OrasClient
verb, registry = sys.argv[1:]
client = OrasClient(hostname=registry, insecure=True, tls_verify=False)
if verb == "pull":
    [pulled] = client.pull(target=f"{registry}/example/p:1.0.0", outdir="out")
    os.rename(pulled, "p.wasm")
else:
    client.push(target=f"{registry}/example/p:oras", files=["p.wasm:application/wasm"],
        manifest_config="config.json:application/vnd.wasm.config.v0+json")
"#;
    let folder = tempfile::tempdir().unwrap();
    let registry = Registry::start(folder.path()).await;
    let client = client(&registry.address);
    let package = package();
    client.push(&package, &registry.reference(":1.0.0")).await.unwrap();
    let python = std::env::var_os("WAYSTATION_READERS_PYTHON")
        .expect("WAYSTATION_READERS_PYTHON is not set; run `cargo xtask test`, which sets it");
    let layout = package.to_layout();
    let manifest: serde_json::Value =
        serde_json::from_slice(&layout.blobs().get(&package.digest()).unwrap().bytes().unwrap()).unwrap();
    let config = manifest["config"]["digest"].as_str().unwrap().parse().unwrap();
    std::fs::write(folder.path().join("config.json"), layout.blobs().get(&config).unwrap().bytes().unwrap())
        .unwrap();
    let oras = |verb: &str| {
        let mut command = Command::new(&python);
        command.args(["-c", SCRIPT, verb, &registry.address]).current_dir(folder.path());
        let ran = command.env("HOME", folder.path()).output().unwrap();
        assert!(ran.status.success(), "{verb}: {}", String::from_utf8_lossy(&ran.stderr));
    };
    oras("pull");
    let file = folder.path().join("p.wasm");
    assert!(
        std::fs::read(&file).unwrap() == package.component().content().bytes().unwrap(),
        "it pulled another component"
    );
    oras("push");
    let pulled = client.pull(&registry.reference(":oras"), None).await.unwrap();
    assert_eq!((pulled.head(), pulled.component()), (package.head(), package.component()));
}
