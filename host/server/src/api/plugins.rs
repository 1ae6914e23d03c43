//! `/api/v1/plugins`

use std::convert::Infallible;

use axum::Json;
use axum::extract::rejection::QueryRejection;
use axum::extract::{Path, Query, State};
use axum::response::sse::{Event, KeepAlive, Sse};
use futures::Stream;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::WatchStream;
use utoipa::{IntoParams, ToSchema};

use crate::api::problem::Problem;
use crate::api::views::{LineView, PluginView};
use crate::api::who::Who;
use crate::host::Host;
use crate::plugins::AnyPlugin;

/// All plugins.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct PluginList {
    plugins: Vec<PluginView>,
}

/// Lists the plugins that are configured.
#[utoipa::path(get, path = "/api/v1/plugins", tag = "plugins",
    responses((status = 200, body = PluginList), (status = "default", body = Problem)))]
pub(crate) async fn list(State(host): State<Host>, who: Who) -> Result<Json<PluginList>, Problem> {
    who.may("plugin:read")?;
    Ok(Json(PluginList { plugins: PluginView::all(host.plugins()) }))
}

/// Shows one plugin: what serves, its grants, limits and counters.
#[utoipa::path(get, path = "/api/v1/plugins/{name}", tag = "plugins", params(("name" = String, Path)),
    responses((status = 200, body = PluginView), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<PluginView>, Problem> {
    who.may("plugin:read")?;
    view(&host, &name)
}

fn view(host: &Host, name: &str) -> Result<Json<PluginView>, Problem> {
    PluginView::of(host.plugins(), name).map(Json).ok_or_else(|| Problem::not_found("plugin", name))
}

fn found(host: &Host, name: &str) -> Result<AnyPlugin, Problem> {
    host.plugins().get(name).ok_or_else(|| Problem::not_found("plugin", name))
}

/// Loads a plugin from its file and puts it in service; also how an upgraded file
/// takes effect. What served before serves until the new one answered.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/enable", tag = "plugins", params(("name" = String, Path)),
    responses((status = 200, body = PluginView), (status = "default", body = Problem)))]
pub(crate) async fn enable(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<PluginView>, Problem> {
    who.may("plugin:enable")?;
    found(&host, &name)?;
    host.load_plugin(&name).await??;
    host.remember_plugin(&name, true).await?;
    view(&host, &name)
}

/// Takes a plugin out of service, also after restarts, until it is enabled.
#[utoipa::path(post, path = "/api/v1/plugins/{name}/disable", tag = "plugins", params(("name" = String, Path)),
    responses((status = 200, body = PluginView), (status = "default", body = Problem)))]
pub(crate) async fn disable(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<PluginView>, Problem> {
    who.may("plugin:enable")?;
    found(&host, &name)?;
    host.remember_plugin(&name, false).await?;
    host.plugins().disable(&name);
    view(&host, &name)
}

/// Which lines.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct LogQuery {
    /// Lines after this sequence; from the oldest that is kept when left out.
    after: Option<u64>,
}

/// Lines of a plugin's log.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LogPage {
    lines: Vec<LineView>,
    /// Lines dropped because the plugin wrote too many.
    dropped: u64,
}

/// Reads a plugin's log.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/logs", tag = "plugins",
    params(("name" = String, Path), LogQuery),
    responses((status = 200, body = LogPage), (status = "default", body = Problem)))]
pub(crate) async fn logs(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Json<LogPage>, Problem> {
    who.may("plugin:logs")?;
    let Query(query) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let plugin = found(&host, &name)?;
    let journal = plugin.journal();
    let lines = journal.since(query.after.unwrap_or(0)).into_iter().map(LineView::from).collect();
    Ok(Json(LogPage { lines, dropped: journal.dropped() }))
}

/// Follows a plugin's log: server-sent events named `line`, from `after` on.
#[utoipa::path(get, path = "/api/v1/plugins/{name}/logs/stream", tag = "plugins",
    params(("name" = String, Path), LogQuery),
    responses((status = 200, body = LineView, content_type = "text/event-stream"),
        (status = "default", body = Problem)))]
pub(crate) async fn follow(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
    query: Result<Query<LogQuery>, QueryRejection>,
) -> Result<Sse<impl Stream<Item = Result<Event, Infallible>>>, Problem> {
    who.may("plugin:logs")?;
    let Query(query) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let plugin = found(&host, &name)?;
    let journal = std::sync::Arc::clone(plugin.journal());
    let mut last = query.after.unwrap_or(0);
    let lines = WatchStream::new(journal.watch()).map(move |_| {
        let lines = journal.since(last);
        last = lines.last().map_or(last, |line| line.sequence);
        futures::stream::iter(lines.into_iter().map(|line| {
            let event = Event::default().event("line").id(line.sequence.to_string());
            Ok(event.json_data(LineView::from(line)).unwrap_or_default())
        }))
    });
    let flat = futures::StreamExt::flatten(lines);
    let flat = futures::StreamExt::take_until(flat, Box::pin(who.barred()));
    Ok(Sse::new(host.until_stopped(flat)).keep_alive(KeepAlive::default()))
}

/// When the host started, for pages that show uptime.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct HostView {
    version: &'static str,
    started_at: Timestamp,
    items: u64,
    plugins: usize,
}

/// Shows the host itself.
#[utoipa::path(get, path = "/api/v1/host", tag = "host",
    responses((status = 200, body = HostView), (status = "default", body = Problem)))]
pub(crate) async fn host(State(host): State<Host>, who: Who) -> Result<Json<HostView>, Problem> {
    who.may("host:read")?;
    Ok(Json(HostView {
        version: env!("CARGO_PKG_VERSION"),
        started_at: host.started(),
        items: host.store().count_items().await?,
        plugins: host.plugins().all().len(),
    }))
}
