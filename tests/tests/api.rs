//! The API to a stranger, to a client that errs, and to one that does not.

use anyhow::{Context as _, Result};
use futures::StreamExt as _;
use reqwest::Method;
use serde_json::{Value, json};
use waystation_tests::api::{list, text};
use waystation_tests::settings::documents;
use waystation_tests::{Answer, Folder, Host, Reply, StandIn, until};

/// Every route, with a path that exists on a fresh host where that is possible.
const ROUTES: [(&str, &str, &str); 85] = [
    ("GET", "/api/v1/approvals", "/api/v1/approvals"),
    ("GET", "/api/v1/approvals/{id}", "/api/v1/approvals/x"),
    ("POST", "/api/v1/approvals/{id}/approve", "/api/v1/approvals/x/approve"),
    ("POST", "/api/v1/approvals/{id}/reject", "/api/v1/approvals/x/reject"),
    ("GET", "/api/v1/audit/head", "/api/v1/audit/head"),
    ("GET", "/api/v1/auth/identities", "/api/v1/auth/identities"),
    ("GET", "/api/v1/users/{name}/identities", "/api/v1/users/x/identities"),
    ("POST", "/api/v1/users/{name}/identities", "/api/v1/users/x/identities"),
    ("DELETE", "/api/v1/users/{name}/identities/{id}", "/api/v1/users/x/identities/x"),
    ("GET", "/api/v1/auth/providers", "/api/v1/auth/providers"),
    ("POST", "/api/v1/auth/oidc", "/api/v1/auth/oidc"),
    ("GET", "/api/v1/host", "/api/v1/host"),
    ("GET", "/api/v1/items", "/api/v1/items"),
    ("POST", "/api/v1/items", "/api/v1/items"),
    ("GET", "/api/v1/items/{name}", "/api/v1/items/x"),
    ("DELETE", "/api/v1/items/{name}", "/api/v1/items/x"),
    ("POST", "/api/v1/checks", "/api/v1/checks"),
    ("GET", "/api/v1/plugins", "/api/v1/plugins"),
    ("GET", "/api/v1/plugins/{name}", "/api/v1/plugins/x"),
    ("GET", "/api/v1/certificate", "/api/v1/certificate"),
    ("GET", "/api/v1/agents", "/api/v1/agents"),
    ("POST", "/api/v1/agents", "/api/v1/agents"),
    ("GET", "/api/v1/agents/{label}", "/api/v1/agents/x"),
    ("PATCH", "/api/v1/agents/{label}", "/api/v1/agents/x"),
    ("DELETE", "/api/v1/agents/{label}", "/api/v1/agents/x"),
    ("POST", "/api/v1/agents/{label}/certificates", "/api/v1/agents/x/certificates"),
    ("GET", "/api/v1/enrolments", "/api/v1/enrolments"),
    ("POST", "/api/v1/enrolments", "/api/v1/enrolments"),
    ("DELETE", "/api/v1/enrolments/{id}", "/api/v1/enrolments/x"),
    ("GET", "/api/v1/enrolments/pending", "/api/v1/enrolments/pending"),
    ("POST", "/api/v1/enrolments/pending/{id}/approve", "/api/v1/enrolments/pending/x/approve"),
    ("POST", "/api/v1/enrolments/pending/{id}/reject", "/api/v1/enrolments/pending/x/reject"),
    ("GET", LISTS, "/api/v1/certificates/crl?form=none"),
    ("GET", "/api/v1/audit", "/api/v1/audit"),
    ("GET", "/api/v1/audit/verify", "/api/v1/audit/verify"),
    ("GET", "/api/v1/trust", "/api/v1/trust"),
    ("POST", "/api/v1/trust/refresh", "/api/v1/trust/refresh"),
    ("POST", "/api/v1/plugins/{name}/enable", "/api/v1/plugins/x/enable"),
    ("POST", "/api/v1/plugins/{name}/disable", "/api/v1/plugins/x/disable"),
    ("GET", "/api/v1/plugins/{name}/logs", "/api/v1/plugins/x/logs"),
    ("GET", "/api/v1/plugins/{name}/logs/stream", "/api/v1/plugins/x/logs/stream"),
    ("GET", "/api/v1/events", "/api/v1/events"),
    ("GET", "/api/v1/events/stream", "/api/v1/events/stream"),
    ("GET", "/api/v1/channels", "/api/v1/channels"),
    ("POST", "/api/v1/channels/{name}/test", "/api/v1/channels/x/test"),
    ("GET", "/api/v1/deliveries", "/api/v1/deliveries"),
    ("POST", "/api/v1/deliveries/replay", "/api/v1/deliveries/replay"),
    ("GET", "/api/v1/deliveries/dead", "/api/v1/deliveries/dead"),
    ("POST", "/api/v1/deliveries/{id}/replay", "/api/v1/deliveries/x/replay"),
    ("POST", "/api/v1/auth/login", "/api/v1/auth/login"),
    ("POST", "/api/v1/auth/refresh", "/api/v1/auth/refresh"),
    ("POST", "/api/v1/auth/link", "/api/v1/auth/link"),
    ("POST", "/api/v1/auth/link/use", "/api/v1/auth/link/use"),
    ("POST", "/api/v1/auth/device", "/api/v1/auth/device"),
    ("POST", "/api/v1/auth/device/token", "/api/v1/auth/device/token"),
    ("GET", "/api/v1/auth/device", "/api/v1/auth/device?user_code=x"),
    ("POST", "/api/v1/auth/device/decide", "/api/v1/auth/device/decide"),
    ("GET", "/api/v1/auth/me", "/api/v1/auth/me"),
    ("POST", "/api/v1/auth/logout", "/api/v1/auth/logout"),
    ("GET", "/api/v1/auth/logins", "/api/v1/auth/logins"),
    ("DELETE", "/api/v1/auth/logins/{id}", "/api/v1/auth/logins/x"),
    ("PUT", "/api/v1/auth/password", "/api/v1/auth/password"),
    ("POST", "/api/v1/auth/second-factor", "/api/v1/auth/second-factor"),
    ("POST", "/api/v1/auth/second-factor/confirm", "/api/v1/auth/second-factor/confirm"),
    ("POST", "/api/v1/auth/second-factor/off", "/api/v1/auth/second-factor/off"),
    ("GET", "/api/v1/users", "/api/v1/users"),
    ("POST", "/api/v1/users", "/api/v1/users"),
    ("GET", "/api/v1/users/{name}", "/api/v1/users/x"),
    ("DELETE", "/api/v1/users/{name}", "/api/v1/users/x"),
    ("POST", "/api/v1/users/{name}/lock", "/api/v1/users/x/lock"),
    ("POST", "/api/v1/users/{name}/unlock", "/api/v1/users/x/unlock"),
    ("POST", "/api/v1/users/{name}/logout", "/api/v1/users/x/logout"),
    ("PUT", "/api/v1/users/{name}/roles", "/api/v1/users/x/roles"),
    ("POST", "/api/v1/users/{name}/password-link", "/api/v1/users/x/password-link"),
    ("GET", "/api/v1/roles", "/api/v1/roles"),
    ("PUT", "/api/v1/roles/{name}", "/api/v1/roles/x"),
    ("DELETE", "/api/v1/roles/{name}", "/api/v1/roles/x"),
    ("GET", "/api/v1/access/explain", "/api/v1/access/explain"),
    ("GET", "/api/v1/tokens", "/api/v1/tokens"),
    ("POST", "/api/v1/tokens", "/api/v1/tokens"),
    ("DELETE", "/api/v1/tokens/{id}", "/api/v1/tokens/x"),
    ("GET", "/api/v1/openapi.json", "/api/v1/openapi.json"),
    ("GET", "/metrics", "/metrics"),
    ("GET", "/healthz", "/healthz"),
    ("GET", "/readyz", "/readyz"),
];

/// For everybody; a host without TLS has none.
const LISTS: &str = "/api/v1/certificates/crl";

const OPEN: [&str; 3] = ["/healthz", "/readyz", "/api/v1/auth/providers"];

/// Where those ask who are nobody yet.
const TO_BECOME_SOMEBODY: [&str; 7] = [
    "/api/v1/auth/oidc",
    "/api/v1/auth/login",
    "/api/v1/auth/refresh",
    "/api/v1/auth/link",
    "/api/v1/auth/link/use",
    "/api/v1/auth/device",
    "/api/v1/auth/device/token",
];

/// That an answer is a problem (RFC 9457) with this status and code.
fn assert_problem(answer: &Answer, status: u16, code: &str) {
    let problem = answer.json();
    assert_eq!((answer.status, text(&problem, "code")), (status, code), "{answer:?}");
    assert_eq!(answer.header("content-type"), "application/problem+json", "{answer:?}");
    assert_eq!(problem["status"], status, "{answer:?}");
    for key in ["type", "title", "detail"] {
        assert!(!text(&problem, key).is_empty(), "{key}: {answer:?}");
    }
    for (name, value) in [("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(answer.header(name), value, "{answer:?}");
    }
}

#[tokio::test]
async fn a_stranger_learns_nothing_but_that_somebody_is_there() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let api = &host.api;
    let wrong = "wst_".to_owned() + &"0".repeat(64);
    for (method, _, path) in ROUTES {
        let method: Method = method.parse()?;
        let bare = api.send(api.anonymous(method.clone(), path)).await?;
        if OPEN.contains(&path) {
            assert_eq!(bare.status, 200, "{path}");
            continue;
        }
        if method == Method::POST && TO_BECOME_SOMEBODY.contains(&path) {
            assert_ne!(text(&bare.json(), "code"), "unauthorized", "{path}");
            continue;
        }
        if path.starts_with(LISTS) {
            assert_problem(&bare, 422, "bad-query");
            let none = api.send(api.anonymous(method.clone(), LISTS)).await?;
            assert_problem(&none, 404, "no-authority");
            continue;
        }
        assert_problem(&bare, 401, "unauthorized");
        assert_eq!(bare.header("www-authenticate"), "Bearer", "{path}");
        for request in [
            api.anonymous(method.clone(), path).bearer_auth(&wrong),
            api.anonymous(method.clone(), path).bearer_auth(""),
            api.anonymous(method.clone(), path).bearer_auth(&api.token()[1..]),
            api.anonymous(method.clone(), path).basic_auth(api.token(), Some(api.token())),
            api.anonymous(method.clone(), path).header("authorization", api.token()),
            api.anonymous(method.clone(), path).header("x-api-key", api.token()),
            api.anonymous(method.clone(), path).header("cookie", format!("token={}", api.token())),
            api.anonymous(method.clone(), &format!("{path}?token={0}&access_token={0}", api.token())),
        ] {
            assert_problem(&api.send(request).await?, 401, "unauthorized");
        }
    }
    // Not even which paths there are.
    for path in ["/", "/api", "/api/v1/nothing", "/api/v1/items/x/y", "/.env"] {
        assert_problem(&api.send(api.anonymous(Method::GET, path)).await?, 401, "unauthorized");
    }
    assert!(!host.log()?.contains(api.token()), "the token is in the log");
    host.stop().await
}

#[tokio::test]
async fn the_description_lists_every_route() -> Result<()> {
    let folder = Folder::new("")?;
    let host = Host::start(&folder).await?;
    let served = host.api.get("/api/v1/openapi.json").await?;
    assert_eq!(served, folder.run(&["config", "openapi"]).await?.json()?);
    assert!(text(&served, "openapi").starts_with("3.1"), "{}", served["openapi"]);
    let paths = served["paths"].as_object().context("no paths")?;
    // The reference API has tests of its own; who may ask it what is in those of tenancy.
    let ours = paths.iter().filter(|(path, _)| {
        !["/api/tickets", "/api/certs/", "/api/enroll"].iter().any(|other| path.starts_with(other))
    });
    let described: usize =
        ours.filter_map(|(_, methods)| methods.as_object()).map(serde_json::Map::len).sum();
    for (method, path, example) in ROUTES {
        let operation =
            &paths.get(path).with_context(|| format!("{path} is not described"))?[method.to_lowercase()];
        assert!(operation.is_object(), "{method} {path} is not described");
        // The router has it: whatever it says, it is not that there is nothing.
        let answer = host.api.request(method.parse()?, example).send().await?;
        let (status, found) = (answer.status().as_u16(), !example.contains("/x"));
        assert!(status != 405 && (status != 404 || !found), "{method} {example}: {status}");
    }
    assert_eq!(
        described,
        ROUTES.len(),
        "the description has routes that are not tested here: {:?}",
        paths.keys()
    );
    host.stop().await
}

#[tokio::test]
async fn requests_that_err_are_told_how() -> Result<()> {
    let folder = Folder::new(&documents(&["https://a.example"])?)?;
    let host = Host::start(&folder).await?;
    let api = &host.api;
    let items = "/api/v1/items";
    let post = |body: &str| {
        api.request(Method::POST, items).header("content-type", "application/json").body(body.to_owned())
    };
    let new = |change: &dyn Fn(&mut Value)| {
        let mut item = json!({ "name": "one", "source": "documents", "locator": "https://a.example/v", "options": { "versions": "$[*]" } });
        change(&mut item);
        post(&item.to_string())
    };
    for (request, status, code) in [
        (api.request(Method::GET, "/nothing"), 404, "not-found"),
        (api.request(Method::GET, "/api/v1/nothing"), 404, "not-found"),
        (api.request(Method::GET, "/api/v1/items/none"), 404, "not-found"),
        (api.request(Method::GET, "/api/v1/plugins/none"), 404, "not-found"),
        (api.request(Method::POST, "/api/v1/plugins/none/enable"), 404, "not-found"),
        (api.request(Method::POST, "/api/v1/deliveries/none/replay"), 404, "not-found"),
        (api.request(Method::DELETE, "/api/v1/items/none"), 404, "not-found"),
        (api.request(Method::PUT, items), 405, "method-not-allowed"),
        (api.request(Method::DELETE, "/api/v1/host"), 405, "method-not-allowed"),
        (api.request(Method::GET, "/api/v1/items?limt=3"), 422, "bad-query"),
        (api.request(Method::GET, "/api/v1/items?limit=many"), 422, "bad-query"),
        (api.request(Method::GET, "/api/v1/events?after=x"), 422, "bad-query"),
        (post("{"), 400, "bad-body"),
        (post(""), 400, "bad-body"),
        (post("[]"), 422, "bad-body"),
        (post("{\"name\": \"\u{0}\"}"), 400, "bad-body"),
        (api.request(Method::POST, items).body("{}"), 415, "bad-body"),
        (new(&|item| item["locater"] = "x".into()), 422, "bad-body"),
        (new(&|item| item["name"] = 7.into()), 422, "bad-body"),
        (new(&|item| item["name"] = "no spaces".into()), 422, "bad-value"),
        (new(&|item| item["name"] = "".into()), 422, "bad-value"),
        (new(&|item| item["locator"] = "".into()), 422, "bad-value"),
        (new(&|item| item["scheme"] = "roman".into()), 422, "bad-value"),
        (new(&|item| item["source"] = "nowhere".into()), 422, "no-such-source"),
        (new(&|item| item["policy"] = json!({ "pint": "1" })), 422, "bad-policy"),
        (new(&|item| item["options"] = json!([])), 422, "bad-body"),
        (new(&|item| item["options"] = json!({})), 422, "options-mismatch"),
    ] {
        let shown = format!("{request:?}");
        let answer = api.send(request).await?;
        assert_eq!((answer.status, text(&answer.json(), "code")), (status, code), "{shown}: {answer:?}");
        assert_problem(&answer, status, code);
    }
    let large = api.send(post(&"x".repeat((1 << 20) + 1))).await?;
    assert_problem(&large, 413, "bad-body");
    // And it still works.
    assert_eq!(api.send(new(&|_| {})).await?.status, 201);
    assert_problem(&api.send(new(&|_| {})).await?, 409, "conflict");
    host.stop().await
}

#[tokio::test]
async fn every_answer_has_the_headers_that_keep_browsers_safe_and_the_request_id() -> Result<()> {
    let host_folder = Folder::new("")?;
    let host = Host::start(&host_folder).await?;
    for path in ["/healthz", "/readyz", "/api/v1/host", "/metrics", "/nothing"] {
        let answer =
            host.api.send(host.api.request(Method::GET, path).header("x-request-id", "abc-123")).await?;
        assert_eq!(answer.header("x-request-id"), "abc-123", "{path}: {answer:?}");
        for (name, value) in [
            ("x-content-type-options", "nosniff"),
            ("x-frame-options", "DENY"),
            ("referrer-policy", "no-referrer"),
            ("cache-control", "no-store"),
        ] {
            assert_eq!(answer.header(name), value, "{path}: {answer:?}");
        }
        assert!(answer.header("content-security-policy").contains("default-src 'none'"), "{path}");
    }
    let given = host.api.send(host.api.anonymous(Method::GET, "/healthz")).await?;
    assert!(given.header("x-request-id").len() >= 32, "{given:?}");
    host.stop().await
}

#[tokio::test]
async fn items_live_from_post_to_delete() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    let api = &host.api;
    let names: Vec<String> = (0..7).map(|n| format!("group/item-{n}")).collect();
    for name in &names {
        let made = api.watch(name, &site.url("/v")).await?;
        assert_eq!((text(&made, "name"), text(&made, "scheme")), (name.as_str(), "semver"), "{made}");
        assert!(made["latest"].is_null() && made["checked_at"].is_null(), "{made}");
    }
    // Pages hold each once, in order.
    let mut seen = Vec::new();
    let mut after = None;
    loop {
        let query =
            after.map(|after: String| format!("&after={}", after.replace('/', "%2F"))).unwrap_or_default();
        let page = api.get(&format!("/api/v1/items?limit=3{query}")).await?;
        let items = list(&page, "items");
        assert!(items.len() <= 3, "{page}");
        seen.extend(items.iter().map(|item| text(item, "name").to_owned()));
        match page["next"].as_str() {
            Some(next) => after = Some(next.to_owned()),
            None => break,
        }
    }
    assert_eq!(seen, names);
    assert_eq!(api.get("/api/v1/host").await?["items"], 7);

    let one = api.item("group%2Fitem-3").await?;
    assert_eq!(
        (text(&one, "locator"), &one["options"]),
        (site.url("/v").as_str(), &json!({"versions": "$[*]"})),
        "{one}"
    );
    api.check(&["group/item-3"]).await?;
    let one = api.item("group%2Fitem-3").await?;
    assert_eq!((text(&one, "latest"), text(&one["releases"][0], "version")), ("1.0.0", "1.0.0"), "{one}");
    let gone = api.send(api.request(Method::DELETE, "/api/v1/items/group%2Fitem-3")).await?;
    assert!((200..300).contains(&gone.status), "{gone:?}");
    assert_problem(
        &api.send(api.request(Method::GET, "/api/v1/items/group%2Fitem-3")).await?,
        404,
        "not-found",
    );
    assert_eq!(list(&api.get("/api/v1/items").await?, "items").len(), 6);
    let missing = api.request(Method::POST, "/api/v1/checks").json(&json!({ "items": ["group/item-3"] }));
    assert_problem(&api.send(missing).await?, 404, "not-found");
    host.stop().await
}

/// Opens the stream of events. What it begins with is settled when this returns.
async fn listen(host: &Host, last: Option<i64>) -> Result<reqwest::Response> {
    let mut request = host.api.request(Method::GET, "/api/v1/events/stream");
    if let Some(last) = last {
        request = request.header("last-event-id", last.to_string());
    }
    let answer = request.send().await?;
    assert_eq!(answer.headers()["content-type"], "text/event-stream");
    Ok(answer)
}

/// Reads until `count` events came: their numbers and types.
async fn hear(answer: reqwest::Response, count: usize) -> Result<Vec<(i64, String)>> {
    let mut chunks = answer.bytes_stream();
    let mut received = String::new();
    let reading = async {
        while received.matches("\n\n").count() < count {
            let chunk = chunks.next().await.context("the stream ended")??;
            received.push_str(std::str::from_utf8(&chunk)?);
        }
        anyhow::Ok(())
    };
    tokio::time::timeout(waystation_tests::patience::PATIENCE, reading).await.context("no more events")??;
    let (whole, _) = received.rsplit_once("\n\n").context("no event")?;
    whole
        .split("\n\n")
        .filter(|event| event.contains("data:"))
        .map(|event| {
            let field = |name: &str| {
                event.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
            };
            let data: Value = serde_json::from_str(&field("data:"))?;
            let id: i64 = field("id:").parse()?;
            assert_eq!(
                (data["seq"].as_i64(), text(&data, "type")),
                (Some(id), field("event:").as_str()),
                "{event}"
            );
            Ok((id, field("event:")))
        })
        .collect()
}

#[tokio::test]
async fn a_stream_that_is_resumed_misses_nothing() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    for n in 0..3 {
        host.api.watch(&format!("before-{n}"), &site.url("/v")).await?;
    }
    let first = hear(listen(&host, Some(0)).await?, 3).await?;
    let last = first[1].0;
    // More than a stream reads at once, while nobody listens and over a restart.
    for n in 0..120 {
        host.api.watch(&format!("between-{n}"), &site.url("/v")).await?;
    }
    host.kill().await?;
    let host = Host::start(&folder).await?;
    for n in 0..120 {
        host.api.watch(&format!("after-{n}"), &site.url("/v")).await?;
    }
    let rest = hear(listen(&host, Some(last)).await?, 241).await?;
    assert!(rest.iter().all(|(_, kind)| kind == "item.added"), "{rest:?}");
    assert!(
        rest.iter().zip(rest.iter().skip(1)).all(|(a, b)| b.0 == a.0 + 1),
        "a number is missing: {rest:?}"
    );
    assert_eq!(rest.first().map(|(id, _)| *id), Some(last + 1));

    // Without a number it begins with what comes next.
    let listening = listen(&host, None).await?;
    host.api.watch("live", &site.url("/v")).await?;
    let live = hear(listening, 1).await?;
    assert!(live.iter().all(|(id, _)| *id > rest[rest.len() - 1].0), "{live:?}");
    host.stop().await
}

#[tokio::test]
async fn checks_in_a_stream_go_on_when_the_client_goes_away() -> Result<()> {
    let site = StandIn::start().await?;
    let gate = waystation_tests::Gate::new();
    site.on("/v", Reply::json(&json!(["1.0.0"])).behind(&gate));
    let folder = Folder::new(&documents(&[&site.origin()])?)?;
    let host = Host::start(&folder).await?;
    host.api.watch("one", &site.url("/v")).await?;
    let request = host.api.request(Method::POST, "/api/v1/checks").json(&json!({ "items": ["one"] }));
    let mut answer = request.send().await?;
    let first = answer.chunk().await?.context("no line")?;
    assert_eq!(text(&serde_json::from_slice(&first)?, "kind"), "started");
    site.wait_for("/v", 1).await?;
    drop(answer);
    gate.open();
    let item = host.api.checked("one").await?;
    assert_eq!(text(&item, "latest"), "1.0.0");
    host.stop().await
}

#[tokio::test]
async fn metrics_count_what_plugins_do() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/good", Reply::json(&json!(["1.0.0"])));
    site.on("/bad", Reply::status(500));
    let items = ["good", "bad"]
        .map(|name| waystation_tests::settings::item(name, &site.url(&format!("/{name}"))))
        .concat();
    let folder = Folder::new(&format!("{}{items}", documents(&[&site.origin()])?))?;
    let host = Host::start(&folder).await?;
    host.api.check(&[]).await?;
    let text = until("failures are counted", async || {
        let answer = host.api.send(host.api.request(Method::GET, "/metrics")).await?;
        let failed = answer.text.lines().any(|line| {
            line.starts_with("waystation_plugin_failures")
                && line.contains("plugin-error")
                && !line.ends_with(" 0")
        });
        Ok(failed.then_some(answer.text))
    })
    .await?;
    assert!(text.contains("waystation_plugin_up{plugin=\"documents\"} 1"), "{text}");
    for (name, kind) in [
        ("plugin_calls", "counter"),
        ("plugin_failures", "counter"),
        ("plugin_refused", "counter"),
        ("plugin_cpu_seconds", "counter"),
        ("plugin_running", "gauge"),
        ("plugin_peak_memory_bytes", "gauge"),
        ("outbox_messages", "gauge"),
        ("items", "gauge"),
    ] {
        assert!(text.contains(&format!("# TYPE waystation_{name} {kind}\n")), "{name}: {text}");
    }
    assert!(text.contains("waystation_plugin_calls_total{plugin=\"documents\"} "), "{text}");
    assert!(text.contains("waystation_items 2\n"), "{text}");
    assert!(text.trim_end().ends_with("# EOF"), "{text}");
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        let (name, value) = line.rsplit_once(' ').context("no value")?;
        assert!(name.starts_with("waystation_") && value.parse::<f64>().is_ok(), "{line}");
    }
    host.stop().await
}
