//! What the API shows of plugins.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_runtime::{Cause, Class};

use super::ErrorView;
use crate::plugins::{AnyPlugin, Plugins};
use crate::trust::Standing;

/// A plugin as it stands.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct PluginView {
    /// What the operator calls it.
    pub name: String,
    /// `update-source`, `notifier`, `hook`; none when its file tells nothing.
    pub world: Option<String>,
    /// `running`, `quarantined`, `disabled`, `needs-grants`, `failed`.
    pub status: String,
    /// What to know or do about that.
    pub detail: Option<String>,
    /// What serves; none when nothing does.
    pub serving: Option<ServingView>,
    /// What was offered last and not accepted.
    pub rejected: Option<ErrorView>,
    /// Calls that ran.
    pub calls: u64,
    /// Calls that failed, by cause.
    pub failures: BTreeMap<String, u64>,
    /// Calls that were refused before they ran.
    pub refused: u64,
    /// Processor time over all calls, in milliseconds.
    pub cpu_ms: f64,
    /// Wall time over all calls, in milliseconds.
    pub wall_ms: f64,
    /// Most memory of one call, in bytes.
    pub peak_memory: u64,
    /// The longest call, in milliseconds.
    pub peak_wall_ms: f64,
    /// Most processor time of one call, in milliseconds.
    pub peak_cpu_ms: f64,
    /// Calls that run now.
    pub running: u64,
    /// Calls that wait now.
    pub waiting: u64,
    /// Log lines that were dropped.
    pub log_dropped: u64,
}

/// What serves calls of a plugin.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ServingView {
    /// `namespace/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// World and generation.
    pub kind: String,
    /// One line.
    pub summary: String,
    /// `sha256:…`
    pub digest: String,
    /// How it came to be admitted.
    pub trust: Option<TrustView>,
    /// Whether its compiled form came from the cache.
    pub cached: bool,
    /// How long loading took, in milliseconds.
    pub load_ms: f64,
    /// Requested, granted, used.
    pub grants: Vec<GrantView>,
    /// What it runs under.
    pub limits: BTreeMap<String, LimitView>,
    /// What it imports.
    pub imports: Vec<ImportView>,
    /// HTTP requests that it sent.
    pub http_requests: u64,
    /// HTTP requests that were refused.
    pub http_denied: u64,
    /// Bytes of bodies received.
    pub http_bytes_in: u64,
    /// Bytes of bodies sent.
    pub http_bytes_out: u64,
}

/// How a plugin came to be admitted.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TrustView {
    /// `verified`, or `dev`: its file lies in a folder whose plugins run without signatures.
    pub state: String,
    /// Who vouches, in a sentence.
    pub message: String,
    /// Who vouches, as the lock calls them.
    pub signers: Vec<String>,
}

/// A limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct LimitView {
    /// How much.
    pub value: u64,
    /// Of what.
    pub unit: LimitUnit,
}

/// What a limit counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum LimitUnit {
    /// Bytes.
    Bytes,
    /// Milliseconds.
    Ms,
    /// Things.
    Count,
}

/// A capability: what was asked for, what was given, what was used.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct GrantView {
    /// `http`, `kv`, `credentials`, `tickets`, `scopes`.
    pub capability: String,
    /// What the manifest asks for; none when it does not.
    pub requested: Option<Vec<String>>,
    /// Why.
    pub why: Option<String>,
    /// Whether it works without.
    pub optional: bool,
    /// What the operator gave.
    pub granted: Vec<String>,
    /// How often each of these was used, where that is counted.
    pub used: Vec<u64>,
}

/// An imported interface.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ImportView {
    /// Its name and version.
    pub name: String,
    /// The capability behind it, `free`, or `baseline`.
    pub class: String,
}

/// The word for what an import means.
pub fn class_word(class: Class) -> &'static str {
    match class {
        Class::Capability(word) => word,
        Class::Free => "free",
        Class::Baseline => "baseline",
        Class::Unknown => "unknown",
    }
}

impl PluginView {
    /// One plugin, if there is one of that name.
    #[must_use]
    pub fn of(plugins: &Plugins, name: &str) -> Option<Self> {
        Some(Self::new(&plugins.get(name)?, plugins.standing(name)))
    }

    /// All of them, by name.
    #[must_use]
    pub fn all(plugins: &Plugins) -> Vec<Self> {
        plugins.all().iter().map(|plugin| Self::new(plugin, plugins.standing(plugin.name()))).collect()
    }

    fn new(plugin: &AnyPlugin, standing: Option<Standing>) -> Self {
        use waystation_runtime::Status;
        let metrics = plugin.metrics().snapshot();
        let status = plugin.status();
        let detail = match &status {
            Status::Running | Status::Disabled => None,
            Status::Quarantined { retry_after } => Some(format!("next try in {} s", retry_after.as_secs())),
            Status::NeedsGrants(lines) => Some(lines.trim().to_owned()),
            Status::Failed { message, .. } => Some(message.clone()),
        };
        let failures = Cause::ALL
            .iter()
            .zip(metrics.failures)
            .filter(|(_, count)| *count > 0)
            .map(|(cause, count)| (cause.to_string(), count))
            .collect();
        Self {
            name: plugin.name().to_owned(),
            world: plugin.world().map(str::to_owned),
            status: status.as_str().to_owned(),
            detail,
            serving: plugin.serving().map(|serving| ServingView::new(&serving, standing)),
            rejected: plugin.rejected().map(|e| ErrorView {
                code: e.code().to_owned(),
                message: e.to_string(),
                retryable: false,
            }),
            calls: metrics.calls,
            failures,
            refused: metrics.refused,
            cpu_ms: millis(metrics.cpu),
            wall_ms: millis(metrics.wall),
            peak_memory: metrics.peak_memory,
            peak_wall_ms: millis(metrics.peak_wall),
            peak_cpu_ms: millis(metrics.peak_cpu),
            running: metrics.running,
            waiting: metrics.waiting,
            log_dropped: plugin.journal().dropped(),
        }
    }
}

fn millis(duration: std::time::Duration) -> f64 {
    (duration.as_secs_f64() * 1e6).round() / 1e3
}

impl ServingView {
    fn new(serving: &crate::plugins::Serving, standing: Option<Standing>) -> Self {
        let http = serving.http.unwrap_or_default();
        Self {
            name: serving.manifest.name.to_string(),
            version: serving.manifest.version.to_string(),
            kind: serving.manifest.kind.to_string(),
            summary: serving.manifest.summary.clone(),
            digest: serving.digest.clone(),
            trust: standing.map(TrustView::from),
            cached: serving.cached,
            load_ms: millis(serving.load_time),
            grants: serving
                .grants
                .iter()
                .map(|row| GrantView {
                    capability: row.capability.to_owned(),
                    requested: row.requested.clone(),
                    why: row.why.clone(),
                    optional: row.optional,
                    granted: row.granted.clone(),
                    used: if row.capability == "http" { serving.used.clone() } else { Vec::new() },
                })
                .collect(),
            limits: limits(&serving.limits),
            imports: serving
                .imports
                .iter()
                .map(|import| ImportView {
                    name: import.name.clone(),
                    class: class_word(import.class).to_owned(),
                })
                .collect(),
            http_requests: http.requests,
            http_denied: http.denied,
            http_bytes_in: http.bytes_in,
            http_bytes_out: http.bytes_out,
        }
    }
}

impl From<Standing> for TrustView {
    fn from(standing: Standing) -> Self {
        let (state, signers) = (standing.trusted.as_str().to_owned(), standing.signers());
        Self { state, message: standing.message, signers }
    }
}

/// Limits under their names in the configuration.
fn limits(limits: &waystation_runtime::Limits) -> BTreeMap<String, LimitView> {
    let bytes = |value: u64| LimitView { value, unit: LimitUnit::Bytes };
    let size = |n: usize| bytes(u64::try_from(n).unwrap_or(u64::MAX));
    let count = |n: usize| LimitView { unit: LimitUnit::Count, ..size(n) };
    let number = |n: u64| LimitView { value: n, unit: LimitUnit::Count };
    let time = |time: std::time::Duration| LimitView {
        value: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        unit: LimitUnit::Ms,
    };
    [
        ("memory", size(limits.memory)),
        ("cpu", time(limits.cpu)),
        ("wall", time(limits.wall)),
        ("output", size(limits.transfer)),
        ("resources", count(limits.resources)),
        ("concurrency", count(limits.concurrency)),
        ("queue", count(limits.queue)),
        ("http_connect", time(limits.http.connect)),
        ("http_total", time(limits.http.total)),
        ("http_body", bytes(limits.http.response_body)),
        ("http_request_body", bytes(limits.http.request_body)),
        ("http_requests_per_call", number(limits.http_requests_per_call.into())),
        ("kv_value", size(limits.kv_value)),
        ("kv_total", bytes(limits.kv_total)),
        ("kv_keys", number(limits.kv_keys)),
        ("kv_writes_per_call", number(limits.kv_writes_per_call.into())),
        ("log_lines_per_minute", number(limits.log_lines_per_minute.into())),
        ("log_line", size(limits.log_line)),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}
