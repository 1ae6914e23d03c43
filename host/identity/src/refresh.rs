//! How a login goes on: refresh tokens that are used once, each for the next (RFC 9700, section 4.14.2).
//!
//! The tokens of one login are a family of which one is unused. If one comes that was used, two have it: the one it was
//! given to and somebody who took it, and nobody can say which is which. So the login ends for both.
//!
//! ```text
//!            rotate                     presented again
//!   unused ──────────► used ────────────────────────────► the login has ended
//!      │   (the next                                          ▲
//!      │    is unused)                logout, lock, role change│
//!      └── 7 days ──► over                    any ─────────────┘
//! ```

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::error::IdentityError;

/// How long a refresh token can be used.
pub const REFRESH_LIFE: Duration = Duration::from_secs(7 * 24 * 3_600);

/// How the login stands that a token belongs to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LoginState {
    /// It goes on.
    Live,
    /// It has ended: by logout, a lock, a change of roles or password, or a reused token.
    Ended,
}

/// What is kept of a refresh token, beside its digest.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshRow {
    /// The login's.
    pub login: LoginState,
    /// Until when it can be used.
    pub expires_at: Timestamp,
    /// Whether it was.
    pub used: bool,
}

impl RefreshRow {
    /// Of a token that is given out at `now`.
    #[must_use]
    pub fn new(now: Timestamp) -> Self {
        let life = SignedDuration::try_from(REFRESH_LIFE).unwrap_or(SignedDuration::ZERO);
        let expires_at = now.checked_add(life).unwrap_or(Timestamp::MAX);
        Self { login: LoginState::Live, expires_at, used: false }
    }
}

/// What is to be kept, in one transaction, when a token was presented.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refreshed {
    /// Mark it as used, where it is still unused (if it is not any more, that is [`Refreshed::EndLogin`]), and keep
    /// a new one with this row.
    Rotate(RefreshRow),
    /// End the login with all tokens that stand on it, and refuse with this. Somebody should be told.
    EndLogin(IdentityError),
    /// Refuse with this; nothing changes.
    Refuse(IdentityError),
}

/// What follows from a presented token, of which `kept` is kept; nothing, if there is no such token.
#[must_use]
pub fn refresh(kept: Option<&RefreshRow>, now: Timestamp) -> Refreshed {
    match kept {
        None => Refreshed::Refuse(IdentityError::Gone),
        Some(RefreshRow { login: LoginState::Ended, .. }) => Refreshed::Refuse(IdentityError::Ended),
        // Before its end is looked at: a used one tells of a theft, however old it is.
        Some(RefreshRow { used: true, .. }) => Refreshed::EndLogin(IdentityError::Reused),
        Some(row) if row.expires_at <= now => Refreshed::Refuse(IdentityError::Expired),
        Some(_) => Refreshed::Rotate(RefreshRow::new(now)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_token_is_used_once_within_seven_days() {
        let row = RefreshRow::new(at(0));
        let week = 7 * 24 * 3_600;
        assert_eq!(refresh(Some(&row), at(week - 1)), Refreshed::Rotate(RefreshRow::new(at(week - 1))));
        assert_eq!(refresh(Some(&row), at(week)), Refreshed::Refuse(IdentityError::Expired));
        assert_eq!(refresh(None, at(0)), Refreshed::Refuse(IdentityError::Gone));
        let used = RefreshRow { used: true, ..row };
        for second in [0, week, 10 * week] {
            assert_eq!(refresh(Some(&used), at(second)), Refreshed::EndLogin(IdentityError::Reused));
        }
        for ended in
            [RefreshRow { login: LoginState::Ended, ..row }, RefreshRow { login: LoginState::Ended, ..used }]
        {
            assert_eq!(refresh(Some(&ended), at(0)), Refreshed::Refuse(IdentityError::Ended));
        }
        assert_eq!(RefreshRow::new(Timestamp::MAX).expires_at, Timestamp::MAX);
    }

    proptest! {
        /// A family in which anything is presented at any time, by its owner and by a thief: at most one token can be
        /// used; a used one that comes again ends it; after its end nothing is given out.
        #[test]
        fn no_two_go_on_with_one_login(steps in prop::collection::vec((any::<prop::sample::Index>(), 0i64..300_000), 1..40)) {
            let (mut now, mut ended) = (0, false);
            let mut family = vec![RefreshRow::new(at(0))];
            for (which, gap) in steps {
                now += gap;
                // More often the newest: so that families grow.
                let n = which.index(family.len() + 3).min(family.len() - 1);
                let before = family[n];
                match refresh(Some(&before), at(now)) {
                    Refreshed::Rotate(next) => {
                        prop_assert!(!ended && !before.used && at(now) < before.expires_at);
                        family[n].used = true;
                        family.push(next);
                    }
                    Refreshed::EndLogin(error) => {
                        prop_assert!(!ended && before.used);
                        prop_assert_eq!(error.code(), "refresh-reused");
                        ended = true;
                        family.iter_mut().for_each(|row| row.login = LoginState::Ended);
                    }
                    Refreshed::Refuse(error) => {
                        prop_assert!(ended || at(now) >= before.expires_at);
                        prop_assert!(["login-ended", "token-expired"].contains(&error.code()));
                    }
                }
                prop_assert!(family.iter().filter(|row| !row.used).count() == 1);
                let usable = family.iter().filter(|row| matches!(refresh(Some(row), at(now)), Refreshed::Rotate(_)));
                prop_assert!(usable.count() <= usize::from(!ended));
            }
        }
    }
}
