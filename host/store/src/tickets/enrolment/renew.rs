//! An agent gets a new certificate, and those before it end some time later.

use std::time::Duration;

use waystation_core::agent::AgentName;
use waystation_core::enrolment::{EnrolRefusal, EnrolmentLimits};
use waystation_core::time::later;

use super::super::agents::IssuedCertificate;
use super::super::caller::Caller;
use super::super::facts::enrolled;
use super::super::rate::Rate;
use super::{Outcome, record_outcome};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;

/// Renewals of one agent in an hour.
const RENEWALS: Rate = Rate { requests: 10, window: Duration::from_secs(3_600) };

struct Renew {
    caller: Caller,
    name: AgentName,
    certificate: IssuedCertificate,
    overlap: Duration,
}

impl Change for Renew {
    type Answer = Outcome<()>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let done = self.renew(work).await?;
        if !matches!(done, Err(EnrolRefusal::TooOften { .. })) {
            let target = format!("{} {}", self.name, self.certificate.serial);
            record_outcome(work, &self.caller, "agent.renew", target, &done);
        }
        Ok(done)
    }
}

impl Renew {
    async fn renew(&self, work: &mut Work<'_>) -> Result<Outcome<()>, StoreError> {
        let Self { caller, name, certificate, overlap } = self;
        let asks = format!("renew {} {name}", caller.tenant.as_str());
        if let Err(retry_after) = RENEWALS.take(work, &asks, caller.now).await? {
            return Ok(Err(EnrolRefusal::TooOften { retry_after }));
        }
        let Some(agent) = enrolled(work, &caller.tenant, name, None).await? else {
            return Ok(Err(EnrolRefusal::NotFound));
        };
        sqlx::query(
            "UPDATE certificates SET revoked_at = $2, reason = 'superseded'
             WHERE agent_id = $1 AND (revoked_at IS NULL OR revoked_at > $2)",
        )
        .bind(agent.id.as_str())
        .bind(micros(later(caller.now, *overlap)))
        .execute(work.db())
        .await?;
        certificate.keep(work, &agent.id, caller.now).await?;
        Ok(Ok(()))
    }
}

impl Store {
    /// Notes the new certificate of an agent. Those that it has are refused after the overlap.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotFound`, `TooOften`.
    pub async fn renew_certificate(
        &self,
        caller: Caller,
        name: AgentName,
        certificate: IssuedCertificate,
        limits: &EnrolmentLimits,
    ) -> Result<Outcome<()>, StoreError> {
        let overlap = limits.overlap;
        self.change(Renew { caller, name, certificate, overlap }).await
    }
}
