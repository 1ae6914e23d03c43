//! What a plugin reaches over the network is what it was granted, and a remote that
//! misbehaves spoils the check of its own item only.

use std::time::Duration;

use anyhow::Result;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_tests::api::text;
use waystation_tests::settings::{documents, item};
use waystation_tests::{Folder, Host, Reply, StandIn, built};

fn code(item: &Value) -> &str {
    text(&item["error"], "code")
}

#[tokio::test]
async fn each_misbehaviour_of_a_remote_is_an_error_of_its_own_item() -> Result<()> {
    let (site, other) = (StandIn::start().await?, StandIn::start().await?);
    let elsewhere = StandIn::start_at(&format!("127.0.0.2:{}", site.port())).await?;
    let good = json!(["1.0.0", "2.0.0"]);
    other.on("/v", Reply::json(&good));
    elsewhere.on("/v", Reply::json(&good));
    let big = vec![b' '; 100 << 10];
    let mut expected = vec![
        ("ungranted-port", "denied", other.url("/v")),
        ("ungranted-address", "denied", elsewhere.url("/v")),
    ];
    for (name, code, reply) in [
        ("good", "", Reply::json(&good)),
        ("to-another-port", "denied", Reply::to(other.url("/v"))),
        ("to-another-address", "denied", Reply::to(elsewhere.url("/v"))),
        ("to-metadata", "denied", Reply::to("http://169.254.169.254/latest/meta-data/")),
        ("to-a-private-network", "denied", Reply::to("http://10.0.0.1/")),
        ("in-circles", "bad-response", Reply::to("/in-circles")),
        ("announced-too-large", "too-large", Reply::body(big)),
        ("too-large", "too-large", Reply::Endless),
        ("silent", "timeout", Reply::Silent),
        ("drip", "timeout", Reply::Drip),
        ("half", "unreachable", Reply::Half(b"[\"1.0.0\",".to_vec())),
        ("not-http", "unreachable", Reply::Raw(b"220 mail.example.org ESMTP\r\n\r\n".to_vec())),
        ("not-json", "bad-response", Reply::body("<html>")),
        ("not-utf-8", "bad-response", Reply::body(b"[\"1.0.0\xff\"]".to_vec())),
        ("other-json", "bad-response", Reply::json(&json!({"versions": null}))),
        ("missing", "not-found", Reply::status(404)),
        ("unauthorized", "unauthorized", Reply::status(401)),
        ("limited", "rate-limited", Reply::status(429).with("retry-after", "7200")),
        ("broken", "remote-error", Reply::status(500)),
        ("odd-versions", "", Reply::json(&json!(["latest!", "1.0.0", "", "🦀"]))),
    ] {
        let path = format!("/{name}");
        site.on(&path, reply);
        expected.push((name, code, site.url(&path)));
    }
    let mut toml = documents(&[&site.origin()])?;
    toml.push_str(
        "[plugins.documents.limits]\nhttp_connect = \"1s\"\nhttp_total = \"1s\"\nhttp_body = \"64 KiB\"\n",
    );
    for (name, _, url) in &expected {
        toml.push_str(&item(name, url));
    }
    let folder = Folder::new(&toml)?;
    let host = Host::start(&folder).await?;
    let before = Timestamp::now();
    let items = host.api.check(&[]).await?;
    assert_eq!(items.len(), expected.len());
    let found: Vec<_> = expected.iter().map(|(name, _, _)| (*name, code(&items[*name]))).collect();
    let wanted: Vec<_> = expected.iter().map(|(name, code, _)| (*name, *code)).collect();
    assert_eq!(found, wanted);

    // A document of versions with an odd one among them is good for the others.
    assert_eq!(text(&items["good"], "latest"), "2.0.0");
    assert_eq!(text(&items["odd-versions"], "latest"), "1.0.0");
    // Every error has a sentence, and says whether it passes by itself.
    for (name, _, _) in expected.iter().filter(|(_, code, _)| !code.is_empty()) {
        let error = &items[*name]["error"];
        let code = text(error, "code");
        assert!(!text(error, "message").is_empty(), "{name}: {error}");
        let passing = matches!(code, "timeout" | "unreachable" | "remote-error" | "rate-limited");
        assert_eq!(error["retryable"], passing, "{name}: {error}");
    }
    let next: Timestamp = text(&items["limited"], "next_check_at").parse()?;
    let asked = jiff::SignedDuration::from_secs(7_200);
    assert!(next.duration_since(before) >= asked, "{}", items["limited"]);
    // Nothing that was denied has left the host.
    assert!(other.seen().is_empty() && elsewhere.seen().is_empty());
    // A remote that fails is no fault of the plugin.
    let plugin = &host.api.plugins().await?["documents"];
    assert_eq!(text(plugin, "status"), "running", "{plugin}");
    assert_eq!(
        plugin["failures"].as_object().map(|f| f.keys().cloned().collect::<Vec<_>>()),
        Some(vec!["denied".into(), "plugin-error".into()])
    );
    assert!(plugin["serving"]["http_denied"].as_u64() >= Some(6), "{plugin}");
    host.stop().await
}

/// Ways to write this machine's own addresses.
fn spellings(port: u16) -> Vec<String> {
    [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.0.0.1",
        "0177.0.0.1",
        "127.0.0.2",
        "127.255.255.254",
        "0.0.0.0",
        "0",
        "localhost",
        "LOCALHOST",
        "localhost.",
        "[::1]",
        "[::]",
        "[::ffff:127.0.0.1]",
        "[::ffff:7f00:1]",
        "[::127.0.0.1]",
        "[0:0:0:0:0:ffff:7f00:0001]",
        "[64:ff9b::127.0.0.1]",
        "[2002:7f00:1::]",
    ]
    .map(|host| format!("http://{host}:{port}/v"))
    .into()
}

/// One host whose plugin may ask any origin, and an item for each spelling.
async fn nothing_is_reached(allow: bool) -> Result<()> {
    let site = StandIn::start_at("0.0.0.0:0").await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let spellings = spellings(site.port());
    let mut toml = format!(
        "[server]\nlisten = \"127.0.0.1:0\"\ndata_dir = \"data\"\n[egress]\nallow_private_addresses = {allow}\n\
         [plugins.documents]\nfile = {:?}\n[[plugins.documents.grants.http]]\nmode = \"audit\"\n",
        built::plugin("http-json")?
    );
    for (n, url) in spellings.iter().enumerate() {
        toml.push_str(&item(&format!("item-{n}"), url));
    }
    let folder = Folder::with_text(&toml)?;
    let host = Host::start(&folder).await?;
    let items = host.api.check(&[]).await?;
    for (n, url) in spellings.iter().enumerate() {
        let item = &items[&format!("item-{n}")];
        assert!(matches!(code(item), "denied" | "bad-input"), "{url}: {item}");
    }
    assert_eq!(code(&items["item-0"]), "denied");
    assert!(site.seen().is_empty(), "{:?}", site.seen());
    host.stop().await
}

#[tokio::test]
async fn no_spelling_of_loopback_is_reached_without_a_key() -> Result<()> {
    nothing_is_reached(false).await
}

#[tokio::test]
async fn no_spelling_of_loopback_is_reached_with_the_flag_alone() -> Result<()> {
    nothing_is_reached(true).await
}

#[tokio::test]
async fn a_grant_of_loopback_without_the_flag_is_a_mistake() -> Result<()> {
    let folder = Folder::new(&documents(&["http://127.0.0.1:80"])?)?
        .env("WAYSTATION_EGRESS__ALLOW_PRIVATE_ADDRESSES", "false");
    let ran = folder.run(&["config", "check"]).await?;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(
        ran.stderr.contains("error[conflict]") && ran.stderr.contains("egress.allow_private_addresses"),
        "{ran:?}"
    );
    Ok(())
}

#[tokio::test]
async fn an_unchanged_document_is_not_sent_again() -> Result<()> {
    let site = StandIn::start().await?;
    let body = json!(["1.0.0", "1.4.0"]).to_string().into_bytes();
    site.on("/v", Reply::Tagged { etag: "\"one\"", body });
    let folder =
        Folder::new(&format!("{}{}", documents(&[&site.origin()])?, item("tagged", &site.url("/v"))))?;
    let host = Host::start(&folder).await?;
    host.api.checked("tagged").await?;
    let first = host.api.item("tagged").await?;
    let items = host.api.check(&["tagged"]).await?;
    assert_eq!(text(&items["tagged"], "latest"), "1.4.0");
    assert!(text(&items["tagged"], "checked_at") > text(&first, "checked_at"));
    let seen = site.seen_at("/v");
    let asked: Vec<_> = seen.iter().map(|seen| seen.header("if-none-match")).collect();
    assert_eq!(asked, ["", "\"one\""]);

    // Another document under another tag is news.
    let body = json!(["1.0.0", "1.4.0", "1.5.0"]).to_string().into_bytes();
    site.on("/v", Reply::Tagged { etag: "\"two\"", body });
    assert_eq!(text(&host.api.check(&["tagged"]).await?["tagged"], "latest"), "1.5.0");
    let events = host.api.events(0).await?;
    let found: Vec<_> = events.iter().filter(|e| text(e, "type") == "release.found").collect();
    assert_eq!(found.len(), 1, "{events:#?}");
    assert_eq!(text(&found[0]["data"], "version"), "1.5.0");
    host.stop().await
}

#[tokio::test]
async fn a_check_that_fails_keeps_what_was_known() -> Result<()> {
    let site = StandIn::start().await?;
    site.on_each(
        "/v",
        [Reply::json(&json!(["1.0.0"])), Reply::status(503), Reply::json(&json!(["1.0.0", "1.1.0"]))],
    );
    let folder = Folder::new(&format!("{}{}", documents(&[&site.origin()])?, item("one", &site.url("/v"))))?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("one").await?, "latest"), "1.0.0");
    let failed = &host.api.check(&["one"]).await?["one"];
    assert_eq!((text(failed, "latest"), code(failed)), ("1.0.0", "remote-error"), "{failed}");
    let next: Timestamp = text(failed, "next_check_at").parse()?;
    let wait = Duration::try_from(next.duration_since(Timestamp::now()))?;
    assert!(wait <= Duration::from_secs(70), "a passing trouble is looked at again soon, not in {wait:?}");
    let again = &host.api.check(&["one"]).await?["one"];
    assert_eq!((text(again, "latest"), again["error"].is_null()), ("1.1.0", true), "{again}");
    host.stop().await
}
