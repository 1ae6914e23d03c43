//! Tests that need a machine to themselves: they run again in a child process that has mounts and a network of
//! its own (Linux namespaces), where they may mount, listen on any port and have any address.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use tokio::process::Command;

/// Set for the child.
const INSIDE: &str = "WAYSTATION_TEST_ALONE";

/// Runs `body` in a child process that is alone. `test` is the name of the calling test.
///
/// A root user can always do this; others where the system lets them have namespaces, as Debian does.
///
/// # Errors
/// Those of `body`; and when the system allows no namespaces: what cannot be tried has not passed.
pub async fn alone(test: &str, body: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
    if std::env::var_os(INSIDE).is_some() {
        run("ip", &["link", "set", "lo", "up"]).await?;
        return body().await;
    }
    let mut command = unshare(&way().await?);
    command.arg(std::env::current_exe()?).args([test, "--exact", "--nocapture"]).env(INSIDE, "1");
    let output = command.stdin(Stdio::null()).kill_on_drop(true).output().await?;
    let said = String::from_utf8_lossy(&output.stdout);
    ensure!(
        // A name that no test has would run none of them and succeed.
        output.status.success() && said.contains("test result: ok. 1 passed"),
        "{test} failed alone:\n{said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(())
}

/// Gives this process's machine one more address.
///
/// # Errors
/// When it is not alone.
pub async fn have_address(address: &str) -> Result<()> {
    run("ip", &["address", "add", &format!("{address}/32"), "dev", "lo"]).await
}

/// Puts a file in place of a file of the system, for this process and its children.
///
/// # Errors
/// When it is not alone, or the system has no such file.
pub async fn replace(system: &str, by: &Path) -> Result<()> {
    run("mount", &["--bind", by.to_str().context("the path is not UTF-8")?, system]).await
}

/// Mounts an empty disk of this size, e.g. `8m`.
///
/// # Errors
/// When it is not alone.
pub async fn mount_disk(size: &str, folder: &Path) -> Result<()> {
    let folder = folder.to_str().context("the path is not UTF-8")?;
    run("mount", &["-t", "tmpfs", "-o", &format!("size={size},mode=700"), "tmpfs", folder]).await
}

/// How `unshare` makes namespaces here: as any user, else as root.
async fn way() -> Result<Vec<&'static str>> {
    let mut refusals = String::new();
    for way in [&["--user", "--map-root-user"][..], &[]] {
        let tried = unshare(way).args(["ip", "link", "set", "lo", "up"]).output().await;
        match tried.context("there is no `unshare`; it is part of util-linux")? {
            output if output.status.success() => return Ok(way.to_vec()),
            output => refusals.push_str(&String::from_utf8_lossy(&output.stderr)),
        }
    }
    bail!(
        "this test needs mounts and a network of its own, and the system allows no namespaces: run it as root \
         (in a container: with CAP_SYS_ADMIN), with iproute2 installed\n{refusals}"
    )
}

fn unshare(way: &[&str]) -> Command {
    let mut command = tool("unshare");
    command.args(way).args(["--mount", "--net", "--"]);
    command
}

async fn run(program: &str, args: &[&str]) -> Result<()> {
    let output =
        tool(program).args(args).output().await.with_context(|| format!("could not run {program}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{program} {args:?} failed: {said}");
    Ok(())
}

/// A program of the system; users without rights have no `sbin` on their path.
fn tool(program: &str) -> Command {
    let path = std::env::var("PATH").unwrap_or_default();
    let mut command = Command::new(program);
    command.env("PATH", format!("{path}:/usr/sbin:/sbin"));
    command
}
