//! The open database: pools, transactions, and the events that leave when a transaction is kept.

use std::{
    fs::OpenOptions,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use futures::FutureExt;
use secrecy::ExposeSecret;
use sqlx::{
    Any, AnyPool, ConnectOptions, Connection, Transaction,
    any::{AnyConnectOptions, AnyPoolOptions},
    sqlite::SqliteConnectOptions,
};
use tokio::sync::{Mutex, broadcast};
use waystation_core::{
    event::{Event, NewEvent},
    id::HostId,
    name::ChannelName,
};

use crate::{
    changes::Changes,
    checkpoint::Checkpoints,
    error::{StoreError, from_io},
    lock::{HostLock, private},
    migrate,
    tickets::Bells,
    url::{Address, DatabaseUrl},
};

/// Picks the channels that an event goes to. It runs inside the transaction: it must only compute.
pub type Route<'a> = dyn Fn(&NewEvent) -> Vec<ChannelName> + Send + Sync + 'a;

/// Sends an event nowhere.
#[must_use]
pub fn nowhere(_: &NewEvent) -> Vec<ChannelName> {
    Vec::new()
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Backend {
    Sqlite,
    Postgres,
}

/// What an operator may change about the connections.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// Connections that read (SQLite), or all connections (PostgreSQL).
    pub connections: u32,
    /// How long an operation waits for a free connection.
    pub wait: Duration,
    /// The most pages (of 4 KiB) that a SQLite file may have; beyond that it counts as a full disk.
    pub sqlite_max_pages: Option<u32>,
}

impl Default for StoreOptions {
    /// Eight connections, 30 s, no bound.
    fn default() -> Self {
        Self { connections: 8, wait: Duration::from_secs(30), sqlite_max_pages: None }
    }
}

/// The state of the host. Clones share one set of connections and, for SQLite, one lock on the file.
#[derive(Clone)]
pub struct Store {
    inner: Arc<Inner>,
}

struct Inner {
    read: AnyPool,
    write: AnyPool,
    backend: Backend,
    live: broadcast::Sender<Arc<Event>>,
    publish: Mutex<()>,
    changes: Changes,
    checkpoints: Checkpoints,
    bells: Arc<Bells>,
    // Last, so that connections go before the lock does.
    _lock: Option<HostLock>,
}

/// How far a live subscriber may fall behind before it has to read by sequence.
const LIVE_EVENTS: usize = 1_024;

impl Store {
    /// Opens the database, creates or updates its schema, and takes the lock on a SQLite file. What an earlier
    /// run of this host left claimed is free again; on SQLite that is everything.
    ///
    /// # Errors
    /// `database-locked-by-other-host`, `database-unavailable`, `schema-too-new`, `migration-failed`,
    /// `corrupt`, `disk-full`.
    pub async fn open(url: &DatabaseUrl, host: HostId) -> Result<Self, StoreError> {
        Self::open_with(url, host, &StoreOptions::default()).await
    }

    /// [`Store::open`] with other than the default options.
    ///
    /// # Errors
    /// As [`Store::open`].
    pub async fn open_with(
        url: &DatabaseUrl,
        host: HostId,
        options: &StoreOptions,
    ) -> Result<Self, StoreError> {
        sqlx::any::install_default_drivers();
        match &url.0 {
            Address::Sqlite(path) => {
                let unavailable = |error| from_io(path, &error);
                let path = true_path(path).map_err(unavailable)?;
                let lock = HostLock::take(&path, host)?;
                // The file is for its owner alone; SQLite gives the files beside it the same mode.
                private(OpenOptions::new().read(true).write(true).create(true))
                    .open(&path)
                    .map_err(unavailable)?;
                Self::open_sqlite(&path, lock, options).await
            }
            Address::Postgres(url) => {
                let target: AnyConnectOptions = url.expose_secret().parse().map_err(StoreError::from)?;
                migrate_with(&target, POSTGRES_SETUP, Backend::Postgres).await?;
                let pool =
                    pool(options.connections, options.wait, POSTGRES_SETUP.into()).connect_lazy_with(target);
                let store = Self::new(pool.clone(), pool, Backend::Postgres, None);
                store.end_leases(Some(host)).await?;
                Ok(store)
            }
        }
    }

    async fn open_sqlite(path: &Path, lock: HostLock, options: &StoreOptions) -> Result<Self, StoreError> {
        let text =
            path.to_str().ok_or(StoreError::BadUrl { why: "the path of a SQLite file must be UTF-8" })?;
        // The driver decodes %xx in the path; `to_url_lossy` leaves a % alone.
        let file = SqliteConnectOptions::new().filename(text.replace('%', "%25"));
        let target = AnyConnectOptions::from_url(&file.to_url_lossy()).map_err(StoreError::from)?;
        let pages = options.sqlite_max_pages.map(|pages| format!("PRAGMA max_page_count = {pages};"));
        let setup = format!("{SQLITE_SETUP}{}", pages.unwrap_or_default());
        migrate_with(&target, &setup, Backend::Sqlite).await?;
        // One connection writes, so that writers wait in the pool and never meet SQLITE_BUSY.
        let write = pool(1, options.wait, setup + SQLITE_WRITER).connect_lazy_with(target.clone());
        let readers = format!("{SQLITE_SETUP}PRAGMA query_only = ON;");
        let read = pool(options.connections, options.wait, readers).connect_lazy_with(target);
        let store = Self::new(read, write, Backend::Sqlite, Some(lock));
        // Nobody else can have this file open: what is still claimed was claimed by a host that is gone.
        store.end_leases(None).await?;
        Ok(store)
    }

    fn new(read: AnyPool, write: AnyPool, backend: Backend, lock: Option<HostLock>) -> Self {
        let (live, _) = broadcast::channel(LIVE_EVENTS);
        Self {
            inner: Arc::new(Inner {
                read,
                write,
                backend,
                live,
                publish: Mutex::new(()),
                changes: Changes::default(),
                checkpoints: Checkpoints::default(),
                bells: Arc::default(),
                _lock: lock,
            }),
        }
    }

    /// Closes all connections after their work is done. The lock goes with the last clone.
    pub async fn close(&self) {
        self.inner.write.close().await;
        self.inner.read.close().await;
    }

    /// Whether the database answers, for readiness.
    ///
    /// # Errors
    /// Whatever keeps it from answering.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let _: i64 = sqlx::query_scalar("SELECT value FROM counters WHERE name = 'event'")
            .fetch_one(self.reader())
            .await?;
        Ok(())
    }

    /// Events of this process from now on, each after it was kept. A subscriber that lags, or that sees a gap
    /// between two sequence numbers, reads what it missed with [`Store::events_after`]: that also shows
    /// what other hosts stored.
    #[must_use]
    pub fn subscribe(&self) -> broadcast::Receiver<Arc<Event>> {
        self.inner.live.subscribe()
    }

    pub(crate) fn reader(&self) -> &AnyPool {
        &self.inner.read
    }

    pub(crate) fn changes(&self) -> &Changes {
        &self.inner.changes
    }

    pub(crate) fn checkpoints(&self) -> &Checkpoints {
        &self.inner.checkpoints
    }

    pub(crate) fn bells(&self) -> &Arc<Bells> {
        &self.inner.bells
    }

    pub(crate) fn backend_is_shared(&self) -> bool {
        self.inner.backend == Backend::Postgres
    }

    pub(crate) async fn begin(&self) -> Result<Tx<'_>, StoreError> {
        let begin = match self.inner.backend {
            Backend::Sqlite => "BEGIN IMMEDIATE",
            Backend::Postgres => "BEGIN",
        };
        let tx = self.inner.write.begin_with(begin).await?;
        Ok(Tx { tx, inner: &self.inner, emitted: Vec::new() })
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("live_subscribers", &self.inner.live.receiver_count())
            .finish_non_exhaustive()
    }
}

/// A transaction. Dropped without [`Tx::commit`], nothing of it is kept and none of its events leaves.
pub(crate) struct Tx<'a> {
    pub(crate) tx: Transaction<'static, Any>,
    inner: &'a Inner,
    pub(crate) emitted: Vec<Arc<Event>>,
}

impl Tx<'_> {
    pub(crate) async fn commit(self) -> Result<(), StoreError> {
        if self.emitted.is_empty() {
            return Ok(self.tx.commit().await?);
        }
        // Transactions with events commit in the order of their sequence numbers; this keeps the order for
        // live subscribers too.
        let _publish = self.inner.publish.lock().await;
        self.tx.commit().await?;
        for event in self.emitted {
            // An error means that nobody listens.
            let _ = self.inner.live.send(event);
        }
        Ok(())
    }

    /// What a `SELECT` ends with whose rows nobody else may change until this transaction ends. SQLite has one
    /// writer at a time, and it is this one.
    pub(crate) fn lock_rows(&self) -> &'static str {
        match self.inner.backend {
            Backend::Sqlite => "",
            Backend::Postgres => " FOR UPDATE",
        }
    }

    /// Lets no other change of tenants, agents or tickets be made until this transaction ends. SQLite has one writer
    /// at a time anyway.
    pub(crate) async fn in_order(&mut self) -> Result<(), StoreError> {
        match self.inner.backend {
            Backend::Sqlite => Ok(()),
            Backend::Postgres => self.take("changes").await,
        }
    }

    /// Takes a row of `counters` for this transaction: others that ask for it wait until it ends.
    pub(crate) async fn take(&mut self, counter: &'static str) -> Result<(), StoreError> {
        sqlx::query("UPDATE counters SET value = value + 1 WHERE name = $1")
            .bind(counter)
            .execute(&mut *self.tx)
            .await?;
        Ok(())
    }
}

/// WAL lets readers go on while one writes; FULL makes a commit survive a power cut.
const SQLITE_SETUP: &str = "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON; PRAGMA busy_timeout = 10000; PRAGMA trusted_schema = OFF;";

/// It goes to every index of what it writes: 32 MiB of pages are kept at most, as far as they are used. With 16 MiB that are
/// not in the file yet it moves them itself, which is little where [`checkpoint`](crate::checkpoint) was at it.
const SQLITE_WRITER: &str = "PRAGMA cache_size = -32768; PRAGMA wal_autocheckpoint = 4096;";

/// A host that hangs in a transaction must not hold up the others for ever.
const POSTGRES_SETUP: &str = "SET lock_timeout = '30s'; SET idle_in_transaction_session_timeout = '60s'";

fn pool(connections: u32, wait: Duration, setup: String) -> AnyPoolOptions {
    let setup: Arc<str> = setup.into();
    AnyPoolOptions::new()
        .max_connections(connections.max(1))
        .acquire_timeout(wait)
        .after_connect(move |connection, _| {
            let setup = setup.clone();
            async move { sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(connection).await.map(|_| ()) }
                .boxed()
        })
        // SQLite rolls back by itself when the disk is full. The driver then counts a transaction that is no
        // more, and would begin no other on this connection: it is replaced.
        .before_acquire(|connection, _| {
            let usable = !connection.is_in_transaction();
            async move { Ok(usable) }.boxed()
        })
}

/// Applies the migrations on a connection of their own: what they lock ends with it, however they end.
async fn migrate_with(target: &AnyConnectOptions, setup: &str, backend: Backend) -> Result<(), StoreError> {
    let mut connection = target.connect().await?;
    sqlx::raw_sql(sqlx::AssertSqlSafe(setup)).execute(&mut connection).await?;
    let migrated = migrate::run(&mut connection, backend).await;
    connection.close().await?;
    migrated
}

/// The one true path of a database file, whether it exists or not.
///
/// It must not open the file: SQLite's own locks belong to the process, and closing any handle of the file
/// would end those of a store that has it open already.
fn true_path(path: &Path) -> std::io::Result<PathBuf> {
    match path.canonicalize() {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            let folder =
                path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let name = path.file_name().ok_or(error)?;
            Ok(folder.canonicalize()?.join(name))
        }
        other => other,
    }
}
