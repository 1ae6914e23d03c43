//! Remotes behind TLS: an authority counts once it is configured, and a certificate only for what it says.

use anyhow::Result;
use serde_json::json;
use waystation_tests::api::text;
use waystation_tests::settings::{documents, item};
use waystation_tests::{Authority, Folder, Host, Reply, StandIn};

#[tokio::test]
async fn a_private_authority_is_believed_where_it_is_configured_and_no_other() -> Result<()> {
    let (ours, stranger) = (Authority::new()?, Authority::new()?);
    let remotes = [
        ("good", ours.acceptor("127.0.0.1", None)?),
        ("of-another", stranger.acceptor("127.0.0.1", None)?),
        ("other-name", ours.acceptor("127.0.0.2", None)?),
        ("expired", ours.acceptor("127.0.0.1", Some(2025))?),
    ];
    let (mut sites, mut toml, mut items) = (Vec::new(), String::new(), String::new());
    for (name, acceptor) in remotes {
        let site = StandIn::start_secure(acceptor).await?;
        site.on("/v", Reply::json(&json!(["1.0.0"])));
        items.push_str(&item(name, &site.url("/v")));
        sites.push((name, site));
    }
    let origins: Vec<String> = sites.iter().map(|(_, site)| site.origin()).collect();
    toml.push_str(&documents(&origins.iter().map(String::as_str).collect::<Vec<_>>())?);
    toml.push_str(&items);
    let folder = Folder::new(&toml)?;
    ours.write(&folder.path().join("ca.pem"))?;

    for configured in [true, false] {
        let folder = Folder::new(&toml)?;
        ours.write(&folder.path().join("ca.pem"))?;
        let folder = if configured { folder.env("WAYSTATION_EGRESS__CA_FILE", "ca.pem") } else { folder };
        let host = Host::start(&folder).await?;
        for (name, checked) in host.api.check(&[]).await? {
            let good = configured && name == "good";
            let error = &checked["error"];
            assert_eq!(text(error, "code"), if good { "" } else { "unreachable" }, "{name}: {checked}");
            assert!(good || text(error, "message").contains("certificate"), "{name}: {checked}");
        }
        host.stop().await?;
    }
    for (name, site) in &sites {
        assert!(*name == "good" || site.seen().is_empty(), "{name} saw a request");
    }
    Ok(())
}

#[tokio::test]
async fn an_authority_that_cannot_be_read_ends_the_start() -> Result<()> {
    let folder = Folder::new("")?.env("WAYSTATION_EGRESS__CA_FILE", "ca.pem");
    for content in [None, Some("no certificate")] {
        if let Some(content) = content {
            std::fs::write(folder.path().join("ca.pem"), content)?;
        }
        let ran = folder.run(&["serve"]).await?;
        assert_eq!(ran.code, 1, "{ran:?}");
        assert!(ran.stderr.contains("(bad-roots)") && ran.stderr.contains("ca.pem"), "{ran:?}");
    }
    Ok(())
}
