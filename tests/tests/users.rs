//! Users: how they become some, prove who they are, and what they may do, through the real host.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, ensure};
use futures::StreamExt as _;
use jiff::Timestamp;
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::totp::digits;
use waystation_tests::{Answer, Api, Folder, Host, until};

/// Asks as nobody.
async fn ask(api: &Api, path: &str, body: &Value) -> Result<Answer> {
    api.send(api.anonymous(Method::POST, path).json(body)).await
}

async fn login(api: &Api, name: &str, password: &str) -> Result<Value> {
    let told = ask(api, "/api/v1/auth/login", &json!({ "name": name, "password": password })).await?;
    ensure!(told.status == 200, "{told:?}");
    Ok(told.json())
}

/// Somebody with these roles, who chose this password; their API with an access token.
async fn person(api: &Api, name: &str, roles: &[&str]) -> Result<Api> {
    let added = api.post("/api/v1/users", &json!({ "name": name, "roles": roles })).await?;
    let link = text(&added["password_link"], "link").to_owned();
    let told =
        ask(api, "/api/v1/auth/link/use", &json!({ "link": link, "password": "a good password" })).await?;
    ensure!(told.status == 201, "{told:?}");
    Ok(api.with_token(text(&told.json(), "access_token")))
}

/// The status and code of an answer.
fn code(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "code").to_owned())
}

fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

async fn get(api: &Api, path: &str) -> Result<Answer> {
    api.send(api.request(Method::GET, path)).await
}

async fn send(api: &Api, method: Method, path: &str, body: &Value) -> Result<Answer> {
    api.send(api.request(method, path).json(body)).await
}

#[tokio::test]
async fn the_first_user_becomes_owner_by_a_link_that_works_once() -> Result<()> {
    let folder = Folder::new("")?;
    let file = folder.data().join("owner-link");
    let log = std::fs::File::create(folder.path().join("stderr.log"))?;
    let mut child = folder.command(&["serve"])?.stdout(log.try_clone()?).stderr(log).spawn()?;
    let address = until("the host is ready", async || {
        let Ok(address) = std::fs::read_to_string(folder.data().join("address")) else { return Ok(None) };
        Ok(Api::new(address.trim(), "")?.is_ready().await.then_some(address))
    })
    .await?;
    let api = Api::new(address.trim(), "")?;
    let link = std::fs::read_to_string(&file)?.trim().to_owned();
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o777;
    assert_eq!(mode, 0o600);
    // Without one, nobody is anybody.
    let told = ask(&api, "/api/v1/auth/login", &json!({ "name": OWNER, "password": PASSWORD })).await?;
    assert_eq!(code(&told), is(401, "login-failed"));
    let about = ask(&api, "/api/v1/auth/link", &json!({ "link": link })).await?;
    assert_eq!(about.json(), json!({ "purpose": "owner", "name": null }));
    let using = async |body: Value| ask(&api, "/api/v1/auth/link/use", &body).await;
    for (body, status, word) in [
        (json!({ "link": "wsl_0", "name": "a", "password": PASSWORD }), 410, "gone"),
        (
            json!({ "link": format!("wsl_{}", "0".repeat(64)), "name": "a", "password": PASSWORD }),
            410,
            "gone",
        ),
        (json!({ "link": link, "password": PASSWORD }), 422, "no-name"),
        (json!({ "link": link, "name": "Not A Name", "password": PASSWORD }), 422, "bad-value"),
        (json!({ "link": link, "name": "a", "password": "short" }), 422, "password-length"),
        (json!({ "link": link, "name": "a", "password": "x".repeat(1025) }), 422, "password-length"),
        (json!({ "link": link, "name": "a", "password": PASSWORD, "role": "owner" }), 422, "bad-body"),
        (json!({ "link": link, "name": "a", "password": 7 }), 422, "bad-body"),
        (json!([]), 422, "bad-body"),
    ] {
        assert_eq!(code(&using(body.clone()).await?), is(status, word), "{body}");
    }
    folder.own().await?;
    assert!(!file.exists(), "a link that is used up is not left lying about");
    let again = json!({ "link": link, "name": "eve", "password": PASSWORD });
    assert_eq!(code(&using(again).await?), is(410, "gone"));
    let me = folder.run(&["account", "show"]).await?;
    assert_eq!(me.stdout.trim(), "olga, with the token tests: owner");
    child.start_kill()?;
    child.wait().await?;
    let said = std::fs::read_to_string(folder.path().join("stderr.log"))?;
    assert!(said.contains("owner-link") && !said.contains(&link), "a link is no line of a log: {said}");

    let host = Host::start(&folder).await?;
    assert!(!file.exists(), "there is an owner");
    host.stop().await
}

#[tokio::test]
async fn a_wrong_password_tells_nothing_and_is_counted() -> Result<()> {
    let folder = Folder::new("[identity]\nlogin_rate = 1000\nlock_after = 4\n")?;
    let host = Host::start(&folder).await?;
    let api = &host.api;
    login(api, OWNER, PASSWORD).await?;
    let attempt = async |name: &str, password: &str| {
        ask(api, "/api/v1/auth/login", &json!({ "name": name, "password": password })).await
    };
    let (wrong, nobody) = (attempt(OWNER, "wrong password").await?, attempt("nobody", "x").await?);
    assert_eq!(code(&wrong), is(401, "login-failed"));
    assert_eq!(wrong.text, nobody.text, "who has an account is told to nobody");
    assert_eq!(code(&attempt("no name!", "x").await?), is(401, "login-failed"));
    for name in [OWNER, "nobody"] {
        for _ in 0..3 {
            attempt(name, "wrong").await?;
        }
        let locked = attempt(name, PASSWORD).await?;
        assert_eq!(code(&locked), is(429, "locked"), "{name}");
        let wait: u64 = locked.header("retry-after").parse()?;
        assert!((890..=900).contains(&wait), "{wait}");
    }
    // Whoever is logged in goes on, and lets the other in again.
    let ran = folder.run(&["user", "unlock", OWNER]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    login(api, OWNER, PASSWORD).await?;
    let said = host.log()?;
    let record = folder.run(&["audit", "list", "--json"]).await?.stdout;
    for secret in [PASSWORD, "wrong password", api.token()] {
        assert!(!said.contains(secret) && !record.contains(secret), "{secret}");
    }
    assert!(record.contains("wrong-password") && record.contains("login.lock"));
    host.stop().await?;

    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let mut told = Vec::new();
    for _ in 0..9 {
        told.push(ask(&host.api, "/api/v1/auth/login", &json!({ "name": "x", "password": "y" })).await?);
    }
    assert!(told[..8].iter().all(|answer| answer.status == 401));
    assert_eq!(code(&told[8]), is(429, "too-many-attempts"));
    assert!(!told[8].header("retry-after").is_empty());
    host.stop().await
}

#[tokio::test]
async fn an_access_token_is_good_for_its_login_and_nothing_else() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let tokens = login(&host.api, OWNER, PASSWORD).await?;
    let (access, refresh) = (text(&tokens, "access_token"), text(&tokens, "refresh_token"));
    assert_eq!((tokens["token_type"].as_str(), tokens["expires_in"].as_i64()), (Some("Bearer"), Some(900)));
    let me = host.api.with_token(access).get("/api/v1/auth/me").await?;
    assert_eq!((text(&me, "name"), me["roles"].clone()), (OWNER, json!(["owner"])));
    // What is no access token of this login is nothing.
    let parts: Vec<&str> = access.split('.').collect();
    let none = base64::Engine::encode(
        &base64::engine::general_purpose::URL_SAFE_NO_PAD,
        r#"{"alg":"none","typ":"JWT","kid":"0"}"#,
    );
    let other = Folder::new("")?;
    let stranger = Host::start(&other).await?;
    let theirs = login(&stranger.api, OWNER, PASSWORD).await?;
    for bad in [
        format!("{none}.{}.", parts[1]),
        format!("{none}.{}.{}", parts[1], parts[2]),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}.{}", parts[0], parts[1], "A".repeat(parts[2].len())),
        access[..access.len() - 1].to_owned(),
        text(&theirs, "access_token").to_owned(),
        refresh.to_owned(),
        format!("wst_{}", "0".repeat(64)),
        format!("wsa_{}", "0".repeat(64)),
        format!("wse_{}", "0".repeat(64)),
        format!("wsl_{}", "0".repeat(64)),
    ] {
        let told = get(&host.api.with_token(&bad), "/api/v1/auth/me").await?;
        assert_eq!(code(&told), is(401, "unauthorized"), "{bad}");
    }
    // A refresh token works once; one that is used again ends the login, with all that came of it.
    let exchange =
        async |token: &str| ask(&host.api, "/api/v1/auth/refresh", &json!({ "refresh_token": token })).await;
    let next = exchange(refresh).await?.json();
    let fresh = host.api.with_token(text(&next, "access_token"));
    assert_eq!(get(&fresh, "/api/v1/auth/me").await?.status, 200);
    assert_eq!(code(&exchange(access).await?), is(401, "login-ended"));
    assert_eq!(code(&exchange(refresh).await?), is(401, "refresh-reused"));
    assert_eq!(get(&fresh, "/api/v1/auth/me").await?.status, 401);
    assert_eq!(code(&exchange(text(&next, "refresh_token")).await?), is(401, "login-ended"));
    // Logout ends it at once.
    let mine = host.api.with_token(text(&login(&host.api, OWNER, PASSWORD).await?, "access_token"));
    assert_eq!(send(&mine, Method::POST, "/api/v1/auth/logout", &json!({})).await?.status, 204);
    assert_eq!(get(&mine, "/api/v1/auth/me").await?.status, 401);
    // With the key of another start, tokens go on; without it, the host does not start.
    let kept = login(&host.api, OWNER, PASSWORD).await?;
    host.stop().await?;
    let key = folder.data().join("identity-key");
    let was = std::fs::read_to_string(&key)?;
    std::fs::write(&key, "short")?;
    let ran = folder.run(&["serve"]).await?;
    assert!(ran.code == 1 && ran.stderr.contains("(identity-key)"), "{ran:?}");
    std::fs::write(folder.path().join("old"), &was)?;
    std::fs::write(&key, "1".repeat(64))?;
    let more = "[identity]\nold_key_files = [\"old\"]\n";
    folder.write(&format!("{}{more}", waystation_tests::settings::HOST))?;
    let host = Host::start(&folder).await?;
    let still = host.api.with_token(text(&kept, "access_token"));
    assert_eq!(get(&still, "/api/v1/auth/me").await?.status, 200, "keys overlap");
    folder.write(waystation_tests::settings::HOST)?;
    host.stop().await?;
    let host = Host::start(&folder).await?;
    assert_eq!(get(&host.api.with_token(text(&kept, "access_token")), "/api/v1/auth/me").await?.status, 401);
    stranger.stop().await?;
    host.stop().await
}

#[tokio::test]
async fn a_second_factor_is_asked_for_and_used_up() -> Result<()> {
    let folder = Folder::new("[identity]\nlogin_rate = 1000\n")?;
    let host = Host::start(&folder).await?;
    let ann = person(&host.api, "ann", &["viewer"]).await?;
    let path = "/api/v1/auth/second-factor";
    let wrong = send(&ann, Method::POST, path, &json!({ "password": "wrong" })).await?;
    assert_eq!(code(&wrong), is(403, "wrong-password"));
    let with_token = send(&host.api, Method::POST, path, &json!({ "password": PASSWORD })).await?;
    assert_eq!(code(&with_token), is(403, "login-needed"), "a token is not a person");
    let begun = ann.post(path, &json!({ "password": "a good password" })).await?;
    assert!(text(&begun, "uri").starts_with("otpauth://totp/Waystation:ann?secret="), "{begun}");
    let secret = text(&begun, "secret").to_owned();
    // Until it was shown to work it is not asked for.
    login(&host.api, "ann", "a good password").await?;
    let confirm = format!("{path}/confirm");
    let wrong = send(&ann, Method::POST, &confirm, &json!({ "code": "000000x" })).await?;
    assert_eq!(wrong.status, 422, "{wrong:?}");
    let now = Timestamp::now().as_second() / 30;
    let codes = ann.post(&confirm, &json!({ "code": digits(&secret, now)? })).await?;
    let recovery = list(&codes, "recovery_codes");
    assert_eq!(recovery.len(), 10);

    let attempt = async |code: Option<&str>| {
        let body = json!({ "name": "ann", "password": "a good password", "code": code });
        ask(&host.api, "/api/v1/auth/login", &body).await
    };
    assert_eq!(code(&attempt(None).await?), is(401, "second-factor"));
    assert_eq!(code(&attempt(Some(&digits(&secret, now)?)).await?), is(401, "code-used"));
    let first = recovery[0].as_str().context("no code")?;
    assert_eq!(attempt(Some(first)).await?.status, 200);
    assert_eq!(code(&attempt(Some(first)).await?), is(401, "wrong-code"), "once");
    assert_eq!(code(&attempt(Some("aaaa-bbbb-cccc-dddd")).await?), is(401, "wrong-code"));
    // The next step of the app is good once.
    let next = digits(&secret, now + 1)?;
    assert_eq!(attempt(Some(&next)).await?.status, 200);
    assert_eq!(code(&attempt(Some(&next)).await?), is(401, "code-used"));
    let off = json!({ "password": "a good password", "code": recovery[1] });
    assert_eq!(send(&ann, Method::POST, &format!("{path}/off"), &off).await?.status, 204);
    assert_eq!(attempt(None).await?.status, 200);
    host.stop().await
}

#[tokio::test]
async fn an_owner_who_has_no_way_in_is_rescued_on_the_machine_of_the_host() -> Result<()> {
    let folder = Folder::new("[identity]\nlogin_rate = 1000\n")?;
    let host = Host::start(&folder).await?;
    let tokens = login(&host.api, OWNER, PASSWORD).await?;
    let owner = host.api.with_token(text(&tokens, "access_token"));
    let path = "/api/v1/auth/second-factor";
    let begun = owner.post(path, &json!({ "password": PASSWORD })).await?;
    let six = digits(text(&begun, "secret"), Timestamp::now().as_second() / 30)?;
    owner.post(&format!("{path}/confirm"), &json!({ "code": six })).await?;
    for _ in 0..10 {
        ask(&host.api, "/api/v1/auth/login", &json!({ "name": OWNER, "password": "guess" })).await?;
    }
    let right = json!({ "name": OWNER, "password": PASSWORD });
    assert_eq!(ask(&host.api, "/api/v1/auth/login", &right).await?.status, 429);
    // Not while the host runs.
    let rescue = ["user", "rescue", OWNER, "--without-second-factor", "--json"];
    let ran = folder.run(&rescue).await?;
    let failure: Value = serde_json::from_str(&ran.stderr)?;
    assert_eq!((ran.code, text(&failure, "code")), (1, "database-locked-by-other-host"));
    assert!(text(&failure, "hint").starts_with("stop the host"), "{failure}");
    host.stop().await?;

    assert_eq!(folder.run(&["user", "rescue", "nobody"]).await?.code, 6);
    assert_eq!(folder.run(&["user", "rescue", "No Name"]).await?.code, 2);
    let ran = folder.run(&rescue).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let file = text(&serde_json::from_str(&ran.stdout)?, "link_file").to_owned();
    let link = std::fs::read_to_string(&file)?.trim().to_owned();
    assert!(!ran.stdout.contains(&link) && !ran.stderr.contains(&link));
    let mode = std::os::unix::fs::PermissionsExt::mode(&std::fs::metadata(&file)?.permissions());
    assert_eq!(mode & 0o777, 0o600);

    let host = Host::start(&folder).await?;
    let welcome = ["welcome", "--link-file", &file, "--password-stdin"];
    let ran = folder.piped(&welcome, "another good password").await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    login(&host.api, OWNER, "another good password").await?;
    assert_eq!(
        ask(&host.api, "/api/v1/auth/link/use", &json!({ "link": link, "password": "once more, please" }))
            .await?
            .status,
        410
    );
    let rows = host.api.get("/api/v1/audit?action=user.rescue").await?;
    let rows = list(&rows, "rows");
    assert_eq!(rows.len(), 1, "{rows:?}");
    assert_eq!((text(&rows[0], "actor"), text(&rows[0], "outcome")), ("host", "ok"));
    assert_eq!(text(&rows[0], "target"), "olga without second factor");
    host.stop().await
}

#[tokio::test]
async fn what_no_role_allows_is_refused_everywhere_and_on_record() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let nobody = person(&host.api, "nora", &[]).await?;
    let described = host.api.get("/api/v1/openapi.json").await?;
    // What somebody may do about themselves, and what there is to know for everybody.
    let mut own = vec!["/api/v1/auth/", "/api/v1/openapi.json", "/api/v1/certificate", "/healthz", "/readyz"];
    // Refusals have another form there; see below.
    own.extend(["/api/tickets", "/api/certs/", "/api/enroll"]);
    let mut refused = BTreeSet::new();
    for (path, methods) in described["paths"].as_object().context("no paths")? {
        if own.iter().any(|start| path.starts_with(start)) {
            continue;
        }
        for method in methods.as_object().into_iter().flat_map(serde_json::Map::keys) {
            let example = path.replace("{id}", "0197f8a0-1c2d-7def-8123-456789abcdef");
            let example = example.replace("{name}", "x").replace("{label}", "x");
            let body = match path.as_str() {
                "/api/v1/agents" => json!({ "label": "x" }),
                "/api/v1/agents/{label}" => json!({ "capabilities": [] }),
                "/api/v1/agents/{label}/certificates" => json!({ "csr": "x" }),
                "/api/v1/users" => json!({ "name": "x" }),
                "/api/v1/users/{name}/identities" => json!({ "provider": "corp", "subject": "x" }),
                "/api/v1/approvals/{id}/reject" => json!({ "reason": "no" }),
                "/api/v1/users/{name}/roles" => json!({ "roles": ["owner"] }),
                "/api/v1/roles/{name}" => json!({ "grants": [] }),
                _ => json!({}),
            };
            let query =
                if path.ends_with("/explain") { "?user=olga&action=item:read&target=host" } else { "" };
            // One's own tokens are one's own.
            if path.starts_with("/api/v1/tokens") {
                continue;
            }
            let method: Method = method.to_uppercase().parse()?;
            let told = send(&nobody, method.clone(), &format!("{example}{query}"), &body).await?;
            assert_eq!(code(&told), is(403, "forbidden"), "{method} {path}");
            refused.insert(path.clone());
        }
    }
    assert!(refused.len() > 25, "{refused:?}");
    for path in ["/api/tickets/scopes", "/api/tickets", "/api/tickets/sessions", "/api/tickets/instances"] {
        let told = get(&nobody, path).await?;
        assert_eq!((told.status, text(&told.json(), "error")), (403, "Insufficient permission"), "{path}");
    }
    let all = get(&nobody, "/api/v1/tokens?all=true").await?;
    assert_eq!(code(&all), is(403, "forbidden"));
    let told = get(&nobody, "/api/v1/items").await?;
    assert!(text(&told.json(), "detail").contains("`item:read`"), "{told:?}");
    until("it is on record", async || {
        let record = host.api.get("/api/v1/audit?actor=user:nora&action=denied&limit=1000").await?;
        let rows = list(&record, "rows");
        Ok(rows.iter().any(|row| text(row, "target").starts_with("item:read")).then_some(()))
    })
    .await?;
    host.stop().await
}

#[tokio::test]
async fn a_grant_reaches_what_it_selects_and_no_more() -> Result<()> {
    let site = waystation_tests::StandIn::start().await?;
    for path in ["/a", "/b"] {
        site.on(path, waystation_tests::Reply::json(&json!(["1.0.0"])));
    }
    let folder = Folder::new(&waystation_tests::settings::documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    for (name, path) in [("apt/one", "/a"), ("npm/two", "/b")] {
        host.api.watch(name, &site.url(path)).await?;
    }
    let put = [
        "role",
        "put",
        "apt-people",
        "--allow",
        "item:read",
        "--allow",
        "item:remove",
        "--allow",
        "event:read",
    ];
    let ran = folder.run(&[&put[..], &["--on", "item=apt/*"]].concat()).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let ann = person(&host.api, "ann", &["apt-people"]).await?;
    let names =
        |page: &Value| list(page, "items").iter().map(|i| text(i, "name").to_owned()).collect::<Vec<_>>();
    assert_eq!(names(&ann.get("/api/v1/items").await?), ["apt/one"]);
    assert_eq!(get(&ann, "/api/v1/items/apt%2Fone").await?.status, 200);
    // What is there and what is not look alike to somebody who may not.
    for other in ["npm%2Ftwo", "npm%2Fnone"] {
        assert_eq!(code(&get(&ann, &format!("/api/v1/items/{other}")).await?), is(403, "forbidden"));
    }
    let told = send(&ann, Method::DELETE, "/api/v1/items/npm%2Ftwo", &json!({})).await?;
    assert_eq!(code(&told), is(403, "forbidden"));
    assert_eq!(code(&send(&ann, Method::POST, "/api/v1/checks", &json!({})).await?), is(403, "forbidden"));
    let events = ann.get("/api/v1/events?after=0&limit=200").await?;
    let subjects: BTreeSet<String> =
        list(&events, "events").iter().map(|e| text(e, "subject").to_owned()).collect();
    assert_eq!(subjects, BTreeSet::from(["apt/one".to_owned()]));
    let why = async |user: &str, action: &str, target: &str| {
        folder.run(&["auth", "explain", user, action, target]).await
    };
    let yes = why("ann", "item:read", "item=apt/one").await?;
    assert_eq!(
        yes.stdout.trim(),
        "`ann` may `item:read` on item apt/one: the role `apt-people` grants `item:read` where item is `apt/*`"
    );
    let no = why("ann", "item:read", "item=npm/two").await?;
    assert!(no.stdout.contains("may not") && no.stdout.contains("the item of this is npm/two"), "{no:?}");
    assert_eq!(why("nobody", "item:read", "host").await?.code, 6);
    // The meaning of a role changes at once, and so does what a token of theirs is for.
    let token =
        ann.post("/api/v1/tokens", &json!({ "name": "ci", "scope": [{ "actions": ["*:*"] }] })).await?;
    let ci = host.api.with_token(text(&token, "token"));
    assert_eq!(names(&ci.get("/api/v1/items").await?), ["apt/one"], "never more than its user");
    let ran = folder.run(&["user", "assign", "ann"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(get(&ann, "/api/v1/items").await?.status, 401, "another role is another login");
    assert_eq!(get(&ci, "/api/v1/items").await?.status, 403);
    host.stop().await
}

#[tokio::test]
async fn a_token_is_for_what_it_says_until_it_is_taken_back() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let made = folder.run(&["token", "add", "ci", "--allow", "item:read", "--days", "1"]).await?;
    assert!(made.code == 4 && made.stderr.contains("login-needed"), "a token makes none: {made:?}");
    let owner = host.api.with_token(text(&login(&host.api, OWNER, PASSWORD).await?, "access_token"));
    let new =
        |name: &str| json!({ "name": name, "scope": [{ "actions": ["item:read"] }], "expires_in": 3600 });
    let token = owner.post("/api/v1/tokens", &new("ci")).await?;
    let ci = host.api.with_token(text(&token, "token"));
    assert_eq!(get(&ci, "/api/v1/items").await?.status, 200);
    assert_eq!(code(&get(&ci, "/api/v1/plugins").await?), is(403, "forbidden"));
    assert_eq!(
        code(&send(&ci, Method::POST, "/api/v1/auth/logout", &json!({})).await?),
        is(403, "login-needed")
    );
    for (body, status, word) in [
        (new("ci"), 409, "token-taken"),
        (json!({ "name": "a", "scope": [{ "actions": ["item:fly"] }] }), 422, "bad-body"),
        (json!({ "name": "a", "scope": [{ "actions": ["item:read"] }], "expires_in": 0 }), 422, "token-life"),
        (json!({ "name": "a", "scope": [], "expires_in": 99_999_999_999_u64 }), 422, "token-life"),
        (json!({ "name": "A b", "scope": [] }), 422, "bad-value"),
        (json!({ "name": "a", "scope": [], "service": "nobody" }), 404, "no-such-user"),
        (json!({ "name": "a", "scope": [], "service": "olga" }), 409, "not-a-service"),
    ] {
        let told = send(&owner, Method::POST, "/api/v1/tokens", &body).await?;
        assert_eq!(code(&told), is(status, word), "{body}");
    }
    // A service has no password, and tokens that others make for it.
    owner.post("/api/v1/users", &json!({ "name": "bot", "service": true, "roles": ["viewer"] })).await?;
    let link = send(&owner, Method::POST, "/api/v1/users/bot/password-link", &json!({})).await?;
    assert_eq!(code(&link), is(409, "is-a-service"));
    let bot = json!({ "name": "main", "service": "bot", "scope": [{ "actions": ["*:*"] }] });
    let bot = owner.post("/api/v1/tokens", &bot).await?;
    let bot = host.api.with_token(text(&bot, "token"));
    assert_eq!(text(&bot.get("/api/v1/auth/me").await?, "name"), "bot");
    assert_eq!(get(&bot, "/api/v1/users").await?.status, 403);
    // Who may manage people gets no way in that has more than they have.
    let admin = person(&host.api, "adam", &["admin"]).await?;
    let link = send(&admin, Method::POST, "/api/v1/users/olga/password-link", &json!({})).await?;
    assert_eq!(code(&link), is(403, "forbidden"));
    let path = "/api/v1/users/adam/password-link";
    assert_eq!(code(&send(&host.api, Method::POST, path, &json!({})).await?), is(403, "login-needed"));
    assert_eq!(code(&send(&admin, Method::POST, path, &json!({})).await?), is(409, "own-password"));
    // A link that was made before somebody was given more opens nothing after it.
    let early = admin.post("/api/v1/users", &json!({ "name": "noa" })).await?;
    let ran = folder.run(&["user", "assign", "noa", "owner"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let body = json!({ "link": early["password_link"]["link"], "password": "a good password" });
    assert_eq!(code(&ask(&host.api, "/api/v1/auth/link/use", &body).await?), is(410, "gone"));
    let add =
        send(&admin, Method::POST, "/api/v1/users", &json!({ "name": "eve", "roles": ["owner"] })).await?;
    assert_eq!(code(&add), is(403, "forbidden"));
    owner.post("/api/v1/users", &json!({ "name": "root-bot", "service": true, "roles": ["owner"] })).await?;
    let more = json!({ "name": "x", "service": "root-bot", "scope": [{ "actions": ["*:*"] }] });
    assert_eq!(code(&send(&admin, Method::POST, "/api/v1/tokens", &more).await?), is(403, "forbidden"));
    let last = send(&admin, Method::POST, "/api/v1/users/olga/lock", &json!({})).await?;
    assert_eq!(code(&last), is(409, "last-owner"));
    let listed = folder.run(&["token", "list", "--all"]).await?;
    assert!(listed.stdout.contains("bot/main") && !listed.stdout.contains("wst_"), "{listed:?}");
    let gone = format!("/api/v1/tokens/{}", text(&token, "id"));
    let other = person(&host.api, "ann", &["viewer"]).await?;
    assert_eq!(send(&other, Method::DELETE, &gone, &json!({})).await?.status, 404);
    assert_eq!(send(&owner, Method::DELETE, &gone, &json!({})).await?.status, 204);
    assert_eq!(get(&ci, "/api/v1/items").await?.status, 401);
    host.stop().await
}

#[tokio::test]
async fn the_pages_that_links_lead_to_load_nothing_from_elsewhere() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let open = async |path: &str| host.api.send(host.api.anonymous(Method::GET, path)).await;
    for page in ["/welcome", "/device"] {
        let told = open(page).await?;
        assert_eq!((told.status, told.header("content-type")), (200, "text/html; charset=utf-8"));
        let policy = told.header("content-security-policy");
        assert!(policy.starts_with("default-src 'none'; script-src 'self';"), "{policy}");
        assert!(!policy.contains("unsafe") && policy.contains("frame-ancestors 'none'"), "{policy}");
        for (name, value) in [("x-frame-options", "DENY"), ("referrer-policy", "no-referrer")] {
            assert_eq!(told.header(name), value, "{page}");
        }
        // Whatever it loads is here, and of the kind that browsers take.
        let mut loaded = 0;
        for part in told.text.split(['"', ' ']).filter(|part| part.starts_with("/pages/")) {
            let there = open(part).await?;
            assert_eq!((there.status, there.header("x-content-type-options")), (200, "nosniff"), "{part}");
            loaded += 1;
        }
        assert!(loaded == 2 && !told.text.contains("://"), "{page}");
        assert!(!told.text.contains("onclick") && !told.text.contains("<script>"), "{page}");
    }
    host.stop().await
}

#[tokio::test]
async fn who_is_locked_out_hears_no_more_at_once() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let ann = person(&host.api, "ann", &["viewer"]).await?;
    let answer = ann.request(Method::GET, "/api/v1/events/stream").send().await?;
    assert_eq!(answer.status(), 200);
    let mut stream = answer.bytes_stream();
    let began = std::time::Instant::now();
    host.api.post("/api/v1/users/ann/lock", &json!({})).await?;
    assert_eq!(get(&ann, "/api/v1/auth/me").await?.status, 401);
    while let Some(chunk) = stream.next().await {
        chunk?;
    }
    // Far before the keep-alive would have failed; how long it took is not asserted closer.
    assert!(began.elapsed() < waystation_tests::patience::PATIENCE);
    host.stop().await
}

#[tokio::test]
async fn the_command_line_logs_in_stays_so_and_lets_a_device_in() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    std::fs::remove_file(folder.token_file())?;
    // It was logged in when it became owner.
    let me = folder.run(&["account", "show", "--json"]).await?.json()?;
    assert_eq!((text(&me, "name"), me["token"].clone()), (OWNER, Value::Null));
    let file = folder.path().join(".config/waystation/logins.json");
    let mode = std::os::unix::fs::PermissionsExt::mode(&file.metadata()?.permissions()) & 0o777;
    assert_eq!(mode, 0o600);
    // An access token that is over is exchanged, by many at once, and nobody is logged out by that.
    let mut known: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    for login in known.as_object_mut().context("no logins")?.values_mut() {
        login["access_expires_at"] = "2020-01-01T00:00:00Z".into();
    }
    std::fs::write(&file, known.to_string())?;
    let shows = ["account", "show"];
    let many = futures::future::try_join_all((0..6).map(|_| folder.run(&shows))).await?;
    assert!(many.iter().all(|ran| ran.code == 0), "{many:?}");
    let new: Value = serde_json::from_str(&std::fs::read_to_string(&file)?)?;
    assert_ne!(new, known);

    // A device: another command line, which shows a code.
    let device = Folder::new("")?;
    let args = ["login", "--device", "--url", host.api.base()];
    let mut command = device.command(&args)?;
    let log = device.path().join("device.log");
    command.stderr(std::fs::File::create(&log)?).stdout(std::process::Stdio::null());
    let mut waiting = command.spawn()?;
    let shown = until("it shows a code", async || {
        let said = std::fs::read_to_string(&log)?;
        Ok(said.lines().find_map(|line| line.strip_prefix("The code is ").map(str::to_owned)))
    })
    .await?;
    let wrong = folder.run(&["account", "let-in", "BBBB-BBBB", "--yes"]).await?;
    assert_eq!(wrong.code, 1, "{wrong:?}");
    let ran = folder.run(&["account", "let-in", &shown.to_lowercase(), "--yes"]).await?;
    assert!(ran.code == 0 && ran.stderr.contains("let in: waystation/"), "{ran:?}");
    assert!(waiting.wait().await?.success());
    let me = device.run(&["account", "show", "--url", host.api.base()]).await?;
    assert_eq!(me.stdout.trim(), "olga: owner");
    let logins = folder.run(&["account", "logins", "--json"]).await?.json()?;
    let methods: Vec<String> = list(&logins, "logins").iter().map(|l| text(l, "method").to_owned()).collect();
    assert_eq!(methods, ["link", "device"]);

    assert_eq!(folder.run(&["logout"]).await?.code, 0);
    let ran = folder.run(&["item", "list"]).await?;
    assert!(ran.code == 4 && ran.stderr.contains("not-logged-in"), "{ran:?}");
    let wrong = folder.piped(&["login", "--name", OWNER, "--password-stdin"], "wrong").await?;
    assert!(wrong.code == 4 && wrong.stderr.contains("login-failed"), "{wrong:?}");
    let right = folder.piped(&["login", "--name", OWNER, "--password-stdin"], PASSWORD).await?;
    assert_eq!(right.code, 0, "{right:?}");
    // Somebody who is added chooses a password with the link that is printed.
    let added = folder.run(&["user", "add", "ann", "--role", "viewer"]).await?;
    let link = folder.path().join("link");
    std::fs::write(&link, &added.stdout)?;
    let there = Folder::new("")?;
    let args = ["welcome", "--url", host.api.base(), "--link-file", "link", "--password-stdin"];
    std::fs::copy(&link, there.path().join("link"))?;
    let ran = there.piped(&args, "another password").await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let listed = folder.run(&["user", "list"]).await?;
    assert!(listed.stdout.contains("ann") && listed.stdout.contains("with a password"), "{listed:?}");
    assert_eq!(folder.run(&["user", "remove", "ann"]).await?.code, 0);
    let ran = there.run(&["account", "show", "--url", host.api.base()]).await?;
    assert_eq!(ran.code, 4, "{ran:?}");
    host.stop().await
}

#[tokio::test]
async fn to_run_a_check_is_not_to_read_its_item() -> Result<()> {
    let site = waystation_tests::StandIn::start().await?;
    for path in ["/a", "/b"] {
        site.on(path, waystation_tests::Reply::json(&json!(["7.7.7"])));
    }
    let folder = Folder::new(&waystation_tests::settings::documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    for (name, path) in [("one", "/a"), ("two", "/b")] {
        host.api.watch(name, &site.url(path)).await?;
        host.api.checked(name).await?;
    }
    let grants = json!([
        { "actions": ["check:run"] }, { "actions": ["item:read"], "on": { "item": ["one"] } },
    ]);
    let put = send(&host.api, Method::PUT, "/api/v1/roles/runner", &json!({ "grants": grants })).await?;
    assert_eq!(put.status, 200, "{put:?}");
    let ann = person(&host.api, "ann", &["runner"]).await?;
    let lines = async |body: Value| -> Result<BTreeSet<String>> {
        let told = send(&ann, Method::POST, "/api/v1/checks", &body).await?;
        ensure!(told.status == 200, "{told:?}");
        let lines = told.text.lines().map(serde_json::from_str).collect::<Result<Vec<Value>, _>>()?;
        let short = |line: &Value| match text(line, "kind") {
            "checked" => format!("checked {} {}", text(&line["item"], "name"), text(&line["item"], "latest")),
            "ran" => line.to_string(),
            kind => format!("{kind} {}", line["total"]),
        };
        Ok(lines.iter().map(short).collect())
    };
    let expected = |ran: Value| {
        BTreeSet::from(["started 2".into(), "checked one 7.7.7".into(), ran.to_string(), "finished 2".into()])
    };
    assert_eq!(lines(json!({})).await?, expected(json!({ "kind": "ran", "failed": false })));
    let both = lines(json!({ "items": ["one", "two"] })).await?;
    assert_eq!(both, expected(json!({ "kind": "ran", "name": "two", "failed": false })));
    host.stop().await
}
