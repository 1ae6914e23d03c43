//! Makes components by hand and runs them in the real sandbox.
#![allow(dead_code, unreachable_pub, reason = "each test binary uses a part")]

pub mod store;
pub mod world;

use std::path::Path;
use std::sync::Arc;

use parking_lot::Mutex;
use waystation_egress::{Roots, Shared};
use waystation_runtime::breaker::BreakerConfig;
use waystation_runtime::{
    Bundle, CallError, EngineConfig, LoadError, Plugin, Runtime, Services, Settings, Transition,
    embed_manifest,
};
use wit_component::{ComponentEncoder, StringEncoding};
use wit_parser::{Resolve, WorldId};

pub use world::{Probe, run};

/// Where a fixture's pieces of text go; see [`Fixture::build`].
pub struct Fixture<'a> {
    /// The world of `tests/wit/probe.wit` it is encoded for.
    pub world: &'a str,
    pub imports: &'a str,
    /// Memories, tables, globals, functions, start.
    pub declarations: &'a str,
    /// Before `describe` answers.
    pub describe: &'a str,
    /// The body of `run`; leaves the address of the result on the stack. `$ok`
    /// holds an empty success.
    pub run: &'a str,
    pub manifest: String,
}

impl Default for Fixture<'_> {
    fn default() -> Self {
        Self {
            world: "probe",
            imports: "",
            declarations: "",
            describe: "",
            run: "(global.get $ok)",
            manifest: manifest(""),
        }
    }
}

/// A manifest with these requests appended.
pub fn manifest(requests: &str) -> String {
    format!(
        "name = \"test/probe\"\nversion = \"1.2.3\"\nkind = \"probe@0.1\"\nsummary = \"A probe\"\n{requests}"
    )
}

pub const KV_REQUEST: &str = "[[request]]\ncapability = \"kv\"\nwhy = \"To flood it.\"\n";
pub const HTTP_REQUEST: &str =
    "[[request]]\ncapability = \"http\"\nwhy = \"To flood it.\"\noptional = true\n";

impl Fixture<'_> {
    /// The component without a manifest.
    pub fn component(&self) -> Vec<u8> {
        let (resolve, world) = resolve(self.world);
        let mut module = wat::parse_str(self.text()).expect("the fixture's text is well formed");
        wit_component::embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8)
            .expect("the fixture's world encodes");
        ComponentEncoder::default()
            .module(&module)
            .expect("a module of this world")
            .validate(true)
            .encode()
            .expect("the fixture encodes")
    }

    /// The whole bundle, as an operator would have it.
    pub fn bundle(&self) -> Result<Bundle, LoadError> {
        Bundle::parse(embed_manifest(&self.component(), &self.manifest)?)
    }

    fn text(&self) -> String {
        let Self { imports, declarations, describe, run, .. } = self;
        // Results lie at fixed addresses: $ok an empty string, 256 the identity.
        format!(
            r#"(module
                {imports}
                (memory (export "memory") 2)
                (global $ok i32 (i32.const 512))
                (global $free (mut i32) (i32.const 4096))
                (data (i32.const 16) "test/probe1.2.3")
                (data (i32.const 256)
                    "\00\00\00\00" "\10\00\00\00\0a\00\00\00" "\1a\00\00\00\05\00\00\00")
                (data (i32.const 512) "\00\00\00\00" "\00\00\00\00\00\00\00\00")
                {declarations}
                (func (export "cabi_realloc") (param i32 i32 i32 i32) (result i32)
                    (local $at i32)
                    (local.set $at (i32.and
                        (i32.add (global.get $free) (i32.const 7)) (i32.const -8)))
                    (global.set $free (i32.add (local.get $at) (local.get 3)))
                    (local.get $at))
                (func (export "waystation:probe/target@0.1.0#describe") (result i32)
                    {describe}
                    (i32.const 256))
                (func (export "waystation:probe/target@0.1.0#run") (param $input i32) (param $length i32)
                    (result i32)
                    {run}))"#
        )
    }
}

fn resolve(world: &str) -> (Resolve, WorldId) {
    let mut resolve = Resolve::default();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let deps = ["io", "clocks", "random", "filesystem", "sockets", "cli", "http"];
    for name in deps {
        resolve.push_path(root.join(format!("../../wit/deps/{name}.wit"))).expect("WASI parses");
    }
    resolve.push_path(root.join("../../wit/host")).expect("our WIT parses");
    let (package, _) = resolve.push_path(root.join("tests/wit/probe.wit")).expect("the probe parses");
    let world = resolve.select_world(&[package], Some(world)).expect("the world is there");
    (resolve, world)
}

/// A runtime over a temporary folder, and what it was told.
pub struct Sandbox {
    pub runtime: Runtime,
    pub plugin: Arc<Plugin<Probe>>,
    pub store: Arc<store::MemoryStore>,
    pub transitions: Arc<Mutex<Vec<Transition>>>,
    pub folder: tempfile::TempDir,
}

impl Sandbox {
    pub fn new() -> Self {
        Self::with_breaker(BreakerConfig::default())
    }

    pub fn with_breaker(breaker: BreakerConfig) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let store = Arc::new(store::MemoryStore::default());
        let transitions: Arc<Mutex<Vec<Transition>>> = Arc::default();
        let seen = Arc::clone(&transitions);
        let runtime = Runtime::new(
            &EngineConfig { max_instances: 16, ..EngineConfig::default() },
            &folder.path().join("artifacts"),
            services(Arc::clone(&store)),
            breaker,
            Arc::new(move |_: &str, transition: &Transition| seen.lock().push(transition.clone())),
        )
        .expect("the engine builds");
        let plugin = runtime.plugin::<Probe>("probe", 4, 8);
        Self { runtime, plugin, store, transitions, folder }
    }

    pub async fn install(&self, fixture: &Fixture<'_>, settings: Settings) -> Result<(), LoadError> {
        let settings = Settings { name: "probe".into(), ..settings };
        self.runtime.install(&self.plugin, fixture.bundle(), settings).await
    }

    pub async fn call(&self) -> Result<String, CallError> {
        run(&self.plugin, "").await
    }
}

pub fn services(store: Arc<store::MemoryStore>) -> Services {
    Services {
        kv: store,
        registry: Arc::new(waystation_runtime::registry::NoRegistry),
        egress: Arc::new(Shared::new(Roots::none())),
    }
}
