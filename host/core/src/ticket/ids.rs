//! Identifiers that the host draws: lower-case hex, of one length each.

use std::fmt;
use std::str::FromStr;

use sha2::{Digest as _, Sha256};

/// A text that is no identifier of that kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an identifier is {digits} lower-case hex digits")]
pub struct InvalidTicketId {
    digits: usize,
}

impl InvalidTicketId {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-id"
    }
}

fn decode<const N: usize>(text: &str) -> Result<[u8; N], InvalidTicketId> {
    let lower = text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    let mut bytes = [0; N];
    match lower && hex::decode_to_slice(text, &mut bytes).is_ok() {
        true => Ok(bytes),
        false => Err(InvalidTicketId { digits: N * 2 }),
    }
}

macro_rules! public_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; 16]);

        impl $name {
            /// Of 128 random bits.
            #[must_use]
            pub const fn new(random: [u8; 16]) -> Self {
                Self(random)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl FromStr for $name {
            type Err = InvalidTicketId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                decode(text).map(Self)
            }
        }
    };
}

public_id!(
    /// One instance. It is not a secret: who knows it may still do nothing.
    InstanceId
);
public_id!(
    /// One session. It is not a secret: it counts only together with the certificate of a party.
    SessionId
);

/// What a ticket is redeemed with: 256 bits, a secret for as long as the ticket lives. It is never stored, only
/// [`TicketId::digest`] is.
#[derive(Clone, Copy)]
pub struct TicketId([u8; 32]);

impl TicketId {
    pub(super) const fn new(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// What it is looked up by.
    #[must_use]
    pub fn digest(&self) -> TicketDigest {
        TicketDigest(Sha256::digest(self.0).into())
    }

    /// The secret itself, for the one it is meant for.
    #[must_use]
    pub fn reveal(&self) -> String {
        hex::encode(self.0)
    }
}

impl FromStr for TicketId {
    type Err = InvalidTicketId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).map(Self)
    }
}

impl fmt::Debug for TicketId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("TicketId(…)")
    }
}

/// SHA-256 of a ticket's id: how a ticket is called wherever it is kept, listed or logged. Nobody redeems a ticket with
/// it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TicketDigest([u8; 32]);

impl TicketDigest {
    /// Of 32 bytes that were stored.
    #[must_use]
    pub fn from_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self)
    }

    /// The bytes to store.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }
}

impl fmt::Display for TicketDigest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl FromStr for TicketDigest {
    type Err = InvalidTicketId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        decode(text).map(Self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_has_one_spelling() {
        let id = "00112233445566778899aabbccddeeff";
        assert_eq!(id.parse::<InstanceId>().unwrap().to_string(), id);
        assert_eq!(id.parse::<SessionId>().unwrap().to_string(), id);
        let twice = format!("{id}{id}");
        assert_eq!(twice.parse::<TicketId>().unwrap().reveal(), twice);
        for bad in ["", "00", &id.to_uppercase(), &id[1..], &format!("{id}0"), &format!("+{}", &id[1..])] {
            assert_eq!(bad.parse::<InstanceId>().unwrap_err().code(), "invalid-id", "{bad:?}");
            assert!(bad.parse::<TicketId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_ticket_does_not_print() {
        let text = "5f".repeat(32);
        let id: TicketId = text.parse().unwrap();
        assert!(!format!("{id:?}").contains("5f"));
        assert_ne!(id.digest().to_string(), text);
        assert_eq!(TicketDigest::from_bytes(id.digest().as_bytes()), Some(id.digest()));
        assert_eq!(TicketDigest::from_bytes(b"short"), None);
    }
}
