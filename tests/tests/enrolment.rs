//! How machines become agents, through the real host over TLS: each answer, and who does not get in.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

use std::os::unix::fs::PermissionsExt as _;

use anyhow::Result;
use futures::future::try_join_all;
use jiff::Timestamp;
use rcgen::{CertificateParams, KeyPair};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use waystation_tests::agents::{Party, TlsHost, Told};
use waystation_tests::enrolling::Machine;
use waystation_tests::patience::until;
use waystation_tests::{Database, Folder, Host, Ran};

const SHELL: &str = "shell:connect";
/// So that addresses are not what is tested.
const OFTEN: &str = "[enrolment]\nattempts = 100000\n";

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

fn refused(told: &Told) -> (u16, &str) {
    (told.0, text(&told.1["error"]))
}

fn muid(digit: char) -> String {
    format!("muid_{}", digit.to_string().repeat(64))
}

async fn inbox(party: &Party) -> Result<u16> {
    Ok(party.call("GET", "/api/tickets/inbox", None).await?.0)
}

async fn audit(operator: &Party, action: &str) -> Result<Vec<(String, String)>> {
    let path = format!("/api/v1/audit?action={action}&limit=1000");
    let (_, told) = operator.call("GET", &path, None).await?;
    let rows = told["rows"].as_array().unwrap().iter();
    Ok(rows.map(|row| (text(&row["target"]).to_owned(), text(&row["outcome"]).to_owned())).collect())
}

#[tokio::test]
async fn a_machine_enrols_with_a_token_once() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let wanted = json!({ "label": "mac", "capabilities": [SHELL] });
    let (token, invited) = host.invite(&wanted).await?;
    assert!(token.starts_with("wse_") && token.len() == 68);
    assert!(text(&invited["pin"]).starts_with("sha256:") && text(&invited["fingerprint"]).len() == 6);

    // As a client of the reference API: two fields, and 200.
    let mac = Machine::new()?;
    let told = mac.enrols(&host, &token, json!({})).await?;
    assert_eq!((told.0, &told.1["ok"], &told.1["label"]), (200, &json!(true), &json!("mac")), "{told:?}");
    let serial = text(&told.1["serial"]);
    assert!(serial.chars().all(|c| c.is_ascii_digit() || c.is_ascii_uppercase()), "{serial}");
    assert!(
        text(&told.1["expiresAt"]).ends_with('Z') && text(&told.1["caCert"]).contains("BEGIN CERTIFICATE")
    );
    let agent = mac.agent(&host, &told)?;
    assert_eq!(inbox(&agent).await?, 200);
    let (_, shown) = operator.call("GET", "/api/v1/agents/mac", None).await?;
    assert_eq!(shown["capabilities"], json!([SHELL]));

    // The answer was lost: the same key gets another certificate, and another key nothing.
    let again = mac.enrols(&host, &token, json!({})).await?;
    assert_eq!(again.0, 200, "{again:?}");
    assert_eq!(inbox(&mac.agent(&host, &again)?).await?, 200);
    let used = Machine::new()?.enrols(&host, &token, json!({})).await?;
    assert_eq!(refused(&used), (401, "Enrollment token was already used"));
    assert_eq!(used.1["details"]["code"], "enrolment-used");
    let unknown = Machine::new()?.enrols(&host, &format!("wse_{}", "0".repeat(64)), json!({})).await?;
    assert_eq!(refused(&unknown), (401, "Enrollment token is not known"));

    let (token, _) = host.invite(&json!({ "label": "late", "ttl_s": 1 })).await?;
    let late = until("the token expires", async || {
        let told = Machine::new()?.enrols(&host, &token, json!({ "label": "other" })).await?;
        assert_eq!(refused(&told), (403, "Enrollment token is for another label"));
        let (_, listed) = operator.call("GET", "/api/v1/enrolments", None).await?;
        let ends: Timestamp = text(&listed["enrolments"][1]["expires_at"]).parse()?;
        if Timestamp::now() < ends {
            return Ok(None);
        }
        Ok(Some(Machine::new()?.enrols(&host, &token, json!({})).await?))
    });
    assert_eq!(refused(&late.await?), (401, "Enrollment token has expired"));

    let (token, invited) = host.invite(&json!({ "label": "gone" })).await?;
    let path = format!("/api/v1/enrolments/{}", text(&invited["id"]));
    assert_eq!(operator.call("DELETE", &path, None).await?.0, 204);
    assert_eq!(operator.call("DELETE", &path, None).await?.0, 404);
    assert_eq!(refused(&Machine::new()?.enrols(&host, &token, json!({})).await?).0, 401);

    // One that leaves the label open; ours are told 201 for a new agent and 200 for one that comes back.
    let (any, _) = host.invite(&json!({ "uses": 5, "capabilities": [SHELL] })).await?;
    let open = Machine::new()?.enrols(&host, &any, json!({})).await?;
    assert_eq!((open.0, &open.1["details"]["issues"][0]["path"]), (400, &json!(["label"])));
    let two = Machine::new()?;
    let told = two.enrols(&host, &any, json!({ "label": "two", "machine_id": muid('a') })).await?;
    assert_eq!(told.0, 201, "{told:?}");
    let taken = Machine::new()?.enrols(&host, &any, json!({ "label": "two" })).await?;
    assert_eq!(refused(&taken), (409, "Agent \"two\" is already enrolled"));
    assert_eq!(operator.call("DELETE", "/api/v1/agents/two", None).await?.0, 200);
    let agent = two.agent(&host, &told)?;
    assert!(inbox(&agent).await.is_err(), "its certificate opens no connection");
    let stale = two.enrols(&host, &any, json!({ "label": "two", "machine_id": muid('a') })).await?;
    assert_eq!(refused(&stale), (401, "Enrollment token is older than the revocation of this agent"));
    let (fresh, _) = host.invite(&json!({ "label": "two" })).await?;
    let back = two.enrols(&host, &fresh, json!({ "machine_id": muid('a') })).await?;
    assert_eq!(back.0, 200, "the same agent as before: {back:?}");

    let made = audit(&operator, "enrolment.invite").await?;
    assert_eq!(made.len(), 5);
    assert_eq!(audit(&operator, "enrolment.uninvite").await?.len(), 2);
    let enrolled = audit(&operator, "agent.enrol").await?;
    assert_eq!(
        enrolled.iter().map(|row| row.0.as_str()).collect::<Vec<_>>(),
        ["agent:mac", "agent:two", "agent:two"]
    );
    let (_, told) = operator.call("GET", "/api/v1/audit?limit=1000", None).await?;
    assert!(!told.to_string().contains(&token[4..]), "no token is on record");
    let (_, told) = operator.call("GET", "/api/v1/enrolments", None).await?;
    assert!(!told.to_string().contains("wse_"), "nor in a list");
    Ok(())
}

#[tokio::test]
async fn of_many_with_one_token_one_gets_in() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    race(&folder).await
}

#[tokio::test]
async fn of_many_with_one_token_one_gets_in_on_postgresql() -> Result<()> {
    let database = Database::make("enrol").await?;
    let folder = TlsHost::folder(OFTEN)?.env("WAYSTATION_DATABASE_URL", &database.url());
    let raced = race(&folder).await;
    database.remove().await?;
    raced
}

async fn race(folder: &Folder) -> Result<()> {
    let host = TlsHost::start(folder).await?;
    let (token, _) = host.invite(&json!({ "label": "one" })).await?;
    let machines: Vec<Machine> = (0..24).map(|_| Machine::new().unwrap()).collect();
    let tries =
        machines.iter().map(|machine| machine.enrols(&host, &token, json!({ "machine_id": muid('b') })));
    let told = try_join_all(tries).await?;
    let count = |status| told.iter().filter(|told| told.0 == status).count();
    assert_eq!((count(201), count(401)), (1, 23), "{told:?}");
    Ok(())
}

#[tokio::test]
async fn what_is_not_sent_rightly_is_told() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let (anybody, at) = (host.anybody(None)?, "/api/enroll");
    let kind = "content-type: application/json\r\n";
    for (headers, body, status, error) in [
        (kind, "", 400, "Body cannot be empty when content-type is set to 'application/json'"),
        (kind, "{", 400, "Body is not valid JSON but content-type is set to 'application/json'"),
        ("content-type: text/xml\r\n", "<a/>", 415, "Unsupported Media Type"),
        ("", "", 400, "Validation failed"),
        (kind, "[]", 400, "Validation failed"),
        (kind, "null", 400, "Validation failed"),
        (kind, r#"{"token":1,"csr":2}"#, 400, "Validation failed"),
    ] {
        assert_eq!(refused(&anybody.raw("POST", at, headers, body).await?), (status, error), "{body}");
    }
    let large = format!("\"{}\"", "x".repeat(1 << 20));
    assert_eq!(refused(&anybody.raw("POST", at, kind, &large).await?), (413, "Request body is too large"));
    for method in ["GET", "PUT", "DELETE"] {
        assert_eq!(anybody.call(method, at, None).await?.0, 404);
    }
    let (token, _) = host.invite(&json!({ "label": "mac" })).await?;
    let send = async |token: &str, csr: &str| {
        anybody.call("POST", at, Some(&json!({ "token": token, "csr": csr }))).await
    };
    let good = Machine::new()?.csr()?;
    assert_eq!(refused(&send(&token, &"x".repeat(8_193)).await?), (400, "CSR too large"));
    for bad in
        ["no request", "-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"]
    {
        let told = send(&token, bad).await?;
        assert!(told.0 == 400 && text(&told.1["error"]).starts_with("Invalid CSR: "), "{told:?}");
        assert_eq!(told.1["details"]["code"], "csr-malformed");
    }
    // Nothing of that used the token; another spelling of it, or another credential, is none.
    let secret = token.strip_prefix("wse_").unwrap();
    for other in [
        token.to_uppercase(),
        format!("wst_{secret}"),
        format!("wsa_{secret}"),
        secret.to_owned(),
        format!(" {token}"),
        std::fs::read_to_string(folder.data().join("api-token"))?.trim().to_owned(),
    ] {
        assert_eq!(refused(&send(&other, &good).await?), (401, "Enrollment token is not known"), "{other}");
    }
    assert_eq!(send(&token, &good).await?.0, 200);

    let operator = host.operator()?;
    for (body, code) in [
        (json!({ "label": "Mac" }), "agent-name"),
        (json!({ "capabilities": ["Shell"] }), "invalid-scope"),
        (json!({ "uses": 0 }), "enrolment-uses"),
        (json!({ "uses": 10_001 }), "enrolment-uses"),
        (json!({ "ttl_s": 0 }), "enrolment-ttl"),
        (json!({ "ttl_s": 604_801 }), "enrolment-ttl"),
        (json!({ "ttl": 5 }), "bad-body"),
        (json!({ "label": "mac" }), "enrolment-taken"),
    ] {
        let (status, told) = operator.call("POST", "/api/v1/enrolments", Some(&body)).await?;
        assert_eq!((status / 100, &told["code"]), (4, &json!(code)), "{body}");
    }
    for path in ["nothing", "0197f8a0-1c2d-7def-8123-456789abcdef", "0197F8A0"] {
        assert_eq!(operator.call("DELETE", &format!("/api/v1/enrolments/{path}"), None).await?.0, 404);
        let approve = format!("/api/v1/enrolments/pending/{path}/approve");
        assert_eq!(operator.call("POST", &approve, None).await?.0, 404);
    }
    Ok(())
}

#[tokio::test]
async fn one_address_tries_a_few_times_a_minute() -> Result<()> {
    let folder = TlsHost::folder("")?;
    let host = TlsHost::start(&folder).await?;
    let (token, _) = host.invite(&json!({ "uses": 10_000 })).await?;
    let mut party = host.anybody(None)?.connect().await?;
    let csr = Machine::new()?.csr()?;
    let (mut made, mut slowed) = (0, 0);
    for n in 0..10_000 {
        let body = json!({ "token": token, "csr": csr, "label": format!("n{n}") });
        match party.call("POST", "/api/enroll", Some(&body)).await? {
            (201, _) => made += 1,
            (429, told) => {
                assert_eq!(told["error"], "Rate limit exceeded");
                slowed += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    // Five at once, and one more in each twelve seconds that this takes.
    assert!((5..60).contains(&made), "{made}");
    assert_eq!(made + slowed, 10_000);
    let operator = host.operator()?;
    assert_eq!(audit(&operator, "agent.enrol").await?.len(), made);
    assert!(audit(&operator, "enrolment.use").await?.is_empty());
    let body = json!({ "token": token, "csr": csr, "label": "x" });
    let (status, head) = head(&host, &body).await?;
    let after = head.lines().find_map(|line| line.strip_prefix("retry-after: ")).unwrap().parse::<u32>()?;
    assert!(status == 429 && (1..=12).contains(&after), "{head}");
    // The operator's own side is not slowed by it.
    assert_eq!(operator.call("GET", "/api/v1/enrolments", None).await?.0, 200);
    Ok(())
}

/// Status and headers of an answer.
async fn head(host: &TlsHost, body: &Value) -> Result<(u16, String)> {
    let mut kept = host.anybody(None)?.connect().await?;
    kept.answer_head("POST", "/api/enroll", body).await
}

#[tokio::test]
async fn whoever_is_on_a_known_machine_or_to_be_looked_at_waits() -> Result<()> {
    let folder = TlsHost::folder(&format!("{OFTEN}pending = \"1m\"\n"))?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let (token, _) = host.invite(&json!({ "uses": 9 })).await?;
    let on = |label: &str| json!({ "label": label, "machine_id": muid('c') });
    assert_eq!(Machine::new()?.enrols(&host, &token, on("old")).await?.0, 201);
    let new = Machine::new()?;
    let (status, told) = new.enrols(&host, &token, on("new")).await?;
    assert_eq!((status, &told["status"]), (202, &json!("collision-pending")), "{told}");
    assert!(told.get("cert").is_none() && told.get("key").is_none());
    let (_, head) =
        head(&host, &json!({ "token": token, "csr": new.csr()?, "label": "new", "machine_id": muid('c') }))
            .await?;
    assert!(head.contains("retry-after: 15"), "{head}");
    let id = text(&told["pending"]).to_owned();
    let (_, listed) = operator.call("GET", "/api/v1/enrolments/pending", None).await?;
    assert_eq!(listed["pending"].as_array().unwrap().len(), 1, "asking again is no other one: {listed}");
    assert_eq!(
        (&listed["pending"][0]["elsewhere"], &listed["pending"][0]["id"]),
        (&json!(["old"]), &json!(id))
    );
    assert_eq!(operator.call("GET", "/api/v1/agents/new", None).await?.0, 404);
    let approve = format!("/api/v1/enrolments/pending/{id}/approve");
    let (status, told) = operator.call("POST", &approve, None).await?;
    assert_eq!((status, &told["state"], &told["label"]), (200, &json!("approved"), &json!("new")));
    assert_eq!(operator.call("POST", &approve, None).await?.1["code"], "enrolment-not-waiting");
    // Another key is another machine, whatever it says to be.
    assert_eq!(Machine::new()?.enrols(&host, &token, on("new")).await?.0, 202);
    let told = new.enrols(&host, &token, on("new")).await?;
    assert_eq!(told.0, 201, "{told:?}");
    assert_eq!(inbox(&new.agent(&host, &told)?).await?, 200);

    // A claim gives nothing: neither the name of the agent on that machine, nor one's own without waiting.
    assert_eq!(Machine::new()?.enrols(&host, &token, on("old")).await?.0, 409);
    let not = Machine::new()?;
    let (_, told) = not.enrols(&host, &token, on("not")).await?;
    let reject = format!("/api/v1/enrolments/pending/{}/reject", text(&told["pending"]));
    assert_eq!(operator.call("POST", &reject, None).await?.1["state"], "rejected");
    assert_eq!(refused(&not.enrols(&host, &token, on("not")).await?), (403, "Enrollment was rejected"));

    let (seen, _) = host.invite(&json!({ "label": "seen", "approve": true })).await?;
    let machine = Machine::new()?;
    let (status, told) = machine.enrols(&host, &seen, json!({})).await?;
    assert_eq!((status, &told["status"]), (202, &json!("approval-pending")));
    let other = Machine::new()?.enrols(&host, &seen, json!({})).await?;
    assert_eq!(refused(&other), (401, "Enrollment token was already used"));
    let settled = audit(&operator, "enrolment.approve").await?;
    assert_eq!(settled.iter().map(|row| row.1.as_str()).collect::<Vec<_>>(), ["ok", "enrolment-not-waiting"]);
    assert_eq!(audit(&operator, "enrolment.reject").await?.len(), 1);
    let waits = audit(&operator, "enrolment.wait").await?;
    assert_eq!(waits.last().unwrap().1, "approval");
    Ok(())
}

#[tokio::test]
async fn an_enrolment_that_nobody_confirms_ends() -> Result<()> {
    let database = Database::make("timeout").await?;
    let folder = TlsHost::folder(OFTEN)?.env("WAYSTATION_DATABASE_URL", &database.url());
    let ended = times_out(&folder, &database.url()).await;
    database.remove().await?;
    ended
}

async fn times_out(folder: &Folder, url: &str) -> Result<()> {
    use sqlx::Connection as _;
    let host = TlsHost::start(folder).await?;
    let (token, _) = host.invite(&json!({ "label": "slow", "approve": true })).await?;
    let machine = Machine::new()?;
    let (status, told) = machine.enrols(&host, &token, json!({})).await?;
    assert_eq!(status, 202);
    // A day later.
    let mut raw = sqlx::PgConnection::connect(url).await?;
    sqlx::raw_sql("UPDATE enrolments SET until = until - 86400000000").execute(&mut raw).await?;
    let over = machine.enrols(&host, &token, json!({})).await?;
    assert_eq!(refused(&over), (401, "Enrollment was not confirmed in time"));
    let approve = format!("/api/v1/enrolments/pending/{}/approve", text(&told["pending"]));
    let (status, told) = host.operator()?.call("POST", &approve, None).await?;
    assert_eq!((status, &told["code"]), (409, &json!("enrolment-not-waiting")));

    // Of another tenant: neither seen nor touched here, and its token makes its agents.
    sqlx::raw_sql("INSERT INTO tenants (name, created_at) VALUES ('other', 0)").execute(&mut raw).await?;
    let (theirs, invited) = host.invite(&json!({ "label": "theirs" })).await?;
    let (waits, _) = host.invite(&json!({ "label": "waits", "approve": true })).await?;
    sqlx::raw_sql("UPDATE enrolment_tokens SET tenant = 'other' WHERE label IN ('theirs', 'waits')")
        .execute(&mut raw)
        .await?;
    let operator = host.operator()?;
    let path = format!("/api/v1/enrolments/{}", text(&invited["id"]));
    assert_eq!(operator.call("DELETE", &path, None).await?.0, 404);
    let (_, listed) = operator.call("GET", "/api/v1/enrolments", None).await?;
    assert_eq!(listed["enrolments"].as_array().unwrap().len(), 1);
    let machine = Machine::new()?;
    let told = machine.enrols(&host, &theirs, json!({})).await?;
    assert_eq!(told.0, 200, "{told:?}");
    assert_eq!(operator.call("GET", "/api/v1/agents/theirs", None).await?.0, 404);
    let (_, shown) = machine.agent(&host, &told)?.call("GET", "/api/v1/certificate", None).await?;
    assert_eq!(shown["code"], "unauthorized", "a certificate is no token");
    let (status, told) = Machine::new()?.enrols(&host, &waits, json!({})).await?;
    assert_eq!(status, 202);
    let (_, listed) = operator.call("GET", "/api/v1/enrolments/pending", None).await?;
    assert_eq!(listed["pending"], json!([]));
    for verb in ["approve", "reject"] {
        let path = format!("/api/v1/enrolments/pending/{}/{verb}", text(&told["pending"]));
        assert_eq!(operator.call("POST", &path, None).await?.0, 404);
    }
    for (method, path, body) in [
        ("DELETE", "/api/certs/agent/enroll/waits", None),
        ("DELETE", "/api/certs/agent/theirs", None),
        ("PATCH", "/api/certs/agent/theirs/capabilities", Some(json!({ "capabilities": [] }))),
    ] {
        assert_eq!(operator.call(method, path, body.as_ref()).await?.0, 404, "{path}");
    }
    Ok(())
}

async fn scope(operator: &Party) -> Result<()> {
    let scope = json!({
        "name": "shell", "version": "1.0.0", "description": "Shells",
        "scopes": [{ "name": SHELL, "description": "Opens one", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    });
    assert_eq!(operator.call("POST", "/api/tickets/scopes", Some(&scope)).await?.0, 201);
    Ok(())
}

#[tokio::test]
async fn the_reference_api_enrols_changes_renews_and_revokes() -> Result<()> {
    let folder = TlsHost::folder(&format!("{OFTEN}overlap = \"0s\"\n"))?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    scope(&operator).await?;
    let base = "/api/certs/agent";
    let wanted = json!({ "label": "mac", "capabilities": [SHELL, "tunnels:read"], "allowedSites": [] });
    let at = format!("{base}/enroll");
    let (status, first) = operator.call("POST", &at, Some(&wanted)).await?;
    assert_eq!((status, &first["ok"], &first["label"]), (200, &json!(true), &json!("mac")), "{first}");
    assert!(text(&first["expiresAt"]).ends_with('Z'));
    let (_, second) = operator.call("POST", &at, Some(&wanted)).await?;
    let replaced = Machine::new()?.enrols(&host, text(&first["token"]), json!({})).await?;
    assert_eq!(refused(&replaced), (401, "Enrollment token is not known"));
    let mac = Machine::new()?;
    let told = mac.enrols(&host, text(&second["token"]), json!({})).await?;
    let agent = mac.agent(&host, &told)?;
    let taken = operator.call("POST", &at, Some(&wanted)).await?;
    assert_eq!(refused(&taken), (409, "Agent \"mac\" is already enrolled"));
    for (body, path) in [
        (json!({}), r#"["label"] ["capabilities"]"#),
        (json!({ "label": "Mac", "capabilities": [] }), r#"["label"]"#),
        (json!({ "label": "x".repeat(51), "capabilities": [] }), r#"["label"]"#),
        (json!({ "label": "a", "capabilities": ["x", 1] }), r#"["capabilities",0] ["capabilities",1]"#),
        (json!({ "label": "a", "capabilities": "all" }), r#"["capabilities"]"#),
    ] {
        let (status, told) = operator.call("POST", &at, Some(&body)).await?;
        let issues = told["details"]["issues"].as_array().unwrap().iter();
        let paths: Vec<String> = issues.map(|issue| issue["path"].to_string()).collect();
        assert_eq!((status, paths.join(" ").as_str()), (400, path), "{told}");
    }
    let (_, other) = operator.call("POST", &at, Some(&json!({ "label": "pc", "capabilities": [] }))).await?;
    let drop = format!("{base}/enroll/pc");
    assert_eq!(operator.call("DELETE", &drop, None).await?, (200, json!({ "ok": true })));
    assert_eq!(operator.call("DELETE", &drop, None).await?.0, 404);
    assert_eq!(Machine::new()?.enrols(&host, text(&other["token"]), json!({})).await?.0, 401);

    // Delegated: by the owner of a live instance, for its scope, and while it is not revoked.
    let delegate = async |party: &Party, short: &str, scope: &str| {
        let body = json!({ "pluginAgentLabel": short, "scope": scope });
        party.call("POST", &format!("{base}/enroll-delegated"), Some(&body)).await
    };
    let insufficient = (403, "Insufficient delegation authority");
    assert_eq!(refused(&delegate(&agent, "helper", SHELL).await?), insufficient);
    let register = json!({ "scope": SHELL, "transport": { "strategies": ["relay"] } });
    assert_eq!(agent.call("POST", "/api/tickets/instances", Some(&register)).await?.0, 201);
    assert_eq!(delegate(&agent, "helper", "tunnels:read").await?.0, 400);
    assert_eq!(delegate(&agent, "-helper", SHELL).await?.0, 400);
    assert_eq!(delegate(&agent, "Helper", SHELL).await?.0, 400);
    let by_admin = delegate(&operator, "helper", SHELL).await?;
    assert_eq!(refused(&by_admin), (403, "Agent label not found in certificate"));
    let (status, told) = delegate(&agent, "helper", SHELL).await?;
    assert_eq!((status, &told["pluginAgentLabel"]), (200, &json!("helper")), "{told}");
    let helper = Machine::new()?;
    let enrolled = helper.enrols(&host, text(&told["enrollmentToken"]), json!({})).await?;
    assert_eq!(enrolled.1["label"], "plugin-agent:mac:helper");
    let helper = helper.agent(&host, &enrolled)?;
    let nested = delegate(&helper, "more", SHELL).await?;
    assert_eq!(refused(&nested), (403, "Plugin agents cannot delegate enrollment"));
    assert_eq!(delegate(&agent, "helper", SHELL).await?.0, 409);
    let (_, later) = delegate(&agent, "later", SHELL).await?;

    // Only operators make and change; and nobody without a credential does anything.
    let open = host.anybody(None)?;
    let capabilities = json!({ "capabilities": [SHELL] });
    for (method, path, body) in [
        ("POST", at.clone(), Some(&wanted)),
        ("DELETE", format!("{base}/enroll/mac"), None),
        ("PATCH", format!("{base}/mac/capabilities"), Some(&capabilities)),
        ("DELETE", format!("{base}/mac"), None),
    ] {
        let told = agent.call(method, &path, body).await?;
        assert_eq!(refused(&told), (403, "Insufficient certificate scope"), "{method} {path}");
        assert_eq!(refused(&open.call(method, &path, body).await?), (403, "mTLS certificate required"));
    }
    let at = format!("{base}/plugin-agent%3Amac%3Ahelper/capabilities");
    let (status, told) = operator.call("PATCH", &at, Some(&capabilities)).await?;
    assert_eq!((status, &told["label"]), (200, &json!("plugin-agent:mac:helper")), "{told}");
    assert_eq!(told["capabilities"], json!([SHELL]));
    for (label, status) in [("nobody", 404), ("-x", 400), ("Mac", 400), ("agent%3Amac", 404)] {
        let at = format!("{base}/{label}/capabilities");
        assert_eq!(operator.call("PATCH", &at, Some(&capabilities)).await?.0, status, "{label}");
    }

    // Renewed by the agent itself; without an overlap the certificate before it is refused at once.
    let renew = format!("{base}/upgrade-cert");
    let csr = json!({ "csr": mac.csr()? });
    assert_eq!(refused(&operator.call("POST", &renew, Some(&csr)).await?), (400, "Agent label required"));
    assert_eq!(agent.call("POST", &renew, Some(&json!({ "csr": "x" }))).await?.0, 400);
    assert_eq!(agent.call("POST", &renew, Some(&json!({}))).await?.0, 400);
    let renewed = agent.call("POST", &renew, Some(&csr)).await?;
    assert_eq!((renewed.0, &renewed.1["label"]), (200, &json!("mac")), "{renewed:?}");
    let fresh = mac.agent(&host, &renewed)?;
    assert_eq!(inbox(&fresh).await?, 200);
    assert!(inbox(&agent).await.is_err(), "the certificate before it");

    // Revoked, with all that it enrolled, and with what it could still enrol.
    let gone = operator.call("DELETE", &format!("{base}/mac"), None).await?;
    assert_eq!(gone, (200, json!({ "ok": true, "label": "mac" })));
    assert_eq!(operator.call("DELETE", &format!("{base}/mac"), None).await?.0, 404);
    for party in [&fresh, &helper] {
        assert!(inbox(party).await.is_err());
    }
    let late = Machine::new()?.enrols(&host, text(&later["enrollmentToken"]), json!({})).await?;
    assert_eq!(refused(&late), (401, "Enrollment token is not known"));
    let (_, told) = operator.call("GET", "/api/v1/audit/verify", None).await?;
    assert_eq!(told["whole"], json!(true));
    for path in ["", "/", "/nothing/here", "/enroll/a/b"] {
        assert_eq!(operator.call("GET", &format!("{base}{path}"), None).await?.0, 404, "{path}");
    }
    Ok(())
}

#[tokio::test]
async fn an_agent_key_speaks_for_its_agent_to_agents_paths_alone() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let operator = host.operator()?;
    let (token, _) = host.invite(&json!({ "label": "mac", "capabilities": [SHELL] })).await?;
    let body = json!({ "token": token, "key": true });
    let (status, told) = host.anybody(None)?.call("POST", "/api/enroll", Some(&body)).await?;
    assert_eq!((status, told.get("cert")), (201, None), "{told}");
    let key = text(&told["key"]).to_owned();
    assert!(key.starts_with("wsa_") && key.len() == 68);
    let keyed = host.anybody(Some(&format!("Bearer {key}")))?;
    assert_eq!(inbox(&keyed).await?, 200);
    let told = keyed.call("GET", "/api/tickets/scopes", None).await?;
    assert_eq!(refused(&told), (403, "Insufficient certificate scope"));
    // Everywhere else it is a token like any that is wrong.
    let wrong = host.anybody(Some("Bearer wrong"))?;
    for path in
        ["/api/v1/agents", "/api/v1/audit", "/api/v1/enrolments", "/api/v1/enrolments/pending", "/metrics"]
    {
        let (mut keyed, mut wrong) =
            (keyed.call("GET", path, None).await?, wrong.call("GET", path, None).await?);
        for told in [&mut keyed, &mut wrong] {
            told.1["instance"] = Value::Null;
        }
        assert_eq!((keyed.0, &keyed), (401, &wrong), "{path}");
    }
    // Each credential on the plane of another: an enrolment token and a certificate are no tokens either.
    let (other, _) = host.invite(&json!({ "label": "pc" })).await?;
    let invited = host.anybody(Some(&format!("Bearer {other}")))?;
    for path in ["/api/v1/agents", "/api/tickets/inbox", "/metrics"] {
        assert_eq!(invited.call("GET", path, None).await?.0, 401, "{path}");
    }
    for other in [
        key.to_uppercase(),
        format!("{key}0"),
        format!("wsa_{}", "0".repeat(64)),
        format!("wst_{}", &key[4..]),
    ] {
        assert_eq!(inbox(&host.anybody(Some(&format!("Bearer {other}")))?).await?, 401, "{other}");
    }
    // On the connection of another agent it is nobody's; on that of its own it is the same.
    let pc = Machine::new()?;
    let told = pc.enrols(&host, &other, json!({})).await?;
    let mixed = pc.agent(&host, &told)?.with_authorization(&format!("Bearer {key}"));
    assert_eq!(inbox(&mixed).await?, 401);
    assert_eq!(inbox(&pc.agent(&host, &told)?).await?, 200);
    // It can get a certificate, and is over with its agent.
    let mac = Machine::new()?;
    let renewed =
        keyed.call("POST", "/api/certs/agent/upgrade-cert", Some(&json!({ "csr": mac.csr()? }))).await?;
    assert_eq!(inbox(&mac.agent(&host, &renewed)?).await?, 200);
    assert_eq!(operator.call("DELETE", "/api/v1/agents/mac", None).await?.0, 200);
    assert_eq!(inbox(&keyed).await?, 401);
    Ok(())
}

#[tokio::test]
async fn the_list_of_revoked_certificates_is_for_everybody() -> Result<()> {
    let url = "https://waystation.example/api/v1/certificates/crl";
    let folder = TlsHost::folder(&format!("[pki]\ncrl_url = \"{url}\"\n{OFTEN}"))?;
    let host = TlsHost::start(&folder).await?;
    let roots = std::fs::read(folder.data().join("pki/authorities.pem"))?;
    let authority = waystation_pki::AuthorityCertificate::read(&roots)?;
    let list = async || -> Result<waystation_pki::RevocationList> {
        let der = host.anybody(None)?.bytes("/api/v1/certificates/crl").await?;
        Ok(waystation_pki::RevocationList::read(&der, &authority, None, Timestamp::now())?)
    };
    let (empty, again) = (list().await?, list().await?);
    assert!(empty.revoked.is_empty());
    assert_eq!(empty, again, "nothing changed, so nothing is signed anew");
    let (token, _) = host.invite(&json!({ "label": "mac" })).await?;
    let mac = Machine::new()?;
    let told = mac.enrols(&host, &token, json!({})).await?;
    let pem = text(&told.1["cert"]);
    let der: Vec<u8> = base64_of(pem);
    assert!(
        der.windows(url.len()).any(|part| part == url.as_bytes()),
        "the certificate says where the list is"
    );
    let serial: waystation_pki::Serial = text(&told.1["serial"]).parse()?;
    assert!(mac.agent(&host, &told)?.call("GET", "/api/tickets/inbox", None).await?.0 == 200);
    host.operator()?.call("DELETE", "/api/v1/agents/mac", None).await?;
    let after = list().await?;
    assert_eq!(after.revoked.iter().map(|one| &one.serial).collect::<Vec<_>>(), [&serial]);
    assert!(after.number > empty.number);
    let file = folder.path().join("crl.pem");
    let ran = folder.run(&["pki", "crl", "-o", &file.display().to_string()]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let read =
        waystation_pki::RevocationList::read(&std::fs::read(file)?, &authority, None, Timestamp::now())?;
    assert_eq!(read.number, after.number);
    let ran = folder.run(&["pki", "crl"]).await?;
    assert!(ran.stdout.starts_with("-----BEGIN X509 CRL-----"), "{ran:?}");
    let anybody = host.anybody(None)?;
    assert_eq!(anybody.call("GET", "/api/v1/certificates/crl?authority=00000000", None).await?.0, 404);
    assert_eq!(anybody.call("GET", "/api/v1/certificates/crl?form=xml", None).await?.0, 422);
    Ok(())
}

fn base64_of(pem: &str) -> Vec<u8> {
    use base64::Engine as _;
    let text: String = pem.lines().filter(|line| !line.starts_with("-----")).collect();
    base64::engine::general_purpose::STANDARD.decode(text).unwrap()
}

fn failed(ran: &Ran) -> Value {
    assert_ne!(ran.code, 0, "{ran:?}");
    let failure: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    // What is wrong with a pin says it in its sentence.
    let told = failure["hint"].is_string() || text(&failure["code"]).starts_with("pin-");
    assert!(told, "it says what to do next: {failure}");
    failure
}

#[tokio::test]
async fn the_command_line_invites_enrols_and_renews() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let url = format!("https://localhost:{}", host.address.rsplit(':').next().unwrap());
    let invite = async |args: &[&str]| -> Result<Value> {
        let ran = folder.run(&[&["agent", "invite"], args, &["--json"]].concat()).await?;
        assert_eq!(ran.code, 0, "{ran:?}");
        ran.json()
    };
    let enrol = async |out: &str, args: &[&str]| {
        folder.run(&[&["enrol", "--host", &url, "--out", out, "--wait", "0s", "--json"], args].concat()).await
    };
    let made = invite(&["mac", "--capability", SHELL, "--ttl", "1h"]).await?;
    let (token, pin) = (text(&made["token"]), text(&made["pin"]));
    // Nothing is believed blindly: not without the pin, and not with another.
    assert_eq!(failed(&enrol("mac", &["--token", token]).await?)["code"], "tls");
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", &other]).await?)["code"], "pin-mismatch");
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", "x"]).await?)["code"], "pin-form");
    assert_eq!(
        failed(&enrol("mac", &["--token", "wse_", "--pin", pin]).await?)["code"],
        "invalid-credential"
    );
    let clear = folder
        .run(&["enrol", "--host", "http://192.0.2.1", "--token", token, "--out", "mac", "--json"])
        .await?;
    assert_eq!(failed(&clear)["code"], "insecure-host");
    let ran = enrol("mac", &["--token", token, "--pin", pin]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    assert_eq!(ran.json()?["label"], "mac");
    let mac = folder.path().join("mac");
    let mode = |name: &str| mac.join(name).metadata().unwrap().permissions().mode() & 0o777;
    assert_eq!((mode("key.pem"), mode("")), (0o600, 0o700));
    let key = std::fs::read_to_string(mac.join("key.pem"))?;
    let agent = host.with_files(&std::fs::read_to_string(mac.join("cert.pem"))?, &key)?;
    assert_eq!(inbox(&agent).await?, 200);
    let (_, shown) = host.operator()?.call("GET", "/api/v1/agents/mac", None).await?;
    assert_eq!(text(&shown["machine_uid"]), std::fs::read_to_string(mac.join("machine-uid"))?);
    assert_eq!(failed(&enrol("mac", &["--token", token, "--pin", pin]).await?)["code"], "already-enrolled");
    assert_eq!(failed(&enrol("second", &["--token", token, "--pin", pin]).await?)["code"], "enrolment-used");

    // Renewed: the same key, another certificate; and not before it is time.
    let before = std::fs::read_to_string(mac.join("cert.pem"))?;
    let ran = folder.run(&["renew", "--out", "mac", "--within", "30d", "--json"]).await?;
    assert_eq!((ran.code, &ran.json()?["renewed"]), (0, &json!(false)), "{ran:?}");
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!((ran.code, &ran.json()?["renewed"]), (0, &json!(true)), "{ran:?}");
    let after = std::fs::read_to_string(mac.join("cert.pem"))?;
    assert!(before != after && key == std::fs::read_to_string(mac.join("key.pem"))?);
    for pem in [&before, &after] {
        assert_eq!(inbox(&host.with_files(pem, &key)?).await?, 200, "both are good for a while");
    }

    // The same machine under another name: a person says yes or no.
    for other in ["pc", "third", "keyed"] {
        // Not every system has an identifier.
        std::fs::create_dir(folder.path().join(other))?;
        std::fs::copy(mac.join("machine-uid"), folder.path().join(other).join("machine-uid"))?;
    }
    let made = invite(&["--uses", "3"]).await?;
    let again = ["--token", text(&made["token"]), "--pin", pin, "--label", "pc"];
    assert_eq!(failed(&enrol("pc", &again).await?)["code"], "collision-pending");
    let listed = folder.run(&["agent", "pending", "--json"]).await?.json()?;
    let waits = &listed["pending"][0];
    assert_eq!((&waits["label"], &waits["elsewhere"]), (&json!("pc"), &json!(["mac"])));
    let ran = folder.run(&["agent", "approve", text(&waits["id"])]).await?;
    assert_eq!((ran.code, ran.stdout.trim()), (0, "pc is approved"), "{ran:?}");
    assert_eq!(enrol("pc", &again).await?.code, 0);
    let third = ["--token", text(&made["token"]), "--pin", pin, "--label", "third"];
    failed(&enrol("third", &third).await?);
    let listed = folder.run(&["agent", "pending", "--json"]).await?.json()?;
    assert_eq!(folder.run(&["agent", "reject", text(&listed["pending"][0]["id"])]).await?.code, 0);
    assert_eq!(failed(&enrol("third", &third).await?)["code"], "enrolment-rejected");

    // A key alone, by the token of standard input's kind, and lists for people.
    let made = invite(&["keyed"]).await?;
    let ran = enrol("keyed", &["--token", text(&made["token"]), "--pin", pin, "--key-only"]).await?;
    assert_eq!(failed(&ran)["code"], "collision-pending", "{ran:?}");
    let ran = folder.run(&["agent", "invites"]).await?;
    assert!(ran.stdout.contains("keyed") && !ran.stdout.contains("wse_"), "{ran:?}");
    let ran = folder.run(&["agent", "invites", "--json"]).await?.json()?;
    let id = text(&ran["enrolments"][0]["id"]).to_owned();
    assert_eq!(folder.run(&["agent", "uninvite", &id]).await?.code, 0);
    assert_eq!(folder.run(&["agent", "uninvite", &id]).await?.code, 6);
    let ran = folder.run(&["agent", "pending"]).await?;
    assert!(ran.stdout.contains("collision: mac pc"), "{ran:?}");

    // Revoked it is told so, and what to do.
    assert_eq!(folder.run(&["agent", "revoke", "mac"]).await?.code, 0);
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!(failed(&ran)["code"], "tls", "{ran:?}");
    assert_eq!(failed(&folder.run(&["renew", "--out", "nothing", "--json"]).await?)["code"], "not-enrolled");
    Ok(())
}

/// A machine with a clock that is late meets a certificate that began some minutes ago.
#[tokio::test]
async fn a_clock_that_is_some_minutes_late_does_no_harm() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let (token, _) = host.invite(&json!({ "label": "late" })).await?;
    let told = Machine::new()?.enrols(&host, &token, json!({})).await?;
    let certificate = waystation_pki::Certificate::read(text(&told.1["cert"]).as_bytes())?;
    let early = Timestamp::now().checked_sub(jiff::SignedDuration::from_mins(4))?;
    assert!(certificate.not_before() < early);
    let end: Timestamp = text(&told.1["expiresAt"]).parse()?;
    assert_eq!(end.as_second(), certificate.not_after().as_second());
    Ok(())
}

/// What is not TLS gets no answer with a token in it.
#[tokio::test]
async fn no_token_is_taken_in_the_clear() -> Result<()> {
    let folder = TlsHost::folder(OFTEN)?;
    let host = TlsHost::start(&folder).await?;
    let (token, _) = host.invite(&json!({ "label": "mac" })).await?;
    let mut plain = tokio::net::TcpStream::connect(&host.address).await?;
    let body = json!({ "token": token, "csr": Machine::new()?.csr()? }).to_string();
    let request = format!(
        "POST /api/enroll HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    plain.write_all(request.as_bytes()).await?;
    let mut answer = Vec::new();
    let _ = plain.read_to_end(&mut answer).await;
    assert!(!String::from_utf8_lossy(&answer).contains("200"));
    assert_eq!(Machine::new()?.enrols(&host, &token, json!({})).await?.0, 200, "it was not used");
    Ok(())
}

/// Two hosts of one database and one authority.
#[tokio::test]
async fn hosts_share_tokens_attempts_and_revocations() -> Result<()> {
    let database = Database::make("hosts").await?;
    let shared = share(&database.url()).await;
    database.remove().await?;
    shared
}

async fn share(url: &str) -> Result<()> {
    let folders = [TlsHost::folder("")?, TlsHost::folder("")?];
    let [first, second] = folders.map(|folder| folder.env("WAYSTATION_DATABASE_URL", url));
    let one = TlsHost::start(&first).await?;
    let (here, there) = (first.data().join("pki"), second.data().join("pki"));
    std::fs::create_dir(&there)?;
    for entry in std::fs::read_dir(here)? {
        let path = entry?.path();
        std::fs::copy(&path, there.join(path.file_name().unwrap()))?;
    }
    let two = TlsHost::start(&second).await?;
    let (token, invited) = one.invite(&json!({ "label": "mac" })).await?;
    let (_, other) = two.invite(&json!({ "label": "pc" })).await?;
    assert_eq!(invited["pin"], other["pin"]);
    let mac = Machine::new()?;
    let told = mac.enrols(&two, &token, json!({})).await?;
    assert_eq!(told.0, 200, "{told:?}");
    for host in [&one, &two] {
        assert_eq!(inbox(&mac.agent(host, &told)?).await?, 200);
    }
    // Deleted there, it is unknown here; and whose attempts are counted here and there are the same.
    let path = format!("/api/v1/enrolments/{}", text(&other["id"]));
    assert_eq!(one.operator()?.call("DELETE", &path, None).await?.0, 204);
    for host in [&two, &one, &two, &one] {
        let told = Machine::new()?.enrols(host, text(&other["token"]), json!({})).await?;
        assert_eq!(refused(&told), (401, "Enrollment token is not known"));
    }
    for host in [&one, &two] {
        assert_eq!(Machine::new()?.enrols(host, &token, json!({})).await?.0, 429);
    }
    assert_eq!(one.operator()?.call("DELETE", "/api/v1/agents/mac", None).await?.0, 200);
    until("the other host knows", async || Ok(inbox(&mac.agent(&two, &told)?).await.is_err().then_some(())))
        .await?;
    let authority = std::fs::read(first.data().join("pki/authorities.pem"))?;
    let authority = waystation_pki::AuthorityCertificate::read(&authority)?;
    let mut numbers = Vec::new();
    for host in [&one, &two] {
        let der = host.anybody(None)?.bytes("/api/v1/certificates/crl").await?;
        let list = waystation_pki::RevocationList::read(&der, &authority, None, Timestamp::now())?;
        numbers.push((list.number, list.revoked.len()));
    }
    assert_eq!((numbers[0], numbers[0].1), (numbers[1], 1), "what is the same has the same number");
    Ok(())
}

#[tokio::test]
async fn behind_a_proxy_attempts_are_counted_for_whom_it_saw() -> Result<()> {
    let proxy = "[server.proxy]\ntrusted = [\"127.0.0.1\"]\ncertificate_header = \"client-cert\"\n";
    let folder = Folder::new(proxy)?;
    let host = Host::start(&folder).await?;
    let attempt = async |forwarded: &str| -> Result<u16> {
        let body = json!({ "token": "none", "csr": "none" });
        let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
        Ok(host.api.send(request.header("x-forwarded-for", forwarded)).await?.status)
    };
    for n in 0..5 {
        // What the client wrote itself stands before what the proxy saw.
        assert_eq!(attempt(&format!("203.0.113.{n}, 192.0.2.7")).await?, 401);
    }
    assert_eq!(attempt("203.0.113.9, 192.0.2.7").await?, 429);
    assert_eq!(attempt("192.0.2.8").await?, 401);
    let made = folder.run(&["agent", "invite", "mac", "--json"]).await?.json()?;
    assert_eq!(made["pin"], Value::Null, "the proxy speaks TLS, and its key is not known here");
    let body = json!({ "token": made["token"], "csr": Machine::new()?.csr()? });
    let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
    assert_eq!(host.api.send(request.header("x-forwarded-for", "192.0.2.9")).await?.status, 200);
    let rows = folder.run(&["audit", "list", "--action", "agent.enrol", "--json"]).await?;
    assert!(rows.stdout.contains("192.0.2.9"), "{rows:?}");
    host.stop().await?;

    // Where no proxy is trusted the header says nothing.
    let plain = Folder::new("")?;
    let host = Host::start(&plain).await?;
    for n in 0..6 {
        let body = json!({ "token": "none", "csr": "none" });
        let request = host.api.anonymous(Method::POST, "/api/enroll").json(&body);
        let told = host.api.send(request.header("x-forwarded-for", format!("192.0.2.{n}"))).await?;
        assert_eq!(told.status, if n < 5 { 401 } else { 429 });
    }
    host.stop().await
}

#[tokio::test]
async fn hosts_with_a_certificate_of_their_own_are_known_by_it() -> Result<()> {
    let files = "certificate = \"server.pem\"\nkey = \"server.key\"\n";
    let folder = TlsHost::folder(&format!("{files}{OFTEN}"))?;
    // What this system trusts.
    let roots = folder.path().join("server.pem").display().to_string();
    let folder = folder.env("SSL_CERT_FILE", &roots);
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(["localhost".to_owned()])?.self_signed(&key)?;
    std::fs::write(folder.path().join("server.pem"), certificate.pem())?;
    std::fs::write(folder.path().join("server.key"), key.serialize_pem())?;
    let host = TlsHost::start(&folder).await?;
    let url = format!("https://localhost:{}", host.address.rsplit(':').next().unwrap());
    let own = waystation_pki::Certificate::from_der(certificate.der())?.key_hash();
    let run = async |args: &[&str]| -> Result<Ran> {
        folder.run(&[args, &["--url", &url, "--json"]].concat()).await
    };
    let made = run(&["agent", "invite", "mac"]).await?.json()?;
    assert_eq!(text(&made["pin"]), format!("sha256:{own}"));
    let enrol =
        ["enrol", "--host", &url, "--token", text(&made["token"]), "--out", "mac", "--wait", "0s", "--json"];
    let other = format!("sha256:{}", "0".repeat(64));
    assert_eq!(
        failed(&folder.run(&[&enrol[..], &["--pin", &other]].concat()).await?)["code"],
        "pin-mismatch"
    );
    let ran = folder.run(&[&enrol[..], &["--pin", text(&made["pin"])]].concat()).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    let state: Value = serde_json::from_str(&std::fs::read_to_string(folder.path().join("mac/agent.json"))?)?;
    assert_eq!(state["trust"], made["pin"], "what the host's authority signs is not what the listener shows");
    let ran = folder.run(&["renew", "--out", "mac", "--json"]).await?;
    assert_eq!(ran.code, 0, "{ran:?}");
    // Or by a file, or as any other server.
    let made = run(&["agent", "invite", "pc", "--approve"]).await?.json()?;
    let token = text(&made["token"]);
    let enrol = ["enrol", "--host", &url, "--token", token, "--out", "pc", "--wait", "0s", "--json"];
    let ran = folder.run(&[&enrol[..], &["--ca", "server.pem"]].concat()).await?;
    assert_eq!(failed(&ran)["code"], "approval-pending");
    assert_eq!(failed(&folder.run(&enrol).await?)["code"], "approval-pending");
    let none = ["--ca", "data/pki/authorities.pem"];
    assert_eq!(failed(&folder.run(&[&enrol[..], &none].concat()).await?)["code"], "tls");
    Ok(())
}
