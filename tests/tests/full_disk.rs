//! A disk without room: what was accepted stays, what is refused is said to be, and the host goes on when there
//! is room again.

use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Result, bail};
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::alone::{alone, mount_disk};
use waystation_tests::api::{list, text};
use waystation_tests::settings::{WEBHOOK_KEY, WEBHOOK_KEY_VARIABLE, documents, item, webhook};
use waystation_tests::{Answer, Folder, Gate, Host, Reply, StandIn, built, until};

/// A small disk below the data folder of a test.
struct Disk {
    ballast: PathBuf,
}

impl Disk {
    async fn mount(folder: &Folder) -> Result<Self> {
        std::fs::remove_file(folder.data().join("artifacts"))?;
        mount_disk("12m", &folder.data()).await?;
        std::os::unix::fs::symlink(built::artifacts()?, folder.data().join("artifacts"))?;
        Ok(Self { ballast: folder.data().join("ballast") })
    }

    /// Takes every byte that is left.
    fn fill(&self) -> Result<()> {
        let mut file = std::fs::File::options().create(true).append(true).open(&self.ballast)?;
        loop {
            match file.write(&[0; 4096]) {
                Ok(_) => {}
                Err(e) if e.kind() == std::io::ErrorKind::StorageFull => return Ok(()),
                Err(e) => bail!(e),
            }
        }
    }

    fn free(&self) -> Result<()> {
        Ok(std::fs::remove_file(&self.ballast)?)
    }
}

async fn add(host: &Host, name: &str, url: &str) -> Result<Answer> {
    let new = json!({
        "name": name, "source": "documents", "locator": url, "scheme": "semver",
        "options": { "versions": "$[*]" },
    });
    host.api.send(host.api.request(Method::POST, "/api/v1/items").json(&new)).await
}

/// Adds items until there is no room for another. Gives their names, and the one that was refused.
async fn add_until_full(host: &Host, disk: &Disk, url: &str) -> Result<(Vec<String>, String)> {
    let mut accepted = Vec::new();
    for n in 0..5_000 {
        // What the host frees by itself is taken at once.
        disk.fill()?;
        let name = format!("item-{n:04}");
        let answer = add(host, &name, url).await?;
        if answer.status == 201 {
            accepted.push(name);
            continue;
        }
        assert_eq!((answer.status, text(&answer.json(), "code")), (507, "disk-full"), "{answer:?}");
        assert!(text(&answer.json(), "detail").contains("free some space"), "{answer:?}");
        return Ok((accepted, name));
    }
    bail!("the disk does not get full")
}

fn names(value: &Value) -> Vec<String> {
    list(value, "items").iter().map(|item| text(item, "name").to_owned()).collect()
}

#[tokio::test]
async fn a_full_disk_loses_nothing_and_the_host_goes_on_when_there_is_room() -> Result<()> {
    alone("a_full_disk_loses_nothing_and_the_host_goes_on_when_there_is_room", async || {
        let site = StandIn::start().await?;
        site.on("/v", Reply::json(&json!(["1.0.0"])));
        site.on("/hook", Reply::status(200));
        let hook = webhook(&site.origin(), &site.url("/hook"), &["item.added", "release.found"])?;
        // Checks that are under way when the disk gets full.
        let (gate, held) = (Gate::new(), ["held-1", "held-2", "held-3"]);
        site.on("/held", Reply::json(&json!(["1.0.0"])).behind(&gate));
        let mut toml = format!("{}{hook}{}", documents(&[&site.origin()])?, item("first", &site.url("/v")));
        held.iter().for_each(|name| toml.push_str(&item(name, &site.url("/held"))));
        let folder = Folder::new(&toml)?.env(WEBHOOK_KEY_VARIABLE, WEBHOOK_KEY);
        let disk = Disk::mount(&folder).await?;
        let host = Host::start(&folder).await?;
        host.api.checked("first").await?;
        site.wait_for("/held", held.len()).await?;
        let (mut accepted, refused) = add_until_full(&host, &disk, &site.url("/v")).await?;
        accepted.splice(0..0, ["first"].into_iter().chain(held).map(str::to_owned));

        gate.open();
        until("checks are lost", async || Ok(host.log()?.contains("checks were not recorded").then_some(())))
            .await?;
        // It still answers, and what it cannot keep it says.
        assert_eq!(names(&host.api.get("/api/v1/items?limit=1000").await?), accepted);
        assert_eq!(text(&host.api.item("first").await?, "latest"), "1.0.0");
        assert_eq!(folder.run(&["item", "show", "first"]).await?.code, 0);
        site.on("/v", Reply::json(&json!(["1.0.0", "1.1.0"])));
        let check = host.api.request(Method::POST, "/api/v1/checks").json(&json!({ "items": ["first"] }));
        let answer = host.api.send(check).await?;
        assert!(answer.text.contains("\"lost\"") && answer.text.contains("disk-full"), "{answer:?}");
        assert_eq!(text(&host.api.item("first").await?, "latest"), "1.0.0");
        disk.free()?;
        let again = add(&host, &refused, &site.url("/v")).await?;
        assert_eq!(again.status, 201, "{again:?}");
        accepted.push(refused);
        assert_eq!(text(&host.api.check(&["first"]).await?["first"], "latest"), "1.1.0");
        // Also what it checked in vain, nobody having asked for it.
        for name in &accepted {
            host.api.checked(name).await?;
        }
        host.stop().await?;

        let host = Host::start(&folder).await?;
        assert_eq!(names(&host.api.get("/api/v1/items?limit=1000").await?), accepted);
        let told = until("every message arrives", async || {
            let mut told: Vec<String> =
                site.seen_at("/hook").iter().map(|seen| seen.header("webhook-id").to_owned()).collect();
            told.sort_unstable();
            told.dedup();
            Ok((told.len() > accepted.len()).then_some(told))
        });
        assert_eq!(told.await?.len(), accepted.len() + 1, "one for each item, one for the release");
        host.stop().await
    })
    .await
}

#[tokio::test]
async fn a_start_on_a_full_disk_ends_with_a_sentence() -> Result<()> {
    alone("a_start_on_a_full_disk_ends_with_a_sentence", async || {
        let folder = Folder::new("")?;
        let disk = Disk::mount(&folder).await?;
        disk.fill()?;
        let ran = folder.run(&["serve"]).await?;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("(data-folder)") || ran.stderr.contains("(disk-full)"), "{ran:?}");
        assert!(ran.stderr.contains("space"), "{ran:?}");
        disk.free()?;
        // What was begun is no obstacle.
        Host::start(&folder).await?.stop().await
    })
    .await
}
