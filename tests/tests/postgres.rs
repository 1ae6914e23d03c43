//! Several hosts on one PostgreSQL.

use anyhow::Result;
use serde_json::json;
use waystation_tests::api::{list, text};
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, documents, item, webhook};
use waystation_tests::{Database, Folder, Gate, Host, Reply, StandIn};

#[tokio::test]
async fn two_hosts_share_items_checks_and_messages() -> Result<()> {
    let database = Database::make("share").await?;
    let result = share(&database.url()).await;
    database.remove().await?;
    result
}

async fn share(url: &str) -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/hook", Reply::status(200));
    let names: Vec<String> = (0..30).map(|n| format!("item-{n:02}")).collect();
    let mut toml = format!(
        "{}{}",
        documents(&[&site.origin()])?,
        webhook(&site.origin(), &site.url("/hook"), &["item.added", "item.outdated"])?
    );
    for name in &names {
        let path = format!("/{name}");
        site.on(&path, Reply::json(&json!(["1.0.0", "1.1.0"])));
        toml.push_str(&item(name, &site.url(&path)));
    }
    let folder = |toml: &str| -> Result<Folder> {
        let folder = Folder::new(toml)?;
        Ok(folder.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY).env("WAYSTATION_DATABASE_URL", url))
    };
    let (first, second) = (folder(&toml)?, folder(&toml)?);
    // Both make the schema and the items at the same time.
    let (one, two) = Host::start_both(&first, &second).await?;
    for name in &names {
        let (here, there) = tokio::try_join!(one.api.checked(name), two.api.checked(name))?;
        assert_eq!((text(&here, "latest"), text(&here, "id")), ("1.1.0", text(&there, "id")));
        assert_eq!(
            site.seen_at(&format!("/{name}")).len(),
            1,
            "{name} was due once, so it is asked for once"
        );
    }
    site.wait_for("/hook", names.len()).await?;

    // What one host is told the other one knows, and news is told by one of them.
    let new = json!({
        "name": "tool", "source": "documents", "locator": site.url("/item-00"), "scheme": "semver",
        "options": { "versions": "$[*]" }, "installed": { "manager": "cargo", "version": "1.0.0" },
    });
    one.api.post("/api/v1/items", &new).await?;
    two.api.check(&["tool"]).await?;
    let told = site.wait_for("/hook", names.len() + 2).await?;
    assert!(told.iter().any(|seen| text(&seen.json(), "event") == "item.outdated"));
    let mut ids: Vec<_> = told.iter().map(|seen| seen.header("webhook-id")).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), names.len() + 2, "a message was sent twice");
    assert_eq!(one.api.events(0).await?, two.api.events(0).await?);

    // One goes down the hard way, the other goes on.
    one.kill().await?;
    two.api.check(&["item-01"]).await?;
    assert_eq!(list(&two.api.get("/api/v1/items").await?, "items").len(), names.len() + 1);
    let shown = two.log()?;
    assert!(!shown.contains(url), "the address of the database may hold a password");
    two.stop().await
}

#[tokio::test]
async fn a_database_that_does_not_answer_ends_the_start() -> Result<()> {
    let password = "hunter2-hunter2";
    let url = format!("postgres://waystation:{password}@127.0.0.1:1/none");
    let folder = Folder::new("")?.env("WAYSTATION_DATABASE_URL", &url);
    let ran = folder.run(&["serve"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("(database-unavailable)"), "{ran:?}");
    assert!(!format!("{ran:?}").contains(password), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_killed_host_takes_its_own_messages_back() -> Result<()> {
    let database = Database::make("freed").await?;
    let result = come_back(&database.url()).await;
    database.remove().await?;
    result
}

async fn come_back(url: &str) -> Result<()> {
    let site = StandIn::start().await?;
    let gate = Gate::new();
    site.on("/hook", Reply::status(200).behind(&gate));
    let hook = webhook(&site.origin(), &site.url("/hook"), &["item.added"])?;
    let toml = format!("{}{hook}{}", documents(&[&site.origin()])?, item("one", &site.url("/v")));
    let folder =
        Folder::new(&toml)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY).env("WAYSTATION_DATABASE_URL", url);
    let host = Host::start(&folder).await?;
    site.wait_for("/hook", 1).await?;
    host.kill().await?;
    gate.open();
    // Its lease would last for minutes.
    let host = Host::start(&folder).await?;
    let seen = site.wait_for("/hook", 2).await?;
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    assert_eq!(seen[1].json()["attempt"], 2);
    host.stop().await
}
