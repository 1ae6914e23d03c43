//! A secret reaches the one place it is bound to, and nobody's eyes.

use std::os::unix::fs::PermissionsExt;

use anyhow::Result;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::json;
use sha2::Sha256;
use waystation_tests::api::text;
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, documents, item, webhook};
use waystation_tests::{Folder, Host, Reply, StandIn};

const SECRET: &str = "S3cr3t-0f-the-d0cuments-5up3rh1dden";
const VARIABLE: &str = "TEST_DOCUMENT_TOKEN";

/// `documents` below `base`, with its credential bound to `bound`.
fn with_credential(origins: &[&str], base: &str, bound: &str) -> Result<String> {
    Ok(format!(
        "{}[plugins.documents.config]\nbase_url = \"{base}\"\ncredential = true\n\
         [plugins.documents.credentials.document-token]\nfrom = {{ env = \"{VARIABLE}\" }}\n\
         origin = \"{bound}\"\nprefix = \"Bearer \"\n",
        documents(origins)?
    ))
}

#[tokio::test]
async fn a_credential_is_sent_to_its_origin_alone_and_shown_nowhere() -> Result<()> {
    let (site, other) = (StandIn::start().await?, StandIn::start().await?);
    let versions = Reply::json(&json!(["1.0.0"]));
    site.on("/inside", versions.clone());
    site.on("/refused", Reply::status(401));
    site.on("/leads-out", Reply::to(other.url("/redirected")));
    site.on("/broken", Reply::body("nonsense"));
    other.on("/outside", versions.clone());
    other.on("/redirected", versions);
    let toml = with_credential(&[&site.origin(), &other.origin()], &site.origin(), &site.origin())?;
    let items = [
        ("inside", "inside".to_owned()),
        ("refused", "refused".to_owned()),
        ("broken", "broken".to_owned()),
        ("leads-out", "leads-out".to_owned()),
        ("outside", other.url("/outside")),
    ];
    let toml = items.iter().fold(toml, |toml, (name, locator)| toml + &item(name, locator));
    let hook =
        webhook(&other.origin(), &other.url("/hook"), &["item.added", "check.failed", "plugin.state"])?;
    other.on("/hook", Reply::status(204));
    let folder =
        Folder::new(&format!("{toml}{hook}"))?.env(VARIABLE, SECRET).env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
    let host = Host::start_with(&folder, &["-vv"]).await?;
    let checked = host.api.check(&[]).await?;
    other.wait_for("/hook", 1).await?;

    let bearer = format!("Bearer {SECRET}");
    for seen in site.seen() {
        assert_eq!(seen.header("authorization"), bearer, "{}", seen.target);
        assert_eq!(seen.header("waystation-credential"), "", "the name of a credential stays in the host");
    }
    assert!(site.seen().len() >= 4);
    assert!(!other.seen_at("/outside").is_empty() && !other.seen_at("/redirected").is_empty());
    for seen in other.seen() {
        let everything = format!("{seen:?}{}", String::from_utf8_lossy(&seen.body));
        assert!(!everything.contains(SECRET) && seen.header("authorization").is_empty(), "{seen:?}");
    }
    assert_eq!(text(&checked["refused"]["error"], "code"), "unauthorized");
    for name in ["inside", "outside", "leads-out"] {
        assert!(checked[name]["error"].is_null(), "{}", checked[name]);
    }

    // Everything that a person or a program can look at.
    let mut shown = vec![format!("{checked:?}"), host.api.get("/api/v1/openapi.json").await?.to_string()];
    for path in [
        "items",
        "items/refused",
        "plugins",
        "plugins/documents",
        "plugins/webhook/logs",
        "plugins/documents/logs",
        "events",
        "deliveries/dead",
        "host",
    ] {
        shown.push(host.api.get(&format!("/api/v1/{path}")).await?.to_string());
    }
    shown.push(host.api.send(host.api.request(reqwest::Method::GET, "/metrics")).await?.text);
    for args in [
        &["plugin", "logs", "documents"][..],
        &["plugin", "grants", "documents"],
        &["config", "plan", "--json"],
        &["config", "check"],
        &["doctor", "--json"],
        &["events"],
        &["item", "show", "refused"],
        &["check", "-vv"],
    ] {
        let ran = folder.run(args).await?;
        shown.push(format!("{args:?} {ran:?}"));
    }
    shown.push(host.log()?);
    host.stop().await?;
    for file in ["waystation.db", "waystation.db-wal"] {
        let bytes = std::fs::read(folder.data().join(file)).unwrap_or_default();
        shown.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for text in shown {
        for secret in [SECRET, WEBHOOK_KEY, STANDARD.encode(SECRET).as_str()] {
            assert!(!text.contains(secret), "a secret is shown in: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_credential_bound_to_another_origin_refuses_the_request() -> Result<()> {
    let (site, other) = (StandIn::start().await?, StandIn::start().await?);
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let toml = with_credential(&[&site.origin(), &other.origin()], &site.origin(), &other.origin())?;
    let folder = Folder::new(&(toml + &item("one", "v")))?.env(VARIABLE, SECRET);
    let host = Host::start(&folder).await?;
    let checked = host.api.check(&["one"]).await?;
    assert_eq!(text(&checked["one"]["error"], "code"), "denied", "{checked:?}");
    assert!(site.seen().is_empty() && other.seen().is_empty());
    host.stop().await
}

#[tokio::test]
async fn a_secret_that_is_missing_stops_its_plugin_and_is_told_beforehand() -> Result<()> {
    let site = StandIn::start().await?;
    let toml = with_credential(&[&site.origin()], &site.origin(), &site.origin())?;
    let folder = Folder::new(&toml)?;
    let checked = folder.run(&["config", "check", "--json"]).await?;
    assert!(checked.stdout.contains("secret-missing") && checked.stdout.contains(VARIABLE), "{checked:?}");
    let host = Host::start(&folder).await?;
    let plugin = &host.api.plugins().await?["documents"];
    assert_eq!(
        (text(plugin, "status"), text(&plugin["rejected"], "code")),
        ("failed", "bad-config"),
        "{plugin}"
    );
    assert!(text(plugin, "detail").contains(VARIABLE), "{plugin}");
    host.stop().await
}

#[tokio::test]
async fn a_receiver_can_verify_a_signed_message() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/hook", Reply::status(200));
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let toml = webhook(&site.origin(), &site.url("/hook"), &["item.added"])?;
    let toml = format!("{}{toml}{}", documents(&[&site.origin()])?, item("one", &site.url("/v")));
    let folder = Folder::new(&toml)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
    let host = Host::start(&folder).await?;
    let seen = site.wait_for("/hook", 1).await?.remove(0);
    let signed = [seen.header("webhook-id"), ".", seen.header("webhook-timestamp"), "."].concat();
    let mac = |key: &str| -> Result<String> {
        let mut mac = Hmac::<Sha256>::new_from_slice(key.as_bytes())?;
        mac.update(signed.as_bytes());
        mac.update(&seen.body);
        Ok(format!("v1,{}", STANDARD.encode(mac.finalize().into_bytes())))
    };
    assert_eq!(seen.header("webhook-signature"), mac(WEBHOOK_KEY)?);
    assert_ne!(seen.header("webhook-signature"), mac("another key")?);
    assert_eq!(text(&seen.json(), "event"), "item.added");
    host.stop().await
}

#[tokio::test]
async fn a_key_that_others_may_read_is_told_at_each_start() -> Result<()> {
    let folder = Folder::new("")?;
    let first = Host::start(&folder).await?;
    assert!(!first.log()?.contains("secret-permissions"));
    first.stop().await?;
    let keys = ["identity-key", "ticket-key"];
    for key in keys {
        std::fs::set_permissions(folder.data().join(key), PermissionsExt::from_mode(0o640))?;
    }
    let again = Host::start(&folder).await?;
    let log = again.log()?;
    for key in keys {
        let line = log.lines().find(|line| line.contains(key)).unwrap_or_default();
        assert!(line.contains("secret-permissions") && line.contains("0640"), "{log}");
        assert!(!log.contains(std::fs::read_to_string(folder.data().join(key))?.trim()));
    }
    again.stop().await
}
