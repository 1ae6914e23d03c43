//! Items and their releases.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use sqlx::AssertSqlSafe;
use waystation_core::{
    check::CheckState,
    event::{EventType, NewEvent, Severity},
    id::{HostId, ItemId},
    item::{Item, ItemSpec},
    name::ItemName,
};

use crate::{
    bulk,
    error::{StoreError, or_conflict},
    releases::Changes,
    row::{count, from_json, lease_end, micros, parsed, random, time, to_json},
    store::{Route, Store, Tx},
};

type ItemRow = (String, String, i64, i64, String, i64);

macro_rules! item_columns {
    () => {
        "id, spec, created_at, updated_at, check_state, next_check_at"
    };
}

fn item((id, spec, created, updated, check, next): ItemRow) -> Result<Item, StoreError> {
    Ok(Item {
        id: parsed(&id)?,
        spec: from_json(&spec)?,
        created_at: time(created)?,
        updated_at: time(updated)?,
        check: from_json(&check)?,
        next_check_at: time(next)?,
    })
}

/// An item that this host is to check now.
#[derive(Debug, Clone, PartialEq)]
pub struct DueItem {
    /// The item.
    pub item: Item,
    /// Until then no other host checks it.
    pub until: Timestamp,
}

fn told(item: &Item, kind: EventType, now: Timestamp) -> NewEvent {
    let data = json!({ "item": item.spec.name, "item_id": item.id, "source": item.spec.source, "locator": item.spec.locator });
    NewEvent {
        kind,
        subject: item.spec.name.to_string(),
        severity: Severity::Info,
        data: data.as_object().cloned().unwrap_or_default(),
        occurred_at: now,
        key: None,
    }
}

impl Tx<'_> {
    /// One item; nobody else changes it until this transaction ends.
    pub(crate) async fn lock_item(&mut self, id: ItemId) -> Result<Item, StoreError> {
        let row: Option<ItemRow> =
            sqlx::query_as(concat!("UPDATE items SET name = name WHERE id = $1 RETURNING ", item_columns!()))
                .bind(id.to_string())
                .fetch_optional(&mut *self.tx)
                .await?;
        row.map(item).transpose()?.ok_or_else(|| StoreError::not_found("item", id))
    }

    /// These items, as far as they are there, by their ids; nobody else changes them until this transaction ends.
    ///
    /// Rows are locked in the order of ids, so that transactions that lock several never wait for each other in a
    /// circle.
    pub(crate) async fn lock_items(&mut self, ids: &[ItemId]) -> Result<Vec<Item>, StoreError> {
        let mut items: Vec<Item> = Vec::with_capacity(ids.len());
        for group in bulk::filled(ids) {
            let text = format!(
                "SELECT {} FROM items WHERE id IN ({}) ORDER BY id{}",
                item_columns!(),
                bulk::list(group.len()),
                self.lock_rows()
            );
            let mut query = sqlx::query_as(AssertSqlSafe(text));
            for id in group {
                query = query.bind(id.to_string());
            }
            let rows: Vec<ItemRow> = query.fetch_all(&mut *self.tx).await?;
            for row in rows {
                items.push(item(row)?);
            }
        }
        Ok(items)
    }

    /// Notes how the checks of items stand, and ends the claims on them.
    pub(crate) async fn set_checks(
        &mut self,
        checks: &[(ItemId, &CheckState, Timestamp)],
    ) -> Result<(), StoreError> {
        for run in bulk::runs(checks) {
            // Both databases call the columns of a list of values so.
            let text = format!(
                "UPDATE items SET check_state = v.column2, next_check_at = v.column3, claimed_by = NULL,
                 lease_until = NULL FROM (VALUES {}) AS v WHERE items.id = v.column1",
                bulk::values(run.len(), 3)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (id, check, next) in run {
                query = query.bind(id.to_string()).bind(to_json(check)?).bind(micros(*next));
            }
            query.execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}

impl Store {
    /// Adds an item that is checked from `first_check_at` on.
    ///
    /// # Errors
    /// `conflict` where an item has that name.
    pub async fn add_item(
        &self,
        spec: ItemSpec,
        first_check_at: Timestamp,
        now: Timestamp,
        route: &Route<'_>,
    ) -> Result<Item, StoreError> {
        let added = Item {
            id: ItemId::new(now, &random()),
            spec,
            created_at: now,
            updated_at: now,
            check: CheckState::default(),
            next_check_at: first_check_at,
        };
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO items (id, name, source, spec, created_at, updated_at, check_state, next_check_at)
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        )
        .bind(added.id.to_string())
        .bind(added.spec.name.as_str())
        .bind(added.spec.source.as_str())
        .bind(to_json(&added.spec)?)
        .bind(micros(now))
        .bind(micros(now))
        .bind(to_json(&added.check)?)
        .bind(micros(first_check_at))
        .execute(&mut *tx.tx)
        .await
        .map_err(or_conflict("item", &added.spec.name))?;
        tx.emit(now, told(&added, EventType::ITEM_ADDED, now), route).await?;
        tx.commit().await?;
        Ok(added)
    }

    /// Changes what an operator says of an item, and has it checked now. Where it asks something else of its
    /// source from now on, what was learnt before is forgotten.
    ///
    /// # Errors
    /// `not-found`; `conflict` where another item has the new name.
    pub async fn update_item(
        &self,
        id: ItemId,
        spec: ItemSpec,
        now: Timestamp,
        route: &Route<'_>,
    ) -> Result<Item, StoreError> {
        let mut tx = self.begin().await?;
        let mut changed = tx.lock_item(id).await?;
        if !changed.spec.asks_the_same(&spec) {
            changed.check = CheckState::default();
            let mut forgotten = Changes::default();
            forgotten.add(id, &tx.known(id).await?, &[])?;
            tx.change_known(&forgotten).await?;
        }
        (changed.spec, changed.updated_at, changed.next_check_at) = (spec, now, now);
        sqlx::query("UPDATE items SET name = $1, source = $2, spec = $3, updated_at = $4 WHERE id = $5")
            .bind(changed.spec.name.as_str())
            .bind(changed.spec.source.as_str())
            .bind(to_json(&changed.spec)?)
            .bind(micros(now))
            .bind(id.to_string())
            .execute(&mut *tx.tx)
            .await
            .map_err(or_conflict("item", &changed.spec.name))?;
        tx.set_checks(&[(id, &changed.check, now)]).await?;
        tx.emit(now, told(&changed, EventType::ITEM_CHANGED, now), route).await?;
        tx.commit().await?;
        Ok(changed)
    }

    /// Removes an item with its releases and where it is installed. Its events stay.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn remove_item(
        &self,
        id: ItemId,
        now: Timestamp,
        route: &Route<'_>,
    ) -> Result<Item, StoreError> {
        let mut tx = self.begin().await?;
        let removed = tx.lock_item(id).await?;
        sqlx::query("DELETE FROM items WHERE id = $1").bind(id.to_string()).execute(&mut *tx.tx).await?;
        tx.emit(now, told(&removed, EventType::ITEM_REMOVED, now), route).await?;
        tx.commit().await?;
        Ok(removed)
    }

    /// One item by its id.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn item(&self, id: ItemId) -> Result<Item, StoreError> {
        let row: Option<ItemRow> =
            sqlx::query_as(concat!("SELECT ", item_columns!(), " FROM items WHERE id = $1"))
                .bind(id.to_string())
                .fetch_optional(self.reader())
                .await?;
        row.map(item).transpose()?.ok_or_else(|| StoreError::not_found("item", id))
    }

    /// One item by its name.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn item_named(&self, name: &ItemName) -> Result<Item, StoreError> {
        let row: Option<ItemRow> =
            sqlx::query_as(concat!("SELECT ", item_columns!(), " FROM items WHERE name = $1"))
                .bind(name.as_str())
                .fetch_optional(self.reader())
                .await?;
        row.map(item).transpose()?.ok_or_else(|| StoreError::not_found("item", name))
    }

    /// Up to `limit` items by name, those after `after`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn items(&self, after: Option<&ItemName>, limit: u32) -> Result<Vec<Item>, StoreError> {
        let rows: Vec<ItemRow> = sqlx::query_as(concat!(
            "SELECT ",
            item_columns!(),
            " FROM items WHERE name > $1 ORDER BY name LIMIT $2"
        ))
        .bind(after.map_or("", ItemName::as_str))
        .bind(count(limit))
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(item).collect()
    }

    /// How many items there are.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn count_items(&self) -> Result<u64, StoreError> {
        let n: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM items").fetch_one(self.reader()).await?;
        crate::row::unsigned(n)
    }

    /// Whether a check is due that no host does yet. To look costs less than to claim: it waits for no writer.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_check_due(&self, now: Timestamp) -> Result<bool, StoreError> {
        let found: Option<String> = sqlx::query_scalar(
            "SELECT id FROM items WHERE next_check_at <= $1 AND (lease_until IS NULL OR lease_until <= $1) LIMIT 1",
        )
        .bind(micros(now))
        .fetch_optional(self.reader())
        .await?;
        Ok(found.is_some())
    }

    /// Claims up to `limit` items whose check is due, the longest due first, until `now + lease`. An item is
    /// held by one host at a time; its claim ends with [`Store::record_check`] or with the lease.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_due_items(
        &self,
        host: HostId,
        now: Timestamp,
        lease: Duration,
        limit: u32,
    ) -> Result<Vec<DueItem>, StoreError> {
        let until = lease_end(now, lease);
        let mut tx = self.begin().await?;
        tx.take("claim-items").await?;
        let rows: Vec<ItemRow> = sqlx::query_as(concat!(
            "UPDATE items SET claimed_by = $1, lease_until = $2 WHERE id IN
             (SELECT id FROM items WHERE next_check_at <= $3 AND (lease_until IS NULL OR lease_until <= $3)
              ORDER BY next_check_at, id LIMIT $4) RETURNING ",
            item_columns!()
        ))
        .bind(host.to_string())
        .bind(until)
        .bind(micros(now))
        .bind(count(limit))
        .fetch_all(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        let mut due = rows
            .into_iter()
            .map(|row| Ok(DueItem { item: item(row)?, until: time(until)? }))
            .collect::<Result<Vec<_>, StoreError>>()?;
        due.sort_by_key(|due| (due.item.next_check_at, due.item.id));
        Ok(due)
    }

    /// Has an item checked at `at`.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn check_item_at(&self, id: ItemId, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE items SET next_check_at = $1 WHERE id = $2")
            .bind(micros(at))
            .bind(id.to_string())
            .execute(&mut *tx.tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("item", id));
        }
        tx.commit().await
    }
}
