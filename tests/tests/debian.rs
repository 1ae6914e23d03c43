//! One source over the suites of several Debian archives, as apt sees them.

#![allow(clippy::unwrap_used, reason = "a test fails by it")]

use anyhow::Result;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use waystation_tests::api::text;
use waystation_tests::{Folder, Host, Reply, StandIn, built, settings};

const MAIN: &str = "/debian/dists/s";
const SECURITY: &str = "/security/dists/s-security";

fn paragraph(name: &str, version: &str) -> String {
    format!(
        "Package: {name}\nVersion: {version}\nArchitecture: amd64\nFilename: pool/{name}_{version}.deb\nSHA256: {}\n\n",
        "a".repeat(64)
    )
}

fn index(suite: &str) -> String {
    format!("{suite}/main/binary-amd64/Packages")
}

/// Publishes a suite, whose document has this tag.
fn publish(site: &StandIn, path: &str, etag: &'static str, packages: &[(&str, &str)]) {
    let index_text: String = packages.iter().map(|(name, version)| paragraph(name, version)).collect();
    let digest: String = Sha256::digest(&index_text).iter().map(|byte| format!("{byte:02x}")).collect();
    let document = format!(
        "Suite: {}\nDate: Sat, 01 Nov 2025 00:00:00 UTC\nComponents: main\nArchitectures: amd64\n\
         SHA256:\n {digest} {} main/binary-amd64/Packages\n",
        path.rsplit('/').next().unwrap_or_default(),
        index_text.len()
    );
    site.on(&format!("{path}/InRelease"), Reply::Tagged { etag, body: document.into_bytes() });
    site.on(&index(path), Reply::body(index_text));
}

fn configuration(site: &StandIn, items: &[&str]) -> Result<String> {
    let mut toml = settings::source("apt", &built::plugin("debian-repo")?, &[&site.origin()]);
    for (path, suite, optional) in
        [("/debian", "s", false), ("/security", "s-security", false), ("/vendor", "stable", true)]
    {
        toml.push_str(&format!(
            "[[plugins.apt.config.archives]]\nbase_url = \"{}\"\nsuite = \"{suite}\"\nallow_unsigned = true\noptional = {optional}\n",
            site.url(path)
        ));
    }
    for item in items {
        toml.push_str(&format!(
            "[items.{item}]\nsource = \"apt\"\nlocator = \"{item}\"\nscheme = \"debian\"\n"
        ));
    }
    Ok(toml)
}

fn reads(site: &StandIn) -> [usize; 2] {
    [MAIN, SECURITY].map(|suite| site.seen_at(&index(suite)).len())
}

#[tokio::test]
async fn the_newest_version_is_the_greatest_over_all_suites() -> Result<()> {
    let site = StandIn::start().await?;
    publish(&site, MAIN, "\"1\"", &[("bash", "5.2-1"), ("only", "1:1.0-1")]);
    publish(&site, SECURITY, "\"2\"", &[("bash", "5.2-1+deb1u1")]);
    let folder = Folder::new(&configuration(&site, &["bash", "only"])?)?;
    let host = Host::start(&folder).await?;
    let latest = |items: &Value| text(items, "latest").to_owned();
    assert_eq!(latest(&host.api.checked("bash").await?), "5.2-1+deb1u1");
    assert_eq!(latest(&host.api.checked("only").await?), "1:1.0-1");
    assert!(
        !site.seen_at("/vendor/dists/stable/InRelease").is_empty(),
        "and nobody minds that it is not there"
    );

    // Nothing changed: no index is read.
    host.api.check(&[]).await?;
    let before = reads(&site);
    let items = host.api.check(&[]).await?;
    assert_eq!((reads(&site), latest(&items["bash"])), (before, "5.2-1+deb1u1".to_owned()));

    // One suite changed: each index is read once, whatever the number of packages.
    publish(&site, SECURITY, "\"3\"", &[("bash", "5.2-1+deb1u2")]);
    let items = host.api.check(&[]).await?;
    assert_eq!(reads(&site), before.map(|count| count + 1));
    assert_eq!(latest(&items["bash"]), "5.2-1+deb1u2");
    assert_eq!(latest(&items["only"]), "1:1.0-1");

    // A suite that must be there: no answer without it.
    site.on(&format!("{SECURITY}/InRelease"), Reply::status(503));
    let items = host.api.check(&[]).await?;
    for item in items.values() {
        assert_eq!(text(&item["error"], "code"), "remote-error", "{item}");
        assert!(text(&item["error"], "message").contains("suite `s-security`"), "{item}");
    }
    host.stop().await
}

#[tokio::test]
async fn a_package_that_no_suite_has_may_be_in_the_one_that_cannot_be_read() -> Result<()> {
    let site = StandIn::start().await?;
    publish(&site, MAIN, "\"1\"", &[("bash", "5.2-1")]);
    publish(&site, SECURITY, "\"2\"", &[]);
    let folder = Folder::new(&configuration(&site, &["bash", "gone"])?)?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("bash").await?, "latest"), "5.2-1");
    let gone = host.api.checked("gone").await?;
    assert!(text(&gone["error"], "message").contains("suite `stable`"), "{gone}");

    publish(&site, "/vendor/dists/stable", "\"3\"", &[("other", "1")]);
    let items = host.api.check(&[]).await?;
    let message = text(&items["gone"]["error"], "message");
    assert!(message.contains("`s` or `s-security` or `stable` has no package `gone`"), "{message}");
    assert_eq!(text(&items["bash"], "latest"), "5.2-1");
    host.stop().await
}
