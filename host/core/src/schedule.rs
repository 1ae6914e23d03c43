//! When something runs next: cron expressions and intervals, each with jitter.
//!
//! Times are in UTC, so that no run is skipped or doubled when clocks change. Nothing here reads a clock or
//! a random source.

use std::{fmt, str::FromStr, time::Duration};

use croner::Cron;
use jiff::{Timestamp, tz::TimeZone};
use serde::{Deserialize, Serialize};

use crate::time::{later, part};

/// A cron expression (five fields, or six with seconds first), read in UTC.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct CronExpr {
    text: String,
    cron: Cron,
}

/// A cron expression that cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidCron {
    /// It cannot be read.
    #[error("{text:?} is not a cron expression ({why}); write five fields such as \"0 */6 * * *\"")]
    Syntax {
        /// What was written.
        text: String,
        /// What is wrong with it.
        why: String,
    },
    /// No time ever fits it.
    #[error("no time fits the cron expression {text:?}; correct its day and month")]
    Never {
        /// What was written.
        text: String,
    },
}

impl InvalidCron {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Syntax { .. } => "invalid-cron",
            Self::Never { .. } => "cron-never",
        }
    }
}

impl CronExpr {
    /// The longest expression, in bytes.
    pub const MAX: usize = 128;

    /// The expression as written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The first time after `now` that fits.
    ///
    /// # Errors
    /// [`InvalidCron::Never`] where no time fits.
    pub fn next(&self, now: Timestamp) -> Result<Timestamp, InvalidCron> {
        let found = self.cron.find_next_occurrence(&now.to_zoned(TimeZone::UTC), false);
        found.map(|at| at.timestamp()).map_err(|_| InvalidCron::Never { text: self.text.clone() })
    }
}

impl PartialEq for CronExpr {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for CronExpr {}

impl fmt::Display for CronExpr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl FromStr for CronExpr {
    type Err = InvalidCron;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let refuse = |why: String| InvalidCron::Syntax { text: text.chars().take(Self::MAX).collect(), why };
        if text.len() > Self::MAX {
            return Err(refuse(format!("longer than {} bytes", Self::MAX)));
        }
        let cron = Cron::from_str(text).map_err(|error| refuse(error.to_string()))?;
        let parsed = Self { text: text.to_owned(), cron };
        // What never fires is a mistake to be told of when it is made, not a task that is silent for ever.
        parsed.next(Timestamp::UNIX_EPOCH)?;
        Ok(parsed)
    }
}

impl TryFrom<String> for CronExpr {
    type Error = InvalidCron;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<CronExpr> for String {
    fn from(cron: CronExpr) -> Self {
        cron.text
    }
}

/// When a task runs next: the first time after `now` that fits, plus a part of `jitter` that `random` picks.
///
/// # Errors
/// [`InvalidCron::Never`] where no time fits.
pub fn next_run(
    cron: &CronExpr,
    jitter: Duration,
    now: Timestamp,
    random: u32,
) -> Result<Timestamp, InvalidCron> {
    Ok(later(cron.next(now)?, part(jitter, random)))
}

/// When an item is checked next: `interval` after `now`, minus a part of its tenth that `random` picks, so
/// that items which were added together drift apart and none is checked late.
#[must_use]
pub fn next_check(interval: Duration, now: Timestamp, random: u32) -> Timestamp {
    later(now, interval.saturating_sub(part(interval / 10, random)))
}

/// The wait after the `failures`-th failed check in a row: a minute, doubled each time, at most `interval`,
/// never less than the remote asked for (up to a day).
#[must_use]
pub fn next_check_after_failure(
    failures: u32,
    interval: Duration,
    retry_after: Option<Duration>,
    now: Timestamp,
    random: u32,
) -> Timestamp {
    let doubled = Duration::from_secs(60).saturating_mul(1 << failures.saturating_sub(1).min(20));
    let asked = retry_after.unwrap_or_default().min(Duration::from_secs(86_400));
    let wait = doubled.min(interval).max(asked);
    later(now, wait.saturating_add(part(wait / 10, random)))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_next_run_is_after_now() {
        for (cron, now, next) in [
            ("0 */6 * * *", "2026-03-01T05:59:59Z", "2026-03-01T06:00:00Z"),
            ("0 */6 * * *", "2026-03-01T06:00:00Z", "2026-03-01T12:00:00Z"),
            ("*/10 * * * * *", "2026-03-01T06:00:01Z", "2026-03-01T06:00:10Z"),
            ("0 0 29 2 *", "2026-03-01T00:00:00Z", "2028-02-29T00:00:00Z"),
            ("@daily", "2026-12-31T23:59:59Z", "2027-01-01T00:00:00Z"),
        ] {
            let cron: CronExpr = cron.parse().unwrap();
            assert_eq!(next_run(&cron, Duration::ZERO, at(now), 0), Ok(at(next)), "{cron}");
        }
    }

    #[test]
    fn jitter_adds_at_most_itself() {
        let cron: CronExpr = "0 0 * * *".parse().unwrap();
        let now = at("2026-03-01T12:00:00Z");
        let run = |random| next_run(&cron, Duration::from_secs(600), now, random).unwrap();
        assert_eq!(run(0), at("2026-03-02T00:00:00Z"));
        assert_eq!(run(u32::MAX), at("2026-03-02T00:10:00Z"));
    }

    #[test]
    fn what_cannot_run_is_refused_with_its_reason() {
        for (text, code) in [
            ("", "invalid-cron"),
            ("every day", "invalid-cron"),
            ("61 * * * *", "invalid-cron"),
            ("0 0 30 2 *", "cron-never"),
            (&"0".repeat(200), "invalid-cron"),
        ] {
            assert_eq!(text.parse::<CronExpr>().unwrap_err().code(), code, "{text:?}");
        }
    }

    #[test]
    fn failures_wait_longer_up_to_the_interval() {
        let (hour, now) = (Duration::from_secs(3_600), Timestamp::UNIX_EPOCH);
        let wait = |failures, asked| next_check_after_failure(failures, hour, asked, now, 0).as_second();
        assert_eq!([1, 2, 3, 7, 99].map(|n| wait(n, None)), [60, 120, 240, 3_600, 3_600]);
        assert_eq!(wait(1, Some(Duration::from_secs(7_200))), 7_200);
        assert_eq!(wait(1, Some(Duration::MAX)), 86_400);
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let _ = text.parse::<CronExpr>();
        }

        #[test]
        fn fields_of_cron_alphabet_do_not_panic(text in "[0-9*/,LW#?-]{1,5}( [0-9*/,LW#?A-Z-]{1,5}){4,6}") {
            if let Ok(cron) = text.parse::<CronExpr>() {
                let now = Timestamp::UNIX_EPOCH;
                prop_assert!(cron.next(now).unwrap() > now);
            }
        }

        #[test]
        fn a_check_is_never_late_nor_much_too_early(secs in 60_u64..10_000_000, random: u32) {
            let next = next_check(Duration::from_secs(secs), Timestamp::UNIX_EPOCH, random).as_second();
            let secs = i64::try_from(secs).unwrap();
            prop_assert!(next <= secs && next >= secs - secs / 10 - 1);
        }
    }
}
