//! The OCI artifact that carries a plugin.
//!
//! Two things must not be confused. `waystation_runtime::Bundle` is a *component* that a host is about to run: bytes
//! of WebAssembly with `plugin.toml` inside. A [`Package`] is what travels: an OCI manifest, its config, that
//! component, documents about it, and signatures over it. A package is taken apart here; its component goes to the
//! runtime.
//!
//! ```text
//! index.json ─┬─ plugin manifest ─┬─ config        application/vnd.wasm.config.v0+json, with plugin.toml
//!             │                   └─ one layer     application/wasm: the component
//!             ├─ document ── subject: the plugin manifest, which names it by digest   (SBOM, README, WIT)
//!             ├─ signature ─ subject: the plugin manifest   (one Sigstore bundle each)
//!             └─ trusted root, lock ─ likewise
//! ```
//!
//! The **content digest** of a plugin is the SHA-256 of its manifest's bytes. It covers the component, `plugin.toml`
//! and every document; signatures come later, and are over it.
//!
//! Invariants:
//!
//! - All that a [`Package`] hands out was held against the digest by which it is known, and against everything else
//!   in the package that says the same. The bytes handed out are the bytes that were checked: what is in a file is
//!   checked again each time it is read.
//! - Reading has no effect but on memory, which is bounded by [`Limits`], and does not grow with a component that is in
//!   a file. Nothing is unpacked: compressed archives and layers are refused.
//! - Writing the same package gives the same bytes.

#![forbid(unsafe_code)]

pub mod archive;
mod attachment;
mod blob;
mod component;
mod digest;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod head;
pub mod json;
mod layout;
mod limits;
pub mod oci;
mod package;
mod statement;
mod tar;
mod write;

pub use attachment::{Attachment, Kind};
pub use blob::Blob;
pub use component::{Component, MANIFEST_SECTION};
pub use digest::ContentDigest;
pub use error::BundleError;
pub use head::{Head, is_label};
pub use layout::{Layout, is_archive};
pub use limits::Limits;
pub use oci::Descriptor;
pub use package::Package;
pub use statement::{PREDICATE_TYPE, STATEMENT_TYPE, Statement};
pub use write::PackageWriter;
