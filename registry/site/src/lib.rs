//! What a site makes to sign its own plugins, without any service of others: a signing key, a timestamp authority, the
//! trusted root that names it, a trust policy, and lists of what is revoked.
//!
//! Bytes and values in, bytes out. Which files they are, and that none of them is overwritten, is the caller's to see
//! to; random numbers alone come from the system.
//!
//! ```
//! use waystation_site::{New, found};
//!
//! let site = New { namespace: "acme", kinds: &["update-source".to_owned()], now: jiff::Timestamp::now() };
//! let made = found(&site, None)?;
//! assert!(made.policy.contains("name = \"acme\""));
//! # Ok::<(), waystation_site::SiteError>(())
//! ```
#![forbid(unsafe_code)]

mod edit;
mod error;
mod found;
mod revoke;
mod root;
#[cfg(test)]
mod tests;

pub use edit::{add_key, name_revocations, signer_of};
pub use error::SiteError;
pub use found::{Made, New, found};
pub use revoke::{List, Revoked};
pub use root::trusted_root;
