//! The world of update-source plugins: they know which releases of a piece of software exist.
//!
//! ```no_run
//! use waystation_update_source::{Answer, Context, Description, Guest, Item, Listing, Query, export};
//! use waystation_update_source::plugin::Error;
//!
//! struct Plugin;
//!
//! impl Guest for Plugin {
//!     fn describe() -> Result<Description, Error> {
//!         Ok(Description {
//!             name: "example/nothing".into(),
//!             version: env!("CARGO_PKG_VERSION").into(),
//!             summary: "Knows of no release".into(),
//!             config_schema: "{}".into(),
//!             options_schema: "{}".into(),
//!             locator_hint: "anything".into(),
//!             schemes: vec!["loose".into()],
//!             extra: vec![],
//!         })
//!     }
//!
//!     fn releases(_: Item, _: Context) -> Result<Answer, Error> {
//!         Ok(Answer::Listing(Listing { releases: vec![], validator: None, more: false, extra: vec![] }))
//!     }
//!
//!     fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
//!         Err(Error::unsupported("ask one by one"))
//!     }
//! }
//!
//! export!(Plugin);
//! # fn main() {}
//! ```

#[doc(hidden)]
pub mod bindings;
pub mod listing;
pub mod manifest;
pub mod validator;
pub mod version;

pub use bindings::exports::waystation::update_source::source::{
    Answer, Asset, Context, Description, Digest, Guest, Item, Listing, Query, Release,
};
pub use waystation_plugin as plugin;

/// Makes a type that implements [`Guest`] the plugin. Once per plugin, at the top of its crate.
///
/// Native builds, which exist for unit tests, only check the implementation.
#[macro_export]
macro_rules! export {
    ($plugin:ident) => {
        #[cfg(target_arch = "wasm32")]
        $crate::bindings::export_update_source!($plugin with_types_in $crate::bindings);
        #[cfg(not(target_arch = "wasm32"))]
        const _: fn() = $crate::checked::<$plugin>;
    };
}

/// Takes what [`export!`] would export.
#[doc(hidden)]
pub fn checked<T: Guest>() {}
