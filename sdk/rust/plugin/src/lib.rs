//! What every Waystation plugin shares, whatever its world: HTTP, configuration, a small store, log
//! lines, credentials by name, the wall clock, and the one error type.
//!
//! Each function that reaches the host is an import of the finished component only when the plugin
//! calls it, so the import section of a plugin stays the list of what it uses. Native builds compile
//! too, for unit tests of pure parts; a call to the host there is `unreachable`.

#[doc(hidden)]
pub mod bindings;
pub mod config;
pub mod credentials;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
pub mod http;
pub mod kv;
pub mod log;
pub mod time;

pub use error::{Error, Extras};
pub use serde;
pub use serde_json;

/// The wall clock, in seconds since 1970-01-01T00:00:00Z.
#[must_use]
pub fn now() -> u64 {
    bindings::wasi::clocks::wall_clock::now().seconds
}

/// The types that every interface shares, under the path that generated bindings look for.
#[doc(hidden)]
pub mod types {
    pub use crate::{Error, Extras};
}
