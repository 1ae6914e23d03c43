//! Plugins in OCI registries.
//!
//! [`Client`] pulls a plugin with what is attached to it, and pushes one. What it hands out is a
//! [`Package`](waystation_bundle::Package): everything in it was held against its digest, whatever the registry said.
//! [`Store`] keeps what was pulled, under the digests of the content.
//!
//! Source: OCI distribution-spec 1.1. A registry without the referrers API is asked for the fallback tag.
//!
//! Invariants:
//!
//! - A registry is a stranger. It can refuse, be slow or send too much; it cannot have another plugin taken for the one
//!   that was asked for by digest, nor hide a document that the plugin's manifest names.
//! - There is no default registry, and no switch that turns the check of certificates off. Plain HTTP is for a registry
//!   that was named for it.
//! - Credentials go to the registry they are for, and to the token service that this registry names over HTTPS.

#![forbid(unsafe_code)]

mod arriving;
mod auth;
mod client;
mod download;
mod error;
mod http;
mod pull;
mod push;
mod reference;
mod store;

pub use auth::Credentials;
pub use client::{Client, Options, Transfer};
pub use error::OciError;
pub use reference::Reference;
pub use store::Store;
