//! Plugins from registries and indexes: what is decided on stays what it is, whatever the place says later.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::site::{self, code, done};
use waystation_tests::{Folder, Host, StandIn, registry, until};

/// The only decision of a sync.
async fn decision(folder: &Folder, args: &[&str]) -> Result<Value> {
    let ran = folder.run(&[&["plugin"], args, &["--json"]].concat()).await?;
    list(&ran.json()?, "plugins").into_iter().next().with_context(|| format!("no decision: {ran:?}"))
}

async fn push(folder: &Folder, file: &str, reference: &str) -> Result<()> {
    done(folder, &["plugin", "push", file, reference, "--plain-http"]).await.map(drop)
}

#[tokio::test]
async fn a_tag_that_was_moved_is_not_followed() -> Result<()> {
    let folder = Folder::new("")?;
    let (_registry, address) = registry::start(folder.path(), "", "").await?;
    let reference = format!("{address}/acme/http-json:0.1.0");
    let toml = format!(
        "{}\n[trust]\nrecheck = \"1s\"\n[registries.{address:?}]\nplain_http = true\n\
         [plugins.tool]\noci = {reference:?}\n[[plugins.tool.grants.http]]\norigins = [\"https://v.example\"]\n",
        waystation_tests::settings::HOST
    );
    folder.write(&toml)?;
    site::init(&folder).await?;
    let first = site::package("http-json", str::to_owned)?;
    site::signed(&folder, "first.plugin.tar", &first).await?;
    push(&folder, "first.plugin.tar", &reference).await?;
    let decided = decision(&folder, &["sync"]).await?;
    assert_eq!(
        (text(&decided, "outcome"), text(&decided, "digest")),
        ("added", first.digest().to_string().as_str())
    );
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["tool"], "status"), "running");

    // Whoever may push puts another content under the tag; it is even signed.
    let second = site::package("http-json", |manifest| format!("# another\n{manifest}"))?;
    site::signed(&folder, "second.plugin.tar", &second).await?;
    push(&folder, "second.plugin.tar", &reference).await?;
    assert_eq!(text(&decision(&folder, &["sync"]).await?, "outcome"), "unchanged");
    assert_eq!(code(&folder, &["plugin", "update"]).await?, "tag-moved");
    // On a machine that has only the lock, what the lock says is fetched.
    host.stop().await?;
    std::fs::remove_dir_all(folder.data().join("plugins"))?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["tool"]["rejected"], "code"), "not-fetched");
    done(&folder, &["plugin", "sync", "--locked"]).await?;
    done(&folder, &["plugin", "enable", "tool"]).await?;
    let serving = &host.api.plugins().await?["tool"]["serving"];
    assert_eq!(text(serving, "digest"), first.digest().to_string());
    host.stop().await
}

#[tokio::test]
async fn a_plugin_comes_from_an_index_by_name_and_range() -> Result<()> {
    let folder = Folder::new("")?;
    site::init(&folder).await?;
    let index = ["registry", "index"];
    done(&folder, &[&index[..], &["init", "index", "--key", "signing.key"]].concat()).await?;
    std::fs::copy(folder.path().join("index/metadata/1.root.json"), folder.path().join("root.json"))?;
    let version = |version: &str, more: &str| {
        let (version, more) = (format!("version = \"{version}\""), more.to_owned());
        site::package("http-json", move |manifest| {
            format!("{}{more}", manifest.replace("version = \"0.1.0\"", &version))
        })
    };
    for (file, package) in [("a.plugin.tar", version("0.1.0", "")?), ("b.plugin.tar", version("0.2.0", "")?)]
    {
        site::signed(&folder, file, &package).await?;
        done(&folder, &[&index[..], &["add", "index", file, "--key", "signing.key"]].concat()).await?;
    }
    let table = "\n[trust]\n[indexes.main]\npath = \"index\"\nroot = \"root.json\"\n\
                 [plugins.tool]\nname = \"waystation/http-json\"\nversion = \"RANGE\"\n\
                 [[plugins.tool.grants.http]]\norigins = [\"https://v.example\"]\n";
    let configured = |range: &str| {
        folder.write(&format!("{}{}", waystation_tests::settings::HOST, table.replace("RANGE", range)))
    };
    configured("^0.1")?;
    let decided = decision(&folder, &["sync"]).await?;
    assert_eq!((text(&decided, "outcome"), text(&decided, "version")), ("added", "0.1.0"), "{decided}");
    assert_eq!(text(&decided, "source"), "index waystation/http-json");
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["tool"], "status"), "running");
    host.stop().await?;
    // What was decided on is kept as long as the configuration allows it.
    configured(">=0.1")?;
    assert_eq!(text(&decision(&folder, &["sync"]).await?, "outcome"), "unchanged");
    let updated = decision(&folder, &["update"]).await?;
    assert_eq!(
        (text(&updated, "outcome"), &updated["change"]["version"]),
        ("updated", &json!(["0.1.0", "0.2.0"]))
    );
    // A step back is a decision.
    configured("^0.1")?;
    assert_eq!(code(&folder, &["plugin", "sync"]).await?, "older-version");
    configured("^9")?;
    assert_eq!(code(&folder, &["plugin", "sync"]).await?, "index-no-version");
    configured(">=0.1")?;
    // A newer one that wants more waits, and says what.
    let more = "\n[[request]]\ncapability = \"kv\"\nwhy = \"to remember\"\noptional = true\n";
    site::signed(&folder, "c.plugin.tar", &version("0.3.0", more)?).await?;
    done(&folder, &[&index[..], &["add", "index", "c.plugin.tar", "--key", "signing.key"]].concat()).await?;
    let waits = decision(&folder, &["update"]).await?;
    assert_eq!(
        (text(&waits, "code"), &waits["change"]["requests_new"]),
        ("requests-more", &json!(["kv"])),
        "{waits}"
    );

    // An index that was taken back to an older state is found out, since a newer one was seen.
    let gone = ["registry", "index", "remove", "index", "waystation/http-json@0.3.0", "--key", "signing.key"];
    let saved = folder.path().join("saved");
    copy(&folder.path().join("index"), &saved)?;
    done(&folder, &gone).await?;
    done(&folder, &["plugin", "update"]).await?;
    std::fs::remove_dir_all(folder.path().join("index"))?;
    std::fs::rename(&saved, folder.path().join("index"))?;
    let found = code(&folder, &["plugin", "update"]).await?;
    assert_eq!(found, "index-rolled-back");
    Ok(())
}

#[tokio::test]
async fn an_index_that_is_served_is_read_and_one_that_cannot_be_reached_changes_nothing() -> Result<()> {
    let folder = Folder::new("")?;
    site::init(&folder).await?;
    done(&folder, &["registry", "index", "init", "index", "--key", "signing.key"]).await?;
    site::signed(&folder, "a.plugin.tar", &site::package("http-json", str::to_owned)?).await?;
    done(&folder, &["registry", "index", "add", "index", "a.plugin.tar", "--key", "signing.key"]).await?;
    let port = std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?.to_string();
    let toml = format!(
        "{}\n[trust]\n[indexes.main]\nurl = \"http://{port}/\"\nroot = \"index/metadata/1.root.json\"\n\
         [plugins.tool]\nname = \"waystation/http-json\"\n[[plugins.tool.grants.http]]\norigins = [\"https://v.example\"]\n",
        waystation_tests::settings::HOST
    );
    folder.write(&toml)?;
    let mut serving = folder.command(&["registry", "index", "serve", "index", "--listen", &port])?.spawn()?;
    until("the index is served", async || Ok(tokio::net::TcpStream::connect(&port).await.ok())).await?;
    assert_eq!(text(&decision(&folder, &["sync"]).await?, "outcome"), "added");
    serving.kill().await?;
    let lock = std::fs::read(folder.path().join("waystation.lock"))?;
    // What is decided on and here needs nobody.
    assert_eq!(text(&decision(&folder, &["sync"]).await?, "outcome"), "unchanged");
    let refused = code(&folder, &["plugin", "update"]).await?;
    ensure!(refused.starts_with("index-"), "{refused}");
    assert_eq!(std::fs::read(folder.path().join("waystation.lock"))?, lock);
    // Somebody else answers at its address, without what is signed.
    let other = StandIn::start().await?;
    folder.write(&toml.replace(&format!("http://{port}/"), &format!("{}/", other.origin())))?;
    ensure!(code(&folder, &["plugin", "update"]).await?.starts_with("index-"));
    assert_eq!(std::fs::read(folder.path().join("waystation.lock"))?, lock);
    Ok(())
}

fn copy(from: &std::path::Path, to: &std::path::Path) -> Result<()> {
    std::fs::create_dir(to)?;
    for entry in std::fs::read_dir(from)? {
        let entry = entry?;
        let target = to.join(entry.file_name());
        match entry.file_type()?.is_dir() {
            true => copy(&entry.path(), &target)?,
            false => drop(std::fs::copy(entry.path(), target)?),
        }
    }
    Ok(())
}
