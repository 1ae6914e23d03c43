//! The way to a plugin's function and back, with a fresh instance for each call.
//!
//! Ours is everything a host does for a call: a place in the queue, the breaker, a store with all
//! limits, the instance, the call, metrics, the drop. Beside it, of the same component: wasmtime alone
//! with the best flags we know; and a comparable plugin in Extism.

mod bare;
mod extism;
mod ours;

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use waystation_benches::{Case, Report, take_turns};

use crate::bare::Bare;
use crate::extism::Extism;
use crate::ours::Ours;

/// Rounds over all cases.
const ROUNDS: usize = 61;

/// What the plugin's configuration holds, for the call that imports it.
const REGISTRY: &str = "https://registry.example/index";

/// The functions of `wit/bench.wit`.
#[derive(Debug, Clone, Copy)]
enum Function {
    Trivial,
    Records,
    Import,
}

impl Function {
    const ALL: [(Self, &'static str); 3] =
        [(Self::Trivial, "trivial"), (Self::Records, "records"), (Self::Import, "import")];
}

fn main() -> Result<()> {
    let component = std::fs::read(guest("bench-call")?)?;
    let one = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let ours = one.block_on(Ours::new(&component))?;
    let bare = Bare::new(&component)?;
    let mut extism = Extism::start(&guest("waystation-bench-extism")?)?;

    let mut samples = Vec::new();
    for (function, name) in Function::ALL {
        let cases = vec![
            Case::new(format!("waystation/{name}"), |count| one.block_on(timed(count, &ours, function))),
            Case::new(format!("wasmtime/{name}"), |count| one.block_on(timed(count, &bare, function))),
            Case::new(format!("extism-fresh/{name}"), |count| extism.run("fresh", name, count)),
        ];
        samples.extend(take_turns(cases, ROUNDS)?);
        let cases =
            vec![Case::new(format!("extism-reused/{name}"), |count| extism.run("reused", name, count))];
        samples.extend(take_turns(cases, ROUNDS)?);
    }

    let two = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let (ours, bare) = (Arc::new(ours), Arc::new(bare));
    let cases = vec![
        Case::new("waystation/two-threads", |count| two.block_on(side_by_side(count, &ours))),
        Case::new("wasmtime/two-threads", |count| two.block_on(side_by_side(count, &bare))),
    ];
    samples.extend(take_turns(cases, ROUNDS)?);

    let report = Report::new("engine-call", "call");
    for name in ["trivial", "records", "import"] {
        let (ours, bare) = (format!("waystation/{name}"), format!("wasmtime/{name}"));
        let (fresh, reused) = (format!("extism-fresh/{name}"), format!("extism-reused/{name}"));
        report.case(&samples, &bare, None)?;
        report.case(&samples, &ours, Some(&bare))?;
        report.case(&samples, &fresh, Some(&ours))?;
        report.case(&samples, &reused, None)?;
    }
    report.case(&samples, "wasmtime/two-threads", None)?;
    report.case(&samples, "waystation/two-threads", Some("wasmtime/two-threads"))
}

/// Somebody who makes the calls.
trait Subject: Send + Sync + 'static {
    /// One call, its answer checked.
    fn call(&self, function: Function) -> impl Future<Output = Result<()>> + Send;
}

async fn timed(count: u32, subject: &impl Subject, function: Function) -> Result<Duration> {
    let began = Instant::now();
    for _ in 0..count {
        subject.call(function).await?;
    }
    Ok(began.elapsed())
}

/// The time for `count` calls that two tasks share.
async fn side_by_side<S: Subject>(count: u32, subject: &Arc<S>) -> Result<Duration> {
    let began = Instant::now();
    let halves = [count / 2, count - count / 2].map(|half| {
        let subject = Arc::clone(subject);
        tokio::spawn(async move { timed(half, &*subject, Function::Trivial).await })
    });
    for half in halves {
        half.await??;
    }
    Ok(began.elapsed())
}

/// A guest that `cargo xtask bench` built.
fn guest(name: &str) -> Result<PathBuf> {
    let folder = std::env::var_os("WAYSTATION_BENCH_GUESTS")
        .context("WAYSTATION_BENCH_GUESTS is not set; run `cargo xtask bench`, which sets it")?;
    Ok(PathBuf::from(folder).join(format!("{name}.wasm")))
}
