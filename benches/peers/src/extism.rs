//! Times calls of a plugin through Extism, on order, so that the benchmark that orders
//! them can take turns with its own.
//!
//! Usage: `extism-call PLUGIN.wasm`. Each line of standard input is a case and a count
//! (`fresh-trivial 100`); the answer is a line with the nanoseconds that all calls took.
//! `fresh-…` makes a plugin from the compiled one for each call, `reused-…` keeps one.

use std::io::{BufRead as _, Write as _};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use serde::{Deserialize, Serialize};

#[derive(Serialize, Deserialize)]
struct Entry {
    name: String,
    version: String,
    digest: String,
    size: u64,
    withdrawn: bool,
}

fn main() -> Result<()> {
    let path = std::env::args().nth(1).context("usage: extism-call PLUGIN.wasm")?;
    let manifest = Manifest::new([Wasm::data(std::fs::read(path)?)])
        .with_config_key("registry", "https://registry.example/index");
    let compiled = PluginBuilder::new(manifest).with_cache_disabled().compile()?;
    let mut reused = Plugin::new_from_compiled(&compiled)?;
    let entries = entries();

    let mut out = std::io::stdout().lock();
    for line in std::io::stdin().lock().lines() {
        let line = line?;
        let (case, count) = line.split_once(' ').context("a case and a count")?;
        let count: u32 = count.parse()?;
        let (life, function) = case.split_once('-').context("fresh-… or reused-…")?;
        let began = Instant::now();
        for _ in 0..count {
            match life {
                "fresh" => call(&mut fresh(&compiled)?, function, &entries)?,
                "reused" => call(&mut reused, function, &entries)?,
                other => bail!("no such case: {other}"),
            }
        }
        writeln!(out, "{}", began.elapsed().as_nanos())?;
        out.flush()?;
    }
    Ok(())
}

fn fresh(compiled: &CompiledPlugin) -> Result<Plugin> {
    Plugin::new_from_compiled(compiled)
}

/// One call, its answer taken apart and checked, as a host would.
fn call(plugin: &mut Plugin, function: &str, entries: &[Entry]) -> Result<()> {
    match function {
        "trivial" => {
            let answer: Vec<u8> = plugin.call("trivial", 41_u32.to_le_bytes().as_slice())?;
            ensure!(answer == 42_u32.to_le_bytes());
        }
        "records" => {
            let answer: Vec<u8> = plugin.call("records", serde_json::to_vec(entries)?)?;
            let answer: Vec<Entry> = serde_json::from_slice(&answer)?;
            ensure!(answer.len() == entries.len());
        }
        "import" => {
            let answer: Vec<u8> = plugin.call("one_import", [].as_slice())?;
            ensure!(answer == 30_u32.to_le_bytes());
        }
        other => bail!("no such function: {other}"),
    }
    Ok(())
}

/// The same records as the benchmark's own.
fn entries() -> Vec<Entry> {
    (0..10)
        .map(|i| Entry {
            name: format!("package-{i}"),
            version: format!("{i}.2.3"),
            digest: "0123456789abcdef".repeat(4),
            size: 1_000 + i,
            withdrawn: i % 2 == 0,
        })
        .collect()
}
