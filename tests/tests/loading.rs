//! A plugin that cannot be loaded is told of, and nobody else notices.

use anyhow::{Context as _, Result};
use serde_json::json;
use waystation_tests::api::{list, text};
use waystation_tests::settings::{documents, item};
use waystation_tests::{Folder, Host, Reply, StandIn, built, wasm};

/// A file that should not load: its name, its bytes, and the code of the refusal.
struct Bad {
    name: &'static str,
    bytes: Vec<u8>,
    code: &'static str,
}

/// Each is a good plugin with one thing wrong, where that is possible.
fn bad_plugins() -> Result<Vec<Bad>> {
    let source = std::fs::read(built::plugin("http-json")?)?;
    let notifier = std::fs::read(built::plugin("webhook")?)?;
    let manifest = wasm::manifest(&source)?;
    let changed = |from: &str, to: &str| {
        anyhow::ensure!(manifest.contains(from), "the manifest does not say {from}");
        wasm::with_manifest(&source, &manifest.replacen(from, to, 1))
    };
    let half = source.get(..source.len() / 2).unwrap_or_default().to_vec();
    let requests = manifest.find("[[request]]").context("the manifest requests nothing")?;
    let without_requests = manifest.get(..requests).unwrap_or_default();
    let teleporter = wat::parse_str(
        "(component (instance $i) (export \"waystation:teleporter/teleporter@0.1.0\" (instance $i)))",
    )?;
    let bad = |name, code, bytes| Bad { name, bytes, code };
    Ok(vec![
        bad("empty", "not-wasm", Vec::new()),
        bad("text", "not-wasm", b"this is no program".to_vec()),
        bad("truncated", "malformed", half),
        bad("core-module", "core-module", wat::parse_str("(module)")?),
        bad("no-manifest", "no-manifest", wasm::without_manifest(&source)?),
        bad("two-manifests", "several-manifests", wasm::and_manifest(&source, &manifest)),
        bad(
            "wrong-world",
            "wrong-world",
            wasm::with_manifest(
                &notifier,
                &wasm::manifest(&notifier)?.replace("notifier@", "update-source@"),
            )?,
        ),
        bad("other-generation", "wrong-world", changed("update-source@0.1", "update-source@9.0")?),
        bad(
            "unknown-kind",
            "unknown-kind",
            wasm::and_manifest(&teleporter, &manifest.replacen("update-source@0.1", "teleporter@0.1", 1)),
        ),
        bad("newer-host", "host-range", changed(">=0.1, <0.2", ">=9")?),
        bad("not-requested", "import-not-requested", wasm::with_manifest(&source, without_requests)?),
        bad("other-name", "manifest-lies", changed("waystation/http-json", "waystation/other")?),
        bad("other-version", "manifest-lies", changed("version = \"0.1.0\"", "version = \"0.1.7\"")?),
        bad(
            "unknown-capability",
            "unknown-capability",
            changed("capability = \"http\"", "capability = \"htpp\"")?,
        ),
        bad("not-toml", "bad-manifest", wasm::with_manifest(&source, "name = ")?),
    ])
}

#[tokio::test]
async fn each_bad_plugin_is_listed_with_its_code_while_the_good_one_works() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0", "1.2.0"])));
    let mut toml = format!("{}{}", documents(&[&site.origin()])?, item("good", &site.url("/v")));
    let bad = bad_plugins()?;
    for Bad { name, .. } in &bad {
        // Only what requests `http` may be granted it; the others fail before that.
        toml.push_str(&format!("\n[plugins.{name}]\nfile = \"{name}.wasm\"\n"));
        if !matches!(*name, "not-requested") {
            toml.push_str(&format!("[[plugins.{name}.grants.http]]\norigin = \"https://a.example\"\n"));
        }
    }
    let good = built::plugin("http-json")?;
    toml.push_str(&format!("\n[plugins.ungranted]\nfile = {good:?}\n"));
    toml.push_str(&format!("\n[plugins.pinned]\nfile = {good:?}\ndigest = \"sha256:{}\"\n", "0".repeat(64)));
    toml.push_str("\n[plugins.missing]\nfile = \"nowhere.wasm\"\n");
    let folder = Folder::new(&toml)?;
    for Bad { name, bytes, .. } in &bad {
        std::fs::write(folder.path().join(format!("{name}.wasm")), bytes)?;
    }
    let mut expected: Vec<(&str, &str)> = bad.iter().map(|bad| (bad.name, bad.code)).collect();
    expected.extend([
        ("ungranted", "needs-grants"),
        ("pinned", "digest-mismatch"),
        ("missing", "unreadable"),
    ]);

    // Before anything runs.
    let plan = folder.run(&["config", "plan", "--json"]).await?;
    assert_eq!(plan.code, 0, "{plan:?}");
    let planned = list(&plan.json()?, "plugins");
    for (name, code) in &expected {
        let found = planned
            .iter()
            .find(|p| text(p, "name") == *name)
            .with_context(|| format!("{name} is not planned"))?;
        // These are found only by running the plugin, or by holding its imports against its manifest.
        let code = if *code == "manifest-lies" { "loads" } else { code };
        assert_eq!(text(found, "state"), code, "{name}: {found}");
    }
    for Bad { name, code, .. } in &bad {
        let file = format!("{name}.wasm");
        let inspected = folder.run(&["plugin", "inspect", &file]).await?;
        // What a file says of itself is held against what it is; whether it lies shows when it runs.
        let readable = matches!(*code, "manifest-lies" | "unknown-kind");
        assert_eq!(inspected.code == 0, readable, "{name}: {inspected:?}");
        assert!(readable || inspected.stderr.contains(&format!("({code})")), "{name}: {inspected:?}");
    }

    // While it runs.
    let host = Host::start(&folder).await?;
    let plugins = host.api.plugins().await?;
    for (name, code) in &expected {
        let plugin = plugins.get(*name).with_context(|| format!("{name} is not listed"))?;
        assert_eq!(text(&plugin["rejected"], "code"), *code, "{name}: {plugin}");
        let status = if *code == "needs-grants" { "needs-grants" } else { "failed" };
        assert_eq!(text(plugin, "status"), status, "{name}: {plugin}");
        assert!(!text(plugin, "detail").is_empty(), "{name}: {plugin}");
        assert!(plugin["serving"].is_null(), "{name}: {plugin}");
    }
    assert_eq!(text(&plugins["documents"], "status"), "running");
    let good = host.api.checked("good").await?;
    assert_eq!(text(&good, "latest"), "1.2.0", "{good}");
    assert!(
        text(&plugins["ungranted"], "detail").contains("[[plugins.ungranted.grants.http]]"),
        "{}",
        plugins["ungranted"]
    );
    host.stop().await
}

#[tokio::test]
async fn a_repaired_plugin_is_put_in_service_without_a_restart_and_a_broken_upgrade_is_not() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let file = std::path::Path::new("plugin.wasm");
    let toml = waystation_tests::settings::source("documents", file, &[&site.origin()]);
    let folder = Folder::new(&format!("{toml}{}", item("one", &site.url("/v"))))?;
    let good = std::fs::read(built::plugin("http-json")?)?;
    let half = good.get(..good.len() / 2).unwrap_or_default();
    let place = folder.path().join(file);
    std::fs::write(&place, half)?;

    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["documents"], "status"), "failed");
    let refused = folder.run(&["plugin", "enable", "documents"]).await?;
    assert_eq!(refused.code, 1, "{refused:?}");
    assert!(refused.stderr.contains("(malformed)"), "{refused:?}");

    std::fs::write(&place, &good)?;
    let repaired = folder.run(&["plugin", "enable", "documents"]).await?;
    assert_eq!(repaired.code, 0, "{repaired:?}");
    let items = host.api.check(&["one"]).await?;
    assert_eq!(text(&items["one"], "latest"), "1.0.0", "{items:?}");

    // What serves goes on serving when its file goes bad.
    std::fs::write(&place, half)?;
    assert_eq!(folder.run(&["plugin", "enable", "documents"]).await?.code, 1);
    let plugin = &host.api.plugins().await?["documents"];
    assert_eq!(text(&plugin["rejected"], "code"), "malformed", "{plugin}");
    assert_eq!(text(plugin, "status"), "running", "{plugin}");
    site.on("/v", Reply::json(&json!(["1.0.0", "1.1.0"])));
    let items = host.api.check(&["one"]).await?;
    assert_eq!(text(&items["one"], "latest"), "1.1.0", "{items:?}");
    host.stop().await
}

#[tokio::test]
async fn what_means_nothing_for_a_kind_is_refused() -> Result<()> {
    let toml = documents(&["http://127.0.0.1:1"])?
        .replace("[plugins.documents]\n", "[plugins.documents]\non_failure = \"closed\"\n");
    let folder = Folder::new(&toml)?;
    let plan = folder.run(&["config", "plan", "--json"]).await?.json()?;
    assert_eq!(plan["plugins"][0]["state"], "bad-config", "{plan}");
    let host = Host::start(&folder).await?;
    let plugin = &host.api.plugins().await?["documents"];
    assert_eq!(text(plugin, "status"), "failed", "{plugin}");
    let detail = text(plugin, "detail");
    assert!(detail.contains("`on_failure`") && detail.contains("update-source"), "{plugin}");
    host.stop().await
}
