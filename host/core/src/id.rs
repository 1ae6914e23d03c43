//! Identifiers that the host makes: UUIDs of version 7 (RFC 9562 §5.7), so that they sort by the time
//! they were made in. Nothing here reads a clock or a random source; both are passed in.

use std::{fmt, str::FromStr};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use uuid::{Builder, Uuid};

/// Random bits of one identifier.
pub type IdRandom = [u8; 10];

/// A text that is not an identifier.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} must be a UUID such as 0197f8a0-1c2d-7def-8123-456789abcdef; copy it from a listing")]
pub struct InvalidId {
    what: &'static str,
}

impl InvalidId {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        "invalid-id"
    }
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $what:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(Uuid);

        impl $name {
            /// A new identifier made at `now` from `random`. Times before 1970 count as 1970.
            #[must_use]
            pub fn new(now: Timestamp, random: &IdRandom) -> Self {
                let millis = u64::try_from(now.as_millisecond()).unwrap_or(0);
                Self(Builder::from_unix_timestamp_millis(millis, random).into_uuid())
            }

            /// When it was made, to the millisecond; 1970 for one that was not made here.
            #[must_use]
            pub fn made_at(&self) -> Timestamp {
                let made = self.0.get_timestamp().map(|made| made.to_unix());
                made.and_then(|(seconds, nanos)| {
                    Timestamp::new(i64::try_from(seconds).ok()?, i32::try_from(nanos).ok()?).ok()
                })
                .unwrap_or(Timestamp::UNIX_EPOCH)
            }

            /// The UUID itself.
            #[must_use]
            pub const fn as_uuid(&self) -> &Uuid {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.as_hyphenated().fmt(f)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                Uuid::parse_str(text).map(Self).map_err(|_| InvalidId { what: $what })
            }
        }
    };
}

id!(
    /// One host, over its restarts: made once, kept in its data folder.
    HostId,
    "a host id"
);
id!(
    /// One item: a piece of software that is watched.
    ItemId,
    "an item id"
);
id!(
    /// One machine on which items are installed.
    MachineId,
    "a machine id"
);
id!(
    /// One agent, whatever it is called and whichever certificate it has.
    AgentId,
    "an agent id"
);
id!(
    /// One user, whatever they are called.
    UserId,
    "a user id"
);
id!(
    /// One login of a user, until its logout: what is taken back at once.
    LoginId,
    "a login id"
);
id!(
    /// One API token, whatever it is called.
    ApiTokenId,
    "an API token id"
);
id!(
    /// Who somebody is at a provider that they log in at.
    IdentityId,
    "the id of an identity"
);
id!(
    /// One access token of a login.
    AccessTokenId,
    "an access token id"
);
id!(
    /// One token that machines enrol with, or one enrolment that waits.
    EnrolmentId,
    "an enrolment id"
);
id!(
    /// One request for a ticket that needs approval. It is no secret: it counts with who asked, or who decides.
    ApprovalId,
    "an approval id"
);
id!(
    /// One event.
    EventId,
    "an event id"
);
id!(
    /// One delivery of one event to one channel: the idempotency key, the same at each attempt.
    DeliveryId,
    "a delivery id"
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_version_7_and_sorts_by_time() {
        let at = |ms| Timestamp::from_millisecond(ms).unwrap();
        let (early, late) = (ItemId::new(at(1_000), &[0xff; 10]), ItemId::new(at(1_001), &[0; 10]));
        assert!(early < late);
        assert!(early.to_string() < late.to_string());
        assert_eq!(early.as_uuid().get_version_num(), 7);
        assert_eq!(early.made_at(), at(1_000));
        assert_eq!("00000000-0000-4000-8000-000000000000".parse::<ItemId>().unwrap().made_at(), at(0));
        assert_eq!(early.to_string().parse::<ItemId>(), Ok(early));
    }

    #[test]
    fn a_time_before_1970_still_makes_an_id() {
        assert_eq!(EventId::new(Timestamp::MIN, &[0; 10]).as_uuid().get_version_num(), 7);
    }

    #[test]
    fn what_is_not_a_uuid_is_refused_by_name() {
        let error = "17".parse::<ItemId>().unwrap_err();
        assert_eq!(error.code(), "invalid-id");
        assert!(error.to_string().starts_with("an item id must be a UUID"));
    }
}
