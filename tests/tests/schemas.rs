//! What an operator writes for a plugin is held against the schemas that the plugin gives, before the plugin sees it;
//! and a schema can do the host no harm.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, reason = "tests")]

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, documents, item, source, webhook};
use waystation_tests::{Folder, Host, Reply, StandIn, built, until, wasm};

/// What stands where a secret could.
const SECRET: &str = "hunter2-hunter2-hunter2";

fn pointers(problem: &Value) -> Vec<String> {
    let mut pointers: Vec<String> =
        list(problem, "errors").iter().map(|error| text(error, "pointer").to_owned()).collect();
    pointers.sort();
    pointers
}

#[tokio::test]
async fn a_configuration_that_does_not_fit_is_told_with_every_key_and_no_value() -> Result<()> {
    let site = StandIn::start().await?;
    let toml = format!(
        "{}\n[plugins.documents.config]\nbase_uri = \"{SECRET}\"\ncredential = \"{SECRET}\"\n",
        documents(&[&site.origin()])?
    );
    let folder = Folder::new(&toml)?;
    let keys = [
        "plugins.documents.config.base_uri is not known to the plugin; did you mean `base_url`?",
        "plugins.documents.config.credential must be a boolean",
    ];

    // Nothing runs for a plan, unless it is asked to.
    let plan = folder.run(&["config", "plan", "--json"]).await?;
    assert_eq!(text(&list(&plan.json()?, "plugins")[0], "state"), "loads", "{plan:?}");
    let described = folder.run(&["config", "plan", "--describe", "--json"]).await?;
    let planned = list(&described.json()?, "plugins")[0].clone();
    assert_eq!(text(&planned, "state"), "config-mismatch", "{planned}");
    let doctor = folder.run(&["doctor"]).await?;
    assert_eq!(doctor.code, 1, "{doctor:?}");

    let host = Host::start(&folder).await?;
    let plugin = host.api.plugins().await?["documents"].clone();
    assert_eq!(text(&plugin, "status"), "failed", "{plugin}");
    assert_eq!(text(&plugin["rejected"], "code"), "config-mismatch", "{plugin}");
    let enabled = folder.run(&["plugin", "enable", "documents"]).await?;
    assert!(enabled.code == 1 && enabled.stderr.contains("(config-mismatch)"), "{enabled:?}");
    for key in keys {
        assert!(text(&planned, "problem").contains(key), "{planned}");
        assert!(text(&plugin, "detail").contains(key), "{plugin}");
        assert!(enabled.stderr.contains(key), "{enabled:?}");
    }
    let told = format!("{planned} {plugin} {enabled:?} {doctor:?} {}", host.log()?);
    assert!(!told.contains(SECRET), "{told}");
    host.stop().await
}

#[tokio::test]
async fn options_that_do_not_fit_are_refused_with_a_pointer_to_each() -> Result<()> {
    let site = StandIn::start().await?;
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    let mut new = json!({
        "name": "tool", "source": "documents", "locator": site.url("/v"),
        "options": { "version": 3, "order": SECRET, "odd key": 1, "assets": { "url": SECRET } },
    });
    let answer = host.api.send(host.api.request(reqwest::Method::POST, "/api/v1/items").json(&new)).await?;
    let problem = answer.json();
    assert_eq!((answer.status, text(&problem, "code")), (422, "options-mismatch"), "{answer:?}");
    assert!(answer.header("content-type").starts_with("application/problem+json"), "{answer:?}");
    let expected = [
        "#/options/assets/select",
        "#/options/odd%20key",
        "#/options/order",
        "#/options/version",
        "#/options/versions",
    ];
    assert_eq!(pointers(&problem), expected, "{problem}");
    assert!(list(&problem, "errors").iter().all(|error| !text(error, "detail").is_empty()), "{problem}");
    assert!(!answer.text.contains(SECRET), "{answer:?}");

    let options = json!({ "versoins": "$[*]" }).to_string();
    let added = folder
        .run(&[
            "item",
            "add",
            "tool",
            "--source",
            "documents",
            "--locator",
            &site.url("/v"),
            "--options",
            &options,
        ])
        .await?;
    assert_eq!(added.code, 1, "{added:?}");
    for said in ["options.versions must be given", "did you mean `versions`?", "(options-mismatch)"] {
        assert!(added.stderr.contains(said), "{added:?}");
    }
    assert_eq!(host.api.get("/api/v1/items").await?["items"], json!([]));

    new["options"] = json!({ "versions": "$[*]" });
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    host.api.post("/api/v1/items", &new).await?;
    assert_eq!(text(&host.api.checked("tool").await?, "latest"), "1.0.0");
    host.stop().await
}

#[tokio::test]
async fn an_item_of_the_configuration_is_told_and_never_asked_about() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let bad =
        item("bad", &site.url("/v")).replace("versions = ", "pattern = 7, order = \"upwards\", versions = ");
    let folder =
        Folder::new(&format!("{}{bad}{}", documents(&[&site.origin()])?, item("good", &site.url("/v"))))?;
    let described = folder.run(&["config", "plan", "--describe", "--json"]).await?.json()?;
    let misfits = list(&described, "misfits");
    let misfit = misfits.first().context("no misfit")?;
    assert_eq!((misfits.len(), text(misfit, "code")), (1, "options-mismatch"), "{described}");
    assert_eq!(text(misfit, "key"), "items.bad");

    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("good").await?, "latest"), "1.0.0");
    let found = host.api.checked("bad").await?;
    assert_eq!(text(&found["error"], "code"), "options-mismatch", "{found}");
    for key in ["options.pattern must be a string", "options.order must be one of"] {
        assert!(text(&found["error"], "message").contains(key), "{found}");
        assert!(host.log()?.contains(&format!("items.bad.{key}")), "{}", host.log()?);
        assert!(text(misfit, "problem").contains(&format!("items.bad.{key}")), "{misfit}");
    }
    assert_eq!(site.seen_at("/v").len(), 1, "only the good item was asked about");
    host.stop().await
}

#[tokio::test]
async fn a_channel_that_does_not_fit_is_told_and_its_messages_are_kept() -> Result<()> {
    let site = StandIn::start().await?;
    let (origin, url) = (site.origin(), site.url("/hook"));
    let toml = webhook(&origin, &url, &["item.added"])?
        .replace("config = { url =", "config = { headers = { a = 1 }, unsinged = true, url =");
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder = Folder::new(&format!("{}{toml}{}", documents(&[&origin])?, item("tool", &site.url("/v"))))?
        .env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
    let keys = [
        "channels.hook.config.headers.a must be a string",
        "channels.hook.config.unsinged is not known to the plugin; did you mean `unsigned`?",
    ];
    let described = folder.run(&["config", "plan", "--describe"]).await?;
    assert!(described.stdout.contains("channels.hook: channel-mismatch"), "{described:?}");

    let host = Host::start(&folder).await?;
    let dead = until("a message is given up", async || {
        Ok(list(&host.api.get("/api/v1/deliveries/dead").await?, "deliveries").pop())
    })
    .await?;
    for key in keys {
        assert!(described.stdout.contains(key), "{described:?}");
        assert!(host.log()?.contains(key), "{}", host.log()?);
        assert!(text(&dead, "error").contains(key), "{dead}");
    }
    assert_eq!(site.seen_at("/hook").len(), 0, "the plugin was not asked to send");
    host.stop().await
}

#[tokio::test]
async fn a_plugin_whose_schema_is_hostile_is_refused_while_others_work() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    site.on("/schema", Reply::json(&json!({})));
    let good = std::fs::read(built::plugin("http-json")?)?;
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../plugins/sources/http-json/schemas/");
    let options = std::fs::read_to_string(format!("{root}options.schema.json"))?;
    let config = std::fs::read_to_string(format!("{root}config.schema.json"))?;
    let doubling: String = (0..30)
        .map(|n| format!(r##""{n}":{{"allOf":[{{"$ref":"#/{}"}},{{"$ref":"#/{}"}}]}},"##, n + 1, n + 1))
        .collect();
    let deep = format!("{}{{}}{}", r#"{"not":"#.repeat(100), "}".repeat(100));
    let hostile = [
        ("remote", "schema-reference", format!(r#"{{"$ref":"{}"}}"#, site.url("/schema"))),
        ("file", "schema-reference", r#"{"$ref":"file:///etc/passwd"}"#.to_owned()),
        ("loop", "schema-reference", r##"{"properties":{"a":{"$ref":"#"}}}"##.to_owned()),
        ("doubling", "schema-too-large", format!(r##"{{{doubling}"30":{{}},"$ref":"#/0"}}"##)),
        ("deep", "schema-too-large", deep),
        ("regex", "schema-invalid", r#"{"pattern":"\\w{1000}{1000}"}"#.to_owned()),
        ("lookahead", "schema-invalid", r#"{"pattern":"^(?=a)b"}"#.to_owned()),
        ("no-schema", "schema-invalid", r#"{"type":"nonsense"}"#.to_owned()),
        ("no-json", "schema-invalid", "{".to_owned()),
    ];
    let mut toml = format!("{}{}", documents(&[&site.origin()])?, item("good", &site.url("/v")));
    for (name, ..) in &hostile {
        toml.push_str(&source(name, format!("{name}.wasm").as_ref(), &[&site.origin()]));
    }
    toml.push_str(&source("config", "config.wasm".as_ref(), &[&site.origin()]));
    let folder = Folder::new(&toml)?;
    for (name, _, schema) in &hostile {
        let bytes = wasm::with_text(&good, options.trim_end(), schema).with_context(|| (*name).to_owned())?;
        std::fs::write(folder.path().join(format!("{name}.wasm")), bytes)?;
    }
    let bytes = wasm::with_text(&good, config.trim_end(), r##"{"$ref":"#"}"##)?;
    std::fs::write(folder.path().join("config.wasm"), bytes)?;

    let host = Host::start(&folder).await?;
    let plugins = host.api.plugins().await?;
    let expected = hostile.iter().map(|(name, code, _)| (*name, *code));
    for (name, code) in expected.chain([("config", "schema-reference")]) {
        let plugin = &plugins[name];
        assert_eq!(text(plugin, "status"), "failed", "{name}: {plugin}");
        assert_eq!(text(&plugin["rejected"], "code"), code, "{name}: {plugin}");
        assert!(text(plugin, "detail").contains("the plugin's author must change it"), "{name}: {plugin}");
    }
    assert_eq!(text(&host.api.checked("good").await?, "latest"), "1.0.0");
    assert_eq!(site.seen_at("/schema").len(), 0, "nothing was fetched");
    host.stop().await
}
