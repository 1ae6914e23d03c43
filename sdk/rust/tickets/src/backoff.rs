//! How long to wait before trying again.

use std::time::Duration;

/// Waits that double, up to a longest, each shortened by chance by up to a half: many who lost the same host do not come
/// back at the same moment.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Backoff {
    pub(crate) first: Duration,
    pub(crate) longest: Duration,
}

impl Backoff {
    /// Before the try after `failures` failed ones; `random` is between 0 and 1.
    pub(crate) fn after(self, failures: u32, random: f64) -> Duration {
        let doubled = self.first.saturating_mul(1 << failures.saturating_sub(1).min(16));
        doubled.min(self.longest).mul_f64(1.0 - random.clamp(0.0, 1.0) / 2.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_longest_and_vary_by_half() {
        let backoff = Backoff { first: Duration::from_secs(1), longest: Duration::from_secs(10) };
        for (failures, seconds) in [(0, 1), (1, 1), (2, 2), (3, 4), (4, 8), (5, 10), (u32::MAX, 10)] {
            let whole = Duration::from_secs(seconds);
            assert_eq!(backoff.after(failures, 0.0), whole, "{failures}");
            assert_eq!(backoff.after(failures, 1.0), whole / 2, "{failures}");
        }
    }
}
