//! Requests for tickets that people approve: see [`waystation_core::approval`], which decides; here it is done, each in one
//! transaction with its row of the record and what it tells.

mod asked;
mod decide;
mod list;
mod over;

pub(super) use asked::Wanted;
pub use decide::{Outcome, Person};
pub use list::ApprovalFilter;
pub(super) use over::{end_of_scope, ended, run_out};

use std::collections::BTreeSet;

use jiff::Timestamp;
use sqlx::{AnyConnection, AssertSqlSafe};
use waystation_core::agent::AgentName;
use waystation_core::approval::{ApprovalState, Hands};
use waystation_core::id::{ApprovalId, UserId};
use waystation_core::name::UserName;
use waystation_core::ticket::{Capability, InstanceId, ScopeName};

use super::facts::named;
use crate::error::StoreError;
use crate::row::{from_json, parsed, time};

/// A request for a ticket that people approve.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// By which it is named.
    pub id: ApprovalId,
    /// The scope that was registered.
    pub registered: ScopeName,
    /// To what the ticket is to admit.
    pub scope: Capability,
    /// Of which instance.
    pub instance: InstanceId,
    /// Whose that is: who asked.
    pub source: AgentName,
    /// Who would be admitted.
    pub target: AgentName,
    /// How many people it takes.
    pub people: u8,
    /// Who had a hand in it.
    pub hands: Hands,
    /// Who said yes, and when, in that order.
    pub said: Vec<(UserName, Timestamp)>,
    /// Since when it is there.
    pub created_at: Timestamp,
    /// Where it stands, by the clock.
    pub state: ApprovalState,
    /// Since when.
    pub since: Timestamp,
    /// Until when it waits for people, or for who asked; when it ended, if it did.
    pub until: Timestamp,
    /// Who said no.
    pub decided_by: Option<UserName>,
    /// Why: in their words, or what it stood on that is no more.
    pub reason: Option<String>,
}

impl Approval {
    /// What the record calls it.
    fn what(&self) -> String {
        format!("{} {} {}:{}", self.id, self.target, self.scope, self.instance)
    }
}

/// What [`Columns`] holds, in its order.
const COLUMNS: &str =
    "SELECT p.id, p.registered, p.scope, p.instance_id, s.label, t.label, p.people, p.hands,
       p.created_at, p.state, p.at, p.until, p.decided_by, p.reason
     FROM approvals p JOIN agents s ON s.id = p.source JOIN agents t ON t.id = p.target ";

type Columns = (
    String,
    String,
    String,
    String,
    String,
    String,
    i64,
    String,
    i64,
    String,
    i64,
    i64,
    Option<String>,
    Option<String>,
);

/// A request as it is by the clock.
async fn approval(db: &mut AnyConnection, columns: Columns, now: Timestamp) -> Result<Approval, StoreError> {
    let (
        id,
        registered,
        scope,
        instance,
        source,
        target,
        people,
        hands,
        created,
        state,
        at,
        until,
        by,
        reason,
    ) = columns;
    let votes: Vec<(String, i64)> =
        sqlx::query_as("SELECT name, at FROM approval_votes WHERE approval_id = $1 ORDER BY at, name")
            .bind(id.as_str())
            .fetch_all(db)
            .await?;
    let said = votes.into_iter().map(|(name, at)| Ok((parsed(&name)?, time(at)?)));
    let (kept, until) = (state_of(&state)?, time(until)?);
    let state = kept.at(until, now);
    Ok(Approval {
        id: parsed(&id)?,
        registered: parsed(&registered)?,
        scope: parsed(&scope)?,
        instance: parsed(&instance)?,
        source: named(&source)?,
        target: named(&target)?,
        people: u8::try_from(people).map_err(StoreError::corrupt)?,
        hands: from_json(&hands)?,
        said: said.collect::<Result<_, StoreError>>()?,
        created_at: time(created)?,
        state,
        since: if state == kept { time(at)? } else { until },
        until,
        decided_by: by.as_deref().map(parsed).transpose()?,
        reason,
    })
}

/// One request, whosever.
async fn find(db: &mut AnyConnection, id: &str, now: Timestamp) -> Result<Option<Approval>, StoreError> {
    let text = format!("{COLUMNS} WHERE p.id = $1");
    let found = sqlx::query_as(AssertSqlSafe(text)).bind(id).fetch_optional(&mut *db).await?;
    match found {
        Some(columns) => Ok(Some(approval(db, columns, now).await?)),
        None => Ok(None),
    }
}

fn state_of(word: &str) -> Result<ApprovalState, StoreError> {
    ApprovalState::from_word(word).ok_or_else(|| StoreError::corrupt(format!("{word:?} is no state")))
}

/// Who said yes, as rows know them.
async fn voters(db: &mut AnyConnection, id: &str) -> Result<Vec<(UserName, UserId)>, StoreError> {
    let found: Vec<(String, String)> =
        sqlx::query_as("SELECT name, user_id FROM approval_votes WHERE approval_id = $1")
            .bind(id)
            .fetch_all(db)
            .await?;
    found.into_iter().map(|(name, user)| Ok((parsed(&name)?, parsed(&user)?))).collect()
}

fn names(voters: &[(UserName, UserId)]) -> BTreeSet<UserName> {
    voters.iter().map(|(name, _)| name.clone()).collect()
}
