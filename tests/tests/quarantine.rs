//! A plugin that keeps failing is left alone for a while, comes back by itself, and
//! nobody else notices.

use anyhow::Result;
use serde_json::json;
use wasm_encoder::{CustomSection, Section as _};
use waystation_tests::api::text;
use waystation_tests::settings::{documents, item, source};
use waystation_tests::{Folder, Host, Reply, StandIn, built, until};

#[tokio::test]
async fn a_plugin_that_keeps_failing_rests_and_comes_back_by_itself() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    // More than fits into the memory that `small` has.
    let large: Vec<String> = (0..200_000).map(|n| format!("1.0.{n}-padding")).collect();
    site.on("/large", Reply::json(&json!(large)));
    let toml = format!(
        "{}{}[plugins.small.limits]\nmemory = \"4 MiB\"\n[quarantine]\nfailures = 2\nbackoff = \"1s\"\n\
         [items.heavy]\nsource = \"small\"\nlocator = \"{}\"\nscheme = \"semver\"\noptions = {{ versions = \"$[*]\" }}\n{}",
        documents(&[&site.origin()])?,
        source("small", &built::plugin("http-json")?, &[&site.origin()]),
        site.url("/large"),
        item("light", &site.url("/v")),
    );
    let folder = Folder::new(&toml)?;
    let host = Host::start(&folder).await?;
    let api = &host.api;
    let first = api.checked("heavy").await?;
    assert_eq!(text(&first["error"], "code"), "memory", "{first}");

    let mut codes = Vec::new();
    until("quarantine", async || {
        let heavy = api.check(&["heavy"]).await?;
        let code = text(&heavy["heavy"]["error"], "code").to_owned();
        codes.push(code.clone());
        Ok((code == "quarantined").then_some(()))
    })
    .await?;
    assert!(codes.iter().rev().skip(1).all(|code| code == "memory"), "{codes:?}");
    let plugins = api.plugins().await?;
    assert_eq!(text(&plugins["small"], "status"), "quarantined", "{}", plugins["small"]);
    assert!(plugins["small"]["failures"]["memory"].as_u64() >= Some(2), "{}", plugins["small"]);
    assert_eq!(text(&plugins["documents"], "status"), "running", "{}", plugins["documents"]);
    assert!(api.check(&["light"]).await?["light"]["error"].is_null());

    // The remote is reasonable again; the plugin is tried again after its rest.
    site.on("/large", Reply::json(&json!(["1.0.0", "1.0.1"])));
    until("the plugin is back", async || {
        let heavy = api.check(&["heavy"]).await?;
        Ok((text(&heavy["heavy"], "latest") == "1.0.1").then_some(()))
    })
    .await?;
    assert_eq!(text(&api.plugins().await?["small"], "status"), "running");
    let told = until("both are told", async || {
        let events = api.events(0).await?;
        let of_plugin: Vec<_> = events
            .iter()
            .filter(|event| text(event, "subject") == "small")
            .map(|event| text(event, "type").to_owned())
            .filter(|kind| kind != "plugin.installed" && kind != "plugin.granted")
            .collect();
        Ok((of_plugin.len() >= 2).then_some(of_plugin))
    })
    .await?;
    assert_eq!(told, ["plugin.quarantined", "plugin.state"]);
    host.stop().await
}

#[tokio::test]
async fn a_quarantine_outlives_its_host_and_ends_with_an_upgrade() -> Result<()> {
    let site = StandIn::start().await?;
    let large: Vec<String> = (0..200_000).map(|n| format!("1.0.{n}-padding")).collect();
    site.on("/large", Reply::json(&json!(large)));
    let mut component = std::fs::read(built::plugin("http-json")?)?;
    let folder = Folder::new("")?;
    let file = folder.path().join("small.wasm");
    std::fs::write(&file, &component)?;
    folder.write(&format!(
        "{}{}[plugins.small.limits]\nmemory = \"4 MiB\"\n[quarantine]\nfailures = 2\nbackoff = \"10m\"\n\
         [items.heavy]\nsource = \"small\"\nlocator = \"{}\"\nscheme = \"semver\"\noptions = {{ versions = \"$[*]\" }}\n",
        waystation_tests::settings::HOST,
        source("small", &file, &[&site.origin()]),
        site.url("/large"),
    ))?;
    let status = async |host: &Host| -> Result<String> {
        Ok(text(&host.api.plugins().await?["small"], "status").to_owned())
    };
    let host = Host::start(&folder).await?;
    until("quarantine", async || {
        host.api.check(&["heavy"]).await?;
        Ok((status(&host).await? == "quarantined").then_some(()))
    })
    .await?;
    until("it is on record", async || {
        let events = host.api.events(0).await?;
        Ok(events.iter().any(|event| text(event, "type") == "plugin.quarantined").then_some(()))
    })
    .await?;
    host.kill().await?;

    let asked = site.seen_at("/large").len();
    let host = Host::start(&folder).await?;
    assert_eq!(status(&host).await?, "quarantined");
    let heavy = &host.api.check(&["heavy"]).await?["heavy"];
    assert_eq!(text(&heavy["error"], "code"), "quarantined", "{heavy}");
    assert_eq!(site.seen_at("/large").len(), asked);
    host.stop().await?;

    // Another component under the same name starts with a clean record.
    CustomSection { name: "note".into(), data: b"upgraded".into() }.append_to(&mut component);
    std::fs::write(&file, &component)?;
    let host = Host::start(&folder).await?;
    assert_eq!(status(&host).await?, "running");
    let heavy = &host.api.check(&["heavy"]).await?["heavy"];
    assert_eq!(text(&heavy["error"], "code"), "memory", "{heavy}");
    host.stop().await
}
