//! Numbers that many changes go by: how many rows a tenant has, how often somebody asked. In one transaction each is read
//! once at most, and written once, however many changes are made together.

use std::collections::BTreeMap;

use sqlx::{AnyConnection, AssertSqlSafe};

use crate::bulk;
use crate::error::StoreError;

/// What became of such numbers in a transaction, and is not written yet.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    /// By tenant, and by what is counted.
    tallies: BTreeMap<(String, &'static str), Tallied>,
    /// By name: until when what may be asked is used up, in microseconds.
    rates: BTreeMap<String, i64>,
}

#[derive(Debug, Default)]
struct Tallied {
    /// How many there were, where somebody looked.
    found: Option<i64>,
    /// How many more there are since.
    more: i64,
}

impl Ledger {
    /// How many there are.
    pub(crate) async fn tally(
        &mut self,
        db: &mut AnyConnection,
        tenant: &str,
        what: &'static str,
    ) -> Result<i64, StoreError> {
        let tallied = self.tallies.entry((tenant.to_owned(), what)).or_default();
        let found = match tallied.found {
            Some(found) => found,
            None => {
                let found: Option<i64> =
                    sqlx::query_scalar("SELECT value FROM tallies WHERE tenant = $1 AND what = $2")
                        .bind(tenant)
                        .bind(what)
                        .fetch_optional(db)
                        .await?;
                *tallied.found.insert(found.unwrap_or_default())
            }
        };
        Ok(found.saturating_add(tallied.more))
    }

    /// So many more, or fewer.
    pub(crate) fn count(&mut self, tenant: &str, what: &'static str, more: i64) {
        let tallied = self.tallies.entry((tenant.to_owned(), what)).or_default();
        tallied.more = tallied.more.saturating_add(more);
    }

    /// Forgets what was counted of a tenant: somebody wrote all of it anew.
    pub(crate) fn forget(&mut self, tenant: &str) {
        self.tallies.retain(|(of, _), _| of != tenant);
    }

    /// Until when what this name may ask is used up, where that is not written yet.
    pub(crate) fn rate(&self, name: &str) -> Option<i64> {
        self.rates.get(name).copied()
    }

    /// Keeps that.
    pub(crate) fn keep_rate(&mut self, name: &str, until: i64) {
        self.rates.insert(name.to_owned(), until);
    }

    /// Writes it.
    pub(crate) async fn write(self, db: &mut AnyConnection) -> Result<(), StoreError> {
        for ((tenant, what), Tallied { more, .. }) in self.tallies {
            let text = match more {
                0 => continue,
                // There is a row where there were some before.
                ..0 => "UPDATE tallies SET value = value + $3 WHERE tenant = $1 AND what = $2",
                1.. => {
                    "INSERT INTO tallies (tenant, what, value) VALUES ($1, $2, $3)
                     ON CONFLICT (tenant, what) DO UPDATE SET value = tallies.value + excluded.value"
                }
            };
            sqlx::query(text).bind(tenant).bind(what).bind(more).execute(&mut *db).await?;
        }
        let rates: Vec<(String, i64)> = self.rates.into_iter().collect();
        for run in bulk::runs(&rates) {
            let text = format!(
                "INSERT INTO rate_limits (name, tat) VALUES {}
                 ON CONFLICT (name) DO UPDATE SET tat = excluded.tat",
                bulk::values(run.len(), 2)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (name, until) in run {
                query = query.bind(name.as_str()).bind(*until);
            }
            query.execute(&mut *db).await?;
        }
        Ok(())
    }
}
