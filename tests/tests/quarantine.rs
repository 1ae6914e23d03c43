//! A plugin that keeps failing is left alone for a while, comes back by itself, and
//! nobody else notices.

use anyhow::Result;
use serde_json::json;
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
            .collect();
        Ok((of_plugin.len() >= 2).then_some(of_plugin))
    })
    .await?;
    assert_eq!(told, ["plugin.quarantined", "plugin.state"]);
    host.stop().await
}
