//! `waystation verify blob`: files in, a verdict out, through the real binary, without a host or a network.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use anyhow::Result;
use serde_json::{Value, json};
use waystation_lab as lab;
use waystation_tests::api::{list, text};
use waystation_tests::{Folder, Ran};

/// A folder with an artifact, two bundles, a trusted root and a policy.
fn folder() -> Result<Folder> {
    let folder = Folder::new("")?;
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes);
    write("artifact", lab::ARTIFACT)?;
    write("root.json", lab::root().to_string().as_bytes())?;
    write("release.json", lab::make(&lab::Make::default()).to_string().as_bytes())?;
    let keyed = lab::Make { key: Some(50), ..lab::second() };
    write("keyed.json", lab::make(&keyed).to_string().as_bytes())?;
    let policy = json!({
        "version": 1,
        "signers": {
            "release": { "identity": lab::IDENTITY, "issuer": lab::ISSUER },
            "maintainer": { "domain": "keys", "key": lab::pem("PUBLIC KEY", &lab::spki(50)) },
        },
        "domains": { "keys": { "sct": 0 } },
        "rules": [{ "name": "both", "all_of": ["release", "maintainer"] }, { "name": "one", "any_of": ["release"] }],
    });
    write("policy.json", policy.to_string().as_bytes())?;
    Ok(folder)
}

const USUAL: [&str; 8] =
    ["verify", "blob", "--policy", "policy.json", "--trusted-root", "root.json", "--bundle", "release.json"];

async fn run(folder: &Folder, more: &[&str]) -> Result<Ran> {
    folder.run(&[USUAL.as_slice(), more].concat()).await
}

/// The code of a refusal, which is the last line of stderr.
fn code(ran: &Ran) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(last).map(|failure| text(&failure, "code").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_signed_file_is_admitted_and_another_is_not() -> Result<()> {
    let folder = folder()?;
    let ran = run(&folder, &["artifact"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert!(
        ran.stdout.contains(lab::IDENTITY) && ran.stdout.contains("rekor1.example, entry 1001"),
        "{ran:?}"
    );
    std::fs::write(folder.path().join("other"), b"other bytes")?;
    let ran = run(&folder, &["other", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "digest-mismatch"), "{ran:?}");
    let verdict = ran.json()?;
    assert_eq!((&verdict["admitted"], &verdict["code"]), (&json!(false), &json!("digest-mismatch")));
    // The digest in place of the file.
    let digest = format!("sha256:{}", hex::encode(lab::sha256(lab::ARTIFACT)));
    let ran = run(&folder, &["--digest", &digest, "--json"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(text(&ran.json()?, "subject"), digest);
    let ran = run(&folder, &["--digest", "sha256:00", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (2, "usage"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn several_signers_come_in_several_bundles() -> Result<()> {
    let folder = folder()?;
    let ran = run(&folder, &["artifact", "--bundle", "keyed.json", "--json"]).await?;
    let verdict = ran.json()?;
    assert_eq!((text(&verdict, "rule"), list(&verdict, "signatures").len()), ("both", 2), "{verdict}");
    // A domain with a root of its own, which is none.
    std::fs::write(folder.path().join("empty.json"), b"")?;
    let ran = run(&folder, &["artifact", "--trusted-root", "keys=empty.json", "--json"]).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "root-malformed"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn every_refusal_has_its_code_and_its_steps() -> Result<()> {
    let folder = folder()?;
    let explained = run(&folder, &["artifact", "--explain"]).await?;
    assert_eq!(explained.code, 0, "{explained:?}");
    for step in ["bundle", "root", "times", "certificate", "sct", "inclusion", "signature", "identity"] {
        assert!(explained.stdout.contains(&format!(" passed   {step}")), "{step}: {explained:?}");
    }
    let mut changed = lab::make(&lab::Make::default());
    changed["verificationMaterial"]["tlogEntries"][0]["logIndex"] = "1002".into();
    std::fs::write(folder.path().join("release.json"), changed.to_string())?;
    let ran = run(&folder, &["artifact", "--explain"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("(promise-invalid)"), "{ran:?}");
    assert!(ran.stdout.contains(" failed   ") && ran.stdout.contains("not reached"), "{ran:?}");
    // Without a root nothing is believed, and no root is built in.
    let bare =
        ["verify", "blob", "artifact", "--policy", "policy.json", "--bundle", "release.json", "--json"];
    let ran = folder.run(&bare).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "root-missing"), "{ran:?}");
    std::fs::write(folder.path().join("policy.json"), r#"{"version":2}"#)?;
    assert_eq!(code(&run(&folder, &["artifact", "--json"]).await?), "policy-version");
    assert_eq!(code(&run(&folder, &["nowhere", "--json"]).await?), "policy-version");
    std::fs::remove_file(folder.path().join("policy.json"))?;
    assert_eq!(code(&run(&folder, &["artifact", "--json"]).await?), "io");
    Ok(())
}
