//! `cargo xtask fuzz`: random input, led by coverage, for the parsers that meet the outside.
//!
//! Coverage comes from the stable compiler and libFuzzer from a crate, so nothing is needed beyond what `up` needs
//! but a C++ compiler. There is no address sanitizer: our code is safe Rust, and what is looked for are broken
//! promises. Whoever has the nightly toolchain gets one from `cargo fuzz run TARGET`.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::layout::Layout;
use crate::{cargo, interrupt, proc, say};

/// What `cargo fuzz` passes, without a sanitizer. `fuzzing` opens the `fuzz` modules of the crates.
const COVERAGE: &str = "--cfg fuzzing -Cpasses=sancov-module -Cllvm-args=-sanitizer-coverage-level=4 \
    -Cllvm-args=-sanitizer-coverage-inline-8bit-counters -Cllvm-args=-sanitizer-coverage-pc-table \
    -Cllvm-args=-sanitizer-coverage-trace-compares -Cllvm-args=-simplifycfg-branch-fold-threshold=0";

/// The longest input that is tried: as long as a manifest may be.
const LONGEST: &str = "-max_len=65536";

/// Fuzzes one target or all of them, `seconds` each; or runs one target on the input in a file.
pub(crate) fn run(layout: &Layout, target: Option<&str>, seconds: u32, input: Option<&Path>) -> Result<()> {
    let all = targets(layout)?;
    let chosen: Vec<&String> = match target {
        None => all.iter().collect(),
        Some(target) => all.iter().filter(|name| *name == target).collect(),
    };
    if chosen.is_empty() {
        bail!("there is no such target; there are {}", all.join(", "));
    }
    let programs = build(layout, &chosen)?;
    let mut failed = Vec::new();
    for (name, program) in chosen.into_iter().zip(programs) {
        interrupt::check()?;
        let since = Instant::now();
        let outcome = match input {
            Some(input) => proc::run(Command::new(program).arg(input)),
            None => fuzz(layout, name, &program, seconds),
        };
        match outcome {
            Ok(()) => {
                say::step("fuzz", &format!("{name}: nothing found in {}", say::duration(since.elapsed())));
            }
            Err(error) => {
                interrupt::check()?;
                say::error(&error);
                failed.push(name.as_str());
            }
        }
    }
    if !failed.is_empty() {
        bail!("something was found in {}; the inputs are named above", failed.join(", "));
    }
    Ok(())
}

/// Names of the files with targets.
fn targets(layout: &Layout) -> Result<Vec<String>> {
    let folder = layout.fuzz().join("fuzz_targets");
    let entries = fs::read_dir(&folder).with_context(|| format!("could not read {}", folder.display()))?;
    let mut names: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_string_lossy().into_owned()))
        .collect();
    names.sort_unstable();
    Ok(names)
}

/// Builds the targets, in a folder of their own: all they stand on is compiled for coverage.
fn build(layout: &Layout, targets: &[&String]) -> Result<Vec<PathBuf>> {
    if !["c++", "g++", "clang++"].iter().any(|compiler| proc::on_path(compiler).is_some())
        && env::var_os("CXX").is_none()
    {
        bail!("libFuzzer needs a C++ compiler; on Debian: apt-get install g++");
    }
    let triple = host()?;
    let target = layout.target().join("fuzz");
    let mut command = cargo::command(&layout.fuzz(), &target);
    // With a target named, build scripts and macros are compiled without coverage.
    command.args(["build", "--locked", "--target", &triple]).env("RUSTFLAGS", COVERAGE);
    command.env_remove("CARGO_ENCODED_RUSTFLAGS");
    // The crates that these targets are about, and no others: the plugin engine takes long to build.
    command.arg("--no-default-features");
    for name in targets {
        command.args(["--features", &subject(layout, name)?, "--bin", name]);
    }
    say::step("fuzz", "building for coverage; the first time this takes some minutes");
    proc::run(&mut command)?;
    Ok(targets.iter().map(|name| target.join(&triple).join("debug").join(name)).collect())
}

/// The crate that a target is about, which is also the name of a feature: the target names it.
fn subject(layout: &Layout, target: &str) -> Result<String> {
    let file = layout.fuzz().join("fuzz_targets").join(format!("{target}.rs"));
    let text = fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
    let krate = text.split_once("::fuzz::").and_then(|(before, _)| before.split_whitespace().last());
    Ok(krate.with_context(|| format!("{} calls no `fuzz` module", file.display()))?.replace('_', "-"))
}

/// This machine, as the compiler calls it.
fn host() -> Result<String> {
    let about = proc::stdout(Command::new("rustc").arg("-vV"))?;
    let line = about.lines().find_map(|line| line.strip_prefix("host: "));
    line.map(str::to_owned).context("`rustc -vV` does not name its host")
}

/// What is new goes to a folder below the target folder; the committed seeds are only read.
fn fuzz(layout: &Layout, name: &str, program: &Path, seconds: u32) -> Result<()> {
    let corpus = layout.target().join("fuzz-corpus").join(name);
    let found = layout.target().join("fuzz-found");
    fs::create_dir_all(&corpus)?;
    fs::create_dir_all(&found)?;
    say::step("fuzz", &format!("{name}, for {seconds} s"));
    let mut command = Command::new(program);
    command.args([LONGEST, "-timeout=10", "-rss_limit_mb=2048", "-print_final_stats=1"]);
    command.arg(format!("-max_total_time={seconds}"));
    command.arg(format!("-artifact_prefix={}/{name}-", found.display()));
    command.args([corpus, layout.fuzz().join("seeds").join(name)]);
    proc::run(&mut command).with_context(|| {
        format!(
            "{name} found an input below {}; run it again with `cargo xtask fuzz {name} --input FILE`, and \
             keep it in fuzz/seeds/{name} once it is mended",
            found.display()
        )
    })
}
