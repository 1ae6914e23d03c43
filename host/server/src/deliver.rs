//! Takes messages from the outbox to their notifiers.
//!
//! A message is claimed, sent, and its end noted. A host that is killed in between
//! leaves a claim that runs out, and the message is sent again under the same
//! idempotency key.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use tokio::sync::Notify;
use tokio::sync::broadcast::error::TryRecvError;
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use waystation_core::id::HostId;
use waystation_core::outbox::{Attempt, Failure, RetryPolicy};
use waystation_runtime::CallError;
use waystation_store::{Claimed, Store, StoreError};
use waystation_worlds::notifier;

use crate::background::LOOK;
use crate::config::Config;
use crate::fit;
use crate::message;
use crate::plugins::Plugins;

/// Longer than any call may take, so that a claim outlives its sending.
const LEASE: Duration = Duration::from_secs(600);

/// Messages that are sent at the same time. One that takes long holds up no other
/// while there is room.
const AT_ONCE: usize = 16;

pub(crate) struct Deliverer {
    pub(crate) store: Store,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) config: Arc<Config>,
    pub(crate) host: HostId,
    /// Told when a message became due without an event, as by a replay.
    pub(crate) wake: Arc<Notify>,
}

impl Deliverer {
    /// Sends what is due, as soon as it is, until `stop`; ends when what is being
    /// sent has ended.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let this = Arc::new(self);
        let mut events = this.store.subscribe();
        let mut sending: JoinSet<Result<(), StoreError>> = JoinSet::new();
        while !stop.is_cancelled() {
            // What is committed until here is seen by the look below.
            while !matches!(events.try_recv(), Err(TryRecvError::Empty | TryRecvError::Closed)) {}
            let pause = match this.due(AT_ONCE.saturating_sub(sending.len())).await {
                Ok((claimed, pause)) => {
                    for message in claimed {
                        let this = Arc::clone(&this);
                        sending.spawn(async move { this.deliver(message).await });
                    }
                    pause
                }
                Err(e) => {
                    failed(&e);
                    LOOK
                }
            };
            tokio::select! {
                () = stop.cancelled() => {}
                Some(ended) = sending.join_next() => note(ended),
                _ = events.recv() => {}
                () = this.wake.notified() => {}
                () = tokio::time::sleep(pause) => {}
            }
        }
        while let Some(ended) = sending.join_next().await {
            note(ended);
        }
    }

    /// Claims what is due, where there is room, and says when to look again.
    async fn due(&self, room: usize) -> Result<(Vec<Claimed>, Duration), StoreError> {
        if room == 0 {
            return Ok((Vec::new(), LOOK));
        }
        // To look costs less than to claim.
        let now = Timestamp::now();
        let Some(next) = self.store.next_delivery_at().await? else { return Ok((Vec::new(), LOOK)) };
        match Duration::try_from(next.duration_since(now)) {
            Ok(wait) if !wait.is_zero() => return Ok((Vec::new(), wait.min(LOOK))),
            _ => {}
        }
        let limit = u32::try_from(room).unwrap_or(u32::MAX);
        let claimed = self.store.claim_deliveries(self.host, now, LEASE, limit, &self.policy()).await?;
        // None: another host was faster.
        let pause = if claimed.is_empty() { Duration::from_millis(100) } else { Duration::ZERO };
        Ok((claimed, pause))
    }

    fn policy(&self) -> RetryPolicy {
        self.config.delivery.policy()
    }

    async fn deliver(&self, claimed: Claimed) -> Result<(), StoreError> {
        let ended = self.attempt(&claimed).await;
        let delivery = &claimed.delivery;
        if let Attempt::Failed { failure, .. } = &ended {
            tracing::warn!(
                channel = %delivery.channel,
                delivery = %delivery.id,
                attempt = delivery.attempt,
                code = failure.code,
                "message was not delivered"
            );
        }
        let (now, policy) = (Timestamp::now(), self.policy());
        self.store.settle_delivery(self.host, delivery, &ended, now, &policy, rand::random()).await.map(drop)
    }

    async fn attempt(&self, claimed: &Claimed) -> Attempt {
        let channel = claimed.delivery.channel.as_str();
        let found = self.config.channels.iter().find(|(name, _)| name.as_str() == channel);
        let Some((_, configured)) = found else {
            return refused("no-such-channel", format!("channel `{channel}` is no longer configured"), false);
        };
        let name = configured.plugin.as_str();
        let Some(plugin) = self.plugins.notifier(name) else {
            let message =
                format!("channel `{channel}` uses `{name}`, which is not a notifier that is loaded");
            return refused("no-such-notifier", message, true);
        };
        if let Err(found) = fit::channel(&plugin, &configured.config) {
            return refused(fit::CHANNEL, found.under(&["channels", channel, "config"]), false);
        }
        let message =
            message::render(&claimed.event, claimed.delivery.id.to_string(), claimed.delivery.attempt);
        let settings = Value::Object(configured.config.clone()).to_string();
        match notifier::deliver(&plugin, message, settings).await {
            Ok(receipt) => Attempt::Delivered { receipt },
            Err(e) => Attempt::Failed {
                failure: Failure { code: e.code().to_owned(), message: e.to_string() },
                retryable: match &e {
                    CallError::Failed(failure) => failure.error.is_none() || failure.retryable(),
                    _ => true,
                },
                retry_after: e.retry_after(),
            },
        }
    }
}

fn refused(code: &str, message: String, retryable: bool) -> Attempt {
    Attempt::Failed { failure: Failure { code: code.to_owned(), message }, retryable, retry_after: None }
}

fn note(ended: Result<Result<(), StoreError>, JoinError>) {
    match ended {
        Ok(Ok(())) => {}
        // It is sent again when its claim runs out.
        Ok(Err(e)) => failed(&e),
        Err(e) => tracing::error!(error = %e, "sending a message broke off"),
    }
}

fn failed(e: &StoreError) {
    tracing::error!(code = e.code(), error = %e, "messages wait for the database");
}
