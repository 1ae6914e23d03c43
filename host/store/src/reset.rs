//! Erases what a host has gathered, and keeps what it is: users, tokens, agents with their certificates, roles, plugins'
//! settings and the record stay.

use jiff::Timestamp;

use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::{micros, time};
use crate::store::Store;
use crate::tickets::{Bell, Caller};

/// What is erased of a tenant, in this order: nothing refers to what goes before it.
const OF_TENANT: [&str; 8] = [
    "DELETE FROM approvals WHERE tenant = $1",
    "DELETE FROM sessions WHERE tenant = $1",
    "DELETE FROM tickets WHERE tenant = $1",
    "DELETE FROM assignments WHERE tenant = $1",
    "DELETE FROM instances WHERE tenant = $1",
    "DELETE FROM sub_scopes WHERE tenant = $1",
    "DELETE FROM scopes WHERE tenant = $1",
    "UPDATE tallies SET value = 0 WHERE tenant = $1",
];

/// What is erased of the host: it has no tenant. Items come first, with what is known of them, as they do for whoever keeps
/// a check: neither waits for the other in a circle.
const OF_HOST: [&str; 5] = [
    "DELETE FROM items",
    "DELETE FROM outbox",
    "DELETE FROM events",
    "DELETE FROM kv",
    "DELETE FROM kv_usage",
];

struct Reset {
    caller: Caller,
}

impl Change for Reset {
    type Answer = Timestamp;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Timestamp, StoreError> {
        let Self { caller } = self;
        for text in OF_TENANT {
            sqlx::query(text).bind(caller.tenant.as_str()).execute(work.db()).await?;
        }
        work.ledger().forget(caller.tenant.as_str());
        for text in OF_HOST {
            sqlx::query(text).execute(work.db()).await?;
        }
        sqlx::query("UPDATE tenants SET reset_at = $2 WHERE name = $1")
            .bind(caller.tenant.as_str())
            .bind(micros(caller.now))
            .execute(work.db())
            .await?;
        work.ring(caller.tenant.as_str(), Bell::Reset);
        caller.note(work, "data.reset", caller.tenant.as_str(), "ok");
        // As it is kept, and agents are told it.
        time(micros(caller.now))
    }
}

impl Store {
    /// Erases items, releases, events, deliveries, what plugins stored, and scopes, instances, assignments, tickets and
    /// sessions of the tenant, in one transaction. Agents that listen are told, others when they come.
    ///
    /// # Errors
    /// Those of the database; then everything is there still.
    pub async fn reset_data(&self, caller: Caller) -> Result<Timestamp, StoreError> {
        self.change(Reset { caller }).await
    }
}
