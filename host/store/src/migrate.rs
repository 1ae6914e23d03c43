//! The schema: embedded in the program, applied at start, never taken back.
//!
//! There is one set of migrations. It is written for SQLite; for PostgreSQL two type words are replaced:
//! `TEXT` gets the byte-order collation, so that both databases compare and sort alike, and `BLOB` gets
//! PostgreSQL's name for it.

use std::borrow::Cow;

use sqlx::{
    AnyConnection, AssertSqlSafe, SqlSafeStr,
    migrate::{MigrateError, Migration, MigrationType, Migrator},
};

use crate::{error::StoreError, store::Backend};

/// Version, what it does, and its text. Append only: what was released is never edited.
const MIGRATIONS: [(i64, &str, &str); 9] = [
    (1, "initial", include_str!("../../../migrations/0001_initial.sql")),
    (2, "plugin history", include_str!("../../../migrations/0002_plugin_history.sql")),
    (3, "tickets", include_str!("../../../migrations/0003_tickets.sql")),
    (4, "users", include_str!("../../../migrations/0004_users.sql")),
    (5, "enrolment", include_str!("../../../migrations/0005_enrolment.sql")),
    (6, "hooks", include_str!("../../../migrations/0006_hooks.sql")),
    (7, "oidc", include_str!("../../../migrations/0007_oidc.sql")),
    (8, "approvals", include_str!("../../../migrations/0008_approvals.sql")),
    (9, "reset", include_str!("../../../migrations/0009_reset.sql")),
];

/// The newest schema that this program knows.
pub const SCHEMA_VERSION: i64 = MIGRATIONS[MIGRATIONS.len() - 1].0;

/// Brings the database up to [`SCHEMA_VERSION`], or leaves it as it is.
pub(crate) async fn run(connection: &mut AnyConnection, backend: Backend) -> Result<(), StoreError> {
    let migrations = MIGRATIONS.iter().map(|&(version, name, sql)| {
        let sql = AssertSqlSafe(dialect(sql, backend)).into_sql_str();
        Migration::new(version, Cow::Borrowed(name), MigrationType::Simple, sql, false)
    });
    let migrator = Migrator::with_migrations(migrations.collect());
    migrator.run_direct(None, connection, false).await.map_err(from_migrate)
}

fn from_migrate(error: MigrateError) -> StoreError {
    match error {
        MigrateError::VersionMissing(found) if found > SCHEMA_VERSION => {
            StoreError::SchemaTooNew { found, known: SCHEMA_VERSION }
        }
        MigrateError::Execute(error) | MigrateError::ExecuteMigration(error, _) => match error.into() {
            StoreError::Refused { why } => StoreError::MigrationFailed { why },
            other => other,
        },
        other => StoreError::MigrationFailed { why: other.to_string() },
    }
}

/// The text of a migration as `backend` takes it.
fn dialect(sql: &str, backend: Backend) -> String {
    match backend {
        Backend::Sqlite => sql.to_owned(),
        Backend::Postgres => sql.replace(" TEXT", " TEXT COLLATE \"C\"").replace(" BLOB", " BYTEA"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_ascend() {
        assert!(MIGRATIONS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    #[test]
    fn each_migration_file_is_in_the_list() {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../migrations");
        let files = std::fs::read_dir(folder)
            .unwrap()
            .filter(|f| f.as_ref().unwrap().path().extension().is_some_and(|extension| extension == "sql"));
        assert_eq!(files.count(), MIGRATIONS.len());
    }

    #[test]
    fn postgres_gets_its_own_type_words() {
        let sql = "CREATE TABLE kv (plugin TEXT NOT NULL, key BLOB NOT NULL)";
        assert_eq!(dialect(sql, Backend::Sqlite), sql);
        let expected = "CREATE TABLE kv (plugin TEXT COLLATE \"C\" NOT NULL, key BYTEA NOT NULL)";
        assert_eq!(dialect(sql, Backend::Postgres), expected);
    }
}
