//! The process-wide part: one engine, one cache, and the loading of plugins.

use std::path::Path;
use std::sync::Arc;

use tokio::sync::Semaphore;

use crate::artifact::ArtifactCache;
use crate::breaker::BreakerConfig;
use crate::bundle::Bundle;
use crate::engine::{Engine, EngineConfig};
use crate::error::{LoadError, RuntimeError};
use crate::journal::Journal;
use crate::limits::Limits;
use crate::loaded::{Loaded, Loader, Settings};
use crate::metrics::Metrics;
use crate::plugin::{Observer, Plugin};
use crate::schemas::Schemas;
use crate::state::Services;
use crate::world::World;

/// Loads and runs plugins. Cheap to clone.
#[derive(Clone)]
pub struct Runtime {
    shared: Arc<Shared>,
}

struct Shared {
    engine: Engine,
    cache: ArtifactCache,
    /// One place for each processor: more threads at once would be no faster, and what each of
    /// them leaves in its part of the heap stays for good.
    desks: Semaphore,
    services: Services,
    breaker: BreakerConfig,
    observer: Observer,
}

impl Runtime {
    /// Builds the engine and opens the artifact cache in `cache`.
    ///
    /// # Errors
    /// When the engine cannot reserve its pool, or the cache is not usable.
    pub fn new(
        engine: &EngineConfig,
        cache: &Path,
        services: Services,
        breaker: BreakerConfig,
        observer: Observer,
    ) -> Result<Self, RuntimeError> {
        let shared = Shared {
            engine: Engine::new(engine)?,
            cache: ArtifactCache::open(cache)?,
            desks: Semaphore::new(std::thread::available_parallelism().map_or(1, Into::into)),
            services,
            breaker,
            observer,
        };
        Ok(Self { shared: Arc::new(shared) })
    }

    /// A plugin with nothing loaded yet.
    pub fn plugin<W: World>(&self, name: &str, concurrency: usize, queue: usize) -> Arc<Plugin<W>> {
        let observer = Arc::clone(&self.shared.observer);
        Arc::new(Plugin::new(name.to_owned(), concurrency, queue, self.shared.breaker, observer))
    }

    /// Names this build of the engine and its configuration, 16 hex characters:
    /// what a plugin did under another one says nothing about this one.
    pub fn build(&self) -> String {
        hex::encode(self.shared.engine.fingerprint().first_chunk::<8>().unwrap_or(&[0; 8]))
    }

    /// Reads and judges files where that may block, when a place is free.
    ///
    /// # Errors
    /// Those of the work.
    pub async fn at_desk<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, LoadError> + Send + 'static,
    ) -> Result<T, LoadError> {
        self.work(move |_| work()).await?
    }

    /// Does what blocks in a thread where that is allowed, when one is free.
    async fn work<T, F>(&self, work: F) -> Result<T, LoadError>
    where
        T: Send + 'static,
        F: FnOnce(&Shared) -> T + Send + 'static,
    {
        let _desk = self.shared.desks.acquire().await.map_err(|e| LoadError::Compile(e.to_string()))?;
        let shared = Arc::clone(&self.shared);
        let worked = tokio::task::spawn_blocking(move || work(&shared)).await;
        worked.map_err(|e| LoadError::Compile(e.to_string()))
    }

    /// Whether loading this bundle needs no compilation, as far as the cache's
    /// names tell.
    pub fn is_compiled(&self, bundle: &Bundle) -> bool {
        self.shared.cache.contains(&self.shared.engine, bundle.digest())
    }

    /// Loads a bundle, asks it to describe itself, and puts it in service. On any
    /// error what served before goes on serving, and the plugin remembers why.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn install<W: World>(
        &self,
        plugin: &Arc<Plugin<W>>,
        bundle: Result<Bundle, LoadError>,
        settings: Settings,
    ) -> Result<(), LoadError> {
        match self.load(plugin, bundle, settings).await {
            Ok(loaded) => {
                plugin.install(loaded);
                Ok(())
            }
            Err(error) => {
                plugin.reject(&error);
                Err(error)
            }
        }
    }

    /// Records that a plugin's file cannot be used, where that is known before its
    /// bundle is whole. What serves goes on serving.
    pub fn reject<W: World>(&self, plugin: &Plugin<W>, error: &LoadError) {
        plugin.reject(error);
    }

    async fn load<W: World>(
        &self,
        plugin: &Arc<Plugin<W>>,
        bundle: Result<Bundle, LoadError>,
        settings: Settings,
    ) -> Result<Loaded<W>, LoadError> {
        let bundle = bundle?;
        settings.admit::<W>(&bundle)?;
        let (journal, metrics) = (Arc::clone(plugin.journal()), Arc::clone(plugin.metrics()));
        let loaded = self.probed::<W>(bundle, settings, journal, metrics).await?;
        loaded.check_config()?;
        loaded.prepare().await?;
        Ok(loaded)
    }

    /// Asks a component that is not in service what it takes. It runs in the sandbox
    /// under these limits, without any grant.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub async fn describe<W: World>(
        &self,
        name: &str,
        bundle: Bundle,
        limits: Limits,
    ) -> Result<Schemas, LoadError> {
        let settings = Settings { name: name.to_owned(), limits, ..Settings::default() };
        let loaded = self.probed::<W>(bundle, settings, Arc::default(), Arc::default()).await?;
        Ok(loaded.into_schemas())
    }

    async fn probed<W: World>(
        &self,
        bundle: Bundle,
        settings: Settings,
        journal: Arc<Journal>,
        metrics: Arc<Metrics>,
    ) -> Result<Loaded<W>, LoadError> {
        let loading = self.work(move |shared| {
            let loader = Loader { engine: &shared.engine, cache: &shared.cache, services: &shared.services };
            Loaded::<W>::new(&loader, &bundle, settings, journal, metrics)
        });
        loading.await??.probe().await
    }
}
