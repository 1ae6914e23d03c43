//! `/metrics`: for Prometheus, behind the token as everything else.

use std::sync::atomic::AtomicU64;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::{ConstGauge, Gauge};
use prometheus_client::registry::{Registry, Unit};
use waystation_runtime::Cause;

use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfPlugin {
    plugin: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCause {
    plugin: String,
    cause: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfState {
    state: String,
}

/// All metrics.
#[utoipa::path(get, path = "/metrics", tag = "host", responses((status = 200, body = String)))]
pub(crate) async fn metrics(State(host): State<Host>, who: Who) -> Result<impl IntoResponse, Problem> {
    who.may("host:read")?;
    let mut registry = Registry::with_prefix("waystation");
    plugins(&host, &mut registry);
    let items = ConstGauge::new(i64::try_from(host.store().count_items().await?).unwrap_or(i64::MAX));
    registry.register("items", "Items that are watched", items);
    let dropped = Counter::<u64>::default();
    dropped.inc_by(host.hooks().dropped());
    registry.register(
        "hook_changes_dropped",
        "Changes of sessions that hooks were not told of, since start",
        dropped,
    );
    let counts = host.store().outbox_counts().await?;
    let outbox = Family::<OfState, Gauge>::default();
    for (state, count) in [("pending", counts.pending), ("claimed", counts.claimed), ("dead", counts.dead)] {
        let label = OfState { state: state.to_owned() };
        outbox.get_or_create(&label).set(i64::try_from(count).unwrap_or(i64::MAX));
    }
    registry.register("outbox_messages", "Messages by state", outbox);
    let mut text = String::new();
    encode(&mut text, &registry)
        .map_err(|e| Problem::new(axum::http::StatusCode::INTERNAL_SERVER_ERROR, "metrics", e.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text))
}

/// The plugins' own counters, as they are now: the registry lives for one answer.
fn plugins(host: &Host, registry: &mut Registry) {
    let calls = Family::<OfPlugin, Counter>::default();
    let failures = Family::<OfCause, Counter>::default();
    let refused = Family::<OfPlugin, Counter>::default();
    let running = Family::<OfPlugin, Gauge>::default();
    let waiting = Family::<OfPlugin, Gauge>::default();
    let memory = Family::<OfPlugin, Gauge>::default();
    let up = Family::<OfPlugin, Gauge>::default();
    let cpu = Family::<OfPlugin, Counter<f64, AtomicU64>>::default();
    let gauge = |n: u64| i64::try_from(n).unwrap_or(i64::MAX);
    for plugin in host.plugins().all() {
        let label = OfPlugin { plugin: plugin.name().to_owned() };
        let snapshot = plugin.metrics().snapshot();
        calls.get_or_create(&label).inc_by(snapshot.calls);
        refused.get_or_create(&label).inc_by(snapshot.refused);
        running.get_or_create(&label).set(gauge(snapshot.running));
        waiting.get_or_create(&label).set(gauge(snapshot.waiting));
        memory.get_or_create(&label).set(gauge(snapshot.peak_memory));
        up.get_or_create(&label).set(i64::from(plugin.status() == waystation_runtime::Status::Running));
        cpu.get_or_create(&label).inc_by(snapshot.cpu.as_secs_f64());
        for (cause, count) in Cause::ALL.iter().zip(snapshot.failures) {
            let label = OfCause { plugin: plugin.name().to_owned(), cause: cause.to_string() };
            failures.get_or_create(&label).inc_by(count);
        }
    }
    registry.register("plugin_up", "Whether the plugin serves", up);
    registry.register("plugin_calls", "Calls that ran, since start", calls);
    registry.register("plugin_failures", "Calls that failed, since start", failures);
    registry.register("plugin_refused", "Calls refused before they ran, since start", refused);
    registry.register("plugin_running", "Calls that run", running);
    registry.register("plugin_waiting", "Calls that wait", waiting);
    registry.register_with_unit("plugin_peak_memory", "Most memory of one call", Unit::Bytes, memory);
    registry.register_with_unit("plugin_cpu", "Processor time, since start", Unit::Seconds, cpu);
}
