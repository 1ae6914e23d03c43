//! What would load from a configuration, with which rights. Nothing runs and
//! nothing is asked over the network, unless [`described`] is asked for: then each
//! plugin says in the sandbox, without any grant, what it takes.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde::Serialize;
use waystation_egress::{Roots, Shared};
use waystation_runtime::breaker::BreakerConfig;
use waystation_runtime::kv::NoStore;
use waystation_runtime::registry::NoRegistry;
use waystation_runtime::{Bundle, GrantRow, LoadError, Runtime, RuntimeError, Schemas, Services, World as _};
use waystation_schema::key;
use waystation_worlds::{Hook, Notifier, UpdateSource};

use crate::config::{Config, Environment};
use crate::fit;
use crate::plugins::settings;
use crate::trust::{Admission, Admitted};

/// The plugins of a configuration, by name.
#[derive(Debug, Serialize)]
pub struct Plan {
    /// One entry per `[plugins.NAME]`.
    pub plugins: Vec<Planned>,
    /// Channels and items that do not fit what their plugins take.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub misfits: Vec<Misfit>,
}

/// A channel or an item that its plugin would not take.
#[derive(Debug, Serialize)]
pub struct Misfit {
    /// `channel-mismatch` or `options-mismatch`.
    pub code: &'static str,
    /// Where it stands: `channels.NAME`.
    pub key: String,
    /// Everything that does not fit, without values.
    pub problem: String,
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
    /// `verified`, or `dev`, where it would run.
    pub trust: Option<&'static str>,
    /// Requested and granted.
    pub grants: Vec<PlannedGrant>,
    /// What to change.
    pub problem: Option<String>,
}

/// A capability, requested and granted.
#[derive(Debug, Serialize)]
pub struct PlannedGrant {
    /// `http`, `kv`, `credentials`, `tickets`, `scopes`.
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
    let admission = admission(config);
    let plugins = config.plugins.iter().map(|(name, plugin)| {
        let mut planned = Planned {
            name: name.as_str().to_owned(),
            state: "loads".into(),
            about: None,
            digest: None,
            trust: None,
            grants: Vec::new(),
            problem: None,
        };
        if let Err(e) = look(&mut planned, plugin, &admission, environment) {
            planned.state = e.code().to_owned();
            planned.problem = Some(e.to_string());
        }
        if !plugin.enabled {
            planned.state = "disabled".into();
        }
        planned
    });
    Plan { plugins: plugins.collect(), misfits: Vec::new() }
}

/// What would let plugins in. Which lists of revocations a host saw before is not known here.
fn admission(config: &Config) -> Admission {
    let admission = Admission::new(config, 0);
    admission.refresh(Timestamp::now());
    admission
}

fn look(
    planned: &mut Planned,
    plugin: &crate::config::Plugin,
    admission: &Admission,
    environment: &Environment,
) -> Result<(), LoadError> {
    let Admitted { bundle, standing, .. } = admission.admit(&planned.name, plugin, Timestamp::now())?;
    let manifest = bundle.manifest();
    planned.trust = Some(standing.trusted.as_str());
    planned.about = Some(format!("{} {} ({})", manifest.name, manifest.version, manifest.kind));
    planned.digest = Some(bundle.content_digest().to_string());
    let known = [UpdateSource::kinds(), Notifier::kinds(), Hook::kinds()].concat();
    if !known.contains(&manifest.kind) {
        return Err(LoadError::Mismatch(vec![waystation_runtime::Mismatch::UnknownKind {
            claimed: manifest.kind.to_string(),
            known: crate::plugins::known_kinds(),
        }]));
    }
    if let Some(pinned) = settings::pinned(plugin).filter(|pinned| *pinned != bundle.content_digest()) {
        return Err(LoadError::DigestMismatch {
            pinned: pinned.to_string(),
            actual: bundle.content_digest().to_string(),
        });
    }
    settings::decisions(plugin, manifest)?;
    let grants = settings::grants(plugin, environment)?;
    planned.grants = grants.table(manifest).into_iter().map(PlannedGrant::from).collect();
    grants.check(&planned.name, manifest)
}

/// As [`plan`], and holds the configuration against what each plugin says that it
/// takes. Plugins that were never loaded are compiled, into the data folder's cache.
///
/// # Errors
/// When plugins cannot run on this machine.
pub async fn described(config: &Config, environment: &Environment) -> Result<Plan, RuntimeError> {
    let mut plan = plan(config, environment);
    let runtime = runtime(config)?;
    let admission = Arc::new(admission(config));
    let mut known = BTreeMap::new();
    for planned in &mut plan.plugins {
        let (true, Some(plugin)) = (
            matches!(planned.state.as_str(), "loads" | "needs-grants"),
            config.plugins.get(planned.name.as_str()),
        ) else {
            continue;
        };
        let checked = match describe(&runtime, &admission, config, &planned.name, plugin).await {
            Ok(schemas) => {
                let checked = schemas.check_config(&planned.name, &plugin.config);
                known.insert(planned.name.clone(), schemas);
                checked
            }
            Err(e) => Err(e),
        };
        // What is not granted is told first: it has to be settled first.
        if let (Err(e), "loads") = (checked, planned.state.as_str()) {
            planned.state = e.code().to_owned();
            planned.problem = Some(e.to_string());
        }
    }
    plan.misfits = misfits(config, &known);
    Ok(plan)
}

/// One that gives plugins nothing.
fn runtime(config: &Config) -> Result<Runtime, RuntimeError> {
    let services = Services {
        kv: Arc::new(NoStore),
        registry: Arc::new(NoRegistry),
        egress: Arc::new(Shared::new(Roots::none())),
    };
    let cache = config.server.data_dir.join("artifacts");
    let engine = crate::host::engine(config);
    Runtime::new(&engine, &cache, services, BreakerConfig::default(), Arc::new(|_, _| {}))
}

/// A key of `[plugins.NAME.config]` that a plugin does not work without.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Setting {
    /// The key.
    pub name: String,
    /// What the plugin says of it.
    pub about: String,
}

/// The settings that a plugin needs, as it says itself, in the sandbox, without any grant. It is compiled, into the
/// data folder's cache.
///
/// # Errors
/// When plugins cannot run on this machine, or this one does not say it.
pub async fn required(
    config: &Config,
    name: &str,
    plugin: &crate::config::Plugin,
    bundle: Bundle,
) -> Result<Vec<Setting>, LoadError> {
    let runtime = runtime(config).map_err(|e| LoadError::Describe(e.to_string()))?;
    let schemas = said(&runtime, config, name, plugin, bundle).await?;
    let required = schemas.required().iter();
    Ok(required.map(|(name, about)| Setting { name: name.clone(), about: about.clone() }).collect())
}

async fn describe(
    runtime: &Runtime,
    admission: &Arc<Admission>,
    config: &Config,
    name: &str,
    plugin: &crate::config::Plugin,
) -> Result<Schemas, LoadError> {
    let (of, plugin_of) = (name.to_owned(), plugin.clone());
    let admission = Arc::clone(admission);
    let admitted = runtime.at_desk(move || admission.admit(&of, &plugin_of, Timestamp::now())).await?;
    said(runtime, config, name, plugin, admitted.bundle).await
}

async fn said(
    runtime: &Runtime,
    config: &Config,
    name: &str,
    plugin: &crate::config::Plugin,
    bundle: Bundle,
) -> Result<Schemas, LoadError> {
    let limits = settings::limits(plugin, &config.plugin_limits, bundle.manifest());
    match bundle.manifest().kind.world.as_str() {
        Notifier::NAME => runtime.describe::<Notifier>(name, bundle, limits).await,
        Hook::NAME => runtime.describe::<Hook>(name, bundle, limits).await,
        _ => runtime.describe::<UpdateSource>(name, bundle, limits).await,
    }
}

fn misfits(config: &Config, known: &BTreeMap<String, Schemas>) -> Vec<Misfit> {
    let channels = config.channels.iter().map(|(name, channel)| {
        (fit::CHANNEL, ["channels", name.as_str(), "config"], channel.plugin.as_str(), &channel.config)
    });
    let items = config.items.iter().map(|(name, item)| {
        (fit::OPTIONS, ["items", name.as_str(), "options"], item.source.as_str(), &item.options)
    });
    let check = |(code, place, plugin, settings): (&'static str, [&str; 3], &str, _)| {
        let found = known.get(plugin)?.check_subject(settings).err()?;
        let [table, name, _] = place;
        Some(Misfit { code, key: key(&[table, name], &[]), problem: found.under(&place) })
    };
    channels.chain(items).filter_map(check).collect()
}
