//! What operations look up of agents.

use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::{Capability, Facts};

use crate::changes::Work;
use crate::error::StoreError;

/// An agent of a name, as far as an operation needs it.
pub(super) struct Known {
    pub(super) id: String,
    pub(super) revoked: bool,
    /// Whether it has the capability that was asked about.
    pub(super) capable: bool,
}

/// How many there are, as both databases give it.
macro_rules! capable {
    ($agent:literal, $capability:literal) => {
        concat!(
            "(SELECT COUNT(*) FROM agent_capabilities c WHERE c.agent_id = ",
            $agent,
            " AND c.capability = ",
            $capability,
            ")"
        )
    };
}
pub(super) use capable;

/// What a session stands on, as [`stands`] reads it: of its source and target, which are aliases of `agents`.
macro_rules! standing_on {
    ($source:literal, $target:literal, $scope:literal, $instance:literal) => {
        concat!(
            $source,
            ".revoked_at, (SELECT COUNT(*) FROM agent_capabilities c WHERE c.agent_id = ",
            $source,
            ".id AND c.capability = ",
            $scope,
            "), ",
            $target,
            ".revoked_at, (SELECT COUNT(*) FROM agent_capabilities c WHERE c.agent_id = ",
            $target,
            ".id AND c.capability = ",
            $scope,
            "), (SELECT COUNT(*) FROM assignments y WHERE y.instance_id = ",
            $instance,
            " AND y.agent_id = ",
            $target,
            ".id)"
        )
    };
}
pub(super) use standing_on;

/// The columns of [`standing_on`].
pub(super) type Stands = (Option<i64>, i64, Option<i64>, i64, i64);

/// What they say.
pub(super) const fn stands((source, source_capable, target, target_capable, assigned): Stands) -> Facts {
    Facts {
        source: source.is_none(),
        source_capable: source_capable > 0,
        target: target.is_none(),
        target_capable: target_capable > 0,
        assigned: assigned > 0,
    }
}

pub(super) async fn known(
    work: &mut Work<'_>,
    tenant: &TenantName,
    name: &AgentName,
    capability: Option<&Capability>,
) -> Result<Option<Known>, StoreError> {
    let found: Option<(String, Option<i64>, i64)> = sqlx::query_as(concat!(
        "SELECT a.id, a.revoked_at, ",
        capable!("a.id", "$3"),
        " FROM agents a WHERE a.tenant = $1 AND a.label = $2"
    ))
    .bind(tenant.as_str())
    .bind(name.label())
    .bind(capability.map_or("", Capability::as_str))
    .fetch_optional(work.db())
    .await?;
    Ok(found.map(|(id, revoked, capable)| Known { id, revoked: revoked.is_some(), capable: capable > 0 }))
}

/// The same of one that is not revoked.
pub(super) async fn enrolled(
    work: &mut Work<'_>,
    tenant: &TenantName,
    name: &AgentName,
    capability: Option<&Capability>,
) -> Result<Option<Known>, StoreError> {
    Ok(known(work, tenant, name, capability).await?.filter(|known| !known.revoked))
}

/// A label as it was written.
pub(super) fn named(label: &str) -> Result<AgentName, StoreError> {
    AgentName::from_label(label).map_err(StoreError::corrupt)
}
