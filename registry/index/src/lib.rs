//! The index of plugins: a TUF repository that names bundles by digest.
//!
//! Reading: [`Index::open`] with a root that the operator chose, [`Index::refresh`], and what comes out is a
//! [`Catalog`], which searches and resolves. [`Index::fetch`] gets the bytes of an [`Entry`], by digest.
//! Writing is a [`Publisher`]'s: it signs what it is given keys for, and puts in place only what a reader accepts.
//!
//! Source: The Update Framework specification 1.0.34.
//!
//! Invariants:
//!
//! - A server, a mirror or the network can refuse, be slow, or send too much. It cannot have an older state believed
//!   than one that was seen, nor an expired one, nor parts of two, nor a plugin that nobody signed for.
//! - Nothing that an index says is a path, an address or a size that anything is written to, asked or allocated by,
//!   but registries by digest.
//! - Verification is a function of bytes and a time. There is no [`Catalog`] that it did not make.
//! - A namespace has one authority: the keys of the index, or those of its own. No plugin of it is taken from another.

#![forbid(unsafe_code)]

mod catalog;
mod clock;
mod engine;
mod entry;
mod error;
mod files;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod index;
mod keys;
mod limits;
mod material;
mod names;
mod search;
mod site;
mod source;
mod state;
mod strict;
mod update;
mod write;

#[cfg(test)]
mod tests;

pub use catalog::{Catalog, Signed};
pub use clock::Clock;
pub use entry::{About, Entry, Request};
pub use error::IndexError;
pub use index::Index;
pub use limits::Limits;
pub use names::is_served;
pub use site::{Absent, Found, Imported, Included, Mirrored, Place, Report, Which, check, import};
pub use source::{Fetch, Folder, Web};
pub use write::{Change, Holders, Keys, Outcome, Pending, Publisher, Validity, Waiting, With};
