//! What the end-to-end tests share: a host of their own in a folder of its own, a
//! client of its API, and a server that stands in for the outside world.
//!
//! The tests run the real `waystation` binary with real plugins; `cargo xtask test`
//! builds both and says where they are.

#![forbid(unsafe_code)]

pub mod api;
pub mod built;
pub mod folder;
pub mod host;
pub mod patience;
pub mod settings;
pub mod stand_in;
pub mod wasm;

pub use api::{Answer, Api};
pub use folder::{Folder, Ran};
pub use host::Host;
pub use patience::until;
pub use stand_in::{Gate, Reply, Seen, StandIn};
