//! Signing of plugin bundles.
//!
//! A [`Key`] is a file of this machine, or a [`Command`] asks whatever keeps the key. What is signed is an in-toto
//! statement or a file; an [`Authority`] tells when; what comes out is a Sigstore bundle (version 0.3), which any
//! Sigstore client can verify. Nothing here opens a connection.
//!
//! ```
//! use waystation_sign::{Algorithm, Authority, Key, attest};
//!
//! let now = jiff::Timestamp::now();
//! let (key, authority) = (Key::generate(Algorithm::Ed25519), Authority::generate("our timestamps", now)?);
//! let signed = attest(br#"{"_type":"https://in-toto.io/Statement/v1"}"#, &key)?;
//! let stamp = authority.stamp(signed.signature(), now)?;
//! let bundle = signed.stamped(stamp).to_json()?;
//! assert!(bundle.starts_with(b"{\"mediaType\""));
//! # Ok::<(), waystation_sign::SignError>(())
//! ```
#![forbid(unsafe_code)]

mod attest;
mod command;
mod error;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod key;
mod public;
mod timestamp;

pub use attest::{MEDIA_TYPE, PAYLOAD_TYPE, Signed, attest, is_signed_by, sign_file};
pub use command::Command;
pub use error::SignError;
pub use key::{Algorithm, Key};
pub use public::PublicKey;
pub use timestamp::{Authority, Query, Stamp};

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
