//! Clients of the services that a signature is made with: a certificate authority that knows who is asking (Fulcio), a
//! transparency log (Rekor, version 1 and 2), and timestamp authorities (RFC 3161).
//!
//! ```text
//! identity token ─► authority ─► certificate for a key that lives for this one signature
//! statement ──────► signature ─► timestamp, log entry ─► bundle ─► verified with a trusted root ─► handed out
//! ```
//!
//! Invariants:
//!
//! - Which services are asked is what a [`SigningConfig`] says. There is none built in.
//! - What a service answers is hostile until it is verified: bounded in size and time, over TLS, no redirect followed.
//!   Nothing is handed out that the verification, which is other code, does not admit.
//! - No error holds a token, or anything that a service said: it could repeat one.
#![forbid(unsafe_code)]

mod config;
mod error;
mod fulcio;
mod http;
mod rekor;
mod sign;
mod signin;
mod token;
mod tsa;

pub use config::SigningConfig;
pub use error::ServiceError;
pub use http::{Http, Options};
pub use sign::{Attested, Services};
pub use signin::SignIn;
pub use token::{IdentityToken, Source};
pub use tsa::stamp;
