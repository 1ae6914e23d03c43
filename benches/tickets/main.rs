//! The life of tickets through a real host: asked for, seen, redeemed, a session opened, a heartbeat; over TLS with
//! certificates of the clients, connections kept, each change durable before it is answered. With more and more tickets
//! that live meanwhile.

use std::io::Write as _;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use waystation_benches::Report;
use waystation_tests::agents::{Kept, Party, TlsHost};

const SHELL: &str = "shell:connect";

/// Pairs of source and target that work at the same time.
const PAIRS: usize = 64;

/// How long each measurement takes.
const WINDOW: Duration = Duration::from_secs(8);

/// How many tickets live meanwhile.
const LIVE: [usize; 3] = [1, 1_000, 100_000];

fn main() -> Result<()> {
    let report = Report::new("tickets", "operation");
    tokio::runtime::Runtime::new()?.block_on(run(&report))
}

#[derive(Clone)]
struct Pair {
    source: Party,
    target: Party,
    instance: String,
    target_label: String,
}

async fn run(report: &Report) -> Result<()> {
    report.figure("a write that is on the disk", sync()?, "write", None)?;
    let more =
        "[tickets]\nrequests = 1000000\nlife = \"10m\"\nmax_sessions = 10000000\nmax_tickets = 10000000\n";
    let folder = TlsHost::folder(more)?;
    let host = TlsHost::start(&folder).await?;
    let scope = json!({
        "name": "shell", "version": "1", "description": "s",
        "scopes": [{ "name": SHELL, "description": "s", "instanceScoped": true }],
        "transport": { "strategies": ["relay"], "preferred": "relay", "port": 0, "protocol": "wss" },
    });
    let operator = host.operator()?;
    operator.call("POST", "/api/tickets/scopes", Some(&scope)).await?;
    let mut pairs = Vec::new();
    for n in 0..=PAIRS {
        pairs.push(pair(&host, n).await?);
    }
    // The last one has tickets that nobody redeems.
    let idle = pairs.pop().context("no pair")?;
    let (mut live, mut first) = (0, None);
    for wanted in LIVE {
        let mut source = idle.source.connect().await?;
        while live < wanted {
            ask(&idle, &mut source).await?;
            live += 1;
        }
        let mut took = work(&pairs).await?;
        let operations = took.len();
        took.sort_unstable();
        let at = |part: usize| took.get(took.len() * part / 1_000).map_or(0.0, |t| t.as_secs_f64() * 1e9);
        let each = WINDOW.as_secs_f64() * 1e9 / operations as f64;
        let base = *first.get_or_insert(each);
        let case = format!("{live} live, each of {PAIRS} pairs");
        report.figure(&case, each, "operation", Some(("1 live", each / base)))?;
        report.figure(&format!("{live} live, median"), at(500), "answer", None)?;
        report.figure(&format!("{live} live, 99th of 100"), at(990), "answer", None)?;
    }
    Ok(())
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
