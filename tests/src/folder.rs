//! A folder with a configuration and what a host keeps beside it.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, Result};
use serde_json::Value;
use tempfile::TempDir;
use tokio::process::Command;

use crate::{built, settings};

/// Removed with everything in it when dropped.
pub struct Folder {
    dir: TempDir,
    environment: Vec<(String, String)>,
    /// Which program runs here, if it is not the one of all tests.
    binary: Option<PathBuf>,
}

/// How a command ended.
#[derive(Debug)]
pub struct Ran {
    /// Its exit code; -1 when a signal ended it.
    pub code: i32,
    /// What it answered.
    pub stdout: String,
    /// What it said beside that.
    pub stderr: String,
}

impl Ran {
    /// The answer as JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_str(&self.stdout).with_context(|| format!("not JSON: {self:?}"))
    }
}

impl Folder {
    /// A folder whose configuration is [`settings::HOST`] and this.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new(more: &str) -> Result<Self> {
        Self::with_text(&format!("{}{more}", settings::HOST))
    }

    /// A folder whose configuration is this alone.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn with_text(text: &str) -> Result<Self> {
        let dir = tempfile::tempdir()?;
        let folder = Self { dir, environment: Vec::new(), binary: None };
        std::fs::create_dir(folder.data())?;
        std::os::unix::fs::symlink(built::artifacts()?, folder.data().join("artifacts"))?;
        folder.write(text)?;
        Ok(folder)
    }

    /// Writes another configuration. Where it says nothing of trust, what was built for the tests and what lies in
    /// this folder runs as it is.
    ///
    /// # Errors
    /// When it cannot be written.
    pub fn write(&self, text: &str) -> Result<()> {
        let trust = match text.contains("[plugins.") && !text.contains("[trust]") {
            true => settings::dev_folders()?,
            false => String::new(),
        };
        Ok(std::fs::write(self.config(), format!("{text}{trust}"))?)
    }

    /// Sets a variable for every command that runs here.
    #[must_use]
    pub fn env(mut self, name: &str, value: &str) -> Self {
        self.environment.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Lets commands that run here build Rust: the compiler, and what cargo fetched, are the user's.
    #[must_use]
    pub fn with_rust(mut self) -> Self {
        let home = std::env::var("HOME").unwrap_or_default();
        let variable = |name| std::env::var(name).ok();
        for (name, folder) in [("CARGO_HOME", ".cargo"), ("RUSTUP_HOME", ".rustup")] {
            let value = variable(name).unwrap_or_else(|| format!("{home}/{folder}"));
            self = self.env(name, &value);
        }
        if let Some(toolchain) = variable("RUSTUP_TOOLCHAIN") {
            self = self.env("RUSTUP_TOOLCHAIN", &toolchain);
        }
        let chosen = variable("WAYSTATION_TEST_RUST").unwrap_or_default();
        for (name, value) in chosen.lines().filter_map(|line| line.split_once('=')) {
            self = self.env(name, value);
        }
        self
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.dir.path()
    }

    /// The configuration.
    pub fn config(&self) -> PathBuf {
        self.path().join("waystation.toml")
    }

    /// The data folder of [`settings::HOST`].
    pub fn data(&self) -> PathBuf {
        self.path().join("data")
    }

    /// The same, where another build of the program runs.
    #[must_use]
    pub fn with_binary(self, binary: PathBuf) -> Self {
        Self { binary: Some(binary), ..self }
    }

    /// `waystation` with these arguments, in this folder, with an environment that
    /// holds nothing of the one in which the test runs.
    ///
    /// # Errors
    /// When there is no binary.
    pub fn command(&self, args: &[&str]) -> Result<Command> {
        let mut command = Command::new(self.binary.clone().map_or_else(built::binary, Ok)?);
        command.args(args).current_dir(self.path()).env_clear().kill_on_drop(true).stdin(Stdio::null());
        command.env("HOME", self.path());
        if let Some(path) = std::env::var_os("PATH") {
            command.env("PATH", path);
        }
        if self.token_file().exists() {
            command.env("WAYSTATION_TOKEN_FILE", self.token_file());
        }
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        Ok(command)
    }

    /// Runs `waystation` with these arguments to its end.
    ///
    /// # Errors
    /// When it does not start, or prints no text.
    pub async fn run(&self, args: &[&str]) -> Result<Ran> {
        Self::ended(self.command(args)?, args).await
    }

    /// The same, where the process may have no more memory of its own (`RLIMIT_DATA`) than so many bytes.
    ///
    /// # Errors
    /// As [`Folder::run`].
    pub async fn limited(&self, bytes: u64, args: &[&str]) -> Result<Ran> {
        let bare = self.command(args)?;
        let mut command = Command::new("prlimit");
        command.arg(format!("--data={bytes}")).arg(bare.as_std().get_program()).args(args);
        command.current_dir(self.path()).env_clear().kill_on_drop(true).stdin(Stdio::null());
        let environment = bare.as_std().get_envs().filter_map(|(name, value)| Some((name, value?)));
        // One thread more is one stack more, and there may be many processors.
        command.envs(environment).env("TOKIO_WORKER_THREADS", "2").env("MALLOC_ARENA_MAX", "2");
        Self::ended(command, args).await
    }

    async fn ended(mut command: Command, args: &[&str]) -> Result<Ran> {
        let ended = tokio::time::timeout(crate::patience::PATIENCE, command.output());
        let output = ended.await.with_context(|| format!("{args:?} did not end"))??;
        Ok(Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }
}
