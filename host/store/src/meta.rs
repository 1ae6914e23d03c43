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
