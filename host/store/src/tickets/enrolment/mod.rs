//! Enrolment with tokens: made, presented, waiting for a person, renewed; and the keys of agents without certificates.
//! See [`waystation_core::enrolment`], which decides; here it is done, each in one transaction with its row of the record.

mod delegate;
mod keys;
mod knock;
mod pending;
mod redeem;
mod renew;
mod sweep;
mod tokens;

pub use knock::Offer;
pub use pending::PendingEnrolment;
pub use redeem::{Attempt, Came, Credentials};
pub use tokens::{EnrolmentToken, NewEnrolment};

use std::collections::BTreeSet;

use waystation_core::audit::Deed;
use waystation_core::enrolment::EnrolRefusal;
use waystation_core::ticket::Capability;

use super::caller::Caller;
use crate::changes::Work;
use crate::error::StoreError;
use crate::row::parsed;

/// What an operation comes to.
pub type Outcome<T> = Result<T, EnrolRefusal>;

/// Puts on record what came of something.
fn record(work: &mut Work<'_>, caller: &Caller, action: &'static str, target: String, outcome: &str) {
    let deed = Deed {
        at: caller.now,
        actor: caller.actor.clone(),
        plane: caller.plane,
        action,
        target,
        outcome: outcome.to_owned(),
        request: caller.request.clone(),
        address: caller.address.clone(),
    };
    work.record(&caller.tenant, deed);
}

/// The same of what may be refused.
fn record_outcome<T>(
    work: &mut Work<'_>,
    caller: &Caller,
    action: &'static str,
    target: String,
    outcome: &Outcome<T>,
) {
    record(work, caller, action, target, outcome.as_ref().map_or_else(EnrolRefusal::code, |_| "ok"));
}

/// What a token gives.
async fn capabilities(work: &mut Work<'_>, token: &str) -> Result<BTreeSet<Capability>, StoreError> {
    let found: Vec<String> =
        sqlx::query_scalar("SELECT capability FROM enrolment_capabilities WHERE token_id = $1")
            .bind(token)
            .fetch_all(work.db())
            .await?;
    found.iter().map(|one| parsed(one)).collect()
}
