//! What the API shows of things.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_core::event::Event;
use waystation_core::item::{Item, KnownRelease};
use waystation_core::machine::{MachineItem, Standing};
use waystation_runtime::journal::Line;

mod plugin;

pub use plugin::{GrantView, ImportView, LimitUnit, LimitView, PluginView, ServingView, class_word};

/// A piece of software that is watched.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ItemView {
    /// UUID.
    pub id: String,
    /// What the operator calls it.
    pub name: String,
    /// The plugin that knows its releases.
    pub source: String,
    /// What that plugin calls it.
    pub locator: String,
    /// How its versions compare.
    pub scheme: String,
    /// The version that its policy wants, if a check found one.
    pub latest: Option<String>,
    /// When that version was published.
    pub published_at: Option<Timestamp>,
    /// When a check last got an answer.
    pub checked_at: Option<Timestamp>,
    /// When it is checked next.
    pub next_check_at: Timestamp,
    /// Why the last check failed; none when it did not.
    pub error: Option<ErrorView>,
    /// Where it is installed.
    pub installed: Vec<InstalledView>,
}

/// Why something failed.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct ErrorView {
    /// Stable, kebab-case.
    pub code: String,
    /// A sentence.
    pub message: String,
    /// Whether trying again later can help.
    pub retryable: bool,
}

/// An installed item.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct InstalledView {
    /// The machine's name.
    pub machine: String,
    /// The package manager.
    pub manager: String,
    /// The version.
    pub version: String,
    /// `current`, `outdated` or `unknown`.
    pub standing: String,
    /// How far behind: `major`, `minor`, `patch`, `revision`, `prerelease`, `other`.
    pub outdated_by: Option<String>,
    /// Why it is unknown.
    pub why: Option<String>,
}

impl ItemView {
    /// Puts together what is known of an item.
    pub fn new(item: &Item, installed: &[MachineItem]) -> Self {
        let error = item.check.failing.as_ref().map(|failing| ErrorView {
            code: failing.last.code.clone(),
            message: failing.last.message.clone(),
            retryable: failing.last.retryable,
        });
        Self {
            id: item.id.to_string(),
            name: item.spec.name.to_string(),
            source: item.spec.source.to_string(),
            locator: item.spec.locator.to_string(),
            scheme: item.spec.scheme.to_string(),
            latest: item.check.latest.as_ref().map(|latest| latest.version.clone()),
            published_at: item.check.latest.as_ref().and_then(|latest| latest.published_at),
            checked_at: item.check.checked_at,
            next_check_at: item.next_check_at,
            error,
            installed: installed
                .iter()
                .filter(|at| at.item == item.id)
                .map(|at| {
                    let view = InstalledView::new(at);
                    let why = item.check.checked_at.is_none().then(|| "not checked yet".to_owned());
                    InstalledView { why: view.why.and_then(|own| why.or(Some(own))), ..view }
                })
                .collect(),
        }
    }
}

impl InstalledView {
    fn new(at: &MachineItem) -> Self {
        let (standing, outdated_by, why) = match &at.standing {
            Standing::Current => ("current", None, None),
            Standing::Outdated { gap, .. } => ("outdated", gap.map(|gap| gap.as_str().to_owned()), None),
            Standing::Unknown { why } => ("unknown", None, Some(why.clone())),
        };
        Self {
            machine: at.machine_name.to_string(),
            manager: at.manager.to_string(),
            version: at.installed.clone(),
            standing: standing.into(),
            outdated_by,
            why,
        }
    }
}

/// One known release.
#[derive(Debug, Serialize, ToSchema)]
pub struct ReleaseView {
    /// The version.
    pub version: String,
    /// When it was published.
    pub published_at: Option<Timestamp>,
    /// When a check first saw it.
    pub first_seen: Timestamp,
    /// Whether it is a pre-release.
    pub prerelease: bool,
    /// Whether it was withdrawn.
    pub withdrawn: bool,
    /// The remote's channel.
    pub channel: Option<String>,
    /// Where to read about it.
    pub url: Option<String>,
    /// Its files.
    pub assets: Vec<AssetView>,
}

/// A file of a release.
#[derive(Debug, Serialize, ToSchema)]
pub struct AssetView {
    /// Its name.
    pub name: String,
    /// Where it is.
    pub url: String,
    /// In bytes.
    pub size: Option<u64>,
    /// `algorithm:hex`.
    pub digests: Vec<String>,
}

impl From<KnownRelease> for ReleaseView {
    fn from(known: KnownRelease) -> Self {
        let release = known.release;
        let assets = release.assets.into_iter().map(|asset| AssetView {
            name: asset.name,
            url: asset.url,
            size: asset.size,
            digests: asset.digests.iter().map(ToString::to_string).collect(),
        });
        Self {
            version: release.version,
            published_at: release.published_at,
            first_seen: known.first_seen,
            prerelease: release.prerelease,
            withdrawn: release.withdrawn,
            channel: release.channel,
            url: release.url,
            assets: assets.collect(),
        }
    }
}

/// A line of a plugin's log.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct LineView {
    /// Give the last one you have as `after` to read on.
    pub sequence: u64,
    /// When.
    pub at: Timestamp,
    /// `trace`, `debug`, `info`, `warn`, `error`.
    pub level: String,
    /// `plugin` or `host`.
    pub origin: String,
    /// The text.
    pub message: String,
    /// Names and values.
    pub fields: BTreeMap<String, String>,
}

impl From<Line> for LineView {
    fn from(line: Line) -> Self {
        Self {
            sequence: line.sequence,
            at: Timestamp::try_from(line.at).unwrap_or(Timestamp::UNIX_EPOCH),
            level: line.level.as_str().to_owned(),
            origin: if line.host { "host".into() } else { "plugin".into() },
            message: line.message,
            fields: line.fields.into_iter().collect(),
        }
    }
}

/// Something that happened.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct EventView {
    /// Grows with each event; `Last-Event-ID` of the stream.
    pub seq: i64,
    /// UUID.
    pub id: String,
    /// `release.found` and its like.
    #[serde(rename = "type")]
    pub kind: String,
    /// What it is about.
    pub subject: String,
    /// `info`, `notice`, `warning`, `critical`.
    pub severity: String,
    /// When.
    pub occurred_at: Timestamp,
    /// Its own fields.
    #[schema(value_type = Object)]
    pub data: serde_json::Map<String, serde_json::Value>,
}

impl From<&Event> for EventView {
    fn from(event: &Event) -> Self {
        Self {
            seq: event.seq.0,
            id: event.id.to_string(),
            kind: event.kind.to_string(),
            subject: event.subject.clone(),
            severity: event.severity.as_str().to_owned(),
            occurred_at: event.occurred_at,
            data: event.data.clone(),
        }
    }
}
