//! What is watched, and who is told: `[items.NAME]` and `[channels.NAME]`.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};
use waystation_core::{
    event::{EventType, Severity},
    version::Scheme,
};

use super::text::Name;

/// A place that messages go to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Channel {
    /// The plugin that delivers: the NAME of a `[plugins.NAME]`.
    pub plugin: Name,
    /// Settings of the channel, which the plugin documents.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Json>,
    /// The events that are sent. All of them where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "event_types")]
    pub events: Option<Vec<EventType>>,
    /// Events below this are not sent.
    #[serde(default = "lowest")]
    #[schemars(schema_with = "severities")]
    pub min_severity: Severity,
}

/// A piece of software whose releases are watched.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Item {
    /// The plugin that knows its releases: the NAME of a `[plugins.NAME]`.
    pub source: Name,
    /// What that plugin calls it, such as `owner/repository`.
    #[schemars(extend("format" = "locator"))]
    pub locator: String,
    /// Settings of the item, which the plugin documents.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub options: Map<String, Json>,
    /// How its versions are read and compared. What the plugin says where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(schema_with = "schemes")]
    pub scheme: Option<Scheme>,
    /// Which releases are wanted: `channel`, `variant`, `prereleases`, `pin`, `minimum_age`, `ignore`. See the page
    /// on policies.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub policy: Map<String, Json>,
}

const fn lowest() -> Severity {
    Severity::Info
}

fn event_types(_: &mut SchemaGenerator) -> Schema {
    let kinds = EventType::ALL.into_iter().filter(EventType::is_for_channels);
    let words: Vec<String> = kinds.map(String::from).collect();
    json_schema!({ "type": "array", "items": { "enum": words }, "minItems": 1 })
}

fn severities(_: &mut SchemaGenerator) -> Schema {
    let words =
        [Severity::Info, Severity::Notice, Severity::Warning, Severity::Critical].map(Severity::as_str);
    json_schema!({ "enum": words })
}

fn schemes(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "enum": Scheme::ALL.map(Scheme::as_str) })
}
