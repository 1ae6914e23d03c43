//! Signing without a key of one's own, through the real binary, with services of a Sigstore instance that stand in.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use anyhow::Result;
use serde_json::Value;
use waystation_lab as lab;
use waystation_lab::stand_in::{Fault, Service, identity_token};
use waystation_tests::api::text;
use waystation_tests::signing::keyless;
use waystation_tests::{Authority, Ran, Reply, StandIn as Site};

const SIGN: [&str; 9] = [
    "--json",
    "plugin",
    "sign",
    "tool.plugin.tar",
    "--keyless",
    "--signing-config",
    "signing.json",
    "--trusted-root",
    "root.json",
];
const TOKEN: [&str; 2] = ["--identity-token-file", "token"];
const EXPLAIN: [&str; 4] = ["--json", "trust", "explain", "tool.plugin.tar"];

fn code(ran: &Ran) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(last).map(|failure| text(&failure, "code").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_plugin_is_signed_without_a_key() -> Result<()> {
    for logs in [&[Service::First][..], &[Service::Second], &[Service::First, Service::Second]] {
        let (folder, _services) = keyless(logs).await?;
        assert_eq!(code(&folder.run(&EXPLAIN).await?), "unsigned");
        let signed = folder.run(&[&SIGN[..], &TOKEN].concat()).await?;
        assert_eq!(signed.code, 0, "{signed:?}");
        let signed = signed.json()?;
        assert_eq!((text(&signed, "identity"), text(&signed, "issuer")), (lab::IDENTITY, lab::ISSUER));
        assert_eq!(signed["logged"].as_array().map(Vec::len), Some(logs.len()));
        let explained = folder.run(&EXPLAIN).await?;
        assert_eq!(text(&explained.json()?, "state"), "verified", "{explained:?}");
        // Whoever looks for it finds no private key.
        for entry in std::fs::read_dir(folder.path())?.flatten().filter(|entry| entry.path().is_file()) {
            let content = std::fs::read(entry.path())?;
            assert!(!String::from_utf8_lossy(&content).contains("PRIVATE KEY"), "{entry:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_token_comes_from_where_the_job_runs() -> Result<()> {
    let (folder, services) = keyless(&[Service::Second]).await?;
    let ran = folder.run(&SIGN).await?;
    assert_eq!((ran.code, code(&ran).as_str()), (1, "token-missing"), "{ran:?}");
    let url = format!("{}/token?api-version=2", services.address);
    let folder =
        folder.env("ACTIONS_ID_TOKEN_REQUEST_URL", &url).env("ACTIONS_ID_TOKEN_REQUEST_TOKEN", "may-ask");
    let ran = folder.run(&SIGN).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(services.asked().first(), Some(&Service::Token));
    // GitLab's `id_tokens`.
    let folder = folder.env("SIGSTORE_ID_TOKEN", "no token");
    assert_eq!(code(&folder.run(&SIGN).await?), "token-malformed");
    let folder = folder.env("SIGSTORE_ID_TOKEN", &identity_token());
    assert_eq!(folder.run(&SIGN).await?.code, 0);
    Ok(())
}

#[tokio::test]
async fn what_services_do_wrong_leaves_the_plugin_as_it_was() -> Result<()> {
    let (folder, services) = keyless(&[Service::Second]).await?;
    let file = folder.path().join("tool.plugin.tar");
    let before = std::fs::read(&file)?;
    for (fault, expected) in [
        (Fault::TokenRefused, "token-refused"),
        (Fault::OtherKey, "certificate-mismatch"),
        (Fault::NoSct, "sct-invalid"),
        (Fault::OtherEntry, "entry-mismatch"),
        (Fault::OtherNonce, "timestamp-mismatch"),
        (Fault::ForeignClock, "timestamp-invalid"),
        (Fault::Status500(Service::Second), "service-refused"),
        (Fault::Redirect(Service::Authority), "service-redirect"),
        (Fault::Endless(Service::Clock), "service-too-large"),
    ] {
        services.fault(fault);
        let ran = folder.run(&[&SIGN[..], &TOKEN].concat()).await?;
        assert_eq!((ran.code, code(&ran).as_str()), (1, expected), "{fault:?}: {ran:?}");
        assert!(!ran.stderr.contains(&identity_token()[..40]), "{ran:?}");
        assert_eq!(std::fs::read(&file)?, before, "{fault:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_key_can_have_its_time_from_a_service() -> Result<()> {
    let (folder, services) = keyless(&[]).await?;
    let url = format!("{}/clock", services.address);
    let ran = folder.run(&["--json", "key", "new", "--no-passphrase"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let sign =
        ["--json", "plugin", "sign", "tool.plugin.tar", "--key", "signing.key", "--timestamp-url", &url];
    services.fault(Fault::ForeignClock);
    let ran = folder.run(&[&sign[..], &["--trusted-root", "root.json"]].concat()).await?;
    assert_eq!(code(&ran), "timestamp-invalid", "{ran:?}");
    services.fault(Fault::OtherImprint);
    assert_eq!(code(&folder.run(&sign).await?), "timestamp-mismatch");
    services.fault(Fault::Garbage(Service::First));
    let ran = folder.run(&[&sign[..], &["--trusted-root", "root.json"]].concat()).await?;
    assert_eq!(ran.json()?["verified"], true, "{ran:?}");
    // A policy that names that key and that authority admits it.
    let key = std::fs::read_to_string(folder.path().join("signing.key.pub"))?;
    let policy = format!(
        "version = 1\n[domains.default]\nroot = \"root.json\"\nsct = 0\ntlog = 0\ntsa = 1\n\
         [signers.us]\nkey = \"\"\"{key}\"\"\"\n\
         [[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"us\"]\n"
    );
    std::fs::write(folder.path().join("trust.toml"), policy)?;
    assert_eq!(text(&folder.run(&EXPLAIN).await?.json()?, "state"), "verified");
    let plain = folder.run(&[
        "--json",
        "plugin",
        "sign",
        "tool.plugin.tar",
        "--key",
        "signing.key",
        "--timestamp-url",
        "http://clock.example",
    ]);
    assert_eq!(code(&plain.await?), "already-signed");
    Ok(())
}

#[tokio::test]
async fn services_are_checked_against_their_authorities() -> Result<()> {
    let (folder, _services) = keyless(&[]).await?;
    let (ours, stranger) = (Authority::new()?, Authority::new()?);
    ours.write(&folder.path().join("ca.pem"))?;
    let ran = folder.run(&["key", "new", "--no-passphrase"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    // What answers is no timestamp authority; that it was heard is what tells.
    for (by, name, ca, expected) in [
        (&ours, "127.0.0.1", true, "timestamp-malformed"),
        (&ours, "127.0.0.1", false, "service-unreachable"),
        (&ours, "127.0.0.2", true, "service-unreachable"),
        (&stranger, "127.0.0.1", true, "service-unreachable"),
    ] {
        let site = Site::start_secure(by.acceptor(name, None)?).await?;
        site.on("/clock", Reply::body("hello"));
        let url = site.url("/clock");
        let mut sign = vec![
            "--json",
            "plugin",
            "sign",
            "tool.plugin.tar",
            "--key",
            "signing.key",
            "--timestamp-url",
            &url,
        ];
        if ca {
            sign.extend(["--services-ca-file", "ca.pem"]);
        }
        let ran = folder.run(&sign).await?;
        assert_eq!((ran.code, code(&ran).as_str()), (1, expected), "{ran:?}");
        assert_eq!(site.seen().is_empty(), expected == "service-unreachable");
    }
    Ok(())
}

#[tokio::test]
async fn a_person_signs_in_and_signs() -> Result<()> {
    use tokio::io::AsyncBufReadExt as _;

    let (folder, services) = keyless(&[Service::Second]).await?;
    let mut command = folder.command(&[&SIGN[..], &["--sign-in"]].concat())?;
    let mut child =
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::piped()).spawn()?;
    let stderr = child.stderr.take().ok_or_else(|| anyhow::anyhow!("it says nothing"))?;
    let mut lines = tokio::io::BufReader::new(stderr).lines();
    let mut url = String::new();
    while !url.starts_with("http") {
        url = lines.next_line().await?.ok_or_else(|| anyhow::anyhow!("it names no address"))?;
    }
    let browser = reqwest::Client::builder().no_proxy().build()?;
    assert_eq!(browser.get(&url).send().await?.status(), 200);
    assert!(child.wait().await?.success());
    assert_eq!(services.asked(), [Service::Authority, Service::Clock, Service::Second]);
    assert_eq!(text(&folder.run(&EXPLAIN).await?.json()?, "state"), "verified");
    Ok(())
}
