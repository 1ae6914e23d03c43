//! Who is trusted can change while plugins run: what was withdrawn stops within the interval, and what was stopped for
//! want of a current list comes back with it.

use std::collections::VecDeque;
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
    /// News that the database did not take yet, oldest first.
    owed: VecDeque<NewEvent>,
}

impl Watched {
    /// The plugins were loaded just now, by this policy.
    pub(crate) fn new(by: Option<Arc<Trust>>) -> Self {
        Self { judged: Timestamp::now(), by, told: None, owed: VecDeque::new() }
    }
}

impl Watched {
    /// Keeps what has to be told, with the time at which it came to be.
    fn owes(&mut self, kind: EventType, subject: String, severity: Severity, data: Value) {
        let data = match data {
            Value::Object(data) => data,
            _ => Map::new(),
        };
        self.owed.push_back(NewEvent {
            kind,
            subject,
            severity,
            data,
            occurred_at: Timestamp::now(),
            key: None,
        });
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
    // What may not run stops whatever the database does; it is kept and told after that, at the next look if need be.
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
    tell(host, &mut watched, unusable.as_deref());
    for (name, error) in refused {
        let data = json!({ "code": error.code(), "message": error.to_string() });
        watched.owes(EventType::PLUGIN_REVOKED, name, Severity::Critical, data);
    }
    kept?;
    pay(host, &mut watched).await?;
    let back = if judge { host.plugins().withdrawn() } else { Vec::new() };
    for name in back {
        if let Ok(()) = host.load_plugin(&name).await? {
            let data = json!({ "state": "running", "message": "may run again" });
            watched.owes(EventType::PLUGIN_STATE, name, Severity::Notice, data);
        }
    }
    pay(host, &mut watched).await
}

/// Tells once when the policy cannot be used, and when it can be used again. A host whose plugins all lie in dev folders
/// needs none.
fn tell(host: &Host, watched: &mut Watched, unusable: Option<&TrustUnusable>) {
    let problem = unusable.map(|e| (e.code(), e.to_string()));
    let said = problem.as_ref().map(|(_, message)| message.clone());
    if said == watched.told || !host.plugins().needs_trust() {
        return;
    }
    watched.told = said;
    let (severity, data) = match problem {
        Some((code, message)) => {
            tracing::error!(code, error = message, "the trust policy cannot be used; no plugin is loaded");
            (Severity::Critical, json!({ "state": "unusable", "code": code, "message": message }))
        }
        None => (Severity::Notice, json!({ "state": "usable" })),
    };
    watched.owes(EventType::TRUST_STATE, "trust".to_owned(), severity, data);
}

/// Writes what is owed; what the database does not take is owed on.
async fn pay(host: &Host, watched: &mut Watched) -> Result<(), StoreError> {
    while let Some(event) = watched.owed.front() {
        host.store().emit(Timestamp::now(), event.clone(), &host.route()).await?;
        watched.owed.pop_front();
    }
    Ok(())
}
