//! Two agents of one host, of which one may be admitted to what the other offers.

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};

use crate::agents::{Party, TlsHost, Told};

/// What the one offers.
pub const SHELL: &str = "shell:connect";

/// The scope that it is of.
pub fn scope() -> Value {
    json!({
        "name": "shell", "version": "1.0.0", "description": "Shells", "ignored": true,
        "scopes": [{ "name": SHELL, "description": "Opens one", "instanceScoped": true, "more": 1 }],
        "transport": { "strategies": ["relay", "direct"], "preferred": "relay", "port": 0, "protocol": "wss" },
    })
}

/// A text in an answer; empty where there is none.
pub fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}

/// A host with a scope, the agents `source` and `target`, and an instance to which the target is assigned.
#[derive(Debug)]
pub struct Pair {
    /// The host.
    pub host: TlsHost,
    /// Who may do everything.
    pub operator: Party,
    /// Who owns the instance.
    pub source: Party,
    /// Who is assigned to it.
    pub target: Party,
    /// The instance.
    pub instance: String,
}

impl Pair {
    /// Sets all of it up.
    ///
    /// # Errors
    /// When the host refuses something.
    pub async fn new(host: TlsHost) -> Result<Self> {
        let operator = host.operator()?;
        let told = operator.call("POST", "/api/tickets/scopes", Some(&scope())).await?;
        ensure!(told == (201, json!({ "ok": true, "registered": [SHELL] })), "{told:?}");
        let (source, target) = (host.enrol("source", &[SHELL]).await?, host.enrol("target", &[SHELL]).await?);
        let wanted = json!({ "scope": SHELL, "transport": { "strategies": ["relay"] } });
        let (status, told) = source.call("POST", "/api/tickets/instances", Some(&wanted)).await?;
        ensure!(status == 201, "{status} {told}");
        let instance = text(&told["instanceId"]).to_owned();
        ensure!(told["instanceScope"] == format!("{SHELL}:{instance}"), "{told}");
        let pair = Self { host, operator, source, target, instance };
        pair.assign("target").await?;
        Ok(pair)
    }

    /// Assigns an agent to the instance.
    ///
    /// # Errors
    /// When the host refuses it.
    pub async fn assign(&self, label: &str) -> Result<()> {
        let wanted = json!({ "agentLabel": label, "instanceScope": format!("{SHELL}:{}", self.instance) });
        let (status, told) = self.operator.call("POST", "/api/tickets/assignments", Some(&wanted)).await?;
        ensure!((status, &told["assignment"]["assignedBy"]) == (201, &json!("admin")), "{status} {told}");
        Ok(())
    }

    /// The source asks for a ticket to the target.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn ask(&self) -> Result<Told> {
        let wanted = json!({ "scope": SHELL, "instanceId": self.instance, "target": "target" });
        self.source.call("POST", "/api/tickets", Some(&wanted)).await
    }

    /// The same; its id.
    ///
    /// # Errors
    /// When it gets none.
    pub async fn ticket(&self) -> Result<String> {
        let (status, told) = self.ask().await?;
        ensure!(status == 201, "{status} {told}");
        Ok(text(&told["ticket"]["id"]).to_owned())
    }

    /// The target redeems a ticket.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn validate(&self, id: &str) -> Result<Told> {
        self.target.call("POST", "/api/tickets/validate", Some(&json!({ "ticketId": id }))).await
    }

    /// The target opens its session.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn session(&self, id: &str) -> Result<Told> {
        self.target.call("POST", "/api/tickets/sessions", Some(&json!({ "ticketId": id }))).await
    }

    /// All of it, from asking on; the session's id.
    ///
    /// # Errors
    /// When one step is refused.
    pub async fn admitted(&self) -> Result<String> {
        let ticket = self.ticket().await?;
        ensure!(self.validate(&ticket).await?.0 == 200, "not redeemed");
        let (status, told) = self.session(&ticket).await?;
        ensure!(status == 201, "{status} {told}");
        Ok(told["session"]["sessionId"].as_str().context("no session")?.to_owned())
    }
}
