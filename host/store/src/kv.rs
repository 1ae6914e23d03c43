//! The small durable store of each plugin.
//!
//! Keys are kept as bytes, so prefixes, order and pages are the same in both databases and no character is
//! special. What a plugin uses is counted in the transaction that changes it.

use sqlx::{Any, query::QueryScalar};
use waystation_core::name::PluginName;

use crate::{
    error::StoreError,
    row::{count, unsigned},
    store::{Store, Tx},
};

/// Keys in one page.
pub const KEYS_PER_PAGE: usize = 1_000;
/// The longest key, in bytes.
pub const MAX_KEY: u64 = 1_024;

/// What one plugin may store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvLimits {
    /// Bytes of one value.
    pub value: u64,
    /// Bytes of all keys and values.
    pub total: u64,
    /// Number of keys.
    pub entries: u64,
}

impl Default for KvLimits {
    /// 1 MiB, 64 MiB, 65,536.
    fn default() -> Self {
        Self { value: 1 << 20, total: 64 << 20, entries: 1 << 16 }
    }
}

/// What one plugin stores.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KvUsage {
    /// Bytes of all keys and values.
    pub bytes: u64,
    /// Number of keys.
    pub entries: u64,
}

/// Keys in byte order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct KeyPage {
    /// At most [`KEYS_PER_PAGE`].
    pub keys: Vec<String>,
    /// Where the next page starts; none where this was the last.
    pub cursor: Option<String>,
}

/// The least text, as bytes, that is greater than all that start with `prefix`; none where there is none.
fn successor(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut bytes = prefix.to_vec();
    while let Some(last) = bytes.pop() {
        if let Some(next) = last.checked_add(1) {
            bytes.push(next);
            return Some(bytes);
        }
    }
    None
}

impl Tx<'_> {
    /// What a plugin uses; nobody else changes it until this transaction ends.
    async fn usage(&mut self, plugin: &PluginName) -> Result<KvUsage, StoreError> {
        sqlx::query(
            "INSERT INTO kv_usage (plugin, bytes, entries) VALUES ($1, 0, 0) ON CONFLICT (plugin) DO NOTHING",
        )
        .bind(plugin.as_str())
        .execute(&mut *self.tx)
        .await?;
        let (bytes, entries): (i64, i64) =
            sqlx::query_as("UPDATE kv_usage SET bytes = bytes WHERE plugin = $1 RETURNING bytes, entries")
                .bind(plugin.as_str())
                .fetch_one(&mut *self.tx)
                .await?;
        Ok(KvUsage { bytes: unsigned(bytes)?, entries: unsigned(entries)? })
    }

    async fn set_usage(&mut self, plugin: &PluginName, usage: KvUsage) -> Result<(), StoreError> {
        sqlx::query("UPDATE kv_usage SET bytes = $1, entries = $2 WHERE plugin = $3")
            .bind(count(usage.bytes))
            .bind(count(usage.entries))
            .bind(plugin.as_str())
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }

    /// Bytes of the key and the value that are stored under it, if any.
    async fn stored(&mut self, plugin: &PluginName, key: &str) -> Result<Option<u64>, StoreError> {
        let length: Option<i64> =
            sqlx::query_scalar("SELECT CAST(length(value) AS BIGINT) FROM kv WHERE plugin = $1 AND key = $2")
                .bind(plugin.as_str())
                .bind(key.as_bytes())
                .fetch_optional(&mut *self.tx)
                .await?;
        length.map(|length| Ok(unsigned(length)?.saturating_add(size(key)))).transpose()
    }
    /// Stores a value, unless a limit would be passed.
    async fn put(
        &mut self,
        plugin: &PluginName,
        key: &str,
        value: &[u8],
        limits: &KvLimits,
    ) -> Result<(), StoreError> {
        within("a key", size(key), MAX_KEY)?;
        within("a value", size(value), limits.value)?;
        let before = self.usage(plugin).await?;
        let stored = self.stored(plugin, key).await?;
        let usage = KvUsage {
            bytes: before
                .bytes
                .saturating_sub(stored.unwrap_or(0))
                .saturating_add(size(key))
                .saturating_add(size(value)),
            entries: before.entries.saturating_add(u64::from(stored.is_none())),
        };
        // What does not grow is let through: a plugin over a lowered limit can still shrink.
        if usage.bytes > before.bytes {
            within("the sum of keys and values", usage.bytes, limits.total)?;
        }
        if usage.entries > before.entries {
            within("the number of keys", usage.entries, limits.entries)?;
        }
        sqlx::query(
            "INSERT INTO kv (plugin, key, value) VALUES ($1, $2, $3)
             ON CONFLICT (plugin, key) DO UPDATE SET value = excluded.value",
        )
        .bind(plugin.as_str())
        .bind(key.as_bytes())
        .bind(value)
        .execute(&mut *self.tx)
        .await?;
        self.set_usage(plugin, usage).await
    }
}

fn size(bytes: impl AsRef<[u8]>) -> u64 {
    u64::try_from(bytes.as_ref().len()).unwrap_or(u64::MAX)
}

impl Store {
    /// The value under `key`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kv_get(&self, plugin: &PluginName, key: &str) -> Result<Option<Vec<u8>>, StoreError> {
        let value = sqlx::query_scalar("SELECT value FROM kv WHERE plugin = $1 AND key = $2")
            .bind(plugin.as_str())
            .bind(key.as_bytes())
            .fetch_optional(self.reader())
            .await?;
        Ok(value)
    }

    /// Stores `value` under `key`, in place of what was there.
    ///
    /// # Errors
    /// `too-large` where the key, the value, the number of keys or the sum would pass its limit.
    pub async fn kv_set(
        &self,
        plugin: &PluginName,
        key: &str,
        value: &[u8],
        limits: &KvLimits,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.put(plugin, key, value, limits).await?;
        tx.commit().await
    }

    /// Adds `delta` to the decimal number under `key`, 0 when there is none, and answers the sum.
    ///
    /// # Errors
    /// `conflict` where the value is no number or the sum no longer fits; `too-large` as [`Store::kv_set`].
    pub async fn kv_increment(
        &self,
        plugin: &PluginName,
        key: &str,
        delta: u64,
        limits: &KvLimits,
    ) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        // Locks the plugin's row, so that two increments are one after the other.
        tx.usage(plugin).await?;
        let before: Option<Vec<u8>> =
            sqlx::query_scalar("SELECT value FROM kv WHERE plugin = $1 AND key = $2")
                .bind(plugin.as_str())
                .bind(key.as_bytes())
                .fetch_optional(&mut *tx.tx)
                .await?;
        let number = match &before {
            None => Some(0),
            Some(bytes) => std::str::from_utf8(bytes).ok().and_then(|text| text.parse::<u64>().ok()),
        };
        let sum = number
            .and_then(|number| number.checked_add(delta))
            .ok_or_else(|| StoreError::Conflict { what: "number", name: key.to_owned() })?;
        tx.put(plugin, key, sum.to_string().as_bytes(), limits).await?;
        tx.commit().await?;
        Ok(sum)
    }

    /// Removes `key` and returns whether it was there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kv_delete(&self, plugin: &PluginName, key: &str) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let before = tx.usage(plugin).await?;
        let Some(stored) = tx.stored(plugin, key).await? else { return Ok(false) };
        sqlx::query("DELETE FROM kv WHERE plugin = $1 AND key = $2")
            .bind(plugin.as_str())
            .bind(key.as_bytes())
            .execute(&mut *tx.tx)
            .await?;
        let usage =
            KvUsage { bytes: before.bytes.saturating_sub(stored), entries: before.entries.saturating_sub(1) };
        tx.set_usage(plugin, usage).await?;
        tx.commit().await?;
        Ok(true)
    }

    /// One page of the keys that start with `prefix`, in byte order, after `cursor`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kv_keys(
        &self,
        plugin: &PluginName,
        prefix: &str,
        cursor: Option<&str>,
    ) -> Result<KeyPage, StoreError> {
        // Both bounds are ranges over bytes; LIKE would give `%` and `_` a meaning and bring in a collation.
        let after = match cursor {
            Some(cursor) if cursor.as_bytes() >= prefix.as_bytes() => {
                "SELECT key FROM kv WHERE plugin = $1 AND key > $2"
            }
            _ => "SELECT key FROM kv WHERE plugin = $1 AND key >= $2",
        };
        let start = cursor.filter(|cursor| cursor.as_bytes() >= prefix.as_bytes()).unwrap_or(prefix);
        let end = successor(prefix.as_bytes());
        let bound = if end.is_some() { " AND key < $4" } else { "" };
        let sql = format!("{after}{bound} ORDER BY key LIMIT $3");
        let mut query: QueryScalar<'_, Any, Vec<u8>, _> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
            .bind(plugin.as_str())
            .bind(start.as_bytes())
            .bind(count(KEYS_PER_PAGE.saturating_add(1)));
        if let Some(end) = end {
            query = query.bind(end);
        }
        let rows = query.fetch_all(self.reader()).await?;
        let more = rows.len() > KEYS_PER_PAGE;
        let keys = rows.into_iter().take(KEYS_PER_PAGE).map(String::from_utf8);
        let keys =
            keys.collect::<Result<Vec<_>, _>>().map_err(|_| StoreError::corrupt("a key is not UTF-8"))?;
        let cursor = if more { keys.last().cloned() } else { None };
        Ok(KeyPage { keys, cursor })
    }

    /// What a plugin uses.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kv_usage(&self, plugin: &PluginName) -> Result<KvUsage, StoreError> {
        let row: Option<(i64, i64)> = sqlx::query_as("SELECT bytes, entries FROM kv_usage WHERE plugin = $1")
            .bind(plugin.as_str())
            .fetch_optional(self.reader())
            .await?;
        let (bytes, entries) = row.unwrap_or_default();
        Ok(KvUsage { bytes: unsigned(bytes)?, entries: unsigned(entries)? })
    }

    /// Removes all that a plugin stored.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn kv_clear(&self, plugin: &PluginName) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // Taken first, as by the other changes, so that two of them cannot wait for each other.
        tx.usage(plugin).await?;
        sqlx::query("DELETE FROM kv WHERE plugin = $1").bind(plugin.as_str()).execute(&mut *tx.tx).await?;
        tx.set_usage(plugin, KvUsage::default()).await?;
        tx.commit().await
    }
}

fn within(what: &'static str, size: u64, limit: u64) -> Result<(), StoreError> {
    if size > limit { Err(StoreError::TooLarge { what, limit }) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_successor_of_a_prefix() {
        assert_eq!(successor(b"ab"), Some(b"ac".to_vec()));
        assert_eq!(successor(b"a\xff"), Some(b"b".to_vec()));
        assert_eq!(successor(b"\xff\xff"), None);
        assert_eq!(successor(b""), None);
        assert_eq!(successor("\u{10ffff}".as_bytes()), Some(b"\xf4\x8f\xbf\xc0".to_vec()));
    }
}
