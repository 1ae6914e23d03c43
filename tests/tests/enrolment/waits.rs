//! Enrolments that wait for a person; and those of another tenant.

use anyhow::Result;
use serde_json::json;
use waystation_tests::agents::TlsHost;
use waystation_tests::enrolling::Machine;
use waystation_tests::{Database, Folder};

use super::{OFTEN, audit, head, inbox, muid, refused, text};

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
