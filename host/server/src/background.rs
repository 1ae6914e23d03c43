//! What a host does by itself: checks when they are due, messages when they are
//! due, and housekeeping. Each loop ends between two pieces of work when the host
//! is told to stop.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use parking_lot::Mutex;
use tokio::sync::broadcast;
use tokio::sync::broadcast::error::TryRecvError::{Closed, Empty};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;
use waystation_core::id::HostId;
use waystation_core::name::TaskName;
use waystation_core::schedule::{CronExpr, next_run};
use waystation_store::{Store, StoreError};

use crate::checker::{CheckFailure, Checked, Checker};
use crate::deliver::Deliverer;
use crate::tickets::default_tenant;

/// How often the loops look without being woken. With several hosts on one
/// database this is how they see each other's work.
pub(crate) const LOOK: Duration = Duration::from_secs(5);

/// Longer than the check of a batch may take.
const CHECK_LEASE: Duration = Duration::from_secs(900);

/// Checks that could not be recorded are done again after this time: remotes are not asked over and over while
/// a disk is full.
const AGAIN: Duration = Duration::from_secs(10);

/// Items claimed at once.
const CLAIM: u32 = 1_000;

/// Events and the audit record are kept this long.
const KEEP: Duration = Duration::from_secs(90 * 86_400);

pub(crate) struct Background {
    pub(crate) store: Store,
    pub(crate) host: HostId,
    pub(crate) checker: Checker,
    pub(crate) deliverer: Deliverer,
}

impl Background {
    /// Starts the loops on `tracker`; they end after `stop`.
    pub(crate) fn start(self, tracker: &TaskTracker, stop: &CancellationToken) {
        let Self { store, host, checker, deliverer } = self;
        let checks = Checks { store: store.clone(), host, checker, unrecorded: Mutex::default() };
        // A new item is an event, so it is checked at once.
        let (events, stopped) = (store.subscribe(), stop.clone());
        tracker.spawn(async move { repeat(&stopped, Some(events), || checks.round()).await });
        tracker.spawn(deliverer.run(stop.clone()));
        let (keeper, stopped) = (Keeper { store, host }, stop.clone());
        tracker.spawn(async move { repeat(&stopped, None, || keeper.round()).await });
    }
}

/// Does rounds of work until there is none, then waits for the next event or the
/// next look.
async fn repeat<F>(
    stop: &CancellationToken,
    mut events: Option<broadcast::Receiver<std::sync::Arc<waystation_core::event::Event>>>,
    round: impl Fn() -> F,
) where
    F: Future<Output = Result<usize, StoreError>>,
{
    while !stop.is_cancelled() {
        // What is told until here is seen by the round below: one look for a thousand events.
        while events.as_mut().is_some_and(|events| !matches!(events.try_recv(), Err(Empty | Closed))) {}
        let pause = match round().await {
            Ok(0) => LOOK,
            Ok(_) => continue,
            Err(e) => {
                tracing::error!(code = e.code(), error = %e, "background work failed and is tried again");
                LOOK
            }
        };
        let woken = async {
            match &mut events {
                // Lagging behind is as good a reason to look as an event.
                Some(events) => drop(events.recv().await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep(pause) => {}
            () = woken => {}
        }
    }
}

struct Checks {
    store: Store,
    host: HostId,
    checker: Checker,
    /// Since when there are checks whose outcome the database did not take.
    unrecorded: Mutex<Option<Instant>>,
}

impl Checks {
    async fn round(&self) -> Result<usize, StoreError> {
        self.give_back().await?;
        if !self.store.is_check_due(Timestamp::now()).await? {
            return Ok(0);
        }
        let due = self.store.claim_due_items(self.host, Timestamp::now(), CHECK_LEASE, CLAIM).await?;
        let items: Vec<_> = due.into_iter().map(|due| due.item).collect();
        let count = items.len();
        if count > 0 {
            let checked = self.checker.check(items, &|_| {}).await;
            let failed = checked
                .iter()
                .filter(|c| c.result.as_ref().is_ok_and(|conclusion| conclusion.check.failing.is_some()))
                .count();
            tracing::info!(items = count, failed, "checked items that were due");
            self.note_unrecorded(&checked);
        }
        Ok(count)
    }

    fn note_unrecorded(&self, checked: &[Checked]) {
        let refused = |c: &Checked| match &c.result {
            Err(CheckFailure::Store(code, message)) => Some((*code, message.clone())),
            _ => None,
        };
        if let Some((code, error)) = checked.iter().find_map(refused) {
            tracing::error!(code, error, "checks were not recorded and are done again");
            self.unrecorded.lock().get_or_insert_with(Instant::now);
        }
    }

    /// Makes due again what was checked in vain. Between two rounds this host claims no other items.
    async fn give_back(&self) -> Result<(), StoreError> {
        let since = *self.unrecorded.lock();
        if since.is_some_and(|since| since.elapsed() >= AGAIN) {
            self.store.release_items(self.host).await?;
            *self.unrecorded.lock() = None;
        }
        Ok(())
    }
}

struct Keeper {
    store: Store,
    host: HostId,
}

impl Keeper {
    /// Makes sure the daily task exists, and runs it when it is this host's turn.
    async fn round(&self) -> Result<usize, StoreError> {
        let now = Timestamp::now();
        let (Ok(name), Ok(cron)) = ("housekeeping".parse::<TaskName>(), "17 3 * * *".parse::<CronExpr>())
        else {
            return Ok(0);
        };
        let jitter = Duration::from_secs(1800);
        let next = |now| next_run(&cron, jitter, now, rand::random()).unwrap_or(Timestamp::MAX);
        self.store.ensure_task(&name, &cron, jitter, next(now)).await?;
        let mut pruned = 0;
        for task in self.store.claim_tasks(self.host, now, CHECK_LEASE).await? {
            pruned = self.store.prune_events(now, KEEP).await?;
            let trimmed = self.trim(now).await?;
            let users = self.store.sweep_users(now).await?;
            self.store.finish_task(&task, None, Timestamp::now(), next(Timestamp::now())).await?;
            tracing::info!(
                events = pruned,
                audit = trimmed,
                users,
                "removed what is over and was kept long enough"
            );
        }
        Ok(usize::from(pruned > 0))
    }

    /// Removes the old part of the record; the rest still holds together.
    async fn trim(&self, now: Timestamp) -> Result<u64, StoreError> {
        let before = SignedDuration::try_from(KEEP).ok().and_then(|keep| now.checked_sub(keep).ok());
        match (default_tenant(), before) {
            (Some(tenant), Some(before)) => self.store.trim_audit(&tenant, before).await,
            _ => Ok(0),
        }
    }
}
