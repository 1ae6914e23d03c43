//! What would load from a configuration, with which rights. Nothing runs and
//! nothing is asked over the network.

use serde::Serialize;
use waystation_runtime::{Bundle, Digest, GrantRow, LoadError, World as _};
use waystation_worlds::{Notifier, UpdateSource};

use crate::config::{Config, Environment};
use crate::plugins::settings;

/// The plugins of a configuration, by name.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// One entry per `[plugins.NAME]`.
    pub plugins: Vec<Planned>,
}

/// What would become of one plugin.
#[derive(Debug, Serialize)]
pub struct Planned {
    /// Its name in the configuration.
    pub name: String,
    /// `loads`, `disabled`, `needs-grants`, or the code of what is wrong.
    pub state: String,
    /// `namespace/name version (kind)`
    pub about: Option<String>,
    /// Its digest.
    pub digest: Option<String>,
    /// Requested and granted.
    pub grants: Vec<PlannedGrant>,
    /// What to change.
    pub problem: Option<String>,
}

/// A capability, requested and granted.
#[derive(Debug, Serialize)]
pub struct PlannedGrant {
    /// `http`, `kv`, `credentials`.
    pub capability: String,
    /// What the manifest asks for.
    pub requested: Option<Vec<String>>,
    /// What the configuration gives.
    pub granted: Vec<String>,
}

impl From<GrantRow> for PlannedGrant {
    fn from(row: GrantRow) -> Self {
        Self { capability: row.capability.to_owned(), requested: row.requested, granted: row.granted }
    }
}

/// Reads every plugin's file and holds it against the configuration.
pub fn plan(config: &Config, environment: &Environment) -> Plan {
    let plugins = config.plugins.iter().map(|(name, plugin)| {
        let mut planned = Planned {
            name: name.as_str().to_owned(),
            state: "loads".into(),
            about: None,
            digest: None,
            grants: Vec::new(),
            problem: None,
        };
        if let Err(e) = look(&mut planned, plugin, environment) {
            planned.state = e.code().to_owned();
            planned.problem = Some(e.to_string());
        }
        if !plugin.enabled {
            planned.state = "disabled".into();
        }
        planned
    });
    Plan { plugins: plugins.collect() }
}

fn look(
    planned: &mut Planned,
    plugin: &crate::config::Plugin,
    environment: &Environment,
) -> Result<(), LoadError> {
    let bundle = Bundle::read(&plugin.file)?;
    let manifest = bundle.manifest();
    planned.about = Some(format!("{} {} ({})", manifest.name, manifest.version, manifest.kind));
    planned.digest = Some(bundle.digest().to_string());
    let known = [UpdateSource::kinds(), Notifier::kinds()].concat();
    if !known.contains(&manifest.kind) {
        return Err(LoadError::Mismatch(vec![waystation_runtime::Mismatch::UnknownKind {
            claimed: manifest.kind.to_string(),
            known: crate::plugins::known_kinds(),
        }]));
    }
    let pinned = plugin.digest.as_ref().and_then(|digest| Digest::parse(digest.as_str()));
    if let Some(pinned) = pinned.filter(|pinned| *pinned != bundle.digest()) {
        return Err(LoadError::DigestMismatch {
            pinned: pinned.to_string(),
            actual: bundle.digest().to_string(),
        });
    }
    settings::decisions(plugin, manifest)?;
    let grants = settings::grants(plugin, environment)?;
    planned.grants = grants.table(manifest).into_iter().map(PlannedGrant::from).collect();
    grants.check(&planned.name, manifest)
}
