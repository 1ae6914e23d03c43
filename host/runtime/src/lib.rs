//! The plugin sandbox: engine, artifacts, grants, limits, host interfaces, and
//! what happens when a plugin fails. It knows no kind of plugin: worlds are added
//! beside it (see [`World`]).
//!
//! A plugin's life here:
//!
//! 1. [`Bundle::parse`] takes a component apart without running it: manifest,
//!    imports, exports, digest.
//! 2. [`Runtime::install`] checks grants, compiles or takes the authenticated
//!    artifact from the cache, links only what is imported, asks the component to
//!    describe itself, and puts it in service.
//! 3. [`Plugin::call`] makes a fresh instance per call, bounded in memory,
//!    processor and wall time, transfer, resources, log and store.
//! 4. A call that fails has one of a closed list of [`Cause`]s; repeated
//!    misbehaviour leads to quarantine ([`breaker`]).

// `artifact` loads compiled artifacts and states why that is sound.
#![deny(unsafe_code)]

mod abi;
pub mod artifact;
pub mod breaker;
mod bundle;
mod cpu;
mod engine;
mod error;
mod failure;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod grants;
mod imports;
mod interfaces;
pub mod journal;
pub mod kv;
mod limits;
mod loaded;
pub mod manifest;
mod meter;
pub mod metrics;
mod plugin;
pub mod registry;
mod runtime;
mod schemas;
mod state;
pub mod traffic;
mod trap;
pub mod units;
mod world;

pub use abi::v0_1::types as host_types;
pub use bundle::{Bundle, Carried, MANIFEST_SECTION, MAX_COMPONENT, embed_manifest};
pub use engine::{Engine, EngineConfig};
pub use error::{LoadError, Mismatch, RuntimeError};
pub use failure::{CallError, Cause, Failure, PluginError};
pub use grants::{GrantRow, Grants};
pub use imports::{Class, Import};
pub use limits::{Ceiling, Limits, Wishes};
pub use loaded::{Loaded, Settings};
pub use manifest::Manifest;
pub use plugin::{Observer, Plugin, Status, Transition};
pub use runtime::Runtime;
pub use schemas::Schemas;
pub use state::{Services, State};
pub use waystation_bundle::ContentDigest;
pub use world::{Answer, Identity, World};
