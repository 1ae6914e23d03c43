//! Erasing data: what goes, and what stays.

use sqlx::Row as _;
use waystation_store::KvLimits;

use super::tickets::{Pair, SHELL, VIEW, by, caps, host, name, spec, tenant};
use super::{Db, add, at, listing, timing};

/// What is erased.
const ERASED: [&str; 15] = [
    "approval_votes",
    "approvals",
    "assignments",
    "events",
    "instances",
    "items",
    "kv",
    "kv_usage",
    "machine_items",
    "outbox",
    "releases",
    "scopes",
    "sessions",
    "sub_scopes",
    "tickets",
];

/// What stays.
const KEPT: [&str; 30] = [
    "agent_capabilities",
    "agent_keys",
    "agents",
    "api_tokens",
    "audit",
    "audit_heads",
    "certificates",
    "counters",
    "device_logins",
    "enrolment_capabilities",
    "enrolment_tokens",
    "enrolments",
    "links",
    "login_attempts",
    "logins",
    "machines",
    "meta",
    "plugins",
    "provider_codes",
    "provider_states",
    "rate_limits",
    "recovery_codes",
    "refresh_tokens",
    "roles",
    "tallies",
    "tasks",
    "tenants",
    "user_identities",
    "user_roles",
    "users",
];

/// How many rows each table of the book has: one that is in neither list fails.
async fn rows(db: &Db) -> Vec<(String, bool, i64)> {
    let page = include_str!("../../../../docs/src/reference/database.md");
    let mut raw = db.raw().await;
    let mut all = Vec::new();
    for line in page.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        if cells.len() != 5 {
            continue;
        }
        let table = cells[1].trim_matches('`');
        let erased = ERASED.contains(&table);
        assert!(erased != KEPT.contains(&table), "`{table}`: say whether it is erased or kept");
        let text = format!("SELECT COUNT(*) FROM {table}");
        let row = sqlx::query(sqlx::AssertSqlSafe(text)).fetch_one(&mut raw).await.unwrap();
        all.push((table.to_owned(), erased, row.get::<i64, _>(0)));
    }
    assert_eq!(all.len(), ERASED.len() + KEPT.len());
    all
}

pub(crate) async fn data_goes_and_who_may_do_what_stays(db: Db) {
    let store = db.open().await;
    let pair = Pair::new(store.clone()).await;
    pair.session(1).await;
    pair.ask(1).await.unwrap();
    let item = add(&store, "rg").await;
    let nowhere = &waystation_store::nowhere;
    store.record_check(item.id, &listing(&["1.0.0"]), &timing(1), nowhere).await.unwrap();
    let plugin = "plug".parse().unwrap();
    store.kv_set(&plugin, "a", b"x", &KvLimits::default()).await.unwrap();
    let before = rows(&db).await;
    for table in
        ["scopes", "instances", "assignments", "tickets", "sessions", "items", "releases", "events", "kv"]
    {
        assert!(before.iter().any(|(known, _, count)| known == table && *count > 0), "{table} has rows");
    }
    let listener = store.listen(&tenant("default"), &name("target"), 1).await.unwrap().unwrap();
    assert_eq!(store.enrolled(&listener).await.unwrap().unwrap().reset_at, None);

    assert_eq!(store.reset_data(host(5)).await.unwrap(), at(5));
    for ((table, erased, before), (_, _, after)) in before.into_iter().zip(rows(&db).await) {
        match table.as_str() {
            "audit" => assert_eq!(after, before + 1),
            _ if erased => assert_eq!(after, 0, "{table}"),
            _ => assert_eq!(after, before, "{table}"),
        }
    }
    assert!(listener.news().await.unwrap().all);
    assert_eq!(store.enrolled(&listener).await.unwrap().unwrap().reset_at, Some(at(5)));
    assert_eq!(store.verify_audit(&tenant("default")).await.unwrap().broken, None);
    // Everything can begin again, also what is counted; and numbers of events go on.
    store.register_scope(host(6), spec(&[SHELL, VIEW])).await.unwrap().unwrap();
    store.enrol_agent(host(6), name("more"), caps(&[SHELL]), None).await.unwrap().unwrap();
    let again = add(&store, "rg").await;
    assert_ne!(again.id, item.id);
    store.record_check(again.id, &listing(&["1.0.0"]), &timing(7), nowhere).await.unwrap();
}

pub(crate) async fn the_data_of_another_tenant_stays(db: Db) {
    let store = db.open().await;
    db.tamper("INSERT INTO tenants (name, created_at) VALUES ('other', 0)").await;
    let other = |seconds| by("other", "host", seconds);
    store.register_scope(other(0), spec(&[SHELL, VIEW])).await.unwrap().unwrap();
    store.enrol_agent(other(0), name("theirs"), caps(&[SHELL]), None).await.unwrap().unwrap();
    let listener = store.listen(&tenant("other"), &name("theirs"), 1).await.unwrap().unwrap();
    store.reset_data(host(5)).await.unwrap();
    assert_eq!(store.enrolled(&listener).await.unwrap().unwrap().reset_at, None);
    let again = store.register_scope(other(6), spec(&[SHELL, VIEW])).await.unwrap();
    assert!(again.is_err(), "it is there still");
}
