//! How a kind of plugin is added beside the runtime.

use futures::future::BoxFuture;
use semver::Version;
use wasmtime::Store;
use wasmtime::component::InstancePre;

use crate::failure::PluginError;
use crate::manifest::Kind;
use crate::state::State;

/// What a component says of itself; must equal its manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    /// `namespace/name`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// JSON Schema of its configuration; empty for none.
    pub config_schema: String,
    /// JSON Schema of the settings of one thing it is asked about (an item's options, a channel); empty for none.
    pub subject_schema: String,
}

/// An answer of a guest: the outer error is the sandbox's, the inner one the
/// plugin's own.
pub type Answer<'a, T> = BoxFuture<'a, wasmtime::Result<Result<T, PluginError>>>;

/// A WIT world that plugins implement. Implementations live beside the runtime and
/// hold the generated bindings; the runtime knows none.
pub trait World: Send + Sync + 'static {
    /// The world's name: `update-source`.
    const NAME: &'static str;

    /// Generations that this host serves, oldest first, as (major, minor).
    const GENERATIONS: &'static [(u64, u64)];

    /// Bindings of any of the generations, ready to be instantiated.
    type Bindings: Send + Sync + 'static;

    /// Looks the exports up, once per load. `built_against` is the exact version of
    /// the world's package.
    ///
    /// # Errors
    /// When the component's exports have other types than the world's.
    fn bind(pre: InstancePre<State>, built_against: &Version) -> wasmtime::Result<Self::Bindings>;

    /// Instantiates and calls `describe`.
    fn describe<'a>(bindings: &'a Self::Bindings, store: &'a mut Store<State>) -> Answer<'a, Identity>;

    /// Asks whether it can work with its configuration, once before it is put in service. `asked` is what the operator
    /// has it asked for. A world that has no such question says yes.
    fn prepare<'a>(
        _bindings: &'a Self::Bindings,
        _store: &'a mut Store<State>,
        _asked: Vec<String>,
    ) -> Answer<'a, ()> {
        Box::pin(std::future::ready(Ok(Ok(()))))
    }

    /// Every kind that this world serves.
    fn kinds() -> Vec<Kind> {
        Self::GENERATIONS
            .iter()
            .map(|&(major, minor)| Kind { world: Self::NAME.to_owned(), major, minor })
            .collect()
    }
}
