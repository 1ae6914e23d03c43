//! The plugin worlds of this host: generated bindings, and what their answers mean
//! in the domain. A crate of its own, because bindings take long to compile and
//! seldom change.
#![forbid(unsafe_code)]

mod convert;
pub mod hook;
pub mod notifier;
pub mod update_source;

pub use hook::Hook;
pub use notifier::Notifier;
pub use update_source::UpdateSource;
