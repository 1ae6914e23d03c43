//! The host's whole path: what every call of a plugin goes through in production.

use std::sync::Arc;

use anyhow::{Result, ensure};
use semver::Version;
use serde_json::json;
use tempfile::TempDir;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use waystation_egress::{Roots, Shared};
use waystation_runtime::breaker::BreakerConfig;
use waystation_runtime::kv::NoStore;
use waystation_runtime::registry::NoRegistry;
use waystation_runtime::{
    Answer, Bundle, EngineConfig, Identity, Plugin, PluginError, Runtime, Services, Settings, State, World,
};

use crate::{Function, REGISTRY, Subject};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world exported {
                export waystation:bench/calls@0.1.0;
            }
        ",
        path: ["../wit/host", "wit"],
        exports: { default: async },
        with: { "waystation:host/types@0.1.0": waystation_runtime::host_types },
        require_store_data_send: true,
    });
}

use bindings::exports::waystation::bench::calls::Entry;

struct Bench;

impl World for Bench {
    const NAME: &'static str = "bench";
    const GENERATIONS: &'static [(u64, u64)] = &[(0, 1)];
    type Bindings = bindings::ExportedPre<State>;

    fn bind(pre: InstancePre<State>, _: &Version) -> wasmtime::Result<Self::Bindings> {
        bindings::ExportedPre::new(pre)
    }

    fn describe<'a>(pre: &'a Self::Bindings, store: &'a mut Store<State>) -> Answer<'a, Identity> {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let answer = instance.waystation_bench_calls().call_describe(store).await?;
            Ok(answer.map_err(PluginError::from).map(|identity| Identity {
                name: identity.name,
                version: identity.version,
                config_schema: String::new(),
                subject_schema: String::new(),
            }))
        })
    }
}

pub(crate) struct Ours {
    plugin: Arc<Plugin<Bench>>,
    entries: Vec<Entry>,
    _runtime: Runtime,
    _folder: TempDir,
}

impl Ours {
    pub(crate) async fn new(component: &[u8]) -> Result<Self> {
        let folder = tempfile::tempdir()?;
        let services = Services {
            kv: Arc::new(NoStore),
            registry: Arc::new(NoRegistry),
            egress: Arc::new(Shared::new(Roots::none())),
        };
        let runtime = Runtime::new(
            &EngineConfig::default(),
            folder.path(),
            services,
            BreakerConfig::default(),
            Arc::new(|_, _| {}),
        )?;
        let plugin = runtime.plugin::<Bench>("bench", 4, 64);
        let settings = Settings {
            name: "bench".into(),
            config: [("registry".to_owned(), json!(REGISTRY))].into_iter().collect(),
            ..Settings::default()
        };
        runtime.install(&plugin, Bundle::parse(component.to_vec()), settings).await?;
        let entry = |i: u64| Entry {
            name: format!("package-{i}"),
            version: format!("{i}.2.3"),
            digest: "0123456789abcdef".repeat(4),
            size: 1_000 + i,
            withdrawn: i.is_multiple_of(2),
        };
        let entries = (0..10).map(entry).collect();
        Ok(Self { plugin, entries, _runtime: runtime, _folder: folder })
    }
}

impl Subject for Ours {
    async fn call(&self, function: Function) -> Result<()> {
        match function {
            Function::Trivial => {
                let answer = self.plugin.call("trivial", |pre, store| {
                    Box::pin(async move {
                        let instance = pre.instantiate_async(&mut *store).await?;
                        Ok(Ok(instance.waystation_bench_calls().call_trivial(store, 41).await?))
                    })
                });
                ensure!(answer.await? == 42);
            }
            Function::Records => {
                let entries = self.entries.clone();
                let answer = self.plugin.call("records", |pre, store| {
                    Box::pin(async move {
                        let instance = pre.instantiate_async(&mut *store).await?;
                        Ok(Ok(instance.waystation_bench_calls().call_records(store, &entries).await?))
                    })
                });
                ensure!(answer.await?.len() == self.entries.len());
            }
            Function::Import => {
                let answer = self.plugin.call("one-import", |pre, store| {
                    Box::pin(async move {
                        let instance = pre.instantiate_async(&mut *store).await?;
                        Ok(Ok(instance.waystation_bench_calls().call_one_import(store).await?))
                    })
                });
                ensure!(answer.await? == 30);
            }
        }
        Ok(())
    }
}
