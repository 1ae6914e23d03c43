//! Machines, and what is installed on them.

use std::collections::HashMap;

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};
use waystation_core::{
    check::compare_installed,
    id::{ItemId, MachineId},
    machine::{Machine, MachineItem, Standing},
    name::{MachineName, ManagerName},
};

use crate::{
    bulk,
    error::StoreError,
    row::{clean, from_json, micros, parsed, random, time, to_json},
    store::{Route, Store, Tx},
};

type MachineRow = (String, String, i64);
type InstalledRow = (String, String, String, String, String, i64, String);

fn machine((id, name, created): MachineRow) -> Result<Machine, StoreError> {
    Ok(Machine { id: parsed(&id)?, name: parsed(&name)?, created_at: time(created)? })
}

fn installed(
    (machine, name, item, manager, installed, seen, standing): InstalledRow,
) -> Result<MachineItem, StoreError> {
    Ok(MachineItem {
        machine: parsed(&machine)?,
        machine_name: parsed(&name)?,
        item: parsed(&item)?,
        manager: parsed(&manager)?,
        installed,
        seen_at: time(seen)?,
        standing: from_json(&standing)?,
    })
}

async fn installed_of(
    connection: &mut AnyConnection,
    items: &[ItemId],
) -> Result<HashMap<ItemId, Vec<MachineItem>>, StoreError> {
    let mut all: HashMap<ItemId, Vec<MachineItem>> = HashMap::new();
    for group in bulk::filled(items) {
        let text = format!(
            "SELECT a.machine_id, m.name, a.item_id, a.manager, a.installed, a.seen_at, a.standing
             FROM machine_items a JOIN machines m ON m.id = a.machine_id
             WHERE a.item_id IN ({}) ORDER BY a.machine_id",
            bulk::list(group.len())
        );
        let mut query = sqlx::query_as(AssertSqlSafe(text));
        for id in group {
            query = query.bind(id.to_string());
        }
        let rows: Vec<InstalledRow> = query.fetch_all(&mut *connection).await?;
        for row in rows {
            let row = installed(row)?;
            all.entry(row.item).or_default().push(row);
        }
    }
    Ok(all)
}

impl Tx<'_> {
    /// Where an item is installed.
    pub(crate) async fn installed(&mut self, item: ItemId) -> Result<Vec<MachineItem>, StoreError> {
        Ok(self.installed_of(&[item]).await?.remove(&item).unwrap_or_default())
    }

    /// Where these items are installed.
    pub(crate) async fn installed_of(
        &mut self,
        items: &[ItemId],
    ) -> Result<HashMap<ItemId, Vec<MachineItem>>, StoreError> {
        installed_of(&mut self.tx, items).await
    }

    pub(crate) async fn set_standing(
        &mut self,
        item: ItemId,
        machine: MachineId,
        standing: &Standing,
    ) -> Result<(), StoreError> {
        sqlx::query("UPDATE machine_items SET standing = $1 WHERE machine_id = $2 AND item_id = $3")
            .bind(to_json(standing)?)
            .bind(machine.to_string())
            .bind(item.to_string())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

impl Store {
    /// The machine of that name, added where there is none.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ensure_machine(&self, name: &MachineName, now: Timestamp) -> Result<Machine, StoreError> {
        let mut tx = self.begin().await?;
        let row: MachineRow = sqlx::query_as(
            "INSERT INTO machines (id, name, created_at) VALUES ($1, $2, $3)
             ON CONFLICT (name) DO UPDATE SET name = excluded.name RETURNING id, name, created_at",
        )
        .bind(MachineId::new(now, &random()).to_string())
        .bind(name.as_str())
        .bind(micros(now))
        .fetch_one(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        machine(row)
    }

    /// All machines by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn machines(&self) -> Result<Vec<Machine>, StoreError> {
        let rows: Vec<MachineRow> = sqlx::query_as("SELECT id, name, created_at FROM machines ORDER BY name")
            .fetch_all(self.reader())
            .await?;
        rows.into_iter().map(machine).collect()
    }

    /// Removes a machine and what is known to be installed on it.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn remove_machine(&self, id: MachineId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM machines WHERE id = $1")
            .bind(id.to_string())
            .execute(&mut *tx.tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("machine", id));
        }
        tx.commit().await
    }

    /// Notes which version of an item is installed on a machine, how that stands, and tells of a change, in one
    /// transaction.
    ///
    /// # Errors
    /// `not-found` where there is no such machine or item.
    pub async fn record_installed(
        &self,
        machine: MachineId,
        item: ItemId,
        manager: &ManagerName,
        version: &str,
        now: Timestamp,
        route: &Route<'_>,
    ) -> Result<MachineItem, StoreError> {
        let mut tx = self.begin().await?;
        let item = tx.lock_item(item).await?;
        let name: Option<String> = sqlx::query_scalar("SELECT name FROM machines WHERE id = $1")
            .bind(machine.to_string())
            .fetch_optional(&mut *tx.tx)
            .await?;
        let name = name.ok_or_else(|| StoreError::not_found("machine", machine))?;
        let known = tx.known(item.id).await?.releases;
        let before = tx.installed(item.id).await?.into_iter().find(|installed| installed.machine == machine);
        let mut after = MachineItem {
            machine,
            machine_name: parsed(&name)?,
            item: item.id,
            manager: manager.clone(),
            installed: clean(version),
            seen_at: now,
            standing: Standing::Current,
        };
        let (standing, event) =
            compare_installed(&item, &known, before.as_ref().map(|b| &b.standing), &after, now);
        after.standing = standing;
        sqlx::query(
            "INSERT INTO machine_items (machine_id, item_id, manager, installed, seen_at, standing)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (machine_id, item_id) DO UPDATE SET manager = excluded.manager,
             installed = excluded.installed, seen_at = excluded.seen_at, standing = excluded.standing",
        )
        .bind(machine.to_string())
        .bind(item.id.to_string())
        .bind(manager.as_str())
        .bind(after.installed.as_str())
        .bind(micros(now))
        .bind(to_json(&after.standing)?)
        .execute(&mut *tx.tx)
        .await?;
        if let Some(event) = event {
            tx.emit(now, event, route).await?;
        }
        tx.commit().await?;
        Ok(after)
    }

    /// Forgets that an item is installed on a machine, and returns whether it was known to be.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_installed(&self, machine: MachineId, item: ItemId) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("DELETE FROM machine_items WHERE machine_id = $1 AND item_id = $2")
            .bind(machine.to_string())
            .bind(item.to_string())
            .execute(&mut *tx.tx)
            .await?;
        tx.commit().await?;
        Ok(done.rows_affected() > 0)
    }

    /// Where these items are installed, by machine each; nothing for an item that is installed nowhere.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn installed_of(
        &self,
        items: &[ItemId],
    ) -> Result<HashMap<ItemId, Vec<MachineItem>>, StoreError> {
        installed_of(&mut *self.reader().acquire().await?, items).await
    }

    /// Where one item is installed, or everything that is installed anywhere, by item and machine.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn installed(&self, item: Option<ItemId>) -> Result<Vec<MachineItem>, StoreError> {
        let rows: Vec<InstalledRow> = sqlx::query_as(
            "SELECT a.machine_id, m.name, a.item_id, a.manager, a.installed, a.seen_at, a.standing
             FROM machine_items a JOIN machines m ON m.id = a.machine_id
             WHERE $1 = '' OR a.item_id = $1 ORDER BY a.item_id, a.machine_id",
        )
        .bind(item.map(|item| item.to_string()).unwrap_or_default())
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(installed).collect()
    }
}
