//! The commands: answers that programs read, and exit codes that scripts act on.

use std::os::unix::fs::PermissionsExt as _;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::{documents, item};
use waystation_tests::{Folder, Host, Reply, StandIn, built, wasm};

#[tokio::test]
async fn every_command_answers_in_json() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0", "1.1.0"])));
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    let ask = async |args: &[&str]| -> Result<Value> {
        let ran = folder.run(&[args, &["--json"]].concat()).await?;
        anyhow::ensure!(ran.code == 0, "{args:?}: {ran:?}");
        ran.json()
    };
    let url = site.url("/v");
    let options = r#"{"versions": "$[*]"}"#;
    let add = [
        "item",
        "add",
        "tool",
        "--source",
        "documents",
        "--locator",
        &url,
        "--scheme",
        "semver",
        "--options",
        options,
        "--installed",
        "1.0.0",
    ];
    let added = ask(&add).await?;
    assert_eq!(
        (text(&added, "name"), text(&added["installed"][0], "manager")),
        ("tool", "manual"),
        "{added}"
    );
    let checked = ask(&["check", "tool"]).await?;
    assert_eq!((&checked["total"], &checked["failed"]), (&json!(1), &json!(0)), "{checked}");
    let outdated = ask(&["item", "list", "--outdated"]).await?;
    assert_eq!(text(&list(&outdated, "items")[0], "latest"), "1.1.0", "{outdated}");
    assert_eq!(list(&ask(&["item", "show", "tool"]).await?, "releases").len(), 2);
    assert_eq!(text(&list(&ask(&["plugin", "list"]).await?, "plugins")[0], "status"), "running");
    let file = built::plugin("http-json")?.display().to_string();
    let inspected = ask(&["plugin", "inspect", &file]).await?;
    assert_eq!(text(&inspected, "name"), "waystation/http-json");
    assert!(list(&inspected, "imports").iter().any(|i| text(i, "class") == "http"), "{inspected}");
    let grants = ask(&["plugin", "grants", "documents"]).await?;
    let http = grants.as_array().and_then(|rows| rows.iter().find(|row| text(row, "capability") == "http"));
    assert!(http.is_some_and(|row| row["used"][0].as_u64() >= Some(1)), "{grants}");
    let limits = ask(&["plugin", "limits", "documents"]).await?;
    let limit = |name: &str| {
        limits.as_array().and_then(|rows| rows.iter().find(|row| text(row, "limit") == name)).cloned()
    };
    let (memory, cpu) = (limit("memory").context("no memory")?, limit("cpu").context("no cpu")?);
    assert_eq!((&memory["value"], text(&memory, "unit")), (&json!(64 << 20), "bytes"), "{limits}");
    assert_eq!((&cpu["value"], text(&cpu, "unit")), (&json!(2_000), "ms"), "{limits}");
    assert!(cpu["peak"].as_f64() > Some(0.0) && memory["peak"].as_f64() > Some(0.0), "{limits}");
    assert_eq!(text(&ask(&["plugin", "disable", "documents"]).await?, "status"), "disabled");
    assert_eq!(text(&ask(&["plugin", "enable", "documents"]).await?, "status"), "running");
    assert_eq!(list(&ask(&["config", "plan"]).await?, "plugins").len(), 1);
    assert_eq!(ask(&["config", "check"]).await?["problems"], json!([]));
    assert!(ask(&["config", "schema"]).await?.is_object() && ask(&["config", "openapi"]).await?.is_object());
    assert!(ask(&["doctor"]).await?.as_array().is_some_and(|findings| findings.len() > 3));
    // One JSON value a line.
    for args in [&["events", "--json"][..], &["plugin", "logs", "documents", "--json"]] {
        let ran = folder.run(args).await?;
        assert_eq!(ran.code, 0, "{ran:?}");
        for line in ran.stdout.lines() {
            serde_json::from_str::<Value>(line).with_context(|| format!("{args:?}: {line}"))?;
        }
    }
    let events = folder.run(&["events", "--json"]).await?;
    let kinds: Vec<String> = events
        .stdout
        .lines()
        .filter_map(|line| Some(text(&serde_json::from_str::<Value>(line).ok()?, "type").to_owned()))
        .collect();
    assert_eq!(kinds.first().map(String::as_str), Some("plugin.installed"), "{kinds:?}");
    assert!(["item.added", "item.outdated"].iter().all(|kind| kinds.iter().any(|k| k == kind)), "{kinds:?}");

    let shown = folder.run(&["item", "show", "tool"]).await?;
    for part in ["policy      newest release", "this-host", "manual", "outdated (minor)"] {
        assert!(shown.stdout.contains(part), "{part}: {}", shown.stdout);
    }
    let shown = folder.run(&["plugin", "limits", "documents"]).await?;
    assert!(shown.stdout.contains("64.0 MiB") && !shown.stdout.contains("67108864"), "{}", shown.stdout);
    // People get a table, and removing is told by the exit code alone.
    let table = folder.run(&["item", "list"]).await?;
    assert!(table.stdout.contains("ITEM") && table.stdout.contains("tool"), "{table:?}");
    assert_eq!(folder.run(&["item", "remove", "tool"]).await?.code, 0);
    assert!(list(&ask(&["item", "list"]).await?, "items").is_empty());
    host.stop().await
}

#[tokio::test]
async fn exit_codes_tell_failures_apart() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/good", Reply::json(&json!(["1.0.0"])));
    site.on("/bad", Reply::status(500));
    let items = ["good", "bad"].map(|name| item(name, &site.url(&format!("/{name}")))).concat();
    let folder = Folder::new(&format!("{}{items}", documents(&[&site.origin()])?))?;
    let run = async |args: &[&str]| folder.run(args).await;

    // No host yet.
    for args in [&["check"][..], &["item", "list"], &["plugin", "list"], &["events"]] {
        let ran = run(args).await?;
        assert_eq!(ran.code, 4, "{args:?}: {ran:?}");
        assert!(ran.stdout.is_empty() && !ran.stderr.is_empty(), "{args:?}: {ran:?}");
    }
    let host = Host::start(&folder).await?;
    let checked = run(&["check"]).await?;
    assert_eq!(checked.code, 5, "{checked:?}");
    assert!(checked.stderr.contains("1 of 2 checks failed"), "{checked:?}");
    assert_eq!(run(&["check", "good"]).await?.code, 0);
    let both = run(&["check", "--json"]).await?;
    assert_eq!(both.code, 5);
    // Standard output is one JSON document also when checks failed.
    assert_eq!(both.json()?["failed"], 1);
    for args in [
        &["check", "none"][..],
        &["item", "show", "none"],
        &["item", "remove", "none"],
        &["plugin", "logs", "none"],
        &["plugin", "enable", "none"],
        &["plugin", "grants", "none"],
        &["plugin", "limits", "none"],
    ] {
        assert_eq!(run(args).await?.code, 6, "{args:?}");
    }
    for args in [
        &["chekc"][..],
        &["item", "add"],
        &["item", "list", "--no-such"],
        &["--json"],
        &["completions", "tcl"],
    ] {
        assert_eq!(run(args).await?.code, 2, "{args:?}");
    }
    for args in [
        &["plugin", "inspect", "nowhere.wasm"][..],
        &["plugin", "inspect", "waystation.toml"],
        &["item", "add", "x", "--source", "nowhere"],
        &["item", "add", "good", "--source", "documents"],
        &["item", "add", "x", "--source", "documents", "--options", "[]"],
        &["item", "add", "x", "--source", "documents", "--policy", "{"],
    ] {
        let ran = run(args).await?;
        assert_eq!(ran.code, 1, "{args:?}: {ran:?}");
        assert!(ran.stderr.starts_with("waystation: "), "{args:?}: {ran:?}");
    }
    // A token that is not the host's.
    let other = folder.path().join("other-token");
    std::fs::write(&other, format!("wst_{}", "0".repeat(64)))?;
    let other = other.display().to_string();
    assert_eq!(run(&["item", "list", "--token-file", &other]).await?.code, 4);
    assert_eq!(run(&["item", "list", "--token-file", "nowhere"]).await?.code, 4);
    assert_eq!(run(&["item", "list", "--url", "http://127.0.0.1:1"]).await?.code, 4);
    // With address and token no configuration is needed.
    let token = folder.token_file().display().to_string();
    let elsewhere = Folder::with_text("this is no configuration")?;
    let ran =
        elsewhere.run(&["item", "list", "--url", host.api.base(), "--token-file", &token, "--json"]).await?;
    assert_eq!((ran.code, list(&ran.json()?, "items").len()), (0, 2), "{ran:?}");
    host.stop().await
}

#[tokio::test]
async fn completions_name_every_command() -> Result<()> {
    let folder = Folder::new("")?;
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let ran = folder.run(&["completions", shell]).await?;
        assert_eq!(ran.code, 0, "{shell}: {ran:?}");
        for command in [
            "up",
            "serve",
            "check",
            "item",
            "plugin",
            "channel",
            "delivery",
            "events",
            "config",
            "doctor",
            "completions",
        ] {
            assert!(ran.stdout.contains(command), "{shell}: {command}");
        }
    }
    let version = folder.run(&["--version"]).await?;
    assert!(version.code == 0 && version.stdout.starts_with("waystation 0."), "{version:?}");
    Ok(())
}

#[tokio::test]
async fn a_packed_plugin_is_the_one_that_was_built() -> Result<()> {
    let folder = Folder::new("")?;
    let good = std::fs::read(built::plugin("webhook")?)?;
    let manifest = wasm::manifest(&good)?;
    std::fs::write(folder.path().join("bare.wasm"), wasm::without_manifest(&good)?)?;
    std::fs::write(folder.path().join("plugin.toml"), &manifest)?;
    let ran = folder.run(&["plugin", "pack", "bare.wasm", "--output", "packed.wasm"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let packed = std::fs::read(folder.path().join("packed.wasm"))?;
    assert_eq!(wasm::manifest(&packed)?, manifest);
    let inspected = folder.run(&["plugin", "inspect", "packed.wasm", "--json"]).await?;
    assert_eq!(text(&inspected.json()?, "name"), "waystation/webhook");

    std::fs::write(
        folder.path().join("plugin.toml"),
        manifest.replace("capability = \"http\"", "capability = \"htpp\""),
    )?;
    let ran = folder.run(&["plugin", "pack", "bare.wasm", "--output", "other.wasm"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("did you mean `http`?"), "{ran:?}");
    assert!(!folder.path().join("other.wasm").exists());
    Ok(())
}

#[tokio::test]
async fn doctor_finds_what_is_wrong() -> Result<()> {
    let folder = Folder::new("\n[plugins.broken]\nfile = \"nowhere.wasm\"\n")?;
    let ran = folder.run(&["doctor", "--json"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    let findings: Vec<Value> =
        serde_json::Deserializer::from_str(&ran.stdout).into_iter().next().context("no answer")??;
    let error = |about: &str| {
        let found = findings.iter().find(|f| text(f, "state") == "error" && text(f, "about") == about);
        found.map(|finding| text(finding, "detail").to_owned()).unwrap_or_default()
    };
    let plugin = error("plugin");
    assert!(plugin.contains("broken") && plugin.contains("nowhere.wasm"), "{findings:?}");
    // It could not run anyway: nobody is trusted.
    assert!(error("trust").contains("trust.toml"), "{findings:?}");
    let good = Folder::new("")?;
    assert_eq!(good.run(&["doctor"]).await?.code, 0);
    Ok(())
}

#[tokio::test]
async fn a_proxy_of_the_environment_does_not_get_the_token() -> Result<()> {
    let proxy = StandIn::start().await?;
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let mut command = folder.command(&["item", "list"])?;
    for name in ["HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"] {
        command.env(name, proxy.origin());
    }
    let output = command.output().await?;
    assert!(output.status.success(), "{output:?}");
    assert!(proxy.seen().is_empty(), "{:?}", proxy.seen());
    host.stop().await
}

/// A package client that is a script: it answers as npm does.
fn npm(folder: &Folder, registry: &str) -> Result<String> {
    let bin = folder.path().join("bin");
    std::fs::create_dir(&bin)?;
    let listing = json!({ "dependencies": { "left-pad": { "version": "1.0.0" }, "@scope/current": { "version": "3.1.4" } } });
    let script =
        format!("#!/bin/sh\ncase \"$1\" in\nconfig) echo '{registry}/' ;;\nls) echo '{listing}' ;;\nesac\n");
    let file = bin.join("npm");
    std::fs::write(&file, script)?;
    std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o755))?;
    Ok(bin.display().to_string())
}

fn package(name: &str, versions: &[&str]) -> Reply {
    let version = |version: &&str| {
        let dist = json!({ "tarball": format!("https://registry.example/{name}-{version}.tgz") });
        ((*version).to_owned(), json!({ "name": name, "version": version, "dist": dist }))
    };
    let all: serde_json::Map<String, Value> = versions.iter().map(version).collect();
    Reply::json(&json!({ "name": name, "dist-tags": { "latest": versions.last() }, "versions": all }))
}

#[tokio::test]
async fn up_watches_what_a_package_client_installed_from_its_own_registry() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/left-pad", package("left-pad", &["1.0.0", "1.3.0"]));
    site.on("/@scope%2Fcurrent", package("@scope/current", &["3.1.4"]));
    let folder = Folder::new("")?;
    // `up` writes its own configuration.
    std::fs::remove_file(folder.config())?;
    let path = npm(&folder, &site.origin())?;
    let folder = folder.env("PATH", &path);
    let plugins = built::supply()?.display().to_string();
    let up = ["up", "--plugins", &plugins, "--data", "data", "--listen", "127.0.0.1:0", "--once"];
    let ran = folder.run(&[&up[..], &["--json"]].concat()).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let report = ran.json()?;
    let items = list(&report, "items");
    let find = |name: &str| {
        items
            .iter()
            .find(|item| text(item, "name") == name)
            .cloned()
            .with_context(|| format!("no {name} in {report:#}"))
    };
    let outdated = find("npm/left-pad")?;
    assert_eq!(
        (text(&outdated, "latest"), text(&outdated["installed"][0], "standing")),
        ("1.3.0", "outdated"),
        "{outdated}"
    );
    let current = find("npm/scope/current")?;
    assert_eq!(text(&current["installed"][0], "standing"), "current", "{current}");
    assert_eq!(text(&find("npm/react")?["error"], "code"), "not-found");
    assert_eq!(text(&report["plugins"][0], "status"), "running", "{report:#}");
    // That a private address was opened is said.
    assert!(report["notes"].to_string().contains("127.0.0.1"), "{report:#}");
    // It came the way of every plugin: from the index, signed, and decided on.
    let trust = &report["plugins"][0]["serving"]["trust"];
    assert_eq!(text(trust, "state"), "verified", "{report:#}");
    // Again, and for a person: the same items, and exit code 0.
    let again = folder.run(&up).await?;
    assert_eq!(again.code, 0, "{again:?}");
    assert!(again.stdout.contains("npm/left-pad") && again.stdout.contains("1.3.0"), "{again:?}");
    Ok(())
}

#[tokio::test]
async fn up_without_any_package_client_says_so() -> Result<()> {
    let folder = Folder::new("")?.env("PATH", "/nowhere");
    let ran = folder.run(&["up", "--plugins", "/nowhere", "--data", "other", "--once"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("waystation.toml"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn every_failure_is_one_object_for_programs() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/bad", Reply::status(500));
    let items = item("bad", &site.url("/bad"));
    let folder = Folder::new(&format!("{}{items}", documents(&[&site.origin()])?))?;
    let fails = async |folder: &Folder, args: &[&str], code: i32, word: &str| -> Result<Value> {
        let ran = folder.run(&[args, &["--json"]].concat()).await?;
        let failure: Value =
            serde_json::from_str(&ran.stderr).with_context(|| format!("{args:?}: {ran:?}"))?;
        assert_eq!((ran.code, text(&failure, "code")), (code, word), "{args:?}: {failure}");
        assert!(!text(&failure, "message").is_empty(), "{args:?}: {failure}");
        let keys = failure.as_object().context("no object")?.keys();
        assert!(keys.into_iter().all(|key| ["code", "message", "hint"].contains(&key.as_str())), "{failure}");
        Ok(failure)
    };
    // The arguments.
    let failure = fails(&folder, &["itme", "list"], 2, "usage").await?;
    assert_eq!(text(&failure, "hint"), "did you mean `item`?", "{failure}");
    fails(&folder, &["item", "list", "--no-such"], 2, "usage").await?;
    fails(&folder, &[], 2, "usage").await?;
    // No host yet, and nobody logged in.
    for (args, word) in [
        (&["item", "list"][..], "host-not-running"),
        (&["item", "list", "--url", "http://127.0.0.1:1"], "not-logged-in"),
    ] {
        let failure = fails(&folder, args, 4, word).await?;
        assert!(!text(&failure, "hint").is_empty(), "{failure}");
    }
    fails(&folder, &["plugin", "inspect", "nowhere.wasm"], 1, "unreadable").await?;
    fails(&folder, &["plugin", "inspect", "waystation.toml"], 1, "not-wasm").await?;
    let host = Host::start(&folder).await?;
    for (args, code, word) in [
        (&["item", "show", "none"][..], 6, "not-found"),
        (&["item", "remove", "none"], 6, "not-found"),
        (&["channel", "test", "none"], 6, "not-found"),
        (&["plugin", "enable", "none"], 6, "not-found"),
        (&["item", "add", "x", "--source", "nowhere"], 1, "no-such-source"),
        (&["item", "add", "x", "--source", "documents", "--policy", "{"], 1, "bad-argument"),
        (&["item", "add", "x", "--source", "documents"], 1, "options-mismatch"),
        (&["item", "add", "bad", "--source", "documents", "--options", r#"{"versions":"$"}"#], 1, "conflict"),
        (&["item", "list", "--token-file", "nowhere"], 4, "no-token"),
        (&["item", "list", "--url", "http://127.0.0.1:1"], 4, "unreachable"),
        (&["check"], 5, "checks-failed"),
    ] {
        fails(&folder, args, code, word).await?;
    }
    let other = folder.path().join("other-token");
    std::fs::write(&other, format!("wst_{}", "0".repeat(64)))?;
    let other = other.display().to_string();
    fails(&folder, &["item", "list", "--token-file", &other], 4, "unauthorized").await?;
    // A second host on the same database.
    fails(&folder, &["serve"], 1, "database-locked-by-other-host").await?;
    host.stop().await?;
    let broken = Folder::with_text("[server]\nlistn = 1")?;
    let failure = fails(&broken, &["item", "list"], 3, "config-invalid").await?;
    assert_eq!(text(&failure, "hint"), "did you mean `listen`?", "{failure}");
    fails(&broken, &["config", "check"], 3, "config-invalid").await?;
    // Help is an answer.
    let ran = folder.run(&["--help", "--json"]).await?;
    assert!(ran.code == 0 && ran.stdout.contains("Usage:") && ran.stderr.is_empty(), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn what_a_killed_host_left_behind_is_not_taken_for_a_host() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let address = host.api.base().trim_start_matches("http://").to_owned();
    assert_eq!(folder.run(&["item", "list"]).await?.code, 0);
    host.kill().await?;
    assert!(folder.data().join("address").exists());
    // Whoever took over its port must not be sent the token.
    let stranger = StandIn::start_at(&address).await?;
    let ran = folder.run(&["item", "list"]).await?;
    assert_eq!(ran.code, 4, "{ran:?}");
    assert!(ran.stderr.contains("is not running") && ran.stderr.contains("waystation serve"), "{ran:?}");
    let ran = folder.run(&["item", "list", "--json"]).await?;
    assert_eq!(text(&serde_json::from_str(&ran.stderr)?, "code"), "host-not-running", "{ran:?}");
    assert!(stranger.seen().is_empty(), "{:?}", stranger.seen());
    // The next one is found again.
    let host = Host::start(&folder).await?;
    assert_eq!(folder.run(&["item", "list"]).await?.code, 0);
    host.stop().await?;
    assert!(!folder.data().join("address").exists());
    Ok(())
}

#[tokio::test]
async fn nothing_is_sent_where_no_host_says_that_it_is() -> Result<()> {
    let stranger = StandIn::start().await?;
    let listen = stranger.origin().trim_start_matches("http://").to_owned();
    let folder = Folder::with_text(&format!("[server]\nlisten = \"{listen}\""))?;
    std::fs::write(folder.data().join("link"), "wsl_never-to-be-sent")?;
    let link = folder.data().join("link").display().to_string();
    for command in [
        vec!["item", "list"],
        vec!["login", "--name", "olga", "--password-stdin"],
        vec!["welcome", "--link-file", &link, "--name", "olga", "--password-stdin"],
    ] {
        let ran = folder.piped(&command, "correct horse battery").await?;
        assert_eq!(ran.code, 4, "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("is not running"), "{ran:?}");
    }
    assert!(stranger.seen().is_empty(), "{:?}", stranger.seen());
    Ok(())
}
