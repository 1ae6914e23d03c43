//! Messages arrive at least once, each under one id, whatever happens in between.

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, documents, item, webhook};
use waystation_tests::{Folder, Gate, Host, Reply, Seen, StandIn, until};

/// A host that watches `/v` of a site and tells `/hook` of the same site.
fn folder(site: &StandIn, events: &[&str], more: &str) -> Result<Folder> {
    let hook = webhook(&site.origin(), &site.url("/hook"), events)?;
    let toml = format!("{}{hook}{more}", documents(&[&site.origin()])?);
    Ok(Folder::new(&toml)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY))
}

async fn dead(host: &Host) -> Result<Vec<Value>> {
    Ok(list(&host.api.get("/api/v1/deliveries/dead").await?, "deliveries"))
}

#[tokio::test]
async fn an_outdated_item_and_a_new_release_are_told_once_each() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0", "1.1.0"])));
    site.on("/hook", Reply::status(200));
    let folder = folder(&site, &["release.found", "item.outdated", "item.current"], "")?;
    let host = Host::start(&folder).await?;
    let new = json!({
        "name": "tool", "source": "documents", "locator": site.url("/v"), "scheme": "semver",
        "options": { "versions": "$[*]" }, "installed": { "manager": "cargo", "version": "1.0.0" },
    });
    host.api.post("/api/v1/items", &new).await?;
    let checked = &host.api.check(&["tool"]).await?["tool"];
    assert_eq!(text(&checked["installed"][0], "standing"), "outdated", "{checked}");
    assert_eq!(text(&checked["installed"][0], "outdated_by"), "minor", "{checked}");
    let first = site.wait_for("/hook", 1).await?[0].json();
    assert_eq!(text(&first, "event"), "item.outdated", "{first}");
    assert_eq!(first["data"]["target"], "1.1.0", "{first}");
    assert_eq!(first["attempt"], 1, "{first}");
    assert_eq!(first["data"]["machine"], "this-host", "{first}");
    assert_eq!(text(&first, "body"), "Installed on this-host through cargo.", "{first}");

    site.on("/v", Reply::json(&json!(["1.0.0", "1.1.0", "2.0.0"])));
    // The same news twice is one message.
    host.api.check(&["tool"]).await?;
    host.api.check(&["tool"]).await?;
    let told: Vec<Value> = site.wait_for("/hook", 3).await?.iter().map(Seen::json).collect();
    let mut kinds: Vec<_> = told.iter().skip(1).map(|message| text(message, "event")).collect();
    kinds.sort_unstable();
    assert_eq!(kinds, ["item.outdated", "release.found"], "{told:#?}");
    let found =
        told.iter().find(|message| text(message, "event") == "release.found").context("no release")?;
    assert_eq!((text(found, "severity"), &found["data"]["version"]), ("notice", &json!("2.0.0")), "{found}");
    host.stop().await?;
    assert_eq!(site.seen_at("/hook").len(), 3);
    let mut ids: Vec<_> =
        site.seen_at("/hook").iter().map(|seen| seen.header("webhook-id").to_owned()).collect();
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_receiver_that_fails_is_tried_again_under_the_same_id() -> Result<()> {
    let site = StandIn::start().await?;
    site.on_each("/hook", [Reply::status(500), Reply::status(204)]);
    let folder = folder(&site, &["item.added"], &item("one", &site.url("/v")))?;
    let host = Host::start(&folder).await?;
    let seen = site.wait_for("/hook", 2).await?;
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    let attempts: Vec<_> = seen.iter().map(|seen| seen.json()["attempt"].clone()).collect();
    assert_eq!(attempts, [1, 2]);
    assert!(dead(&host).await?.is_empty());
    host.stop().await
}

#[tokio::test]
async fn a_host_killed_while_it_sends_sends_again_under_the_same_id() -> Result<()> {
    let site = StandIn::start().await?;
    let gate = Gate::new();
    site.on("/hook", Reply::status(200).behind(&gate));
    let items = ["one", "two", "three"].map(|name| item(name, &site.url("/v"))).concat();
    let folder = folder(&site, &["item.added"], &items)?;
    let host = Host::start(&folder).await?;
    // The receiver has them, the host does not know that.
    let before = site.wait_for("/hook", 3).await?;
    host.kill().await?;
    gate.open();

    let host = Host::start(&folder).await?;
    let after = site.wait_for("/hook", 6).await?;
    let ids = |seen: &[Seen]| {
        let mut ids: Vec<_> = seen.iter().map(|seen| seen.header("webhook-id").to_owned()).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!(ids(&before), ids(&after[3..]));
    for seen in &after[3..] {
        assert_eq!(seen.json()["attempt"], 2);
        let twin =
            before.iter().find(|b| b.header("webhook-id") == seen.header("webhook-id")).context("no twin")?;
        assert_eq!(twin.json()["data"], seen.json()["data"]);
    }
    // Nothing was lost or told twice in the host's own book.
    let events = host.api.events(0).await?;
    assert_eq!(events.iter().filter(|e| text(e, "type") == "item.added").count(), 3, "{events:#?}");
    host.stop().await
}

#[tokio::test]
async fn a_message_nobody_wants_is_a_dead_letter_until_it_is_replayed() -> Result<()> {
    let site = StandIn::start().await?;
    site.on_each("/hook", [Reply::status(410), Reply::status(200)]);
    let folder = folder(&site, &["item.added"], &item("one", &site.url("/v")))?;
    let host = Host::start(&folder).await?;
    let letter = until("a dead letter", async || Ok(dead(&host).await?.pop())).await?;
    assert_eq!((text(&letter, "channel"), &letter["attempts"]), ("hook", &json!(1)), "{letter}");
    assert!(text(&letter, "error").contains("410"), "{letter}");
    assert_eq!(text(&letter["event"], "type"), "item.added", "{letter}");
    let told = until("the event", async || {
        let events = host.api.events(0).await?;
        Ok(events.into_iter().find(|event| text(event, "type") == "delivery.dead"))
    })
    .await?;
    assert_eq!((text(&told, "subject"), &told["data"]["delivery_id"]), ("hook", &letter["id"]), "{told}");

    let id = text(&letter, "id");
    let replayed = host.api.post(&format!("/api/v1/deliveries/{id}/replay"), &json!({})).await?;
    assert_eq!(text(&replayed, "id"), id);
    let seen = site.wait_for("/hook", 2).await?;
    assert_eq!(seen[0].header("webhook-id"), seen[1].header("webhook-id"));
    until("the letter is gone", async || Ok(dead(&host).await?.is_empty().then_some(()))).await?;
    // A letter that is not dead cannot be replayed.
    let path = format!("/api/v1/deliveries/{id}/replay");
    let refused = host.api.send(host.api.request(reqwest::Method::POST, &path)).await?;
    assert!((400..500).contains(&refused.status), "{refused:?}");
    host.stop().await
}

#[tokio::test]
async fn a_redirecting_receiver_gets_nothing_beyond_its_own_address() -> Result<()> {
    let (site, other) = (StandIn::start().await?, StandIn::start().await?);
    site.on("/hook", Reply::to(other.url("/hook")));
    let folder = folder(&site, &["item.added"], &item("one", &site.url("/v")))?;
    let host = Host::start(&folder).await?;
    let letter = until("a dead letter", async || Ok(dead(&host).await?.pop())).await?;
    assert!(text(&letter, "error").contains("bad-response"), "{letter}");
    assert!(other.seen().is_empty());
    host.stop().await
}

#[tokio::test]
async fn a_replay_is_sent_at_once() -> Result<()> {
    const REPLAYS: usize = 5;
    let site = StandIn::start().await?;
    site.on("/hook", Reply::status(410));
    let folder = folder(&site, &["item.added"], &item("one", &site.url("/v")))?;
    let host = Host::start(&folder).await?;
    let letter = until("a dead letter", async || Ok(dead(&host).await?.pop())).await?;
    let path = format!("/api/v1/deliveries/{}/replay", text(&letter, "id"));
    // The host looks by itself every five seconds: by that alone this would take REPLAYS times as long.
    let since = std::time::Instant::now();
    for replay in 1..=REPLAYS {
        host.api.post(&path, &json!({})).await?;
        site.wait_for("/hook", replay + 1).await?;
        until("it is dead again", async || Ok(dead(&host).await?.pop())).await?;
    }
    assert!(since.elapsed().as_secs() < 15, "{:?}", since.elapsed());
    host.stop().await
}

#[tokio::test]
async fn messages_are_listed_and_replayed_from_the_command_line() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/hook", Reply::status(410));
    let items = ["one", "two"].map(|name| item(name, &site.url("/v"))).concat();
    let folder = folder(&site, &["item.added"], &items)?;
    let host = Host::start(&folder).await?;
    let listed = async |more: &[&str]| -> Result<Vec<Value>> {
        let ran = folder.run(&[&["delivery", "list", "--json"], more].concat()).await?;
        anyhow::ensure!(ran.code == 0, "{ran:?}");
        Ok(list(&ran.json()?, "deliveries"))
    };
    let letters = until("two dead letters", async || {
        let letters = listed(&["--dead"]).await?;
        Ok((letters.len() == 2).then_some(letters))
    })
    .await?;
    assert_eq!((text(&letters[0], "state"), text(&letters[0], "channel")), ("dead", "hook"), "{letters:#?}");
    let table = folder.run(&["delivery", "list"]).await?;
    assert!(table.stdout.contains("item.added one") && table.stdout.contains("410"), "{table:?}");

    site.on("/hook", Reply::status(200));
    let id = text(&letters[0], "id");
    let ran = folder.run(&["delivery", "replay", id, "--json"]).await?;
    assert_eq!((ran.code, text(&ran.json()?, "id")), (0, id), "{ran:?}");
    let delivered = until("one is delivered", async || {
        Ok(listed(&[]).await?.into_iter().find(|message| text(message, "state") == "delivered"))
    })
    .await?;
    assert_eq!(text(&delivered, "id"), id);
    let ran = folder.run(&["delivery", "replay", "--all-dead", "--json"]).await?;
    assert_eq!((ran.code, ran.json()?), (0, json!({ "replayed": 1 })), "{ran:?}");
    until("none is dead", async || Ok(listed(&["--dead"]).await?.is_empty().then_some(()))).await?;
    for (args, code) in [
        (&["delivery", "replay", id][..], 6),
        (&["delivery", "replay", "nonsense"], 6),
        (&["delivery", "replay"], 2),
        (&["delivery", "replay", id, "--all-dead"], 2),
    ] {
        assert_eq!(folder.run(args).await?.code, code, "{args:?}");
    }
    let query = host.api.request(reqwest::Method::GET, "/api/v1/deliveries?state=lost");
    assert_eq!(host.api.send(query).await?.status, 422);
    host.stop().await
}

#[tokio::test]
async fn a_channel_is_tried_through_its_plugin() -> Result<()> {
    let site = StandIn::start().await?;
    let good = || Reply::status(200);
    site.on_each("/hook", [good(), good(), good(), Reply::status(410)]);
    let toml = webhook(&site.origin(), &site.url("/hook"), &["item.added"])?;
    // A channel that wants every event.
    let toml = toml.replace("events = [\"item.added\"]\n", "");
    let folder = Folder::new(&toml)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
    let host = Host::start(&folder).await?;
    let ran = folder.run(&["channel", "list", "--json"]).await?;
    let channel = list(&ran.json()?, "channels").remove(0);
    assert_eq!(
        (text(&channel, "name"), text(&channel, "plugin"), text(&channel, "status"), &channel["events"]),
        ("hook", "webhook", "running", &Value::Null)
    );
    // That it was installed, and what it was given.
    site.wait_for("/hook", 2).await?;
    let ran = folder.run(&["channel", "test", "hook", "--json"]).await?;
    assert_eq!((ran.code, text(&ran.json()?, "channel")), (0, "hook"), "{ran:?}");
    let seen = site.wait_for("/hook", 3).await?.remove(2);
    assert_eq!(text(&seen.json(), "event"), "waystation.test");
    assert!(seen.header("webhook-signature").starts_with("v1,"), "{seen:?}");

    let ran = folder.run(&["channel", "test", "hook", "--json"]).await?;
    let failure: Value = serde_json::from_str(&ran.stderr)?;
    assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{ran:?}");
    assert!(!text(&failure, "code").is_empty() && text(&failure, "message").contains("410"), "{failure}");
    let ran = folder.run(&["channel", "test", "hok"]).await?;
    assert_eq!(ran.code, 6, "{ran:?}");
    folder.run(&["plugin", "disable", "webhook"]).await?;
    let ran = folder.run(&["channel", "test", "hook", "--json"]).await?;
    assert_eq!((ran.code, text(&serde_json::from_str(&ran.stderr)?, "code")), (1, "not-running"), "{ran:?}");

    // Each is on record, and nobody was sent a message about it.
    let told: Vec<_> = host
        .api
        .events(0)
        .await?
        .into_iter()
        .filter(|event| text(event, "type") == "channel.test")
        .map(|event| (text(&event, "subject").to_owned(), event["data"]["delivered"].clone()))
        .collect();
    let hook = |delivered: bool| ("hook".to_owned(), json!(delivered));
    assert_eq!(told, [hook(true), hook(false), hook(false)]);
    let listed = list(&host.api.get("/api/v1/deliveries").await?, "deliveries");
    assert!(
        listed.iter().all(|message| text(&message["event"], "type").starts_with("plugin.")),
        "{listed:#?}"
    );
    host.stop().await
}

#[tokio::test]
async fn how_often_a_message_is_tried_is_configured() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/hook", Reply::status(500));
    let more = format!("{}[delivery]\nattempts = 3\nbackoff = \"1s\"\n", item("one", &site.url("/v")));
    let folder = folder(&site, &["item.added"], &more)?;
    let host = Host::start(&folder).await?;
    let letter = until("a dead letter", async || Ok(dead(&host).await?.pop())).await?;
    assert_eq!(letter["attempts"], 3, "{letter}");
    assert_eq!(site.seen_at("/hook").len(), 3);
    host.stop().await
}

#[tokio::test]
async fn a_receiver_that_takes_its_time_holds_up_no_other() -> Result<()> {
    let site = StandIn::start().await?;
    let gate = Gate::new();
    site.on("/hook", Reply::status(200).behind(&gate));
    site.on("/other", Reply::status(200));
    let more = format!(
        "{}[channels.other]\nplugin = \"webhook\"\nevents = [\"item.added\"]\nconfig = {{ url = \"{}\" }}\n",
        item("one", &site.url("/v")),
        site.url("/other"),
    );
    let folder = folder(&site, &["item.added"], &more)?;
    let host = Host::start(&folder).await?;
    site.wait_for("/hook", 1).await?;
    for (count, name) in ["two", "three"].into_iter().enumerate() {
        host.api.watch(name, &site.url("/v")).await?;
        site.wait_for("/other", count + 2).await?;
    }
    let listed = list(&host.api.get("/api/v1/deliveries?state=claimed").await?, "deliveries");
    assert!(listed.iter().any(|message| text(message, "channel") == "hook"), "{listed:#?}");
    gate.open();
    host.stop().await
}
