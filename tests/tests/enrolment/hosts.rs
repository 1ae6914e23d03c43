//! Several hosts, and hosts behind proxies.

use anyhow::Result;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::agents::TlsHost;
use waystation_tests::enrolling::Machine;
use waystation_tests::patience::until;
use waystation_tests::{Database, Folder, Host};

use super::{inbox, refused, text};

/// Two hosts of one database and one authority.
#[tokio::test]
async fn hosts_share_tokens_attempts_and_revocations() -> Result<()> {
    let database = Database::make("hosts").await?;
    let shared = share(&database.url()).await;
    database.remove().await?;
    shared
}

async fn share(url: &str) -> Result<()> {
    let folders = [TlsHost::folder("")?, TlsHost::folder("")?];
    let [first, second] = folders.map(|folder| folder.env("WAYSTATION_DATABASE_URL", url));
    let one = TlsHost::start(&first).await?;
    let (here, there) = (first.data().join("pki"), second.data().join("pki"));
    std::fs::create_dir(&there)?;
    for entry in std::fs::read_dir(here)? {
        let path = entry?.path();
        std::fs::copy(&path, there.join(path.file_name().unwrap()))?;
    }
    second.owned_with(&first)?;
    let two = TlsHost::start(&second).await?;
    let (token, invited) = one.invite(&json!({ "label": "mac" })).await?;
    let (_, other) = two.invite(&json!({ "label": "pc" })).await?;
    assert_eq!(invited["pin"], other["pin"]);
    let mac = Machine::new()?;
    let told = mac.enrols(&two, &token, json!({})).await?;
    assert_eq!(told.0, 200, "{told:?}");
    for host in [&one, &two] {
        assert_eq!(inbox(&mac.agent(host, &told)?).await?, 200);
    }
    // Deleted there, it is unknown here; and whose attempts are counted here and there are the same.
    let path = format!("/api/v1/enrolments/{}", text(&other["id"]));
    assert_eq!(one.operator()?.call("DELETE", &path, None).await?.0, 204);
    for host in [&two, &one, &two, &one] {
        let told = Machine::new()?.enrols(host, text(&other["token"]), json!({})).await?;
        assert_eq!(refused(&told), (401, "Enrollment token is not known"));
    }
    for host in [&one, &two] {
        assert_eq!(Machine::new()?.enrols(host, &token, json!({})).await?.0, 429);
    }
    assert_eq!(one.operator()?.call("DELETE", "/api/v1/agents/mac", None).await?.0, 200);
    until("the other host knows", async || Ok(inbox(&mac.agent(&two, &told)?).await.is_err().then_some(())))
        .await?;
    let authority = std::fs::read(first.data().join("pki/authorities.pem"))?;
    let authority = waystation_pki::AuthorityCertificate::read(&authority)?;
    let mut numbers = Vec::new();
    for host in [&one, &two] {
        let der = host.anybody(None)?.bytes("/api/v1/certificates/crl").await?;
        let list = waystation_pki::RevocationList::read(&der, &authority, None, Timestamp::now())?;
        numbers.push((list.number, list.revoked.len()));
    }
    assert_eq!((numbers[0], numbers[0].1), (numbers[1], 1), "what is the same has the same number");
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_attempts_are_counted_for_whom_it_saw() -> Result<()> {
    let proxy = "[server.proxy]\ntrusted = [\"127.0.0.1\"]\ncertificate_header = \"client-cert\"\nforwarded_for = true\n";
    let folder = Folder::new(proxy)?;
    let host = Host::start(&folder).await?;
    let attempt = async |forwarded: &str| -> Result<u16> {
        let body = json!({ "token": "none", "csr": "none" });
        let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
        Ok(host.api.send(request.header("x-forwarded-for", forwarded)).await?.status)
    };
    for n in 0..5 {
        // What the client wrote itself stands before what the proxy saw.
        assert_eq!(attempt(&format!("203.0.113.{n}, 192.0.2.7")).await?, 401);
    }
    assert_eq!(attempt("203.0.113.9, 192.0.2.7").await?, 429);
    assert_eq!(attempt("192.0.2.8").await?, 401);
    let made = folder.run(&["agent", "invite", "mac", "--json"]).await?.json()?;
    assert_eq!(made["pin"], Value::Null, "the proxy speaks TLS, and its key is not known here");
    let body = json!({ "token": made["token"], "csr": Machine::new()?.csr()? });
    let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
    assert_eq!(host.api.send(request.header("x-forwarded-for", "192.0.2.9")).await?.status, 200);
    let rows = folder.run(&["audit", "list", "--action", "agent.enrol", "--json"]).await?;
    assert!(rows.stdout.contains("192.0.2.9"), "{rows:?}");
    host.stop().await?;

    // Where no proxy is trusted the header says nothing.
    let plain = Folder::new("")?;
    let host = Host::start(&plain).await?;
    for n in 0..6 {
        let body = json!({ "token": "none", "csr": "none" });
        let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
        let told = host.api.send(request.header("x-forwarded-for", format!("192.0.2.{n}"))).await?;
        assert_eq!(told.status, if n < 5 { 401 } else { 429 });
    }
    host.stop().await
}
