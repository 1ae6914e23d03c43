//! `cargo xtask bench`: runs benchmarks and gathers what they report.
//!
//! A benchmark is any `[[bench]]` target of the host's workspace with `harness = false`.
//! The plugins it calls are those of `benches/guests`, the peers those of `benches/peers`.
//! Run with `WAYSTATION_BENCH_JSON=1` it writes one JSON object
//! a line to stdout, a [`Case`]; other lines are for people and are passed over.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::PathBuf;

use anyhow::{Context as _, Result, bail};
use comfy_table::{CellAlignment, Table, presets};
use serde::{Deserialize, Serialize};

use crate::layout::Layout;
use crate::postgres::Postgres;
use crate::{cargo, interrupt, plugins, proc, readers, say, wasm};

/// The benchmark that is run on PostgreSQL, too.
const ON_POSTGRES: &str = "tickets";

/// The unit of figures that are sizes.
const BYTES: &str = "bytes";

/// One measured case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Case {
    /// Which benchmark.
    bench: String,
    /// Which case of it.
    case: String,
    /// Median, in nanoseconds unless `unit` says otherwise.
    median_ns: f64,
    /// What the time is for, such as `call`; `bytes` where the figure is a size.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<String>,
    /// The case this one is compared with, measured in the same run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio_to: Option<String>,
    /// This median over the other's.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
}

/// What `--json` prints.
#[derive(Debug, Serialize)]
struct Report {
    arch: &'static str,
    os: &'static str,
    cpus: usize,
    results: Vec<Case>,
}

/// Runs the named benchmark, or all, and prints a table or one JSON document.
pub(crate) fn run(layout: &Layout, name: Option<&str>, json: bool) -> Result<()> {
    let all = find(layout)?;
    let wanted: Vec<&String> = all.iter().filter(|bench| name.is_none_or(|name| *bench == name)).collect();
    if wanted.is_empty() {
        bail!("there is no such benchmark; there are: {}", all.join(", "));
    }
    let toolchain = wasm::ensure(layout, wasm::Choice::Auto)?;
    plugins::build(layout, &toolchain)?;
    let guests = guests(layout, &toolchain)?;
    let peers = peers(layout)?;
    let javascript = readers::javascript(layout)?;
    let binary = release(layout)?;
    let postgres = wanted.iter().any(|bench| *bench == ON_POSTGRES).then(Postgres::start).transpose()?;

    let mut results = Vec::new();
    for bench in wanted {
        interrupt::check()?;
        say::step("bench", bench);
        let mut command = cargo::command(layout.root(), layout.target());
        // The whole workspace is resolved at once, so that every benchmark and the host share what is built.
        command.args(["bench", "--workspace", "--bench", bench]);
        command.env("WAYSTATION_BENCH_JSON", "1").env("WAYSTATION_BIN", &binary);
        command.env("WAYSTATION_PLUGINS_DIR", layout.plugins_out());
        command.env("WAYSTATION_FIXTURES_DIR", layout.fixtures_out());
        command.env("WAYSTATION_SIGSTORE_JS", &javascript);
        command.env("WAYSTATION_BENCH_GUESTS", &guests).env("WAYSTATION_BENCH_PEERS", &peers);
        if let Some(postgres) = &postgres {
            command.env("WAYSTATION_TEST_POSTGRES", postgres.url());
        }
        let cases = read_cases(&proc::stdout(&mut command)?)?;
        if cases.is_empty() {
            bail!("{bench} reported nothing; it must write JSON lines when WAYSTATION_BENCH_JSON is set");
        }
        results.extend(cases);
    }
    let cpus = std::thread::available_parallelism().map_or(1, usize::from);
    let report = Report { arch: std::env::consts::ARCH, os: std::env::consts::OS, cpus, results };
    let text = if json { serde_json::to_string_pretty(&report)? } else { table(&report.results) };
    writeln!(std::io::stdout().lock(), "{text}")?;
    Ok(())
}

/// Builds what the benchmarks call in the sandbox, and says into which folder.
fn guests(layout: &Layout, toolchain: &wasm::Toolchain) -> Result<PathBuf> {
    say::step("bench", "building what is called");
    let out = layout.bench_guests_out();
    fs::create_dir_all(&out)?;
    for built in wasm::build(layout, toolchain, &layout.bench_guests())? {
        let manifest = built.package_dir.join("plugin.toml");
        if manifest.is_file() {
            plugins::embed(&fs::read(&built.file)?, &manifest, &out)?;
        } else {
            plugins::plain(&built, &out)?;
        }
    }
    Ok(out)
}

/// Builds the peers, and says where their programs are. They bring an engine of their own: it
/// never enters the host's target folder.
fn peers(layout: &Layout) -> Result<PathBuf> {
    say::step("bench", "building the peers");
    let target = layout.target().join("peers");
    cargo::build(cargo::command(&layout.peers(), &target).args(["build", "--release"]))?;
    Ok(target.join("release"))
}

/// Builds the host as it is installed: optimised.
fn release(layout: &Layout) -> Result<PathBuf> {
    say::step("bench", "building the host");
    let mut command = cargo::command(layout.root(), layout.target());
    let built = cargo::build(command.args(["build", "--release", "--workspace", "--bin", "waystation"]))?;
    let binary = built.into_iter().rev().find_map(|artifact| artifact.executable);
    binary.context("cargo built no `waystation` binary")
}

/// The names of all benchmarks.
fn find(layout: &Layout) -> Result<Vec<String>> {
    let mut command = cargo::command(layout.root(), layout.target());
    command.args(["metadata", "--no-deps", "--format-version=1", "--quiet"]);
    let metadata: Metadata = serde_json::from_str(&proc::stdout(&mut command)?)
        .context("cargo metadata is not what it should be")?;
    let targets = metadata.packages.into_iter().flat_map(|package| package.targets);
    let benches = targets.filter(|target| target.kind.iter().any(|kind| kind == "bench"));
    let mut found: Vec<String> = benches.map(|target| target.name).collect();
    found.sort();
    Ok(found)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Package>,
}

#[derive(Deserialize)]
struct Package {
    targets: Vec<Target>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

/// The JSON lines of a run. A line that starts like one and cannot be read is an error,
/// since a figure would be missing from the report.
fn read_cases(stdout: &str) -> Result<Vec<Case>> {
    let lines = stdout.lines().filter(|line| line.starts_with('{'));
    lines
        .map(|line| serde_json::from_str(line).with_context(|| format!("not a benchmark's line: {line}")))
        .collect()
}

fn table(results: &[Case]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["benchmark", "case", "median", "per", "ratio", "to"]);
    let medians: BTreeMap<(&str, &str), f64> =
        results.iter().map(|case| ((case.bench.as_str(), case.case.as_str()), case.median_ns)).collect();
    for case in results {
        let to = case.ratio_to.as_deref().unwrap_or_default();
        let other = medians.get(&(case.bench.as_str(), to)).filter(|other| **other > 0.0);
        let ratio = case.ratio.or_else(|| other.map(|other| case.median_ns / other));
        table.add_row([
            case.bench.clone(),
            case.case.clone(),
            if case.unit.as_deref() == Some(BYTES) {
                bytes(case.median_ns)
            } else {
                nanoseconds(case.median_ns)
            },
            case.unit.clone().filter(|unit| unit != BYTES).unwrap_or_default(),
            ratio.map(|ratio| format!("{ratio:.2}")).unwrap_or_default(),
            to.to_owned(),
        ]);
    }
    for column in [2, 4] {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.to_string()
}

fn bytes(value: f64) -> String {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a size, and it is only shown"
    )]
    say::bytes(value.max(0.0) as u64)
}

/// Three significant digits are all that a benchmark on a shared machine can mean.
fn nanoseconds(value: f64) -> String {
    for (size, unit) in [(1e9, "s"), (1e6, "ms"), (1e3, "µs")] {
        if value >= size {
            return format!("{:.*} {unit}", decimals(value / size), value / size);
        }
    }
    format!("{:.*} ns", decimals(value), value)
}

fn decimals(value: f64) -> usize {
    if value >= 100.0 {
        0
    } else if value >= 10.0 {
        1
    } else {
        2
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_json_lines_are_read_and_a_broken_one_is_an_error() {
        let text = "warming up\n{\"bench\":\"engine-call\",\"case\":\"fresh\",\"median_ns\":12500.0,\"unit\":\"call\"}\n";
        let cases = read_cases(text).unwrap();
        assert_eq!(cases.len(), 1);
        assert_eq!(cases[0].case, "fresh");
        assert!(read_cases("{\"bench\":").is_err());
    }

    #[test]
    fn a_ratio_is_worked_out_from_the_case_it_names() {
        let case = |name: &str, median_ns, to: Option<&str>| Case {
            bench: "b".into(),
            case: name.into(),
            median_ns,
            unit: None,
            ratio_to: to.map(str::to_owned),
            ratio: None,
        };
        let text = table(&[case("base", 2_000.0, None), case("ours", 500.0, Some("base"))]);
        assert!(text.contains("0.25"), "{text}");
    }

    #[test]
    fn times_change_unit() {
        for (value, text) in [(0.75, "0.75 ns"), (345.0, "345 ns"), (12_340.0, "12.3 µs"), (2.5e9, "2.50 s")]
        {
            assert_eq!(nanoseconds(value), text);
        }
    }
}
