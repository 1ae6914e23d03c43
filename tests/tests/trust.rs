//! `waystation trust`: whose plugins may run, through the real binary, without a host or a network.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use waystation_bundle::{Kind, Limits, Package, PackageWriter, Statement};
use waystation_lab as lab;
use waystation_tests::api::text;
use waystation_tests::{Folder, Ran};

/// A plugin, signed where `by` says by whom.
fn plugin(name: &str, by: Option<lab::Make>) -> Result<Package> {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"1.2.0\"\nkind = \"update-source@0.1\"\nsummary = \"Versions\"\n"
    );
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let component = wat::parse_str(format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))"))?;
    let mut package = PackageWriter::new(component, &Limits::DEFAULT)?.finish()?;
    if let Some(by) = by {
        let statement = serde_json::from_slice(&Statement::of(&package)?.to_json()?)?;
        let bundle = lab::make(&lab::Make { statement: Some(statement), ..by }).to_string();
        package.attach(Kind::Signature, bundle, &Limits::DEFAULT)?;
    }
    Ok(package)
}

/// A folder with a policy, its trusted root and its revocations, and plugins.
fn folder() -> Result<(Folder, Package)> {
    let folder = Folder::new("")?;
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
    write("root.json", lab::root().to_string().as_bytes())?;
    let policy = format!(
        "version = 1\n[domains.default]\nroot = \"root.json\"\n\
         [signers.release]\nidentity = \"{}\"\nissuer = \"{}\"\n\
         [signers.ops]\nkey = \"\"\"{}\"\"\"\n\
         [[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"release\"]\n\
         [revocations]\nfile = \"revocations.json\"\nany_of = [\"ops\"]\n",
        lab::IDENTITY,
        lab::ISSUER,
        lab::pem("PUBLIC KEY", &lab::spki(40)),
    );
    write("trust.toml", policy.as_bytes())?;
    let package = plugin("acme/tool", Some(lab::Make::default()))?;
    write("signed.plugin.tar", &package.to_tar(&Limits::DEFAULT)?)?;
    write("unsigned.plugin.tar", &plugin("acme/tool", None)?.to_tar(&Limits::DEFAULT)?)?;
    let other = plugin("other/tool", Some(lab::Make::default()))?;
    write("other.plugin.tar", &other.to_tar(&Limits::DEFAULT)?)?;
    revoke(&folder, &json!([]))?;
    Ok((folder, package))
}

/// Puts a list of revocations there that is good for an hour.
fn revoke(folder: &Folder, digests: &Value) -> Result<()> {
    let hour = SignedDuration::from_hours(1);
    let list = json!({
        "version": 1, "number": 1, "issued_at": Timestamp::now() - hour, "expires_at": Timestamp::now() + hour,
        "digests": digests,
    });
    let list = list.to_string();
    let by_ops = lab::Make { file: Some(list.clone().into_bytes()), key: Some(40), ..lab::Make::default() };
    std::fs::write(folder.path().join("revocations.json"), list)?;
    let signature = lab::make(&by_ops).to_string();
    std::fs::write(folder.path().join("revocations.json.sigstore.json"), signature)?;
    Ok(())
}

/// The code of a failure, which is the last line of stderr.
fn code(ran: &Ran) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(last).map(|failure| text(&failure, "code").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_plugin_is_explained() -> Result<()> {
    let (folder, package) = folder()?;
    let ran = folder.run(&["trust", "explain", "signed.plugin.tar"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in ["acme/tool 1.2.0", "verified: signed by", lab::IDENTITY, "passed   signature"] {
        assert!(ran.stdout.contains(part), "{part} is not in {ran:?}");
    }
    let ran = folder.run(&["trust", "explain", "signed.plugin.tar", "--json"]).await?.json()?;
    assert_eq!(
        (text(&ran, "state"), text(&ran, "digest")),
        ("verified", package.digest().to_string().as_str())
    );
    for (file, state, reason) in [
        ("unsigned.plugin.tar", "unsigned", "unsigned"),
        ("other.plugin.tar", "untrusted-signer", "namespace-unknown"),
    ] {
        let ran = folder.run(&["trust", "explain", file, "--json"]).await?;
        assert_eq!((ran.code, code(&ran).as_str()), (1, reason), "{ran:?}");
        assert_eq!(text(&ran.json()?, "state"), state);
    }
    let ran = folder.run(&["trust", "explain", "root.json", "--json"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(!code(&ran).is_empty(), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn what_was_withdrawn_is_told() -> Result<()> {
    let (folder, package) = folder()?;
    revoke(&folder, &json!([{ "digest": package.digest(), "why": "leaks tokens" }]))?;
    let ran = folder.run(&["trust", "explain", "signed.plugin.tar", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "digest-revoked"), "{ran:?}");
    assert!(ran.stderr.contains("leaks tokens"), "{ran:?}");
    // Nobody takes a revocation back by changing the list, or by taking it away.
    let list = folder.path().join("revocations.json");
    let changed = std::fs::read_to_string(&list)?.replace("leaks tokens", "leaks nothing");
    std::fs::write(&list, changed)?;
    let ran = folder.run(&["trust", "explain", "signed.plugin.tar", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "revocations-untrusted"), "{ran:?}");
    std::fs::remove_file(&list)?;
    let ran = folder.run(&["trust", "explain", "signed.plugin.tar", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "trust-unreadable"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_policy_is_checked_with_all_that_it_names() -> Result<()> {
    let (folder, _) = folder()?;
    let ran = folder.run(&["trust", "check"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    for part in ["namespace acme", "update-source", "root.json", "number 1"] {
        assert!(ran.stdout.contains(part), "{part} is not in {ran:?}");
    }
    let checked = folder.run(&["trust", "check", "--json"]).await?.json()?;
    assert_eq!(checked["namespaces"], json!([{ "name": "acme", "kinds": ["update-source"] }]));
    let policy = folder.path().join("trust.toml");
    let whole = std::fs::read_to_string(&policy)?;
    for (change, with, refused) in [
        ("version = 1", "version = 9", "trust-version"),
        ("any_of = [\"release\"]", "any_off = [\"release\"]", "trust-malformed"),
        ("any_of = [\"release\"]", "any_of = [\"nobody\"]", "trust-signers"),
        ("root.json", "trust.toml", "root-malformed"),
        ("root.json", "nowhere.json", "trust-unreadable"),
    ] {
        std::fs::write(&policy, whole.replace(change, with))?;
        let ran = folder.run(&["trust", "check", "--json"]).await?;
        assert_eq!((ran.code, code(&ran).as_str()), (1, refused), "{ran:?}");
        // The sentence says in which file.
        assert!(ran.stderr.contains(".toml") || ran.stderr.contains(".json"), "{ran:?}");
    }
    Ok(())
}
