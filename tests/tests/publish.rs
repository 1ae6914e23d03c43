//! `waystation plugin publish`: signed, pushed to a real registry, and held against what comes back.

use anyhow::{Result, ensure};
use serde_json::Value;
use waystation_bundle::{Limits, Package, PackageWriter};
use waystation_tests::api::text;
use waystation_tests::{Folder, Ran, registry, signing};

/// A folder with a plugin that nobody signed, and a site that may sign it.
async fn folder() -> Result<(Folder, Package)> {
    let (folder, package) = signing::unsigned()?;
    let at = |name: &str| folder.path().join(name);
    std::fs::rename(at("tool.plugin.tar"), at("bare.plugin.tar"))?;
    let ran = folder.run(&["trust", "init", "--namespace", "acme", "--no-passphrase"]).await?;
    ensure!(ran.code == 0, "{ran:?}");
    Ok((folder, package))
}

fn code(ran: &Ran) -> String {
    let last = ran.stderr.lines().last().unwrap_or_default();
    serde_json::from_str::<Value>(last).map(|failure| text(&failure, "code").to_owned()).unwrap_or_default()
}

#[tokio::test]
async fn a_plugin_is_published_and_comes_back_as_it_was_signed() -> Result<()> {
    let (folder, package) = folder().await?;
    let (_registry, address) = registry::start(folder.path(), "", "").await?;
    let name = format!("{address}/acme/tool");
    let publish = [
        "--json",
        "plugin",
        "publish",
        &name,
        "bare.plugin.tar",
        "--plain-http",
        "--key",
        "signing.key",
        "--timestamp-authority",
        "timestamps.key",
        "--policy",
        "trust.toml",
    ];
    // A policy that does not admit it keeps it from the registry.
    let policy = folder.path().join("trust.toml");
    let whole = std::fs::read_to_string(&policy)?;
    std::fs::write(&policy, whole.replace("name = \"acme\"", "name = \"other\""))?;
    assert_eq!(code(&folder.run(&publish).await?), "namespace-unknown");
    let tag = format!("{name}:1.2.0");
    let pull = ["--json", "plugin", "pull", &tag, "--plain-http", "-o", "back.plugin.tar"];
    assert_eq!(code(&folder.run(&pull).await?), "registry-not-found");

    std::fs::write(&policy, whole)?;
    let ran = folder.run(&publish).await?;
    ensure!(ran.code == 0, "{ran:?}");
    assert!(ran.stderr.contains(&tag), "{ran:?}");
    let published = ran.json()?;
    let digest = package.digest().to_string();
    assert_eq!((text(&published, "digest"), &published["signatures"]), (digest.as_str(), &1.into()));
    let kept = std::fs::read(folder.path().join(package.head().file_name()))?;
    let ran = folder.run(&pull).await?;
    ensure!(ran.code == 0, "{ran:?}");
    assert!(std::fs::read(folder.path().join("back.plugin.tar"))? == kept, "it came back as another file");
    let explained = folder.run(&["--json", "trust", "explain", "back.plugin.tar"]).await?;
    assert_eq!(text(&explained.json()?, "state"), "verified", "{explained:?}");
    // What was not signed is not published.
    let unsigned =
        folder.run(&["--json", "plugin", "publish", &name, "bare.plugin.tar", "--plain-http"]).await?;
    assert_eq!(unsigned.code, 2, "{unsigned:?}");
    Ok(())
}

/// A registry that takes everything, and gives this package whatever was pushed.
async fn liar(gives: &Package) -> Result<String> {
    use axum::http::{Method, StatusCode, Uri};

    let layout = gives.to_layout();
    let blobs: Vec<_> = layout
        .blobs()
        .iter()
        .map(|(digest, blob)| Ok((digest.to_string(), blob.bytes()?)))
        .collect::<Result<_>>()?;
    let mut referrers = layout.index().clone();
    referrers.manifests.retain(|listed| listed.digest != gives.digest());
    let (manifest, referrers) = (gives.manifest().clone(), serde_json::to_vec(&referrers)?);
    let answer = move |method: Method, uri: Uri| {
        let (path, writes) = (uri.path(), !matches!(method, Method::GET | Method::HEAD));
        let blob = blobs.iter().find(|(digest, _)| path.ends_with(digest.as_str()));
        let reply = match blob {
            _ if writes => (StatusCode::CREATED, Vec::new()),
            // Whatever is about to be pushed is said to be there.
            _ if method == Method::HEAD => (StatusCode::OK, Vec::new()),
            _ if path.contains("/referrers/") => (StatusCode::OK, referrers.clone()),
            Some((_, blob)) => (StatusCode::OK, blob.to_vec()),
            None if path.ends_with("/manifests/1.2.0") => (StatusCode::OK, manifest.to_vec()),
            None => (StatusCode::NOT_FOUND, Vec::new()),
        };
        async move { reply }
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?.to_string();
    let serving = axum::serve(listener, axum::Router::new().fallback(answer));
    tokio::spawn(async move { serving.await });
    Ok(address)
}

#[tokio::test]
async fn a_registry_that_gives_something_else_is_found_out() -> Result<()> {
    let (folder, package) = folder().await?;
    let other =
        "name = \"acme/tool\"\nversion = \"1.2.0\"\nkind = \"update-source@0.1\"\nsummary = \"Other\"\n";
    let escaped: String = other.bytes().map(|b| format!("\\{b:02x}")).collect();
    let component = wat::parse_str(format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))"))?;
    let other = PackageWriter::new(component, &Limits::DEFAULT)?.finish()?;
    // The plugin without its signature, and another one.
    for gives in [&package, &other] {
        let name = format!("{}/acme/tool", liar(gives).await?);
        let ran = folder
            .run(&[
                "--json",
                "plugin",
                "publish",
                &name,
                "bare.plugin.tar",
                "--plain-http",
                "--key",
                "signing.key",
                "--timestamp-authority",
                "timestamps.key",
            ])
            .await?;
        assert_eq!((ran.code, code(&ran).as_str()), (1, "published-differs"), "{ran:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_is_signed_is_handed_to_other_tools() -> Result<()> {
    let (folder, package) = folder().await?;
    let sign = [
        "plugin",
        "sign",
        "bare.plugin.tar",
        "--key",
        "signing.key",
        "--timestamp-authority",
        "timestamps.key",
    ];
    ensure!(folder.run(&sign).await?.code == 0);
    // No host would load this component; what was signed comes out all the same.
    folder
        .run(&[
            "plugin",
            "inspect",
            "bare.plugin.tar",
            "--manifest-out",
            "manifest.json",
            "--signatures-out",
            "sig",
        ])
        .await?;
    assert_eq!(std::fs::read(folder.path().join("manifest.json"))?, package.manifest().to_vec());
    let key = std::fs::read_to_string(folder.path().join("signing.key.pub"))?;
    let policy = format!(
        "version = 1\n[domains.default]\nsct = 0\ntlog = 0\ntsa = 1\n[signers.us]\nkey = \"\"\"{key}\"\"\"\n\
         [[rules]]\nany_of = [\"us\"]\npredicate_types = [\"urn:waystation:plugin:v1\"]\n"
    );
    std::fs::write(folder.path().join("policy.toml"), policy)?;
    let verify = [
        "verify",
        "blob",
        "manifest.json",
        "--bundle",
        "sig.1.sigstore.json",
        "--policy",
        "policy.toml",
        "--trusted-root",
        "trusted_root.json",
    ];
    let ran = folder.run(&verify).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    Ok(())
}
