//! How the first user becomes owner: by a link that is printed once, where the host was started.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::credential::{CredentialDigest, Link, LinkToken};
use crate::error::IdentityError;

/// How long a link can be used. A new start makes a new one, in place of the one before.
pub const LINK_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// What is kept of a link.
#[derive(Debug, Clone, Copy)]
pub struct OwnerLink {
    /// Of its token.
    pub digest: CredentialDigest<Link>,
    /// Until when.
    pub expires_at: Timestamp,
    /// Whether it was used.
    pub used: bool,
}

impl OwnerLink {
    /// Of a token that is printed at `now`.
    #[must_use]
    pub fn new(token: &LinkToken, now: Timestamp) -> Self {
        let life = SignedDuration::try_from(LINK_LIFE).unwrap_or(SignedDuration::ZERO);
        Self {
            digest: token.digest(),
            expires_at: now.checked_add(life).unwrap_or(Timestamp::MAX),
            used: false,
        }
    }
}

/// Whether whoever presents this becomes owner: then mark the link as used and make the user, in one transaction.
///
/// # Errors
/// When there is an owner, and when it is not the link that was printed last, was used, or is over; those are not told
/// apart.
pub fn redeem(
    kept: Option<&OwnerLink>,
    presented: &LinkToken,
    owner_exists: bool,
    now: Timestamp,
) -> Result<(), IdentityError> {
    let Some(link) = kept else { return Err(IdentityError::Gone) };
    if !link.digest.is_of(presented) || link.used || link.expires_at <= now {
        return Err(IdentityError::Gone);
    }
    // Told only to one who has the link.
    if owner_exists { Err(IdentityError::OwnerExists) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_link_makes_one_owner_within_a_day() {
        let (token, other) = (LinkToken::new(&[1; 32]), LinkToken::new(&[2; 32]));
        let link = OwnerLink::new(&token, at(0));
        assert_eq!(redeem(Some(&link), &token, false, at(86_399)), Ok(()));
        assert_eq!(redeem(Some(&link), &token, true, at(0)), Err(IdentityError::OwnerExists));
        for (kept, token, second) in [
            (Some(link), &token, 86_400),
            (Some(link), &other, 0),
            (Some(OwnerLink { used: true, ..link }), &token, 0),
            (None, &token, 0),
        ] {
            for owner_exists in [false, true] {
                let refused = redeem(kept.as_ref(), token, owner_exists, at(second)).unwrap_err();
                assert_eq!(refused.code(), "gone", "nobody learns whether there is an owner");
            }
        }
        assert!(!format!("{link:?}").contains(token.reveal()));
    }

    proptest! {
        #[test]
        fn only_the_link_that_was_printed_opens(random: [u8; 32], presented: [u8; 32], used: bool, owner: bool, second in 0i64..200_000) {
            let link = OwnerLink { used, ..OwnerLink::new(&LinkToken::new(&random), at(0)) };
            let opens = redeem(Some(&link), &LinkToken::new(&presented), owner, at(second)).is_ok();
            prop_assert_eq!(opens, random == presented && !used && !owner && second < 86_400);
            let opens = redeem(Some(&link), &LinkToken::new(&random), owner, at(second)).is_ok();
            prop_assert_eq!(opens, !used && !owner && second < 86_400);
        }
    }
}
