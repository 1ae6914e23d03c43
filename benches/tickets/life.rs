//! Pairs of agents that work at the same time, as fast as they are answered. Hosts with more and more tickets take turns.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use waystation_benches::{Report, median};
use waystation_tests::agents::{Kept, Party, TlsHost};

use crate::{Kind, Place};

const SHELL: &str = "shell:connect";

/// Pairs of source and target that work at the same time.
const PAIRS: usize = 64;

/// How many ask at the same time for tickets that nobody redeems.
const ASKERS: usize = 16;

/// How long each measurement takes.
const WINDOW: Duration = Duration::from_secs(4);

/// How often each host has its turn.
const ROUNDS: usize = 3;

/// How many tickets live meanwhile.
const LIVE: [usize; 3] = [1, 1_000, 100_000];

#[derive(Clone)]
struct Pair {
    source: Party,
    target: Party,
    instance: String,
    target_label: String,
}

/// A host with so many tickets that live, and pairs that are at work when it has its turn.
struct Site {
    place: Place,
    pairs: Vec<Pair>,
    live: usize,
    /// Nanoseconds an operation, one figure a round.
    rounds: Vec<f64>,
    took: Vec<Duration>,
}

pub(crate) async fn measure(report: &Report, kind: Kind) -> Result<()> {
    let mut sites = Vec::new();
    for live in LIVE {
        sites.push(Site::new(kind, live).await?);
    }
    for _ in 0..ROUNDS {
        for site in &mut sites {
            let took = work(&site.pairs).await?;
            site.rounds.push(WINDOW.as_secs_f64() * 1e9 / took.len() as f64);
            site.took.extend(took);
        }
    }
    let first = sites.first().map(|site| site.rounds.clone()).unwrap_or_default();
    let database = kind.name();
    let one = format!("{database}, {} live, each of {PAIRS} pairs", LIVE[0]);
    for site in sites {
        let Site { place, live, rounds, mut took, .. } = site;
        took.sort_unstable();
        let at = |part: usize| took.get(took.len() * part / 1_000).map_or(0.0, |t| t.as_secs_f64() * 1e9);
        let ratio = median(rounds.iter().zip(&first).map(|(this, first)| this / first).collect());
        let case = |what: &str| format!("{database}, {live} live, {what}");
        let each = case(&format!("each of {PAIRS} pairs"));
        report.figure(&each, median(rounds), "operation", Some((&one, ratio)))?;
        report.figure(&case("median"), at(500), "answer", None)?;
        report.figure(&case("99th of 100"), at(990), "answer", None)?;
        place.remove().await?;
    }
    Ok(())
}

impl Site {
    async fn new(kind: Kind, live: usize) -> Result<Self> {
        let place = Place::new(kind, &live.to_string()).await?;
        let scope = json!({
            "name": "shell", "version": "1", "description": "s",
            "scopes": [{ "name": SHELL, "description": "s", "instanceScoped": true }],
            "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
        });
        let operator = place.host.operator()?;
        operator.call("POST", "/api/tickets/scopes", Some(&scope)).await?;
        let mut pairs = Vec::new();
        for n in 0..=PAIRS {
            pairs.push(pair(&place.host, n).await?);
        }
        // The last one has tickets that nobody redeems.
        let waiting = pairs.pop().context("no pair")?;
        add(&waiting, live).await?;
        // Caches are warm, files have grown.
        work(&pairs).await?;
        place.settle().await?;
        Ok(Self { place, pairs, live, rounds: Vec::new(), took: Vec::new() })
    }
}

async fn pair(host: &TlsHost, n: usize) -> Result<Pair> {
    let (source_label, target_label) = (format!("source-{n}"), format!("target-{n}"));
    let source = host.enrol(&source_label, &[SHELL]).await?;
    let target = host.enrol(&target_label, &[SHELL]).await?;
    let wanted = json!({ "scope": SHELL, "transport": { "strategies": ["relay"] } });
    let told = good(source.call("POST", "/api/tickets/instances", Some(&wanted)).await?)?;
    let instance = told["instanceId"].as_str().context("no instance")?.to_owned();
    let wanted = json!({ "agentLabel": target_label, "instanceScope": format!("{SHELL}:{instance}") });
    good(host.operator()?.call("POST", "/api/tickets/assignments", Some(&wanted)).await?)?;
    Ok(Pair { source, target, instance, target_label })
}

fn good((status, told): (u16, Value)) -> Result<Value> {
    ensure!((200..300).contains(&status), "{status} {told}");
    Ok(told)
}

async fn ask(pair: &Pair, source: &mut Kept) -> Result<String> {
    let wanted = json!({ "scope": SHELL, "instanceId": pair.instance, "target": pair.target_label });
    let told = good(source.call("POST", "/api/tickets", Some(&wanted)).await?)?;
    Ok(told["ticket"]["id"].as_str().context("no ticket")?.to_owned())
}

/// So many more tickets that nobody redeems.
async fn add(pair: &Pair, more: usize) -> Result<()> {
    let share = |n: usize| more / ASKERS + usize::from(n < more % ASKERS);
    futures::future::try_join_all((0..ASKERS).map(|n| async move {
        let mut source = pair.source.connect().await?;
        for _ in 0..share(n) {
            ask(pair, &mut source).await?;
        }
        anyhow::Ok(())
    }))
    .await?;
    Ok(())
}

/// All pairs at once, until the time is up. How long each operation took.
async fn work(pairs: &[Pair]) -> Result<Vec<Duration>> {
    let mut connected = Vec::new();
    for pair in pairs {
        connected.push((pair.clone(), pair.source.connect().await?, pair.target.connect().await?));
    }
    let until = Instant::now() + WINDOW;
    let task = |(pair, source, target)| tokio::spawn(lives(pair, source, target, until));
    let tasks: Vec<_> = connected.into_iter().map(task).collect();
    let mut all = Vec::new();
    for task in tasks {
        all.extend(task.await??);
    }
    Ok(all)
}

async fn lives(pair: Pair, mut source: Kept, mut target: Kept, until: Instant) -> Result<Vec<Duration>> {
    let mut took = Vec::new();
    while Instant::now() < until {
        let mut began = Instant::now();
        let mut lap = || {
            let now = Instant::now();
            took.push(now - std::mem::replace(&mut began, now));
        };
        let id = ask(&pair, &mut source).await?;
        lap();
        let inbox = good(target.call("GET", "/api/tickets/inbox", None).await?)?;
        ensure!(inbox["tickets"][0]["id"] == id.as_str(), "{inbox}");
        lap();
        let ticket = json!({ "ticketId": id });
        good(target.call("POST", "/api/tickets/validate", Some(&ticket)).await?)?;
        lap();
        let told = good(target.call("POST", "/api/tickets/sessions", Some(&ticket)).await?)?;
        lap();
        let session = told["session"]["sessionId"].as_str().context("no session")?;
        let beat = format!("/api/tickets/sessions/{session}/heartbeat");
        good(target.call("POST", &beat, None).await?)?;
        lap();
    }
    Ok(took)
}
