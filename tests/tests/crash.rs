//! A host that is killed while agents work: what was acknowledged is there, and no ticket admits twice.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;
use tokio::sync::Semaphore;
use waystation_tests::agents::{Kept, TlsHost};
use waystation_tests::pair::{Pair, SHELL, text};
use waystation_tests::{Database, Folder};

/// Agents ask, redeem and open on so many connections at the same time.
const WORKERS: usize = 8;

/// How long they may take for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// As much as they can.
const SETTINGS: &str = "[tickets]\nrequests = 1000000\nlife = \"10m\"\n";

#[tokio::test]
async fn a_killed_host_loses_no_ticket_and_honours_none_twice() -> Result<()> {
    killed(&TlsHost::folder(SETTINGS)?).await
}

#[tokio::test]
async fn a_killed_host_loses_no_ticket_and_honours_none_twice_on_postgres() -> Result<()> {
    let database = Database::make("killed").await?;
    let folder = TlsHost::folder(SETTINGS)?.env("WAYSTATION_DATABASE_URL", &database.url());
    let result = killed(&folder).await;
    database.remove().await?;
    result
}

/// What a worker was told before the host was gone.
#[derive(Default)]
struct Told {
    issued: Vec<String>,
    redeemed: Vec<String>,
    opened: Vec<String>,
}

async fn killed(folder: &Folder) -> Result<()> {
    let mut pair = Pair::new(TlsHost::start(folder).await?).await?;
    for sessions in [1, 23, 7, 60] {
        let (mut workers, opened) = (Vec::new(), Arc::new(Semaphore::new(0)));
        for _ in 0..WORKERS {
            let (source, target) = (pair.source.connect().await?, pair.target.connect().await?);
            workers.push(tokio::spawn(works(source, target, pair.instance.clone(), Arc::clone(&opened))));
        }
        // While the others are at whatever they are at.
        let enough = tokio::time::timeout(PATIENCE, opened.acquire_many(sessions)).await;
        enough.context("they do not get on")??.forget();
        pair.host.process.kill().await?;
        let mut all = Told::default();
        for worker in workers {
            let Told { issued, redeemed, opened } = worker.await??;
            all.issued.extend(issued);
            all.redeemed.extend(redeemed);
            all.opened.extend(opened);
        }
        ensure!(all.opened.len() >= usize::try_from(sessions)?, "nobody worked");
        let host = TlsHost::start(folder).await?;
        for party in [&mut pair.operator, &mut pair.source, &mut pair.target] {
            party.moved_to(&host);
        }
        pair.host = host;
        holds(&pair, &all).await?;
    }
    let (_, told) = pair.operator.call("GET", "/api/v1/audit/verify", None).await?;
    ensure!(told["whole"] == true, "{told}");
    Ok(())
}

/// Works until there is no answer any more; an answer that refuses is an error.
async fn works(mut source: Kept, mut target: Kept, instance: String, opened: Arc<Semaphore>) -> Result<Told> {
    let wanted = json!({ "scope": SHELL, "instanceId": instance, "target": "target" });
    let mut told = Told::default();
    for turn in 0_u32.. {
        let Ok((status, one)) = source.call("POST", "/api/tickets", Some(&wanted)).await else { break };
        ensure!(status == 201, "{status} {one}");
        let id = text(&one["ticket"]["id"]).to_owned();
        // Some stay as they are; of each other one it is known what it was before it was begun to change.
        if turn % 3 == 0 {
            told.issued.push(id);
            continue;
        }
        let ticket = json!({ "ticketId": id });
        let Ok((status, one)) = target.call("POST", "/api/tickets/validate", Some(&ticket)).await else {
            break;
        };
        ensure!(status == 200, "{status} {one}");
        told.redeemed.push(id);
        if turn % 3 == 1 {
            continue;
        }
        let Ok((status, one)) = target.call("POST", "/api/tickets/sessions", Some(&ticket)).await else {
            break;
        };
        ensure!(status == 201, "{status} {one}");
        told.opened.push(text(&one["session"]["sessionId"]).to_owned());
        opened.add_permits(1);
    }
    Ok(told)
}

/// All of it is as they were told.
async fn holds(pair: &Pair, told: &Told) -> Result<()> {
    let mut target = pair.target.connect().await?;
    for id in &told.redeemed {
        let ticket = json!({ "ticketId": id });
        let (status, _) = target.call("POST", "/api/tickets/validate", Some(&ticket)).await?;
        ensure!(status == 401, "{status}: it was redeemed before");
    }
    for id in &told.issued {
        let ticket = json!({ "ticketId": id });
        for expected in [200, 401] {
            let (status, _) = target.call("POST", "/api/tickets/validate", Some(&ticket)).await?;
            ensure!(status == expected, "{status}, not {expected}: it was issued, and admits once");
        }
    }
    for id in &told.opened {
        let path = format!("/api/tickets/sessions/{id}/heartbeat");
        let told = target.call("POST", &path, None).await.context("no heartbeat")?;
        ensure!(told == (200, json!({ "authorized": true })), "{told:?}: it was opened");
    }
    Ok(())
}
