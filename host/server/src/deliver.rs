//! Takes messages from the outbox to their notifiers.
//!
//! A message is claimed, sent, and its end noted. A host that is killed in between
//! leaves a claim that runs out, and the message is sent again under the same
//! idempotency key.

use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_core::event::{EventType, NewEvent, Severity};
use waystation_core::id::HostId;
use waystation_core::outbox::{Attempt, DeliveryState, Failure, RetryPolicy};
use waystation_runtime::CallError;
use waystation_store::{Claimed, Settled, Store, StoreError};
use waystation_worlds::notifier;

use crate::config::Config;
use crate::fit;
use crate::message;
use crate::plugins::Plugins;
use crate::routing;

/// Longer than any call may take, so that a claim outlives its sending.
const LEASE: Duration = Duration::from_secs(600);

/// Messages claimed at once.
const AT_ONCE: u32 = 16;

pub(crate) struct Deliverer {
    pub(crate) store: Store,
    pub(crate) plugins: Arc<Plugins>,
    pub(crate) config: Arc<Config>,
    pub(crate) host: HostId,
}

impl Deliverer {
    /// Sends what is due. Says how many messages it handled.
    ///
    /// # Errors
    /// Those of the database; what was claimed is sent again when the claim runs out.
    pub(crate) async fn deliver_due(&self) -> Result<usize, StoreError> {
        let policy = RetryPolicy::default();
        let now = Timestamp::now();
        let claimed = self.store.claim_deliveries(self.host, now, LEASE, AT_ONCE, &policy).await?;
        let count = claimed.len();
        let settled = join_all(claimed.into_iter().map(|claimed| self.deliver(claimed, &policy))).await;
        settled.into_iter().collect::<Result<Vec<()>, _>>()?;
        Ok(count)
    }

    async fn deliver(&self, claimed: Claimed, policy: &RetryPolicy) -> Result<(), StoreError> {
        let ended = self.attempt(&claimed).await;
        if let Attempt::Failed { failure, .. } = &ended {
            tracing::warn!(
                channel = %claimed.delivery.channel,
                delivery = %claimed.delivery.id,
                attempt = claimed.delivery.attempt,
                code = failure.code,
                "message was not delivered"
            );
        }
        let now = Timestamp::now();
        let settled = self
            .store
            .settle_delivery(self.host, &claimed.delivery, &ended, now, policy, rand::random())
            .await?;
        let (Settled::Recorded, Attempt::Failed { failure, .. }) = (settled, &ended) else { return Ok(()) };
        match policy.after(claimed.delivery.attempt, &ended, now, 0) {
            DeliveryState::Dead { .. } => self.tell_dead(&claimed, failure, now).await,
            _ => Ok(()),
        }
    }

    async fn tell_dead(
        &self,
        claimed: &Claimed,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let delivery = &claimed.delivery;
        let data = json!({
            "delivery_id": delivery.id.to_string(), "attempts": delivery.attempt,
            "event": claimed.event.kind.as_str(), "event_seq": claimed.event.seq.0,
            "code": failure.code, "message": failure.message,
        });
        let event = NewEvent {
            kind: EventType::DELIVERY_DEAD,
            subject: delivery.channel.to_string(),
            severity: Severity::Warning,
            data: data.as_object().cloned().unwrap_or_default(),
            occurred_at: now,
            key: None,
        };
        let route = |event: &NewEvent| routing::channels(&self.config, event);
        self.store.emit(now, event, &route).await.map(drop)
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
