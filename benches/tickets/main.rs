//! The life of tickets through a real host: asked for, seen, redeemed, a session opened, a heartbeat; over TLS with
//! certificates of the clients, connections kept, each change durable before it is answered. With more and more tickets
//! that live meanwhile, on both databases. And what an agent costs that does nothing.

mod idle;
mod life;

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::Result;
use sqlx::{Connection as _, PgConnection};
use waystation_benches::Report;
use waystation_tests::agents::TlsHost;
use waystation_tests::{Database, Folder};

/// What each host is started with: no rate is in the way.
const SETTINGS: &str =
    "[tickets]\nrequests = 1000000\nlife = \"10m\"\nmax_sessions = 10000000\nmax_tickets = 10000000\n";

fn main() -> Result<()> {
    let report = Report::new("tickets", "operation");
    tokio::runtime::Runtime::new()?.block_on(run(&report))
}

async fn run(report: &Report) -> Result<()> {
    report.figure("a write that is on the disk", sync()?, "write", None)?;
    for kind in [Kind::Sqlite, Kind::Postgres] {
        let place = Place::new(kind, "idle").await?;
        idle::measure(report, kind.name(), &place).await?;
        place.remove().await?;
        life::measure(report, kind).await?;
    }
    Ok(())
}

/// What a host keeps its state in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Sqlite,
    Postgres,
}

impl Kind {
    const fn name(self) -> &'static str {
        match self {
            Self::Sqlite => "SQLite",
            Self::Postgres => "PostgreSQL",
        }
    }
}

/// A host with a database of its own.
struct Place {
    host: TlsHost,
    folder: Folder,
    database: Option<Database>,
}

impl Place {
    async fn new(kind: Kind, name: &str) -> Result<Self> {
        let (folder, database) = match kind {
            Kind::Sqlite => (TlsHost::folder(SETTINGS)?, None),
            Kind::Postgres => {
                let database = Database::make(&format!("bench_{name}")).await?;
                let folder = TlsHost::folder(SETTINGS)?.env("WAYSTATION_DATABASE_URL", &database.url());
                (folder, Some(database))
            }
        };
        Ok(Self { host: TlsHost::start(&folder).await?, folder, database })
    }

    /// Where the database is.
    fn url(&self) -> String {
        let file = || format!("sqlite:{}", self.folder.data().join("waystation.db").display());
        self.database.as_ref().map_or_else(file, Database::url)
    }

    /// Lets the database look at what there is, as it does by itself within a minute: until then PostgreSQL goes by plans
    /// that it made for empty tables.
    async fn settle(&self) -> Result<()> {
        if self.database.is_some() {
            let mut connection = PgConnection::connect(&self.url()).await?;
            sqlx::raw_sql("ANALYZE").execute(&mut connection).await?;
        }
        Ok(())
    }

    async fn remove(self) -> Result<()> {
        drop(self.host);
        match self.database {
            Some(database) => database.remove().await,
            None => Ok(()),
        }
    }
}

/// How long the disk takes for a small write.
fn sync() -> Result<f64> {
    let mut file = tempfile::tempfile()?;
    let mut took: Vec<Duration> = Vec::new();
    for _ in 0..200 {
        let began = Instant::now();
        file.write_all(&[0; 4_096])?;
        file.sync_data()?;
        took.push(began.elapsed());
    }
    took.sort_unstable();
    Ok(took.get(100).map_or(0.0, |t| t.as_secs_f64() * 1e9))
}
