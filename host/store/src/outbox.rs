//! Messages on their way: claimed under a lease, settled once, dead letters kept for a person.

use std::time::Duration;

use jiff::Timestamp;
use waystation_core::{
    event::{Event, EventSeq},
    id::{DeliveryId, HostId},
    name::ChannelName,
    outbox::{Attempt, Delivery, DeliveryState, Failure, RetryPolicy},
};

use crate::{
    error::StoreError,
    events::{EventRow, event, event_columns},
    row::{clean, count, lease_end, micros, parsed, time},
    store::{Store, Tx, nowhere},
};

/// A message, and what it tells.
#[derive(Debug, Clone, PartialEq)]
pub struct Claimed {
    /// The message: its key, channel and number of the attempt.
    pub delivery: Delivery,
    /// What it tells.
    pub event: Event,
}

/// Whether the end of a piece of claimed work was noted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It was.
    Recorded,
    /// The lease had run out and another host took over, or the row is gone: nothing was changed.
    LeaseLost,
}

impl Settled {
    pub(crate) fn from_rows(rows: u64) -> Self {
        if rows == 0 { Self::LeaseLost } else { Self::Recorded }
    }
}

/// How many messages are in each state.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OutboxCounts {
    /// Waiting.
    pub pending: u64,
    /// Being sent.
    pub claimed: u64,
    /// Taken by their channel.
    pub delivered: u64,
    /// Given up.
    pub dead: u64,
}

macro_rules! delivery_columns {
    () => {
        "o.id, o.channel, o.event_seq, o.attempt, o.state, o.at, o.claimed_by, o.receipt, o.error_code, o.error_message"
    };
}

type DeliveryRow =
    (String, String, i64, i64, String, i64, Option<String>, Option<String>, Option<String>, Option<String>);

fn delivery(row: DeliveryRow) -> Result<Delivery, StoreError> {
    let (id, channel, event, attempt, state, at, by, receipt, code, message) = row;
    let at = time(at)?;
    let state = match (state.as_str(), by) {
        ("pending", None) => DeliveryState::Pending { next_attempt_at: at },
        ("claimed", Some(by)) => DeliveryState::Claimed { by: parsed(&by)?, until: at },
        ("delivered", None) => DeliveryState::Delivered { at, receipt },
        ("dead", None) => DeliveryState::Dead { at },
        _ => return Err(StoreError::corrupt(format!("delivery {id} is {state}"))),
    };
    Ok(Delivery {
        id: parsed(&id)?,
        channel: parsed(&channel)?,
        event: EventSeq(event),
        attempt: u32::try_from(attempt).map_err(StoreError::corrupt)?,
        state,
        last_error: code.map(|code| Failure { code, message: message.unwrap_or_default() }),
    })
}

impl Tx<'_> {
    async fn delivery(&mut self, id: DeliveryId) -> Result<Delivery, StoreError> {
        let row: Option<DeliveryRow> =
            sqlx::query_as(concat!("SELECT ", delivery_columns!(), " FROM outbox o WHERE o.id = $1"))
                .bind(id.to_string())
                .fetch_optional(&mut *self.tx)
                .await?;
        row.map(delivery).transpose()?.ok_or_else(|| StoreError::not_found("delivery", id))
    }

    async fn told(&mut self, seq: EventSeq) -> Result<Event, StoreError> {
        let row: EventRow =
            sqlx::query_as(concat!("SELECT ", event_columns!(), " FROM events e WHERE e.seq = $1"))
                .bind(seq.0)
                .fetch_one(&mut *self.tx)
                .await?;
        event(row)
    }

    /// Tells that a message was given up. It goes to no channel: one that is down must not be told so over
    /// itself.
    async fn tell_given_up(
        &mut self,
        delivery: &Delivery,
        failure: &Failure,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let told = self.told(delivery.event).await?;
        self.emit(now, delivery.given_up(&told, failure, now), &nowhere).await
    }
}

impl Store {
    /// Claims up to `limit` messages that are due, or whose lease ran out, until `now + lease`. Each counts as
    /// an attempt. A message that was abandoned in its last attempt is dead instead, and that is told.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_deliveries(
        &self,
        host: HostId,
        now: Timestamp,
        lease: Duration,
        limit: u32,
        policy: &RetryPolicy,
    ) -> Result<Vec<Claimed>, StoreError> {
        let mut tx = self.begin().await?;
        tx.take("claim-outbox").await?;
        let given_up: Vec<String> = sqlx::query_scalar(
            "UPDATE outbox SET state = 'dead', at = $1, claimed_by = NULL, error_code = 'lease-expired',
             error_message = 'the host that was sending this did not say how it ended'
             WHERE state = 'claimed' AND at <= $1 AND attempt >= $2 RETURNING id",
        )
        .bind(micros(now))
        .bind(i64::from(policy.max_attempts))
        .fetch_all(&mut *tx.tx)
        .await?;
        let ids: Vec<String> = sqlx::query_scalar(
            "UPDATE outbox SET state = 'claimed', claimed_by = $1, at = $2, attempt = attempt + 1
             WHERE id IN (SELECT id FROM outbox WHERE state IN ('pending', 'claimed') AND at <= $3 ORDER BY at, id LIMIT $4)
             RETURNING id",
        )
        .bind(host.to_string())
        .bind(lease_end(now, lease))
        .bind(micros(now))
        .bind(count(limit))
        .fetch_all(&mut *tx.tx)
        .await?;
        let mut claimed = Vec::with_capacity(ids.len());
        for id in ids {
            let delivery = tx.delivery(parsed(&id)?).await?;
            let event = tx.told(delivery.event).await?;
            claimed.push(Claimed { delivery, event });
        }
        // Last: from the first event on, other transactions with events wait for this one.
        for id in given_up {
            let delivery = tx.delivery(parsed(&id)?).await?;
            let failure = delivery.last_error.clone().unwrap_or_else(|| Failure {
                code: "lease-expired".to_owned(),
                message: "the host that was sending this did not say how it ended".to_owned(),
            });
            tx.tell_given_up(&delivery, &failure, now).await?;
        }
        tx.commit().await?;
        claimed.sort_by_key(|claimed| claimed.delivery.event);
        Ok(claimed)
    }

    /// Notes how the attempt at a claimed message ended; `policy` says what comes next, `random` spreads it.
    /// That a message is given up is told in the same transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn settle_delivery(
        &self,
        host: HostId,
        claimed: &Delivery,
        ended: &Attempt,
        now: Timestamp,
        policy: &RetryPolicy,
        random: u32,
    ) -> Result<Settled, StoreError> {
        let (at, receipt) = match policy.after(claimed.attempt, ended, now, random) {
            DeliveryState::Delivered { at, ref receipt } => ((at, "delivered"), receipt.clone()),
            DeliveryState::Dead { at } => ((at, "dead"), None),
            DeliveryState::Pending { next_attempt_at } => ((next_attempt_at, "pending"), None),
            DeliveryState::Claimed { until, .. } => ((until, "claimed"), None),
        };
        let failure = match ended {
            Attempt::Failed { failure, .. } => Some(failure),
            Attempt::Delivered { .. } => None,
        };
        let mut tx = self.begin().await?;
        // The number of the attempt tells this claim from a later one of the same host.
        let done = sqlx::query(
            "UPDATE outbox SET state = $1, at = $2, claimed_by = NULL, receipt = $3, error_code = $4, error_message = $5
             WHERE id = $6 AND state = 'claimed' AND claimed_by = $7 AND attempt = $8",
        )
        .bind(at.1)
        .bind(micros(at.0))
        .bind(receipt.as_deref().map(clean))
        .bind(failure.map(|failure| clean(&failure.code)))
        .bind(failure.map(|failure| clean(&failure.message)))
        .bind(claimed.id.to_string())
        .bind(host.to_string())
        .bind(i64::from(claimed.attempt))
        .execute(&mut *tx.tx)
        .await?;
        let settled = Settled::from_rows(done.rows_affected());
        if let (Settled::Recorded, "dead", Some(failure)) = (settled, at.1, failure) {
            tx.tell_given_up(claimed, failure, now).await?;
        }
        tx.commit().await?;
        Ok(settled)
    }

    /// Up to `limit` messages, those of the latest events first, with what they tell: all of them, or those in
    /// the state of this [word](DeliveryState::word).
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliveries(&self, state: Option<&str>, limit: u32) -> Result<Vec<Claimed>, StoreError> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM outbox o WHERE $1 = '' OR o.state = $1 ORDER BY o.event_seq DESC, o.id DESC LIMIT $2"
        ))
        .bind(state.unwrap_or_default())
        .bind(count(limit))
        .fetch_all(self.reader())
        .await?;
        let mut letters = Vec::with_capacity(rows.len());
        for row in rows {
            let delivery = delivery(row)?;
            let row: Option<EventRow> =
                sqlx::query_as(concat!("SELECT ", event_columns!(), " FROM events e WHERE e.seq = $1"))
                    .bind(delivery.event.0)
                    .fetch_optional(self.reader())
                    .await?;
            // None: an operator removed it between the two reads.
            if let Some(row) = row {
                letters.push(Claimed { delivery, event: event(row)? });
            }
        }
        Ok(letters)
    }

    /// Sends a dead letter again, from attempt 1, with the same idempotency key.
    ///
    /// # Errors
    /// `not-found` where there is no such dead letter.
    pub async fn replay(&self, id: DeliveryId, now: Timestamp) -> Result<Delivery, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE outbox SET state = 'pending', at = $1, attempt = 0 WHERE id = $2 AND state = 'dead'",
        )
        .bind(micros(now))
        .bind(id.to_string())
        .execute(&mut *tx.tx)
        .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("dead letter", id));
        }
        let delivery = tx.delivery(id).await?;
        tx.commit().await?;
        Ok(delivery)
    }

    /// Sends all dead letters again, or those of one channel, and returns how many.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn replay_dead(
        &self,
        channel: Option<&ChannelName>,
        now: Timestamp,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE outbox SET state = 'pending', at = $1, attempt = 0
             WHERE state = 'dead' AND ($2 = '' OR channel = $2)",
        )
        .bind(micros(now))
        .bind(channel.map_or("", ChannelName::as_str))
        .execute(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }

    /// One message.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn delivery(&self, id: DeliveryId) -> Result<Delivery, StoreError> {
        let row: Option<DeliveryRow> =
            sqlx::query_as(concat!("SELECT ", delivery_columns!(), " FROM outbox o WHERE o.id = $1"))
                .bind(id.to_string())
                .fetch_optional(self.reader())
                .await?;
        row.map(delivery).transpose()?.ok_or_else(|| StoreError::not_found("delivery", id))
    }

    /// The messages of one event, by channel.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn deliveries_of(&self, event: EventSeq) -> Result<Vec<Delivery>, StoreError> {
        let rows: Vec<DeliveryRow> = sqlx::query_as(concat!(
            "SELECT ",
            delivery_columns!(),
            " FROM outbox o WHERE o.event_seq = $1 ORDER BY o.channel"
        ))
        .bind(event.0)
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(delivery).collect()
    }

    /// How many messages are in each state, for metrics.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn outbox_counts(&self) -> Result<OutboxCounts, StoreError> {
        let rows: Vec<(String, i64)> = sqlx::query_as("SELECT state, COUNT(*) FROM outbox GROUP BY state")
            .fetch_all(self.reader())
            .await?;
        let of = |state: &str| {
            rows.iter().find(|(name, _)| name == state).and_then(|(_, n)| u64::try_from(*n).ok()).unwrap_or(0)
        };
        Ok(OutboxCounts {
            pending: of("pending"),
            claimed: of("claimed"),
            delivered: of("delivered"),
            dead: of("dead"),
        })
    }

    /// When the next message is due, or a lease ends: how long a sender may sleep.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn next_delivery_at(&self) -> Result<Option<Timestamp>, StoreError> {
        let at: Option<i64> =
            sqlx::query_scalar("SELECT MIN(at) FROM outbox WHERE state IN ('pending', 'claimed')")
                .fetch_one(self.reader())
                .await?;
        at.map(time).transpose()
    }
}
