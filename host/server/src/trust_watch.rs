//! Who is trusted can change while plugins run: what was withdrawn stops within the interval, and what was stopped for
//! want of a current list comes back with it.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Map, Value, json};
use tokio_util::sync::CancellationToken;
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_store::StoreError;

use crate::host::Host;
use crate::trust::{Trust, TrustUnusable};

/// Signatures and roots age, too: everything is judged again this often although no file changed.
const AGEING: Duration = Duration::from_secs(600);

/// What is known from one look to the next.
#[derive(Debug)]
pub(crate) struct Watched {
    /// When the plugins were judged last.
    judged: Timestamp,
    /// By which policy. It may have been read by others since, such as whoever enabled a plugin.
    by: Option<Arc<Trust>>,
    /// What was last told of the policy.
    told: Option<String>,
}

impl Watched {
    /// The plugins were loaded just now, by this policy.
    pub(crate) fn new(by: Option<Arc<Trust>>) -> Self {
        Self { judged: Timestamp::now(), by, told: None }
    }
}

/// Looks at the trust policy over and over until the host stops.
pub(crate) async fn run(host: Host, every: Duration, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(every)).await.is_some() {
        if let Err(e) = look(&host).await {
            tracing::error!(code = e.code(), error = %e, "who is trusted was not looked at, and is soon again");
        }
    }
}

/// Looks once: what may not run any more is stopped when this returns.
///
/// # Errors
/// Those of the database.
pub(crate) async fn look(host: &Host) -> Result<(), StoreError> {
    let mut watched = host.watched().lock().await;
    // What may not run stops whatever the database does; it is kept and told after that.
    let kept = host.refresh_trust().await;
    let (trust, unusable) = host.admission().current();
    let now = Timestamp::now();
    let changed = !Trust::same(watched.by.as_deref(), trust.as_deref());
    let ran_out = host.admission().expires_at().is_some_and(|end| watched.judged < end && end <= now);
    let aged = now.duration_since(watched.judged).unsigned_abs() >= AGEING;
    let judge = changed || ran_out || aged;
    let mut refused = Vec::new();
    if judge {
        let plugins = host.clone();
        let judged = tokio::task::spawn_blocking(move || plugins.plugins().judge_again(now)).await;
        refused = judged.map_err(|e| StoreError::Refused { why: e.to_string() })?;
        (watched.judged, watched.by) = (now, trust);
    }
    for (name, error) in &refused {
        tracing::error!(plugin = name, code = error.code(), %error, "plugin was taken out of service");
    }
    kept?;
    tell(host, &mut watched, unusable.as_deref()).await?;
    for (name, error) in refused {
        let data = json!({ "code": error.code(), "message": error.to_string() });
        emit(host, EventType::PLUGIN_REVOKED, name, Severity::Critical, data).await?;
    }
    let back = if judge { host.plugins().withdrawn() } else { Vec::new() };
    for name in back {
        if let Ok(()) = host.load_plugin(&name).await? {
            let data = json!({ "state": "running", "message": "may run again" });
            emit(host, EventType::PLUGIN_STATE, name, Severity::Notice, data).await?;
        }
    }
    Ok(())
}

/// Tells once when the policy cannot be used, and when it can be used again. A host whose plugins all lie in dev folders
/// needs none.
async fn tell(
    host: &Host,
    watched: &mut Watched,
    unusable: Option<&TrustUnusable>,
) -> Result<(), StoreError> {
    let problem = unusable.map(|e| (e.code(), e.to_string()));
    let said = problem.as_ref().map(|(_, message)| message.clone());
    if said == watched.told || !host.plugins().needs_trust() {
        return Ok(());
    }
    watched.told = said;
    let (severity, data) = match problem {
        Some((code, message)) => {
            tracing::error!(code, error = message, "the trust policy cannot be used; no plugin is loaded");
            (Severity::Critical, json!({ "state": "unusable", "code": code, "message": message }))
        }
        None => (Severity::Notice, json!({ "state": "usable" })),
    };
    emit(host, EventType::TRUST_STATE, "trust".to_owned(), severity, data).await
}

async fn emit(
    host: &Host,
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
    host.store().emit(occurred_at, event, &host.route()).await.map(drop)
}
