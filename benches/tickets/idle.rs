//! What an agent costs that is enrolled and does nothing: bytes in the database; and memory, once it listens.

use anyhow::{Context as _, Result};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};
use waystation_benches::{Report, proportional};
use waystation_tests::agents::{Party, TlsHost};

use crate::Place;

/// How many are enrolled.
const AGENTS: usize = 2_000;

/// How many of them listen: as many as a host takes connections, at most.
const LISTENERS: usize = 500;

/// How many enrol at the same time.
const TOGETHER: usize = 8;

pub(crate) async fn measure(report: &Report, database: &str, place: &Place) -> Result<()> {
    let (host, url) = (&place.host, place.url());
    let pid = host.process.id().context("the host ended")?;
    let before = size(&url).await?;
    let agents = enrol(host).await?;
    let each = (size(&url).await? - before) / AGENTS as f64;
    report.figure(&format!("{database}, an agent that is enrolled"), each, "bytes", None)?;
    let before = proportional(pid)?;
    let mut listening = Vec::new();
    for agent in agents.iter().take(LISTENERS) {
        let mut events = agent.follow("/api/tickets/inbox/stream").await?;
        while !matches!(events.next().await?, Some((name, _)) if name == "ready") {}
        listening.push(events);
    }
    let each = (proportional(pid)? - before) / LISTENERS as f64;
    report.figure(&format!("{database}, memory of an agent that listens"), each, "bytes", None)
}

async fn enrol(host: &TlsHost) -> Result<Vec<Party>> {
    let each = AGENTS / TOGETHER;
    let enrolled = (0..TOGETHER).map(|part| async move {
        let mut agents = Vec::new();
        for n in 0..each {
            agents.push(host.enrol(&format!("idle-{part}-{n}"), &["shell:connect"]).await?);
        }
        anyhow::Ok(agents)
    });
    Ok(futures::future::try_join_all(enrolled).await?.concat())
}

/// The bytes of a database, indexes and free places in pages included.
async fn size(url: &str) -> Result<f64> {
    let bytes: i64 = match url.strip_prefix("sqlite:") {
        Some(file) => {
            let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
            let sql = "SELECT page_count * page_size FROM pragma_page_count(), pragma_page_size()";
            sqlx::query_scalar(sql).fetch_one(&mut connection).await?
        }
        None => {
            let mut connection = PgConnection::connect(url).await?;
            sqlx::query_scalar("SELECT pg_database_size(current_database())")
                .fetch_one(&mut connection)
                .await?
        }
    };
    Ok(bytes as f64)
}
