//! What the end-to-end tests share: a host of their own in a folder of its own, a
//! client of its API, and a server that stands in for the outside world.
//!
//! The tests run the real `waystation` binary with real plugins; `cargo xtask test`
//! builds both and says where they are.

#![forbid(unsafe_code)]

pub mod agents;
pub mod alone;
pub mod api;
pub mod authority;
pub mod built;
pub mod database;
pub mod enrolling;
pub mod folder;
pub mod host;
pub mod lossy;
pub mod names;
pub mod oidc;
pub mod owner;
pub mod pair;
pub mod patience;
pub mod registry;
pub mod settings;
pub mod signing;
pub mod site;
pub mod stand_in;
pub mod totp;
pub mod wasm;

pub use alone::alone;
pub use api::{Answer, Api};
pub use authority::Authority;
pub use database::Database;
pub use folder::{Folder, Ran};
pub use host::Host;
pub use names::Names;
pub use patience::until;
pub use stand_in::{Gate, Reply, Seen, StandIn};
