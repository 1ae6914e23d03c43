//! Plugins in other languages than Rust: whole language runtimes in the sandbox.

use anyhow::Result;
use serde_json::json;
use waystation_tests::api::{list, text};
use waystation_tests::{Folder, Host, built, until};

/// A source that lists the versions which an item's options name.
async fn answers(fixture: &str, language: &str) -> Result<()> {
    let file = built::fixture(fixture)?;
    let toml = format!(
        "\n[plugins.listing]\nfile = {file:?}\nconfig = {{ base-url = \"https://versions.example\" }}\n\
         [plugins.listing.limits]\nmemory = \"128 MiB\"\ncpu = \"20s\"\nwall = \"60s\"\n\
         [items.good]\nsource = \"listing\"\nlocator = \"tool\"\nscheme = \"semver\"\n\
         options = {{ versions = [\"2.0.0-rc.1\", \"1.2.0\", \"1.0.0\"] }}\n\
         [items.bad]\nsource = \"listing\"\nlocator = \"tool\"\nscheme = \"semver\"\noptions = {{ versions = [7] }}\n"
    );
    let folder = Folder::new(&toml)?;
    let host = Host::start(&folder).await?;
    let plugin = &host.api.plugins().await?["listing"];
    assert_eq!(text(plugin, "status"), "running", "{plugin}");
    let items = host.api.check(&[]).await?;
    assert_eq!(text(&items["good"], "latest"), "1.2.0", "{items:#?}");
    assert_eq!(text(&items["bad"]["error"], "code"), "bad-input", "{items:#?}");
    let good = host.api.item("good").await?;
    assert_eq!(text(&list(&good, "releases")[0], "url"), "https://versions.example/tool/1.2.0", "{good}");
    let again = host.api.check(&["good"]).await?;
    assert_eq!(text(&again["good"], "latest"), "1.2.0", "{again:#?}");

    let plugin = until("its work is counted", async || {
        let plugin = host.api.plugins().await?.remove("listing").unwrap_or_default();
        Ok((plugin["calls"].as_u64() >= Some(3)).then_some(plugin))
    })
    .await?;
    assert!(plugin["peak_memory"].as_u64().is_some_and(|bytes| bytes > 0 && bytes <= 128 << 20), "{plugin}");
    assert_eq!(
        plugin["failures"],
        json!({ "plugin-error": plugin["failures"]["plugin-error"] }),
        "{language}: {plugin}"
    );
    let logs = host.api.get("/api/v1/plugins/listing/logs").await?;
    assert!(list(&logs, "lines").iter().any(|line| text(line, "message") == "listed releases"), "{logs}");
    host.stop().await
}

#[tokio::test]
async fn a_plugin_in_javascript_answers_under_limits() -> Result<()> {
    answers("listing-js", "javascript").await
}

#[tokio::test]
async fn a_plugin_in_python_answers_under_limits() -> Result<()> {
    answers("listing-py", "python").await
}
