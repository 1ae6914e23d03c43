//! What time it is, and how late an index may be.

use jiff::{SignedDuration, Timestamp};

/// The time at which an index is judged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Clock {
    /// Now.
    pub now: Timestamp,
    /// For how long after their end the timestamp and the snapshot still count. Zero, unless somebody decided that a
    /// site without a network may be that far behind: for as long, newer versions and withdrawals can be held back.
    pub lateness: SignedDuration,
}

impl Clock {
    /// This time, and no lateness.
    #[must_use]
    pub const fn at(now: Timestamp) -> Self {
        Self { now, lateness: SignedDuration::ZERO }
    }

    /// The same with this lateness.
    #[must_use]
    pub const fn late_by(self, lateness: SignedDuration) -> Self {
        Self { lateness, ..self }
    }

    /// The time that the timestamp and the snapshot are held against.
    pub(crate) fn late(&self) -> Timestamp {
        self.now.checked_sub(self.lateness).unwrap_or(self.now)
    }
}
