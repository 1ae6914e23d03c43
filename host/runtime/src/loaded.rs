//! A plugin that is compiled, linked and checked: the part that calls share.

use std::sync::Arc;
use std::time::{Duration, Instant};

use semver::Version;
use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};
use wasmtime::component::{Component, InstancePre, Linker};
use wasmtime::{PoolConcurrencyLimitError, Store};
use waystation_bundle::ContentDigest;

use crate::abi;
use crate::artifact::{ArtifactCache, Origin};
use crate::bundle::Bundle;
use crate::cpu::{CpuExhausted, Metered};
use crate::engine::Engine;
use crate::error::{LoadError, Mismatch};
use crate::failure::{CallError, Cause, Failure};
use crate::grants::Grants;
use crate::imports::{Class, Import};
use crate::interfaces;
use crate::journal::Journal;
use crate::limits::Limits;
use crate::manifest::Manifest;
use crate::metrics::Metrics;
use crate::schemas::Schemas;
use crate::state::{Context, Services, State};
use crate::traffic::Traffic;
use crate::trap;
use crate::world::{Answer, World};

/// What an operator decided about a plugin.
#[derive(Debug, Clone, Default)]
pub struct Settings {
    /// What the operator calls it: the key in waystation.toml.
    pub name: String,
    /// Its configuration.
    pub config: Map<String, Value>,
    /// What it may do.
    pub grants: Grants,
    /// What it runs under.
    pub limits: Limits,
    /// What it is asked for, where its world leaves that to the operator.
    pub asked: Vec<String>,
    /// The digest it must have.
    pub pinned: Option<ContentDigest>,
}

/// Everything that loading needs of the process.
pub(crate) struct Loader<'a> {
    pub(crate) engine: &'a Engine,
    pub(crate) cache: &'a ArtifactCache,
    pub(crate) services: &'a Services,
}

/// See the module. Dropped when the last call on it ends.
pub struct Loaded<W: World> {
    engine: Engine,
    bindings: W::Bindings,
    context: Arc<Context>,
    traffic: Arc<Traffic>,
    metrics: Arc<Metrics>,
    digest: ContentDigest,
    fingerprint: String,
    manifest: Manifest,
    imports: Vec<Import>,
    generation: Version,
    origin: Origin,
    took: Duration,
    schemas: Schemas,
    asked: Vec<String>,
}

impl Settings {
    /// Whether this is the component that the operator meant, of a kind that is served here, with what it needs.
    pub(crate) fn admit<W: World>(&self, bundle: &Bundle) -> Result<(), LoadError> {
        let manifest = bundle.manifest();
        if let Some(pinned) = self.pinned.filter(|pinned| *pinned != bundle.content_digest()) {
            return Err(LoadError::DigestMismatch {
                pinned: pinned.to_string(),
                actual: bundle.content_digest().to_string(),
            });
        }
        if !W::kinds().contains(&manifest.kind) {
            return Err(LoadError::Mismatch(vec![Mismatch::UnknownKind {
                claimed: manifest.kind.to_string(),
                known: W::kinds().iter().map(ToString::to_string).collect::<Vec<_>>().join(", "),
            }]));
        }
        self.grants.check(&self.name, manifest)
    }
}

impl<W: World> Loaded<W> {
    /// Compiles or fetches from the cache, links what is requested, and binds the
    /// world. Blocks for as long as compiling takes.
    pub(crate) fn new(
        loader: &Loader<'_>,
        bundle: &Bundle,
        settings: Settings,
        journal: Arc<Journal>,
        metrics: Arc<Metrics>,
    ) -> Result<Self, LoadError> {
        let began = Instant::now();
        let manifest = bundle.manifest();
        let (component, origin) = loader.cache.component(loader.engine, bundle)?;
        let pre = link(loader.engine, &component, bundle.imports())?;
        let bindings = W::bind(pre, bundle.generation()).map_err(|e| LoadError::Link(format!("{e:#}")))?;
        let traffic = Arc::new(Traffic::new(Arc::clone(&journal)));
        let http = manifest.request("http").map(|_| {
            let policy = waystation_egress::Policy {
                grants: settings.grants.http.clone(),
                credentials: settings.grants.credentials.clone(),
                limits: settings.limits.http,
            };
            let plugin = waystation_egress::PluginName::new(settings.name.as_str());
            let sink = Arc::clone(&traffic);
            waystation_egress::Client::new(Arc::clone(&loader.services.egress), plugin, policy, sink)
        });
        let fingerprint = fingerprint(bundle, &settings.config);
        let context = Arc::new(Context {
            name: settings.name,
            config: settings.config,
            grants: settings.grants,
            limits: settings.limits,
            journal,
            services: loader.services.clone(),
            http,
        });
        Ok(Self {
            engine: loader.engine.clone(),
            bindings,
            context,
            traffic,
            metrics,
            digest: bundle.content_digest(),
            fingerprint,
            manifest: manifest.clone(),
            imports: bundle.imports().to_vec(),
            generation: bundle.generation().clone(),
            origin,
            took: began.elapsed(),
            schemas: Schemas::default(),
            asked: settings.asked,
        })
    }

    /// Runs `describe` under the plugin's own limits, holds the answer against the
    /// manifest, and compiles the schemas in it.
    pub(crate) async fn probe(mut self) -> Result<Self, LoadError> {
        let identity = match self.run(|bindings, store| W::describe(bindings, store)).await {
            Ok(identity) => identity,
            Err(e) => return Err(LoadError::Describe(e.to_string())),
        };
        let version = self.manifest.version.to_string();
        let pairs =
            [("name", self.manifest.name.as_str(), &identity.name), ("version", &version, &identity.version)];
        for (field, manifest, described) in pairs {
            if manifest != described {
                return Err(LoadError::Lies {
                    field,
                    manifest: manifest.to_owned(),
                    described: described.chars().take(100).collect(),
                });
            }
        }
        self.schemas = Schemas::compile(identity).await?;
        Ok(self)
    }

    /// The configuration, held against the schema that [`Loaded::probe`] left.
    pub(crate) fn check_config(&self) -> Result<(), LoadError> {
        self.schemas.check_config(&self.context.name, &self.context.config)
    }

    /// Whether it can work with its configuration and with what it is asked for, as it says itself.
    pub(crate) async fn prepare(&self) -> Result<(), LoadError> {
        let asked = self.asked.clone();
        match self.run(move |bindings, store| W::prepare(bindings, store, asked)).await {
            Ok(()) => Ok(()),
            Err(e) => Err(LoadError::Config(e.sentence())),
        }
    }

    /// One call: a fresh instance, every limit, and the true cause of a failure.
    pub(crate) async fn run<R, F>(&self, call: F) -> Result<R, CallError>
    where
        F: for<'a> FnOnce(&'a W::Bindings, &'a mut Store<State>) -> Answer<'a, R> + Send,
    {
        let began = Instant::now();
        let limits = &self.context.limits;
        let mut store = self.store();
        let metered = Metered::new(call(&self.bindings, &mut store), limits.cpu, &self.metrics);
        let outcome = match tokio::time::timeout(limits.wall, metered).await {
            Ok(Ok(Ok(Ok(answer)))) => Ok(answer),
            Ok(Ok(Ok(Err(error)))) => Err(match store.data().denial() {
                Some(denial) => Failure { error: Some(error), ..Failure::new(Cause::Denied, denial) },
                None => error.into(),
            }),
            Ok(Ok(Err(error))) if error.is::<PoolConcurrencyLimitError>() => {
                self.metrics.refused();
                return Err(CallError::Busy { running: limits.concurrency, waiting: 0 });
            }
            Ok(Ok(Err(error))) => Err(trap::explain(&error, &store.data().meter)),
            Ok(Err(CpuExhausted)) => Err(Failure::new(
                Cause::Deadline,
                format!("used more than {:?} of processor time; the limit is `cpu`", limits.cpu),
            )),
            Err(_elapsed) => Err(Failure::new(
                Cause::Deadline,
                format!("did not answer within {:?}; the limit is `wall`", limits.wall),
            )),
        };
        let cause = outcome.as_ref().err().map(|failure| failure.cause);
        self.metrics.finished(began.elapsed(), store.data().meter.peak(), cause);
        outcome.map_err(CallError::Failed)
    }

    fn store(&self) -> Store<State> {
        let mut store = Store::new(self.engine.wasmtime(), State::new(&self.context));
        store.limiter(|state| &mut state.meter);
        store.set_hostcall_fuel(self.context.limits.transfer);
        store.set_max_component_handles(self.context.limits.resources);
        store.set_epoch_deadline(1);
        store.epoch_deadline_async_yield_and_update(1);
        store
    }

    /// What it takes.
    pub fn schemas(&self) -> &Schemas {
        &self.schemas
    }

    pub(crate) fn into_schemas(self) -> Schemas {
        self.schemas
    }

    /// What it is known by: see [`Bundle::content_digest`].
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// Changes with the component and with its configuration: what a plugin told
    /// under another fingerprint says nothing about this one.
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it imports.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// The world's version it was built against.
    pub fn generation(&self) -> &Version {
        &self.generation
    }

    /// Whether it came from the cache.
    pub fn origin(&self) -> Origin {
        self.origin
    }

    /// How long loading took.
    pub fn took(&self) -> Duration {
        self.took
    }

    /// Its limits.
    pub fn limits(&self) -> &Limits {
        &self.context.limits
    }

    /// What it was granted.
    pub fn grants(&self) -> &Grants {
        &self.context.grants
    }

    /// Bytes and requests of outgoing HTTP so far; none when it is not requested.
    pub fn http(&self) -> Option<waystation_egress::Counters> {
        self.context.http.as_ref().map(waystation_egress::Client::counters)
    }

    /// Which grants were used, and how often.
    pub fn traffic(&self) -> &Traffic {
        &self.traffic
    }
}

fn fingerprint(bundle: &Bundle, config: &Map<String, Value>) -> String {
    let mut hash = Sha256::new();
    hash.update(bundle.digest().as_bytes());
    hash.update(Value::Object(config.clone()).to_string());
    let hash: [u8; 32] = hash.finalize().into();
    hex::encode(hash.first_chunk::<8>().unwrap_or(&[0; 8]))
}

/// Links what the component imports, and nothing else. Grants of the single
/// capabilities are checked again at each call.
fn link(engine: &Engine, component: &Component, imports: &[Import]) -> Result<InstancePre<State>, LoadError> {
    let mut linker: Linker<State> = Linker::new(engine.wasmtime());
    let mut linked = || -> wasmtime::Result<()> {
        if imports.iter().any(|import| import.class == Class::Baseline) {
            wasmtime_wasi::p2::add_to_linker_async(&mut linker)?;
        }
        if imports.iter().any(|import| import.name.starts_with("wasi:http/")) {
            interfaces::http::link(&mut linker)?;
        }
        for import in imports {
            let path = import.name.split_once('@').map_or(import.name.as_str(), |(path, _)| path);
            abi::v0_1::link(&mut linker, path)?;
            abi::v0_1_1::link(&mut linker, path)?;
            abi::wasi_drafts::link(&mut linker, path)?;
        }
        Ok(())
    };
    linked().map_err(|e| LoadError::Link(format!("{e:#}")))?;
    linker.instantiate_pre(component).map_err(|e| LoadError::Link(format!("{e:#}")))
}
