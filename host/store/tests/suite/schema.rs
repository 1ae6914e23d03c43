use sqlx::Row;
use waystation_store::{SCHEMA_VERSION, StoreError};

use super::{Db, add, listing, timing};

pub(crate) async fn opening_again_changes_nothing(db: Db) {
    let applied = || async {
        let mut raw = db.raw().await;
        let applied = "SELECT COUNT(*) AS n, MAX(version) AS newest FROM _sqlx_migrations";
        let row = sqlx::query(applied).fetch_one(&mut raw).await.unwrap();
        (row.get::<i64, _>("n"), row.get::<i64, _>("newest"))
    };
    let item = add(&db.open().await, "rg").await;
    let before = applied().await;
    for _ in 0..3 {
        assert_eq!(db.open().await.item(item.id).await.unwrap(), item);
    }
    // Numbers may be left out, and none comes twice.
    assert_eq!((before.1, applied().await), (SCHEMA_VERSION, before));
}

pub(crate) async fn a_newer_schema_is_left_alone(db: Db) {
    let item = add(&db.open().await, "rg").await;
    db.tamper("UPDATE _sqlx_migrations SET version = 9000 WHERE version = 1").await;
    let error = db.try_open().await.unwrap_err();
    assert!(matches!(error, StoreError::SchemaTooNew { found: 9_000, known: SCHEMA_VERSION }), "{error:?}");
    assert_eq!(error.code(), "schema-too-new");
    db.tamper("UPDATE _sqlx_migrations SET version = 1 WHERE version = 9000").await;
    assert_eq!(db.open().await.item(item.id).await.unwrap(), item);
}

pub(crate) async fn an_edited_migration_is_refused(db: Db) {
    drop(db.open().await);
    let mut raw = db.raw().await;
    sqlx::query("UPDATE _sqlx_migrations SET checksum = $1")
        .bind(vec![0_u8; 48])
        .execute(&mut raw)
        .await
        .unwrap();
    drop(raw);
    assert_eq!(db.try_open().await.unwrap_err().code(), "migration-failed");
}

/// What the documentation lists, in both databases.
pub(crate) async fn both_databases_have_the_same_columns(db: Db) {
    drop(db.open().await);
    let page = include_str!("../../../../docs/src/reference/database.md");
    let mut raw = db.raw().await;
    let mut tables = 0;
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if cells.len() != 5 {
            continue;
        }
        let table = cells[1].trim_matches('`');
        let columns = cells[3].replace('`', "");
        tables += 1;
        sqlx::query(sqlx::AssertSqlSafe(format!("SELECT {columns} FROM {table}")))
            .fetch_all(&mut raw)
            .await
            .unwrap_or_else(|error| panic!("{table}: {error}"));
    }
    assert_eq!(tables, 45);
}

pub(crate) async fn damage_is_told_and_does_not_spread(db: Db) {
    let store = db.open().await;
    let (good, bad) = (add(&store, "good").await, add(&store, "bad").await);
    db.tamper("UPDATE items SET check_state = '{' WHERE name = 'bad'").await;
    let error = store.item(bad.id).await.unwrap_err();
    assert_eq!(error.code(), "corrupt");
    let recorded =
        store.record_check(bad.id, &listing(&["1.0.0"]), &timing(1), &waystation_store::nowhere).await;
    assert_eq!(recorded.unwrap_err().code(), "corrupt");
    assert_eq!(store.item(good.id).await.unwrap(), good);
}
