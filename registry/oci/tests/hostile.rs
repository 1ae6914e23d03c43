//! Registries that lie, break off, or want something.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

mod support;

use std::sync::atomic::{AtomicUsize, Ordering};

use support::{LIMITS, Reply, Stub, client, options, package};
use waystation_bundle::oci;
use waystation_oci::{Client, Credentials, OciError, Reference, Store};

fn reference(stub: &Stub, rest: &str) -> Reference {
    format!("{}/p{rest}", stub.registry).parse().unwrap()
}

async fn code(stub: &Stub, rest: &str) -> &'static str {
    let pulled = client(&stub.registry).pull(&reference(stub, rest), None).await;
    pulled.err().map_or("pulled", |e: OciError| e.code())
}

#[tokio::test]
async fn a_package_is_pulled_with_what_is_attached() {
    let package = package();
    let stub = Stub::of(&package, |_, reply| reply).await;
    for rest in
        [":1.0.0".to_owned(), format!("@{}", package.digest()), format!(":other@{}", package.digest())]
    {
        let pulled = client(&stub.registry).pull(&reference(&stub, &rest), None).await.unwrap();
        assert_eq!(pulled, package);
    }
    assert_eq!(code(&stub, ":2.0.0").await, "registry-not-found");
    assert_eq!(code(&stub, "").await, "bad-reference");
}

#[tokio::test]
async fn a_registry_cannot_change_what_was_asked_for() {
    let package = package();
    let flip = |mut reply: Reply| {
        if let Some(byte) = reply.body.last_mut() {
            *byte ^= 1;
        }
        reply
    };
    let pinned = format!("@{}", package.digest());
    let stub = Stub::of(
        &package,
        move |asked, reply| {
            if asked.line.contains("/manifests/") { flip(reply) } else { reply }
        },
    );
    assert_eq!(code(&stub.await, &pinned).await, "digest-mismatch");
    let stub = Stub::of(
        &package,
        move |asked, reply| {
            if asked.line.contains("/blobs/") { flip(reply) } else { reply }
        },
    );
    assert_eq!(code(&stub.await, &pinned).await, "digest-mismatch");
    let stub = Stub::of(&package, |_, reply| {
        reply.with("docker-content-digest", format!("sha256:{}", "0".repeat(64)))
    });
    assert_eq!(code(&stub.await, ":1.0.0").await, "registry-lies");
    let more = Stub::of(&package, |asked, mut reply| {
        if asked.line.contains("/blobs/") {
            reply.body.push(b' ');
        }
        reply
    });
    assert_eq!(code(&more.await, &pinned).await, "size-mismatch");
}

#[tokio::test]
async fn a_list_of_attachments_that_omits_or_lies_is_refused() {
    let package = package();
    let empty = oci::bytes("it", &oci::Index::new(Vec::new())).unwrap().to_vec();
    let omits =
        Stub::of(
            &package,
            move |asked, reply| {
                if asked.line.contains("/referrers/") { Reply::ok(empty.clone()) } else { reply }
            },
        );
    assert_eq!(code(&omits.await, ":1.0.0").await, "missing-document");
    // Neither the API nor the fallback tag.
    let none =
        Stub::of(
            &package,
            |asked, reply| {
                if asked.line.contains("/referrers/") { Reply::status(404) } else { reply }
            },
        );
    assert_eq!(code(&none.await, ":1.0.0").await, "missing-document");
    // What it lists is of another plugin.
    let mut foreign = package.to_layout().index().clone();
    let mut other = support::package();
    other.attach(waystation_bundle::Kind::Lock, "x = 1", &LIMITS).unwrap();
    let lock = other.attached(waystation_bundle::Kind::Lock).next().unwrap();
    let changed = String::from_utf8_lossy(lock.manifest()).replace(&package.digest().hex(), &"0".repeat(64));
    let one = waystation_bundle::Descriptor::of(oci::MANIFEST, changed.as_bytes());
    let (content, path) = (lock.content().to_vec(), format!("/manifests/{}", one.digest));
    let content_path = format!("/blobs/{}", waystation_bundle::ContentDigest::of(&content));
    foreign.manifests.remove(0);
    foreign.manifests.push(one);
    let foreign = oci::bytes("it", &foreign).unwrap().to_vec();
    let lies = Stub::of(&package, move |asked, reply| match &asked.line {
        line if line.contains("/referrers/") => Reply::ok(foreign.clone()),
        line if line.contains(&path) => Reply::ok(changed.clone()),
        line if line.contains(&content_path) => Reply::ok(content.clone()),
        _ => reply,
    });
    assert_eq!(code(&lies.await, ":1.0.0").await, "foreign-referrer");
}

#[tokio::test]
async fn what_strangers_attach_is_left_there() {
    let package = package();
    let empty =
        serde_json::to_value(waystation_bundle::Descriptor::of(oci::EMPTY, oci::EMPTY_CONTENT)).unwrap();
    let stranger = serde_json::json!({
        "schemaVersion": 2, "mediaType": oci::MANIFEST, "artifactType": "application/vnd.cyclonedx+json",
        "config": empty, "layers": [empty],
    })
    .to_string();
    let mut index = package.to_layout().index().clone();
    index.manifests.remove(0);
    let one = waystation_bundle::Descriptor::of(oci::MANIFEST, stranger.as_bytes());
    let path = format!("/manifests/{}", one.digest);
    let mut unknown = one.clone();
    unknown.artifact_type = Some("application/vnd.other".into());
    unknown.digest = waystation_bundle::ContentDigest::of(b"never asked for");
    index.manifests.extend([one, unknown]);
    let index = oci::bytes("it", &index).unwrap().to_vec();
    let stub = Stub::of(&package, move |asked, reply| match &asked.line {
        line if line.contains("/referrers/") => Reply::ok(index.clone()),
        line if line.contains(&path) => Reply::ok(stranger.clone()),
        _ => reply,
    })
    .await;
    assert_eq!(client(&stub.registry).pull(&reference(&stub, ":1.0.0"), None).await.unwrap(), package);
}

#[tokio::test]
async fn a_download_that_breaks_off_goes_on_where_it_was() {
    let package = package();
    let component = package.component().digest().to_string();
    let size = usize::try_from(package.component().content().size()).unwrap();
    // Every answer breaks off after 50,000 bytes.
    let part = move |asked: &support::Asked, mut reply: Reply| {
        if asked.line.contains(&component) {
            let range =
                asked.header("range").strip_prefix("bytes=").and_then(|range| range.strip_suffix('-'));
            if let Some(from) = range.and_then(|from| from.parse::<usize>().ok()) {
                let last = reply.body.len() - 1;
                reply = Reply { status: 206, body: reply.body[from..].to_vec(), ..Reply::default() }
                    .with("content-range", format!("bytes {from}-{last}/{}", last + 1));
            }
            reply.cut = Some(50_000);
        }
        reply
    };
    let stub = Stub::of(&package, part.clone()).await;
    assert_eq!(client(&stub.registry).pull(&reference(&stub, ":1.0.0"), None).await.unwrap(), package);
    let ranges: Vec<_> =
        stub.asked.lock().iter().map(|a| a.header("range").to_owned()).filter(|r| !r.is_empty()).collect();
    assert_eq!(ranges, ["bytes=50000-", "bytes=100000-", "bytes=150000-", "bytes=200000-"]);

    // One that gives nothing more is told as such, and what came is kept for the next pull.
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &LIMITS).unwrap();
    let digest = package.component().digest().to_string();
    let stuck = Stub::of(&package, move |asked, mut reply| {
        if asked.line.contains(&digest) {
            match asked.header("range") {
                "" => reply.cut = Some(50_000),
                _ => return Reply::status(500),
            }
        }
        reply
    })
    .await;
    let error = client(&stuck.registry).pull(&reference(&stuck, ":1.0.0"), Some(&store)).await.unwrap_err();
    assert!(matches!(error, OciError::Truncated { got: 50_000, .. }), "{error}");
    assert_eq!(error.code(), "truncated-pull");
    let again = Stub::of(&package, part).await;
    let pulled = client(&again.registry).pull(&reference(&again, ":1.0.0"), Some(&store)).await.unwrap();
    assert_eq!(pulled, package);
    let first = again
        .asked
        .lock()
        .iter()
        .find(|asked| asked.line.contains("/blobs/") && !asked.header("range").is_empty())
        .cloned();
    assert_eq!(first.unwrap().header("range"), "bytes=50000-");
    assert!(size > 200_000);

    // What is in the store is not asked for again.
    let before = again.asked.lock().len();
    client(&again.registry).pull(&reference(&again, ":1.0.0"), Some(&store)).await.unwrap();
    let blobs = again.lines().into_iter().skip(before).filter(|line| line.contains("/blobs/")).count();
    assert_eq!(blobs, 0);
}

#[tokio::test]
async fn several_pull_the_same_at_once_and_none_writes_into_what_another_has() {
    let package = package();
    let stub = Stub::of(&package, |_, reply| reply).await;
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &LIMITS).unwrap();
    let clients: Vec<_> = (0..8).map(|_| client(&stub.registry)).collect();
    let reference = reference(&stub, ":1.0.0");
    let pulls = clients.iter().map(|client| client.pull(&reference, Some(&store)));
    for pulled in futures::future::join_all(pulls).await {
        assert_eq!(pulled.unwrap().to_tar(&LIMITS).unwrap(), package.to_tar(&LIMITS).unwrap());
    }
    assert_eq!(store.package(package.digest()).unwrap(), Some(package));
    let left = std::fs::read_dir(folder.path().join("partial")).unwrap();
    let left: Vec<_> = left.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    assert!(left.iter().all(|name| name.ends_with(".lock")), "{left:?}");
}

#[tokio::test]
async fn a_token_is_fetched_for_the_registry_and_goes_nowhere_else() {
    let package = package();
    let elsewhere = Stub::of(&package, |_, reply| reply).await;
    let other = elsewhere.registry.clone();
    let stub = Stub::of(&package, move |asked, reply| {
        let host = asked.header("host").to_owned();
        if asked.line.starts_with("GET /token?") {
            if asked.header("authorization") != "Basic bWU6cHc=" {
                return Reply::status(401);
            }
            assert!(
                asked.line.contains("service=here") && asked.line.contains("scope=repository%3Ap%3Apull"),
                "{asked:?}"
            );
            return Reply::ok("{\"token\":\"t0ken\"}");
        }
        if asked.header("authorization") != "Bearer t0ken" {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"here\"");
            return Reply::status(401).with("www-authenticate", challenge);
        }
        if asked.line.contains("/blobs/") {
            let path = asked.line.split(' ').nth(1).unwrap();
            return Reply::status(307).with("location", format!("http://{other}{path}"));
        }
        reply
    })
    .await;
    let mut options = options(&stub.registry);
    options.plain_http.insert(elsewhere.registry.clone());
    let basic = Credentials::Basic { user: "me".into(), password: "pw".to_owned().into() };
    options.credentials.insert(stub.registry.clone(), basic);
    let known = Client::new(options).unwrap();
    assert_eq!(known.pull(&reference(&stub, ":1.0.0"), None).await.unwrap(), package);
    assert!(elsewhere.asked.lock().iter().all(|asked| asked.header("authorization").is_empty()));
    assert!(!elsewhere.asked.lock().is_empty());
    assert_eq!(
        stub.lines().iter().filter(|line| line.contains("/token")).count(),
        1,
        "one token for all of it"
    );
    assert_eq!(
        code(&stub, ":1.0.0").await,
        "registry-unauthorized",
        "nobody without credentials gets a token"
    );
}

#[tokio::test]
async fn credentials_and_redirects_need_tls() {
    let package = package();
    let leak = Stub::of(&package, |_, _| {
        Reply::status(401).with("www-authenticate", "Bearer realm=\"http://tokens.example/t\"")
    });
    assert_eq!(code(&leak.await, ":1.0.0").await, "registry-challenge");
    let strange = Stub::of(&package, |_, _| Reply::status(401).with("www-authenticate", "Negotiate"));
    assert_eq!(code(&strange.await, ":1.0.0").await, "registry-challenge");
    let wants = Stub::of(&package, |_, _| Reply::status(401).with("www-authenticate", "Basic realm=\"x\""));
    assert_eq!(code(&wants.await, ":1.0.0").await, "registry-unauthorized");
    for away in ["http://elsewhere.example/", "file:///etc/passwd"] {
        let redirects = Stub::of(&package, move |_, _| Reply::status(302).with("location", away));
        assert_eq!(code(&redirects.await, ":1.0.0").await, "registry-redirect", "{away}");
    }
    let circles = Stub::of(&package, |asked, _| {
        Reply::status(302).with("location", asked.line.split(' ').nth(1).unwrap().to_owned())
    });
    assert_eq!(code(&circles.await, ":1.0.0").await, "registry-redirect");
}

#[tokio::test]
async fn a_mirror_serves_content_and_never_says_what_a_tag_means() {
    let package = package();
    let registry = Stub::of(&package, |_, reply| reply).await;
    let asked = std::sync::Arc::new(AtomicUsize::new(0));
    let count = std::sync::Arc::clone(&asked);
    let mirror = Stub::of(&package, move |asked, mut reply| {
        // One that changes every second thing that it gives.
        if count.fetch_add(1, Ordering::Relaxed).is_multiple_of(2) && asked.line.contains("/blobs/") {
            reply.body = vec![0; reply.body.len()];
        }
        reply
    })
    .await;
    let mut options = options(&registry.registry);
    options.plain_http.insert(mirror.registry.clone());
    options.mirrors.insert(registry.registry.clone(), vec![mirror.registry.clone()]);
    let client = Client::new(options).unwrap();
    assert_eq!(client.pull(&reference(&registry, ":1.0.0"), None).await.unwrap(), package);
    assert!(asked.load(Ordering::Relaxed) > 2);
    assert!(!mirror.lines().iter().any(|line| line.contains("/manifests/1.0.0")), "{:?}", mirror.lines());
}

#[tokio::test]
async fn the_store_keeps_what_packages_need_and_nothing_damaged() {
    let folder = tempfile::tempdir().unwrap();
    let store = Store::open(folder.path(), &LIMITS).unwrap();
    let package = package();
    let mut other = support::package();
    other.attach(waystation_bundle::Kind::Lock, "x = 1", &LIMITS).unwrap();
    store.add(&package).unwrap();
    assert_eq!(store.packages().unwrap(), [package.digest()]);
    assert_eq!(store.package(package.digest()).unwrap(), Some(package.clone()));
    assert_eq!(store.collect().unwrap(), 0);
    // The same plugin with more attached takes its place.
    store.add(&other).unwrap();
    assert_eq!(store.package(package.digest()).unwrap(), Some(other.clone()));
    std::fs::write(folder.path().join("blobs/sha256").join("f".repeat(64)), "nobody's").unwrap();
    assert_eq!(store.collect().unwrap(), 8);
    assert_eq!(store.package(package.digest()).unwrap(), Some(other.clone()));
    let component = folder.path().join("blobs/sha256").join(package.component().digest().hex());
    std::fs::write(&component, "damaged").unwrap();
    assert_eq!(store.package(package.digest()).unwrap_err().code(), "missing-blob");
    store.add(&package).unwrap();
    assert_eq!(store.package(package.digest()).unwrap(), Some(package.clone()));
    assert!(store.remove(package.digest()).unwrap() && !store.remove(package.digest()).unwrap());
    assert!(store.collect().unwrap() > 200_000);
    assert_eq!(std::fs::read_dir(folder.path().join("blobs/sha256")).unwrap().count(), 0);
}

#[tokio::test]
async fn a_file_is_downloaded_within_bounds() {
    let stub = Stub::start(|asked| match asked.line.split(' ').nth(1).unwrap() {
        "/good" => Reply::ok("content"),
        "/moved" => Reply::status(302).with("location", "/good"),
        "/away" => Reply::status(302).with("location", "http://elsewhere.example/good"),
        "/circle" => Reply::status(302).with("location", "/circle"),
        "/cut" => Reply { cut: Some(3), ..Reply::ok("content") },
        "/forbidden" => Reply::status(403),
        "/broken" => Reply::status(500),
        _ => Reply::status(404),
    })
    .await;
    let client = client(&stub.registry);
    let get = async |path: &str, limit| {
        let url = format!("http://{}{path}", stub.registry).parse().unwrap();
        let file = client.download(&url, limit).await.map_err(|e| e.code());
        file.map(|file| file.map(|bytes| bytes.to_vec()))
    };
    assert_eq!(get("/good", 7).await, Ok(Some(b"content".to_vec())));
    assert_eq!(get("/moved", 7).await, Ok(Some(b"content".to_vec())));
    assert_eq!((get("/none", 7).await, get("/forbidden", 7).await), (Ok(None), Ok(None)));
    for (path, code) in [
        ("/good", "too-large"),
        ("/away", "registry-redirect"),
        ("/circle", "registry-redirect"),
        ("/cut", "registry-unreachable"),
        ("/broken", "registry-refused"),
    ] {
        assert_eq!(get(path, 6).await, Err(code), "{path}");
    }
    // Without TLS only where the server was named for it.
    let other = Client::new(options("other.example")).unwrap();
    let url = format!("http://{}/good", stub.registry).parse().unwrap();
    assert_eq!(other.download(&url, 7).await.unwrap_err().code(), "registry-redirect");
}
