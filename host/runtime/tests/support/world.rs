//! The probe world, added beside the runtime as every world is.

use semver::Version;
use wasmtime::Store;
use wasmtime::component::InstancePre;
use waystation_runtime::{Answer, CallError, Identity, Plugin, PluginError, State, World};

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world exported {
                export waystation:probe/target@0.1.0;
            }
        ",
        path: [
            "../../wit/deps/io.wit",
            "../../wit/deps/clocks.wit",
            "../../wit/deps/random.wit",
            "../../wit/deps/filesystem.wit",
            "../../wit/deps/sockets.wit",
            "../../wit/deps/cli.wit",
            "../../wit/deps/http.wit",
            "../../wit/host",
            "tests/wit/probe.wit",
        ],
        exports: { default: async },
        with: { "waystation:host/types@0.1.0": waystation_runtime::host_types },
        require_store_data_send: true,
    });
}

pub struct Probe;

impl World for Probe {
    const NAME: &'static str = "probe";
    const GENERATIONS: &'static [(u64, u64)] = &[(0, 1)];
    type Bindings = bindings::ExportedPre<State>;

    fn bind(pre: InstancePre<State>, _: &Version) -> wasmtime::Result<Self::Bindings> {
        bindings::ExportedPre::new(pre)
    }

    fn describe<'a>(pre: &'a Self::Bindings, store: &'a mut Store<State>) -> Answer<'a, Identity> {
        Box::pin(async move {
            let instance = pre.instantiate_async(&mut *store).await?;
            let answer = instance.waystation_probe_target().call_describe(store).await?;
            Ok(answer.map_err(PluginError::from).map(|identity| Identity {
                name: identity.name,
                version: identity.version,
                config_schema: String::new(),
                subject_schema: String::new(),
            }))
        })
    }
}

pub async fn run(plugin: &Plugin<Probe>, input: &str) -> Result<String, CallError> {
    let input = input.to_owned();
    plugin
        .call("run", move |pre, store| {
            Box::pin(async move {
                let instance = pre.instantiate_async(&mut *store).await?;
                let answer = instance.waystation_probe_target().call_run(store, &input).await?;
                Ok(answer.map_err(PluginError::from))
            })
        })
        .await
}
