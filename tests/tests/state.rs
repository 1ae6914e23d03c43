//! What a host knows outlives every way in which it can end, and belongs to one
//! host at a time.

use std::time::Duration;

use anyhow::Result;
use serde_json::json;
use tokio::net::TcpListener;
use waystation_tests::api::{list, text};
use waystation_tests::settings::{HOST, documents, item};
use waystation_tests::{Folder, Gate, Host, Reply, StandIn, until};

#[tokio::test]
async fn a_second_host_on_the_same_file_says_who_has_it() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let second = folder.run(&["serve"]).await?;
    assert_eq!(second.code, 1, "{second:?}");
    assert!(second.stderr.contains("(database-locked-by-other-host)"), "{second:?}");
    assert!(second.stderr.contains(&format!("process {}", host.pid()?)), "{second:?}");
    // The first one does not mind, and its address is still where commands find it.
    let listed = folder.run(&["item", "list", "--json"]).await?;
    assert_eq!(listed.code, 0, "{listed:?}");
    host.stop().await?;
    // Now it is free.
    Host::start(&folder).await?.stop().await
}

#[tokio::test]
async fn a_host_killed_in_the_middle_of_checks_does_them_after_the_next_start() -> Result<()> {
    let site = StandIn::start().await?;
    let gate = Gate::new();
    let names: Vec<String> = (0..6).map(|n| format!("item-{n}")).collect();
    let mut toml = documents(&[&site.origin()])?;
    for name in &names {
        let path = format!("/{name}");
        site.on(&path, Reply::json(&json!(["1.0.0", "1.1.0"])).behind(&gate));
        toml.push_str(&item(name, &site.url(&path)));
    }
    let folder = Folder::new(&toml)?;
    let host = Host::start(&folder).await?;
    until("checks are under way", async || Ok((site.seen().len() >= 4).then_some(()))).await?;
    host.kill().await?;
    gate.open();

    let host = Host::start(&folder).await?;
    for name in &names {
        let item = host.api.checked(name).await?;
        assert_eq!(text(&item, "latest"), "1.1.0", "{item}");
    }
    let events = host.api.events(0).await?;
    assert_eq!(events.iter().filter(|e| text(e, "type") == "item.added").count(), names.len(), "{events:#?}");
    host.stop().await
}

#[tokio::test]
async fn a_host_told_to_stop_finishes_the_check_in_flight() -> Result<()> {
    let site = StandIn::start().await?;
    let gate = Gate::new();
    site.on("/v", Reply::json(&json!(["3.0.0"])).behind(&gate));
    let folder = Folder::new(&format!("{}{}", documents(&[&site.origin()])?, item("one", &site.url("/v"))))?;
    let host = Host::start(&folder).await?;
    site.wait_for("/v", 1).await?;
    host.terminate()?;
    until("the host stops", async || Ok(host.log()?.contains("stopping").then_some(()))).await?;
    gate.open();
    assert!(host.ended().await?.success());
    assert!(!folder.data().join("address").exists(), "the address is taken back");

    let host = Host::start(&folder).await?;
    let item = host.api.item("one").await?;
    assert_eq!(text(&item, "latest"), "3.0.0", "{item}");
    assert_eq!(site.seen_at("/v").len(), 1, "the answer was kept, so nothing is asked again");
    host.stop().await
}

#[tokio::test]
async fn work_that_does_not_end_within_the_grace_is_cut_off() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::Silent);
    let text = format!(
        "{}{}{}",
        HOST.replace("20s", "200ms"),
        documents(&[&site.origin()])?,
        item("one", &site.url("/v"))
    );
    let folder = Folder::with_text(&text)?;
    let host = Host::start(&folder).await?;
    site.wait_for("/v", 1).await?;
    host.terminate()?;
    let ended = tokio::time::timeout(Duration::from_secs(10), host.ended()).await??;
    assert!(ended.success());
    Ok(())
}

#[tokio::test]
async fn a_disabled_plugin_stays_so_after_a_restart_until_it_is_enabled() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    assert_eq!(folder.run(&["plugin", "disable", "documents"]).await?.code, 0);
    assert_eq!(text(&host.api.plugins().await?["documents"], "status"), "disabled");
    host.stop().await?;

    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["documents"], "status"), "disabled");
    assert_eq!(folder.run(&["plugin", "enable", "documents"]).await?.code, 0);
    assert_eq!(text(&host.api.plugins().await?["documents"], "status"), "running");
    let states: Vec<_> = host
        .api
        .events(0)
        .await?
        .iter()
        .filter(|e| text(e, "type") == "plugin.state")
        .map(|e| text(&e["data"], "state").to_owned())
        .collect();
    assert_eq!(states, ["disabled", "enabled"]);
    host.kill().await?;

    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["documents"], "status"), "running");
    host.stop().await
}

#[tokio::test]
async fn a_port_in_use_is_told_and_ends_the_start() -> Result<()> {
    let taken = TcpListener::bind("127.0.0.1:0").await?;
    let address = taken.local_addr()?.to_string();
    let folder = Folder::with_text(&HOST.replace("127.0.0.1:0", &address))?;
    let ran = folder.run(&["serve"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("(listen)") && ran.stderr.contains(&address), "{ran:?}");
    Ok(())
}

#[tokio::test]
async fn a_data_folder_that_cannot_be_written_is_told_and_ends_the_start() -> Result<()> {
    let folder = Folder::new("")?;
    std::fs::write(folder.path().join("file"), "")?;
    // Not even root makes a folder in these.
    for place in ["/proc/waystation", "file/data", "file"] {
        folder.write(&HOST.replace("\"data\"", &format!("\"{place}\"")))?;
        let ran = folder.run(&["serve"]).await?;
        assert_eq!(ran.code, 1, "{place}: {ran:?}");
        assert!(ran.stderr.contains("(data-folder)") && ran.stderr.contains(place), "{place}: {ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_database_that_is_none_is_told_and_left_as_it_is() -> Result<()> {
    let folder = Folder::new("")?;
    let file = folder.data().join("waystation.db");
    let nonsense = b"this is no database, but somebody's diary. ".repeat(200);
    std::fs::write(&file, &nonsense)?;
    let ran = folder.run(&["serve"]).await?;
    assert_eq!(ran.code, 1, "{ran:?}");
    assert!(ran.stderr.contains("(corrupt)"), "{ran:?}");
    assert_eq!(std::fs::read(&file)?, nonsense);
    Ok(())
}

#[tokio::test]
async fn compiled_plugins_are_taken_from_the_cache_unless_somebody_changed_them() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder = Folder::new(&format!("{}{}", documents(&[&site.origin()])?, item("one", &site.url("/v"))))?;
    // A cache of its own, for it is spoiled here.
    let artifacts = folder.data().join("artifacts");
    std::fs::remove_file(&artifacts)?;
    let cached = async |expected: bool| -> Result<()> {
        let host = Host::start(&folder).await?;
        let plugin = &host.api.plugins().await?["documents"];
        assert_eq!(
            (text(plugin, "status"), &plugin["serving"]["cached"]),
            ("running", &json!(expected)),
            "{plugin}"
        );
        host.api.checked("one").await?;
        host.stop().await
    };
    cached(false).await?;
    cached(true).await?;
    let compiled: Vec<_> = std::fs::read_dir(&artifacts)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "cwasm"))
        .collect();
    assert_eq!(compiled.len(), 1, "{compiled:?}");
    for file in &compiled {
        let mut bytes = std::fs::read(file)?;
        let middle = bytes.len() / 2;
        if let Some(byte) = bytes.get_mut(middle) {
            *byte ^= 1;
        }
        std::fs::write(file, bytes)?;
    }
    cached(false).await?;
    let folder_mode = |path: &std::path::Path| -> Result<u32> {
        Ok(std::os::unix::fs::PermissionsExt::mode(&path.metadata()?.permissions()) & 0o777)
    };
    for private in ["identity-key", "ticket-key", "waystation.db", "artifacts/key"] {
        assert_eq!(folder_mode(&folder.data().join(private))?, 0o600, "{private}");
    }
    Ok(())
}

#[tokio::test]
async fn items_of_the_configuration_follow_it_and_others_stay() -> Result<()> {
    let site = StandIn::start().await?;
    for path in ["/a", "/b", "/c"] {
        site.on(path, Reply::json(&json!(["1.0.0"])));
    }
    let plugin = documents(&[&site.origin()])?;
    let folder = Folder::new(&format!("{plugin}{}", item("declared", &site.url("/a"))))?;
    let host = Host::start(&folder).await?;
    host.api.watch("added", &site.url("/b")).await?;
    host.stop().await?;

    folder.write(&format!("{HOST}{plugin}{}", item("declared", &site.url("/c"))))?;
    let host = Host::start(&folder).await?;
    let items = list(&host.api.get("/api/v1/items").await?, "items");
    let places: Vec<_> =
        items.iter().map(|item| (text(item, "name"), text(item, "locator").to_owned())).collect();
    assert_eq!(places, [("added", site.url("/b")), ("declared", site.url("/c"))]);
    host.stop().await
}
