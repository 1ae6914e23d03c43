//! A login belongs to the browser that it was begun in, once, and for a short time.

use anyhow::{Context as _, Result};
use reqwest::{Method, Url};
use serde_json::json;
use waystation_tests::api::{list, text};
use waystation_tests::oidc::{Browser, PUBLIC, folder, section};
use waystation_tests::{Host, totp};

use super::crooked::{Asked, Crooked, back};
use super::{START, as_of, at, bind, bound, code, is, last, owner, record, tamper};

#[tokio::test]
async fn a_state_is_good_once_in_its_browser_and_for_a_while() -> Result<()> {
    let crooked = Crooked::start().await?;
    let folder = folder(&section(&crooked.issuer(), "waystation", ""))?;
    let host = Host::start(&folder).await?;
    bound(&owner(&host).await?, "ann", "ann", &[]).await?;
    let gone = |page: &waystation_tests::oidc::Page| {
        (page.answer.status, page.code().to_owned()) == is(410, "login-gone")
    };
    let asked = Asked::leave(&host).await?;
    crooked.gives(&crooked.token(&asked, "ann"));
    // In another browser, with a cookie of its own or none, it opens nothing, and is not used up by that.
    let thief = Browser::new(host.api.base())?;
    let link = back(&[("code", "any"), ("state", &asked.state)])?;
    assert!(gone(&thief.open(link.as_str()).await?));
    let other = Asked::leave_by(thief, START).await?;
    assert!(gone(&other.browser.open(link.as_str()).await?));
    // Made up, not at all, twice, too long.
    for query in [
        vec![],
        vec![("code", "any")],
        vec![("code", "any"), ("state", "x")],
        vec![
            ("code", "any"),
            ("state", "wsq_0000000000000000000000000000000000000000000000000000000000000000"),
        ],
        vec![("code", "any"), ("state", asked.state.as_str()), ("state", asked.state.as_str())],
        vec![("state", asked.state.as_str()), ("code", &"x".repeat(20_000))],
    ] {
        assert!(gone(&asked.come_back_with(&query).await?), "{query:?}");
    }
    assert!(crooked.site.seen_at("/token").is_empty(), "nothing of this went to the provider");
    let page = asked.come_back().await?;
    assert!(page.brought("login").is_some(), "{page:?}");
    assert!(gone(&asked.come_back().await?), "once");
    assert_eq!(crooked.site.seen_at("/token").len(), 1);
    // Too late.
    let asked = Asked::leave(&host).await?;
    tamper(&folder, "UPDATE provider_states SET expires_at = expires_at - 600000000").await?;
    assert!(gone(&asked.come_back().await?));
    // Of another tenant.
    let asked = Asked::leave(&host).await?;
    tamper(&folder, "INSERT INTO tenants (name, created_at) VALUES ('other', 0); UPDATE provider_states SET tenant = 'other'").await?;
    assert!(gone(&asked.come_back().await?));
    // The provider says no, and why is not shown to whoever comes.
    let asked = Asked::leave(&host).await?;
    let page = asked
        .come_back_with(&[
            ("error", "access_denied"),
            ("error_description", "<b>evil</b>"),
            ("state", &asked.state),
        ])
        .await?;
    assert_eq!((page.answer.status, page.code()), (403, "login-refused"));
    assert!(!page.answer.text.contains("evil") && !page.answer.text.contains("access_denied"));
    assert_eq!(last(&host).await?.1, "provider-said-no");
    // Another provider answers in its place (RFC 9207).
    let mut metadata = crooked.metadata();
    metadata["authorization_response_iss_parameter_supported"] = json!(true);
    crooked.announce(&metadata);
    host.stop().await?;
    let host = Host::start(&folder).await?;
    for (issuer, good) in
        [(None, false), (Some("https://evil.example"), false), (Some(crooked.issuer().as_str()), true)]
    {
        let asked = Asked::leave(&host).await?;
        crooked.gives(&crooked.token(&asked, "ann"));
        let mut query = vec![("code", "any"), ("state", asked.state.as_str())];
        query.extend(issuer.map(|issuer| ("iss", issuer)));
        let page = asked.come_back_with(&query).await?;
        assert_eq!(page.brought("login").is_some(), good, "{issuer:?}");
        if !good {
            assert_eq!(last(&host).await?.1, "provider-mixed-up");
        }
    }
    // Nobody is sent elsewhere, or to a provider that there is not.
    for (path, status, word) in [
        ("/login/oidc/none", 404, "no-such-provider"),
        ("/login/oidc/none/callback?state=x&code=x", 404, "no-such-provider"),
        ("/login/oidc/corp?next=https://evil.example", 400, "bad-next"),
        ("/login/oidc/corp?next=//evil.example", 400, "bad-next"),
        ("/login/oidc/corp?next=/device&next=/device", 400, "bad-next"),
    ] {
        let page = Browser::new(host.api.base())?.open(&at(path)).await?;
        assert_eq!((page.answer.status, page.code()), (status, word), "{path}");
    }
    host.stop().await
}

#[tokio::test]
async fn what_a_page_was_brought_logs_in_once_there_and_soon() -> Result<()> {
    let crooked = Crooked::start().await?;
    let folder = folder(&section(&crooked.issuer(), "waystation", ""))?;
    let host = Host::start(&folder).await?;
    bound(&owner(&host).await?, "ann", "ann", &[]).await?;
    let come = async || {
        let asked = Asked::leave(&host).await?;
        crooked.gives(&crooked.token(&asked, "ann"));
        let brought = asked.come_back().await?.brought("login").context("nothing was brought")?;
        anyhow::Ok((asked.browser, json!({ "code": brought })))
    };
    let (browser, entry) = come().await?;
    let thief = Browser::new(host.api.base())?;
    assert_eq!(code(&thief.exchange(&entry).await?), is(410, "gone"), "without the cookie");
    let thief = Asked::leave_by(thief, START).await?.browser;
    assert_eq!(code(&thief.exchange(&entry).await?), is(410, "gone"), "with another one");
    assert_eq!(browser.exchange(&entry).await?.status, 200, "nobody else used it up");
    assert_eq!(code(&browser.exchange(&entry).await?), is(410, "gone"), "once");
    let (browser, entry) = come().await?;
    let cookie = browser.cookies(&Url::parse(PUBLIC)?);
    tamper(&folder, "UPDATE provider_codes SET expires_at = expires_at - 30000000").await?;
    assert_eq!(code(&browser.exchange(&entry).await?), is(410, "gone"), "half a minute later");
    assert!(!cookie.is_empty());
    for (body, status, word) in [
        (json!({ "code": "x" }), 410, "gone"),
        (json!({ "code": format!("wso_{}", "0".repeat(64)) }), 410, "gone"),
        (json!({}), 422, "bad-body"),
        (json!({ "code": 7 }), 422, "bad-body"),
        (json!({ "code": "x", "name": "olga" }), 422, "bad-body"),
    ] {
        assert_eq!(code(&browser.exchange(&body).await?), is(status, word), "{body}");
    }
    // Many at once, of one browser: one is in.
    let (browser, entry) = come().await?;
    let all = futures::future::try_join_all((0..8).map(|_| browser.exchange(&entry))).await?;
    assert_eq!(all.iter().filter(|one| one.status == 200).count(), 1, "{all:?}");
    // And what the whole was for is on record.
    assert_eq!(
        record(&host)
            .await?
            .iter()
            .filter(|(who, how)| (who.as_str(), how.as_str()) == ("ann", "ok"))
            .count(),
        2
    );
    host.stop().await
}

#[tokio::test]
async fn a_second_factor_is_asked_for_here_unless_that_is_for_the_provider() -> Result<()> {
    let crooked = Crooked::start().await?;
    let config = section(&crooked.issuer(), "waystation", "");
    let folder = folder(&config)?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    // Ann has a password and a second factor, and comes from the provider as well.
    let added = owner.post("/api/v1/users", &json!({ "name": "ann", "roles": [] })).await?;
    let link = json!({ "link": added["password_link"]["link"], "password": "a good password" });
    let used = host.api.send(host.api.anonymous(Method::POST, "/api/v1/auth/link/use").json(&link)).await?;
    let ann = host.api.with_token(text(&used.json(), "access_token"));
    let path = "/api/v1/auth/second-factor";
    let begun = ann.post(path, &json!({ "password": "a good password" })).await?;
    let digits = totp::now(text(&begun, "secret"))?;
    let codes = ann.post(&format!("{path}/confirm"), &json!({ "code": digits })).await?;
    let recovery = list(&codes, "recovery_codes");
    bind(&owner, "ann", "ann").await?;
    let come = async || {
        let asked = Asked::leave(&host).await?;
        crooked.gives(&crooked.token(&asked, "ann"));
        let brought = asked.come_back().await?.brought("login").context("nothing was brought")?;
        anyhow::Ok((asked.browser, brought))
    };
    let (browser, entry) = come().await?;
    let plain = json!({ "code": entry });
    assert_eq!(code(&browser.exchange(&plain).await?), is(401, "second-factor"));
    assert_eq!(code(&browser.exchange(&plain).await?), is(401, "second-factor"));
    // There is time to look for it: more than half a minute, and not without end.
    tamper(&folder, "UPDATE provider_codes SET expires_at = expires_at - 120000000").await?;
    let with = |factor: &str| json!({ "code": entry, "second_factor": factor });
    assert_eq!(code(&browser.exchange(&with("aaaa-bbbb-cccc-dddd")).await?), is(401, "wrong-code"));
    assert_eq!(code(&browser.exchange(&with(&digits)).await?), is(401, "code-used"));
    assert_eq!(last(&host).await?, ("ann".into(), "code-used".into()));
    let first = recovery[0].as_str().context("no code")?;
    let other = Browser::new(host.api.base())?;
    assert_eq!(code(&other.exchange(&with(first)).await?), is(410, "gone"), "both, and another browser");
    let in_ = browser.exchange(&with(first)).await?;
    as_of(&host, &in_).await?;
    assert_eq!(code(&browser.exchange(&with(first)).await?), is(410, "gone"));
    // Guessing it locks the name, as with passwords.
    let (browser, entry) = come().await?;
    for _ in 0..10 {
        browser.exchange(&json!({ "code": entry, "second_factor": "000000x" })).await?;
    }
    let second = recovery[1].as_str().context("no code")?;
    let locked = browser.exchange(&json!({ "code": entry, "second_factor": second })).await?;
    assert_eq!(code(&locked), is(429, "locked"));
    host.stop().await?;

    let other = waystation_tests::oidc::folder(&section(
        &crooked.issuer(),
        "waystation",
        "second_factor = \"provider\"\n",
    ))?;
    folder.write(&std::fs::read_to_string(other.config())?)?;
    let host = Host::start(&folder).await?;
    let asked = Asked::leave(&host).await?;
    crooked.gives(&crooked.token(&asked, "ann"));
    let brought = asked.come_back().await?.brought("login");
    assert_eq!(asked.browser.exchange(&json!({ "code": brought })).await?.status, 200);
    host.stop().await
}

#[tokio::test]
async fn the_cookie_of_a_login_is_for_this_host_over_tls_alone() -> Result<()> {
    let crooked = Crooked::start().await?;
    let more = section(&crooked.issuer(), "waystation", "title = \"Log in with <b>Corp</b>\"\n");
    let plain = folder(&more)?;
    let start = async |host: &Host| host.api.send(host.api.anonymous(Method::GET, "/login/oidc/corp")).await;
    // The client of the API follows no further than the provider, which is not there.
    crooked.site.on("/auth", waystation_tests::Reply::status(204));
    let host = Host::start(&plain).await?;
    let browser = Browser::new(host.api.base())?;
    let told = browser.send(Method::GET, &Url::parse(START)?, None).await?;
    let cookie = told.header("set-cookie");
    assert!(cookie.starts_with("waystation-login=wsb_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=900"), "{cookie}");
    assert_eq!((told.header("cache-control"), told.header("referrer-policy")), ("no-store", "no-referrer"));
    assert_eq!(start(&host).await?.status, 204);
    let providers = host.api.get("/api/v1/auth/providers").await?;
    let one = &list(&providers, "providers")[0];
    assert_eq!((text(one, "url"), text(one, "title")), (START, "Log in with <b>Corp</b>"));
    host.stop().await?;
    let public = PUBLIC.replace("http://", "https://");
    let config = std::fs::read_to_string(plain.config())?.replace(PUBLIC, &public);
    plain.write(&config)?;
    let host = Host::start(&plain).await?;
    let browser = Browser::new(host.api.base())?;
    let told = browser.send(Method::GET, &Url::parse(START)?, None).await?;
    let cookie = told.header("set-cookie");
    assert!(cookie.starts_with("__Host-waystation-login=wsb_"), "{cookie}");
    assert!(cookie.ends_with("; Path=/; HttpOnly; SameSite=Lax; Max-Age=900; Secure"), "{cookie}");
    assert!(
        told.header("location")
            .contains("redirect_uri=https%3A%2F%2Fwaystation.test%2Flogin%2Foidc%2Fcorp%2Fcallback")
    );
    host.stop().await
}
