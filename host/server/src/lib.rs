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
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod host;
mod kv;
mod message;
pub mod plan;
pub mod plugins;
mod routing;
mod token;

pub use error::StartError;
pub use host::Host;
pub use token::{ApiToken, TOKEN_FILE};
