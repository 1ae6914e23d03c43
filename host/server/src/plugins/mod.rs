//! The plugins of this host: loaded from the configuration at start, each on its
//! own; one that fails to load stops neither another nor the host.

pub(crate) mod settings;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures::future::join_all;
use jiff::Timestamp;
use parking_lot::RwLock;
use waystation_runtime::journal::Journal;
use waystation_runtime::manifest::Manifest;
use waystation_runtime::metrics::Metrics;
use waystation_runtime::{GrantRow, LoadError, Loaded, Plugin, Runtime, Status, World};
use waystation_worlds::{Hook, Notifier, UpdateSource};

use crate::config::{Config, Environment};
use crate::quarantine;
use crate::trust::{Admission, Admitted, Standing, Trust};

/// A plugin of any world.
#[derive(Clone)]
pub enum AnyPlugin {
    /// Knows releases.
    Source(Arc<Plugin<UpdateSource>>),
    /// Carries messages.
    Notifier(Arc<Plugin<Notifier>>),
    /// Is asked for decisions.
    Hook(Arc<Plugin<Hook>>),
    /// It could not be read far enough to tell what it is.
    Unknown(Arc<Broken>),
}

/// A plugin of which nothing is known but why.
pub struct Broken {
    name: String,
    error: LoadError,
    journal: Arc<Journal>,
    metrics: Arc<Metrics>,
    disabled: bool,
}

/// What is known of a plugin that serves.
pub struct Serving {
    /// Its manifest.
    pub manifest: Manifest,
    /// Its digest, `sha256:…`.
    pub digest: String,
    /// Requested and granted.
    pub grants: Vec<GrantRow>,
    /// Requests that each HTTP grant let pass.
    pub used: Vec<u64>,
    /// What it runs under.
    pub limits: waystation_runtime::Limits,
    /// Interfaces it imports and whether each is its language's baseline.
    pub imports: Vec<waystation_runtime::Import>,
    /// Whether its compiled form came from the cache.
    pub cached: bool,
    /// How long loading took.
    pub load_time: std::time::Duration,
    /// Outgoing HTTP.
    pub http: Option<waystation_egress::Counters>,
}

fn serving<W: World>(loaded: &Loaded<W>) -> Serving {
    let grants = loaded.grants();
    Serving {
        manifest: loaded.manifest().clone(),
        digest: loaded.digest().to_string(),
        grants: grants.table(loaded.manifest()),
        used: (0..grants.http.len()).map(|grant| loaded.traffic().used(grant)).collect(),
        limits: loaded.limits().clone(),
        imports: loaded.imports().to_vec(),
        cached: loaded.origin() == waystation_runtime::artifact::Origin::Cache,
        load_time: loaded.took(),
        http: loaded.http(),
    }
}

impl AnyPlugin {
    /// What the operator calls it.
    pub fn name(&self) -> &str {
        match self {
            Self::Source(plugin) => plugin.name(),
            Self::Notifier(plugin) => plugin.name(),
            Self::Hook(plugin) => plugin.name(),
            Self::Unknown(broken) => &broken.name,
        }
    }

    /// The world it implements.
    pub fn world(&self) -> Option<&'static str> {
        match self {
            Self::Source(_) => Some(UpdateSource::NAME),
            Self::Notifier(_) => Some(Notifier::NAME),
            Self::Hook(_) => Some(Hook::NAME),
            Self::Unknown(_) => None,
        }
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        match self {
            Self::Source(plugin) => plugin.status(),
            Self::Notifier(plugin) => plugin.status(),
            Self::Hook(plugin) => plugin.status(),
            Self::Unknown(broken) if broken.disabled => Status::Disabled,
            Self::Unknown(broken) => {
                Status::Failed { code: broken.error.code(), message: broken.error.to_string() }
            }
        }
    }

    /// What serves calls, if anything does.
    pub fn serving(&self) -> Option<Serving> {
        match self {
            Self::Source(plugin) => plugin.loaded().map(|loaded| serving(&loaded)),
            Self::Notifier(plugin) => plugin.loaded().map(|loaded| serving(&loaded)),
            Self::Hook(plugin) => plugin.loaded().map(|loaded| serving(&loaded)),
            Self::Unknown(_) => None,
        }
    }

    /// What was offered last and not accepted.
    pub fn rejected(&self) -> Option<LoadError> {
        match self {
            Self::Source(plugin) => plugin.rejected(),
            Self::Notifier(plugin) => plugin.rejected(),
            Self::Hook(plugin) => plugin.rejected(),
            Self::Unknown(broken) => Some(broken.error.clone()),
        }
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        match self {
            Self::Source(plugin) => plugin.metrics(),
            Self::Notifier(plugin) => plugin.metrics(),
            Self::Hook(plugin) => plugin.metrics(),
            Self::Unknown(broken) => &broken.metrics,
        }
    }

    /// Its log.
    pub fn journal(&self) -> &Arc<Journal> {
        match self {
            Self::Source(plugin) => plugin.journal(),
            Self::Notifier(plugin) => plugin.journal(),
            Self::Hook(plugin) => plugin.journal(),
            Self::Unknown(broken) => &broken.journal,
        }
    }
}

/// See the module.
pub struct Plugins {
    runtime: Runtime,
    config: Arc<Config>,
    environment: Environment,
    /// Quarantines that earlier runs left, by name.
    resting: BTreeMap<String, serde_json::Value>,
    admission: Arc<Admission>,
    all: RwLock<BTreeMap<String, AnyPlugin>>,
    /// How those that serve came to be admitted.
    standings: RwLock<BTreeMap<String, Standing>>,
    /// Those that served until they might not any more.
    withdrawn: RwLock<BTreeSet<String>>,
}

/// A step of loading, for people who wait.
#[derive(Debug, Clone)]
pub enum Loading {
    /// Machine code is made; takes from a quarter of a second to half a minute.
    Compiling(String),
    /// It serves, or not.
    Done(String, Result<(), LoadError>),
}

impl Plugins {
    pub(crate) fn new(
        runtime: Runtime,
        config: Arc<Config>,
        environment: Environment,
        resting: BTreeMap<String, serde_json::Value>,
        admission: Arc<Admission>,
    ) -> Self {
        Self {
            runtime,
            config,
            environment,
            resting,
            admission,
            all: RwLock::default(),
            standings: RwLock::default(),
            withdrawn: RwLock::default(),
        }
    }

    /// Loads every plugin that is configured, enabled, and not among `off`, side by
    /// side.
    pub(crate) async fn load_all(&self, off: &[String], progress: &(dyn Fn(Loading) + Send + Sync)) {
        let names: Vec<String> = self.config.plugins.keys().map(|name| name.as_str().to_owned()).collect();
        join_all(names.iter().map(|name| async move {
            let enabled = !off.contains(name) && self.configured(name).is_some_and(|plugin| plugin.enabled);
            let result = if enabled { self.load(name, progress).await } else { self.leave_off(name) };
            if enabled {
                progress(Loading::Done(name.clone(), result));
            }
        }))
        .await;
    }

    fn configured(&self, name: &str) -> Option<&crate::config::Plugin> {
        self.config.plugins.iter().find(|(key, _)| key.as_str() == name).map(|(_, plugin)| plugin)
    }

    fn leave_off(&self, name: &str) -> Result<(), LoadError> {
        let broken = Broken {
            name: name.to_owned(),
            error: LoadError::Config("disabled".into()),
            journal: Arc::default(),
            metrics: Arc::default(),
            disabled: true,
        };
        self.all.write().entry(name.to_owned()).or_insert(AnyPlugin::Unknown(Arc::new(broken)));
        Ok(())
    }

    /// Loads one plugin again from its file, or for the first time. What served
    /// goes on serving when that fails.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn load(
        &self,
        name: &str,
        progress: &(dyn Fn(Loading) + Send + Sync),
    ) -> Result<(), LoadError> {
        let Some(configured) = self.configured(name) else {
            return Err(LoadError::Config(format!("no plugin `{name}` is configured")));
        };
        let by = self.admission.current().0;
        let (admission, plugin, of) = (Arc::clone(&self.admission), configured.clone(), name.to_owned());
        let admitted = self.runtime.at_desk(move || admission.admit(&of, &plugin, Timestamp::now())).await;
        let admitted = match admitted {
            Ok(admitted) => admitted,
            Err(error) => return Err(self.refuse(name, error)),
        };
        let bundle = &admitted.bundle;
        if !self.runtime.is_compiled(bundle) {
            progress(Loading::Compiling(name.to_owned()));
        }
        let installed = match bundle.manifest().kind.world.as_str() {
            UpdateSource::NAME => self.install::<UpdateSource>(name, configured, admitted).await,
            Notifier::NAME => self.install::<Notifier>(name, configured, admitted).await,
            Hook::NAME => self.install::<Hook>(name, configured, admitted).await,
            _ => {
                let error = LoadError::Mismatch(vec![waystation_runtime::Mismatch::UnknownKind {
                    claimed: bundle.manifest().kind.to_string(),
                    known: known_kinds(),
                }]);
                Err(self.refuse(name, error))
            }
        };
        // Compiling takes its time; who was trusted when it began may not be any more.
        if !Trust::same(by.as_deref(), self.admission.current().0.as_deref()) {
            self.judge_one(name, Timestamp::now())?;
        }
        installed
    }

    async fn install<W>(
        &self,
        name: &str,
        configured: &crate::config::Plugin,
        admitted: Admitted,
    ) -> Result<(), LoadError>
    where
        W: World,
        AnyPlugin: From<Arc<Plugin<W>>>,
        Arc<Plugin<W>>: FromAny,
    {
        let Admitted { bundle, standing, notice } = admitted;
        let (defaults, manifest) = (&self.config.plugin_limits, bundle.manifest());
        let limits = settings::limits(configured, defaults, manifest);
        let existing = self.all.read().get(name).and_then(<Arc<Plugin<W>>>::from_any);
        let first = existing.is_none();
        let plugin =
            existing.unwrap_or_else(|| self.runtime.plugin::<W>(name, limits.concurrency, limits.queue));
        let settings = settings::settings(name, configured, defaults, &self.environment, manifest);
        let installed = match settings {
            Ok(settings) => self.runtime.install(&plugin, Ok(bundle), settings).await,
            Err(error) => {
                self.runtime.install(&plugin, Err(error), waystation_runtime::Settings::default()).await
            }
        };
        // Later on, the plugin itself knows how it stands.
        if let (true, Some(kept), Some(loaded)) = (first, self.resting.get(name), plugin.loaded()) {
            let digest = loaded.digest().to_string();
            let left = quarantine::left(kept, &digest, &self.runtime.build(), Timestamp::now());
            left.into_iter().for_each(|rest| plugin.resume(rest));
        }
        if let Some(notice) = notice {
            tracing::warn!(plugin = name, "{notice}");
            plugin.warn(notice);
        }
        if installed.is_ok() {
            self.standings.write().insert(name.to_owned(), standing);
            self.withdrawn.write().remove(name);
        }
        self.all.write().insert(name.to_owned(), plugin.into());
        installed
    }

    /// Remembers why a plugin could not even be told apart; one that serves goes on.
    fn refuse(&self, name: &str, error: LoadError) -> LoadError {
        let mut all = self.all.write();
        match all.get(name) {
            Some(AnyPlugin::Source(plugin)) => self.runtime.reject(plugin, &error),
            Some(AnyPlugin::Notifier(plugin)) => self.runtime.reject(plugin, &error),
            Some(AnyPlugin::Hook(plugin)) => self.runtime.reject(plugin, &error),
            Some(AnyPlugin::Unknown(_)) | None => {
                let broken = Broken {
                    name: name.to_owned(),
                    error: error.clone(),
                    journal: Arc::default(),
                    metrics: Arc::default(),
                    disabled: false,
                };
                all.insert(name.to_owned(), AnyPlugin::Unknown(Arc::new(broken)));
            }
        }
        error
    }

    /// Takes a plugin out of service until it is enabled again or the host restarts.
    /// False when there is none of that name.
    pub fn disable(&self, name: &str) -> bool {
        self.standings.write().remove(name);
        self.withdrawn.write().remove(name);
        match self.get(name) {
            Some(AnyPlugin::Source(plugin)) => plugin.disable(),
            Some(AnyPlugin::Notifier(plugin)) => plugin.disable(),
            Some(AnyPlugin::Hook(plugin)) => plugin.disable(),
            Some(AnyPlugin::Unknown(_)) => {}
            None => return false,
        }
        true
    }

    /// All of them, by name.
    pub fn all(&self) -> Vec<AnyPlugin> {
        self.all.read().values().cloned().collect()
    }

    /// One of them.
    pub fn get(&self, name: &str) -> Option<AnyPlugin> {
        self.all.read().get(name).cloned()
    }

    /// A source by name.
    pub fn source(&self, name: &str) -> Option<Arc<Plugin<UpdateSource>>> {
        FromAny::from_any(self.all.read().get(name)?)
    }

    /// A notifier by name.
    pub fn notifier(&self, name: &str) -> Option<Arc<Plugin<Notifier>>> {
        FromAny::from_any(self.all.read().get(name)?)
    }

    /// A hook by name.
    pub fn hook(&self, name: &str) -> Option<Arc<Plugin<Hook>>> {
        FromAny::from_any(self.all.read().get(name)?)
    }
}

/// Every kind that this host runs, for messages.
pub fn known_kinds() -> String {
    let kinds = UpdateSource::kinds().into_iter().chain(Notifier::kinds()).chain(Hook::kinds());
    kinds.map(|kind| kind.to_string()).collect::<Vec<_>>().join(", ")
}

trait FromAny: Sized {
    fn from_any(any: &AnyPlugin) -> Option<Self>;
}

impl FromAny for Arc<Plugin<UpdateSource>> {
    fn from_any(any: &AnyPlugin) -> Option<Self> {
        match any {
            AnyPlugin::Source(plugin) => Some(Self::clone(plugin)),
            _ => None,
        }
    }
}

impl FromAny for Arc<Plugin<Notifier>> {
    fn from_any(any: &AnyPlugin) -> Option<Self> {
        match any {
            AnyPlugin::Notifier(plugin) => Some(Self::clone(plugin)),
            _ => None,
        }
    }
}

impl FromAny for Arc<Plugin<Hook>> {
    fn from_any(any: &AnyPlugin) -> Option<Self> {
        match any {
            AnyPlugin::Hook(plugin) => Some(Self::clone(plugin)),
            _ => None,
        }
    }
}

impl From<Arc<Plugin<Hook>>> for AnyPlugin {
    fn from(plugin: Arc<Plugin<Hook>>) -> Self {
        Self::Hook(plugin)
    }
}

impl From<Arc<Plugin<UpdateSource>>> for AnyPlugin {
    fn from(plugin: Arc<Plugin<UpdateSource>>) -> Self {
        Self::Source(plugin)
    }
}

impl From<Arc<Plugin<Notifier>>> for AnyPlugin {
    fn from(plugin: Arc<Plugin<Notifier>>) -> Self {
        Self::Notifier(plugin)
    }
}
