//! Checks of items: grouped by source, asked in batches where the remote can, the
//! outcomes recorded as they come, those that come together in one transaction.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use futures::stream::{self, StreamExt as _};
use jiff::Timestamp;
use tokio::sync::mpsc;
use tokio_util::task::AbortOnDropHandle;
use tracing::Instrument as _;
use waystation_core::check::{CheckError, Conclusion, Outcome, Timing};
use waystation_core::event::NewEvent;
use waystation_core::item::{Item, KEPT_RELEASES};
use waystation_core::schedule::CronExpr;
use waystation_runtime::{CallError, Plugin};
use waystation_store::{EndedCheck, Store, StoreError};
use waystation_worlds::UpdateSource;
use waystation_worlds::update_source::{self, Found, Query};

use crate::config::Config;
use crate::fit;
use crate::plugins::Plugins;
use crate::routing;

/// Items in one batch call.
const BATCH: usize = 1_000;

/// The most outcomes in one transaction.
const RECORDED_AT_ONCE: usize = 64;

/// How the check of one item ended.
#[derive(Debug, Clone)]
pub struct Checked {
    /// The item as it was.
    pub item: Item,
    /// What the check came to.
    pub result: Result<Arc<Conclusion>, CheckFailure>,
}

/// Why a check was not concluded.
#[derive(Debug, Clone)]
pub enum CheckFailure {
    /// The item was removed while it was checked.
    Gone,
    /// The database refused: code and sentence.
    Store(&'static str, String),
}

/// Runs checks. Cheap to clone.
#[derive(Clone)]
pub struct Checker {
    inner: Arc<Inner>,
}

struct Inner {
    store: Store,
    plugins: Arc<Plugins>,
    config: Arc<Config>,
    /// Sources that said they cannot answer many at once.
    single: parking_lot::Mutex<BTreeMap<String, Arc<AtomicBool>>>,
}

impl Checker {
    pub(crate) fn new(store: Store, plugins: Arc<Plugins>, config: Arc<Config>) -> Self {
        Self { inner: Arc::new(Inner { store, plugins, config, single: parking_lot::Mutex::default() }) }
    }

    /// Checks these items now; `progress` hears of each as it ends. The order of
    /// the answers is that in which they ended.
    pub async fn check(&self, items: Vec<Item>, progress: &(dyn Fn(&Checked) + Send + Sync)) -> Vec<Checked> {
        let mut by_source: BTreeMap<String, Vec<Item>> = BTreeMap::new();
        for item in items {
            by_source.entry(item.spec.source.to_string()).or_default().push(item);
        }
        let groups = by_source.into_iter().map(|(source, items)| self.check_source(source, items, progress));
        stream::iter(groups).buffer_unordered(64).concat().await
    }

    async fn check_source(
        &self,
        source: String,
        items: Vec<Item>,
        progress: &(dyn Fn(&Checked) + Send + Sync),
    ) -> Vec<Checked> {
        let Some(plugin) = self.inner.plugins.source(&source) else {
            let error = CheckError {
                code: "no-such-source".into(),
                message: format!("no update source `{source}` is loaded; see `waystation plugin list`"),
                retryable: false,
                retry_after: None,
            };
            return self
                .record_all(items.into_iter().map(|item| (item, Outcome::Failed(error.clone()))), progress)
                .await;
        };
        let single = Arc::clone(self.inner.single.lock().entry(source).or_default());
        let mut checked = Vec::with_capacity(items.len());
        let (items, unfit) = sorted(&plugin, items);
        checked.extend(self.record_all(unfit, progress).await);
        for chunk in items.chunks(BATCH) {
            if chunk.len() > 1 && !single.load(Ordering::Relaxed) {
                match self.ask_many(&plugin, chunk).await {
                    Some(outcomes) => {
                        checked.extend(self.record_all(outcomes, progress).await);
                        continue;
                    }
                    None => single.store(true, Ordering::Relaxed),
                }
            }
            checked.extend(self.ask_each(&plugin, chunk, progress).await);
        }
        checked
    }

    /// One call for all. None when the source cannot do that.
    async fn ask_many(&self, plugin: &Plugin<UpdateSource>, items: &[Item]) -> Option<Vec<(Item, Outcome)>> {
        let seal = Seal::of(plugin);
        let queries: Vec<Query> = items.iter().map(|item| seal.query(item)).collect();
        match update_source::releases_batch(plugin, queries.clone()).await {
            Ok(answers) => {
                let answers =
                    answers.into_iter().zip(&queries).map(|(answer, asked)| seal.outcome(answer, asked));
                Some(items.iter().cloned().zip(answers).collect())
            }
            Err(e) if e.code() == "unsupported" => None,
            Err(e) => {
                Some(items.iter().map(|item| (item.clone(), Outcome::Failed(check_error(&e)))).collect())
            }
        }
    }

    /// One call for each, several at once, each in a task of its own so that they use all processors. What
    /// ends while outcomes are written is written with the next group.
    async fn ask_each(
        &self,
        plugin: &Arc<Plugin<UpdateSource>>,
        items: &[Item],
        progress: &(dyn Fn(&Checked) + Send + Sync),
    ) -> Vec<Checked> {
        let at_once = (self.inner.config.checks.concurrency as usize).max(1);
        let (ended, mut outcomes) = mpsc::channel(RECORDED_AT_ONCE);
        let asking = async move {
            let ended = &ended;
            let ask = |item: Item| async move {
                let seal = Seal::of(plugin);
                let asked = seal.query(&item);
                let (plugin, query) = (Arc::clone(plugin), asked.clone());
                let call = async move { update_source::releases(&plugin, query).await };
                let call = tokio::spawn(call.in_current_span());
                let outcome = match AbortOnDropHandle::new(call).await {
                    Ok(answer) => seal.outcome(answer, &asked),
                    Err(broken) => Outcome::Failed(broken_off(&broken)),
                };
                // The receiver lives as long as this future.
                let _ = ended.send((item, outcome)).await;
            };
            stream::iter(items.iter().cloned()).for_each_concurrent(at_once, ask).await;
        };
        let recording = async {
            let mut checked = Vec::with_capacity(items.len());
            let mut group = Vec::with_capacity(RECORDED_AT_ONCE);
            while outcomes.recv_many(&mut group, RECORDED_AT_ONCE).await > 0 {
                checked.extend(self.record(std::mem::take(&mut group), progress).await);
            }
            checked
        };
        futures::join!(asking, recording).1
    }

    async fn record_all(
        &self,
        outcomes: impl IntoIterator<Item = (Item, Outcome)>,
        progress: &(dyn Fn(&Checked) + Send + Sync),
    ) -> Vec<Checked> {
        let mut outcomes = outcomes.into_iter().peekable();
        let mut checked = Vec::new();
        while outcomes.peek().is_some() {
            let group = outcomes.by_ref().take(RECORDED_AT_ONCE).collect();
            checked.extend(self.record(group, progress).await);
        }
        checked
    }

    /// Records a group in one transaction; where that fails, each on its own, so that one item whose rows
    /// cannot be read holds up no other.
    async fn record(
        &self,
        group: Vec<(Item, Outcome)>,
        progress: &(dyn Fn(&Checked) + Send + Sync),
    ) -> Vec<Checked> {
        let now = Timestamp::now();
        let interval = interval(self.inner.config.checks.schedule.as_ref(), now);
        let (items, ended): (Vec<Item>, Vec<EndedCheck>) = group
            .into_iter()
            .map(|(item, outcome)| {
                let timing = Timing { now, interval, random: rand::random() };
                let ended = EndedCheck { item: item.id, outcome, timing };
                (item, ended)
            })
            .unzip();
        let route = |event: &NewEvent| routing::channels(&self.inner.config, event);
        let results = match self.inner.store.record_checks(&ended, &route).await {
            Ok(results) => results,
            Err(error) if ended.len() == 1 => vec![Err(error)],
            Err(_) => {
                let alone = ended
                    .iter()
                    .map(|e| self.inner.store.record_check(e.item, &e.outcome, &e.timing, &route));
                futures::future::join_all(alone).await
            }
        };
        let checked = items.into_iter().zip(results).map(|(item, result)| {
            let result = result.map(Arc::new).map_err(|error| match error {
                StoreError::NotFound { .. } => CheckFailure::Gone,
                error => CheckFailure::Store(error.code(), error.to_string()),
            });
            let checked = Checked { item, result };
            progress(&checked);
            checked
        });
        checked.collect()
    }
}

/// A call whose task ended without an answer.
fn broken_off(broken: &tokio::task::JoinError) -> CheckError {
    tracing::error!(error = %broken, "the task of a check broke off");
    CheckError {
        code: "internal".into(),
        message: "the check broke off; see the host's log".into(),
        retryable: true,
        retry_after: None,
    }
}

/// Items that the source can be asked about, and those whose options it does not take.
fn sorted(source: &Plugin<UpdateSource>, items: Vec<Item>) -> (Vec<Item>, Vec<(Item, Outcome)>) {
    let mut unfit = Vec::new();
    let fit = items.into_iter().filter_map(|item| match fit::options(source, &item.spec.options) {
        Ok(()) => Some(item),
        Err(found) => {
            let error = CheckError {
                code: fit::OPTIONS.into(),
                message: found.under(&["options"]),
                retryable: false,
                retry_after: None,
            };
            unfit.push((item, Outcome::Failed(error)));
            None
        }
    });
    (fit.collect(), unfit)
}

/// The time until the next round of checks.
fn interval(schedule: &str, now: Timestamp) -> Duration {
    const SIX_HOURS: Duration = Duration::from_secs(6 * 3600);
    schedule
        .parse::<CronExpr>()
        .ok()
        .and_then(|cron| cron.next(now).ok())
        .and_then(|next| Duration::try_from(next.duration_since(now)).ok())
        .unwrap_or(SIX_HOURS)
}

/// Ties what a source may answer `unchanged` to: a validator counts only for the
/// component, configuration and policy it was made under.
struct Seal(String);

impl Seal {
    fn of(plugin: &Plugin<UpdateSource>) -> Self {
        Self(plugin.loaded().map(|loaded| loaded.fingerprint().to_owned()).unwrap_or_default())
    }

    fn prefix(&self, prereleases: bool) -> String {
        format!("{}-{}:", self.0, u8::from(prereleases))
    }

    fn query(&self, item: &Item) -> Query {
        let prereleases = item.spec.policy.prereleases;
        let prefix = self.prefix(prereleases);
        Query {
            locator: item.spec.locator.to_string(),
            options: serde_json::Value::Object(item.spec.options.clone()).to_string(),
            validator: item
                .check
                .validator
                .as_deref()
                .and_then(|v| v.strip_prefix(&prefix))
                .map(str::to_owned),
            prereleases,
            limit: u32::try_from(KEPT_RELEASES).unwrap_or(u32::MAX),
        }
    }

    fn outcome(&self, answer: Result<Found, CallError>, asked: &Query) -> Outcome {
        match answer {
            Ok(Found::Unchanged) if asked.validator.is_none() => Outcome::Failed(CheckError {
                code: "decode".into(),
                message: "the source says that nothing changed, but it was not told since when".into(),
                retryable: false,
                retry_after: None,
            }),
            Ok(Found::Unchanged) => Outcome::Unchanged,
            Ok(Found::Listing(listing)) => Outcome::Listing {
                releases: listing.releases,
                validator: listing.validator.map(|v| format!("{}{v}", self.prefix(asked.prereleases))),
            },
            Err(e) => Outcome::Failed(check_error(&e)),
        }
    }
}

fn check_error(e: &CallError) -> CheckError {
    let retryable = match e {
        CallError::Failed(failure) => failure.retryable(),
        CallError::Quarantined { .. } | CallError::Busy { .. } => true,
        CallError::NotRunning(_) => false,
    };
    CheckError { code: e.code().to_owned(), message: e.sentence(), retryable, retry_after: e.retry_after() }
}
