//! Events: stored once, in order, together with the change they tell of and the messages they cause.

use std::{collections::HashSet, sync::Arc, time::Duration};

use jiff::Timestamp;
use sqlx::AssertSqlSafe;
use waystation_core::{
    event::{Event, EventSeq, NewEvent, Severity},
    id::{DeliveryId, EventId},
};

use crate::{
    bulk,
    error::StoreError,
    row::{clean, count, from_json, micros, parsed, random, time, to_json},
    store::{Route, Store, Tx},
};

/// The columns of [`EventRow`], in its order.
macro_rules! event_columns {
    () => {
        "e.seq, e.id, e.kind, e.subject, e.severity, e.data, e.occurred_at"
    };
}
pub(crate) use event_columns;

pub(crate) type EventRow = (i64, String, String, String, String, String, i64);

pub(crate) fn event((seq, id, kind, subject, severity, data, at): EventRow) -> Result<Event, StoreError> {
    Ok(Event {
        seq: EventSeq(seq),
        id: parsed(&id)?,
        kind: parsed(&kind)?,
        subject,
        severity: Severity::from_word(&severity).ok_or_else(|| StoreError::corrupt(severity))?,
        data: from_json(&data)?,
        occurred_at: time(at)?,
    })
}

impl Tx<'_> {
    /// Stores an event and one message for each channel that `route` names, unless its key is known.
    pub(crate) async fn emit(
        &mut self,
        now: Timestamp,
        new: NewEvent,
        route: &Route<'_>,
    ) -> Result<(), StoreError> {
        self.emit_all(vec![(now, new)], route).await
    }

    /// [`Tx::emit`] for many, in this order.
    pub(crate) async fn emit_all(
        &mut self,
        new: Vec<(Timestamp, NewEvent)>,
        route: &Route<'_>,
    ) -> Result<(), StoreError> {
        if new.is_empty() {
            return Ok(());
        }
        // From here to the end of the transaction no other event can be stored, so the look for the keys holds.
        let last: i64 =
            sqlx::query_scalar("UPDATE counters SET value = value + $1 WHERE name = 'event' RETURNING value")
                .bind(count(new.len()))
                .fetch_one(&mut *self.tx)
                .await?;
        let mut told = self.keys_told(&new).await?;
        let mut rows = Vec::with_capacity(new.len());
        let mut messages = Vec::new();
        for (seq, (now, new)) in (last - count(new.len()) + 1..).zip(new) {
            let key = new.key.as_deref().map(clean);
            if key.clone().is_some_and(|key| !told.insert(key)) {
                continue;
            }
            let id = |now| DeliveryId::new(now, &random()).to_string();
            let mut channels = route(&new);
            channels.sort_unstable();
            channels.dedup();
            messages.extend(channels.into_iter().map(|channel| (id(now), seq, channel, micros(now))));
            let event = Event {
                seq: EventSeq(seq),
                id: EventId::new(now, &random()),
                kind: new.kind,
                subject: clean(&new.subject),
                severity: new.severity,
                data: new.data,
                occurred_at: new.occurred_at,
            };
            rows.push((Arc::new(event), key));
        }
        for run in bulk::runs(&rows) {
            let text = format!(
                "INSERT INTO events (seq, id, kind, subject, severity, data, occurred_at, dedup_key) VALUES {}",
                bulk::values(run.len(), 8)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (event, key) in run {
                query = query
                    .bind(event.seq.0)
                    .bind(event.id.to_string())
                    .bind(event.kind.as_str())
                    .bind(event.subject.as_str())
                    .bind(event.severity.as_str())
                    .bind(to_json(&event.data)?)
                    .bind(micros(event.occurred_at))
                    .bind(key.as_deref());
            }
            query.execute(&mut *self.tx).await?;
        }
        for run in bulk::runs(&messages) {
            let text = format!(
                "INSERT INTO outbox (id, event_seq, channel, at, attempt, state)
                 SELECT column1, column2, column3, column4, 0, 'pending' FROM (VALUES {}) AS v",
                bulk::values(run.len(), 4)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (id, seq, channel, at) in run {
                query = query.bind(id.as_str()).bind(*seq).bind(channel.as_str()).bind(*at);
            }
            query.execute(&mut *self.tx).await?;
        }
        self.emitted.extend(rows.into_iter().map(|(event, _)| event));
        Ok(())
    }

    /// Those keys of these events that were told before.
    async fn keys_told(&mut self, new: &[(Timestamp, NewEvent)]) -> Result<HashSet<String>, StoreError> {
        let keys: Vec<String> = new.iter().filter_map(|(_, new)| new.key.as_deref().map(clean)).collect();
        let mut told = HashSet::new();
        for group in bulk::filled(&keys) {
            let text =
                format!("SELECT dedup_key FROM events WHERE dedup_key IN ({})", bulk::list(group.len()));
            let mut query = sqlx::query_scalar(AssertSqlSafe(text));
            for key in &group {
                query = query.bind(key.as_str());
            }
            let found: Vec<String> = query.fetch_all(&mut *self.tx).await?;
            told.extend(found);
        }
        Ok(told)
    }
}

impl Store {
    /// Stores an event that belongs to no other change. Returns it, or none where its key is known.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn emit(
        &self,
        now: Timestamp,
        new: NewEvent,
        route: &Route<'_>,
    ) -> Result<Option<Arc<Event>>, StoreError> {
        let mut tx = self.begin().await?;
        tx.emit(now, new, route).await?;
        let stored = tx.emitted.first().cloned();
        tx.commit().await?;
        Ok(stored)
    }

    /// Up to `limit` events after `after`, oldest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn events_after(&self, after: EventSeq, limit: u32) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.seq > $1 ORDER BY e.seq LIMIT $2"
        ))
        .bind(after.0)
        .bind(count(limit))
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(event).collect()
    }

    /// Up to `limit` events before `before` (none: the latest), newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn events_before(
        &self,
        before: Option<EventSeq>,
        limit: u32,
    ) -> Result<Vec<Event>, StoreError> {
        let rows: Vec<EventRow> = sqlx::query_as(concat!(
            "SELECT ",
            event_columns!(),
            " FROM events e WHERE e.seq < $1 ORDER BY e.seq DESC LIMIT $2"
        ))
        .bind(before.map_or(i64::MAX, |seq| seq.0))
        .bind(count(limit))
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(event).collect()
    }

    /// The sequence number of the last stored event; 0 where there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn last_event(&self) -> Result<EventSeq, StoreError> {
        let seq =
            sqlx::query_scalar("SELECT COALESCE(MAX(seq), 0) FROM events").fetch_one(self.reader()).await?;
        Ok(EventSeq(seq))
    }

    /// Forgets events older than `keep` whose messages are all delivered, and returns how many. Dead letters
    /// keep their event.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn prune_events(&self, now: Timestamp, keep: Duration) -> Result<u64, StoreError> {
        let kept = count(keep.as_micros());
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "DELETE FROM events WHERE occurred_at < $1 AND NOT EXISTS
             (SELECT 1 FROM outbox o WHERE o.event_seq = events.seq AND o.state <> 'delivered')",
        )
        .bind(micros(now).saturating_sub(kept))
        .execute(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        Ok(done.rows_affected())
    }
}
