//! What can go wrong with the state, one variant for each thing that a caller or a person does about it.

use std::path::{Path, PathBuf};

use sqlx::error::{DatabaseError, ErrorKind};

/// An operation on the store that did not happen. Unless said otherwise nothing of it was kept.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// The address of the database cannot be used.
    #[error("the database address cannot be used: {why}; write sqlite:PATH or postgres://HOST/DATABASE")]
    BadUrl {
        /// What is wrong with it.
        why: &'static str,
    },
    /// Another host has this SQLite file open.
    #[error("{} is in use by {holder}; stop that process, or use PostgreSQL for several hosts", path.display())]
    LockedByOtherHost {
        /// The database file.
        path: PathBuf,
        /// Who says to hold it: process and host id.
        holder: String,
    },
    /// The database cannot be reached, opened or written. For a change whose answer was lost it is unknown
    /// whether it was kept; each change can be repeated.
    #[error(
        "the database cannot be used: {why}; check that it is there and that this process may write to it"
    )]
    Unavailable {
        /// What the database or the operating system said.
        why: String,
    },
    /// No room is left for the change.
    #[error("the disk of the database is full; free some space, the host goes on by itself")]
    DiskFull,
    /// A migration could not be applied.
    #[error(
        "the database schema could not be brought up to date: {why}; the database is as before, restore or report it"
    )]
    MigrationFailed {
        /// What the database said.
        why: String,
    },
    /// The database was written by a newer version of this program.
    #[error(
        "the database has schema {found}, this program knows up to {known}; start the newer version again"
    )]
    SchemaTooNew {
        /// The newest migration in the database.
        found: i64,
        /// The newest migration in this program.
        known: i64,
    },
    /// What was read is not what was written.
    #[error("the database is damaged: {what}; restore it from a backup")]
    Corrupt {
        /// Where.
        what: String,
    },
    /// There is no such thing.
    #[error("there is no {what} {name}; list what there is and check the spelling")]
    NotFound {
        /// Its kind.
        what: &'static str,
        /// How it was asked for.
        name: String,
    },
    /// There is one already.
    #[error("{what} {name} exists already; choose another name or change that one")]
    Conflict {
        /// Its kind.
        what: &'static str,
        /// Its name.
        name: String,
    },
    /// A limit would be passed.
    #[error("{what} would be larger than {limit}; store less, or raise the limit")]
    TooLarge {
        /// What is too large.
        what: &'static str,
        /// The most that is allowed.
        limit: u64,
    },
    /// The database refused a statement: a mistake of this program.
    #[error("the database refused a statement: {why}; this is a mistake in the program, report it")]
    Refused {
        /// What the database said.
        why: String,
    },
}

impl StoreError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::BadUrl { .. } => "database-url-invalid",
            Self::LockedByOtherHost { .. } => "database-locked-by-other-host",
            Self::Unavailable { .. } => "database-unavailable",
            Self::DiskFull => "disk-full",
            Self::MigrationFailed { .. } => "migration-failed",
            Self::SchemaTooNew { .. } => "schema-too-new",
            Self::Corrupt { .. } => "corrupt",
            Self::NotFound { .. } => "not-found",
            Self::Conflict { .. } => "conflict",
            Self::TooLarge { .. } => "too-large",
            Self::Refused { .. } => "database-refused",
        }
    }

    /// Whether the same call may succeed later without the caller changing anything.
    #[must_use]
    pub const fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. } | Self::DiskFull)
    }

    #[expect(clippy::needless_pass_by_value, reason = "callers hold ids that are Copy, and references")]
    pub(crate) fn not_found(what: &'static str, name: impl ToString) -> Self {
        Self::NotFound { what, name: name.to_string() }
    }

    #[expect(clippy::needless_pass_by_value, reason = "it is given to map_err")]
    pub(crate) fn corrupt(what: impl ToString) -> Self {
        Self::Corrupt { what: what.to_string() }
    }
}

/// What the operating system said about a file of the database.
pub(crate) fn from_io(path: &Path, error: &std::io::Error) -> StoreError {
    match error.kind() {
        std::io::ErrorKind::StorageFull => StoreError::DiskFull,
        _ => StoreError::Unavailable { why: format!("{}: {error}", path.display()) },
    }
}

/// Says `what` `name` exists already where a uniqueness rule stopped a statement.
pub(crate) fn or_conflict(what: &'static str, name: impl ToString) -> impl FnOnce(sqlx::Error) -> StoreError {
    move |error| match error.as_database_error().map(DatabaseError::kind) {
        Some(ErrorKind::UniqueViolation) => StoreError::Conflict { what, name: name.to_string() },
        _ => error.into(),
    }
}

impl From<sqlx::Error> for StoreError {
    fn from(error: sqlx::Error) -> Self {
        match error {
            sqlx::Error::Database(refused) => from_database(&*refused),
            sqlx::Error::Io(io) if io.kind() == std::io::ErrorKind::StorageFull => Self::DiskFull,
            // The parser's own words may repeat the address, password and all.
            sqlx::Error::Configuration(_) => Self::BadUrl { why: "it cannot be parsed" },
            sqlx::Error::PoolTimedOut => {
                Self::Unavailable { why: "no connection became free in time".into() }
            }
            error @ (sqlx::Error::Io(_)
            | sqlx::Error::Tls(_)
            | sqlx::Error::Protocol(_)
            | sqlx::Error::PoolClosed
            | sqlx::Error::WorkerCrashed) => Self::Unavailable { why: error.to_string() },
            error @ (sqlx::Error::ColumnDecode { .. } | sqlx::Error::Decode(_)) => Self::corrupt(error),
            error => Self::Refused { why: error.to_string() },
        }
    }
}

fn from_database(error: &dyn DatabaseError) -> StoreError {
    let why = error.message().to_owned();
    let code = error.code().unwrap_or_default();
    if error.try_downcast_ref::<sqlx::sqlite::SqliteError>().is_some() {
        // Result codes: https://www.sqlite.org/rescode.html, the primary one is in the low byte.
        return match code.parse::<u32>().map(|code| code & 0xff) {
            Ok(SQLITE_FULL) => StoreError::DiskFull,
            Ok(SQLITE_CORRUPT | SQLITE_NOTADB) => StoreError::Corrupt { what: why },
            Ok(
                SQLITE_PERM | SQLITE_BUSY | SQLITE_LOCKED | SQLITE_READONLY | SQLITE_IOERR | SQLITE_CANTOPEN,
            ) => StoreError::Unavailable { why },
            _ => StoreError::Refused { why },
        };
    }
    // SQLSTATE classes: https://www.postgresql.org/docs/current/errcodes-appendix.html
    match (code.get(..2).unwrap_or_default(), &*code) {
        (_, "53100") => StoreError::DiskFull,
        ("08" | "25" | "28" | "3D" | "40" | "53" | "55" | "57" | "58", _) => StoreError::Unavailable { why },
        ("XX", _) => StoreError::Corrupt { what: why },
        _ => StoreError::Refused { why },
    }
}

const SQLITE_PERM: u32 = 3;
const SQLITE_BUSY: u32 = 5;
const SQLITE_LOCKED: u32 = 6;
const SQLITE_READONLY: u32 = 8;
const SQLITE_IOERR: u32 = 10;
const SQLITE_CORRUPT: u32 = 11;
const SQLITE_FULL: u32 = 13;
const SQLITE_CANTOPEN: u32 = 14;
const SQLITE_NOTADB: u32 = 26;
