//! Whose plugins may run.
//!
//! An admin writes down, in `trust.toml`, which signers speak for which namespace of plugins, and what their
//! signatures need. [`TrustPolicy::judge`] holds a plugin against it: a function of its [`Evidence`], the policy,
//! trusted roots, revocations and the time. Every plugin comes to one [`State`], and all but `verified` mean that it
//! does not run.
//!
//! Invariant: nothing that cannot be read is taken to allow anything. A policy, a root or a list of revocations that
//! is missing, damaged or too old refuses.
#![forbid(unsafe_code)]

mod error;
mod evidence;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod judge;
mod policy;
mod revocation;
mod state;

pub use error::TrustError;
pub use evidence::Evidence;
pub use judge::Judgement;
pub use policy::{RootFile, TrustPolicy};
pub use revocation::{RevocationSource, Revocations};
pub use state::{Reason, State};
