//! How often somebody may try.
//!
//! Two rules, both functions of a small kept value and the time: an account is [locked](Lockout) after failures, whoever
//! made them; and each address has a [rate](Rate). Hosts with clocks that differ a little keep each other's; what is
//! kept from before a clock went back by more than that is forgotten, so that nobody is locked for long.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use crate::error::IdentityError;

/// Logins from one address: 8 a minute.
pub const LOGIN_RATE: Rate = Rate { burst: 8, per: Duration::from_secs(60) };

/// What is kept of an account's failures.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Attempts {
    /// Failures since the last success or lock.
    pub failures: u32,
    /// No attempt counts before this time.
    pub locked_until: Option<Timestamp>,
}

/// After how many failures an account is locked, and for how long.
///
/// Attempts that run at the same time must not all be admitted on one count. So [`Lockout::admit`] and keeping what
/// [`Lockout::failed`] says are one transaction, before the password is looked at; if it is right,
/// [`Lockout::succeeded`] takes that back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lockout {
    /// The failure that locks.
    pub failures: u32,
    /// For how long.
    pub lock: Duration,
}

impl Lockout {
    /// Ten failures, 15 minutes.
    pub const DEFAULT: Self = Self { failures: 10, lock: Duration::from_secs(15 * 60) };

    /// Whether an attempt may be made. While it may not, the password is not looked at, so that a right one is not told
    /// from a wrong one.
    ///
    /// # Errors
    /// With the time that is left, when the account is locked.
    pub fn admit(self, kept: Attempts, now: Timestamp) -> Result<(), IdentityError> {
        let left = kept.locked_until.map_or(Duration::ZERO, |until| ahead(now, until, self.lock));
        if left.is_zero() { Ok(()) } else { Err(IdentityError::Locked(left)) }
    }

    /// What to keep when an attempt is admitted, in case that it fails.
    #[must_use]
    pub fn failed(self, kept: Attempts, now: Timestamp) -> Attempts {
        let failures = kept.failures.saturating_add(1);
        match failures >= self.failures {
            true => Attempts { failures: 0, locked_until: Some(after(now, self.lock)) },
            false => Attempts { failures, locked_until: None },
        }
    }

    /// What to keep after one that succeeded: with the second factor, where there is one.
    #[must_use]
    pub fn succeeded() -> Attempts {
        Attempts::default()
    }
}

/// A rate with a burst: the generic cell rate algorithm. One value is kept, the time at which all that was taken would be
/// paid back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    /// How many at once. Zero admits nobody.
    pub burst: u32,
    /// The time in which as many come back.
    pub per: Duration,
}

impl Rate {
    /// Takes one. What comes back is to be kept, together with who took it.
    ///
    /// # Errors
    /// With the time after which one can be taken, when none can now; then what was kept stays.
    pub fn take(self, kept: Option<Timestamp>, now: Timestamp) -> Result<Timestamp, IdentityError> {
        let Some(each) = self.per.checked_div(self.burst) else {
            return Err(IdentityError::TooFast(self.per));
        };
        let owed = kept.map_or(Duration::ZERO, |paid| ahead(now, paid, self.per));
        let wait = (owed + each).saturating_sub(self.per);
        // What a division leaves over is not waited for.
        match wait.as_nanos() < u128::from(self.burst) {
            true => Ok(after(now, owed + each)),
            false => Err(IdentityError::TooFast(wait)),
        }
    }
}

/// By how much the clocks of hosts may differ.
const SKEW: Duration = Duration::from_secs(300);

/// How long after `now` `then` is, where that can be no more than `most`; nothing, when it is over, or from before the
/// clock went back.
fn ahead(now: Timestamp, then: Timestamp, most: Duration) -> Duration {
    let ahead: Duration = then.duration_since(now).try_into().unwrap_or(Duration::ZERO);
    if ahead > most.saturating_add(SKEW) { Duration::ZERO } else { ahead.min(most) }
}

fn after(now: Timestamp, time: Duration) -> Timestamp {
    let time = SignedDuration::try_from(time).unwrap_or(SignedDuration::MAX);
    now.checked_add(time).unwrap_or(Timestamp::MAX)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::from_millisecond(1_800_000_000_000 + ms).unwrap()
    }

    #[test]
    fn the_tenth_failure_locks_for_a_quarter_of_an_hour() {
        let rule = Lockout::DEFAULT;
        let mut kept = Attempts::default();
        for n in 0..10 {
            assert_eq!(rule.admit(kept, at(n)), Ok(()), "{n}");
            kept = rule.failed(kept, at(n));
        }
        let refused = rule.admit(kept, at(9)).unwrap_err();
        assert_eq!((refused.code(), refused.retry_after()), ("locked", Some(900)));
        assert_eq!(rule.admit(kept, at(9 + 899_999)).unwrap_err().retry_after(), Some(1));
        assert_eq!(rule.admit(kept, at(9 + 900_000)), Ok(()));
        // After that, ten more.
        for n in 0..9 {
            kept = rule.failed(kept, at(1_000_000 + n));
            assert_eq!(rule.admit(kept, at(1_000_000 + n)), Ok(()), "{n}");
        }
        assert!(rule.admit(rule.failed(kept, at(1_100_000)), at(1_100_000)).is_err());
        assert_eq!(Lockout::succeeded(), Attempts::default());
    }

    #[test]
    fn eight_a_minute_then_one_each_seven_and_a_half_seconds() {
        let mut kept = None;
        for n in 0..8 {
            kept = Some(LOGIN_RATE.take(kept, at(0)).unwrap_or_else(|e| panic!("{n} {e}")));
        }
        let refused = LOGIN_RATE.take(kept, at(0)).unwrap_err();
        assert_eq!((refused.code(), refused.retry_after()), ("too-many-attempts", Some(8)));
        assert!(LOGIN_RATE.take(kept, at(7_499)).is_err());
        kept = Some(LOGIN_RATE.take(kept, at(7_500)).unwrap());
        assert!(LOGIN_RATE.take(kept, at(7_500)).is_err());
        // Who waits long enough has all eight again, and no more.
        for n in 0..8 {
            kept = Some(LOGIN_RATE.take(kept, at(600_000)).unwrap_or_else(|e| panic!("{n} {e}")));
        }
        assert!(LOGIN_RATE.take(kept, at(600_000)).is_err());
    }

    #[test]
    fn the_ends_of_time_and_of_numbers_are_borne() {
        let none = Rate { burst: 0, per: Duration::from_secs(1) };
        assert!(none.take(None, at(0)).is_err());
        let rule = Lockout { failures: 0, lock: Duration::MAX };
        let kept = rule.failed(Attempts { failures: u32::MAX, locked_until: None }, Timestamp::MAX);
        assert!(rule.admit(kept, Timestamp::MIN).is_err());
        assert!(LOGIN_RATE.take(Some(Timestamp::MIN), Timestamp::MAX).is_ok());
        assert!(LOGIN_RATE.take(Some(Timestamp::MAX), Timestamp::MIN).is_ok());
    }

    #[test]
    fn a_clock_that_went_back_locks_nobody_for_long() {
        let rule = Lockout::DEFAULT;
        let locked = rule.failed(Attempts { failures: 9, locked_until: None }, at(0));
        // Of a host whose clock is behind, the lock holds.
        assert_eq!(rule.admit(locked, at(-300_000)).unwrap_err().retry_after(), Some(900));
        assert!(rule.admit(locked, at(-300_001)).is_ok());
        let mut kept = None;
        while let Ok(next) = LOGIN_RATE.take(kept, at(0)) {
            kept = Some(next);
        }
        assert_eq!(LOGIN_RATE.take(kept, at(-300_000)).unwrap_err().retry_after(), Some(8));
        assert!(LOGIN_RATE.take(kept, at(-300_001)).is_ok());
    }

    proptest! {
        /// In no stretch of time are more taken than the burst and what came back in it; and who is told to wait gets one
        /// after that, and not before.
        #[test]
        fn a_rate_is_kept_and_its_waits_are_true(
            burst in 1u32..20, per_ms in 20u64..100_000, gaps in prop::collection::vec(0i64..20_000, 1..60),
        ) {
            let rate = Rate { burst, per: Duration::from_millis(per_ms) };
            let (mut kept, mut now, mut taken) = (None, 0, Vec::new());
            for gap in gaps {
                now += gap;
                match rate.take(kept, at(now)) {
                    Ok(next) => { kept = Some(next); taken.push(now); }
                    Err(IdentityError::TooFast(wait)) => {
                        let then = after(at(now), wait);
                        prop_assert!(rate.take(kept, then).is_ok());
                        let before = then.checked_sub(SignedDuration::from_micros(1)).unwrap();
                        prop_assert!(before < at(now) || rate.take(kept, before).is_err());
                    }
                    Err(other) => prop_assert!(false, "{}", other),
                }
            }
            for (n, first) in taken.iter().enumerate() {
                for (m, last) in taken.iter().enumerate().skip(n) {
                    let back = (last - first) as u64 * u64::from(burst) / per_ms;
                    prop_assert!((m - n + 1) as u64 <= u64::from(burst) + back + 1);
                }
            }
        }

        /// However attempts and times come, no more than ten fail between two locks.
        #[test]
        fn no_more_failures_than_the_rule_says(gaps in prop::collection::vec(0i64..400_000, 1..80)) {
            let (mut kept, mut now, mut admitted) = (Attempts::default(), 0, Vec::new());
            for gap in gaps {
                now += gap;
                if Lockout::DEFAULT.admit(kept, at(now)).is_ok() {
                    kept = Lockout::DEFAULT.failed(kept, at(now));
                    admitted.push(now);
                }
            }
            // After each ten, a quarter of an hour.
            for pair in admitted.chunks(10).zip(admitted.chunks(10).skip(1)) {
                prop_assert!(pair.1[0] - pair.0[pair.0.len() - 1] >= 900_000);
            }
        }
    }
}
