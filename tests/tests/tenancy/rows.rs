//! The rows of the other tenant.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions as _, PgConnection, SqliteConnection};

/// Tables whose rows are of whatever they point at.
const PARTS: [(&str, &str); 14] = [
    ("approval_votes", "approval_id IN (SELECT id FROM approvals WHERE tenant = 'other')"),
    ("provider_codes", "user_id IN (SELECT id FROM users WHERE tenant = 'other')"),
    ("agent_capabilities", "agent_id IN (SELECT id FROM agents WHERE tenant = 'other')"),
    ("agent_keys", "agent_id IN (SELECT id FROM agents WHERE tenant = 'other')"),
    ("certificates", "agent_id IN (SELECT id FROM agents WHERE tenant = 'other')"),
    ("enrolment_capabilities", "token_id IN (SELECT id FROM enrolment_tokens WHERE tenant = 'other')"),
    ("user_roles", "user_id IN (SELECT id FROM users WHERE tenant = 'other')"),
    ("recovery_codes", "user_id IN (SELECT id FROM users WHERE tenant = 'other')"),
    ("logins", "user_id IN (SELECT id FROM users WHERE tenant = 'other')"),
    ("api_tokens", "user_id IN (SELECT id FROM users WHERE tenant = 'other')"),
    (
        "refresh_tokens",
        "login_id IN (SELECT id FROM logins WHERE user_id IN (SELECT id FROM users WHERE tenant = 'other'))",
    ),
    ("tenants", "name = 'other'"),
    // Those are told apart by what they count.
    ("rate_limits", "1 = 0"),
    ("kv_usage", "1 = 0"),
];

/// Tables of the host, which all of its tenants share.
const SHARED: [&str; 13] = [
    "_sqlx_migrations",
    "meta",
    "counters",
    "machines",
    "items",
    "releases",
    "machine_items",
    "events",
    "outbox",
    "tasks",
    "plugins",
    "kv",
    "hook_state",
];

/// A database that a host has, too.
pub(crate) enum Rows {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Rows {
    pub(crate) async fn open(url: &str) -> Result<Self> {
        use sqlx::Connection as _;
        Ok(match url.strip_prefix("sqlite:") {
            // Rows change hands one table after the other.
            Some(file) => {
                let options = SqliteConnectOptions::new().filename(file).foreign_keys(false);
                Self::Sqlite(options.busy_timeout(std::time::Duration::from_secs(30)).connect().await?)
            }
            None => {
                let mut connection = PgConnection::connect(url).await?;
                sqlx::raw_sql("SET session_replication_role = replica").execute(&mut connection).await?;
                Self::Postgres(connection)
            }
        })
    }

    async fn run(&mut self, sql: String) -> Result<()> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql));
        match self {
            Self::Sqlite(connection) => sql.execute(connection).await.map(drop)?,
            Self::Postgres(connection) => sql.execute(connection).await.map(drop)?,
        }
        Ok(())
    }

    /// The first column of each row.
    async fn texts(&mut self, sql: String) -> Result<Vec<String>> {
        Ok(match self {
            Self::Sqlite(connection) => sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?,
            Self::Postgres(connection) => {
                sqlx::query_scalar(AssertSqlSafe(sql)).fetch_all(connection).await?
            }
        })
    }

    async fn tables(&mut self) -> Result<Vec<String>> {
        let sql = match self {
            Self::Sqlite(_) => {
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
            }
            Self::Postgres(_) => "SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'",
        };
        self.texts(sql.to_owned()).await
    }

    async fn columns(&mut self, table: &str) -> Result<Vec<String>> {
        let sql = match self {
            Self::Sqlite(_) => format!("SELECT name FROM pragma_table_info('{table}')"),
            Self::Postgres(_) => format!(
                "SELECT column_name::text FROM information_schema.columns WHERE table_name = '{table}' ORDER BY 1"
            ),
        };
        self.texts(sql).await
    }

    /// Tables, each with what tells the rows of the other tenant.
    async fn kept(&mut self) -> Result<BTreeMap<String, String>> {
        let mut kept = BTreeMap::new();
        let mut unknown = BTreeSet::new();
        for table in self.tables().await? {
            if self.columns(&table).await?.iter().any(|column| column == "tenant") {
                kept.insert(table, "tenant = 'other'".to_owned());
            } else if let Some((_, of)) = PARTS.iter().find(|(part, _)| *part == table) {
                kept.insert(table, (*of).to_owned());
            } else if !SHARED.contains(&table.as_str()) {
                unknown.insert(table);
            }
        }
        ensure!(unknown.is_empty(), "say in `rows.rs` whose rows these tables have: {unknown:?}");
        Ok(kept)
    }

    /// Hands everything that is of a tenant to the tenant `other`.
    pub(crate) async fn hand_over(&mut self) -> Result<()> {
        self.run("INSERT INTO tenants (name, created_at) VALUES ('other', 0)".to_owned()).await?;
        // Somebody who was sent to a provider: there is none here to be sent to.
        self.run(
            "INSERT INTO provider_states (digest, tenant, provider, browser, sealed, address, expires_at)
             VALUES ('theirs', 'default', 'idp', 'theirs', 'theirs', '127.0.0.1', 9000000000000000)"
                .to_owned(),
        )
        .await?;
        // Events are the host's, and those of approvals say whose they are.
        let whose = r#"UPDATE events SET data = REPLACE(data, '"tenant":"default"', '"tenant":"other"')"#;
        self.run(whose.to_owned()).await?;
        let mut empty = BTreeSet::new();
        for (table, of) in self.kept().await? {
            if of != "tenant = 'other'" {
                continue;
            }
            self.run(format!("UPDATE {table} SET tenant = 'other'")).await?;
            if self.rows(&table, &of).await?.is_empty() {
                empty.insert(table);
            }
        }
        ensure!(empty.is_empty(), "let `world.rs` put something into these tables: {empty:?}");
        Ok(())
    }

    async fn rows(&mut self, table: &str, of: &str) -> Result<Vec<String>> {
        let columns = self.columns(table).await?;
        let whole = match self {
            Self::Sqlite(_) => {
                let quoted: Vec<_> = columns.iter().map(|column| format!("quote(\"{column}\")")).collect();
                quoted.join(" || ',' || ")
            }
            Self::Postgres(_) => format!("{table}::text"),
        };
        self.texts(format!("SELECT {whole} FROM {table} WHERE {of} ORDER BY 1")).await
    }

    /// All that the other tenant has.
    pub(crate) async fn dump(&mut self) -> Result<BTreeMap<String, Vec<String>>> {
        let mut all = BTreeMap::new();
        for (table, of) in self.kept().await? {
            all.insert(table.clone(), self.rows(&table, &of).await?);
        }
        Ok(all)
    }
}
