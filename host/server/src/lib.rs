//! A Waystation host: its configuration, plugins, checks, messages and HTTP API,
//! wired together.

#![forbid(unsafe_code)]

pub mod api;
mod background;
pub mod checker;
pub mod config;
mod declared;
mod deliver;
mod error;
mod fit;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod history;
mod hooks;
mod host;
mod identity;
mod key_file;
mod kv;
mod listener;
mod message;
mod oidc;
pub mod pki;
pub mod plan;
pub mod plugins;
mod quarantine;
mod routing;
mod tickets;
mod traceparent;
pub mod trust;
mod trust_watch;
mod users;

pub use error::StartError;
pub use host::Host;
pub use users::{LINK_FILE, OwnerLink, Rescued, rescue};
