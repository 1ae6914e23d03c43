//! The record of what was done: see [`waystation_core::audit`]. Rows are written with the change that they tell of, and
//! by nothing else.

use sqlx::AssertSqlSafe;
use waystation_core::audit::{BEGINNING, Broken, Deed, Row, RowHash, Walk};
use waystation_core::name::TenantName;

use crate::bulk;
use crate::error::StoreError;
use crate::row::{clean, count, unsigned};
use crate::store::{Store, Tx};

/// How many rows are verified at once.
const PAGE: i64 = 1_000;

type AuditColumns = (i64, i64, String, String, String, String, String, String, String, Vec<u8>);

fn row(columns: AuditColumns) -> Result<Row, StoreError> {
    let (seq, at, actor, plane, action, target, outcome, request, address, hash) = columns;
    let fields = [actor, plane, action, target, outcome, request, address];
    Ok(Row { seq: unsigned(seq)?, at, fields, hash: row_hash(&hash)? })
}

fn row_hash(bytes: &[u8]) -> Result<RowHash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::corrupt("a hash of the record has another length"))
}

/// Which rows are asked for.
#[derive(Debug, Clone, Default)]
pub struct AuditFilter {
    /// Of this actor.
    pub actor: Option<String>,
    /// Of this action.
    pub action: Option<String>,
    /// About this.
    pub target: Option<String>,
}

/// What was found of a chain.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verified {
    /// The row before the first that is kept: older ones were removed.
    pub trimmed: u64,
    /// The last row.
    pub head: (u64, RowHash),
    /// Where the chain does not hold, if it does not.
    pub broken: Option<Broken>,
}

/// The ends of a chain, each by the number and hash of a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ends {
    /// The row before the first that is kept: older ones were removed.
    pub trimmed: (u64, RowHash),
    /// The last row.
    pub head: (u64, RowHash),
}

impl Tx<'_> {
    /// Adds deeds to the chain of a tenant.
    pub(crate) async fn append(&mut self, tenant: &TenantName, deeds: &[Deed]) -> Result<(), StoreError> {
        let head: Option<(i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, hash FROM audit_heads WHERE tenant = $1")
                .bind(tenant.as_str())
                .fetch_optional(&mut *self.tx)
                .await?;
        let (mut seq, mut hash) = match &head {
            Some((seq, hash)) => (unsigned(*seq)?, row_hash(hash)?),
            None => (0, BEGINNING),
        };
        let rows: Vec<Row> = deeds
            .iter()
            .map(|deed| {
                let row = Row::after((seq, &hash), cleaned(deed));
                (seq, hash) = (row.seq, row.hash);
                row
            })
            .collect();
        for run in bulk::runs(&rows) {
            let text = format!(
                "INSERT INTO audit (tenant, seq, at, actor, plane, action, target, outcome, request, address, hash)
                 VALUES {}",
                bulk::values(run.len(), 11)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for row in run {
                query = query.bind(tenant.as_str()).bind(count(row.seq)).bind(row.at);
                for field in &row.fields {
                    query = query.bind(field.as_str());
                }
                query = query.bind(row.hash.as_slice());
            }
            query.execute(&mut *self.tx).await?;
        }
        let text = match head {
            Some(_) => "UPDATE audit_heads SET seq = $2, hash = $3 WHERE tenant = $1",
            None => {
                "INSERT INTO audit_heads (tenant, seq, hash, trimmed_seq, trimmed_hash) VALUES ($1, $2, $3, 0, $4)"
            }
        };
        let mut query = sqlx::query(text).bind(tenant.as_str()).bind(count(seq)).bind(hash.as_slice());
        if head.is_none() {
            query = query.bind(BEGINNING.as_slice());
        }
        query.execute(&mut *self.tx).await?;
        Ok(())
    }
}

/// What both databases keep as it is, so that it is hashed as it is read.
fn cleaned(deed: &Deed) -> Deed {
    Deed {
        actor: clean(&deed.actor),
        target: clean(&deed.target),
        outcome: clean(&deed.outcome),
        request: deed.request.as_deref().map(clean),
        address: deed.address.as_deref().map(clean),
        ..deed.clone()
    }
}

impl Store {
    /// Rows after `after`, oldest first, at most `limit` of those that match.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit(
        &self,
        tenant: &TenantName,
        filter: &AuditFilter,
        after: u64,
        limit: u32,
    ) -> Result<Vec<Row>, StoreError> {
        let rows: Vec<AuditColumns> = sqlx::query_as(
            "SELECT seq, at, actor, plane, action, target, outcome, request, address, hash FROM audit
             WHERE tenant = $1 AND seq > $2 AND ($3 = '' OR actor = $3) AND ($4 = '' OR action = $4)
               AND ($5 = '' OR target = $5)
             ORDER BY seq LIMIT $6",
        )
        .bind(tenant.as_str())
        .bind(count(after))
        .bind(clean(filter.actor.as_deref().unwrap_or_default()))
        .bind(clean(filter.action.as_deref().unwrap_or_default()))
        .bind(clean(filter.target.as_deref().unwrap_or_default()))
        .bind(i64::from(limit))
        .fetch_all(self.reader())
        .await?;
        rows.into_iter().map(row).collect()
    }

    /// Where the chain of a tenant is cut and where it ends, as it is kept. Whether it holds is not looked at.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn audit_ends(&self, tenant: &TenantName) -> Result<Ends, StoreError> {
        let found: Option<(i64, Vec<u8>, i64, Vec<u8>)> =
            sqlx::query_as("SELECT seq, hash, trimmed_seq, trimmed_hash FROM audit_heads WHERE tenant = $1")
                .bind(tenant.as_str())
                .fetch_optional(self.reader())
                .await?;
        let Some((seq, hash, trimmed, cut)) = found else {
            return Ok(Ends { trimmed: (0, BEGINNING), head: (0, BEGINNING) });
        };
        Ok(Ends { trimmed: (unsigned(trimmed)?, row_hash(&cut)?), head: (unsigned(seq)?, row_hash(&hash)?) })
    }

    /// Goes along the whole chain of a tenant, from where it was cut.
    ///
    /// # Errors
    /// Those of the database. A chain that does not hold is an answer.
    pub async fn verify_audit(&self, tenant: &TenantName) -> Result<Verified, StoreError> {
        let Ends { trimmed: (trimmed, cut), head: (last, hash) } = self.audit_ends(tenant).await?;
        let mut walk = Walk::from(trimmed, cut);
        let done = |walk: &Walk, broken| Ok(Verified { trimmed, head: walk.head(), broken });
        loop {
            let (at, _) = walk.head();
            let rows: Vec<AuditColumns> = sqlx::query_as(
                "SELECT seq, at, actor, plane, action, target, outcome, request, address, hash FROM audit
                 WHERE tenant = $1 AND seq > $2 AND seq <= $3 ORDER BY seq LIMIT $4",
            )
            .bind(tenant.as_str())
            .bind(count(at))
            .bind(count(last))
            .bind(PAGE)
            .fetch_all(self.reader())
            .await?;
            if rows.is_empty() {
                break;
            }
            for columns in rows {
                if let Err(broken) = walk.step(&row(columns)?) {
                    return done(&walk, Some(broken));
                }
            }
        }
        let broken = match walk.head() {
            (seq, _) if seq < last => Some(Broken::Missing(seq + 1)),
            (seq, found) if found != hash => Some(Broken::Changed(seq)),
            _ => None,
        };
        done(&walk, broken)
    }

    /// Removes rows from before that time, and remembers where the chain was cut. Gives how many went.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn trim_audit(&self, tenant: &TenantName, before: jiff::Timestamp) -> Result<u64, StoreError> {
        let mut tx = self.begin().await?;
        tx.in_order().await?;
        // Of rows without a hole the last that is older: times may go back, numbers do not.
        let cut: Option<(i64, Vec<u8>)> = sqlx::query_as(
            "SELECT seq, hash FROM audit WHERE tenant = $1 AND seq <
               COALESCE((SELECT MIN(seq) FROM audit WHERE tenant = $1 AND at >= $2), 9223372036854775807)
             ORDER BY seq DESC LIMIT 1",
        )
        .bind(tenant.as_str())
        .bind(before.as_microsecond())
        .fetch_optional(&mut *tx.tx)
        .await?;
        let Some((seq, hash)) = cut else { return Ok(0) };
        let gone = sqlx::query("DELETE FROM audit WHERE tenant = $1 AND seq <= $2")
            .bind(tenant.as_str())
            .bind(seq)
            .execute(&mut *tx.tx)
            .await?
            .rows_affected();
        sqlx::query("UPDATE audit_heads SET trimmed_seq = $2, trimmed_hash = $3 WHERE tenant = $1")
            .bind(tenant.as_str())
            .bind(seq)
            .bind(hash)
            .execute(&mut *tx.tx)
            .await?;
        tx.commit().await?;
        Ok(gone)
    }
}
