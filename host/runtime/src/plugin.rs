//! A plugin as the operator sees it: one name, whose component can be loaded,
//! replaced, turned off and on while calls go on.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use arc_swap::ArcSwapOption;
use parking_lot::Mutex;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use tracing::Instrument as _;
use wasmtime::Store;

use crate::breaker::{Admission, Breaker, BreakerConfig, Change, Rest};
use crate::error::LoadError;
use crate::failure::{CallError, Failure};
use crate::journal::{Journal, Level};
use crate::loaded::Loaded;
use crate::metrics::Metrics;
use crate::state::State;
use crate::world::{Answer, World};

/// Where a plugin stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// It answers calls.
    Running,
    /// It rests after failures.
    Quarantined {
        /// Until the next probe.
        retry_after: Duration,
    },
    /// The operator turned it off.
    Disabled,
    /// What it requests is not granted; the text is what to add.
    NeedsGrants(String),
    /// It could not be loaded.
    Failed {
        /// Stable code.
        code: &'static str,
        /// Sentence.
        message: String,
    },
}

impl Status {
    /// The word.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Running => "running",
            Self::Quarantined { .. } => "quarantined",
            Self::Disabled => "disabled",
            Self::NeedsGrants(_) => "needs-grants",
            Self::Failed { .. } => "failed",
        }
    }
}

/// Told when a plugin enters or leaves quarantine.
pub type Observer = Arc<dyn Fn(&str, &Transition) + Send + Sync>;

/// A change that people want to hear of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transition {
    /// It rests, after this failure.
    Quarantined {
        /// For how long, and what to keep of it.
        rest: Rest,
        /// The last failure.
        failure: Failure,
        /// The component that failed, `sha256:…`.
        digest: String,
    },
    /// A probe succeeded.
    Recovered {
        /// The component that works again, `sha256:…`.
        digest: String,
    },
}

/// See the module.
pub struct Plugin<W: World> {
    name: String,
    loaded: ArcSwapOption<Loaded<W>>,
    idle: Mutex<Idle>,
    breaker: Mutex<Breaker>,
    breaker_config: BreakerConfig,
    gate: Gate,
    metrics: Arc<Metrics>,
    journal: Arc<Journal>,
    observer: Observer,
    started: Instant,
    changed: watch::Sender<u64>,
}

/// Why nothing is loaded, and what did not replace it.
#[derive(Default)]
struct Idle {
    status: Option<Status>,
    rejected: Option<LoadError>,
}

/// Bounds how many calls run and wait.
struct Gate {
    running: Semaphore,
    concurrency: usize,
    queue: usize,
}

impl<W: World> Plugin<W> {
    pub(crate) fn new(
        name: String,
        concurrency: usize,
        queue: usize,
        breaker_config: BreakerConfig,
        observer: Observer,
    ) -> Self {
        Self {
            name,
            loaded: ArcSwapOption::empty(),
            idle: Mutex::new(Idle { status: Some(Status::Disabled), rejected: None }),
            breaker: Mutex::new(Breaker::new(breaker_config)),
            breaker_config,
            gate: Gate { running: Semaphore::new(concurrency), concurrency, queue },
            metrics: Arc::default(),
            journal: Arc::default(),
            observer,
            started: Instant::now(),
            changed: watch::Sender::new(0),
        }
    }

    /// What the operator calls it.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its log.
    pub fn journal(&self) -> &Arc<Journal> {
        &self.journal
    }

    /// Its counters.
    pub fn metrics(&self) -> &Arc<Metrics> {
        &self.metrics
    }

    /// What serves calls now. Holding it keeps it alive.
    pub fn loaded(&self) -> Option<Arc<Loaded<W>>> {
        self.loaded.load_full()
    }

    /// The last component that was offered and did not replace the one that serves.
    pub fn rejected(&self) -> Option<LoadError> {
        self.idle.lock().rejected.clone()
    }

    /// Where it stands.
    pub fn status(&self) -> Status {
        if self.loaded.load().is_none() {
            return self.idle.lock().status.clone().unwrap_or(Status::Disabled);
        }
        match self.breaker.lock().resting(self.started.elapsed()) {
            Some(retry_after) => Status::Quarantined { retry_after },
            None => Status::Running,
        }
    }

    /// Changes each time another component begins or ceases to serve.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.changed.subscribe()
    }

    /// Puts a component in service. Calls in flight finish on the one they began
    /// on, which is dropped with the last of them; each has its own deadline.
    /// Another digest starts with a clean record.
    pub(crate) fn install(&self, loaded: Loaded<W>) {
        let message = format!("{} {} serves", loaded.manifest().name, loaded.manifest().version);
        let before = self.loaded.swap(Some(Arc::new(loaded)));
        let same = match (&before, &*self.loaded.load()) {
            (Some(before), Some(now)) => before.digest() == now.digest(),
            _ => false,
        };
        if !same {
            *self.breaker.lock() = Breaker::new(self.breaker_config);
        }
        *self.idle.lock() = Idle::default();
        self.journal.host(Level::Info, message);
        self.announce();
    }

    /// Records that a component was not accepted. What serves goes on serving.
    pub(crate) fn reject(&self, error: &LoadError) {
        self.journal.host(Level::Error, error.to_string());
        let mut idle = self.idle.lock();
        idle.rejected = Some(error.clone());
        if self.loaded.load().is_none() {
            idle.status = Some(match error {
                LoadError::NeedsGrants(lines) => Status::NeedsGrants(lines.clone()),
                other => Status::Failed { code: other.code(), message: other.to_string() },
            });
        }
        drop(idle);
        self.announce();
    }

    /// Goes on with a rest that an earlier process began, for the component that
    /// serves. Which component of which build failed is for the caller to know.
    pub fn resume(&self, rest: Rest) {
        *self.breaker.lock() = Breaker::resumed(self.breaker_config, rest, self.started.elapsed());
        self.journal.host(Level::Warn, format!("still in quarantine for {} s", rest.left.as_secs()));
    }

    /// Takes it out of service; calls in flight finish.
    pub fn disable(&self) {
        self.loaded.store(None);
        *self.idle.lock() = Idle { status: Some(Status::Disabled), rejected: None };
        self.journal.host(Level::Info, "disabled");
        self.announce();
    }

    /// Writes into its log something that its operator should know.
    pub fn warn(&self, message: impl Into<String>) {
        self.journal.host(Level::Warn, message);
    }

    /// Takes it out of service because it may not run any more; calls in flight finish.
    pub fn withdraw(&self, error: &LoadError) {
        self.loaded.store(None);
        self.reject(error);
    }

    fn announce(&self) {
        self.changed.send_modify(|n| *n += 1);
    }

    /// Calls the plugin, in a fresh instance. `function` is what the world calls it,
    /// for traces.
    ///
    /// # Errors
    /// See [`CallError`]: it failed with one of the closed list of causes, or it
    /// never began.
    pub async fn call<R, F>(&self, function: &'static str, call: F) -> Result<R, CallError>
    where
        F: for<'a> FnOnce(&'a W::Bindings, &'a mut Store<State>) -> Answer<'a, R> + Send,
    {
        let span = tracing::info_span!(
            "plugin-call",
            plugin = self.name,
            world = W::NAME,
            function,
            cause = tracing::field::Empty,
            otel.status_code = tracing::field::Empty,
        );
        let outcome = self.bounded(call).instrument(span.clone()).await;
        if let Err(e) = &outcome {
            span.record("cause", e.cause());
            span.record("otel.status_code", "ERROR");
        }
        outcome
    }

    async fn bounded<R, F>(&self, call: F) -> Result<R, CallError>
    where
        F: for<'a> FnOnce(&'a W::Bindings, &'a mut Store<State>) -> Answer<'a, R> + Send,
    {
        let loaded = self.loaded().ok_or_else(|| {
            CallError::NotRunning(format!("{}; see `waystation plugin list`", self.status().as_str()))
        })?;
        let _turn = self.turn(&loaded).await?;
        self.admit()?;
        let _running = Gauge::up(&self.metrics.running);
        let outcome = loaded.run(call).await;
        self.judge(&outcome, &loaded);
        outcome
    }

    /// Waits for a turn, in a queue of bounded length and for no longer than a
    /// call may take.
    async fn turn(&self, loaded: &Loaded<W>) -> Result<SemaphorePermit<'_>, CallError> {
        if let Ok(permit) = self.gate.running.try_acquire() {
            return Ok(permit);
        }
        let busy = || {
            self.metrics.refused();
            CallError::Busy { running: self.gate.concurrency, waiting: self.gate.queue }
        };
        let waiting = Gauge::up(&self.metrics.waiting);
        if waiting.value > self.gate.queue as u64 {
            return Err(busy());
        }
        match tokio::time::timeout(loaded.limits().wall, self.gate.running.acquire()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) | Err(_) => Err(busy()),
        }
    }

    fn admit(&self) -> Result<(), CallError> {
        let mut breaker = self.breaker.lock();
        match breaker.admit(self.started.elapsed()) {
            Admission::Go | Admission::Probe => Ok(()),
            Admission::Rest(retry_after) => {
                self.metrics.refused();
                Err(CallError::Quarantined { failures: breaker.failures(), retry_after })
            }
        }
    }

    fn judge<R>(&self, outcome: &Result<R, CallError>, ran: &Loaded<W>) {
        let failure = match outcome {
            Ok(_) => None,
            Err(CallError::Failed(failure)) if failure.cause.is_misbehaviour() => Some(failure),
            Err(CallError::Failed(_)) => None,
            // It never ran.
            Err(_) => return,
        };
        let (change, rest) = {
            let (mut breaker, now) = (self.breaker.lock(), self.started.elapsed());
            let change = match failure {
                None => breaker.succeeded(),
                Some(_) => breaker.failed(now, rand::random()),
            };
            (change, breaker.rest(now))
        };
        let digest = || ran.digest().to_string();
        if let Some(failure) = failure {
            self.journal.host(Level::Error, describe(failure));
        }
        match (change, failure, rest) {
            (Change::Opened(_), Some(failure), Some(rest)) => {
                let text = format!("in quarantine for {} s", rest.left.as_secs());
                self.journal.host(Level::Error, text);
                let failure = failure.clone();
                (self.observer)(&self.name, &Transition::Quarantined { rest, failure, digest: digest() });
            }
            (Change::Closed, ..) => {
                self.journal.host(Level::Info, "works again");
                (self.observer)(&self.name, &Transition::Recovered { digest: digest() });
            }
            _ => {}
        }
    }
}

fn describe(failure: &Failure) -> String {
    match failure.backtrace.is_empty() {
        true => failure.to_string(),
        false => format!("{failure}; in {}", failure.backtrace.join(" < ")),
    }
}

/// Counts up while it lives.
struct Gauge<'a> {
    counter: &'a std::sync::atomic::AtomicU64,
    value: u64,
}

impl<'a> Gauge<'a> {
    fn up(counter: &'a std::sync::atomic::AtomicU64) -> Self {
        Self { counter, value: counter.fetch_add(1, Ordering::Relaxed) + 1 }
    }
}

impl Drop for Gauge<'_> {
    fn drop(&mut self) {
        self.counter.fetch_sub(1, Ordering::Relaxed);
    }
}
