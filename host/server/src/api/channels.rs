//! `/api/v1/channels`: the places that messages go to, and trying them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_runtime::CallError;
use waystation_worlds::notifier;

use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::config::{Channel, Name};
use crate::host::Host;

/// A place that messages go to.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ChannelView {
    /// What the operator calls it.
    pub name: String,
    /// The plugin that delivers.
    pub plugin: String,
    /// How that plugin stands: `running`, `quarantined`, `disabled`, `needs-grants`, `failed`.
    pub status: String,
    /// The events that are sent; none: all of them.
    pub events: Option<Vec<String>>,
    /// Events below this are not sent.
    pub min_severity: String,
}

/// The channels of the configuration.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ChannelList {
    /// By name.
    pub channels: Vec<ChannelView>,
}

/// Lists the channels of the configuration.
#[utoipa::path(get, path = "/api/v1/channels", tag = "channels",
    responses((status = 200, body = ChannelList), (status = "default", body = Problem)))]
pub(crate) async fn list(State(host): State<Host>, who: Who) -> Result<Json<ChannelList>, Problem> {
    who.may("channel:read")?;
    let channels = host.config().channels.iter().map(|(name, channel)| {
        let plugin = host.plugins().get(channel.plugin.as_str());
        ChannelView {
            name: name.as_str().to_owned(),
            plugin: channel.plugin.as_str().to_owned(),
            status: plugin.map_or("failed", |plugin| plugin.status().as_str()).to_owned(),
            events: channel.events.as_ref().map(|kinds| kinds.iter().map(ToString::to_string).collect()),
            min_severity: channel.min_severity.as_str().to_owned(),
        }
    });
    Ok(Json(ChannelList { channels: channels.collect() }))
}

/// A channel that took a test.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct Tested {
    /// The channel.
    pub channel: String,
    /// The receiver's own name for the message, if one was sent and it gave one.
    pub receipt: Option<String>,
    /// How long it took, in milliseconds.
    pub took_ms: u64,
}

/// Tries a channel, through its plugin in the sandbox: with a message that says it
/// is a test, or without one where the plugin can tell without. The outcome is an
/// event, `channel.test`.
#[utoipa::path(post, path = "/api/v1/channels/{name}/test", tag = "channels", params(("name" = String, Path)),
    responses((status = 200, body = Tested), (status = "default", body = Problem)))]
pub(crate) async fn test(
    State(host): State<Host>,
    who: Who,
    Path(name): Path<String>,
) -> Result<Json<Tested>, Problem> {
    who.may("channel:test")?;
    let found = host.config().channels.iter().find(|(known, _)| known.as_str() == name);
    let (known, channel) = found.ok_or_else(|| Problem::not_found("channel", &name))?;
    let plugin = channel.plugin.as_str();
    let Some(notifier) = host.plugins().notifier(plugin) else {
        let detail = format!("channel `{name}` uses `{plugin}`, which is not a notifier that is loaded");
        return Err(Problem::new(StatusCode::CONFLICT, "no-such-notifier", detail));
    };
    let began = std::time::Instant::now();
    let outcome = notifier::test(&notifier, Value::Object(channel.config.clone()).to_string()).await;
    let took_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let now = Timestamp::now();
    host.store().emit(now, event(known, channel, &outcome, now), &host.route()).await?;
    Ok(Json(Tested { channel: name, receipt: outcome?, took_ms }))
}

fn event(
    name: &Name,
    channel: &Channel,
    outcome: &Result<Option<String>, CallError>,
    now: Timestamp,
) -> NewEvent {
    let (severity, data) = match outcome {
        Ok(receipt) => (Severity::Info, json!({ "delivered": true, "receipt": receipt })),
        Err(e) => {
            (Severity::Notice, json!({ "delivered": false, "code": e.code(), "message": e.sentence() }))
        }
    };
    let mut data = data.as_object().cloned().unwrap_or_default();
    data.insert("plugin".to_owned(), channel.plugin.as_str().into());
    NewEvent {
        kind: EventType::CHANNEL_TEST,
        subject: name.as_str().to_owned(),
        severity,
        data,
        occurred_at: now,
        key: None,
    }
}
