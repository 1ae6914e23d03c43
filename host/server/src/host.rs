//! A running host: everything wired, and how it starts and stops.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt as _;
use std::sync::Arc;

use futures::{Stream, StreamExt as _};
use jiff::Timestamp;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::{Notify, mpsc};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_core::item::Item;
use waystation_egress::{Roots, Screening, Shared};
use waystation_runtime::breaker::BreakerConfig;
use waystation_runtime::{EngineConfig, LoadError, Runtime, Services, Transition};
use waystation_store::{PluginRecord, Store, StoreError};

use crate::background::Background;
use crate::checker::Checker;
use crate::config::{Config, Environment};
use crate::declared;
use crate::deliver::Deliverer;
use crate::error::StartError;
use crate::fit;
use crate::history;
use crate::hooks::{self, DatabaseRegistry, Hooks};
use crate::identity::Identity;
use crate::kv::DatabaseKv;
use crate::listener::{self, Bounds};
use crate::oidc::Providers;
use crate::pki::{self, Pki};
use crate::plugins::{Loading, Plugins};
use crate::quarantine;
use crate::routing;
use crate::tickets::{self, Tickets};
use crate::trust::Admission;
use crate::trust_watch::{self, Watched};
use crate::users::{self, OwnerLink, Users};

/// A host whose parts work together. Cheap to clone.
#[derive(Clone)]
pub struct Host {
    inner: Arc<Inner>,
}

struct Inner {
    config: Arc<Config>,
    store: Store,
    plugins: Arc<Plugins>,
    admission: Arc<Admission>,
    watched: tokio::sync::Mutex<Watched>,
    checker: Checker,
    users: Users,
    providers: Providers,
    owner_link: Option<OwnerLink>,
    pki: Pki,
    tickets: Tickets,
    hooks: Hooks,
    identity: Identity,
    wake: Arc<Notify>,
    started: Timestamp,
    stop: CancellationToken,
    work: TaskTracker,
}

impl Host {
    /// Opens the database, loads the plugins and the items of the configuration.
    /// Nothing runs by itself yet, and nothing listens.
    ///
    /// # Errors
    /// See [`StartError`]. A plugin that does not load is no error.
    pub async fn open(
        config: Config,
        environment: Environment,
        progress: &(dyn Fn(Loading) + Send + Sync),
    ) -> Result<Self, StartError> {
        let config = Arc::new(config);
        let data = &config.server.data_dir;
        let unusable = |e: std::io::Error| StartError::DataFolder {
            path: data.display().to_string(),
            message: e.to_string(),
        };
        std::fs::DirBuilder::new().recursive(true).mode(0o700).create(data).map_err(unusable)?;
        let identity = Identity::open(data).map_err(unusable)?;
        let pki = Pki::open(&config, Timestamp::now())?;
        let tickets = Tickets::open(&config)?;
        let users = Users::open(&config, Timestamp::now())?;
        let providers = Providers::open(&config, &environment)?;
        let store = Store::open(&config.database_url()?.0.expose().parse()?, identity.id).await?;
        let routed = Arc::clone(&config);
        store.route_events(move |event| routing::channels(&routed, event));
        let owner_link = users::first_link(&store, data).await?.map_err(unusable)?;

        let roots = Roots::load(config.egress.ca_file.as_deref())?;
        let screening = Screening { allow_private: config.egress.allow_private_addresses };
        let services = Services {
            kv: Arc::new(DatabaseKv(store.clone())),
            registry: Arc::new(DatabaseRegistry { store: store.clone(), limits: config.tickets.limits() }),
            egress: Arc::new(Shared::new(roots).with_screening(screening)),
        };
        let (told, transitions) = mpsc::unbounded_channel();
        let runtime = Runtime::new(
            &engine(&config),
            &data.join("artifacts"),
            services,
            BreakerConfig {
                failures: config.quarantine.failures,
                backoff: config.quarantine.backoff.duration(),
                max_backoff: config.quarantine.max_backoff.duration(),
            },
            Arc::new(move |name: &str, transition: &Transition| {
                let _ = told.send((name.to_owned(), transition.clone()));
            }),
        )?;
        let build = runtime.build();
        let (mut off, mut resting) = (Vec::new(), BTreeMap::new());
        for known in store.plugins().await? {
            if !known.enabled {
                off.push(known.name.to_string());
            }
            resting.extend(known.quarantine.map(|quarantine| (known.name.to_string(), quarantine)));
        }
        let admission = Arc::new(Admission::new(&config, store.raise(SEEN, 0).await?));
        refresh(&store, &admission).await?;
        let given = Arc::clone(&admission);
        let plugins = Arc::new(Plugins::new(runtime, Arc::clone(&config), environment, resting, given));
        plugins.load_all(&off, progress).await;
        fit::tell(&config, &plugins);
        let checker = Checker::new(store.clone(), Arc::clone(&plugins), Arc::clone(&config));
        let work = TaskTracker::new();
        let stop = CancellationToken::new();
        work.spawn(tell(store.clone(), Arc::clone(&config), build, transitions, stop.clone()));
        declared::sync(&store, &config, &plugins).await?;
        let (wake, started) = (Arc::default(), Timestamp::now());
        let hooks = Hooks::new(&config);
        let watched = Watched::new(admission.current().0).into();
        let inner = Inner {
            config,
            store,
            plugins,
            admission,
            watched,
            checker,
            users,
            providers,
            owner_link,
            pki,
            tickets,
            hooks,
            identity,
            wake,
            started,
            stop,
            work,
        };
        let host = Self { inner: Arc::new(inner) };
        host.look_at_revocations().await?;
        for plugin in host.plugins().all() {
            host.note_served(plugin.name()).await?;
        }
        Ok(host)
    }

    /// Starts what a host does by itself, and serves the API until
    /// [`Host::shut_down`] is called.
    ///
    /// # Errors
    /// [`StartError::Listen`] when the address is taken.
    pub async fn serve(&self) -> Result<SocketAddr, StartError> {
        let Inner { config, store, plugins, checker, identity, wake, stop, work, .. } = &*self.inner;
        let listen = config.server.listen;
        let failed = |e: std::io::Error| StartError::Listen { address: listen, message: e.to_string() };
        let listener = TcpListener::bind(listen).await.map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let deliverer = Deliverer {
            store: store.clone(),
            plugins: Arc::clone(plugins),
            config: Arc::clone(config),
            host: identity.id,
            wake: Arc::clone(wake),
        };
        Background { store: store.clone(), host: identity.id, checker: checker.clone(), deliverer }
            .start(work, stop);
        let bounds = Bounds {
            header_timeout: config.server.header_timeout.duration(),
            connections: config.server.max_connections as usize,
        };
        work.spawn(hooks::tell(self.clone(), stop.clone()));
        work.spawn(tickets::sweep(self.clone(), stop.clone()));
        work.spawn(tickets::watch_others(self.clone(), stop.clone()));
        work.spawn(tickets::watch_revocations(self.clone(), stop.clone()));
        work.spawn(trust_watch::run(self.clone(), config.trust.recheck.duration(), stop.clone()));
        if self.pki().authorities().is_some() {
            work.spawn(pki::watch(self.clone(), stop.clone()));
        }
        work.spawn(listener::serve(listener, self.clone(), bounds, stop.clone()));
        tracing::info!(%address, "host serves");
        Ok(address)
    }

    /// Stops taking work, lets what is in flight finish for as long as the grace
    /// allows, and closes the database. What is cut off is done again after the
    /// next start: claims are given back.
    pub async fn shut_down(&self) {
        let Inner { config, store, stop, work, identity, .. } = &*self.inner;
        stop.cancel();
        work.close();
        let grace = config.server.shutdown_grace.duration();
        if tokio::time::timeout(grace, work.wait()).await.is_err() {
            tracing::warn!(grace_s = grace.as_secs(), "work in flight was cut off");
        }
        if let Err(e) = store.release_claims(identity.id, Timestamp::now()).await {
            tracing::warn!(code = e.code(), "claims run out by themselves");
        }
        store.close().await;
    }

    /// The configuration.
    pub fn config(&self) -> &Config {
        &self.inner.config
    }

    /// The database.
    pub fn store(&self) -> &Store {
        &self.inner.store
    }

    /// The plugins.
    pub fn plugins(&self) -> &Plugins {
        &self.inner.plugins
    }

    /// The checker.
    pub fn checker(&self) -> &Checker {
        &self.inner.checker
    }

    /// The link that waits for an owner, if nobody was one when the host started.
    pub fn owner_link(&self) -> Option<&OwnerLink> {
        self.inner.owner_link.as_ref()
    }

    /// What users prove themselves with.
    pub(crate) fn users(&self) -> &Users {
        &self.inner.users
    }

    /// Where users log in who do not do it here.
    pub(crate) fn providers(&self) -> &Providers {
        &self.inner.providers
    }

    /// Who connects, by certificate.
    pub fn pki(&self) -> &Pki {
        &self.inner.pki
    }

    /// Refuses the certificates that the database says are revoked, from now on and on connections that are open.
    ///
    /// # Errors
    /// Those of the database; then nothing changes.
    pub async fn look_at_revocations(&self) -> Result<(), StoreError> {
        let corrupt = |e: waystation_pki::PkiError| StoreError::Corrupt { what: e.to_string() };
        let revoked = self.store().revoked_certificates(Timestamp::now()).await?;
        let parsed = revoked.iter().map(|one| one.serial.parse()).collect::<Result<_, _>>();
        self.pki().set_revoked(parsed.map_err(corrupt)?);
        self.pki().crl().set(&revoked).await.map_err(corrupt)?;
        Ok(())
    }

    /// Who is asked before something happens.
    pub(crate) fn hooks(&self) -> &Hooks {
        &self.inner.hooks
    }

    /// What tickets are made with.
    pub(crate) fn tickets(&self) -> &Tickets {
        &self.inner.tickets
    }

    /// Ends when the host was told to stop.
    pub fn stopping(&self) -> CancellationToken {
        self.inner.stop.clone()
    }

    /// Since when it runs.
    pub fn started(&self) -> Timestamp {
        self.inner.started
    }

    /// Says that messages may have become due without an event that tells so.
    pub fn wake_deliveries(&self) {
        self.inner.wake.notify_one();
    }

    /// Runs work that is finished before the host stops.
    pub fn spawn(&self, work: impl Future<Output = ()> + Send + 'static) {
        self.inner.work.spawn(work);
    }

    /// A stream that ends when the host is told to stop.
    pub fn until_stopped<S: Stream>(&self, stream: S) -> impl Stream<Item = S::Item> + use<S> {
        stream.take_until(self.stopping().cancelled_owned())
    }

    /// Every item, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn all_items(&self) -> Result<Vec<Item>, StoreError> {
        const PAGE: u32 = 1_000;
        let mut items: Vec<Item> = Vec::new();
        loop {
            let after = items.last().map(|item| item.spec.name.clone());
            let page = self.store().items(after.as_ref(), PAGE).await?;
            let last = (page.len() as u64) < u64::from(PAGE);
            items.extend(page);
            if last {
                return Ok(items);
            }
        }
    }

    /// Reads again who is trusted, and loads a plugin: see [`Plugins::load`].
    ///
    /// # Errors
    /// Those of loading, and those of the database.
    pub async fn load_plugin(&self, name: &str) -> Result<Result<(), LoadError>, StoreError> {
        self.refresh_trust().await?;
        let loaded = self.plugins().load(name, &|_| {}).await;
        if loaded.is_ok() {
            self.note_served(name).await?;
        }
        Ok(loaded)
    }

    /// Reads again who is trusted.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn refresh_trust(&self) -> Result<(), StoreError> {
        refresh(self.store(), &self.inner.admission).await
    }

    /// Reads again who is trusted, at once: what may not run any more is stopped when this returns.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn look_at_trust(&self) -> Result<(), StoreError> {
        trust_watch::look(self).await
    }

    pub(crate) fn watched(&self) -> &tokio::sync::Mutex<Watched> {
        &self.inner.watched
    }

    /// What lets plugins in.
    pub fn admission(&self) -> &Admission {
        &self.inner.admission
    }

    /// Writes down what serves as a plugin, where that is news.
    async fn note_served(&self, name: &str) -> Result<(), StoreError> {
        let (Some(served), Ok(plugin)) = (self.plugins().served(name), name.parse()) else { return Ok(()) };
        let Ok(value) = serde_json::to_value(&served) else { return Ok(()) };
        let now = Timestamp::now();
        let told = |before: Option<serde_json::Value>| history::told(name, before.as_ref(), &served, now);
        self.store().serves(&plugin, &served.digest, &value, now, told, &self.route()).await.map(drop)
    }

    /// Remembers across restarts whether an operator wants a plugin to run. To turn
    /// it off ends its quarantine as well.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remember_plugin(&self, name: &str, enabled: bool) -> Result<(), StoreError> {
        let now = Timestamp::now();
        let Ok(parsed) = name.parse() else { return Ok(()) };
        let known = self.store().plugin(&parsed).await?;
        let digest = self.plugins().get(name).and_then(|p| p.serving()).map(|s| s.digest).unwrap_or_default();
        let record = PluginRecord {
            name: parsed,
            digest,
            enabled,
            quarantine: known.and_then(|known| known.quarantine).filter(|_| enabled),
            last_error: None,
            updated_at: now,
        };
        let state = if enabled { "enabled" } else { "disabled" };
        let event = NewEvent {
            kind: EventType::PLUGIN_STATE,
            subject: name.to_owned(),
            severity: Severity::Info,
            data: json!({ "state": state }).as_object().cloned().unwrap_or_default(),
            occurred_at: now,
            key: None,
        };
        self.store().put_plugin(&record, vec![event], &self.route()).await
    }

    /// Which channels an event goes to.
    pub fn route(&self) -> impl Fn(&NewEvent) -> Vec<waystation_core::name::ChannelName> + Send + Sync + '_ {
        |event| routing::channels(&self.inner.config, event)
    }
}

/// The counter that holds the highest number of a list of revocations that any host of this database saw.
const SEEN: &str = "revocations";

/// Reads again who is trusted; the number of the list of revocations is kept for every host and restart.
async fn refresh(store: &Store, admission: &Arc<Admission>) -> Result<(), StoreError> {
    let reading = Arc::clone(admission);
    let read = tokio::task::spawn_blocking(move || reading.refresh(Timestamp::now())).await;
    read.map_err(|e| StoreError::Refused { why: e.to_string() })?;
    admission.saw(store.raise(SEEN, admission.seen()).await?);
    Ok(())
}

pub(crate) fn engine(config: &Config) -> EngineConfig {
    let max_memory = usize::try_from(config.plugin_limits.max_memory.bytes()).unwrap_or(usize::MAX);
    EngineConfig { max_memory, ..EngineConfig::default() }
}

/// Keeps what the runtime tells of plugins, and makes events of it.
async fn tell(
    store: Store,
    config: Arc<Config>,
    build: String,
    mut transitions: mpsc::UnboundedReceiver<(String, Transition)>,
    stop: CancellationToken,
) {
    while let Some(Some((name, transition))) = stop.run_until_cancelled(transitions.recv()).await {
        let now = Timestamp::now();
        let (kind, severity, data, digest, kept) = match transition {
            Transition::Quarantined { rest, failure, digest } => {
                let (cause, rest_s) = (failure.cause.as_str(), rest.left.as_secs());
                let data = json!({ "cause": cause, "message": failure.message, "rest_s": rest_s });
                let kept = quarantine::keep(rest, &digest, &build, now);
                (EventType::PLUGIN_QUARANTINED, Severity::Warning, data, digest, kept)
            }
            Transition::Recovered { digest } => {
                let data = json!({ "state": "running", "message": "works again" });
                (EventType::PLUGIN_STATE, Severity::Info, data, digest, None)
            }
        };
        // The names of plugins in the configuration are names of plugins.
        let Ok(plugin) = name.parse() else { continue };
        let event = NewEvent {
            kind,
            subject: name,
            severity,
            data: data.as_object().cloned().unwrap_or_default(),
            occurred_at: now,
            key: None,
        };
        let route = |event: &NewEvent| routing::channels(&config, event);
        if let Err(e) = store.set_quarantine(&plugin, &digest, kept.as_ref(), event, &route).await {
            tracing::error!(code = e.code(), error = %e, "the state of a plugin was not stored");
        }
    }
}
