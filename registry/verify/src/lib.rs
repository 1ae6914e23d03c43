//! Verification of Sigstore bundles: bytes, trusted roots, a policy and a time in; a verdict out.
//!
//! No file, network or clock is touched here, so the same code serves the host, the command line, and plugins in
//! the sandbox. [`verify()`] judges by a [`Policy`]; [`check()`] is one signature below that: whether a bundle
//! shows that one of some signers signed a subject, under a trust domain, and the facts of it.
//!
//! ```
//! use waystation_verify::{Policy, Request, Roots, Subject, verify};
//!
//! let policy = Policy::parse(br#"
//!     version = 1
//!     [signers.release]
//!     identity = "https://github.com/acme/tool/.github/workflows/release.yml@refs/heads/main"
//!     issuer = "https://token.actions.githubusercontent.com"
//!     [[rules]]
//!     any_of = ["release"]
//! "#)?;
//! let subject = Subject::of_bytes(b"the file".to_vec());
//! let request = Request { subject: &subject, bundles: &[b"{}"] };
//! let verdict = verify(&request, &policy, &Roots::default(), jiff::Timestamp::now());
//! assert!(!verdict.admitted);
//! # Ok::<(), waystation_verify::Refusal>(())
//! ```
//!
//! The mathematics are those of the crate `sigstore-verify`, which is used in one module; what it leaves open is
//! closed around it.
#![forbid(unsafe_code)]

mod bundle;
mod candidate;
mod certificate;
mod check;
mod checkpoint;
mod domain;
mod engine;
mod entry;
mod error;
mod facts;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod json;
mod key;
mod pattern;
mod policy;
mod provider;
mod root;
mod signer;
mod statement;
mod subject;
mod timestamp;
mod verdict;

pub use bundle::{Bundle, MAX_BUNDLE, Version};
pub use certificate::Identity;
pub use check::{Demand, Report, check};
pub use checkpoint::Witness;
pub use domain::Domain;
pub use engine::ready;
pub use error::{Code, Refusal};
pub use facts::{Facts, LogEntry, Outcome, Source, Step, Time};
pub use key::PublicKey;
pub use pattern::Pattern;
pub use policy::Policy;
pub use root::{MAX_ROOT, TrustRoot};
pub use signer::{CertificateRule, Issuer, Signer, Who};
pub use statement::{Admits, Predicates, Slsa};
pub use subject::{Subject, SubjectHasher};
pub use verdict::{Request, Roots, Tried, Verdict, verify};
