//! Keys of agents that have no certificate.

use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_identity::{Agent, CredentialDigest};

use super::super::facts::named;
use crate::error::StoreError;
use crate::row::parsed;
use crate::store::Store;

impl Store {
    /// The agent that has this key, unless it is revoked.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn agent_of_key(
        &self,
        key: &CredentialDigest<Agent>,
    ) -> Result<Option<(TenantName, AgentName)>, StoreError> {
        let found: Option<(String, String)> = sqlx::query_as(
            "SELECT a.tenant, a.label FROM agent_keys k JOIN agents a ON a.id = k.agent_id
             WHERE k.digest = $1 AND a.revoked_at IS NULL",
        )
        .bind(key.as_bytes().as_slice())
        .fetch_optional(self.reader())
        .await?;
        found.map(|(tenant, label)| Ok((parsed(&tenant)?, named(&label)?))).transpose()
    }
}
