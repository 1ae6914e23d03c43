//! Facts about this database that are neither items nor events, such as the id of a host.

use crate::{error::StoreError, row::clean, store::Store};

impl Store {
    /// The fact of that name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn meta(&self, name: &str) -> Result<Option<String>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM meta WHERE name = $1")
            .bind(clean(name))
            .fetch_optional(self.reader())
            .await?;
        Ok(value)
    }

    /// The fact of that name, written as `value` where there is none: of several hosts that ask at once, all
    /// get the same answer.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn meta_or_insert(&self, name: &str, value: &str) -> Result<String, StoreError> {
        let mut tx = self.begin().await?;
        let kept = sqlx::query_scalar(
            "INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = meta.value
             RETURNING value",
        )
        .bind(clean(name))
        .bind(clean(value))
        .fetch_one(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        Ok(kept)
    }

    /// Raises the counter of that name to `at_least`, and gives what it is then: it never goes back, whoever asks.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn raise(&self, name: &str, at_least: u64) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        let value = i64::try_from(at_least).unwrap_or(i64::MAX);
        let kept: i64 = sqlx::query_scalar(
            "INSERT INTO counters (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE
             SET value = CASE WHEN counters.value < excluded.value THEN excluded.value ELSE counters.value END
             RETURNING value",
        )
        .bind(clean(name))
        .bind(value)
        .fetch_one(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        Ok(u64::try_from(kept).unwrap_or_default())
    }

    /// Writes a fact.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn set_meta(&self, name: &str, value: &str) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("INSERT INTO meta (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = excluded.value")
            .bind(clean(name))
            .bind(clean(value))
            .execute(&mut *tx.tx)
            .await?;
        tx.commit().await
    }
}
