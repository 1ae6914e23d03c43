//! `waystation plugin add` and `plugin remove`: from a name to a plugin that runs, and a configuration that stays its
//! owner's.
#![allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]

use anyhow::{Context as _, Result};
use waystation_tests::api::text;
use waystation_tests::site::{self, code, done};
use waystation_tests::{Folder, Host, registry, settings};

/// A site that signs its plugins, with `tool.plugin.tar`, signed, and `plain.plugin.tar`, which nobody signed.
async fn folder(more: &str) -> Result<Folder> {
    let folder = Folder::new("")?;
    site::init(&folder).await?;
    std::fs::write(folder.config(), format!("# Ours: keep.\n{}{more}", settings::HOST))?;
    let package = site::package("github-releases", str::to_owned)?;
    site::signed(&folder, "tool.plugin.tar", &package).await?;
    site::unsigned(folder.path(), "plain.plugin.tar", &site::package("npm", str::to_owned)?)?;
    Ok(folder)
}

fn config(folder: &Folder) -> Result<String> {
    std::fs::read_to_string(folder.config()).context("no configuration")
}

fn lock(folder: &Folder) -> String {
    std::fs::read_to_string(folder.path().join("waystation.lock")).unwrap_or_default()
}

#[tokio::test]
async fn a_plugin_from_a_file_is_added_runs_and_is_removed() -> Result<()> {
    let folder = folder("").await?;
    let before = config(&folder)?;
    // Nobody is there to ask: nothing is written. So it is where it is only shown.
    let add = ["plugin", "add", "--file", "tool.plugin.tar"];
    assert_eq!(code(&folder, &add).await?, "not-confirmed");
    let shown = done(&folder, &[&add[..], &["--dry-run"]].concat()).await?;
    assert_eq!((text(&shown, "plugin"), &shown["written"]), ("github-releases", &false.into()));
    let section = text(&shown, "section");
    for line in [
        "[plugins.github-releases]\nfile = \"tool.plugin.tar\"\n",
        "# Reads the list of releases, or of tags.\n[[plugins.github-releases.grants.http]]\n\
         origins = [\"https://api.github.com\"]\nmethods = [\"GET\"]\n",
        "# Optional: 5,000 requests per hour",
        "# [plugins.github-releases.credentials.github-token]\n",
    ] {
        assert!(section.contains(line), "{section}");
    }
    assert_eq!((config(&folder)?, lock(&folder).as_str()), (before.clone(), ""));

    let people = folder.run(&[&add[..], &["--yes"]].concat()).await?;
    assert_eq!(people.code, 0, "{people:?}");
    assert!(people.stdout.contains("signed by key sha256:"), "{people:?}");
    assert!(people.stdout.contains("asks for http: GET https://api.github.com"), "{people:?}");
    assert!(people.stderr.contains("waystation config plan"), "{people:?}");
    assert_eq!(config(&folder)?, format!("{}\n\n{section}\n", before.trim_end()));
    assert!(lock(&folder).contains("[plugins.github-releases]"));
    assert_eq!(folder.run(&["plugin", "sync", "--check"]).await?.code, 0);
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["github-releases"], "status"), "running");
    host.stop().await?;

    assert_eq!(code(&folder, &[&add[..], &["--yes"]].concat()).await?, "name-taken");
    // Under another name it is another plugin.
    done(&folder, &[&add[..], &["--yes", "--as", "second"]].concat()).await?;
    done(&folder, &["plugin", "remove", "github-releases"]).await?;
    assert!(
        !lock(&folder).contains("[plugins.github-releases]") && lock(&folder).contains("[plugins.second]")
    );
    assert_eq!(code(&folder, &["plugin", "remove", "github-releases"]).await?, "not-found");
    // What something needs stays.
    let whole = format!("{}\n[items.tool]\nsource = \"second\"\nlocator = \"acme/tool\"\n", config(&folder)?);
    std::fs::write(folder.config(), &whole)?;
    assert_eq!(code(&folder, &["plugin", "remove", "second"]).await?, "plugin-in-use");
    assert_eq!(config(&folder)?, whole);
    std::fs::write(folder.config(), whole.split("\n[items.tool]").next().unwrap())?;
    done(&folder, &["plugin", "remove", "second"]).await?;
    assert_eq!(config(&folder)?.trim_end(), before.trim_end());
    Ok(())
}

#[tokio::test]
async fn a_plugin_from_an_index_is_added_by_name() -> Result<()> {
    let table = "\n[indexes.main]\npath = \"index\"\nroot = \"root.json\"\n# The end.\n";
    let folder = folder(table).await?;
    done(&folder, &["registry", "index", "init", "index", "--key", "signing.key"]).await?;
    std::fs::copy(folder.path().join("index/metadata/1.root.json"), folder.path().join("root.json"))?;
    done(&folder, &["registry", "index", "add", "index", "tool.plugin.tar", "--key", "signing.key"]).await?;
    let before = config(&folder)?;
    let add = ["plugin", "add", "--yes"];
    for (args, expected) in [
        (&["waystation/unknown"][..], "index-unknown-plugin"),
        (&["waystation/github-releases", "--version", "^9"], "index-no-version"),
        (&["waystation/github-releases", "--index", "other"], "no-index"),
        (&["not a name"], "usage"),
        (&["waystation/github-releases", "--version", "newest"], "usage"),
        (&["waystation/github-releases", "--as", "Not A Key"], "config-invalid"),
    ] {
        assert_eq!(code(&folder, &[&add[..], args].concat()).await?, expected, "{args:?}");
        assert_eq!((config(&folder)?, lock(&folder).as_str()), (before.clone(), ""), "{args:?}");
    }
    let added = done(&folder, &[&add[..], &["waystation/github-releases"]].concat()).await?;
    assert_eq!((text(&added, "version"), &added["written"]), ("0.1.0", &true.into()));
    let section = "[plugins.github-releases]\nname = \"waystation/github-releases\"\nversion = \"^0.1\"\n";
    assert!(config(&folder)?.starts_with(&before) && config(&folder)?.contains(section));
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.plugins().await?["github-releases"], "status"), "running");
    host.stop().await
}

#[tokio::test]
async fn a_plugin_from_a_registry_is_added() -> Result<()> {
    let folder = folder("").await?;
    let (_registry, address) = registry::start(folder.path(), "", "").await?;
    let before = format!("{}\n[registries.{address:?}]\nplain_http = true\n", config(&folder)?);
    std::fs::write(folder.config(), &before)?;
    let reference = format!("{address}/acme/github-releases:0.1.0");
    done(&folder, &["plugin", "push", "tool.plugin.tar", &reference, "--plain-http"]).await?;
    let missing = format!("{address}/acme/other:0.1.0");
    assert_eq!(code(&folder, &["plugin", "add", "--yes", "--oci", &missing]).await?, "registry-not-found");
    done(&folder, &["plugin", "add", "--yes", "--oci", &reference, "--as", "tool"]).await?;
    assert!(config(&folder)?.contains(&format!("[plugins.tool]\noci = \"{reference}\"\n")));
    assert!(lock(&folder).contains(&format!("oci {reference}")));
    assert_eq!(folder.run(&["plugin", "sync", "--check"]).await?.code, 0);
    Ok(())
}

#[tokio::test]
async fn what_is_not_trusted_or_cannot_be_written_is_not_added() -> Result<()> {
    let folder = folder("").await?;
    let before = config(&folder)?;
    let add = |rest: &[&'static str]| [&["plugin", "add", "--yes"], rest].concat();
    assert_eq!(code(&folder, &add(&["--file", "plain.plugin.tar"])).await?, "unsigned");
    assert_eq!(code(&folder, &add(&["--file", "nowhere.plugin.tar"])).await?, "unreadable");
    assert_eq!(code(&folder, &add(&["waystation/github-releases"])).await?, "no-index");
    assert_eq!(code(&folder, &add(&["a/b", "--file", "tool.plugin.tar"])).await?, "usage");
    assert_eq!(code(&folder, &add(&[])).await?, "usage");
    assert_eq!(config(&folder)?, before);
    for broken in ["[server\n", "[server]\nunknown = 1\n", "plugins = { a = { file = \"x\" } }\n\u{0}"] {
        std::fs::write(folder.config(), broken)?;
        let refused = code(&folder, &add(&["--file", "tool.plugin.tar"])).await?;
        assert!(refused.starts_with("config-"), "{refused}");
        assert_eq!(config(&folder)?, broken);
    }
    // What is written in another form is left to its owner.
    let inline = "plugins = { a = { file = \"tool.plugin.tar\" } }\n";
    std::fs::write(folder.config(), inline)?;
    let refused = code(&folder, &add(&["--file", "tool.plugin.tar"])).await?;
    assert!(refused.starts_with("config-"), "{refused}");
    assert_eq!(code(&folder, &["plugin", "remove", "a"]).await?, "config-uneditable");
    assert_eq!(config(&folder)?, inline);
    std::fs::remove_file(folder.config())?;
    assert_eq!(code(&folder, &add(&["--file", "tool.plugin.tar"])).await?, "no-config");
    assert!(!folder.config().exists() && lock(&folder).is_empty());
    Ok(())
}

#[tokio::test]
async fn what_a_plugin_says_of_itself_writes_nothing_but_comments() -> Result<()> {
    let folder = folder("").await?;
    let why = "Reads the list of releases, or of tags.";
    let sly = |manifest: &str| manifest.replace(why, "Reads.\\n[plugins.x]\\nkv = true");
    let package = site::package("github-releases", sly)?;
    site::signed(&folder, "sly.plugin.tar", &package).await?;
    let shown = done(&folder, &["plugin", "add", "--dry-run", "--file", "sly.plugin.tar"]).await?;
    let section = text(&shown, "section").to_owned();
    assert!(section.contains("# Reads. [plugins.x] kv = true\n"), "{section}");
    Ok(())
}

#[tokio::test]
async fn a_hook_is_added_with_what_is_to_be_filled_in_and_runs_when_it_is() -> Result<()> {
    let folder = Folder::new("")?;
    // A hook decides: nobody's plugins may be one unless somebody says so.
    let init = ["trust", "init", "--namespace", "waystation", "--no-passphrase", "--kind", "hook"];
    done(&folder, &init).await?;
    site::signed(&folder, "hours.plugin.tar", &site::package("business-hours", str::to_owned)?).await?;
    done(&folder, &["plugin", "add", "--yes", "--file", "hours.plugin.tar"]).await?;
    let added = config(&folder)?;
    for line in
        ["# Where it is asked:\n# hooks = [\"before-issue\"]\n", "# [plugins.business-hours.config]\n"]
    {
        assert!(added.contains(line), "{added}");
    }
    let status = async || {
        let host = Host::start(&folder).await?;
        let plugin = host.api.plugins().await?["business-hours"].clone();
        host.stop().await?;
        anyhow::Ok(text(&plugin, "status").to_owned())
    };
    // Asked nowhere it is of no use: that is said, and not taken for a guard.
    assert_ne!(status().await?, "running");
    let mut filled = String::new();
    for line in added.lines() {
        let plain = line.strip_prefix("# ").unwrap_or_default();
        filled += match plain {
            _ if plain.starts_with("hooks = ") || plain == "[plugins.business-hours.config]" => plain,
            _ if plain.starts_with("time_zone = ") => "time_zone = \"UTC\"",
            _ if plain.starts_with("calendars = ") => "calendars = []",
            _ => line,
        };
        filled.push('\n');
    }
    std::fs::write(folder.config(), filled)?;
    assert_eq!(status().await?, "running");
    Ok(())
}
