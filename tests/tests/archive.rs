//! A Debian archive is believed as far as its signature goes.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;
use waystation_tests::api::text;
use waystation_tests::settings::source;
use waystation_tests::{Folder, Host, Reply, StandIn, built};

const SUITE: &str = "/debian/dists/stable";

fn data(name: &str) -> Result<Vec<u8>> {
    Ok(std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("data/archive").join(name))?)
}

async fn check(host: &Host) -> Result<Value> {
    Ok(host.api.check(&["station"]).await?["station"].clone())
}

#[tokio::test]
async fn a_signature_beside_the_release_document_is_verified() -> Result<()> {
    let site = StandIn::start().await?;
    let release = data("Release")?;
    let serve = |name: &str, bytes: &[u8]| site.on(&format!("{SUITE}/{name}"), Reply::body(bytes));
    let key = String::from_utf8(data("key.asc")?)?;
    let toml = source("debian", &built::plugin("debian-repo")?, &[&site.origin()]);
    let folder = Folder::new(&format!(
        "{toml}[plugins.debian.config]\nbase_url = \"{}\"\nsuite = \"stable\"\nsigned_by = '''{key}'''\n\
         [items.station]\nsource = \"debian\"\nlocator = \"station\"\n",
        site.url("/debian")
    ))?;
    serve("Release", &release);
    serve("main/binary-amd64/Packages", &data("Packages")?);

    let host = Host::start(&folder).await?;
    // There is neither InRelease nor Release.gpg.
    let item = check(&host).await?;
    assert_eq!(text(&item["error"], "code"), "bad-signature", "{item}");
    assert!(text(&item["error"], "message").contains("no signature"), "{item}");

    serve("Release.gpg", &data("Release.gpg")?);
    let item = check(&host).await?;
    assert_eq!((text(&item, "latest"), item["error"].is_null()), ("1.4.2-1", true), "{item}");

    // Something was added that nobody signed.
    serve("Release", &[release.as_slice(), b"Description: changed\n"].concat());
    let item = check(&host).await?;
    assert_eq!(text(&item["error"], "code"), "bad-signature", "{item}");

    // The document is right, and its index is another.
    serve("Release", &release);
    serve("Release.gpg", b"-----BEGIN PGP SIGNATURE-----\n");
    let item = check(&host).await?;
    assert_eq!(text(&item["error"], "code"), "bad-signature", "{item}");
    serve("Release.gpg", &data("Release.gpg")?);
    serve("main/binary-amd64/Packages", &data("Packages")?.to_ascii_uppercase());
    let item = check(&host).await?;
    assert_eq!(text(&item, "latest"), "1.4.2-1", "what was known stays: {item}");
    host.stop().await
}
