//! Which plugins a host runs: what the trust policy admits, in the version that was decided on, for as long as that
//! holds.

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::source;
use waystation_tests::site::{self, code, done};
use waystation_tests::{Folder, Host, Reply, StandIn, built, until};

const TRUST: &str = "\n[trust]\nrecheck = \"1s\"\n";

/// A plugin of the configuration, in a file of the folder.
fn plugin(name: &str, origin: &str) -> String {
    source(name, std::path::Path::new(&format!("{name}.plugin.tar")), &[origin])
}

fn state<'v>(plugins: &'v std::collections::BTreeMap<String, Value>, name: &str) -> &'v str {
    plugins.get(name).map_or("", |plugin| text(plugin, "status"))
}

/// The code with which a plugin was refused last.
async fn refused(host: &Host, name: &str) -> Result<String> {
    let plugins = host.api.plugins().await?;
    Ok(plugins.get(name).map(|plugin| text(&plugin["rejected"], "code").to_owned()).unwrap_or_default())
}

#[tokio::test]
async fn what_is_signed_and_decided_on_runs_and_nothing_else() -> Result<()> {
    let web = StandIn::start().await?;
    web.on("/v", Reply::json(&json!(["1.0.0"])));
    let names = ["good", "unsigned", "stranger", "swapped", "forgotten"];
    let tables: String = names.iter().map(|name| plugin(name, &web.origin())).collect();
    let alone = source("alone", &built::plugin("http-json")?, &[&web.origin()]);
    let folder = Folder::new(&format!("{TRUST}{tables}{alone}"))?;
    site::init(&folder).await?;
    let package = site::package("http-json", str::to_owned)?;
    let other = site::package("http-json", |manifest| format!("# another\n{manifest}"))?;
    for name in ["good", "swapped", "forgotten"] {
        site::signed(&folder, &format!("{name}.plugin.tar"), &package).await?;
    }
    site::unsigned(folder.path(), "unsigned.plugin.tar", &package)?;
    done(&folder, &["key", "new", "-o", "stranger.key", "--no-passphrase"]).await?;
    site::unsigned(folder.path(), "stranger.plugin.tar", &package)?;
    site::sign(&folder, "stranger.plugin.tar", "stranger.key").await?;

    // Nothing runs by itself: somebody has to decide.
    let decided = folder.run(&["plugin", "sync", "--json", "good", "swapped"]).await?.json()?;
    assert!(list(&decided, "plugins").iter().all(|plugin| text(plugin, "outcome") == "added"), "{decided}");
    for (name, expected) in
        [("unsigned", "unsigned"), ("stranger", "signature-invalid"), ("alone", "unsigned")]
    {
        assert_eq!(code(&folder, &["plugin", "sync", name]).await?, expected, "{name}");
    }
    // Another one of the same name, signed as well, and nobody decided on it; the store has not the one before.
    site::signed(&folder, "swapped.plugin.tar", &other).await?;
    std::fs::remove_dir_all(folder.data().join("plugins"))?;

    let host = Host::start(&folder).await?;
    let plugins = host.api.plugins().await?;
    assert_eq!(state(&plugins, "good"), "running", "{plugins:#?}");
    let trust = &plugins["good"]["serving"]["trust"];
    assert_eq!((text(trust, "state"), list(trust, "signers").len()), ("verified", 1), "{trust}");
    for (name, expected) in [
        ("unsigned", "unsigned"),
        ("alone", "unsigned"),
        ("swapped", "lock-mismatch"),
        ("forgotten", "not-locked"),
    ] {
        assert_eq!((state(&plugins, name), refused(&host, name).await?.as_str()), ("failed", expected));
    }
    assert!(!refused(&host, "stranger").await?.is_empty());
    // The one that may run does its work.
    let item = json!({
        "name": "one", "source": "good", "locator": web.url("/v"), "scheme": "semver", "options": { "versions": "$[*]" },
    });
    host.api.post("/api/v1/items", &item).await?;
    assert_eq!(text(&host.api.checked("one").await?, "latest"), "1.0.0");
    // And each that runs is on record, with who vouched for it.
    let events = host.api.events(0).await?;
    let installed: Vec<_> = events.iter().filter(|event| text(event, "type") == "plugin.installed").collect();
    assert_eq!(installed.len(), 1, "{events:#?}");
    assert_eq!(text(installed[0], "subject"), "good");
    assert_eq!(installed[0]["data"]["signers"], trust["signers"]);
    assert_eq!(text(&installed[0]["data"], "digest"), package.digest().to_string());
    host.stop().await
}

#[tokio::test]
async fn trust_that_cannot_be_read_lets_nothing_run() -> Result<()> {
    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    site::signed(&folder, "good.plugin.tar", &site::package("http-json", str::to_owned)?).await?;
    done(&folder, &["plugin", "sync"]).await?;
    let policy = std::fs::read_to_string(folder.path().join("trust.toml"))?;
    let root = std::fs::read_to_string(folder.path().join("trusted_root.json"))?;
    for (file, content, expected) in [
        ("trust.toml", None, "trust-unreadable"),
        ("trust.toml", Some(policy.replace("version = 1", "version = 7")), "trust-version"),
        ("trust.toml", Some(format!("{policy}\nstrict = false\n")), "trust-malformed"),
        ("trusted_root.json", None, "trust-unreadable"),
        ("trusted_root.json", Some("{}".to_owned()), "root-malformed"),
    ] {
        let path = folder.path().join(file);
        match content {
            None => std::fs::remove_file(&path)?,
            Some(content) => std::fs::write(&path, content)?,
        }
        let host = Host::start(&folder).await?;
        assert_eq!(refused(&host, "good").await?, expected, "{file}");
        assert_eq!(state(&host.api.plugins().await?, "good"), "failed");
        // As soon as it can be read again, the plugin can be enabled.
        std::fs::write(folder.path().join("trust.toml"), &policy)?;
        std::fs::write(folder.path().join("trusted_root.json"), &root)?;
        done(&folder, &["plugin", "enable", "good"]).await?;
        assert_eq!(state(&host.api.plugins().await?, "good"), "running");
        host.stop().await?;
    }
    // So is a lock.
    std::fs::write(folder.path().join("waystation.lock"), "version = 2\n")?;
    let host = Host::start(&folder).await?;
    assert_eq!(refused(&host, "good").await?, "lock-malformed");
    host.stop().await
}

#[tokio::test]
async fn what_is_revoked_stops_while_it_runs_and_an_older_list_brings_nothing_back() -> Result<()> {
    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    let package = site::package("http-json", str::to_owned)?;
    site::signed(&folder, "good.plugin.tar", &package).await?;
    done(&folder, &["plugin", "sync"]).await?;
    let signing = ["--timestamp-authority", "timestamps.key", "--key", "signing.key"];
    done(&folder, &[&["trust", "revoke", "renew"][..], &signing].concat()).await?;
    let list_files =
        ["revocations.json", "revocations.json.sigstore.json"].map(|name| folder.path().join(name));
    let first = list_files.clone().map(|file| std::fs::read(file).unwrap_or_default());

    let host = Host::start(&folder).await?;
    assert_eq!(state(&host.api.plugins().await?, "good"), "running");
    let digest = package.digest().to_string();
    let revoke = ["trust", "revoke", "digest", &digest, "--why", "leaks tokens"];
    done(&folder, &[&revoke[..], &signing].concat()).await?;
    until("the plugin stops", async || {
        Ok((state(&host.api.plugins().await?, "good") == "failed").then_some(()))
    })
    .await?;
    assert_eq!(refused(&host, "good").await?, "digest-revoked");
    let told = until("that is told", async || {
        let events = host.api.events(0).await?;
        Ok(events.into_iter().find(|event| text(event, "type") == "plugin.revoked"))
    });
    let told = told.await?;
    assert_eq!((text(&told, "subject"), text(&told["data"], "code")), ("good", "digest-revoked"));
    assert!(text(&told["data"], "message").contains("leaks tokens"), "{told}");
    assert_eq!(code(&folder, &["plugin", "enable", "good"]).await?, "digest-revoked");
    let status = done(&folder, &["trust", "status"]).await?;
    assert_eq!((&status["revocations"]["number"], &status["problem"]), (&json!(2), &Value::Null), "{status}");
    host.stop().await?;

    // The list from before is signed and not too old, and this host saw a newer one.
    for (file, content) in list_files.iter().zip(first) {
        std::fs::write(file, content)?;
    }
    let host = Host::start(&folder).await?;
    assert_eq!(refused(&host, "good").await?, "revocations-rolled-back");
    let status = done(&folder, &["trust", "refresh"]).await?;
    assert_eq!(text(&status["problem"], "code"), "revocations-rolled-back", "{status}");
    // Who lost the list begins another one above what was seen.
    let renew = ["trust", "revoke", "renew", "--number", "9"];
    done(&folder, &[&renew[..], &signing].concat()).await?;
    let status = done(&folder, &["trust", "refresh"]).await?;
    assert_eq!((&status["revocations"]["number"], &status["problem"]), (&json!(9), &Value::Null), "{status}");
    host.stop().await
}

#[tokio::test]
async fn what_is_revoked_stops_though_the_database_fails_and_is_told_when_it_answers_again() -> Result<()> {
    use sqlx::Connection as _;

    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    let package = site::package("http-json", str::to_owned)?;
    site::signed(&folder, "good.plugin.tar", &package).await?;
    done(&folder, &["plugin", "sync"]).await?;
    let host = Host::start(&folder).await?;
    assert_eq!(state(&host.api.plugins().await?, "good"), "running");
    let file = format!("sqlite://{}", folder.data().join("waystation.db").display());
    let mut database = sqlx::SqliteConnection::connect(&file).await?;
    let broken = "CREATE TRIGGER broken BEFORE INSERT ON events BEGIN SELECT RAISE(ABORT, 'broken'); END";
    sqlx::raw_sql(broken).execute(&mut database).await?;
    let digest = package.digest().to_string();
    let revoke = ["trust", "revoke", "digest", &digest, "--why", "leaks tokens"];
    let signing = ["--timestamp-authority", "timestamps.key", "--key", "signing.key"];
    done(&folder, &[&revoke[..], &signing].concat()).await?;
    until("the plugin stops", async || {
        Ok((state(&host.api.plugins().await?, "good") == "failed").then_some(()))
    })
    .await?;
    assert_eq!(refused(&host, "good").await?, "digest-revoked");
    until("the failure is logged, more than once", async || {
        let log = host.log()?;
        Ok((log.matches("who is trusted was not looked at").count() > 1).then_some(()))
    })
    .await?;
    let told = async || -> Result<Vec<Value>> {
        let events = host.api.events(0).await?;
        Ok(events.into_iter().filter(|event| text(event, "type") == "plugin.revoked").collect())
    };
    assert!(told().await?.is_empty());
    sqlx::raw_sql("DROP TRIGGER broken").execute(&mut database).await?;
    let told = until("it is told", async || Ok(Some(told().await?).filter(|told| !told.is_empty()))).await?;
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((text(&told[0], "subject"), text(&told[0]["data"], "code")), ("good", "digest-revoked"));
    host.stop().await
}

#[tokio::test]
async fn a_policy_that_breaks_while_plugins_run_stops_nothing_and_is_told() -> Result<()> {
    let trust = "\n[trust]\nrecheck = \"1m\"\n";
    let folder = Folder::new(&format!("{trust}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    site::signed(&folder, "good.plugin.tar", &site::package("http-json", str::to_owned)?).await?;
    done(&folder, &["plugin", "sync"]).await?;
    let host = Host::start(&folder).await?;
    let policy = folder.path().join("trust.toml");
    let whole = std::fs::read_to_string(&policy)?;
    std::fs::write(&policy, "version = 1\n[[namesp")?;
    let status = done(&folder, &["trust", "refresh"]).await?;
    assert_eq!(text(&status["problem"], "code"), "trust-malformed", "{status}");
    assert_eq!(state(&host.api.plugins().await?, "good"), "running");
    assert_eq!(code(&folder, &["plugin", "enable", "good"]).await?, "trust-malformed");
    assert_eq!(state(&host.api.plugins().await?, "good"), "running", "what served goes on");
    // A policy that does not name the signer any more is another matter: it stops, and comes back with the signer.
    std::fs::write(&policy, whole.replace("name = \"waystation\"", "name = \"others\""))?;
    // That the policy was read for somebody else first makes no difference.
    assert_eq!(code(&folder, &["plugin", "enable", "good"]).await?, "namespace-unknown");
    done(&folder, &["trust", "refresh"]).await?;
    assert_eq!(refused(&host, "good").await?, "namespace-unknown");
    assert_eq!(state(&host.api.plugins().await?, "good"), "failed");
    std::fs::write(&policy, whole)?;
    done(&folder, &["trust", "refresh"]).await?;
    assert_eq!(state(&host.api.plugins().await?, "good"), "running");
    let events = host.api.events(0).await?;
    let told: Vec<_> = events
        .iter()
        .filter(|event| matches!(text(event, "type"), "trust.state" | "plugin.revoked" | "plugin.state"))
        .map(|event| {
            (text(event, "type"), event["data"]["state"].as_str().or(event["data"]["code"].as_str()))
        })
        .collect();
    let expected = [
        ("trust.state", Some("unusable")),
        ("trust.state", Some("usable")),
        ("plugin.revoked", Some("namespace-unknown")),
        ("plugin.state", Some("running")),
    ];
    assert_eq!(told, expected);
    host.stop().await
}

#[tokio::test]
async fn a_dev_folder_is_said_aloud_and_is_not_for_everybody() -> Result<()> {
    let dev = "\n[trust]\ndev = [\"work\"]\n";
    let table = source("made", std::path::Path::new("work/made.wasm"), &["https://v.example"]);
    let outside = source("outside", &built::plugin("http-json")?, &["https://v.example"]);
    let folder = Folder::new(&format!("{dev}{table}{outside}"))?;
    let work = folder.path().join("work");
    std::fs::create_dir(&work)?;
    std::fs::copy(built::plugin("http-json")?, work.join("made.wasm"))?;
    // A link out of the folder is not in the folder.
    std::os::unix::fs::symlink(built::plugin("http-json")?, work.join("linked.wasm"))?;
    let host = Host::start(&folder).await?;
    let plugins = host.api.plugins().await?;
    assert_eq!(text(&plugins["made"]["serving"]["trust"], "state"), "dev", "{plugins:#?}");
    assert_eq!(refused(&host, "outside").await?, "unsigned");
    assert!(host.log()?.contains("runs without a verified signature"), "{}", host.log()?);
    let logs = folder.run(&["plugin", "logs", "made"]).await?;
    assert!(logs.stdout.contains("runs without a verified signature"), "{logs:?}");
    let events = host.api.events(0).await?;
    let installed = events.iter().find(|event| text(event, "type") == "plugin.installed");
    assert_eq!(installed.map(|event| text(event, "severity")), Some("warning"), "{events:#?}");
    // Nobody looks for a trust policy that nobody needs.
    assert!(!events.iter().any(|event| text(event, "type") == "trust.state"), "{events:#?}");

    std::fs::set_permissions(&work, std::os::unix::fs::PermissionsExt::from_mode(0o777))?;
    assert_eq!(code(&folder, &["plugin", "enable", "made"]).await?, "dev-folder-writable");
    assert_eq!(state(&host.api.plugins().await?, "made"), "running", "what served goes on");
    host.stop().await
}

#[tokio::test]
async fn an_update_that_asks_for_more_waits_for_a_person() -> Result<()> {
    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    let first = site::package("http-json", str::to_owned)?;
    site::signed(&folder, "good.plugin.tar", &first).await?;
    done(&folder, &["plugin", "sync"]).await?;
    assert_eq!(folder.run(&["plugin", "sync", "--check"]).await?.code, 0);
    let lock = folder.path().join("waystation.lock");
    let before = std::fs::read_to_string(&lock)?;

    // Another text, the same requests: a plain update.
    let plain = site::package("http-json", |manifest| format!("# another\n{manifest}"))?;
    site::signed(&folder, "good.plugin.tar", &plain).await?;
    assert_eq!(code(&folder, &["plugin", "sync", "--check"]).await?, "lock-outdated");
    assert_eq!(std::fs::read_to_string(&lock)?, before);
    let host = Host::start(&folder).await?;
    let serving = async || -> Result<String> {
        Ok(text(&host.api.plugins().await?["good"]["serving"], "digest").to_owned())
    };
    // Until somebody decides, what was decided on serves: it is in the store.
    assert_eq!(serving().await?, first.digest().to_string());
    done(&folder, &["plugin", "sync"]).await?;
    done(&folder, &["plugin", "enable", "good"]).await?;
    assert_eq!(serving().await?, plain.digest().to_string());
    let upgraded = until("the upgrade is told", async || {
        let events = host.api.events(0).await?;
        Ok(events.into_iter().find(|event| text(event, "type") == "plugin.upgraded"))
    });
    assert_eq!(upgraded.await?["data"]["from"]["digest"], first.digest().to_string());

    // It wants a store of its own now.
    let more = site::package("http-json", |manifest| {
        format!("{manifest}\n[[request]]\ncapability = \"kv\"\nwhy = \"to remember\"\noptional = true\n")
    })?;
    site::signed(&folder, "good.plugin.tar", &more).await?;
    let before = std::fs::read_to_string(&lock)?;
    let ran = folder.run(&["plugin", "sync", "--json"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    let decision = list(&ran.json()?, "plugins").remove(0);
    assert_eq!((text(&decision, "outcome"), text(&decision, "code")), ("needs-approval", "requests-more"));
    assert_eq!(decision["change"]["requests_new"], json!(["kv"]), "{decision}");
    assert_eq!(std::fs::read_to_string(&lock)?, before);
    done(&folder, &["plugin", "enable", "good"]).await?;
    assert_eq!(serving().await?, plain.digest().to_string());
    // Agreed is to this very content.
    let digest = more.digest().to_string();
    let wrong = format!("good@{}", first.digest());
    assert_eq!(code(&folder, &["plugin", "sync", "--approve", &wrong]).await?, "requests-more");
    done(&folder, &["plugin", "sync", "--approve", &format!("good@{digest}")]).await?;
    done(&folder, &["plugin", "enable", "good"]).await?;
    assert_eq!(serving().await?, digest);
    host.stop().await
}

#[tokio::test]
async fn another_signer_is_another_decision() -> Result<()> {
    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    site::signed(&folder, "good.plugin.tar", &site::package("http-json", str::to_owned)?).await?;
    done(&folder, &["plugin", "sync"]).await?;
    done(&folder, &["key", "new", "-o", "second.key", "--no-passphrase"]).await?;
    let add = ["trust", "add-key", "second", "second.key.pub", "--namespace", "waystation"];
    done(&folder, &add).await?;
    // The policy takes either; who decided before decided on the first.
    let other = site::package("http-json", |manifest| format!("# another\n{manifest}"))?;
    site::unsigned(folder.path(), "good.plugin.tar", &other)?;
    site::sign(&folder, "good.plugin.tar", "second.key").await?;
    assert_eq!(folder.run(&["trust", "explain", "good.plugin.tar"]).await?.code, 0);
    assert_eq!(code(&folder, &["plugin", "sync"]).await?, "signer-changed");
    // Together with the first one it is nothing new.
    site::sign(&folder, "good.plugin.tar", "signing.key").await?;
    done(&folder, &["plugin", "sync"]).await?;
    Ok(())
}

#[tokio::test]
async fn a_locked_sync_takes_what_the_lock_says_or_nothing() -> Result<()> {
    let folder = Folder::new(&format!("{TRUST}{}", plugin("good", "https://v.example")))?;
    site::init(&folder).await?;
    let package = site::package("http-json", str::to_owned)?;
    site::signed(&folder, "good.plugin.tar", &package).await?;
    assert_eq!(code(&folder, &["plugin", "sync", "--locked"]).await?, "not-locked");
    done(&folder, &["plugin", "sync"]).await?;
    let lock = std::fs::read(folder.path().join("waystation.lock"))?;
    // On another machine: the same lock, an empty store.
    std::fs::remove_dir_all(folder.data().join("plugins"))?;
    done(&folder, &["plugin", "sync", "--locked"]).await?;
    // The store is enough, without the file.
    std::fs::remove_file(folder.path().join("good.plugin.tar"))?;
    done(&folder, &["plugin", "sync", "--locked"]).await?;
    let host = Host::start(&folder).await?;
    assert_eq!(state(&host.api.plugins().await?, "good"), "running");
    host.stop().await?;
    // Another content in the place of the file is not taken.
    std::fs::remove_dir_all(folder.data().join("plugins"))?;
    let other = site::package("http-json", |manifest| format!("# another\n{manifest}"))?;
    site::signed(&folder, "good.plugin.tar", &other).await?;
    assert_eq!(code(&folder, &["plugin", "sync", "--locked"]).await?, "lock-mismatch");
    assert_eq!(std::fs::read(folder.path().join("waystation.lock"))?, lock);
    Ok(())
}

#[tokio::test]
async fn a_damaged_or_swapped_file_of_the_compile_cache_is_never_run() -> Result<()> {
    let folder = Folder::new(&format!(
        "{TRUST}{}{}",
        plugin("good", "https://v.example"),
        plugin("feed", "https://v.example")
    ))?;
    site::init(&folder).await?;
    site::signed(&folder, "good.plugin.tar", &site::package("http-json", str::to_owned)?).await?;
    site::signed(&folder, "feed.plugin.tar", &site::package("feed", str::to_owned)?).await?;
    done(&folder, &["plugin", "sync"]).await?;
    // A cache of its own: the others share one.
    let cache = folder.data().join("artifacts");
    std::fs::remove_file(&cache)?;
    let host = Host::start(&folder).await?;
    host.stop().await?;
    let entries = || -> Result<Vec<std::path::PathBuf>> {
        let found = std::fs::read_dir(&cache)?.filter_map(|entry| Some(entry.ok()?.path()));
        Ok(found.filter(|path| path.extension().is_some_and(|e| e == "cwasm")).collect())
    };
    let found = entries()?;
    assert_eq!(found.len(), 2, "{found:?}");
    // Each under the name of the other.
    let (first, second) = (std::fs::read(&found[0])?, std::fs::read(&found[1])?);
    std::fs::write(&found[0], &second)?;
    std::fs::write(&found[1], &first)?;
    let host = Host::start(&folder).await?;
    let plugins = host.api.plugins().await?;
    for (name, is) in [("good", "waystation/http-json"), ("feed", "waystation/feed")] {
        let serving = &plugins[name]["serving"];
        assert_eq!((text(serving, "name"), &serving["cached"]), (is, &json!(false)), "{plugins:#?}");
    }
    assert!(host.log()?.contains("compiled anew"), "{}", host.log()?);
    assert_eq!((std::fs::read(&found[0])?, std::fs::read(&found[1])?), (first, second));
    host.stop().await
}
