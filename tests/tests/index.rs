//! Indexes of plugins: made, served, read, mirrored and carried by the real program.
#![allow(clippy::unwrap_used, reason = "a test that fails panics")]

use std::process::Stdio;

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader};
use tokio::net::TcpStream;
use tokio::process::Child;
use waystation_bundle::{Package, PackageWriter};
use waystation_index::{Change, Holders, Keys, Limits, Publisher, Validity, With};
use waystation_sign::{Algorithm, Key, Signer as _};
use waystation_tests::api::text;
use waystation_tests::{Folder, Ran};

const LIMITS: Limits = Limits::DEFAULT;
const ROOT: &str = "index/metadata/1.root.json";

fn plugin(name: &str, version: &str) -> Result<Package> {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nkind = \"update-source@0.1\"\nsummary = \"Versions of things\"\n\
         host = \">=0.1\"\n[[request]]\ncapability = \"kv\"\nwhy = \"Remembers.\"\n"
    );
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let component = wat::parse_str(format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))"))?;
    Ok(PackageWriter::new(component, &LIMITS.bundle)?.finish()?)
}

/// A folder with keys and plugins, and what runs there.
struct Lab {
    folder: Folder,
}

impl Lab {
    fn new() -> Result<Self> {
        let this = Self { folder: Folder::new("")? };
        for name in ["root", "targets", "online", "acme"] {
            this.key(
                name,
                if matches!(name, "root" | "acme") { Algorithm::P256 } else { Algorithm::Ed25519 },
            )?;
        }
        for (name, version) in [("acme/tool", "1.0.0"), ("acme/tool", "1.1.0"), ("other/thing", "0.1.0")] {
            let package = plugin(name, version)?;
            this.write(&package.head().file_name(), &package.to_tar(&LIMITS.bundle)?)?;
        }
        Ok(this)
    }

    fn write(&self, name: &str, content: &[u8]) -> Result<()> {
        Ok(std::fs::write(self.folder.path().join(name), content)?)
    }

    fn key(&self, name: &str, algorithm: Algorithm) -> Result<Key> {
        let key = Key::generate(algorithm);
        self.write(&format!("{name}.pem"), key.to_pem(None)?.expose_secret().as_bytes())?;
        self.write(&format!("{name}.pub"), key.public().to_pem()?.as_bytes())?;
        Ok(key)
    }

    async fn run(&self, line: &str) -> Result<Ran> {
        self.folder.run(&line.split_whitespace().collect::<Vec<_>>()).await
    }

    /// Runs what must work, and gives its answer.
    async fn good(&self, line: &str) -> Result<Value> {
        let ran = self.run(&format!("--json {line}")).await?;
        ensure!(ran.code == 0, "{line}: {ran:?}");
        ran.json()
    }

    /// Runs what must not, and gives its code.
    async fn bad(&self, line: &str) -> Result<String> {
        let ran = self.run(&format!("--json {line}")).await?;
        ensure!(ran.code != 0, "{line}: {ran:?}");
        let last = ran.stderr.lines().last().context("it says nothing")?;
        Ok(text(&serde_json::from_str(last)?, "code").to_owned())
    }

    async fn made(self) -> Result<Self> {
        let keys = "--root-key root.pem --targets-key targets.pem --online-key online.pem";
        self.good(&format!("registry index init index {keys}")).await?;
        self.add("tool-1.0.0.plugin.tar thing-0.1.0.plugin.tar").await?;
        Ok(self)
    }

    async fn add(&self, plugins: &str) -> Result<Value> {
        self.good(&format!("registry index add index {plugins} --key targets.pem --key online.pem")).await
    }

    /// Serves a folder, and gives the address.
    async fn serve(&self, dir: &str) -> Result<(Child, String)> {
        let args = ["registry", "index", "serve", dir, "--listen", "127.0.0.1:0", "--json"];
        let mut child = self.folder.command(&args)?.stdout(Stdio::piped()).spawn()?;
        let mut lines = BufReader::new(child.stdout.take().context("no output")?).lines();
        let mut answer = String::new();
        while let Some(line) = lines.next_line().await? {
            answer.push_str(&line);
            if line == "}" {
                break;
            }
        }
        let url = text(&serde_json::from_str(&answer)?, "url").to_owned();
        Ok((child, url))
    }
}

fn names(found: &Value) -> Vec<String> {
    let found = found.as_array().map(Vec::as_slice).unwrap_or_default();
    found.iter().map(|one| format!("{} {}", text(one, "name"), text(one, "version"))).collect()
}

#[tokio::test]
async fn an_index_is_served_searched_and_does_not_go_back() -> Result<()> {
    let lab = Lab::new()?.made().await?;
    let (_server, url) = lab.serve("index").await?;
    let from = format!("--index {url} --root {ROOT}");
    let found = lab.good(&format!("plugin search versions {from}")).await?;
    assert_eq!(names(&found), ["acme/tool 1.0.0", "other/thing 0.1.0"]);
    assert_eq!(found[0]["requests"][0]["capability"], "kv");
    assert_eq!(names(&lab.good(&format!("plugin search tool {from}")).await?), ["acme/tool 1.0.0"]);
    let old = std::fs::read(lab.folder.path().join("index/metadata/timestamp.json"))?;
    lab.add("tool-1.1.0.plugin.tar").await?;
    let yank = "registry index yank index acme/tool@1.0.0 --why leaks --key targets.pem --key online.pem";
    lab.good(yank).await?;
    let versions = lab.good(&format!("plugin versions acme/tool {from}")).await?;
    assert_eq!(names(&versions), ["acme/tool 1.1.0", "acme/tool 1.0.0"]);
    assert_eq!((&versions[0]["yanked"], text(&versions[1], "yanked")), (&Value::Null, "leaks"));
    assert_eq!(lab.bad(&format!("plugin versions acme/tol {from}")).await?, "index-unknown-plugin");
    // The server goes back to what it had, for the same files are still there.
    lab.write("index/metadata/timestamp.json", &old)?;
    assert_eq!(lab.bad(&format!("plugin search {from}")).await?, "index-rolled-back");
    // What was seen is still known, and a mirror that is good is asked where the first is not.
    assert_eq!(names(&lab.good(&format!("plugin search tool --offline {from}")).await?), ["acme/tool 1.1.0"]);
    // Whoever never saw the newer one cannot know. One with another root never believes any of it.
    lab.good(&format!("plugin search {from} --state fresh")).await?;
    let other = Lab::new()?.made().await?;
    let theirs = other.folder.path().join(ROOT).display().to_string();
    let wrong = format!("plugin search --index {url} --root {theirs} --state other");
    assert_eq!(lab.bad(&wrong).await?, "index-signature");
    let changed = std::fs::read_to_string(lab.folder.path().join("index/metadata/2.targets.json"))?;
    lab.write("index/metadata/2.targets.json", changed.replace("Versions of", "Versions in").as_bytes())?;
    assert_eq!(lab.bad(&format!("plugin search {from} --state fresher")).await?, "index-mixed");
    Ok(())
}

#[tokio::test]
async fn nothing_but_the_index_is_served() -> Result<()> {
    let lab = Lab::new()?.made().await?;
    lab.write("index/online.pem", b"secret")?;
    lab.write("secret", b"secret")?;
    let (_server, url) = lab.serve("index").await?;
    let address = url.trim_start_matches("http://").trim_end_matches('/').to_owned();
    let ask = async |head: &str| -> Result<String> {
        let mut stream = TcpStream::connect(&address).await?;
        stream
            .write_all(format!("{head} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").as_bytes())
            .await?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).await?;
        Ok(String::from_utf8_lossy(&answer).into_owned())
    };
    let good = ask("GET /metadata/timestamp.json").await?;
    assert!(good.starts_with("HTTP/1.1 200 OK\r\n") && good.contains("\"timestamp\""), "{good}");
    let head = ask("HEAD /metadata/timestamp.json").await?;
    assert!(head.starts_with("HTTP/1.1 200 OK\r\n") && head.ends_with("\r\n\r\n"), "{head}");
    for path in [
        "/",
        "/lock",
        "/online.pem",
        "/metadata/",
        "/metadata/../online.pem",
        "/metadata/..%2fonline.pem",
        "/metadata/%2e%2e/online.pem",
        "/../secret",
        "//etc/passwd",
        "/targets/../../secret",
        "/bundles/../../secret",
        "/staged/1.root.json",
        "/metadata/99.root.json",
    ] {
        let answer = ask(&format!("GET {path}")).await?;
        assert!(answer.starts_with("HTTP/1.1 404"), "{path}: {answer}");
        assert!(!answer.contains("secret"), "{path}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE"] {
        let answer = ask(&format!("{method} /metadata/timestamp.json")).await?;
        assert!(answer.starts_with("HTTP/1.1 405"), "{method}: {answer}");
    }
    Ok(())
}

#[tokio::test]
async fn several_holders_sign_one_after_the_other() -> Result<()> {
    let lab = Lab::new()?;
    let second = lab.key("second", Algorithm::P256)?;
    lab.write("second.pem", second.to_pem(Some(&"correct horse".into()))?.expose_secret().as_bytes())?;
    lab.write("passphrase", b"correct horse\n")?;
    // Each is at home with a key; the others are known by their public ones.
    let roles = "--root-key root.pem --root-key second.pub --root-threshold 2 --targets-key targets.pem \
                 --online-key online.pub";
    let waiting = lab.good(&format!("registry index init index {roles}")).await?;
    assert_eq!(waiting["published"], Value::Null);
    assert_eq!((&waiting["waiting"][0]["have"], &waiting["waiting"][0]["need"]), (&1.into(), &2.into()));
    assert_eq!(lab.bad("registry index serve index").await?, "index-not-here");
    assert_eq!(lab.bad("registry index sign index --key acme.pem").await?, "index-idle-key");
    assert_eq!(lab.bad("registry index refresh index --key online.pem").await?, "index-not-refreshed");
    assert_eq!(lab.bad("registry index sign index --key second.pem").await?, "passphrase-needed");
    let wrong = "registry index sign index --key second.pem --passphrase-file acme.pub";
    assert_eq!(lab.bad(wrong).await?, "passphrase-wrong");
    lab.good("registry index sign index --key second.pem --passphrase-file passphrase").await?;
    let done = lab.good("registry index refresh index --key online.pem").await?;
    assert_eq!(done["published"]["root"]["version"], 1);
    // A namespace for others, who keep their key behind a program.
    lab.add("tool-1.0.0.plugin.tar").await?;
    let give = "registry index delegate index acme --holder acme.pub --key targets.pem";
    assert_eq!(lab.good(give).await?["waiting"][0]["role"], "acme");
    lab.write("signer", b"#!/bin/sh\nexec openssl dgst -sha256 -sign acme.pem\n")?;
    let program = lab.folder.path().join("signer");
    std::fs::set_permissions(&program, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    let command = format!("--key online.pem --public-key acme.pub --command {}", program.display());
    let done = lab.good(&format!("registry index sign index {command}")).await?;
    assert_eq!(done["published"]["acme"]["version"], 1);
    let waiting = lab.add("tool-1.1.0.plugin.tar").await?;
    assert_eq!((&waiting["published"], text(&waiting["waiting"][0], "role")), (&Value::Null, "acme"));
    let pending = lab.good("registry index pending index").await?;
    let added = format!("acme/tool 1.1.0 {}", plugin("acme/tool", "1.1.0")?.digest());
    assert_eq!(pending["pending"][0]["added"], serde_json::json!([added]));
    let all = format!("registry index sign index {command}");
    assert_eq!(lab.good(&all).await?["published"]["acme"]["version"], 2);
    let report = lab.good("registry index check index").await?;
    assert!(report["plugins"].as_array().is_some_and(|all| all.iter().all(|one| one["place"] == "here")));
    // A root of other keys, which the old ones sign as well.
    let new = "registry index rotate index --root-key second.pem --root-key targets.pem --root-threshold 2 \
               --passphrase-file passphrase";
    assert_eq!(lab.good(new).await?["waiting"][0]["role"], "root");
    let done = lab.good("registry index sign index --key root.pem --key online.pem").await?;
    assert_eq!(done["published"]["root"]["version"], 2);
    let found = lab.good(&format!("plugin search tool --index index --root {ROOT}")).await?;
    assert_eq!(names(&found), ["acme/tool 1.1.0"]);
    Ok(())
}

#[tokio::test]
async fn a_site_goes_where_no_network_leads() -> Result<()> {
    let lab = Lab::new()?.made().await?;
    let (_server, url) = lab.serve("index").await?;
    let from = format!("--index {url} --root {ROOT}");
    lab.write("trust.toml", b"version = 1\n")?;
    let export = format!("registry export -o site.tar --include trust.toml {from}");
    assert_eq!(lab.good(&export).await?["plugins"], 2);
    let site = std::fs::read(lab.folder.path().join("site.tar"))?;
    lab.good(&format!("registry export -o again.tar --include trust.toml {from}")).await?;
    assert_eq!(std::fs::read(lab.folder.path().join("again.tar"))?, site);
    let import = format!("registry import site.tar --to site --root {ROOT}");
    let done = lab.good(&import).await?;
    assert_eq!((&done["plugins"], text(&done["included"][0], "name")), (&2.into(), "trust.toml"));
    let found = lab.good(&format!("plugin search tool --index site --root {ROOT}")).await?;
    assert_eq!(names(&found), ["acme/tool 1.0.0"]);
    // The next delivery is newer; the last one does not come back.
    lab.add("tool-1.1.0.plugin.tar").await?;
    lab.good(&format!("registry export acme/tool@^1.1 -o next.tar {from}")).await?;
    assert_eq!(lab.good(&format!("registry import next.tar --to site --root {ROOT}")).await?["plugins"], 1);
    assert_eq!(lab.bad(&import).await?, "index-rolled-back");
    // What was changed on the way puts nothing anywhere.
    let mut changed = site.clone();
    let inside = b"waystation:manifest";
    let at = changed.windows(inside.len()).position(|part| part == inside).context("no plugin in it")?;
    changed[at] ^= 1;
    lab.write("site.tar", &changed)?;
    assert_ne!(lab.bad(&format!("registry import site.tar --to other --root {ROOT}")).await?, "");
    assert!(!lab.folder.path().join("other/metadata").exists());
    lab.write("site.tar", &site[..at])?;
    assert_eq!(lab.bad(&format!("registry import site.tar --to other --root {ROOT}")).await?, "truncated");
    // A mirror, of the mirror as well.
    let done = lab.good(&format!("registry mirror --to mirror {from}")).await?;
    assert_eq!((&done["plugins"], &done["fetched"]), (&3.into(), &3.into()));
    let again = format!("registry mirror --to second --index nowhere --index mirror --root {ROOT} --state s");
    assert_eq!(lab.good(&again).await?["fetched"], 3);
    assert_eq!(lab.good(&again).await?["fetched"], 0);
    // A plugin that nobody has fails the run at its end, when all others are there.
    let bundles = lab.folder.path().join("mirror/bundles");
    let lost = std::fs::read_dir(&bundles)?.flatten().map(|entry| entry.path()).find(|path| path.is_file());
    std::fs::remove_file(lost.context("the mirror has no plugin")?)?;
    let third = format!("registry mirror --to third --index mirror --root {ROOT} --state s");
    assert_eq!(lab.bad(&third).await?, "index-no-bundle");
    assert_eq!(std::fs::read_dir(lab.folder.path().join("third/bundles"))?.count(), 2);
    Ok(())
}

#[tokio::test]
async fn an_index_that_ended_is_frozen_unless_lateness_is_allowed() -> Result<()> {
    let lab = Lab::new()?;
    let key = lab.key("only", Algorithm::Ed25519)?;
    let holders = Some(Holders { keys: vec![key.public().clone()], threshold: 1 });
    let keys = Keys { root: holders.clone(), targets: holders.clone(), online: holders };
    let past = Timestamp::now() - SignedDuration::from_hours(24 * 10);
    let with = With { signers: &[&key], now: past, validity: Validity::DEFAULT };
    let (publisher, _) = Publisher::init(&lab.folder.path().join("index"), &keys, &with, &LIMITS).await?;
    let package = plugin("acme/tool", "1.0.0")?;
    let add = Change::Add { package: &package, references: Vec::new(), keep: true };
    publisher.change(&[add], &with).await?;
    drop(publisher);
    let search = format!("plugin search --index index --root {ROOT}");
    assert_eq!(lab.bad(&search).await?, "index-frozen");
    assert_eq!(lab.bad(&format!("{search} --late 2")).await?, "index-frozen");
    assert_eq!(names(&lab.good(&format!("{search} --late 4")).await?), ["acme/tool 1.0.0"]);
    lab.good("registry index refresh index --key only.pem").await?;
    assert_eq!(names(&lab.good(&search).await?), ["acme/tool 1.0.0"]);
    Ok(())
}
