//! Running other programs: what was run is part of every error.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::{env, io};

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, WaitId, WaitIdOptions, waitid};

use crate::interrupt;

/// Runs to the end; anything but success is an error that names the command.
pub(crate) fn run(command: &mut Command) -> Result<()> {
    let status = wait(&mut spawn(command)?)?;
    expect_success(command, status)
}

/// Runs to the end and gives what it wrote to stdout, whatever its exit status.
pub(crate) fn output(command: &mut Command) -> Result<(ExitStatus, String)> {
    let mut child = spawn(command.stdout(Stdio::piped()))?;
    let mut bytes = Vec::new();
    if let Some(mut stdout) = child.stdout.take() {
        stdout
            .read_to_end(&mut bytes)
            .with_context(|| format!("could not read from `{}`", shown(command)))?;
    }
    let status = wait(&mut child)?;
    Ok((status, String::from_utf8_lossy(&bytes).into_owned()))
}

/// Runs to success and gives what it wrote to stdout.
pub(crate) fn stdout(command: &mut Command) -> Result<String> {
    let (status, text) = output(command)?;
    expect_success(command, status)?;
    Ok(text)
}

/// Whether the command runs and succeeds. Nothing of it is shown.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    let quiet = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    quiet.status().is_ok_and(|status| status.success())
}

/// The first file of this name on `PATH`.
pub(crate) fn on_path(program: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|dir| dir.join(program)).find(|path| is_program(path))
}

/// Whether there is a file that somebody may execute.
pub(crate) fn is_program(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    path.metadata().is_ok_and(|data| data.is_file() && data.permissions().mode() & 0o111 != 0)
}

/// The command as one would type it, for messages.
pub(crate) fn shown(command: &Command) -> String {
    let mut text = Path::new(command.get_program())
        .file_name()
        .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    for arg in command.get_args() {
        text.push(' ');
        text.push_str(&arg.to_string_lossy());
    }
    text
}

fn spawn(command: &mut Command) -> Result<Child> {
    interrupt::check()?;
    let child = command.spawn().with_context(|| format!("could not start `{}`", shown(command)))?;
    interrupt::watch(Pid::from_child(&child));
    Ok(child)
}

/// Waits without reaping first, so that no signal is ever sent to a number that
/// has become another process.
fn wait(child: &mut Child) -> Result<ExitStatus> {
    loop {
        match waitid(WaitId::Pid(Pid::from_child(child)), WaitIdOptions::EXITED | WaitIdOptions::NOWAIT) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            _ => break,
        }
    }
    interrupt::forget();
    let status = child.wait()?;
    interrupt::check()?;
    Ok(status)
}

fn expect_success(command: &Command, status: ExitStatus) -> Result<()> {
    if !status.success() {
        bail!("`{}` failed with {status}", shown(command));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failure_names_the_command() {
        let error = run(Command::new("sh").args(["-c", "exit 3"])).unwrap_err();
        assert_eq!(error.to_string(), "`sh -c exit 3` failed with exit status: 3");
    }

    #[test]
    fn output_is_given_and_success_is_asked_for() {
        assert_eq!(stdout(Command::new("sh").args(["-c", "echo here"])).unwrap(), "here\n");
        assert!(stdout(Command::new("sh").args(["-c", "echo here; exit 1"])).is_err());
    }
}
