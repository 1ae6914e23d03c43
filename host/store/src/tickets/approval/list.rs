//! Requests, as people see them and as the agents that asked do.

use jiff::{SignedDuration, Timestamp};
use sqlx::AssertSqlSafe;
use waystation_core::agent::AgentName;
use waystation_core::approval::ApprovalState;
use waystation_core::id::ApprovalId;
use waystation_core::name::TenantName;

use super::super::Listener;
use super::{Approval, COLUMNS, Columns, approval};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;

/// How long whoever listens again is told what became of a request.
const BACK: SignedDuration = SignedDuration::from_hours(1);

/// The most of them.
const HEARD: u32 = 100;

/// Which requests. What is not said is any.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ApprovalFilter {
    /// In this state, by the clock.
    pub state: Option<ApprovalState>,
    /// Of this scope that was registered.
    pub scope: Option<String>,
    /// Asked for by the agent of this label.
    pub source: Option<String>,
    /// For the agent of this label.
    pub target: Option<String>,
}

impl Store {
    /// Requests, the oldest first, after this one, at most `limit` of those that match.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn approvals(
        &self,
        tenant: &TenantName,
        filter: &ApprovalFilter,
        now: Timestamp,
        after: Option<ApprovalId>,
        limit: u32,
    ) -> Result<Vec<Approval>, StoreError> {
        let of = |word: &Option<String>| word.clone().unwrap_or_default();
        // So that the index of those that are open is used.
        let open = match filter.state {
            Some(state) if state.is_open() => "AND p.state IN ('waiting', 'approved')",
            _ => "",
        };
        let text = format!(
            "{COLUMNS} WHERE p.tenant = $1 AND p.id > $2 {open}
               AND ($3 = '' OR $3 = CASE WHEN p.state = 'waiting' AND p.until <= $4 THEN 'expired'
                 WHEN p.state = 'approved' AND p.until <= $4 THEN 'lapsed' ELSE p.state END)
               AND ($5 = '' OR p.registered = $5) AND ($6 = '' OR s.label = $6) AND ($7 = '' OR t.label = $7)
             ORDER BY p.id LIMIT $8"
        );
        let mut db = self.reader().acquire().await?;
        let found: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(tenant.as_str())
            .bind(after.map(|id| id.to_string()).unwrap_or_default())
            .bind(filter.state.map_or("", ApprovalState::as_str))
            .bind(micros(now))
            .bind(of(&filter.scope))
            .bind(of(&filter.source))
            .bind(of(&filter.target))
            .bind(i64::from(limit))
            .fetch_all(&mut *db)
            .await?;
        let mut all = Vec::with_capacity(found.len());
        for columns in found {
            all.push(approval(&mut db, columns, now).await?);
        }
        Ok(all)
    }

    /// One request.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn approval(
        &self,
        tenant: &TenantName,
        id: ApprovalId,
        now: Timestamp,
    ) -> Result<Option<Approval>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let text = format!("{COLUMNS} WHERE p.id = $1 AND p.tenant = $2");
        let found: Option<Columns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(id.to_string())
            .bind(tenant.as_str())
            .fetch_optional(&mut *db)
            .await?;
        match found {
            Some(columns) => Ok(Some(approval(&mut db, columns, now).await?)),
            None => Ok(None),
        }
    }

    /// The same for the agent that asked, and nobody else.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn own_approval(
        &self,
        tenant: &TenantName,
        source: &AgentName,
        id: ApprovalId,
        now: Timestamp,
    ) -> Result<Option<Approval>, StoreError> {
        Ok(self.approval(tenant, id, now).await?.filter(|one| one.source == *source))
    }

    /// What the agent that somebody listens for asked for and people approve: all that is open, and what became of the
    /// others within the last hour.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn heard_approvals(
        &self,
        listener: &Listener,
        now: Timestamp,
    ) -> Result<Vec<Approval>, StoreError> {
        let mut db = self.reader().acquire().await?;
        let text = format!(
            "{COLUMNS} WHERE p.source = $1 AND (p.state IN ('waiting', 'approved') OR p.at > $2)
             ORDER BY p.id DESC LIMIT $3"
        );
        let found: Vec<Columns> = sqlx::query_as(AssertSqlSafe(text))
            .bind(listener.agent())
            .bind(micros(now.checked_sub(BACK).unwrap_or(now)))
            .bind(i64::from(HEARD))
            .fetch_all(&mut *db)
            .await?;
        let mut all = Vec::with_capacity(found.len());
        for columns in found.into_iter().rev() {
            all.push(approval(&mut db, columns, now).await?);
        }
        Ok(all)
    }
}
