//! Signing of plugin bundles.
//!
//! A [`Key`] is a file of this machine, or a [`Command`] that asks whatever keeps the key. What is signed is a
//! [`Statement`] about one bundle; what comes out is a Sigstore bundle (version 0.3), which any Sigstore client
//! can verify. Nothing here opens a connection.
//!
//! ```
//! use waystation_sign::{Algorithm, Key, Signer as _, Statement, attest};
//!
//! let key = Key::generate(Algorithm::Ed25519);
//! let statement = Statement {
//!     manifest: b"{}",
//!     component: [0; 32],
//!     name: "acme/tool",
//!     version: "1.0.0",
//!     kind: "update-source@0.1",
//!     requests: [0; 32],
//! };
//! let bundle = attest(&statement, &key)?;
//! assert!(bundle.starts_with(b"{\"mediaType\""));
//! # Ok::<(), waystation_sign::SignError>(())
//! ```
#![forbid(unsafe_code)]

mod attest;
mod command;
mod error;
mod key;
mod public;
mod statement;

pub use attest::{MEDIA_TYPE, PAYLOAD_TYPE, attest, sign_file};
pub use command::Command;
pub use error::SignError;
pub use key::{Algorithm, Key};
pub use public::PublicKey;
pub use statement::{PREDICATE_TYPE, STATEMENT_TYPE, Statement};

/// Something that signs with one key.
pub trait Signer {
    /// Its public key.
    fn public(&self) -> &PublicKey;

    /// A signature over a message: ECDSA with SHA-256 in DER, or Ed25519.
    ///
    /// # Errors
    /// What kept it from signing.
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, SignError>;
}
