//! Sums of times that cannot overflow.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// `now` plus `wait`; the end of time where that lies beyond it.
#[must_use]
pub fn later(now: Timestamp, wait: Duration) -> Timestamp {
    SignedDuration::try_from(wait).ok().and_then(|wait| now.checked_add(wait).ok()).unwrap_or(Timestamp::MAX)
}

/// The part of `whole` that `random` picks: none of it at 0, all of it at the largest number.
#[must_use]
pub(crate) fn part(whole: Duration, random: u32) -> Duration {
    Duration::try_from_secs_f64(whole.as_secs_f64() * f64::from(random) / f64::from(u32::MAX))
        .unwrap_or(whole)
        .min(whole)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_time_does_not_overflow() {
        assert_eq!(later(Timestamp::MAX, Duration::from_secs(1)), Timestamp::MAX);
        assert_eq!(later(Timestamp::UNIX_EPOCH, Duration::MAX), Timestamp::MAX);
        assert_eq!(part(Duration::MAX, u32::MAX), Duration::MAX);
    }

    #[test]
    fn a_part_is_between_none_and_all() {
        let whole = Duration::from_secs(10);
        assert_eq!(part(whole, 0), Duration::ZERO);
        assert_eq!(part(whole, u32::MAX), whole);
        assert!(part(whole, u32::MAX / 2) < whole);
    }
}
