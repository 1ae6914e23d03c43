//! The SDK's template, built as it lies there: what a developer's first plugin does.

use std::io::Write as _;

use anyhow::Result;
use flate2::Compression;
use flate2::write::GzEncoder;
use serde_json::json;
use waystation_tests::api::text;
use waystation_tests::{Folder, Host, Reply, StandIn, built, settings};

fn configuration(site: &StandIn) -> Result<String> {
    let plugin = settings::source("mine", &built::fixture("my-source")?, &[&site.origin()]);
    Ok(format!(
        "{plugin}\n[plugins.mine.config]\nbase_url = \"{}\"\n\
         [items.demo]\nsource = \"mine\"\nscheme = \"semver\"\nlocator = \"demo\"\n",
        site.url("/versions")
    ))
}

fn gzip(content: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(content)?;
    Ok(encoder.finish()?)
}

#[tokio::test]
async fn it_answers_and_asks_conditionally() -> Result<()> {
    let site = StandIn::start().await?;
    let document = json!({ "versions": ["1.0.0", "1.1.0", "2.0.0-rc.1"] }).to_string();
    site.on("/versions/demo.json", Reply::Tagged { etag: "\"one\"", body: document.into_bytes() });
    let folder = Folder::new(&configuration(&site)?)?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("demo").await?, "latest"), "1.1.0");
    let items = host.api.check(&["demo"]).await?;
    assert_eq!(text(&items["demo"], "latest"), "1.1.0");
    let seen = site.seen_at("/versions/demo.json");
    assert_eq!(seen.last().map(|seen| seen.header("if-none-match")), Some("\"one\""), "{seen:#?}");

    site.on("/versions/demo.json", Reply::json(&json!(["1.0.0"])));
    let items = host.api.check(&["demo"]).await?;
    assert_eq!(text(&items["demo"]["error"], "code"), "bad-response", "{items:#?}");
    host.stop().await
}

#[tokio::test]
async fn packed_content_is_unpacked_up_to_the_limit() -> Result<()> {
    let site = StandIn::start().await?;
    let packed =
        |content: &[u8]| Ok::<_, anyhow::Error>(Reply::body(gzip(content)?).with("content-encoding", "gzip"));
    let document = json!({ "versions": ["1.0.0", "1.2.0"] }).to_string();
    site.on("/versions/demo.json", packed(document.as_bytes())?);
    let folder = Folder::new(&configuration(&site)?)?;
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("demo").await?, "latest"), "1.2.0");
    let seen = site.seen_at("/versions/demo.json");
    assert_eq!(seen.first().map(|seen| seen.header("accept-encoding")), Some("gzip"));

    // A few kilobytes that unpack to more than a request takes.
    let bomb = packed(&vec![b' '; 9 << 20])?;
    site.on("/versions/demo.json", bomb);
    let items = host.api.check(&["demo"]).await?;
    assert_eq!(text(&items["demo"]["error"], "code"), "too-large", "{items:#?}");
    for damaged in [
        Reply::body("no gzip").with("content-encoding", "gzip"),
        Reply::body("x").with("content-encoding", "br"),
    ] {
        site.on("/versions/demo.json", damaged);
        let items = host.api.check(&["demo"]).await?;
        assert_eq!(text(&items["demo"]["error"], "code"), "bad-response", "{items:#?}");
    }
    host.stop().await
}
