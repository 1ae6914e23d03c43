//! Scheduled tasks: each run is claimed by one host.

use std::time::Duration;

use jiff::Timestamp;
use waystation_core::{id::HostId, name::TaskName, outbox::Failure, schedule::CronExpr};

use crate::{
    error::StoreError,
    outbox::Settled,
    row::{count, from_json, lease_end, micros, parsed, time, to_json, unsigned},
    store::Store,
};

/// A task and how it stands.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// Its name.
    pub name: TaskName,
    /// When it runs, in UTC.
    pub cron: CronExpr,
    /// Up to this much later.
    pub jitter: Duration,
    /// Not before this time.
    pub next_run_at: Timestamp,
    /// The host that runs it, and until when it may.
    pub claim: Option<(HostId, Timestamp)>,
    /// When its last run ended.
    pub last_run_at: Option<Timestamp>,
    /// Why its last run failed.
    pub last_error: Option<Failure>,
}

type TaskRow = (String, String, i64, i64, Option<String>, Option<i64>, Option<i64>, Option<String>);

macro_rules! task_columns {
    () => {
        "name, cron, jitter_micros, next_run_at, claimed_by, lease_until, last_run_at, last_error"
    };
}

fn task(row: TaskRow) -> Result<Task, StoreError> {
    let (name, cron, jitter, next, by, until, last, error) = row;
    let claim = match (by, until) {
        (Some(by), Some(until)) => Some((parsed(&by)?, time(until)?)),
        _ => None,
    };
    Ok(Task {
        name: parsed(&name)?,
        cron: parsed(&cron)?,
        jitter: Duration::from_micros(unsigned(jitter)?),
        next_run_at: time(next)?,
        claim,
        last_run_at: last.map(time).transpose()?,
        last_error: error.as_deref().map(from_json).transpose()?,
    })
}

impl Store {
    /// Makes sure that a task exists with this schedule. `next_run_at` counts where it is new or its schedule
    /// changed; a task that is as it was keeps its next run.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn ensure_task(
        &self,
        name: &TaskName,
        cron: &CronExpr,
        jitter: Duration,
        next_run_at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query(
            "INSERT INTO tasks (name, cron, jitter_micros, next_run_at) VALUES ($1, $2, $3, $4)
             ON CONFLICT (name) DO UPDATE
             SET cron = excluded.cron, jitter_micros = excluded.jitter_micros, next_run_at = excluded.next_run_at
             WHERE tasks.cron <> excluded.cron OR tasks.jitter_micros <> excluded.jitter_micros",
        )
        .bind(name.as_str())
        .bind(cron.as_str())
        .bind(count(jitter.as_micros()))
        .bind(micros(next_run_at))
        .execute(&mut *tx.tx)
        .await?;
        tx.commit().await
    }

    /// Claims the tasks that are due and not run by a host whose lease holds, until `now + lease`.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn claim_tasks(
        &self,
        host: HostId,
        now: Timestamp,
        lease: Duration,
    ) -> Result<Vec<Task>, StoreError> {
        let mut tx = self.begin().await?;
        tx.take("claim-tasks").await?;
        let rows: Vec<TaskRow> = sqlx::query_as(concat!(
            "UPDATE tasks SET claimed_by = $1, lease_until = $2
             WHERE next_run_at <= $3 AND (lease_until IS NULL OR lease_until <= $3) RETURNING ",
            task_columns!()
        ))
        .bind(host.to_string())
        .bind(lease_end(now, lease))
        .bind(micros(now))
        .fetch_all(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        rows.into_iter().map(task).collect()
    }

    /// Notes the end of a claimed run and when the task runs next.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn finish_task(
        &self,
        claimed: &Task,
        failure: Option<&Failure>,
        now: Timestamp,
        next_run_at: Timestamp,
    ) -> Result<Settled, StoreError> {
        let Some((host, until)) = claimed.claim else { return Ok(Settled::LeaseLost) };
        let mut tx = self.begin().await?;
        let done = sqlx::query(
            "UPDATE tasks SET claimed_by = NULL, lease_until = NULL, last_run_at = $1, last_error = $2, next_run_at = $3
             WHERE name = $4 AND claimed_by = $5 AND lease_until = $6",
        )
        .bind(micros(now))
        .bind(failure.map(to_json).transpose()?)
        .bind(micros(next_run_at))
        .bind(claimed.name.as_str())
        .bind(host.to_string())
        .bind(micros(until))
        .execute(&mut *tx.tx)
        .await?;
        tx.commit().await?;
        Ok(Settled::from_rows(done.rows_affected()))
    }

    /// Makes a task due now.
    ///
    /// # Errors
    /// `not-found`.
    pub async fn run_task_now(&self, name: &TaskName, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = sqlx::query("UPDATE tasks SET next_run_at = $1 WHERE name = $2")
            .bind(micros(now))
            .bind(name.as_str())
            .execute(&mut *tx.tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::not_found("task", name));
        }
        tx.commit().await
    }

    /// Removes a task that no configuration names any more. It need not exist.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn remove_task(&self, name: &TaskName) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("DELETE FROM tasks WHERE name = $1").bind(name.as_str()).execute(&mut *tx.tx).await?;
        tx.commit().await
    }

    /// All tasks by name.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn tasks(&self) -> Result<Vec<Task>, StoreError> {
        let rows: Vec<TaskRow> =
            sqlx::query_as(concat!("SELECT ", task_columns!(), " FROM tasks ORDER BY name"))
                .fetch_all(self.reader())
                .await?;
        rows.into_iter().map(task).collect()
    }

    /// Gives back all claims of `host`: what it does when it stops in order, and when it starts with an id
    /// that it had before.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn release_claims(&self, host: HostId, now: Timestamp) -> Result<(), StoreError> {
        let (host, now) = (host.to_string(), micros(now));
        let mut tx = self.begin().await?;
        for sql in [
            "UPDATE items SET claimed_by = NULL, lease_until = NULL WHERE claimed_by = $1",
            "UPDATE tasks SET claimed_by = NULL, lease_until = NULL WHERE claimed_by = $1",
        ] {
            sqlx::query(sql).bind(host.as_str()).execute(&mut *tx.tx).await?;
        }
        sqlx::query("UPDATE outbox SET state = 'pending', claimed_by = NULL, at = $2 WHERE state = 'claimed' AND claimed_by = $1")
            .bind(host.as_str())
            .bind(now)
            .execute(&mut *tx.tx)
            .await?;
        tx.commit().await
    }

    /// Gives back the items that `host` claimed, for checks whose outcome it could not record.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn release_items(&self, host: HostId) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        sqlx::query("UPDATE items SET claimed_by = NULL, lease_until = NULL WHERE claimed_by = $1")
            .bind(host.to_string())
            .execute(&mut *tx.tx)
            .await?;
        tx.commit().await
    }

    /// Ends the leases of `host`, or of all hosts, that were left behind: nobody works on them any more.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn end_leases(&self, host: Option<HostId>) -> Result<(), StoreError> {
        let host = host.map(|host| host.to_string()).unwrap_or_default();
        let mut tx = self.begin().await?;
        for sql in [
            "UPDATE items SET claimed_by = NULL, lease_until = NULL WHERE claimed_by IS NOT NULL AND ($1 = '' OR claimed_by = $1)",
            "UPDATE tasks SET claimed_by = NULL, lease_until = NULL WHERE claimed_by IS NOT NULL AND ($1 = '' OR claimed_by = $1)",
            // Still claimed, so that the last attempt of a message that kills its host ends it.
            "UPDATE outbox SET at = 0 WHERE state = 'claimed' AND ($1 = '' OR claimed_by = $1)",
        ] {
            sqlx::query(sql).bind(host.as_str()).execute(&mut *tx.tx).await?;
        }
        tx.commit().await
    }
}
