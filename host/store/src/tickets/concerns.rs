//! Which scope and agents something concerns that an operator names by its id: what selectors tell it by.

use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Capability, InstanceId, SessionId, TicketDigest};

use super::facts::named;
use crate::error::StoreError;
use crate::row::parsed;
use crate::store::Store;

/// Something that is taken by its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ById {
    /// A ticket, by what lists call it.
    Ticket(TicketDigest),
    /// A session.
    Session(SessionId),
    /// An instance.
    Instance(InstanceId),
}

/// What it is about. None of it changes as long as the thing is there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Concerns {
    /// The sub-scope.
    pub scope: Capability,
    /// The agents: both parties, or the owner.
    pub agents: Vec<AgentName>,
}

impl Store {
    /// What something of that id concerns, if it is there.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn concerns(&self, tenant: &TenantName, what: ById) -> Result<Option<Concerns>, StoreError> {
        let (tenant, reader) = (tenant.as_str(), self.reader());
        let found: Option<(String, String, Option<String>)> = match what {
            ById::Ticket(digest) => {
                sqlx::query_as(
                    "SELECT x.scope, s.label, t.label
                     FROM tickets x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
                     WHERE x.digest = $1 AND x.tenant = $2",
                )
                .bind(digest.as_bytes().as_slice())
                .bind(tenant)
                .fetch_optional(reader)
                .await?
            }
            ById::Session(id) => {
                sqlx::query_as(
                    "SELECT x.scope, s.label, t.label
                     FROM sessions x JOIN agents s ON s.id = x.source JOIN agents t ON t.id = x.target
                     WHERE x.id = $1 AND x.tenant = $2",
                )
                .bind(id.to_string())
                .bind(tenant)
                .fetch_optional(reader)
                .await?
            }
            ById::Instance(id) => {
                sqlx::query_as(
                    "SELECT i.scope, a.label, CAST(NULL AS TEXT) FROM instances i JOIN agents a ON a.id = i.agent_id
                     WHERE i.id = $1 AND a.tenant = $2",
                )
                .bind(id.to_string())
                .bind(tenant)
                .fetch_optional(reader)
                .await?
            }
        };
        let Some((scope, first, second)) = found else { return Ok(None) };
        let agents = std::iter::once(first).chain(second).map(|label| named(&label));
        Ok(Some(Concerns { scope: parsed(&scope)?, agents: agents.collect::<Result<_, _>>()? }))
    }
}
