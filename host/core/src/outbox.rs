//! The life of one message on its way to one channel.
//!
//! `pending → claimed → delivered | pending (again, later) | dead`, and `dead → pending` when a person
//! replays it. An attempt counts when it is claimed, so that a message which kills its host at each attempt
//! still ends. A claim is a lease: when it runs out, another host takes the row over and sends again, with
//! the same idempotency key. So each message is sent at least once, and a channel that honours the key shows
//! it once.

use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::{
    event::{Event, EventSeq, EventType, NewEvent, Severity},
    id::{DeliveryId, HostId},
    name::ChannelName,
    time::{later, part},
};

/// Where a delivery stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "kebab-case")]
pub enum DeliveryState {
    /// Waits for its next attempt.
    Pending {
        /// Not before this time.
        next_attempt_at: Timestamp,
    },
    /// A host is sending it.
    Claimed {
        /// That host.
        by: HostId,
        /// From this time on another host may take it.
        until: Timestamp,
    },
    /// The channel took it.
    Delivered {
        /// When.
        at: Timestamp,
        /// The remote's own name for the message, if it gave one.
        receipt: Option<String>,
    },
    /// Given up; a person may replay it.
    Dead {
        /// When.
        at: Timestamp,
    },
}

impl DeliveryState {
    /// The word used in the API and the database.
    #[must_use]
    pub const fn word(&self) -> &'static str {
        match self {
            Self::Pending { .. } => "pending",
            Self::Claimed { .. } => "claimed",
            Self::Delivered { .. } => "delivered",
            Self::Dead { .. } => "dead",
        }
    }

    /// Whether a host may claim it at `now`.
    #[must_use]
    pub fn is_due(&self, now: Timestamp) -> bool {
        match self {
            Self::Pending { next_attempt_at } => *next_attempt_at <= now,
            Self::Claimed { until, .. } => *until <= now,
            Self::Delivered { .. } | Self::Dead { .. } => false,
        }
    }
}

/// Why an attempt failed, as the notifier said it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// A stable kebab-case word.
    pub code: String,
    /// One sentence for a person.
    pub message: String,
}

/// One event on its way to one channel.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delivery {
    /// The idempotency key, the same at each attempt.
    pub id: DeliveryId,
    /// Where it goes.
    pub channel: ChannelName,
    /// The event it carries.
    pub event: EventSeq,
    /// Attempts made, the one under way included; a replay starts again at 0.
    pub attempt: u32,
    /// Where it stands.
    #[serde(flatten)]
    pub state: DeliveryState,
    /// Why the last attempt failed.
    pub last_error: Option<Failure>,
}

impl Delivery {
    /// The event that tells, at `now`, that this message was given up. `told` is the event it would have told.
    #[must_use]
    pub fn given_up(&self, told: &Event, failure: &Failure, now: Timestamp) -> NewEvent {
        let data = serde_json::json!({
            "delivery_id": self.id.to_string(), "attempts": self.attempt,
            "event": told.kind.as_str(), "event_seq": told.seq.0,
            "code": failure.code, "message": failure.message,
        });
        NewEvent {
            kind: EventType::DELIVERY_DEAD,
            subject: self.channel.to_string(),
            severity: Severity::Warning,
            data: data.as_object().cloned().unwrap_or_default(),
            occurred_at: now,
            key: None,
        }
    }
}

/// How an attempt ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Attempt {
    /// The channel took the message.
    Delivered {
        /// The remote's own name for the message, if it gave one.
        receipt: Option<String>,
    },
    /// It did not.
    Failed {
        /// Why.
        failure: Failure,
        /// Whether the same call may succeed later.
        retryable: bool,
        /// How long the remote asked to wait.
        retry_after: Option<Duration>,
    },
}

/// When to try again, and when to stop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Wait after the first failure; it doubles with each further one.
    pub first: Duration,
    /// The longest wait that doubling reaches.
    pub longest: Duration,
    /// The longest wait that a remote may ask for.
    pub longest_asked: Duration,
    /// Attempts after which a message is dead.
    pub max_attempts: u32,
}

impl Default for RetryPolicy {
    /// 30 s doubling to 1 h, ten attempts: about four hours. A remote may ask for up to a day.
    fn default() -> Self {
        Self {
            first: Duration::from_secs(30),
            longest: Duration::from_secs(3_600),
            longest_asked: Duration::from_secs(86_400),
            max_attempts: 10,
        }
    }
}

impl RetryPolicy {
    /// The wait after failed attempt number `attempt` (the first is 1). `random` spreads it over the upper
    /// half of the back-off, so that many messages which failed together do not come back together. What a
    /// remote asked for is a floor.
    #[must_use]
    pub fn wait(&self, attempt: u32, retry_after: Option<Duration>, random: u32) -> Duration {
        let doublings = attempt.saturating_sub(1).min(31);
        let full = self.first.saturating_mul(1 << doublings).min(self.longest);
        let spread = full / 2 + part(full / 2, random);
        spread.max(retry_after.unwrap_or_default().min(self.longest_asked))
    }

    /// Where a delivery stands after attempt number `attempt` ended at `now`.
    #[must_use]
    pub fn after(&self, attempt: u32, ended: &Attempt, now: Timestamp, random: u32) -> DeliveryState {
        match ended {
            Attempt::Delivered { receipt } => DeliveryState::Delivered { at: now, receipt: receipt.clone() },
            Attempt::Failed { retryable: true, retry_after, .. } if attempt < self.max_attempts => {
                let wait = self.wait(attempt, *retry_after, random);
                DeliveryState::Pending { next_attempt_at: later(now, wait) }
            }
            Attempt::Failed { .. } => DeliveryState::Dead { at: now },
        }
    }
}

#[cfg(test)]
mod tests {
    use jiff::SignedDuration;

    use super::*;

    fn failed(retryable: bool, retry_after: Option<u64>) -> Attempt {
        let failure = Failure { code: "unreachable".into(), message: "no answer".into() };
        Attempt::Failed { failure, retryable, retry_after: retry_after.map(Duration::from_secs) }
    }

    #[test]
    fn waits_double_within_their_bounds() {
        let policy = RetryPolicy::default();
        let most: Vec<u64> = (1..=10).map(|n| policy.wait(n, None, u32::MAX).as_secs()).collect();
        assert_eq!(most, [30, 60, 120, 240, 480, 960, 1920, 3600, 3600, 3600]);
        for attempt in [1, 5, 10, u32::MAX] {
            let (least, most) = (policy.wait(attempt, None, 0), policy.wait(attempt, None, u32::MAX));
            assert_eq!(least * 2, most);
        }
    }

    #[test]
    fn a_remote_is_heard_up_to_a_bound() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait(1, Some(Duration::from_secs(600)), 0).as_secs(), 600);
        assert_eq!(policy.wait(8, Some(Duration::from_secs(1)), u32::MAX).as_secs(), 3_600);
        assert_eq!(policy.wait(1, Some(Duration::MAX), 0).as_secs(), 86_400);
    }

    #[test]
    fn an_attempt_ends_in_one_of_three_ways() {
        let (policy, now) = (RetryPolicy::default(), Timestamp::UNIX_EPOCH);
        let delivered = policy.after(10, &Attempt::Delivered { receipt: None }, now, 0);
        assert_eq!(delivered, DeliveryState::Delivered { at: now, receipt: None });
        assert_eq!(policy.after(1, &failed(false, None), now, 0), DeliveryState::Dead { at: now });
        assert_eq!(policy.after(10, &failed(true, None), now, 0), DeliveryState::Dead { at: now });
        let again = policy.after(9, &failed(true, Some(7_200)), now, 0);
        assert_eq!(again, DeliveryState::Pending { next_attempt_at: now + SignedDuration::from_secs(7_200) });
    }

    #[test]
    fn only_waiting_and_abandoned_rows_are_due() {
        let (then, now) = (Timestamp::UNIX_EPOCH, Timestamp::UNIX_EPOCH + SignedDuration::from_secs(5));
        let by = HostId::new(then, &[0; 10]);
        assert!(DeliveryState::Pending { next_attempt_at: now }.is_due(now));
        assert!(!DeliveryState::Pending { next_attempt_at: now }.is_due(then));
        assert!(DeliveryState::Claimed { by, until: now }.is_due(now));
        assert!(!DeliveryState::Claimed { by, until: now }.is_due(then));
        assert!(!DeliveryState::Dead { at: then }.is_due(now));
        assert!(!DeliveryState::Delivered { at: then, receipt: None }.is_due(now));
    }
}
