//! Who is trusted can change while plugins run: what was withdrawn stops within the interval, and what was stopped for
//! want of a current list comes back with it.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_store::StoreError;

use crate::host::Host;
use crate::trust::Refreshed;

/// Signatures and roots age, too: everything is judged again this often although no file changed.
const AGEING: Duration = Duration::from_secs(600);

/// Looks at the trust policy over and over.
pub(crate) struct TrustWatch {
    host: Host,
    every: Duration,
    /// When the plugins were judged last.
    judged: Timestamp,
    /// What was last told of the policy.
    told: Option<String>,
}

impl TrustWatch {
    pub(crate) fn new(host: Host, every: Duration) -> Self {
        Self { host, every, judged: Timestamp::now(), told: None }
    }

    /// Looks until the host stops.
    pub(crate) async fn run(mut self, stop: CancellationToken) {
        while stop.run_until_cancelled(tokio::time::sleep(self.every)).await.is_some() {
            if let Err(e) = self.round().await {
                tracing::error!(code = e.code(), error = %e, "who is trusted was not looked at, and is soon again");
            }
        }
    }

    async fn round(&mut self) -> Result<(), StoreError> {
        let refreshed = self.host.refresh_trust().await?;
        self.tell(&refreshed).await?;
        let now = Timestamp::now();
        let ran_out = self.host.admission().expires_at().is_some_and(|end| self.judged < end && end <= now);
        let aged = now.duration_since(self.judged).unsigned_abs() >= AGEING;
        if !(refreshed.changed || ran_out || aged) {
            return Ok(());
        }
        let plugins = self.host.clone();
        let judged = tokio::task::spawn_blocking(move || plugins.plugins().judge_again(now)).await;
        let refused = judged.map_err(|e| StoreError::Refused { why: e.to_string() })?;
        self.judged = now;
        for (name, error) in refused {
            tracing::error!(plugin = name, code = error.code(), %error, "plugin was taken out of service");
            let data = json!({ "code": error.code(), "message": error.to_string() });
            self.emit(EventType::PLUGIN_REVOKED, name, Severity::Critical, data).await?;
        }
        for name in self.host.plugins().withdrawn() {
            if let Ok(()) = self.host.load_plugin(&name).await? {
                let data = json!({ "state": "running", "message": "may run again" });
                self.emit(EventType::PLUGIN_STATE, name, Severity::Notice, data).await?;
            }
        }
        Ok(())
    }

    /// Tells once when the policy cannot be used, and when it can be used again. A host whose plugins all lie in dev
    /// folders needs none.
    async fn tell(&mut self, refreshed: &Refreshed) -> Result<(), StoreError> {
        let problem = refreshed.unusable.as_ref().map(|e| (e.code(), e.to_string()));
        let said = problem.as_ref().map(|(_, message)| message.clone());
        if said == self.told || !self.host.plugins().needs_trust() {
            return Ok(());
        }
        self.told = said;
        let (severity, data) = match problem {
            Some((code, message)) => {
                tracing::error!(
                    code,
                    error = message,
                    "the trust policy cannot be used; no plugin is loaded"
                );
                (Severity::Critical, json!({ "state": "unusable", "code": code, "message": message }))
            }
            None => (Severity::Notice, json!({ "state": "usable" })),
        };
        self.emit(EventType::TRUST_STATE, "trust".to_owned(), severity, data).await
    }

    async fn emit(
        &self,
        kind: EventType,
        subject: String,
        severity: Severity,
        data: Value,
    ) -> Result<(), StoreError> {
        let occurred_at = Timestamp::now();
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        let event = NewEvent { kind, subject, severity, data, occurred_at, key: None };
        self.host.store().emit(occurred_at, event, &self.host.route()).await.map(drop)
    }
}
