//! Providers that are down, slow, or talk nonsense: nobody gets in, and nothing of the host waits for them.

use std::time::Instant;

use anyhow::Result;
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::oidc::{Browser, folder, section};
use waystation_tests::patience::PATIENCE;
use waystation_tests::{Host, Reply, StandIn};

use super::crooked::{Asked, Crooked};
use super::{at, bound, code, is, last, owner, record};

/// One provider for each case, since one that failed is left alone for a moment.
fn sections(site: &StandIn, names: &[&str]) -> String {
    let one = |name: &&str| section(&site.url(&format!("/{name}")), "waystation", "").replace("corp", name);
    names.iter().map(one).collect()
}

fn document(site: &StandIn, name: &str) -> Value {
    json!({
        "issuer": site.url(&format!("/{name}")),
        "authorization_endpoint": site.url("/auth"),
        "token_endpoint": site.url("/token"),
        "jwks_uri": site.url("/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256"],
    })
}

#[tokio::test]
async fn a_provider_that_talks_nonsense_sends_nobody_anywhere() -> Result<()> {
    let site = StandIn::start().await?;
    let with = |name: &str, key: &str, value: Value| {
        let mut document = document(&site, name);
        document[key] = value;
        Reply::json(&document)
    };
    site.on("/jwks", Reply::json(&json!({ "keys": [] })));
    let cases = [
        ("nonsense", Reply::body("nonsense"), "provider-metadata"),
        ("empty", Reply::json(&json!({})), "provider-metadata"),
        ("missing", Reply::status(404), "provider-metadata"),
        ("elsewhere", Reply::to(site.url("/nonsense/.well-known/openid-configuration")), "provider-metadata"),
        ("another", with("another", "issuer", json!("https://id.example")), "provider-metadata"),
        ("slash", with("slash", "issuer", json!(site.url("/slash/"))), "provider-metadata"),
        ("endless", Reply::Endless, "provider-answer-too-large"),
        ("large", Reply::body(vec![b' '; 10 << 20]), "provider-answer-too-large"),
        ("half", Reply::Half(b"{\"issuer\":".to_vec()), "provider-unreachable"),
        ("raw", Reply::Raw(b"no HTTP at all\r\n\r\n".to_vec()), "provider-unreachable"),
        ("keys-plain", with("keys-plain", "jwks_uri", json!("http://id.example/jwks")), "provider-unsafe"),
        ("keys-inside", with("keys-inside", "jwks_uri", json!("file:///etc/passwd")), "provider-metadata"),
        ("script", with("script", "authorization_endpoint", json!("javascript:alert(1)")), "provider-unsafe"),
    ];
    let names: Vec<&str> = cases.iter().map(|(name, ..)| *name).collect();
    let folder = folder(&sections(&site, &names))?;
    let host = Host::start(&folder).await?;
    for (name, reply, why) in cases {
        site.on(&format!("/{name}/.well-known/openid-configuration"), reply);
        let page = Browser::new(host.api.base())?.open(&at(&format!("/login/oidc/{name}"))).await?;
        assert_eq!((page.answer.status, page.code()), (502, "provider-unavailable"), "{name}");
        assert_eq!(last(&host).await?, (format!("oidc:{name}"), why.into()), "{name}");
    }
    // One that failed is left alone for a moment, and what it says later counts.
    let page = Browser::new(host.api.base())?.open(&at("/login/oidc/script")).await?;
    assert_eq!(page.answer.status, 502);
    let seen = site.seen_at("/nonsense/.well-known/openid-configuration").len();
    Browser::new(host.api.base())?.open(&at("/login/oidc/nonsense")).await?;
    assert_eq!(site.seen_at("/nonsense/.well-known/openid-configuration").len(), seen);
    host.stop().await
}

#[tokio::test]
async fn a_provider_that_is_down_or_slow_holds_up_nobody() -> Result<()> {
    let gone = {
        let site = StandIn::start().await?;
        site.origin()
    };
    let site = StandIn::start().await?;
    let down = section(&gone, "waystation", "").replace("corp", "down");
    let folder = folder(&format!("{down}{}", sections(&site, &["silent", "drip"])))?;
    site.on("/silent/.well-known/openid-configuration", Reply::Silent);
    site.on("/drip/.well-known/openid-configuration", Reply::Drip);
    let host = Host::start(&folder).await?;
    let begun = Instant::now();
    let open =
        async |name: &str| Browser::new(host.api.base())?.open(&at(&format!("/login/oidc/{name}"))).await;
    // Two of them at once wait for one question.
    let (down, silent, again, drip, others) =
        tokio::try_join!(open("down"), open("silent"), open("silent"), open("drip"), async {
            host.api.get("/api/v1/auth/me").await
        })?;
    assert!(!others.is_null());
    for page in [down, silent, again, drip] {
        assert_eq!((page.answer.status, page.code()), (502, "provider-unavailable"));
    }
    assert!(begun.elapsed() < PATIENCE);
    let mut told: Vec<String> =
        record(&host).await?.into_iter().map(|(who, why)| format!("{who} {why}")).collect();
    told.sort();
    let expected = [
        "oidc:down provider-unreachable",
        "oidc:drip provider-slow",
        "oidc:silent provider-resting",
        "oidc:silent provider-slow",
    ];
    assert!(expected.iter().all(|one| told.iter().any(|row| row == one)), "{told:?}");
    assert_eq!(site.seen_at("/silent/.well-known/openid-configuration").len(), 1);
    host.stop().await
}

#[tokio::test]
async fn a_provider_that_fails_when_somebody_is_back_lets_nobody_in() -> Result<()> {
    let crooked = Crooked::start().await?;
    let folder = folder(&section(&crooked.issuer(), "waystation", ""))?;
    let host = Host::start(&folder).await?;
    bound(&owner(&host).await?, "ann", "ann", &[]).await?;
    for (reply, status, why) in [
        (Reply::status(500), 403, "provider-token"),
        (Reply::body("nonsense"), 403, "provider-token"),
        (
            Reply::Whole { status: 400, headers: vec![], body: br#"{"error":"invalid_grant"}"#.to_vec() },
            403,
            "provider-token",
        ),
        (Reply::to("https://id.example/token"), 403, "provider-token"),
        (Reply::Endless, 502, "provider-answer-too-large"),
        (Reply::Half(b"{".to_vec()), 502, "provider-unreachable"),
    ] {
        let asked = Asked::leave(&host).await?;
        crooked.site.on("/token", reply);
        let page = asked.come_back().await?;
        assert_eq!(page.answer.status, status, "{why}");
        assert_eq!(last(&host).await?, ("oidc:corp".into(), why.into()));
    }
    // The owner logs in as ever.
    owner(&host).await?;
    host.stop().await
}

#[tokio::test]
async fn logins_at_providers_are_counted_by_address() -> Result<()> {
    let crooked = Crooked::start().await?;
    crooked.site.on("/auth", Reply::status(204));
    let folder = folder(&section(&crooked.issuer(), "waystation", ""))?;
    folder
        .write(&std::fs::read_to_string(folder.config())?.replace("login_rate = 1000", "login_rate = 3"))?;
    let host = Host::start(&folder).await?;
    let start = async || host.api.send(host.api.anonymous(Method::GET, "/login/oidc/corp")).await;
    for _ in 0..3 {
        assert_eq!(start().await?.status, 204);
    }
    let told = start().await?;
    assert_eq!(told.status, 429);
    assert!(told.text.contains("<code>too-many-attempts</code>") && !told.header("retry-after").is_empty());
    let me = host.api.send(host.api.anonymous(Method::GET, "/api/v1/auth/me")).await?;
    assert_eq!(code(&me), is(401, "unauthorized"));
    host.stop().await
}
