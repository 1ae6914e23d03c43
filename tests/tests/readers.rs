//! What `plugin sign` makes, read by Sigstore's clients in JavaScript and in Python. Neither shares a line with ours.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use std::process::Output;

use anyhow::Result;
use serde_json::{Value, json};
use tokio::process::Command;
use waystation_bundle::{Limits, PackageWriter};
use waystation_lab as lab;
use waystation_lab::stand_in::{Service, StandIn};
use waystation_tests::{Folder, built, signing};

/// The kinds of logs that there are, and both at once.
const LOGS: [&[Service]; 3] = [&[Service::First], &[Service::Second], &[Service::First, Service::Second]];

/// Runs it, and expects it to work.
async fn done(folder: &Folder, args: &[&str]) -> Result<()> {
    let ran = folder.run(args).await?;
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    Ok(())
}

/// Puts a plugin that really is one, and that nobody signed, into the folder.
fn real(folder: &Folder) -> Result<()> {
    let component = std::fs::read(built::plugin("http-json")?)?;
    let package = PackageWriter::new(component, &Limits::DEFAULT)?.finish()?;
    Ok(std::fs::write(folder.path().join("tool.plugin.tar"), package.to_tar(&Limits::DEFAULT)?)?)
}

/// Writes the signed manifest and its signature as other tools want them, and beside them those that must not pass: a
/// manifest with another byte, and a signature over a statement with another byte.
async fn files(folder: &Folder) -> Result<()> {
    let out = ["--manifest-out", "manifest.json", "--signatures-out", "signature"];
    done(folder, &[&["plugin", "inspect", "tool.plugin.tar"], &out[..]].concat()).await?;
    let at = |name: &str| folder.path().join(name);
    let mut manifest = std::fs::read(at("manifest.json"))?;
    let last = manifest.iter().rposition(u8::is_ascii_digit).unwrap();
    manifest[last] ^= 1;
    std::fs::write(at("altered.json"), manifest)?;
    let mut bundle: Value = serde_json::from_slice(&std::fs::read(at("signature.1.sigstore.json"))?)?;
    let mut payload = lab::unb64(&bundle["dsseEnvelope"]["payload"]);
    let last = payload.iter().rposition(u8::is_ascii_digit).unwrap();
    payload[last] ^= 1;
    bundle["dsseEnvelope"]["payload"] = lab::b64(payload).into();
    Ok(std::fs::write(at("altered.sigstore.json"), bundle.to_string())?)
}

/// Whether it passes; what it says where it does not is not empty and holds `why`.
fn passes(ran: &Output, why: &str) -> bool {
    let said = String::from_utf8_lossy(&[ran.stdout.as_slice(), &ran.stderr].concat()).into_owned();
    // Something that is not installed would refuse everything.
    assert!(ran.status.success() || said.contains(why), "{said}");
    ran.status.success()
}

/// The JavaScript client.
async fn javascript(folder: &Folder, args: &[&str], why: &str) -> Result<bool> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/readers/verify.mjs");
    let mut command = Command::new("node");
    command.arg(script).args(args).current_dir(folder.path());
    Ok(passes(&command.env("WAYSTATION_SIGSTORE_JS", built::javascript()?).output().await?, why))
}

/// The Python client: its command line, with the trusted root and nothing from the network.
async fn python(folder: &Folder, args: &[&str], why: &str) -> Result<bool> {
    let mut command = Command::new(built::python()?);
    command.args(["-m", "sigstore", "--trust-config", "config.json", "verify", "identity"]).args(args);
    Ok(passes(&command.env("HOME", folder.path()).current_dir(folder.path()).output().await?, why))
}

/// Writes what the Python client is to believe.
fn config(folder: &Folder, services: &StandIn, root: &Value) -> Result<()> {
    let config = json!({
        "mediaType": "application/vnd.dev.sigstore.clienttrustconfig.v0.1+json",
        "trustedRoot": root, "signingConfig": services.config(&[Service::First]),
    });
    Ok(std::fs::write(folder.path().join("config.json"), config.to_string())?)
}

/// A plugin that was signed without a key, its signature in files. The services are for a signing configuration: nobody
/// asks them when it is verified.
async fn keyless(logs: &[Service]) -> Result<(Folder, StandIn)> {
    let (folder, services) = signing::keyless(logs).await?;
    real(&folder)?;
    let with = ["--signing-config", "signing.json", "--trusted-root", "root.json"];
    let sign = ["plugin", "sign", "tool.plugin.tar", "--keyless", "--identity-token-file", "token"];
    done(&folder, &[&sign[..], &with].concat()).await?;
    files(&folder).await?;
    Ok((folder, services))
}

#[tokio::test]
async fn the_javascript_client_believes_our_keys() -> Result<()> {
    let (folder, _) = signing::unsigned()?;
    real(&folder)?;
    done(&folder, &["trust", "init", "--namespace", "acme", "--no-passphrase"]).await?;
    done(&folder, &["key", "new", "-o", "other.key", "--no-passphrase"]).await?;
    done(&folder, &["trust", "init", "other", "--namespace", "acme", "--no-passphrase"]).await?;
    let sign = ["plugin", "sign", "tool.plugin.tar", "--timestamp-authority", "timestamps.key"];
    done(&folder, &[&sign[..], &["--key", "signing.key"]].concat()).await?;
    files(&folder).await?;
    let (root, bundle, file) = ("trusted_root.json", "signature.1.sigstore.json", "manifest.json");
    for (root, bundle, file, key, why) in [
        (root, bundle, file, "signing.key.pub", ""),
        (root, bundle, file, "other.key.pub", "signature verification failed"),
        (root, bundle, "altered.json", "signing.key.pub", "about another file"),
        (root, "altered.sigstore.json", file, "signing.key.pub", "signature verification failed"),
        ("other/trusted_root.json", bundle, file, "signing.key.pub", "timestamp"),
    ] {
        let passed = javascript(&folder, &[root, bundle, file, "key", key], why).await?;
        assert_eq!(passed, why.is_empty(), "{root} {bundle} {file} {key}");
    }
    Ok(())
}

#[tokio::test]
async fn the_javascript_client_believes_who_signed_without_a_key() -> Result<()> {
    for logs in LOGS {
        let (folder, _services) = keyless(logs).await?;
        std::fs::write(folder.path().join("foreign.json"), StandIn::start().await.root().to_string())?;
        let (root, bundle, file) = ("root.json", "signature.1.sigstore.json", "manifest.json");
        let other = "https://github.com/acme/other/.github/workflows/release.yml@refs/tags/v1";
        for (root, bundle, file, identity, issuer, why) in [
            (root, bundle, file, lab::IDENTITY, lab::ISSUER, ""),
            (root, bundle, file, other, lab::ISSUER, "identity"),
            (root, bundle, file, lab::IDENTITY, "https://issuer.example", "issuer"),
            (root, bundle, "altered.json", lab::IDENTITY, lab::ISSUER, "about another file"),
            (root, "altered.sigstore.json", file, lab::IDENTITY, lab::ISSUER, "Error"),
            ("foreign.json", bundle, file, lab::IDENTITY, lab::ISSUER, "timestamp"),
        ] {
            let args = [root, bundle, file, "identity", identity, issuer];
            let passed = javascript(&folder, &args, why).await?;
            assert_eq!(passed, why.is_empty(), "{logs:?} {args:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn the_python_client_believes_who_signed_without_a_key() -> Result<()> {
    // It takes one entry of a log, and no more.
    for logs in &LOGS[..2] {
        let (folder, services) = keyless(logs).await?;
        config(&folder, &services, &services.root())?;
        let (bundle, file) = ("signature.1.sigstore.json", "manifest.json");
        let other = "https://github.com/acme/other/.github/workflows/release.yml@refs/tags/v1";
        for (bundle, file, identity, issuer, why) in [
            (bundle, file, lab::IDENTITY, lab::ISSUER, ""),
            (bundle, file, other, lab::ISSUER, "SANs"),
            (bundle, file, lab::IDENTITY, "https://issuer.example", "issuer"),
            (bundle, "altered.json", lab::IDENTITY, lab::ISSUER, "subject"),
            ("altered.sigstore.json", file, lab::IDENTITY, lab::ISSUER, "ignature"),
        ] {
            let args = ["--bundle", bundle, "--cert-identity", identity, "--cert-oidc-issuer", issuer, file];
            assert_eq!(python(&folder, &args, why).await?, why.is_empty(), "{logs:?} {args:?}");
        }
        let mut foreign = services.root();
        foreign["certificateAuthorities"] = json!([foreign["timestampAuthorities"][0].clone()]);
        config(&folder, &services, &foreign)?;
        let args =
            ["--bundle", bundle, "--cert-identity", lab::IDENTITY, "--cert-oidc-issuer", lab::ISSUER, file];
        assert!(!python(&folder, &args, "ertificate").await?, "{logs:?}");
    }
    Ok(())
}

/// `docs/src/verify/others.md` says so; where it learns to, that page has to change.
#[tokio::test]
async fn the_python_client_reads_no_signatures_of_keys_and_none_in_two_logs() -> Result<()> {
    let (folder, _) = signing::unsigned()?;
    real(&folder)?;
    done(&folder, &["trust", "init", "--namespace", "acme", "--no-passphrase"]).await?;
    let sign = ["plugin", "sign", "tool.plugin.tar", "--timestamp-authority", "timestamps.key"];
    done(&folder, &[&sign[..], &["--key", "signing.key"]].concat()).await?;
    files(&folder).await?;
    let services = StandIn::start().await;
    config(&folder, &services, &services.root())?;
    let (bundle, file) = ("signature.1.sigstore.json", "manifest.json");
    let args = ["--bundle", bundle, "--cert-identity", "anybody", "--cert-oidc-issuer", "anybody", file];
    assert!(!python(&folder, &args, "expected certificate in bundle").await?);
    let (folder, services) = keyless(LOGS[2]).await?;
    config(&folder, &services, &services.root())?;
    assert!(!python(&folder, &args, "expected exactly one log entry").await?);
    Ok(())
}
