//! How agents admit each other, through the real host over TLS: the reference API, and who is refused.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::agents::{Party, TlsHost};
use waystation_tests::pair::{Pair as Site, SHELL, scope, text};

#[tokio::test]
async fn one_agent_admits_another_and_an_operator_ends_it() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let site = Site::new(TlsHost::start(&folder).await?).await?;
    let (status, told) = site.ask().await?;
    let ticket = &told["ticket"];
    assert_eq!((status, &ticket["source"], &ticket["target"]), (201, &json!("source"), &json!("target")));
    let id = text(&ticket["id"]).to_owned();
    let expires = text(&ticket["expiresAt"]);
    assert!(id.len() == 64 && expires.len() == 24 && expires.ends_with('Z'), "{ticket}");

    let (status, inbox) = site.target.call("GET", "/api/tickets/inbox", None).await?;
    assert_eq!((status, &inbox["tickets"][0]["id"]), (200, &json!(id)));
    assert_eq!(inbox["tickets"][0]["transport"], json!({ "strategies": ["relay"] }));
    let nothing = (200, json!({ "tickets": [] }));
    assert_eq!(site.source.call("GET", "/api/tickets/inbox", None).await?, nothing);

    let invalid = (401, json!({ "error": "Invalid ticket" }));
    let stolen = site.source.call("POST", "/api/tickets/validate", Some(&json!({ "ticketId": id }))).await?;
    assert_eq!(stolen, invalid);
    assert_eq!(site.session(&id).await?, (400, json!({ "error": "Invalid ticket" })), "not redeemed yet");
    let (status, told) = site.validate(&id).await?;
    assert_eq!((status, &told["valid"], &told["source"]), (200, &json!(true), &json!("source")));
    assert_eq!(site.validate(&id).await?, invalid);

    let (status, told) = site.session(&id).await?;
    let session = told["session"].clone();
    assert_eq!((status, &session["status"], &session["ticketId"]), (201, &json!("active"), &json!(id)));
    assert_eq!(site.session(&id).await?.0, 409);
    let path = format!("/api/tickets/sessions/{}", text(&session["sessionId"]));
    let beat = format!("{path}/heartbeat");
    assert_eq!(site.target.call("POST", &beat, None).await?, (200, json!({ "authorized": true })));
    assert_eq!(site.source.call("POST", &beat, None).await?.0, 404);
    let grace = json!({ "status": "grace" });
    assert_eq!(site.source.call("PATCH", &path, Some(&grace)).await?, (200, json!({ "ok": true })));

    // Lists are for operators, and have no ids that could be redeemed.
    let (status, listed) = site.operator.call("GET", "/api/tickets", None).await?;
    assert_eq!((status, &listed["tickets"][0]["state"]), (200, &json!("redeemed")));
    assert!(!listed.to_string().contains(&id), "{listed}");
    let (_, listed) = site.operator.call("GET", "/api/tickets/sessions", None).await?;
    assert_eq!(listed["sessions"][0]["status"], "grace");
    assert!(!listed.to_string().contains(&id), "{listed}");
    let (_, all) = site.operator.call("GET", "/api/tickets/scopes", None).await?;
    assert_eq!(all["scopes"][0]["name"], "shell");
    assert_eq!(
        (&all["instances"][0]["status"], &all["assignments"][0]["agentLabel"]),
        (&json!("active"), &json!("target"))
    );
    let of = format!("/api/tickets/assignments?agentLabel=target&instanceScope={SHELL}%3A{}", site.instance);
    assert_eq!(site.operator.call("GET", &of, None).await?.1["assignments"].as_array().unwrap().len(), 1);

    assert_eq!(site.operator.call("DELETE", &path, None).await?, (200, json!({ "ok": true })));
    let over = json!({ "authorized": false, "reason": "admin_killed", "cause": "admin_killed" });
    assert_eq!(site.target.call("POST", &beat, None).await?, (200, over));
    assert_eq!(
        site.target.call("PATCH", &path, Some(&grace)).await?,
        (409, json!({ "error": "Session is terminated" }))
    );

    // A ticket is taken back by what lists call it; it opens nothing then.
    let pending = site.ticket().await?;
    let (_, listed) = site.operator.call("GET", "/api/tickets?limit=1", None).await?;
    let next = format!("/api/tickets?after={}", text(&listed["next"]));
    let (_, listed) = site.operator.call("GET", &next, None).await?;
    let digest = text(&listed["tickets"][0]["id"]);
    assert_eq!(site.operator.call("DELETE", &format!("/api/tickets/{digest}"), None).await?.0, 200);
    assert_eq!(site.validate(&pending).await?, invalid);
    assert_eq!(site.session(&pending).await?.0, 400);

    // A capability, an assignment, an instance: each ends what stands on it.
    let id = site.ticket().await?;
    site.validate(&id).await?;
    let (_, told) = site.session(&id).await?;
    let beat = format!("/api/tickets/sessions/{}/heartbeat", text(&told["session"]["sessionId"]));
    let assignment = format!("/api/tickets/assignments/target/{SHELL}%3A{}", site.instance);
    assert_eq!(site.operator.call("DELETE", &assignment, None).await?, (200, json!({ "ok": true })));
    assert_eq!(site.operator.call("DELETE", &assignment, None).await?.0, 404);
    assert_eq!(site.target.call("POST", &beat, None).await?.1["reason"], "assignment_removed");
    assert_eq!(site.ask().await?, (404, json!({ "error": "Not found" })));
    let removed =
        site.source.call("DELETE", &format!("/api/tickets/instances/{}", site.instance), None).await?;
    assert_eq!(removed, (200, json!({ "ok": true, "instanceId": site.instance })));
    let (_, told) = site.operator.call("GET", "/api/v1/audit/verify", None).await?;
    assert_eq!((&told["whole"], &told["broken"]), (&json!(true), &Value::Null));
    let (_, told) =
        site.operator.call("GET", "/api/v1/audit?actor=agent%3Asource&action=ticket.issue", None).await?;
    let outcomes: Vec<_> = told["rows"].as_array().unwrap().iter().map(|row| text(&row["outcome"])).collect();
    assert_eq!(outcomes, ["ok", "ok", "ok", "ticket-not-assigned"]);
    assert!(!told.to_string().contains(&pending), "no secret is on record");
    Ok(())
}

#[tokio::test]
async fn nobody_gets_what_is_not_theirs() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let site = Site::new(TlsHost::start(&folder).await?).await?;
    let (status, told) = site.host.anybody(None)?.call("GET", "/api/tickets/inbox", None).await?;
    assert_eq!((status, &told["error"]), (403, &json!("mTLS certificate required")));
    for wrong in ["Bearer wrong", "Basic eDp5", "Bearer", ""] {
        let (status, _) = site.host.anybody(Some(wrong))?.call("GET", "/api/tickets", None).await?;
        assert_eq!(status, 401, "{wrong:?}");
    }
    let instance = format!("/api/tickets/instances/{}", site.instance);
    let operators = [
        ("GET", "/api/tickets".to_owned(), None),
        ("GET", "/api/tickets/scopes".to_owned(), None),
        ("POST", "/api/tickets/scopes".to_owned(), Some(scope())),
        ("PUT", "/api/tickets/scopes/shell".to_owned(), Some(scope())),
        ("DELETE", "/api/tickets/scopes/shell".to_owned(), None),
        ("GET", "/api/tickets/instances".to_owned(), None),
        ("GET", "/api/tickets/assignments".to_owned(), None),
        ("POST", "/api/tickets/assignments".to_owned(), Some(json!({}))),
        ("DELETE", format!("/api/tickets/assignments/target/{SHELL}%3A{}", site.instance), None),
        ("DELETE", format!("/api/tickets/{}", "0".repeat(64)), None),
        ("GET", "/api/tickets/sessions".to_owned(), None),
        ("DELETE", format!("/api/tickets/sessions/{}", "0".repeat(32)), None),
    ];
    for (method, path, body) in &operators {
        let (status, told) = site.source.call(method, path, body.as_ref()).await?;
        assert_eq!(
            (status, &told["error"]),
            (403, &json!("Insufficient certificate scope")),
            "{method} {path}"
        );
        assert_eq!(told["details"], json!({ "required": ["admin"], "current": "agent" }));
    }
    // A certificate is no token, and a token is no certificate.
    for path in ["/api/v1/agents", "/api/v1/audit", "/api/v1/items", "/metrics"] {
        assert_eq!(site.source.call("GET", path, None).await?.0, 401, "{path}");
    }
    let register = json!({ "scope": SHELL, "transport": { "strategies": ["relay"] } });
    let ask = json!({ "scope": SHELL, "instanceId": site.instance, "target": "target" });
    let agents = [
        ("POST", "/api/tickets/instances".to_owned(), Some(register.clone())),
        ("POST", format!("{instance}/heartbeat"), None),
        ("POST", "/api/tickets".to_owned(), Some(ask)),
        ("GET", "/api/tickets/inbox".to_owned(), None),
        ("POST", "/api/tickets/sessions".to_owned(), Some(json!({ "ticketId": "00" }))),
        ("POST", format!("/api/tickets/sessions/{}/heartbeat", "0".repeat(32)), None),
    ];
    for (method, path, body) in &agents {
        let told = site.operator.call(method, path, body.as_ref()).await?;
        assert_eq!(told, (400, json!({ "error": "Agent label required" })), "{method} {path}");
    }
    let validated =
        site.operator.call("POST", "/api/tickets/validate", Some(&json!({ "ticketId": "00" }))).await?;
    assert_eq!(validated, (401, json!({ "error": "Invalid ticket" })));
    assert_eq!(site.target.call("DELETE", &instance, None).await?.0, 404, "somebody else's");
    assert_eq!(site.target.call("POST", &format!("{instance}/heartbeat"), None).await?.0, 404);
    let weak = site.host.enrol("weak", &["other:thing"]).await?;
    let told = weak.call("POST", "/api/tickets/instances", Some(&register)).await?;
    assert_eq!(told, (403, json!({ "error": "Insufficient capability" })));

    // A revoked agent is nobody at once, with all that it enrolled and all that stands on it.
    let id = site.ticket().await?;
    site.validate(&id).await?;
    site.session(&id).await?;
    let helper = site.host.enrol("plugin-agent:target:helper", &[SHELL]).await?;
    assert_eq!(helper.call("GET", "/api/tickets/inbox", None).await?.0, 200);
    let (status, told) = site.operator.call("DELETE", "/api/v1/agents/target", None).await?;
    assert_eq!((status, &told["sessions"]), (200, &json!(1)));
    assert_eq!(told["revoked"], json!(["target", "plugin-agent:target:helper"]));
    for gone in [&site.target, &helper] {
        let told = gone.call("GET", "/api/tickets/inbox", None).await;
        assert!(told.is_err(), "its certificate opens no connection: {told:?}");
    }
    let (_, listed) = site.operator.call("GET", "/api/tickets/sessions", None).await?;
    assert_eq!(listed["sessions"][0]["reason"], "target_revoked");
    assert_eq!(site.ask().await?.0, 404);
    // Enrolled again it is the same agent, with a new certificate only.
    let again = site.host.enrol("target", &[SHELL]).await?;
    assert_eq!(again.call("GET", "/api/tickets/inbox", None).await?.0, 200);
    assert!(site.target.call("GET", "/api/tickets/inbox", None).await.is_err());
    assert_eq!(site.ask().await?.0, 201);
    Ok(())
}

#[tokio::test]
async fn what_is_not_asked_rightly_is_told_field_by_field() -> Result<()> {
    let folder = TlsHost::folder("[tickets]\nrequests = 2\n")?;
    let site = Site::new(TlsHost::start(&folder).await?).await?;
    for (method, path) in [
        ("GET", "/api/tickets/"),
        ("PUT", "/api/tickets"),
        ("GET", "/api/tickets/nothing/here"),
        ("PATCH", "/api/tickets/inbox"),
    ] {
        assert_eq!(
            site.operator.call(method, path, None).await?,
            (404, json!({ "error": "Not found" })),
            "{method} {path}"
        );
    }
    let json_kind = "content-type: application/json\r\n";
    let at = "/api/tickets/scopes";
    let empty = "Body cannot be empty when content-type is set to 'application/json'";
    assert_eq!(site.operator.raw("POST", at, json_kind, "").await?, (400, json!({ "error": empty })));
    let broken = "Body is not valid JSON but content-type is set to 'application/json'";
    assert_eq!(site.operator.raw("POST", at, json_kind, "{").await?, (400, json!({ "error": broken })));
    let media = (415, json!({ "error": "Unsupported Media Type" }));
    assert_eq!(site.operator.raw("POST", at, "content-type: text/xml\r\n", "<a/>").await?, media);
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(
        site.operator.raw("POST", at, json_kind, &large).await?,
        (413, json!({ "error": "Request body is too large" }))
    );

    let issues = async |party: &Party, path: &str, body: Value| {
        let (status, told) = party.call("POST", path, Some(&body)).await.unwrap();
        assert_eq!((status, &told["error"]), (400, &json!("Validation failed")), "{body}: {told}");
        let issues = told["details"]["issues"].as_array().unwrap().iter();
        issues.map(|issue| issue["path"].to_string()).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(issues(&site.operator, at, json!([])).await, "[]");
    assert_eq!(issues(&site.operator, at, json!("text")).await, "[]");
    let all = r#"["name"] ["version"] ["description"] ["scopes"] ["transport"]"#;
    assert_eq!(issues(&site.operator, at, json!({})).await, all);
    let change = |pointer: &str, value: Value| {
        let mut scope = scope();
        *scope.pointer_mut(pointer).unwrap() = value;
        scope
    };
    for (pointer, value) in [
        ("/name", json!("Shell")),
        ("/name", json!("agents")),
        ("/name", json!("x".repeat(51))),
        ("/version", json!("")),
        ("/version", json!(1)),
        ("/description", json!("x".repeat(501))),
        ("/scopes", json!([])),
        ("/scopes/0/name", json!("shell")),
        ("/scopes/0/instanceScoped", json!("yes")),
        ("/transport/strategies", json!([])),
        ("/transport/strategies/0", json!("pigeon")),
        ("/transport/preferred", json!("pigeon")),
        ("/transport/port", json!(80)),
        ("/transport/port", json!(1.5)),
        ("/transport/port", json!(65_536)),
        ("/transport/protocol", json!("udp")),
    ] {
        let found = issues(&site.operator, at, change(pointer, value)).await;
        let path: Vec<Value> =
            pointer[1..].split('/').map(|p| p.parse::<u64>().map_or(json!(p), |n| json!(n))).collect();
        assert_eq!(found, Value::from(path).to_string(), "{pointer}");
    }
    let taken = site.operator.call("POST", at, Some(&scope())).await?;
    assert_eq!(taken, (409, json!({ "error": "Ticket scope \"shell\" is already registered" })));
    let newer = change("/version", json!("2.0.0"));
    assert_eq!(site.operator.call("PUT", "/api/tickets/scopes/shell", Some(&newer)).await?.0, 200);
    let missing = (404, json!({ "error": "Ticket scope \"other\" not found" }));
    assert_eq!(site.operator.call("DELETE", "/api/tickets/scopes/other", None).await?, missing);

    // No source sends a target into its own network.
    let direct = |host: &str, port: u64| json!({ "scope": SHELL, "transport": { "strategies": ["direct"], "direct": { "host": host, "port": port } } });
    for closed in
        ["127.0.0.1", "LOCALHOST", "0x7f000001", "10.1", "::ffff:127.0.0.1", "169.254.169.254", "a b", ""]
    {
        let found = issues(&site.source, "/api/tickets/instances", direct(closed, 4_000)).await;
        assert_eq!(found, r#"["transport","direct","host"]"#, "{closed}");
    }
    let found = issues(&site.source, "/api/tickets/instances", direct("1.1.1.1", 80)).await;
    assert_eq!(found, r#"["transport","direct","port"]"#);
    let (status, told) =
        site.source.call("POST", "/api/tickets/instances", Some(&direct("1.1.1.1", 4_000))).await?;
    assert_eq!(
        (status, &told["instanceId"]),
        (200, &json!(site.instance)),
        "the same instance, reached otherwise"
    );
    let unknown = json!({ "scope": "none:such", "transport": { "strategies": ["relay"] } });
    assert_eq!(site.source.call("POST", "/api/tickets/instances", Some(&unknown)).await?.0, 403);

    for id in ["ABCDEF", "xyz", "%20", "0x1"] {
        assert_eq!(
            site.source.call("DELETE", &format!("/api/tickets/instances/{id}"), None).await?.0,
            400,
            "{id}"
        );
    }
    assert_eq!(site.source.call("DELETE", "/api/tickets/instances/abcdef", None).await?.0, 404);
    assert_eq!(
        issues(&site.target, "/api/tickets/validate", json!({ "ticketId": "ABC" })).await,
        r#"["ticketId"]"#
    );
    let short =
        site.target.call("POST", "/api/tickets/validate", Some(&json!({ "ticketId": "abc" }))).await?;
    assert_eq!(short.0, 401);
    let twice = site.operator.call("GET", "/api/tickets/assignments?agentLabel=a&agentLabel=b", None).await?;
    assert_eq!(twice.0, 400);
    for bad in ["limit=0", "limit=1001", "limit=x", "after=x", "after=1.zz"] {
        assert_eq!(site.operator.call("GET", &format!("/api/tickets?{bad}"), None).await?.0, 400, "{bad}");
    }
    let add = json!({ "agentLabel": "nobody", "instanceScope": format!("{SHELL}:{}", site.instance) });
    let told = site.operator.call("POST", "/api/tickets/assignments", Some(&add)).await?;
    assert_eq!(told, (404, json!({ "error": "Agent not found or revoked" })));

    // As often as the configuration says, and no more.
    assert_eq!((site.ask().await?.0, site.ask().await?.0), (201, 201));
    assert_eq!(site.ask().await?, (429, json!({ "error": "Rate limit exceeded" })));
    Ok(())
}

#[tokio::test]
async fn what_is_taken_by_its_id_is_selected_by_its_scope_and_its_agents() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let site = Site::new(TlsHost::start(&folder).await?).await?;
    let session = format!("/api/tickets/sessions/{}", site.admitted().await?);
    let pending = site.ticket().await?;
    let (_, listed) = site.operator.call("GET", "/api/tickets", None).await?;
    let listed = listed["tickets"].as_array().unwrap().iter().find(|one| one["state"] == "pending");
    let ticket = format!("/api/tickets/{}", text(&listed.unwrap()["id"]));
    let instance = format!("/api/tickets/instances/{}", site.instance);
    let person = async |name: &str, grants: Value| {
        let role = json!({ "about": "", "grants": grants });
        let told = site.operator.call("PUT", &format!("/api/v1/roles/{name}-role"), Some(&role)).await?;
        assert!(told.0 < 300, "{told:?}");
        anyhow::Ok(site.host.person(name, &[&format!("{name}-role")]).await?.0)
    };
    let acts = ["session:end", "ticket:revoke", "instance:remove"];
    let reads = ["session:read", "ticket:read", "instance:read"];
    let on = |scope: &str, machines: &[&str]| json!({ "scope": [scope], "machine": machines });
    for (name, grants, [ended, revoked, removed]) in [
        ("none", json!([{ "actions": reads }]), [403, 403, 403]),
        ("other", json!([{ "actions": acts, "on": { "scope": ["tunnel"] } }]), [404, 404, 404]),
        // Who sees it is told that they may not.
        (
            "reader",
            json!([{ "actions": reads }, { "actions": acts, "on": { "scope": ["tunnel"] } }]),
            [403, 403, 403],
        ),
        // Both agents count; an instance has one.
        ("half", json!([{ "actions": acts, "on": on("shell", &["target"]) }]), [404, 404, 404]),
    ] {
        let who = person(name, grants).await?;
        for (path, status) in [(&session, ended), (&ticket, revoked), (&instance, removed)] {
            assert_eq!(who.call("DELETE", path, None).await?.0, status, "{name} {path}");
        }
    }
    assert_eq!(site.target.call("POST", &format!("{session}/heartbeat"), None).await?.1["authorized"], true);
    assert_eq!(site.target.call("GET", "/api/tickets/inbox", None).await?.1["tickets"][0]["id"], pending);
    let both = person("both", json!([{ "actions": acts, "on": on("shell", &["source", "target"]) }])).await?;
    for path in [&session, &ticket, &instance] {
        assert_eq!(both.call("DELETE", path, None).await?.0, 200, "{path}");
    }
    // What is not there is not found, as for anybody.
    assert_eq!(both.call("DELETE", &instance, None).await?.0, 404);
    assert_eq!(both.call("DELETE", &format!("/api/tickets/{}", "0".repeat(64)), None).await?.0, 404);
    assert_eq!(both.call("DELETE", "/api/tickets/sessions/nonsense", None).await?.0, 404);
    Ok(())
}
