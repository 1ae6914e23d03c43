//! Tokens: used, and refused.

use anyhow::Result;
use futures::future::try_join_all;
use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use waystation_tests::agents::TlsHost;
use waystation_tests::enrolling::Machine;
use waystation_tests::patience::until;
use waystation_tests::{Database, Folder};

use super::{OFTEN, SHELL, audit, head, inbox, muid, refused, text};

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
        folder.token()?,
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
