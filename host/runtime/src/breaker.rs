//! Quarantine: a plugin that fails again and again rests, longer each time.
//!
//! ```text
//!            N failures in a row              rest is over
//!   closed ───────────────────────▶ open ─────────────────────▶ half-open
//!     ▲                              ▲                              │
//!     │                              │ the probe fails: rest doubles│
//!     │ the probe succeeds           └──────────────────────────────┤
//!     └─────────────────────────────────────────────────────────────┘
//! ```
//!
//! Half-open admits one call, the probe; others are refused until it ends. A pure
//! value: time and chance are passed in. [`Rest`] takes it across a restart.

use std::time::Duration;

/// When to rest and for how long.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BreakerConfig {
    /// Failures in a row that open it. At least 1.
    pub failures: u32,
    /// The first rest.
    pub backoff: Duration,
    /// The longest rest.
    pub max_backoff: Duration,
}

impl Default for BreakerConfig {
    fn default() -> Self {
        Self { failures: 5, backoff: Duration::from_secs(30), max_backoff: Duration::from_secs(3600) }
    }
}

/// The state for one plugin of one digest on one build of the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Breaker {
    config: BreakerConfig,
    state: State,
    failures: u32,
    /// How often it opened since it last closed.
    opened: u32,
}

/// What is left of a quarantine, to be kept while no process knows of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rest {
    /// How long it still rests; zero: the next call is a probe.
    pub left: Duration,
    /// Failures in a row.
    pub failures: u32,
    /// How often it opened since it last closed; the next rest follows from it.
    pub opened: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Closed,
    Open { until: Duration },
    HalfOpen { since: Duration },
}

/// What a breaker says to a call that wants to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Admission {
    /// Begin.
    Go,
    /// Begin, and report how it went: everything hangs on it.
    Probe,
    /// Try again after this long.
    Rest(Duration),
}

/// What the outcome of a call changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// It opened: the plugin rests for this long.
    Opened(Duration),
    /// It closed: the plugin works again.
    Closed,
}

/// Chance makes a rest this much longer at most.
const LONGEST: f64 = 1.1;

/// A probe that never reports (its caller went away) blocks others no longer
/// than this.
const PROBE_PATIENCE: Duration = Duration::from_secs(120);

impl Breaker {
    /// A closed one.
    pub fn new(config: BreakerConfig) -> Self {
        Self { config, state: State::Closed, failures: 0, opened: 0 }
    }

    /// One that rests as `rest` says. It never rests longer than `config` allows, whatever was kept.
    pub fn resumed(config: BreakerConfig, rest: Rest, now: Duration) -> Self {
        let left = rest.left.min(config.max_backoff.mul_f64(LONGEST));
        let state = State::Open { until: now.saturating_add(left) };
        Self { config, state, failures: rest.failures, opened: rest.opened }
    }

    /// What to keep of it; none where it is closed.
    pub fn rest(&self, now: Duration) -> Option<Rest> {
        let left = match self.state {
            State::Closed => return None,
            State::Open { until } => until.saturating_sub(now),
            State::HalfOpen { .. } => Duration::ZERO,
        };
        Some(Rest { left, failures: self.failures, opened: self.opened })
    }

    /// Failures in a row.
    pub fn failures(&self) -> u32 {
        self.failures
    }

    /// How long it still rests, when it does.
    pub fn resting(&self, now: Duration) -> Option<Duration> {
        match self.state {
            State::Open { until } => until.checked_sub(now).filter(|rest| !rest.is_zero()),
            _ => None,
        }
    }

    /// Whether calls are refused or probed.
    pub fn is_open(&self) -> bool {
        !matches!(self.state, State::Closed)
    }

    /// Asks whether a call may begin. `now` is a monotonic time.
    pub fn admit(&mut self, now: Duration) -> Admission {
        match self.state {
            State::Closed => Admission::Go,
            State::Open { until } if now < until => Admission::Rest(until.saturating_sub(now)),
            State::HalfOpen { since } if now < since + PROBE_PATIENCE => {
                Admission::Rest((since + PROBE_PATIENCE).saturating_sub(now).min(self.config.backoff))
            }
            State::Open { .. } | State::HalfOpen { .. } => {
                self.state = State::HalfOpen { since: now };
                Admission::Probe
            }
        }
    }

    /// A call ended well.
    pub fn succeeded(&mut self) -> Change {
        let was_open = self.is_open();
        *self = Self::new(self.config);
        if was_open { Change::Closed } else { Change::None }
    }

    /// A call ended badly. `chance` in 0..1 spreads the rest by ±10 %.
    pub fn failed(&mut self, now: Duration, chance: f64) -> Change {
        self.failures = self.failures.saturating_add(1);
        let opens = match self.state {
            State::Closed => self.failures >= self.config.failures.max(1),
            State::HalfOpen { .. } => true,
            // A call that began before it opened says nothing new.
            State::Open { .. } => false,
        };
        if !opens {
            return Change::None;
        }
        let doubled = self.config.backoff.saturating_mul(1u32.checked_shl(self.opened).unwrap_or(u32::MAX));
        let rest = doubled.min(self.config.max_backoff).mul_f64(0.9 + 0.2 * chance.clamp(0.0, 1.0));
        self.opened = self.opened.saturating_add(1);
        self.state = State::Open { until: now + rest };
        Change::Opened(rest)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn opened() -> Breaker {
        let mut breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..4 {
            assert_eq!(breaker.failed(SECOND, 0.5), Change::None);
        }
        assert_eq!(breaker.failed(SECOND, 0.5), Change::Opened(Duration::from_secs(30)));
        breaker
    }

    #[test]
    fn opens_after_failures_in_a_row_only() {
        let mut breaker = Breaker::new(BreakerConfig::default());
        for _ in 0..100 {
            assert_eq!(breaker.failed(SECOND, 0.5), Change::None);
            assert_eq!(breaker.succeeded(), Change::None);
        }
        assert_eq!(breaker.admit(SECOND), Admission::Go);
        assert_eq!(opened().admit(SECOND * 2), Admission::Rest(SECOND * 29));
    }

    #[test]
    fn one_probe_decides() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(SECOND * 31), Admission::Probe);
        assert!(matches!(breaker.admit(SECOND * 31), Admission::Rest(_)));
        assert_eq!(breaker.failed(SECOND * 32, 0.5), Change::Opened(SECOND * 60));
        assert_eq!(breaker.admit(SECOND * 92), Admission::Probe);
        assert_eq!(breaker.succeeded(), Change::Closed);
        assert_eq!(breaker.admit(SECOND * 92), Admission::Go);
    }

    #[test]
    fn a_rest_goes_on_where_it_was_left() {
        let config = BreakerConfig::default();
        assert_eq!(Breaker::new(config).rest(SECOND), None);
        let mut breaker = opened();
        let rest = breaker.rest(SECOND * 11).unwrap();
        assert_eq!(rest, Rest { left: SECOND * 20, failures: 5, opened: 1 });
        // In another process, whose clock begins anew.
        let mut resumed = Breaker::resumed(config, rest, SECOND * 3);
        assert_eq!(resumed.admit(SECOND * 4), Admission::Rest(SECOND * 19));
        assert_eq!(resumed.admit(SECOND * 23), Admission::Probe);
        assert_eq!(resumed.failed(SECOND * 24, 0.5), Change::Opened(SECOND * 60));
        // The probe of a process that ended is made again.
        assert_eq!(breaker.admit(SECOND * 31), Admission::Probe);
        let rest = breaker.rest(SECOND * 32).unwrap();
        assert_eq!(Breaker::resumed(config, rest, SECOND).admit(SECOND), Admission::Probe);
        // A shorter limit holds for what was kept, too.
        let long = Rest { left: Duration::MAX, ..rest };
        assert!(Breaker::resumed(config, long, SECOND).resting(SECOND).unwrap() <= SECOND * 3_961);
    }

    #[test]
    fn a_lost_probe_is_replaced() {
        let mut breaker = opened();
        assert_eq!(breaker.admit(SECOND * 31), Admission::Probe);
        assert_eq!(breaker.admit(SECOND * 31 + PROBE_PATIENCE), Admission::Probe);
    }

    proptest! {
        #[test]
        fn the_rest_stays_within_its_bounds(failures in 1u32..80, chance in 0.0f64..1.0) {
            let config = BreakerConfig { failures: 1, ..BreakerConfig::default() };
            let mut breaker = Breaker::new(config);
            let mut now = Duration::ZERO;
            for _ in 0..failures {
                prop_assert_ne!(breaker.admit(now), Admission::Rest(Duration::ZERO));
                match breaker.failed(now, chance) {
                    Change::Opened(rest) => {
                        prop_assert!(rest <= config.max_backoff.mul_f64(1.1));
                        prop_assert!(rest >= config.backoff.mul_f64(0.9));
                        now += rest;
                    }
                    other => prop_assert!(false, "{:?}", other),
                }
            }
        }
    }
}
