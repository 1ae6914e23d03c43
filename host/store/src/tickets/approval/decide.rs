//! People say yes or no.

use std::collections::BTreeSet;

use jiff::Timestamp;
use waystation_core::access::{Action, Catalogue, Subject, decide};
use waystation_core::approval::{ApprovalRefusal, ApprovalState, Case, DECIDE, Reason, target, vote};
use waystation_core::id::{ApprovalId, LoginId, UserId};
use waystation_core::name::UserName;
use waystation_core::time::later;

use super::super::Bell;
use super::super::caller::Caller;
use super::super::tally::Tally;
use super::over::{run_out, told};
use super::{Approval, find, names, voters};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;
use crate::users::roles_of;

/// What a yes or a no comes to.
pub type Outcome<T> = Result<T, ApprovalRefusal>;

/// Somebody who logged in. An API token is nobody here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Person {
    /// The user.
    pub user: UserId,
    /// Their login, which goes on.
    pub login: LoginId,
}

enum Word {
    /// Yes; approved, it can be picked up for so long.
    Yes(std::time::Duration),
    No(Reason),
}

struct Decide {
    caller: Caller,
    person: Person,
    id: ApprovalId,
    word: Word,
}

impl Change for Decide {
    type Answer = Outcome<Approval>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { caller, id, word, .. } = self;
        let done = self.decide(work).await?;
        let action = match word {
            Word::Yes(_) => "approval.approve",
            Word::No(_) => "approval.reject",
        };
        let (target, outcome) = match (&done, word) {
            (Ok(one), Word::Yes(_)) => {
                (format!("{}, {} of {}", one.what(), one.said.len(), one.people), "ok")
            }
            (Ok(one), Word::No(reason)) => (format!("{}: {reason}", one.what()), "ok"),
            (Err(refusal), _) => (id.to_string(), refusal.code()),
        };
        caller.note(work, action, target, outcome);
        Ok(done)
    }
}

impl Decide {
    async fn decide(&self, work: &mut Work<'_>) -> Result<Outcome<Approval>, StoreError> {
        let Self { caller, person, id, word } = self;
        let (tenant, now) = (caller.tenant.as_str(), caller.now);
        let text = id.to_string();
        let there: i64 = sqlx::query_scalar("SELECT COUNT(*) FROM approvals WHERE id = $1 AND tenant = $2")
            .bind(text.as_str())
            .bind(tenant)
            .fetch_one(work.db())
            .await?;
        if there == 0 {
            return Ok(Err(ApprovalRefusal::NotFound));
        }
        run_out(work, &text, now).await?;
        let Some(one) = find(work.db(), &text, now).await? else {
            return Ok(Err(ApprovalRefusal::NotFound));
        };
        if one.state != ApprovalState::Waiting {
            return Ok(Err(ApprovalRefusal::Over));
        }
        let Some(name) = logged_in(work, tenant, person, now).await? else {
            return Ok(Err(ApprovalRefusal::NotAPerson));
        };
        if !may(work, tenant, (person.user, &name), &one).await? {
            return Ok(Err(ApprovalRefusal::NotAllowed));
        }
        match word {
            Word::No(reason) => self.reject(work, &one, &name, reason).await?,
            Word::Yes(pickup) => {
                if let Err(refusal) = self.approve(work, &one, &name, *pickup).await? {
                    return Ok(Err(refusal));
                }
            }
        }
        let done = find(work.db(), &text, now).await?;
        let done = done.ok_or_else(|| StoreError::corrupt("a request is not there any more"))?;
        if done.state != ApprovalState::Waiting {
            told(work, tenant, &done, now);
            let source: String = sqlx::query_scalar("SELECT source FROM approvals WHERE id = $1")
                .bind(text.as_str())
                .fetch_one(work.db())
                .await?;
            work.ring(source, Bell::Approval);
        }
        Ok(Ok(done))
    }

    async fn approve(
        &self,
        work: &mut Work<'_>,
        one: &Approval,
        name: &UserName,
        pickup: std::time::Duration,
    ) -> Result<Outcome<()>, StoreError> {
        let (tenant, now, id) = (self.caller.tenant.as_str(), self.caller.now, one.id.to_string());
        let said = voters(work.db(), &id).await?;
        let mut hold = BTreeSet::new();
        for (name, user) in &said {
            if is_person(work, tenant, *user).await?.as_ref() == Some(name)
                && may(work, tenant, (*user, name), one).await?
            {
                hold.insert(name.clone());
            }
        }
        let all = names(&said);
        let case = Case { state: one.state, people: one.people, hands: &one.hands, said: &all, hold: &hold };
        let verdict = match vote(&case, name) {
            Ok(verdict) => verdict,
            Err(refusal) => return Ok(Err(refusal)),
        };
        sqlx::query("INSERT INTO approval_votes (approval_id, name, user_id, at) VALUES ($1, $2, $3, $4)")
            .bind(id.as_str())
            .bind(name.as_str())
            .bind(self.person.user.to_string())
            .bind(micros(now))
            .execute(work.db())
            .await?;
        if verdict.approved {
            sqlx::query(
                "UPDATE approvals SET state = 'approved', at = $2, until = $3 WHERE id = $1 AND state = 'waiting'",
            )
            .bind(id)
            .bind(micros(now))
            .bind(micros(later(now, pickup)))
            .execute(work.db())
            .await?;
        }
        Ok(Ok(()))
    }

    async fn reject(
        &self,
        work: &mut Work<'_>,
        one: &Approval,
        name: &UserName,
        reason: &Reason,
    ) -> Result<(), StoreError> {
        sqlx::query(
            "UPDATE approvals SET state = 'rejected', at = $2, until = $2, decided_by = $3, reason = $4
             WHERE id = $1 AND state = 'waiting'",
        )
        .bind(one.id.to_string())
        .bind(micros(self.caller.now))
        .bind(name.as_str())
        .bind(reason.as_str())
        .execute(work.db())
        .await?;
        Tally::Approvals.give(work, self.caller.tenant.as_str(), 1);
        Ok(())
    }
}

/// The name of a user who is a person, and not locked out.
async fn is_person(work: &mut Work<'_>, tenant: &str, user: UserId) -> Result<Option<UserName>, StoreError> {
    let found: Option<String> = sqlx::query_scalar(
        "SELECT name FROM users WHERE id = $1 AND tenant = $2 AND service = 0 AND locked_at IS NULL",
    )
    .bind(user.to_string())
    .bind(tenant)
    .fetch_optional(work.db())
    .await?;
    found.as_deref().map(crate::row::parsed).transpose()
}

/// The same of one whose login goes on.
async fn logged_in(
    work: &mut Work<'_>,
    tenant: &str,
    person: &Person,
    now: Timestamp,
) -> Result<Option<UserName>, StoreError> {
    let goes_on: i64 = sqlx::query_scalar(
        "SELECT COUNT(*) FROM logins WHERE id = $1 AND user_id = $2 AND ended_at IS NULL AND expires_at > $3",
    )
    .bind(person.login.to_string())
    .bind(person.user.to_string())
    .bind(micros(now))
    .fetch_one(work.db())
    .await?;
    match goes_on {
        0 => Ok(None),
        _ => is_person(work, tenant, person.user).await,
    }
}

/// Whether somebody may decide on it, with the roles that they have at this moment.
async fn may(
    work: &mut Work<'_>,
    tenant: &str,
    (user, name): (UserId, &UserName),
    one: &Approval,
) -> Result<bool, StoreError> {
    let roles = roles_of(work.db(), tenant, &user.to_string()).await?;
    let Ok(action) = DECIDE.parse::<Action>() else { return Ok(false) };
    let subject = Subject { name: name.as_str(), roles: &roles, token: None };
    Ok(decide(&Catalogue::default(), &subject, &action, &target(&one.registered)).allowed())
}

impl Store {
    /// A person says yes to a request that waits. With enough of them it is approved, and can be picked up for `pickup`.
    ///
    /// Looked at within the transaction: that their login goes on and they may decide, that they had no hand in it, and that
    /// those who said yes before still may.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotFound`, `Over`, `NotAPerson`, `NotAllowed`, `OwnHand`, `AlreadyGiven`, in this
    /// order.
    pub async fn approve(
        &self,
        caller: Caller,
        person: Person,
        id: ApprovalId,
        pickup: std::time::Duration,
    ) -> Result<Outcome<Approval>, StoreError> {
        self.change(Decide { caller, person, id, word: Word::Yes(pickup) }).await
    }

    /// A person says no: that ends it, whoever said yes.
    ///
    /// # Errors
    /// Those of the database. Refused with `NotFound`, `Over`, `NotAPerson`, `NotAllowed`.
    pub async fn reject(
        &self,
        caller: Caller,
        person: Person,
        id: ApprovalId,
        reason: Reason,
    ) -> Result<Outcome<Approval>, StoreError> {
        self.change(Decide { caller, person, id, word: Word::No(reason) }).await
    }
}
