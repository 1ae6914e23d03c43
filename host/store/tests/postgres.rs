//! The suite on PostgreSQL, and what only a server does.
#![allow(missing_docs, clippy::unwrap_used, clippy::expect_used, clippy::panic, unreachable_pub)]

mod suite;

use std::{panic::AssertUnwindSafe, str::FromStr};

use futures::FutureExt;
use sqlx::{ConnectOptions, Connection, PgConnection, postgres::PgConnectOptions};
use suite::{Db, add, at, host, listing, secs, timing, to_ops};
use waystation_core::event::EventSeq;
use waystation_store::{DatabaseUrl, Store};

suite::tests!(crate::run);

fn server() -> PgConnectOptions {
    let url = std::env::var("WAYSTATION_TEST_POSTGRES").unwrap_or_else(|_| {
        panic!("WAYSTATION_TEST_POSTGRES is not set; run `cargo xtask test`, which starts a PostgreSQL for these tests")
    });
    PgConnectOptions::from_str(&url).expect("WAYSTATION_TEST_POSTGRES is no address of a PostgreSQL")
}

async fn on_server(sql: String) {
    let mut admin =
        PgConnection::connect_with(&server()).await.expect("the PostgreSQL of the tests does not answer");
    sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut admin).await.unwrap();
    admin.close().await.unwrap();
}

/// Gives a test a database of its own and drops it afterwards, however the test ends.
async fn run<F: Future<Output = ()>>(test: impl FnOnce(Db) -> F) {
    let name = format!("ws_test_{:x}", rand::random::<u64>());
    on_server(format!("CREATE DATABASE {name}")).await;
    let raw = server().database(&name).to_url_lossy().to_string();
    let ended = AssertUnwindSafe(test(Db { url: raw.parse().unwrap(), raw })).catch_unwind().await;
    on_server(format!("DROP DATABASE {name} WITH (FORCE)")).await;
    if let Err(panic) = ended {
        std::panic::resume_unwind(panic);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn hosts_that_start_at_once_share_the_migrations() {
    run(async |db: Db| {
        let stores = suite::race(4, |n| {
            let url = db.url.clone();
            async move { Store::open(&url, host(n)).await.unwrap() }
        })
        .await;
        add(&stores[0], "rg").await;
        assert_eq!(stores[3].count_items().await.unwrap(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_hosts_share_the_work_and_the_events() {
    run(async |db: Db| {
        let stores = [db.open().await, db.open().await];
        for n in 0..20 {
            add(&stores[n % 2], &format!("item-{n}")).await;
        }
        let done = suite::race(6, |n| {
            let store = stores[usize::from(n) % 2].clone();
            async move {
                let mut done = 0;
                loop {
                    let due = store.claim_due_items(host(n), at(1), secs(60), 2).await.unwrap();
                    if due.is_empty() {
                        return done;
                    }
                    for due in due {
                        let outcome = listing(&["1.0.0"]);
                        store.record_check(due.item.id, &outcome, &timing(2), &to_ops).await.unwrap();
                        done += 1;
                    }
                }
            }
        })
        .await;
        assert_eq!(done.into_iter().sum::<usize>(), 20);
        let (one, two) =
            (stores[0].events_after(EventSeq(0), 99).await, stores[1].events_after(EventSeq(0), 99).await);
        assert_eq!(one.unwrap(), two.unwrap());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_lost_connection_is_told_and_replaced() {
    run(async |db: Db| {
        let store = db.open().await;
        add(&store, "rg").await;
        let cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()";
        sqlx::raw_sql(cut).execute(&mut db.raw().await).await.unwrap();
        let mut failures = 0;
        while let Err(error) = store.count_items().await {
            assert_eq!(error.code(), "database-unavailable", "{error}");
            failures += 1;
            assert!(failures < 20, "it does not recover");
        }
        add(&store, "fd").await;
        assert_eq!(store.count_items().await.unwrap(), 2);
    })
    .await;
}

#[tokio::test]
async fn a_server_that_is_not_there_is_told_without_its_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url: DatabaseUrl = format!("postgres://joe:s3cret@127.0.0.1:{port}/way").parse().unwrap();
    let error = Store::open(&url, host(0)).await.unwrap_err();
    assert_eq!(error.code(), "database-unavailable");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
    let bad: DatabaseUrl = "postgres://joe:s3cret@[::1/way".parse().unwrap();
    let error = Store::open(&bad, host(0)).await.unwrap_err();
    assert_eq!(error.code(), "database-url-invalid");
    assert!(!format!("{error} {error:?}").contains("s3cret"));
}

#[tokio::test]
async fn a_database_that_does_not_exist_is_told() {
    let url = server().database("ws_no_such_database").to_url_lossy().to_string();
    let error = Store::open(&url.parse().unwrap(), host(0)).await.unwrap_err();
    assert_eq!(error.code(), "database-unavailable");
}

/// So that names, keys and pages have one order, whatever the locale of the server.
#[tokio::test]
async fn all_text_is_in_byte_order() {
    run(async |db: Db| {
        drop(db.open().await);
        let other: i64 = sqlx::query_scalar(
            "SELECT COUNT(*) FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
             JOIN pg_collation k ON k.oid = a.attcollation
             WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace
             AND c.relname <> '_sqlx_migrations' AND k.collname <> 'C'",
        )
        .fetch_one(&mut db.raw().await)
        .await
        .unwrap();
        assert_eq!(other, 0);
    })
    .await;
}
