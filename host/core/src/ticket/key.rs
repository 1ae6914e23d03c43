//! Where the ids of tickets come from.
//!
//! A target reads the ids of its tickets from its inbox, as often as it likes while they live; the database holds none.
//! So an id is computed from what the row holds and a key that the database does not have: HMAC-SHA-256 (RFC 2104) over
//! a random nonce. Who has the database alone can neither redeem a ticket nor make one.

use std::fmt;

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

use super::ids::TicketId;

/// Random bits of one ticket, which its row holds.
pub type TicketNonce = [u8; 16];

/// The key of a host, or of all hosts that share a database: 256 random bits.
#[derive(Clone)]
pub struct TicketKey([u8; 32]);

impl TicketKey {
    /// Of 256 random bits, used for nothing else.
    #[must_use]
    pub const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The id of the ticket with this nonce.
    #[must_use]
    pub fn id(&self, nonce: &TicketNonce) -> TicketId {
        // A key that is shorter than a block is filled up with zeros: RFC 2104, section 2.
        let mut block = [0; 64];
        block.iter_mut().zip(self.0).for_each(|(to, from)| *to = from);
        let mut mac = Hmac::<Sha256>::new(&block.into());
        mac.update(b"waystation ticket 1\0");
        mac.update(nonce);
        TicketId::new(mac.finalize().into_bytes().into())
    }
}

impl fmt::Debug for TicketKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketKey(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_of_its_nonce_and_its_key() {
        let (one, other) = (TicketKey::new([1; 32]), TicketKey::new([2; 32]));
        assert_eq!(one.id(&[3; 16]).reveal(), one.clone().id(&[3; 16]).reveal());
        assert_ne!(one.id(&[3; 16]).reveal(), one.id(&[4; 16]).reveal());
        assert_ne!(one.id(&[3; 16]).reveal(), other.id(&[3; 16]).reveal());
        assert_eq!(format!("{one:?}"), "TicketKey(…)");
    }
}
