//! `[enrolment]`: how machines become agents.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use waystation_core::enrolment::EnrolmentLimits;

use super::text::TimeSpan;

/// How machines become agents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Enrolment {
    /// How long an invitation can be used, unless its maker says otherwise.
    #[schemars(extend("x-min" = "1m", "x-max" = "30d"))]
    pub life: TimeSpan,
    /// The longest that its maker may say.
    #[schemars(extend("x-min" = "1m", "x-max" = "365d"))]
    pub max_life: TimeSpan,
    /// How long an enrolment waits for a person, and for its machine after that.
    #[schemars(extend("x-min" = "1m", "x-max" = "30d"))]
    pub pending: TimeSpan,
    /// How long the certificates of an agent that it had before it renewed one stay good.
    #[schemars(extend("x-min" = "0s", "x-max" = "30d"))]
    pub overlap: TimeSpan,
    /// Attempts to enrol of one address within `attempt_window`. Addresses of IPv6 count by their network of 64 bits.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub attempts: u32,
    /// See `attempts`.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub attempt_window: TimeSpan,
}

impl Default for Enrolment {
    fn default() -> Self {
        let limits = EnrolmentLimits::DEFAULT;
        let span = |time: std::time::Duration| TimeSpan::seconds(time.as_secs());
        Self {
            life: span(limits.life),
            max_life: span(limits.max_life),
            pending: span(limits.pending),
            overlap: span(limits.overlap),
            attempts: limits.attempts,
            attempt_window: span(limits.attempt_window),
        }
    }
}

impl Enrolment {
    /// The same for the store.
    #[must_use]
    pub fn limits(&self) -> EnrolmentLimits {
        EnrolmentLimits {
            life: self.life.duration(),
            max_life: self.max_life.duration(),
            pending: self.pending.duration(),
            overlap: self.overlap.duration(),
            attempts: self.attempts,
            attempt_window: self.attempt_window.duration(),
        }
    }
}
