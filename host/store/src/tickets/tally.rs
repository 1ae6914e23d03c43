//! How many rows of a kind a tenant has.

use waystation_core::name::TenantName;

use crate::changes::Work;
use crate::error::StoreError;
use crate::row::count;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tally {
    Instances,
    /// That are pending.
    Tickets,
    /// That did not end.
    Sessions,
    /// That wait for people, or for who asked.
    Approvals,
}

impl Tally {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Instances => "instances",
            Self::Tickets => "tickets",
            Self::Sessions => "sessions",
            Self::Approvals => "approvals",
        }
    }

    /// One more, unless there are `limit` already. Whether there is room.
    pub(super) async fn take(
        self,
        work: &mut Work<'_>,
        tenant: &TenantName,
        limit: u64,
    ) -> Result<bool, StoreError> {
        if limit == 0 {
            return Ok(false);
        }
        let taken = sqlx::query(
            "INSERT INTO tallies (tenant, what, value) VALUES ($1, $2, 1)
             ON CONFLICT (tenant, what) DO UPDATE SET value = tallies.value + 1 WHERE tallies.value < $3",
        )
        .bind(tenant.as_str())
        .bind(self.as_str())
        .bind(count(limit))
        .execute(work.db())
        .await?;
        Ok(taken.rows_affected() == 1)
    }

    /// So many fewer.
    pub(super) async fn give(self, work: &mut Work<'_>, tenant: &str, fewer: u64) -> Result<(), StoreError> {
        if fewer > 0 {
            sqlx::query("UPDATE tallies SET value = value - $3 WHERE tenant = $1 AND what = $2")
                .bind(tenant)
                .bind(self.as_str())
                .bind(count(fewer))
                .execute(work.db())
                .await?;
        }
        Ok(())
    }
}
