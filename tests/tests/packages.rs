//! Plugins as one `.plugin.tar`: made, shown, loaded and refused by the real program.

use std::io::Write as _;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use waystation_tests::api::text;
use waystation_tests::{Authority, Folder, Host, Ran, Reply, StandIn, built, registry, settings, wasm};

/// Two builds of a plugin and of all it stands on.
const BUILDING: Duration = Duration::from_secs(550);

/// A folder with `bare.wasm` and `plugin.toml`, as a compiler and an author leave them.
fn workshop() -> Result<Folder> {
    let folder = Folder::new("")?;
    let plugin = std::fs::read(built::plugin("http-json")?)?;
    std::fs::write(folder.path().join("bare.wasm"), wasm::without_manifest(&plugin)?)?;
    std::fs::write(folder.path().join("plugin.toml"), wasm::manifest(&plugin)?)?;
    Ok(folder)
}

const PACKED: &str = "http-json-0.1.0.plugin.tar";

async fn pack(folder: &Folder, more: &[&str]) -> Result<Value> {
    let ran = folder.run(&[&["plugin", "pack", "bare.wasm", "--json"], more].concat()).await?;
    ensure!(ran.code == 0, "{ran:?}");
    ran.json()
}

/// The code of a refusal.
fn code(ran: &Ran) -> Result<String> {
    ensure!(ran.code == 1, "{ran:?}");
    Ok(text(&serde_json::from_str(&ran.stderr)?, "code").to_owned())
}

/// The files of an archive.
fn files(archive: &[u8]) -> Result<Vec<(String, Vec<u8>)>> {
    let mut archive = tar::Archive::new(archive);
    archive
        .entries()?
        .map(|entry| {
            let mut entry = entry?;
            let mut content = Vec::new();
            std::io::Read::read_to_end(&mut entry, &mut content)?;
            Ok((entry.path()?.display().to_string(), content))
        })
        .collect()
}

#[tokio::test]
async fn a_package_is_an_oci_layout_that_is_shown_and_served() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0", "1.2.0"])));
    let folder = workshop()?;
    std::fs::write(folder.path().join("README.md"), "# http-json\n")?;
    std::fs::write(folder.path().join("sbom.json"), r#"{"bomFormat":"CycloneDX","specVersion":"1.5"}"#)?;
    let packed = pack(&folder, &["--readme", "README.md", "--sbom", "sbom.json"]).await?;
    assert_eq!(text(&packed, "file"), PACKED);
    let digest = text(&packed, "digest").to_owned();

    let files = files(&std::fs::read(folder.path().join(PACKED))?)?;
    let named =
        |name: &str| files.iter().find(|(path, _)| path == name).map(|(_, content)| content.as_slice());
    let hex = digest.strip_prefix("sha256:").context("no digest")?;
    let manifest = named(&format!("blobs/sha256/{hex}")).context("no manifest under the content digest")?;
    assert_eq!(waystation_hex(manifest), hex);
    let manifest: Value = serde_json::from_slice(manifest)?;
    assert_eq!(manifest["artifactType"], "application/vnd.waystation.plugin.v1");
    assert_eq!(manifest["layers"][0]["mediaType"], "application/wasm");
    assert_eq!(manifest["layers"].as_array().map(Vec::len), Some(1), "`wkg` reads one layer");
    assert_eq!(named("oci-layout").context("no marker")?, br#"{"imageLayoutVersion":"1.0.0"}"#);

    let shown = folder.run(&["plugin", "inspect", PACKED, "--json"]).await?.json()?;
    assert_eq!((text(&shown, "name"), text(&shown, "digest")), ("waystation/http-json", digest.as_str()));
    let attached: Vec<_> =
        shown["attached"].as_array().into_iter().flatten().map(|one| text(one, "kind")).collect();
    assert_eq!(attached, ["cyclonedx", "readme"]);
    let people = folder.run(&["plugin", "inspect", PACKED]).await?;
    assert!(people.stdout.contains(&digest) && people.stdout.contains("ATTACHED"), "{people:?}");

    let plugin = settings::source("documents", Path::new(PACKED), &[&site.origin()]);
    let pinned = |digest: &str| plugin.replacen("file =", &format!("digest = \"{digest}\"\nfile ="), 1);
    let item = settings::item("demo", &site.url("/v"));
    folder.write(&format!("{}{}{item}", settings::HOST, pinned(&digest)))?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("demo").await?, "latest"), "1.2.0");
    let plan = folder.run(&["config", "plan", "--json"]).await?.json()?;
    assert_eq!(
        (text(&plan["plugins"][0], "state"), text(&plan["plugins"][0], "digest")),
        ("loads", &*digest)
    );

    // What was changed is not put in service; what served goes on.
    let mut damaged = std::fs::read(folder.path().join(PACKED))?;
    let middle = damaged.len() / 2;
    *damaged.get_mut(middle).context("it is empty")? ^= 1;
    std::fs::write(folder.path().join(PACKED), damaged)?;
    let refused = folder.run(&["plugin", "enable", "documents", "--json"]).await?;
    assert_eq!(code(&refused)?, "digest-mismatch", "{refused:?}");
    site.on("/v", Reply::json(&json!(["1.3.0"])));
    host.api.check(&["demo"]).await?;
    assert_eq!(text(&host.api.checked("demo").await?, "latest"), "1.3.0");
    host.stop().await?;

    // The digest of the component is another one.
    pack(&folder, &[]).await?;
    folder.write(&format!("{}{}", settings::HOST, pinned(text(&packed, "component"))))?;
    let plan = folder.run(&["config", "plan", "--json"]).await?.json()?;
    assert_eq!(text(&plan["plugins"][0], "state"), "digest-mismatch", "{plan:#}");
    Ok(())
}

fn waystation_hex(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// How a file of an archive is put into another one.
type Change<'a> = dyn Fn(&mut tar::Builder<Vec<u8>>, &str, &[u8]) -> Result<()> + 'a;

#[tokio::test]
async fn each_damaged_package_is_refused_with_its_code() -> Result<()> {
    let folder = workshop()?;
    pack(&folder, &[]).await?;
    let good = std::fs::read(folder.path().join(PACKED))?;
    let whole = files(&good)?;
    let again = |change: &Change<'_>| {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, content) in &whole {
            change(&mut builder, path, content)?;
        }
        Ok::<_, anyhow::Error>(builder.into_inner()?)
    };
    let plain = |builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]| {
        let mut header = tar::Header::new_ustar();
        header.set_size(u64::try_from(content.len())?);
        Ok::<_, anyhow::Error>(builder.append_data(&mut header, path, content)?)
    };
    let linked = |builder: &mut tar::Builder<Vec<u8>>, path: &str, content: &[u8]| {
        if path != "oci-layout" {
            return plain(builder, path, content);
        }
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(tar::EntryType::Symlink);
        header.set_size(0);
        Ok(builder.append_link(&mut header, path, "/etc/passwd")?)
    };
    let mut gzip = GzEncoder::new(Vec::new(), Compression::fast());
    gzip.write_all(&good)?;
    let half = good.get(..good.len() / 2).unwrap_or_default().to_vec();
    let bad = [
        ("compressed", gzip.finish()?),
        ("truncated", half),
        ("trailing-data", [&good[..], b"x"].concat()),
        ("not-a-file", again(&linked)?),
        (
            "duplicate-entry",
            again(&|b, path, content| plain(b, path, content).and_then(|()| plain(b, path, content)))?,
        ),
        (
            "digest-mismatch",
            again(&|b, path, content| match path.starts_with("blobs/") {
                true => plain(b, path, &[content, b" "].concat()),
                false => plain(b, path, content),
            })?,
        ),
        ("stray-file", again(&|b, path, content| plain(b, &format!("x/{path}"), content))?),
        (
            "not-a-layout",
            again(&|b, path, content| match path {
                "index.json" => Ok(()),
                _ => plain(b, path, content),
            })?,
        ),
    ];
    for (expected, bytes) in bad {
        std::fs::write(folder.path().join("bad.plugin.tar"), bytes)?;
        let ran = folder.run(&["plugin", "inspect", "bad.plugin.tar", "--json"]).await?;
        assert_eq!(code(&ran)?, expected, "{ran:?}");
    }
    // As another program packs it, it is the same plugin.
    std::fs::write(folder.path().join("again.plugin.tar"), again(&plain)?)?;
    let ran = folder.run(&["plugin", "inspect", "again.plugin.tar", "--json"]).await?;
    let shown = folder.run(&["plugin", "inspect", PACKED, "--json"]).await?;
    assert_eq!(ran.json()?, shown.json()?);
    Ok(())
}

#[tokio::test]
async fn packing_twice_gives_the_same_bytes_and_says_what_it_cannot_pack() -> Result<()> {
    let folder = workshop()?;
    let first = pack(&folder, &["--output", "one.plugin.tar"]).await?;
    let second = pack(&folder, &["--output", "two.plugin.tar"]).await?;
    assert_eq!(text(&first, "digest"), text(&second, "digest"));
    let bytes = |name: &str| std::fs::read(folder.path().join(name));
    assert_eq!(bytes("one.plugin.tar")?, bytes("two.plugin.tar")?);

    // What was packed as a component is packed as a package just so.
    let ran = folder.run(&["plugin", "pack", "bare.wasm", "-o", "packed.wasm"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = folder.run(&["plugin", "pack", "packed.wasm", "-o", "three.plugin.tar", "--json"]).await?;
    assert_eq!(ran.json()?["digest"], first["digest"]);

    std::fs::write(folder.path().join("no-sbom.json"), "{}")?;
    let ran = folder.run(&["plugin", "pack", "bare.wasm", "--sbom", "no-sbom.json", "--json"]).await?;
    assert_eq!(code(&ran)?, "unknown-sbom");
    let ran = folder.run(&["plugin", "pack", "bare.wasm", "--readme", "plugin.toml", "-o", "x.wasm"]).await?;
    assert_eq!(ran.code, 2, "{ran:?}");

    let dated = |epoch: &'static str| workshop().map(|folder| folder.env("SOURCE_DATE_EPOCH", epoch));
    let at = dated("1700000000")?;
    let later = pack(&at, &[]).await?;
    assert_ne!(later["digest"], first["digest"]);
    let config =
        String::from_utf8_lossy(&std::fs::read(at.path().join(PACKED))?).contains("2023-11-14T22:13:20Z");
    assert!(config, "the time that was asked for");
    let ran = dated("yesterday")?.run(&["plugin", "pack", "bare.wasm", "--json"]).await?;
    assert_eq!(code(&ran)?, "source-date-epoch");
    Ok(())
}

/// Tools for images know nothing of plugins: what they copy is the same plugin.
#[tokio::test]
async fn skopeo_copies_a_package_and_what_it_writes_is_read() -> Result<()> {
    let folder = workshop()?;
    std::fs::write(folder.path().join("README.md"), "# http-json\n")?;
    let packed = pack(&folder, &["--readme", "README.md"]).await?;
    for (from, to) in [
        (format!("oci-archive:{PACKED}:0.1.0"), "oci:layout:0.1.0"),
        ("oci:layout:0.1.0".to_owned(), "oci-archive:again.tar:latest"),
    ] {
        let args = ["--insecure-policy", "copy", "--preserve-digests", &from, to];
        let ran = tokio::process::Command::new("skopeo").args(args).current_dir(folder.path()).output().await;
        let ran = ran.context("there is no `skopeo`; run `cargo xtask test`, which installs it")?;
        ensure!(ran.status.success(), "{from}: {}", String::from_utf8_lossy(&ran.stderr));
    }
    let shown = folder.run(&["plugin", "inspect", "again.tar", "--json"]).await?.json()?;
    assert_eq!(shown["digest"], packed["digest"]);
    assert_eq!(shown["component"], packed["component"]);
    // It leaves behind what is attached.
    assert_eq!((&shown["attached"], &shown["missing"]), (&json!([]), &json!(["readme"])));
    Ok(())
}

#[tokio::test]
async fn a_package_is_pushed_to_a_registry_and_pulled_from_it() -> Result<()> {
    let folder = workshop()?;
    std::fs::write(folder.path().join("README.md"), "# http-json\n")?;
    let packed = pack(&folder, &["--readme", "README.md"]).await?;
    let (_registry, address) = registry::start(folder.path(), "", "").await?;
    let name = format!("{address}/example/http-json");
    let pushed = folder.run(&["plugin", "push", PACKED, &name, "--plain-http", "--json"]).await?;
    ensure!(pushed.code == 0, "{pushed:?}");
    assert_eq!(text(&pushed.json()?, "reference"), format!("{name}:0.1.0"), "the version is the tag");

    let pinned = format!("{name}@{}", text(&packed, "digest"));
    for (reference, file) in [(format!("{name}:0.1.0"), "tagged.plugin.tar"), (pinned, "pinned.plugin.tar")] {
        let args = ["plugin", "pull", &reference, "--plain-http", "-o", file, "--store", "store", "--json"];
        let pulled = folder.run(&args).await?;
        ensure!(pulled.code == 0, "{pulled:?}");
        assert_eq!(pulled.json()?["digest"], packed["digest"]);
        let (here, there) = (folder.path().join(PACKED), folder.path().join(file));
        assert!(std::fs::read(here)? == std::fs::read(there)?, "it came back as another file");
    }
    let missing = folder.run(&["plugin", "pull", &format!("{name}:9"), "--plain-http", "--json"]).await?;
    assert_eq!(missing.code, 6, "{missing:?}");
    assert!(missing.stderr.contains("registry-not-found"), "{missing:?}");
    // TLS is spoken unless something else was asked for.
    let tls = folder.run(&["plugin", "pull", &format!("{name}:0.1.0"), "--json"]).await?;
    assert_eq!(code(&tls)?, "registry-unreachable");
    let nameless = folder.run(&["plugin", "pull", "http-json", "--json"]).await?;
    assert_eq!(nameless.code, 2, "{nameless:?}");
    Ok(())
}

/// Bytes that a process may hold for itself.
const LITTLE: u64 = 40 << 20;

#[tokio::test]
async fn a_large_plugin_is_pulled_with_little_memory() -> Result<()> {
    let folder = workshop()?;
    let bare = folder.path().join("bare.wasm");
    let large = wasm::and_module(&std::fs::read(&bare)?, &vec![7; 60 << 20]);
    std::fs::write(&bare, large)?;
    pack(&folder, &[]).await?;
    let (_registry, address) = registry::start(folder.path(), "", "").await?;
    let name = format!("{address}/example/http-json");
    let pushed = folder.run(&["plugin", "push", PACKED, &name, "--plain-http"]).await?;
    ensure!(pushed.code == 0, "{pushed:?}");
    let tagged = format!("{name}:0.1.0");
    for more in [&["-o", "first.plugin.tar"][..], &["-o", "second.plugin.tar", "--store", "store"]] {
        let args = [&["plugin", "pull", &tagged, "--plain-http"][..], more].concat();
        let limited = folder.limited(LITTLE, &args).await?;
        ensure!(limited.code == 0, "{limited:?}");
    }
    let read = |name: &str| std::fs::read(folder.path().join(name));
    assert!(read("first.plugin.tar")? == read(PACKED)? && read("second.plugin.tar")? == read(PACKED)?);
    // The limit is one: who reads all of it into memory does not get through.
    let held = folder.limited(LITTLE, &["plugin", "pack", "bare.wasm", "-o", "third.plugin.tar"]).await?;
    assert_ne!(held.code, 0, "{held:?}");
    Ok(())
}

/// `me` and `correct horse`, as the registry keeps them (bcrypt).
const HTPASSWD: &str = "me:$2b$04$abcdefghijklmnopqrstuujydOTSfIH/d5oUHpsygqV5X9xJLQc6e\n";

#[tokio::test]
async fn a_registry_behind_a_private_authority_and_a_password_is_spoken_to() -> Result<()> {
    let folder = workshop()?;
    pack(&folder, &[]).await?;
    let at = |name: &str| folder.path().join(name);
    let authority = Authority::new()?;
    authority.write(&at("ca.pem"))?;
    authority.issue("localhost", &at("cert.pem"), &at("key.pem"))?;
    std::fs::write(at("htpasswd"), HTPASSWD)?;
    std::fs::write(at("good"), "correct horse\n")?;
    std::fs::write(at("bad"), "wrong horse\n")?;
    let tls = format!(", tls: {{certificate: {:?}, key: {:?}}}", at("cert.pem"), at("key.pem"));
    let auth = format!("auth: {{htpasswd: {{realm: here, path: {:?}}}}}\n", at("htpasswd"));
    let (_registry, address) = registry::start(folder.path(), &auth, &tls).await?;
    let port = address.rsplit(':').next().context("no port")?;
    let name = format!("localhost:{port}/example/http-json:1");
    let push = ["plugin", "push", PACKED, &name, "--json"];
    let with = |more: &[&'static str]| [&push[..], more].concat();

    let known = with(&["--ca-file", "ca.pem", "--user", "me", "--password-file", "good"]);
    let pushed = folder.run(&known).await?;
    ensure!(pushed.code == 0, "{pushed:?}");
    for (more, expected) in [
        (&["--user", "me", "--password-file", "good"][..], "registry-unreachable"),
        (&["--ca-file", "ca.pem", "--user", "me", "--password-file", "bad"], "registry-unauthorized"),
        (&["--ca-file", "ca.pem"], "registry-unauthorized"),
    ] {
        let refused = folder.run(&with(more)).await?;
        assert_eq!(code(&refused)?, expected, "{refused:?}");
        assert!(!refused.stderr.contains("horse"), "{refused:?}");
    }
    Ok(())
}

/// Copies sources, without what was built of them.
fn copy(from: &Path, to: &Path) -> Result<()> {
    std::fs::create_dir_all(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let to = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true if entry.file_name() == "target" => {}
            true => copy(&entry.path(), &to)?,
            false => drop(std::fs::copy(entry.path(), to)?),
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_same_source_in_two_folders_is_the_same_plugin() -> Result<()> {
    let checkout = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folder = Folder::new("")?.with_rust();
    let mut archives = Vec::new();
    // What a shell happens to have set is not the plugin's either.
    for (place, flags) in [("one", ""), ("somewhere/else entirely", "-Copt-level=0")] {
        let place = folder.path().join(place);
        for part in ["plugins", "sdk/rust", "wit"] {
            copy(&checkout.join(part), &place.join(part))?;
        }
        let template = place.join("sdk/rust/template/update-source");
        let command = ["plugin", "build", "--json", template.to_str().context("not UTF-8")?];
        let build = folder.command(&command)?.env("RUSTFLAGS", flags).output();
        let output = tokio::time::timeout(BUILDING, build).await??;
        ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let told: Value = serde_json::from_slice(&output.stdout)?;
        let archive = std::fs::read(folder.path().join(text(&told, "file")))?;
        let here = folder.path().to_str().context("not UTF-8")?;
        assert!(!String::from_utf8_lossy(&archive).contains(here), "it says where it was built");
        archives.push((text(&told, "digest").to_owned(), archive));
    }
    let (first, second) = (&archives[0], &archives[1]);
    assert_eq!(first.0, second.0);
    assert!(first.1 == second.1, "the archives differ");

    let shown = folder.run(&["plugin", "inspect", "my-source-0.1.0.plugin.tar", "--json"]).await?.json()?;
    assert_eq!(text(&shown, "digest"), first.0);
    let files = files(&first.1)?;
    let sbom = files.iter().find_map(|(_, content)| {
        let json: Value = serde_json::from_slice(content).ok()?;
        (json["bomFormat"] == "CycloneDX").then_some(json)
    });
    let sbom = sbom.context("there is no bill of materials")?;
    let names: Vec<_> =
        sbom["components"].as_array().into_iter().flatten().map(|one| text(one, "name")).collect();
    assert!(names.contains(&"serde_json") && names.contains(&"waystation-update-source"), "{names:?}");
    Ok(())
}

#[tokio::test]
async fn building_says_what_is_missing() -> Result<()> {
    let folder = workshop()?.with_rust();
    let ran = folder.run(&["plugin", "build", "--json"]).await?;
    assert_eq!(code(&ran)?, "not-a-rust-plugin");
    let ran = folder.run(&["plugin", "build", "nowhere", "--json"]).await?;
    assert_eq!(code(&ran)?, "io");
    // A compiler that has nothing for the sandbox.
    let rustc = folder.path().join("rustc");
    std::fs::write(&rustc, "#!/bin/sh\necho /nowhere\n")?;
    std::fs::set_permissions(&rustc, std::os::unix::fs::PermissionsExt::from_mode(0o755))?;
    std::fs::write(folder.path().join("Cargo.toml"), "[package]\nname = \"x\"\n")?;
    let folder = folder.env("RUSTC", rustc.to_str().context("not UTF-8")?);
    let ran = folder.run(&["plugin", "build", "--json"]).await?;
    assert_eq!(code(&ran)?, "no-target");
    assert!(ran.stderr.contains("rustup target add wasm32-unknown-unknown"), "{ran:?}");
    Ok(())
}
