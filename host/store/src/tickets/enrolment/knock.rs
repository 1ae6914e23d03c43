//! Somebody presents a token: how often they may, and what it would give.

use std::time::Duration;

use waystation_core::agent::AgentName;
use waystation_core::enrolment::{EnrolRefusal, EnrolmentLimits};
use waystation_core::name::TenantName;
use waystation_identity::{CredentialDigest, Enrolment};

use super::super::caller::Caller;
use super::super::facts::named;
use super::super::rate::Rate;
use super::{Outcome, record};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::parsed;
use crate::store::Store;

/// What a token would give. Nothing is given yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Whose agent it would be.
    pub tenant: TenantName,
    /// What it would be called, where the token says so.
    pub name: Option<AgentName>,
}

/// Records a refusal, unless too many were of late. Whoever tries tokens does not fill the record with it.
pub(super) async fn refused(
    work: &mut Work<'_>,
    caller: &Caller,
    target: String,
    refusal: EnrolRefusal,
) -> Result<(), StoreError> {
    let rate = Rate { requests: EnrolmentLimits::RECORDED, window: Duration::from_secs(60) };
    if rate.take(work, "enrolment refused", caller.now).await?.is_ok() {
        record(work, caller, "enrolment.use", target, refusal.code());
    }
    Ok(())
}

struct Knock {
    caller: Caller,
    /// Who asks, as far as that can be told.
    who: String,
    rate: Rate,
    digest: Option<CredentialDigest<Enrolment>>,
}

impl Change for Knock {
    type Answer = Outcome<Offer>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, who, rate, digest } = self;
        let name = format!("enrol {who}");
        if let Err(retry_after) = rate.take(work, &name, caller.now).await? {
            return Ok(Err(EnrolRefusal::TooOften { retry_after }));
        }
        let found: Option<(String, Option<String>)> = match digest {
            None => None,
            Some(digest) => {
                sqlx::query_as("SELECT tenant, label FROM enrolment_tokens WHERE digest = $1")
                    .bind(digest.as_bytes().as_slice())
                    .fetch_optional(work.db())
                    .await?
            }
        };
        match found {
            Some((tenant, label)) => {
                let name = label.as_deref().map(named).transpose()?;
                Ok(Ok(Offer { tenant: parsed(&tenant)?, name }))
            }
            None => {
                refused(work, caller, String::new(), EnrolRefusal::Unknown).await?;
                Ok(Err(EnrolRefusal::Unknown))
            }
        }
    }
}

impl Store {
    /// Counts an attempt of an address, and looks what the token would give: none where its form is none of a token.
    /// `who` is whom attempts are counted for.
    ///
    /// # Errors
    /// Those of the database. Refused with `TooOften`, `Unknown`.
    pub async fn knock(
        &self,
        caller: Caller,
        who: String,
        digest: Option<CredentialDigest<Enrolment>>,
        limits: &EnrolmentLimits,
    ) -> Result<Outcome<Offer>, StoreError> {
        let rate = Rate { requests: limits.attempts, window: limits.attempt_window };
        self.change(Knock { caller, who, rate, digest }).await
    }
}
