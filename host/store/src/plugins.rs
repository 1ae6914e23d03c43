//! What is known of each plugin across restarts.

use jiff::Timestamp;
use waystation_core::{event::NewEvent, name::PluginName, outbox::Failure};

use crate::{
    error::StoreError,
    row::{clean, from_json, micros, parsed, time, to_json},
    store::{Route, Store},
};

/// The state of a plugin that survives a restart.
#[derive(Debug, Clone, PartialEq)]
pub struct PluginRecord {
    /// Its name in the configuration.
    pub name: PluginName,
    /// The digest of the bundle that this state belongs to.
    pub digest: String,
    /// Whether an operator wants it to run.
    pub enabled: bool,
    /// The quarantine as the runtime wrote it; none where it is not in one.
    pub quarantine: Option<serde_json::Value>,
    /// Why it last failed.
    pub last_error: Option<Failure>,
    /// When this was written.
    pub updated_at: Timestamp,
}

type PluginRow = (String, String, i64, Option<String>, Option<String>, i64);

fn plugin((name, digest, enabled, quarantine, error, at): PluginRow) -> Result<PluginRecord, StoreError> {
    Ok(PluginRecord {
        name: parsed(&name)?,
        digest,
        enabled: enabled != 0,
        quarantine: quarantine.as_deref().map(from_json).transpose()?,
        last_error: error.as_deref().map(from_json).transpose()?,
        updated_at: time(at)?,
    })
}

impl Store {
    /// Writes the state of a plugin and the events that tell of it, in one transaction.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn put_plugin(
        &self,
        record: &PluginRecord,
        events: Vec<NewEvent>,
        route: &Route<'_>,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO plugins (name, digest, enabled, quarantine, last_error, updated_at)
             VALUES ($1, $2, $3, $4, $5, $6)
             ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, enabled = excluded.enabled,
             quarantine = excluded.quarantine, last_error = excluded.last_error, updated_at = excluded.updated_at",
        )
        .bind(record.name.as_str())
        .bind(clean(&record.digest))
        .bind(i64::from(record.enabled))
        .bind(record.quarantine.as_ref().map(to_json).transpose()?)
        .bind(record.last_error.as_ref().map(to_json).transpose()?)
        .bind(micros(record.updated_at))
        .execute(&mut *tx.tx)
        .await?;
        for event in events {
            tx.emit(record.updated_at, event, route).await?;
        }
        tx.commit().await
    }

    /// Writes the quarantine of a plugin (none: it is over) and the event that tells of it, in one transaction.
    /// The rest of its state stays; a plugin of which nothing was written is one that is to run.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn set_quarantine(
        &self,
        name: &PluginName,
        digest: &str,
        quarantine: Option<&serde_json::Value>,
        event: NewEvent,
        route: &Route<'_>,
    ) -> Result<(), StoreError> {
        let now = event.occurred_at;
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO plugins (name, digest, enabled, quarantine, last_error, updated_at)
             VALUES ($1, $2, 1, $3, NULL, $4)
             ON CONFLICT (name) DO UPDATE SET digest = excluded.digest, quarantine = excluded.quarantine,
             updated_at = excluded.updated_at",
        )
        .bind(name.as_str())
        .bind(clean(digest))
        .bind(quarantine.map(to_json).transpose()?)
        .bind(micros(now))
        .execute(&mut *tx.tx)
        .await?;
        tx.emit(now, event, route).await?;
        tx.commit().await
    }

    /// Keeps what serves as a plugin now, and the events that `told` makes of what served before, in one transaction.
    /// What serves is the caller's to write and read. Gives whether anything was new.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn serves(
        &self,
        name: &PluginName,
        digest: &str,
        served: &serde_json::Value,
        now: Timestamp,
        told: impl FnOnce(Option<serde_json::Value>) -> Vec<NewEvent> + Send,
        route: &Route<'_>,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        // Takes the row's lock before it is read: of two hosts that load the same, one has news.
        let before: Option<String> = sqlx::query_scalar(
            "INSERT INTO plugins (name, digest, enabled, quarantine, last_error, updated_at)
             VALUES ($1, $2, 1, NULL, NULL, $3)
             ON CONFLICT (name) DO UPDATE SET updated_at = excluded.updated_at RETURNING served",
        )
        .bind(name.as_str())
        .bind(clean(digest))
        .bind(micros(now))
        .fetch_one(&mut *tx.tx)
        .await?;
        let before = before.as_deref().map(from_json).transpose()?;
        if before.as_ref() == Some(served) {
            return Ok(false);
        }
        sqlx::query("UPDATE plugins SET served = $2 WHERE name = $1")
            .bind(name.as_str())
            .bind(to_json(served)?)
            .execute(&mut *tx.tx)
            .await?;
        for event in told(before) {
            tx.emit(now, event, route).await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// The state of one plugin; none where nothing was ever written of it.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn plugin(&self, name: &PluginName) -> Result<Option<PluginRecord>, StoreError> {
        let row: Option<PluginRow> = sqlx::query_as(
            "SELECT name, digest, enabled, quarantine, last_error, updated_at FROM plugins WHERE name = $1",
        )
        .bind(name.as_str())
        .fetch_optional(self.reader())
        .await?;
        row.map(plugin).transpose()
    }

    /// The state of all plugins, by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn plugins(&self) -> Result<Vec<PluginRecord>, StoreError> {
        let rows: Vec<PluginRow> = sqlx::query_as(
            "SELECT name, digest, enabled, quarantine, last_error, updated_at FROM plugins ORDER BY name",
        )
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(plugin).collect()
    }

    /// Forgets a plugin and all that it stored.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_plugin(&self, name: &PluginName) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for sql in [
            "DELETE FROM kv_usage WHERE plugin = $1",
            "DELETE FROM kv WHERE plugin = $1",
            "DELETE FROM plugins WHERE name = $1",
        ] {
            sqlx::query(sql).bind(name.as_str()).execute(&mut *tx.tx).await?;
        }
        tx.commit().await
    }
}
