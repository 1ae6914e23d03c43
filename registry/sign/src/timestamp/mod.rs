//! Timestamps (RFC 3161): an authority's word for when a signature was there.
//!
//! Without one nothing tells a signature from before a key was stolen from one that was made after. [`Query`] is for
//! authorities that are asked over a network, which happens elsewhere; [`Authority`] is one of this machine.

mod authority;
mod certificate;
mod query;
mod token;

pub use authority::Authority;
pub use query::Query;

use std::fmt;

use x509_cert::der;
use x509_cert::der::asn1::{Int, ObjectIdentifier};
use x509_cert::spki::AlgorithmIdentifierOwned;

use crate::error::SignError;

const SHA256: ObjectIdentifier = ObjectIdentifier::new_unwrap("2.16.840.1.101.3.4.2.1");
const TST_INFO: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.9.16.1.4");
const SIGNED_DATA: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.113549.1.7.2");

/// A timestamp: an authority's whole answer, `TimeStampResp` in DER, as bundles hold it.
#[derive(Clone, PartialEq, Eq)]
pub struct Stamp {
    der: Vec<u8>,
    at: jiff::Timestamp,
}

impl Stamp {
    /// The answer, DER.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.der
    }

    /// The time that it tells. It is as good as its authority, which verification checks and this does not.
    #[must_use]
    pub const fn at(&self) -> jiff::Timestamp {
        self.at
    }
}

impl fmt::Debug for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stamp").field("at", &self.at).finish_non_exhaustive()
    }
}

/// An algorithm without parameters.
const fn algorithm(oid: ObjectIdentifier) -> AlgorithmIdentifierOwned {
    AlgorithmIdentifierOwned { oid, parameters: None }
}

/// A positive number of 128 random bits.
fn random_number() -> Result<Int, SignError> {
    let random: [u8; 16] = rand::random();
    // With a one before them: whatever they are, DER writes as many bytes.
    let mut bytes = vec![1];
    bytes.extend_from_slice(&random);
    Int::new(&bytes).map_err(unencodable)
}

fn unencodable(e: der::Error) -> SignError {
    SignError::Unencodable { why: e.to_string() }
}
