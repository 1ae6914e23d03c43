//! `cargo xtask test`: everything the tests need, then every test.

use std::process::Command;
use std::time::Instant;

use anyhow::{Result, bail};

use crate::layout::Layout;
use crate::postgres::Postgres;
use crate::{cargo, fixtures, interrupt, plugins, readers, say, sdk, supply, tools, up, wasm};

/// Runs the host's tests, the plugins' and the template's own (natively), and the examples in the docs.
///
/// All of them run even when some fail; the server is stopped whatever happens.
pub(crate) fn run(layout: &Layout, filter: &[String]) -> Result<()> {
    let since = Instant::now();
    let toolchain = wasm::ensure(layout, wasm::Choice::Auto)?;
    let plugins = plugins::build(layout, &toolchain)?;
    fixtures::build(layout, &toolchain)?;
    let resetting = up::resetting_host(layout)?;
    let binary = up::host(layout)?;
    supply::build(layout, &binary, &plugins)?;
    tools::cargo_tool(layout, "nextest")?;
    tools::crate_program(layout, "wkg", "0.16.1")?;
    for (program, packages) in [
        ("skopeo", &["skopeo"][..]),
        ("docker-registry", &["docker-registry"]),
        ("chromedriver", &["chromium", "chromium-driver"]),
    ] {
        if crate::proc::on_path(program).is_none() {
            tools::apt_install(packages)?;
        }
    }
    let (javascript, python) = (readers::javascript(layout)?, readers::python(layout)?);
    let oidc = readers::oidc(layout)?;
    let sdk_js = sdk::build(layout)?;
    let postgres = Postgres::start()?;

    let host = || cargo::command(layout.root(), layout.target());
    let guests = || cargo::command(&layout.plugins(), &layout.guests_target());
    let template = || cargo::command(&layout.template(), &layout.guests_target());
    let sdk_rust = || cargo::command(&layout.tickets_sdk(), &layout.sdk_target());
    let mut suites = vec![
        ("tests of the host", nextest(layout, host(), filter)),
        ("tests of the plugins", nextest(layout, guests(), filter)),
        ("tests of the template", nextest(layout, template(), filter)),
        ("tests of the agents' SDK", nextest(layout, sdk_rust(), filter)),
    ];
    if filter.is_empty() {
        suites.push(("tests of the SDK in TypeScript", sdk::tests(&sdk_js)));
        suites.push(("examples of the host", doc(host())));
        suites.push(("examples of the SDK", doc(guests())));
        suites.push(("examples of the agents' SDK", doc(sdk_rust())));
    }

    let mut failed = Vec::new();
    for (name, mut command) in suites {
        interrupt::check()?;
        say::step("test", name);
        command.env("WAYSTATION_PLUGINS_DIR", layout.plugins_out());
        command.env("WAYSTATION_FIXTURES_DIR", layout.fixtures_out());
        command.env("WAYSTATION_SUPPLY_DIR", layout.supply());
        command.env("WAYSTATION_SIGSTORE_JS", &javascript).env("WAYSTATION_READERS_PYTHON", &python);
        command.env("WAYSTATION_OIDC_JS", &oidc);
        command.env("WAYSTATION_SDK_JS", sdk_js.join("package"));
        command.env("WAYSTATION_BIN", &binary).env("WAYSTATION_RESET_BIN", &resetting);
        command.env("WAYSTATION_TEST_RUST", wasm::environment(layout, &toolchain));
        command.env("WAYSTATION_TEST_POSTGRES", postgres.url());
        if let Err(error) = crate::proc::run(&mut command) {
            interrupt::check()?;
            say::error(&error);
            failed.push(name);
        }
    }
    drop(postgres);
    let time = say::duration(since.elapsed());
    if !failed.is_empty() {
        bail!("failed after {time}: {}", failed.join(", "));
    }
    say::step("test", &format!("all passed in {time}"));
    Ok(())
}

/// nextest from `PATH` or from our tools folder, for all members of the workspace.
fn nextest(layout: &Layout, mut command: Command, filter: &[String]) -> Command {
    if let Some(path) = std::env::var_os("PATH") {
        let mut dirs: Vec<_> = std::env::split_paths(&path).collect();
        dirs.push(layout.tools().join("bin"));
        if let Ok(path) = std::env::join_paths(dirs) {
            command.env("PATH", path);
        }
    }
    command.args(["nextest", "run", "--workspace", "--no-fail-fast"]);
    if !filter.is_empty() {
        command.arg("--no-tests=pass").args(filter);
    }
    command
}

fn doc(mut command: Command) -> Command {
    command.args(["test", "--quiet", "--workspace", "--doc"]);
    command
}
