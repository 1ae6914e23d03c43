//! A database of its own for one test.

use anyhow::{Context as _, Result};
use sqlx::{ConnectOptions as _, Connection as _, PgConnection, postgres::PgConnectOptions};

use crate::built;

/// On the PostgreSQL server of the tests. [`Database::remove`] ends it.
pub struct Database {
    server: PgConnectOptions,
    name: String,
}

impl Database {
    /// An empty one; `test` tells it from those of other tests of the same process.
    ///
    /// # Errors
    /// When there is no server.
    pub async fn make(test: &str) -> Result<Self> {
        let server: PgConnectOptions = built::postgres()?.parse()?;
        let name = format!("ws_e2e_{test}_{:x}", std::process::id());
        let made = Self { server, name };
        made.admin(format!("DROP DATABASE IF EXISTS {0} WITH (FORCE)", made.name)).await?;
        made.admin(format!("CREATE DATABASE {}", made.name)).await?;
        Ok(made)
    }

    async fn admin(&self, sql: String) -> Result<()> {
        let mut admin = PgConnection::connect_with(&self.server)
            .await
            .context("the PostgreSQL of the tests does not answer")?;
        sqlx::raw_sql(sqlx::AssertSqlSafe(sql)).execute(&mut admin).await?;
        Ok(admin.close().await?)
    }

    /// Its address, with the password.
    pub fn url(&self) -> String {
        self.server.clone().database(&self.name).to_url_lossy().to_string()
    }

    /// Removes it, whoever is connected.
    ///
    /// # Errors
    /// When the server does not do it.
    pub async fn remove(self) -> Result<()> {
        self.admin(format!("DROP DATABASE {} WITH (FORCE)", self.name)).await
    }
}
