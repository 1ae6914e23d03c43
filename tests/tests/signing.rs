//! Signing as a user does it, through the real binary: keys, timestamps, a policy, and what is withdrawn.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use serde_json::Value;
use waystation_bundle::{Limits, Package};
use waystation_tests::api::text;
use waystation_tests::signing::unsigned;
use waystation_tests::{Folder, Ran};

/// Runs it, with `--json`, and expects it to work.
async fn done(folder: &Folder, args: &[&str]) -> Result<Value> {
    let ran = folder.run(&[&["--json"], args].concat()).await?;
    assert_eq!(ran.code, 0, "{args:?}: {ran:?}");
    ran.json()
}

/// Runs it, and gives the code with which it fails.
async fn code(folder: &Folder, args: &[&str]) -> Result<String> {
    let ran: Ran = folder.run(&[&["--json"], args].concat()).await?;
    assert_ne!(ran.code, 0, "{args:?}: {ran:?}");
    let last = ran.stderr.lines().last().unwrap_or_default();
    Ok(text(&serde_json::from_str::<Value>(last)?, "code").to_owned())
}

const INIT: [&str; 5] = ["trust", "init", "--namespace", "acme", "--no-passphrase"];
const SIGN: [&str; 7] =
    ["plugin", "sign", "tool.plugin.tar", "--timestamp-authority", "timestamps.key", "--key", "signing.key"];
const EXPLAIN: [&str; 3] = ["trust", "explain", "tool.plugin.tar"];

#[tokio::test]
async fn a_site_signs_its_own_plugins_and_believes_them() -> Result<()> {
    let (folder, package) = unsigned()?;
    let made = done(&folder, &INIT).await?;
    for (file, mode) in [("signing.key", 0o600), ("timestamps.key", 0o600), ("trust.toml", 0o644)] {
        let found = std::fs::metadata(folder.path().join(file))?.permissions().mode();
        assert_eq!(found & 0o777, mode, "{file}");
    }
    assert_eq!(code(&folder, &EXPLAIN).await?, "unsigned");
    let signed = done(&folder, &SIGN).await?;
    let digest = package.digest().to_string();
    assert_eq!((text(&signed, "digest"), &signed["verified"]), (digest.as_str(), &true.into()));
    assert_eq!(signed["key"], made["fingerprint"]);
    let explained = done(&folder, &EXPLAIN).await?;
    assert_eq!((text(&explained, "state"), text(&explained, "digest")), ("verified", digest.as_str()));
    // For people, too, and a policy that is whole.
    let ran = folder.run(&EXPLAIN).await?;
    assert!(ran.stdout.contains("verified: signed by"), "{ran:?}");
    assert_eq!(folder.run(&["trust", "check"]).await?.code, 0);
    // The plugin is the same, with a signature more.
    let bytes = std::fs::read(folder.path().join("tool.plugin.tar"))?;
    let now = Package::parse(bytes.clone(), &Limits::DEFAULT)?;
    assert_eq!((now.digest(), now.signatures().count()), (package.digest(), 1));
    assert_eq!(code(&folder, &SIGN).await?, "already-signed");
    assert_eq!(std::fs::read(folder.path().join("tool.plugin.tar"))?, bytes);
    Ok(())
}

#[tokio::test]
async fn nothing_is_written_over() -> Result<()> {
    let (folder, _) = unsigned()?;
    done(&folder, &INIT).await?;
    let names = ["signing.key", "signing.key.pub", "timestamps.key", "trusted_root.json", "trust.toml"];
    let read = || names.map(|name| std::fs::read(folder.path().join(name)).unwrap_or_default());
    let before = read();
    assert_eq!(code(&folder, &INIT).await?, "file-exists");
    assert_eq!(code(&folder, &["key", "new", "--no-passphrase"]).await?, "file-exists");
    assert_eq!(read(), before);
    // One that is there is enough, and none of the others is made.
    std::fs::create_dir(folder.path().join("other"))?;
    std::fs::write(folder.path().join("other/trust.toml"), "mine")?;
    assert_eq!(code(&folder, &[&INIT[..], &["other"]].concat()).await?, "file-exists");
    assert_eq!(std::fs::read_dir(folder.path().join("other"))?.count(), 1);
    // Half a pair is made whole by nobody.
    std::fs::write(folder.path().join("pair.pub"), "mine")?;
    assert_eq!(code(&folder, &["key", "new", "-o", "pair", "--no-passphrase"]).await?, "file-exists");
    assert!(!folder.path().join("pair").exists());
    assert_eq!(
        code(&folder, &["trust", "init", "new", "--namespace", "A/b", "--no-passphrase"]).await?,
        "bad-name"
    );
    assert!(!folder.path().join("new").exists());
    Ok(())
}

#[tokio::test]
async fn keys_are_encrypted_and_asked_for() -> Result<()> {
    let (folder, _) = unsigned()?;
    assert_eq!(code(&folder, &INIT[..4]).await?, "passphrase-needed");
    std::fs::write(folder.path().join("passphrase"), "correct horse\n")?;
    std::fs::write(folder.path().join("wrong"), "battery staple\n")?;
    std::fs::write(folder.path().join("empty"), "\n")?;
    assert_eq!(
        code(&folder, &[&INIT[..4], &["--passphrase-file", "empty"]].concat()).await?,
        "passphrase-needed"
    );
    done(&folder, &[&INIT[..4], &["--passphrase-file", "passphrase"]].concat()).await?;
    for file in ["signing.key", "timestamps.key"] {
        let text = std::fs::read_to_string(folder.path().join(file))?;
        assert!(text.starts_with("-----BEGIN ENCRYPTED PRIVATE KEY-----"), "{file}");
    }
    assert_eq!(code(&folder, &SIGN).await?, "passphrase-needed");
    assert_eq!(
        code(&folder, &[&SIGN[..], &["--passphrase-file", "wrong"]].concat()).await?,
        "passphrase-wrong"
    );
    done(&folder, &[&SIGN[..], &["--passphrase-file", "passphrase"]].concat()).await?;
    assert_eq!(text(&done(&folder, &EXPLAIN).await?, "state"), "verified");
    // The public key needs none, and it is the same.
    let shown = done(&folder, &["key", "show", "signing.key.pub"]).await?;
    let private = done(&folder, &["key", "show", "signing.key", "--passphrase-file", "passphrase"]).await?;
    assert_eq!((text(&shown, "kind"), text(&private, "kind")), ("public", "private"));
    assert_eq!(shown["fingerprint"], private["fingerprint"]);
    Ok(())
}

#[tokio::test]
async fn a_signature_without_a_time_is_made_only_by_who_wants_one() -> Result<()> {
    let (folder, _) = unsigned()?;
    done(&folder, &INIT).await?;
    let bare = ["plugin", "sign", "tool.plugin.tar", "--key", "signing.key"];
    assert_eq!(code(&folder, &bare).await?, "no-timestamp");
    let signed = done(&folder, &[&bare[..], &["--no-timestamp", "-o", "bare.plugin.tar"]].concat()).await?;
    assert_eq!(signed["verified"], false);
    assert_eq!(code(&folder, &["trust", "explain", "bare.plugin.tar"]).await?, "no-verified-time");
    assert_eq!(code(&folder, &EXPLAIN).await?, "unsigned");
    // An authority that the given root does not know is found out before anything is written.
    done(&folder, &[&INIT[..], &["other"]].concat()).await?;
    let foreign = [&SIGN[..], &["--trusted-root", "other/trusted_root.json"]].concat();
    assert_eq!(code(&folder, &foreign).await?, "timestamp-invalid");
    assert_eq!(code(&folder, &EXPLAIN).await?, "unsigned");
    Ok(())
}

#[tokio::test]
async fn a_program_that_keeps_the_key_signs() -> Result<()> {
    let (folder, _) = unsigned()?;
    done(&folder, &INIT).await?;
    let program =
        ["plugin", "sign", "tool.plugin.tar", "--timestamp-authority", "timestamps.key", "--public-key"];
    let openssl = ["--command", "openssl", "dgst", "-sha256", "-sign", "signing.key"];
    done(&folder, &["key", "new", "-o", "other.key", "--no-passphrase"]).await?;
    let wrong = [&program[..], &["other.key.pub"], &openssl].concat();
    assert_eq!(code(&folder, &wrong).await?, "signature-mismatch");
    assert_eq!(code(&folder, &EXPLAIN).await?, "unsigned");
    done(&folder, &[&program[..], &["signing.key.pub"], &openssl].concat()).await?;
    assert_eq!(text(&done(&folder, &EXPLAIN).await?, "state"), "verified");
    Ok(())
}

#[tokio::test]
async fn a_leaked_key_is_replaced() -> Result<()> {
    let (folder, _) = unsigned()?;
    done(&folder, &INIT).await?;
    done(&folder, &SIGN).await?;
    let policy = folder.path().join("trust.toml");
    let noted = format!("# ours\n{}", std::fs::read_to_string(&policy)?);
    std::fs::write(&policy, noted)?;
    // Whoever has a new key that nobody trusts withdraws nothing.
    done(&folder, &["key", "new", "-o", "new.key", "--algorithm", "ed25519", "--no-passphrase"]).await?;
    let revoke = [
        "trust",
        "revoke",
        "key",
        "signing.key.pub",
        "--why",
        "laptop stolen",
        "--key",
        "new.key",
        "--timestamp-authority",
        "timestamps.key",
    ];
    assert_eq!(code(&folder, &revoke).await?, "not-a-signer");
    assert_eq!(text(&done(&folder, &EXPLAIN).await?, "state"), "verified");
    done(&folder, &["trust", "add-key", "second", "new.key.pub", "--namespace", "acme"]).await?;
    // What is proven to be from before it leaked still counts.
    let since = [&revoke[..], &["--since", "2999-01-01T00:00:00Z"]].concat();
    let list = done(&folder, &since).await?;
    assert_eq!((&list["number"], text(&list, "signer")), (&1.into(), "second"));
    assert_eq!(text(&done(&folder, &EXPLAIN).await?, "state"), "verified");
    assert_eq!(done(&folder, &revoke).await?["number"], 2);
    assert_eq!(code(&folder, &EXPLAIN).await?, "signer-revoked");
    assert_eq!(code(&folder, &revoke).await?, "already-revoked");
    // Signed again with the new key it runs, though the old signature is still there.
    let again: Vec<_> = SIGN.iter().map(|a| if *a == "signing.key" { "new.key" } else { a }).collect();
    assert_eq!(done(&folder, &again).await?["signatures"], 2);
    let explained = done(&folder, &EXPLAIN).await?;
    assert_eq!(text(&explained, "state"), "verified");
    assert!(text(&explained, "message").contains("signed by"), "{explained}");
    // A plugin, by its digest; and a list that is renewed still says all of it.
    let digest = text(&explained, "digest").to_owned();
    let by = ["--key", "new.key", "--timestamp-authority", "timestamps.key"];
    done(&folder, &[&["trust", "revoke", "digest", &digest, "--why", "it leaks"], &by[..]].concat()).await?;
    assert_eq!(code(&folder, &EXPLAIN).await?, "digest-revoked");
    let renewed = done(&folder, &[&["trust", "revoke", "renew", "--days", "7"], &by[..]].concat()).await?;
    assert_eq!(renewed["number"], 4);
    assert_eq!(code(&folder, &EXPLAIN).await?, "digest-revoked");
    assert!(std::fs::read_to_string(&policy)?.starts_with("# ours\n"));
    Ok(())
}

#[tokio::test]
async fn a_list_that_nobody_would_believe_is_taken_back() -> Result<()> {
    let (folder, _) = unsigned()?;
    done(&folder, &INIT).await?;
    done(&folder, &SIGN).await?;
    let read = || std::fs::read_to_string(folder.path().join("trust.toml"));
    let before = read()?;
    // Without a time, or of an authority that the policy does not know.
    done(&folder, &[&INIT[..], &["other"]].concat()).await?;
    let revoke = ["trust", "revoke", "renew", "--key", "signing.key"];
    for time in [&["--no-timestamp"][..], &["--timestamp-authority", "other/timestamps.key"]] {
        assert_eq!(code(&folder, &[&revoke[..], time].concat()).await?, "revocations-untrusted");
        assert_eq!(read()?, before);
        assert!(!folder.path().join("revocations.json").exists());
        assert_eq!(text(&done(&folder, &EXPLAIN).await?, "state"), "verified");
    }
    Ok(())
}

/// A clock on a machine of its own, until it is dropped.
async fn clock(folder: &Folder) -> Result<(tokio::process::Child, String)> {
    use tokio::io::AsyncBufReadExt as _;

    let mut command = folder.command(&["--json", "trust", "clock", "--listen", "127.0.0.1:0"])?;
    let mut child = command.stdout(std::process::Stdio::piped()).spawn()?;
    let stdout = child.stdout.take().ok_or_else(|| anyhow::anyhow!("it has no output"))?;
    let line = tokio::io::BufReader::new(stdout).lines().next_line().await?.unwrap_or_default();
    Ok((child, text(&serde_json::from_str(&line)?, "url").to_owned()))
}

#[tokio::test]
async fn a_clock_on_another_machine_dates_what_is_signed_here() -> Result<()> {
    let ((there, _), (here, _)) = (unsigned()?, unsigned()?);
    done(&there, &INIT).await?;
    let (_clock, url) = clock(&there).await?;
    // The signer has its own key, and of the clock nothing but the root.
    done(&here, &INIT).await?;
    std::fs::remove_file(here.path().join("timestamps.key"))?;
    let sign = ["plugin", "sign", "tool.plugin.tar", "--key", "signing.key", "--timestamp-url", &url];
    let own = [&sign[..], &["--trusted-root", "trusted_root.json"]].concat();
    assert_eq!(code(&here, &own).await?, "timestamp-invalid");
    std::fs::copy(there.path().join("trusted_root.json"), here.path().join("trusted_root.json"))?;
    let signed = done(&here, &own).await?;
    assert_eq!(signed["verified"], true);
    assert_eq!(text(&done(&here, &EXPLAIN).await?, "state"), "verified");

    // It answers questions, and bounds what it reads.
    let client = reqwest::Client::builder().no_proxy().build()?;
    assert_eq!(client.get(&url).send().await?.status(), 405);
    assert_eq!(client.post(&url).body("hello").send().await?.status(), 415);
    let ask = |body: Vec<u8>| {
        client.post(&url).header("content-type", "application/timestamp-query").body(body).send()
    };
    // Not so much that it would still be on its way when the refusal comes.
    assert_eq!(ask(vec![0; 5 << 10]).await?.status(), 413);
    // A refusal is an answer of the protocol.
    let refused = ask(b"hello".to_vec()).await?;
    assert_eq!(
        (refused.status().as_u16(), refused.bytes().await?.get(..7)),
        (200, Some(&[0x30, 9, 0x30, 7, 2, 1, 2][..]))
    );
    // Without TLS only on this machine, unless one says so.
    let elsewhere = [
        "plugin",
        "sign",
        "tool.plugin.tar",
        "-o",
        "x.tar",
        "--key",
        "other.key",
        "--timestamp-url",
        "http://clock.invalid/",
    ];
    done(&here, &["key", "new", "-o", "other.key", "--no-passphrase"]).await?;
    assert_eq!(code(&here, &elsewhere).await?, "service-address");
    assert_eq!(
        code(&here, &[&elsewhere[..], &["--timestamp-plain-http"]].concat()).await?,
        "service-unreachable"
    );
    Ok(())
}
