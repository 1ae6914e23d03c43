//! Who gets in through a real provider, as whom, and until when.

use anyhow::{Context as _, Result};
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::oidc::{Browser, CLIENT_SECRET, Provider, folder, secret, section};
use waystation_tests::{Host, until};

use super::{BACK, JOIN, START, as_of, at, bind, bound, code, enter, is, last, owner, record, status};

#[tokio::test]
async fn whoever_is_bound_logs_in_and_nobody_else() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "waystation", &secret()))?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    // Who is known to the provider is unknown here, whatever they are called.
    owner.post("/api/v1/users", &json!({ "name": "ann", "roles": ["viewer"] })).await?;
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!((page.answer.status, page.code()), (403, "login-refused"), "{page:?}");
    assert!(page.answer.header("content-security-policy").starts_with("default-src 'none'"));
    assert_eq!(last(&host).await?, ("corp/ann".into(), "unknown-subject".into()));
    // With a binding they are.
    let ran = folder.run(&["user", "bind", "ann", "--provider", "corp", "--subject", "ann"]).await?;
    assert!(ran.code == 4 && ran.stderr.contains("login-needed"), "a token makes no way in: {ran:?}");
    let id = bind(&owner, "ann", "ann").await?;
    let entered = enter(&host, "ann").await?;
    let ann = as_of(&host, &entered).await?;
    assert!(entered.header("set-cookie").contains("Max-Age=0"), "{entered:?}");
    let me = ann.get("/api/v1/auth/me").await?;
    assert_eq!((text(&me, "name"), me["roles"].clone()), ("ann", json!(["viewer"])));
    assert_eq!(last(&host).await?, ("ann".into(), "ok".into()));
    let logins = ann.get("/api/v1/auth/logins").await?;
    assert_eq!(text(&list(&logins, "logins")[0], "method"), "oidc:corp");
    let mine = ann.get("/api/v1/auth/identities").await?;
    assert_eq!(text(&list(&mine, "identities")[0], "subject"), "ann");
    assert!(!list(&mine, "identities")[0]["used_at"].is_null());
    // It goes on as any login does.
    let tokens = entered.json();
    let exchange = async |token: &str| {
        let body = json!({ "refresh_token": token });
        host.api.send(host.api.anonymous(Method::POST, "/api/v1/auth/refresh").json(&body)).await
    };
    let next = exchange(text(&tokens, "refresh_token")).await?;
    assert_eq!(next.status, 200);
    // Subjects are compared letter by letter.
    let page = Browser::new(host.api.base())?.log_in(START, "Ann").await?;
    assert_eq!(page.code(), "login-refused");

    // What is taken back is gone at once, and so is what came by it.
    let shown = folder.run(&["user", "show", "ann"]).await?;
    assert!(shown.stdout.contains("logs in at corp as ann"), "{shown:?}");
    let theirs = format!("/api/v1/users/ann/identities/{id}");
    owner.post("/api/v1/users", &json!({ "name": "eve", "roles": [] })).await?;
    let other = owner.request(Method::DELETE, &format!("/api/v1/users/eve/identities/{id}"));
    assert_eq!(code(&owner.send(other).await?), is(404, "no-such-identity"));
    let gone = owner.send(owner.request(Method::DELETE, &theirs)).await?;
    assert_eq!(gone.status, 204, "{gone:?}");
    assert_eq!(status(&ann, "/api/v1/auth/me").await?, 401);
    let again = exchange(text(&next.json(), "refresh_token")).await?;
    assert_eq!(code(&again), is(401, "login-ended"));
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!(page.code(), "login-refused");
    // Nobody is two.
    bind(&owner, "ann", "ann").await?;
    let body = json!({ "provider": "corp", "subject": "ann" });
    let twice = owner.send(owner.request(Method::POST, "/api/v1/users/eve/identities").json(&body)).await?;
    assert_eq!(code(&twice), is(409, "identity-taken"));
    for (body, status, word) in [
        (json!({ "provider": "none", "subject": "x" }), 422, "no-such-provider"),
        (json!({ "provider": "corp", "subject": "" }), 422, "bad-value"),
        (json!({ "provider": "corp", "subject": "a b" }), 422, "bad-value"),
        (json!({ "provider": "corp" }), 422, "bad-body"),
    ] {
        let told =
            owner.send(owner.request(Method::POST, "/api/v1/users/eve/identities").json(&body)).await?;
        assert_eq!(code(&told), is(status, word), "{body}");
    }
    owner.post("/api/v1/users", &json!({ "name": "bot", "service": true })).await?;
    let body = json!({ "provider": "corp", "subject": "bot" });
    let told = owner.send(owner.request(Method::POST, "/api/v1/users/bot/identities").json(&body)).await?;
    assert_eq!(code(&told), is(409, "is-a-service"));
    host.stop().await
}

#[tokio::test]
async fn what_is_taken_from_a_user_ends_logins_that_came_from_a_provider() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "posting", &secret()))?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    bound(&owner, "ann", "ann", &["viewer"]).await?;
    let ann = as_of(&host, &enter(&host, "ann").await?).await?;
    assert_eq!(status(&ann, "/api/v1/items").await?, 200);
    // Other roles: another login.
    let body = json!({ "roles": ["operator"] });
    owner.send(owner.request(Method::PUT, "/api/v1/users/ann/roles").json(&body)).await?;
    assert_eq!(status(&ann, "/api/v1/items").await?, 401);
    let ann = as_of(&host, &enter(&host, "ann").await?).await?;
    // Locked out: the login ends, and there is no other; a code that is on its way opens nothing.
    let browser = Browser::new(host.api.base())?;
    let page = browser.log_in(START, "ann").await?;
    owner.post("/api/v1/users/ann/lock", &json!({})).await?;
    assert_eq!(status(&ann, "/api/v1/items").await?, 401);
    let late = browser.exchange(&json!({ "code": page.brought("login") })).await?;
    assert_eq!(code(&late), is(410, "gone"));
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!(page.code(), "login-refused");
    assert_eq!(last(&host).await?, ("corp/ann".into(), "user-locked".into()));
    owner.post("/api/v1/users/ann/unlock", &json!({})).await?;
    assert_eq!(enter(&host, "ann").await?.status, 200);
    owner.send(owner.request(Method::DELETE, "/api/v1/users/ann")).await?;
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!(page.code(), "login-refused");
    host.stop().await
}

#[tokio::test]
async fn members_of_a_group_become_users_and_others_do_not() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let config = section(provider.issuer(), "public", JOIN);
    let folder = folder(&config)?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    let ann = as_of(&host, &enter(&host, "ann").await?).await?;
    let me = ann.get("/api/v1/auth/me").await?;
    assert_eq!((text(&me, "name"), me["roles"].clone()), ("ann", json!(["operator"])));
    let added = host.api.get("/api/v1/audit?action=user.add&actor=oidc:corp").await?;
    assert_eq!(list(&added, "rows").len(), 1);
    // A name is written as names are; the subject stays as it is.
    let cleo = as_of(&host, &enter(&host, "Cleo").await?).await?;
    assert_eq!(text(&cleo.get("/api/v1/auth/me").await?, "name"), "cleo");
    // Without the group, without a name, and with that of another user: nobody, and nothing is left of it.
    owner.post("/api/v1/users", &json!({ "name": "dora", "roles": ["owner"] })).await?;
    for (who, why) in [("bob", "not-a-member"), ("No%20Name", "not-a-member"), ("dora", "not-a-member")] {
        let page = Browser::new(host.api.base())?.log_in(START, who).await?;
        assert_eq!(page.code(), "login-refused", "{who}");
        assert_eq!(last(&host).await?.1, why, "{who}");
    }
    let users = owner.get("/api/v1/users").await?;
    let names: Vec<String> = list(&users, "users").iter().map(|user| text(user, "name").to_owned()).collect();
    assert_eq!(names, ["ann", "cleo", "dora", "olga"]);
    let listed = folder.run(&["user", "list"]).await?;
    assert!(listed.stdout.contains("logs in at a provider"), "{listed:?}");
    // They are given roles once; later that is for this host to say.
    let body = json!({ "roles": ["viewer"] });
    owner.send(owner.request(Method::PUT, "/api/v1/users/ann/roles").json(&body)).await?;
    let ann = as_of(&host, &enter(&host, "ann").await?).await?;
    assert_eq!(ann.get("/api/v1/auth/me").await?["roles"], json!(["viewer"]));
    host.stop().await?;

    // Who is no member any more is out again, unless somebody bound them; a role that is not there gives nobody a way in.
    let other = config.replace("[\"ops\"]", "[\"elsewhere\"]");
    let other = waystation_tests::oidc::folder(&other)?;
    let now = std::fs::read_to_string(other.config())?;
    folder.write(&now)?;
    let host = Host::start(&folder).await?;
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!((page.code(), last(&host).await?.1.as_str()), ("login-refused", "not-a-member"));
    bound(&owner_of(&host).await?, "bob", "bob", &[]).await?;
    assert_eq!(enter(&host, "bob").await?.status, 200);
    host.stop().await?;
    let strange = config.replace("\"operator\"", "\"no-such-role\"").replace("[\"ops\"]", "[\"staff\"]");
    folder.write(&std::fs::read_to_string(waystation_tests::oidc::folder(&strange)?.config())?)?;
    let host = Host::start(&folder).await?;
    owner_of(&host).await?.send(host.api.request(Method::DELETE, "/api/v1/users/ann")).await?;
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!((page.code(), last(&host).await?.1.as_str()), ("login-refused", "no-such-role"));
    host.stop().await
}

async fn owner_of(host: &Host) -> Result<waystation_tests::Api> {
    owner(host).await
}

#[tokio::test]
async fn a_name_that_somebody_has_is_not_taken_over_by_who_joins() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "public", JOIN))?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    owner.post("/api/v1/users", &json!({ "name": "ann", "roles": ["owner"] })).await?;
    let page = Browser::new(host.api.base())?.log_in(START, "ann").await?;
    assert_eq!(page.code(), "login-refused");
    assert_eq!(last(&host).await?, ("corp/ann".into(), "user-taken".into()));
    let identities = owner.get("/api/v1/users/ann/identities").await?;
    assert_eq!(list(&identities, "identities"), Vec::<Value>::new());
    host.stop().await
}

#[tokio::test]
async fn a_command_line_is_let_in_by_a_login_at_a_provider() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "waystation", &secret()))?;
    let host = Host::start(&folder).await?;
    let owner = owner(&host).await?;
    let id = bound(&owner, "ann", "ann", &["viewer"]).await?;
    let device = waystation_tests::Folder::new("")?;
    let url = host.api.base().to_owned();
    let none = device.run(&["login", "--provider", "none", "--url", &url]).await?;
    assert!(none.code == 6 && none.stderr.contains("it knows: corp"), "{none:?}");
    let log = device.path().join("device.log");
    let mut command = device.command(&["login", "--provider", "corp", "--url", &url])?;
    command.stderr(std::fs::File::create(&log)?).stdout(std::process::Stdio::null());
    let mut waiting = command.spawn()?;
    let start = until("it says where to log in", async || {
        let said = std::fs::read_to_string(&log)?;
        Ok(said.lines().find_map(|line| line.strip_prefix("Log in at ").map(str::to_owned)))
    })
    .await?;
    assert!(start.starts_with(&format!("{START}?next=/device?user_code=")), "{start}");
    // The page goes on with the code of the device.
    let browser = Browser::new(&url)?;
    let page = browser.log_in(&start, "ann").await?;
    assert_eq!((page.answer.status, page.url.path()), (200, "/device"));
    let shown = page.brought("user_code").context("no code of a device")?;
    assert!(start.ends_with(&shown), "{start}");
    let ann = as_of(&host, &browser.exchange(&json!({ "code": page.brought("login") })).await?).await?;
    let asks = ann.get(&format!("/api/v1/auth/device?user_code={shown}")).await?;
    assert!(text(&asks, "client").starts_with("waystation/"), "{asks}");
    ann.post("/api/v1/auth/device/decide", &json!({ "user_code": shown, "approve": true })).await?;
    ann.post("/api/v1/auth/logout", &json!({})).await?;
    assert!(waiting.wait().await?.success(), "{}", std::fs::read_to_string(&log)?);
    let me = device.run(&["account", "show", "--url", &url]).await?;
    assert_eq!(me.stdout.trim(), "ann: viewer\nlogs in at corp as ann");
    // It ends with the binding that it came by.
    owner.send(owner.request(Method::DELETE, &format!("/api/v1/users/ann/identities/{id}"))).await?;
    let me = device.run(&["account", "show", "--url", &url]).await?;
    assert_eq!(me.code, 4, "{me:?}");
    host.stop().await
}

#[tokio::test]
async fn operators_bind_and_unbind_at_the_command_line() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "waystation", &secret()))?;
    let host = Host::start(&folder).await?;
    // As the owner, who is logged in, and not with the token of the tests.
    std::fs::remove_file(folder.token_file())?;
    assert_eq!(folder.run(&["user", "add", "ann", "--role", "viewer"]).await?.code, 0);
    for subject in ["ann", "auth0|ann"] {
        let ran = folder.run(&["user", "bind", "ann", "--provider", "corp", "--subject", subject]).await?;
        assert_eq!(ran.code, 0, "{ran:?}");
    }
    let shown = folder.run(&["user", "show", "ann", "--json"]).await?.json()?;
    assert_eq!(list(&shown, "identities").len(), 2);
    assert_eq!(text(&list(&shown, "identities")[0], "issuer"), provider.issuer());
    let which = folder.run(&["user", "unbind", "ann", "--provider", "corp"]).await?;
    assert!(which.code == 2 && which.stderr.contains("--subject"), "{which:?}");
    let ran = folder.run(&["user", "unbind", "ann", "--provider", "corp", "--subject", "ann"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ran = folder.run(&["user", "unbind", "ann", "--provider", "corp"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let none = folder.run(&["user", "unbind", "ann", "--provider", "corp"]).await?;
    assert!(none.code == 6 && none.stderr.contains("no-such-identity"), "{none:?}");
    host.stop().await
}

#[tokio::test]
async fn no_secret_of_a_login_is_shown_anywhere() -> Result<()> {
    let provider = Provider::start(&[BACK]).await?;
    let folder = folder(&section(provider.issuer(), "waystation", &secret()))?;
    let host = Host::start_with(&folder, &["-vv"]).await?;
    bound(&owner(&host).await?, "ann", "ann", &["viewer"]).await?;
    let browser = Browser::new(host.api.base())?;
    let page = browser.log_in(START, "ann").await?;
    let entry = page.brought("login").context("nothing was brought")?;
    let cookie = browser.cookies(&at("/").parse()?);
    let entered = browser.exchange(&json!({ "code": entry })).await?.json();
    let mut secrets = vec![CLIENT_SECRET.to_owned(), entry.clone()];
    secrets.push(cookie.split_once('=').context("no cookie")?.1.to_owned());
    for key in ["access_token", "refresh_token"] {
        secrets.push(text(&entered, key).to_owned());
    }
    // What went through the browser: state, nonce, the provider's code.
    let history = browser.history.lock().clone();
    for visited in &history {
        let url: reqwest::Url = visited.parse()?;
        for (key, value) in url.query_pairs() {
            if ["state", "nonce", "code"].contains(&key.as_ref()) {
                secrets.push(value.into_owned());
            }
        }
        // No token is in an address.
        for key in ["access_token", "refresh_token"] {
            assert!(!visited.contains(text(&entered, key)), "{visited}");
        }
    }
    assert!(secrets.len() >= 8, "{history:?}");
    let again = browser.exchange(&json!({ "code": entry })).await?;
    let mut shown = vec![again.text, format!("{:?}", record(&host).await?)];
    for path in
        ["audit?limit=1000", "events", "host", "users/ann/identities", "auth/providers", "openapi.json"]
    {
        shown.push(host.api.get(&format!("/api/v1/{path}")).await?.to_string());
    }
    shown.push(host.api.send(host.api.request(Method::GET, "/metrics")).await?.text);
    for args in
        [&["config", "plan", "--json"][..], &["config", "check"], &["doctor", "--json"], &["audit", "list"]]
    {
        shown.push(format!("{:?}", folder.run(args).await?));
    }
    shown.push(host.log()?);
    host.stop().await?;
    for file in ["waystation.db", "waystation.db-wal"] {
        let bytes = std::fs::read(folder.data().join(file)).unwrap_or_default();
        shown.push(String::from_utf8_lossy(&bytes).into_owned());
    }
    for text in shown {
        for secret in &secrets {
            assert!(!text.contains(secret), "{secret} is shown in: {text}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_secret_that_is_missing_stops_the_start() -> Result<()> {
    let more = section("https://id.example", "waystation", "client_secret = { env = \"NOT_SET_HERE\" }\n");
    let folder = folder(&more)?;
    let checked = folder.run(&["config", "check", "--json"]).await?;
    assert!(
        checked.stdout.contains("secret-missing") && checked.stdout.contains("NOT_SET_HERE"),
        "{checked:?}"
    );
    let ran = folder.run(&["serve"]).await?;
    assert!(ran.code != 0 && ran.stderr.contains("NOT_SET_HERE"), "{ran:?}");
    Ok(())
}
