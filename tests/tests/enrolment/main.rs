//! How machines become agents, through the real host over TLS: each answer, and who does not get in.
#![allow(missing_docs, clippy::unwrap_used, clippy::panic, reason = "tests")]

mod command_line;
mod hosts;
mod keys;
mod reference;
mod tokens;
mod waits;

use anyhow::Result;
use serde_json::{Value, json};
use waystation_tests::Ran;
use waystation_tests::agents::{Party, TlsHost, Told};

pub(crate) const SHELL: &str = "shell:connect";
/// So that addresses are not what is tested.
pub(crate) const OFTEN: &str = "[enrolment]\nattempts = 100000\n";

pub(crate) fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_else(|| panic!("{value}"))
}

pub(crate) fn refused(told: &Told) -> (u16, &str) {
    (told.0, text(&told.1["error"]))
}

pub(crate) fn muid(digit: char) -> String {
    format!("muid_{}", digit.to_string().repeat(64))
}

pub(crate) async fn inbox(party: &Party) -> Result<u16> {
    Ok(party.call("GET", "/api/tickets/inbox", None).await?.0)
}

pub(crate) async fn audit(operator: &Party, action: &str) -> Result<Vec<(String, String)>> {
    let path = format!("/api/v1/audit?action={action}&limit=1000");
    let (_, told) = operator.call("GET", &path, None).await?;
    let rows = told["rows"].as_array().unwrap().iter();
    Ok(rows.map(|row| (text(&row["target"]).to_owned(), text(&row["outcome"]).to_owned())).collect())
}

/// Status and headers of an answer.
pub(crate) async fn head(host: &TlsHost, body: &Value) -> Result<(u16, String)> {
    let mut kept = host.anybody(None)?.connect().await?;
    kept.answer_head("POST", "/api/enroll", body).await
}

pub(crate) async fn scope(operator: &Party) -> Result<()> {
    let scope = json!({
        "name": "shell", "version": "1.0.0", "description": "Shells",
        "scopes": [{ "name": SHELL, "description": "Opens one", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    });
    assert_eq!(operator.call("POST", "/api/tickets/scopes", Some(&scope)).await?.0, 201);
    Ok(())
}

pub(crate) fn failed(ran: &Ran) -> Value {
    assert_ne!(ran.code, 0, "{ran:?}");
    let failure: Value = serde_json::from_str(ran.stderr.lines().last().unwrap()).unwrap();
    // What is wrong with a pin says it in its sentence.
    let told = failure["hint"].is_string() || text(&failure["code"]).starts_with("pin-");
    assert!(told, "it says what to do next: {failure}");
    failure
}
