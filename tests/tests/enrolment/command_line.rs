//! The command line: of the operator, and of the machine.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use rcgen::{CertificateParams, KeyPair};
use serde_json::{Value, json};
use waystation_tests::Ran;
use waystation_tests::agents::TlsHost;

use super::{OFTEN, SHELL, failed, inbox, text};

#[tokio::test]
async fn the_command_line_invites_enrols_and_renews() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let url = format!("https://localhost:{}", host.address.rsplit(':').next().unwrap());
    let invite = async |args: &[&str]| -> Result<Value> {
        let ran = folder.run(&[&["agent", "invite"], args, &["--json"]].concat()).await?;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    };
    let enrol = async |out: &str, args: &[&str]| {
        folder.run(&[&["enrol", "--host", &url, "--out", out, "--wait", "0s", "--json"], args].concat()).await
    };
    let made = invite(&["mac", "--capability", SHELL, "--ttl", "1h"]).await?;
    let (token, pin) = (text(&made["token"]), text(&made["pin"]));
    // Nothing is believed blindly: not without the pin, and not with another.
    assert_eq!(failed(&enrol("mac", &["--token", token]).await?)["code"], "tls");
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", &other]).await?)["code"], "pin-mismatch");
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", "x"]).await?)["code"], "pin-form");
    assert_eq!(
        failed(&enrol("mac", &["--token", "wse_", "--pin", pin]).await?)["code"],
        "invalid-credential"
    );
    let clear = folder
        .run(&["enrol", "--host", "http://192.0.2.1", "--token", token, "--out", "mac", "--json"])
        .await?;
    assert_eq!(failed(&clear)["code"], "insecure-host");
    let ran = enrol("mac", &["--token", token, "--pin", pin]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()?["label"], "mac");
    let mac = folder.path().join("mac");
    let mode = |name: &str| mac.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("")), (0o600, 0o700));
    let key = std::fs::read_to_string(mac.join("key.pem"))?;
    let agent = host.with_files(&std::fs::read_to_string(mac.join("cert.pem"))?, &key)?;
    assert_eq!(inbox(&agent).await?, 200);
    let (_, shown) = host.operator()?.call("GET", "/api/v1/agents/mac", None).await?;
    assert_eq!(text(&shown["machine_uid"]), std::fs::read_to_string(mac.join("machine-uid"))?);
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", pin]).await?)["code"], "already-enrolled");
    assert_eq!(failed(&enrol("second", &["--token", token, "--pin", pin]).await?)["code"], "enrolment-used");

    // Renewed: the same key, another certificate; and not before it is time.
    let before = std::fs::read_to_string(mac.join("cert.pem"))?;
    let ran = folder.run(&["renew", "--out", "mac", "--within", "30d", "--json"]).await?;
    assert_eq!((ran.code, &ran.json()?["renewed"]), (0, &json!(false)), "{ran:?}");
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!((ran.code, &ran.json()?["renewed"]), (0, &json!(true)), "{ran:?}");
    let after = std::fs::read_to_string(mac.join("cert.pem"))?;
    assert!(before != after && key == std::fs::read_to_string(mac.join("key.pem"))?);
    for pem in [&before, &after] {
        assert_eq!(inbox(&host.with_files(pem, &key)?).await?, 200, "both are good for a while");
    }

    // The same machine under another name: a person says yes or no.
    for other in ["pc", "third", "keyed"] {
        // Not every system has an identifier.
        std::fs::create_dir(folder.path().join(other))?;
        std::fs::copy(mac.join("machine-uid"), folder.path().join(other).join("machine-uid"))?;
    }
    let made = invite(&["--uses", "3"]).await?;
    let again = ["--token", text(&made["token"]), "--pin", pin, "--label", "pc"];
    let open = enrol("pc", &["--token", text(&made["token"]), "--pin", pin]).await?;
    let open = failed(&open);
    assert_eq!(
        (&open["code"], text(&open["hint"]).contains("--label")),
        (&json!("bad-body"), true),
        "{open}"
    );
    assert_eq!(failed(&enrol("pc", &again).await?)["code"], "collision-pending");
    let listed = folder.run(&["agent", "pending", "--json"]).await?.json()?;
    let waits = &listed["pending"][0];
    assert_eq!((&waits["label"], &waits["elsewhere"]), (&json!("pc"), &json!(["mac"])));
    let ran = folder.run(&["agent", "approve", text(&waits["id"])]).await?;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "pc is approved"), "{ran:?}");
    assert_eq!(enrol("pc", &again).await?.code, 0);
    let third = ["--token", text(&made["token"]), "--pin", pin, "--label", "third"];
    failed(&enrol("third", &third).await?);
    let listed = folder.run(&["agent", "pending", "--json"]).await?.json()?;
    assert_eq!(folder.run(&["agent", "reject", text(&listed["pending"][0]["id"])]).await?.code, 0);
    assert_eq!(failed(&enrol("third", &third).await?)["code"], "enrolment-rejected");

    // A key alone, by the token of standard input's kind, and lists for people.
    let made = invite(&["keyed"]).await?;
    let ran = enrol("keyed", &["--token", text(&made["token"]), "--pin", pin, "--key-only"]).await?;
    assert_eq!(failed(&ran)["code"], "collision-pending", "{ran:?}");
    let ran = folder.run(&["agent", "invites"]).await?;
    assert!(ran.stdout.contains("keyed") && !ran.stdout.contains("wse_"), "{ran:?}");
    let ran = folder.run(&["agent", "invites", "--json"]).await?.json()?;
    let id = text(&ran["enrolments"][0]["id"]).to_owned();
    assert_eq!(folder.run(&["agent", "uninvite", &id]).await?.code, 0);
    assert_eq!(folder.run(&["agent", "uninvite", &id]).await?.code, 6);
    let ran = folder.run(&["agent", "pending"]).await?;
    assert!(ran.stdout.contains("collision: mac pc"), "{ran:?}");

    // Revoked it is told so, and what to do.
    assert_eq!(folder.run(&["agent", "revoke", "mac"]).await?.code, 0);
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!(failed(&ran)["code"], "tls", "{ran:?}");
    assert_eq!(failed(&folder.run(&["renew", "--out", "nothing", "--json"]).await?)["code"], "not-enrolled");
    Ok(())
}

#[tokio::test]
async fn hosts_with_a_certificate_of_their_own_are_known_by_it() -> Result<()> {
    let files = "certificate = \"server.pem\"\nkey = \"server.key\"\n";
    let folder = TlsHost::folder(&format!("{files}{OFTEN}"))?;
    // What this system trusts.
    let roots = folder.path().join("server.pem").display().to_string();
    let folder = folder.env("SSL_CERT_FILE", &roots);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    std::fs::write(folder.path().join("server.pem"), certificate.pem())?;
    std::fs::write(folder.path().join("server.key"), key.serialize_pem())?;
    folder.own_first().await?;
    let host = TlsHost::start(&folder).await?;
    let url = format!("https://localhost:{}", host.address.rsplit(':').next().unwrap());
    let own = waystation_pki::Certificate::from_der(certificate.der())?.key_hash();
    let run = async |args: &[&str]| -> Result<Ran> {
        folder.run(&[args, &["--url", &url, "--json"]].concat()).await
    };
    let made = run(&["agent", "invite", "mac"]).await?.json()?;
    assert_eq!(text(&made["pin"]), format!("sha256:{own}"));
    let enrol =
        ["enrol", "--host", &url, "--token", text(&made["token"]), "--out", "mac", "--wait", "0s", "--json"];
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        failed(&folder.run(&[&enrol[..], &["--pin", &other]].concat()).await?)["code"],
        "pin-mismatch"
    );
    let ran = folder.run(&[&enrol[..], &["--pin", text(&made["pin"])]].concat()).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let state: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("mac/agent.json"))?)?;
    assert_eq!(state["trust"], made["pin"], "what the host's authority signs is not what the listener shows");
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    // Or by a file, or as any other server.
    let made = run(&["agent", "invite", "pc", "--approve"]).await?.json()?;
    let token = text(&made["token"]);
    let enrol = ["enrol", "--host", &url, "--token", token, "--out", "pc", "--wait", "0s", "--json"];
    let ran = folder.run(&[&enrol[..], &["--ca", "server.pem"]].concat()).await?;
    assert_eq!(failed(&ran)["code"], "approval-pending");
    assert_eq!(failed(&folder.run(&enrol).await?)["code"], "approval-pending");
    let none = ["--ca", "data/pki/authorities.pem"];
    assert_eq!(failed(&folder.run(&[&enrol[..], &none].concat()).await?)["code"], "tls");
    Ok(())
}
