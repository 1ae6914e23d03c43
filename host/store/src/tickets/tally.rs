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
        let room = work.tally(tenant.as_str(), self.as_str()).await? < count(limit);
        if room {
            work.ledger().count(tenant.as_str(), self.as_str(), 1);
        }
        Ok(room)
    }

    /// So many fewer.
    pub(super) fn give(self, work: &mut Work<'_>, tenant: &str, fewer: u64) {
        work.ledger().count(tenant, self.as_str(), -count(fewer));
    }
}
