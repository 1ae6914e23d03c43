//! A configuration that is wrong is told in full, with places and what to write
//! instead, and nothing starts.

use anyhow::{Context as _, Result};
use serde_json::Value;
use waystation_tests::api::{list, text};
use waystation_tests::{Folder, Host, Ran};

/// The codes of the problems that `--json` tells, in order.
fn codes(ran: &Ran) -> Result<Vec<String>> {
    Ok(list(&ran.json()?, "problems").iter().map(|problem| text(problem, "code").to_owned()).collect())
}

#[tokio::test]
async fn an_unknown_key_is_told_with_its_place_and_the_nearest_one() -> Result<()> {
    let folder = Folder::with_text("[server]\nlisten = \"127.0.0.1:0\"\nlissten = \"127.0.0.1:0\"\n")?;
    for command in [&["config", "check"][..], &["config", "plan"], &["serve"], &["item", "list"]] {
        let ran = folder.run(command).await?;
        assert_eq!(ran.code, 3, "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("waystation.toml:3:1"), "{command:?}: {ran:?}");
        assert!(ran.stderr.contains("`listen`"), "{command:?}: {ran:?}");
        assert!(ran.stdout.is_empty(), "{command:?}: {ran:?}");
    }
    let ran = folder.run(&["config", "check", "--json"]).await?;
    let problems = list(&ran.json()?, "problems");
    let problem = problems.first().context("no problem")?;
    assert_eq!((ran.code, problems.len(), text(problem, "code")), (3, 1, "unknown-key"), "{ran:?}");
    assert_eq!((&problem["line"], &problem["column"]), (&3.into(), &1.into()), "{problem}");
    Ok(())
}

#[tokio::test]
async fn every_mistake_is_told_at_once() -> Result<()> {
    let folder = Folder::with_text(
        "[server]\nlisten = 7780\nshutdown_grace = \"1y\"\n\n\
         [plugin_limits]\nmemory = \"8 TiB\"\n\n\
         [plugins.documents]\nconfig = {}\n\n\
         [items.tool]\nsource = \"nowhere\"\nlocator = \"x\"\n\n\
         [checks]\nschedule = \"now and then\"\n",
    )?;
    let ran = folder.run(&["config", "check", "--json"]).await?;
    assert_eq!(ran.code, 3, "{ran:?}");
    let mut found = codes(&ran)?;
    found.sort_unstable();
    found.dedup();
    for code in ["invalid-value", "out-of-range", "missing-key", "unknown-reference"] {
        assert!(found.iter().any(|f| f == code), "{code} is not among {found:?}");
    }
    let said = folder.run(&["config", "check"]).await?;
    for place in [":2:", ":3:", ":6:", ":8:", ":12:", ":16:"] {
        assert!(
            said.stderr.contains(&format!("waystation.toml{place}")),
            "{place} is not in {}",
            said.stderr
        );
    }
    Ok(())
}

#[tokio::test]
async fn a_variable_wins_over_the_file() -> Result<()> {
    let folder = Folder::with_text("[server]\nlisten = \"192.0.2.1:80\"\ndata_dir = \"data\"\n")?
        .env("WAYSTATION_SERVER__LISTEN", "127.0.0.1:0");
    let host = Host::start(&folder).await?;
    assert!(host.api.base().starts_with("http://127.0.0.1:"), "{}", host.api.base());
    host.stop().await
}

#[tokio::test]
async fn a_variable_that_sets_nothing_is_a_mistake() -> Result<()> {
    let folder = Folder::new("")?.env("WAYSTATION_SERVER__LISSTEN", "127.0.0.1:0");
    let ran = folder.run(&["config", "check", "--json"]).await?;
    assert_eq!((ran.code, codes(&ran)?), (3, vec!["unknown-variable".to_owned()]), "{ran:?}");
    let said = folder.run(&["serve"]).await?;
    assert_eq!(said.code, 3);
    assert!(
        said.stderr.contains("WAYSTATION_SERVER__LISSTEN")
            && said.stderr.contains("WAYSTATION_SERVER__LISTEN"),
        "{said:?}"
    );
    let folder = Folder::new("")?.env("WAYSTATION_PLUGIN_LIMITS__MEMORY", "lots");
    let ran = folder.run(&["config", "check", "--json"]).await?;
    assert_eq!((ran.code, codes(&ran)?), (3, vec!["invalid-value".to_owned()]), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn no_mistake_is_told_with_a_secret_in_it() -> Result<()> {
    let password = "hunter2-hunter2";
    for text in [
        format!("[database]\nurl = \"postgres://waystation:{password}@\"\n"),
        format!("[database]\nurl = \"postgrs://waystation:{password}@db.example/ws\"\n"),
        format!("[database]\nurl = \"postgres://waystation:{password}@db.example/ws\nurl_file = 3\n"),
    ] {
        let folder = Folder::with_text(&text)?;
        for args in
            [&["config", "check"][..], &["config", "check", "--json"], &["serve"], &["doctor", "--json"]]
        {
            let ran = folder.run(args).await?;
            assert_ne!(ran.code, 0, "{args:?}: {ran:?}");
            assert!(!format!("{ran:?}").contains(password), "{args:?}: {ran:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_is_not_there_is_told() -> Result<()> {
    let folder = Folder::new("")?;
    let ran = folder.run(&["serve", "--config", "other.toml"]).await?;
    assert_eq!(ran.code, 3, "{ran:?}");
    assert!(ran.stderr.contains("other.toml"), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn the_schema_knows_every_table() -> Result<()> {
    let schema = Folder::new("")?.run(&["config", "schema"]).await?.json()?;
    let tables = schema["properties"].as_object().context("no properties")?;
    for table in [
        "server",
        "database",
        "egress",
        "plugins",
        "channels",
        "items",
        "checks",
        "plugin_limits",
        "quarantine",
        "telemetry",
    ] {
        assert!(tables.get(table).is_some_and(Value::is_object), "{table}");
    }
    assert_eq!(schema["additionalProperties"], false);
    Ok(())
}
