//! `cargo xtask ci`: the tests, then everything else that a change must pass.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};
use comfy_table::{Table, presets};

use crate::layout::Layout;
use crate::wasm::Toolchain;
use crate::{cargo, docs, interrupt, proc, say, test, tools, wasm};

type Stage<'a> = (&'a str, Box<dyn Fn() -> Result<()> + 'a>);

/// Runs every stage, also after one failed, and prints how long each took.
pub(crate) fn run(layout: &Layout) -> Result<()> {
    let toolchain = wasm::ensure(layout, wasm::Choice::Auto)?;
    let mut report = Vec::new();
    for (name, stage) in stages(layout, &toolchain) {
        say::step("ci", name);
        let since = Instant::now();
        let outcome = stage();
        interrupt::check()?;
        if let Err(error) = &outcome {
            say::error(error);
        }
        report.push((name, outcome.is_ok(), since.elapsed()));
    }
    say::line(&table(&report));
    let failed: Vec<&str> = report.iter().filter(|(_, passed, _)| !passed).map(|(name, ..)| *name).collect();
    if !failed.is_empty() {
        bail!("failed: {}", failed.join(", "));
    }
    say::step("ci", "all stages passed");
    Ok(())
}

fn stages<'a>(layout: &'a Layout, toolchain: &'a Toolchain) -> Vec<Stage<'a>> {
    vec![
        ("test", Box::new(|| test::run(layout, &[]))),
        (
            "lock files",
            Box::new(|| {
                let check = ["metadata", "--locked", "--format-version=1", "--quiet"];
                each(layout, &check, true)?;
                beside(layout, &check)
            }),
        ),
        (
            "format",
            Box::new(|| {
                each(layout, &["fmt", "--all", "--check"], false)?;
                beside(layout, &["fmt", "--all", "--check"])
            }),
        ),
        ("clippy", Box::new(|| each(layout, CLIPPY, false))),
        ("clippy for wasm", Box::new(|| clippy_for_wasm(layout, toolchain))),
        ("verification for wasm", Box::new(|| verification_for_wasm(layout))),
        ("documentation", Box::new(|| documentation(layout))),
        ("links", Box::new(|| docs::check(layout))),
        ("licences and sources", Box::new(|| deny(layout, &["licenses", "bans", "sources"]))),
        ("advisories", Box::new(|| advisories(layout))),
    ]
}

/// Plugins that verify stand on the verification core: it has to build where they do. Nothing is linked, so the target's
/// standard library is all that it takes, and of that the part that rustup or Debian gives.
fn verification_for_wasm(layout: &Layout) -> Result<()> {
    const TARGET: &str = "wasm32-wasip2";
    if let Some(rustup) = proc::on_path("rustup") {
        proc::run(Command::new(rustup).args(["target", "add", TARGET]).current_dir(layout.root()))?;
    }
    let mut check = cargo::command(layout.root(), &layout.guests_target());
    proc::run(check.args(["check", "--quiet", "--package", "waystation-verify", "--target", TARGET]))
}

const CLIPPY: &[&str] = &["clippy", "--quiet", "--workspace", "--all-targets", "--", "-D", "warnings"];

/// The host's workspace, the plugins', the template's, that of the agents' SDK, and that of the fixtures once there is one.
fn workspaces(layout: &Layout) -> Vec<(PathBuf, PathBuf)> {
    let mut found = vec![
        (layout.root().to_path_buf(), layout.target().to_path_buf()),
        (layout.plugins(), layout.guests_target()),
        (layout.template(), layout.guests_target()),
        (layout.tickets_sdk(), layout.sdk_target()),
    ];
    if layout.fixtures().join("Cargo.toml").is_file() {
        found.push((layout.fixtures(), layout.guests_target()));
    }
    found
}

fn each(layout: &Layout, args: &[&str], discard_output: bool) -> Result<()> {
    for (dir, target) in workspaces(layout) {
        let mut command = cargo::command(&dir, &target);
        if discard_output {
            command.stdout(std::process::Stdio::null());
        }
        proc::run(command.args(args))?;
    }
    Ok(())
}

/// Workspaces that nothing of the product is built from: their files are checked, they are not built. The
/// fuzzing targets are one line each, and what they call is part of the tests; a benchmark builds its guests and
/// peers when it runs.
fn beside(layout: &Layout, args: &[&str]) -> Result<()> {
    for dir in [layout.fuzz(), layout.bench_guests(), layout.peers()] {
        let mut command = cargo::command(&dir, layout.target());
        proc::run(command.args(args).stdout(std::process::Stdio::null()))?;
    }
    Ok(())
}

fn clippy_for_wasm(layout: &Layout, toolchain: &Toolchain) -> Result<()> {
    if matches!(toolchain, Toolchain::Debian(_)) {
        say::step("ci", "clippy for wasm was NOT run: Debian's packages hold no clippy for their compiler");
        return Ok(());
    }
    let mut command = wasm::guest_command(layout, toolchain, &layout.plugins());
    proc::run(command.args([
        "clippy",
        "--quiet",
        "--workspace",
        "--target",
        wasm::TARGET,
        "--",
        "-D",
        "warnings",
    ]))
}

fn documentation(layout: &Layout) -> Result<()> {
    let template = layout.template();
    for (dir, target) in workspaces(layout).into_iter().filter(|(dir, _)| *dir != template).take(3) {
        let mut command = cargo::command(&dir, &target);
        command.args(["doc", "--quiet", "--workspace", "--no-deps"]).env("RUSTDOCFLAGS", "-D warnings");
        proc::run(&mut command)?;
    }
    Ok(())
}

/// `deny.toml` at the root says what is allowed, for every workspace. Nothing is
/// fetched by cargo-deny itself: what the lock files name is fetched first.
fn deny(layout: &Layout, checks: &[&str]) -> Result<()> {
    let program = tools::cargo_tool(layout, "deny")?;
    each(layout, &["fetch", "--quiet", "--locked"], false)?;
    for (dir, _) in workspaces(layout) {
        proc::run(&mut deny_command(layout, &program, &dir, checks))?;
    }
    Ok(())
}

fn deny_command(layout: &Layout, program: &Path, dir: &Path, checks: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.current_dir(dir).args(["--offline", "--log-level", "error", "--config"]);
    command.arg(layout.root().join("deny.toml")).arg("check").args(checks);
    command
}

/// Known vulnerabilities are looked up in a copy of the advisory database, where there is one.
fn advisories(layout: &Layout) -> Result<()> {
    let cargo_home = env::var_os("CARGO_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| PathBuf::from(home).join(".cargo")));
    let has_copy = cargo_home.is_some_and(|home| {
        ["advisory-dbs", "advisory-db"]
            .iter()
            .any(|name| std::fs::read_dir(home.join(name)).is_ok_and(|mut entries| entries.next().is_some()))
    });
    if !has_copy {
        say::step(
            "ci",
            "advisories were NOT checked: there is no copy of the database; `cargo deny fetch` makes one",
        );
        return Ok(());
    }
    deny(layout, &["advisories"])
}

fn table(report: &[(&str, bool, Duration)]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_header(["stage", "result", "time"]);
    for (name, passed, time) in report {
        table.add_row([*name, if *passed { "passed" } else { "FAILED" }, &say::duration(*time)]);
    }
    table.to_string()
}
