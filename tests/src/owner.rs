//! The owner of a host of the tests, and the API token that tests use.

use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use tokio::io::AsyncWriteExt as _;

use crate::Folder;

/// What the owner is called.
pub const OWNER: &str = "olga";
/// Their password.
pub const PASSWORD: &str = "correct horse battery";

impl Folder {
    /// Where the API token of the tests is kept: for everything.
    pub fn token_file(&self) -> PathBuf {
        self.path().join("token")
    }

    /// The API token of the tests.
    ///
    /// # Errors
    /// When nobody owns the host yet.
    pub fn token(&self) -> Result<String> {
        let text = std::fs::read_to_string(self.token_file()).context("nobody owns the host")?;
        Ok(text.trim().to_owned())
    }

    /// Becomes the owner of the host that runs here, if nobody is, and makes an API token, as a person would.
    ///
    /// # Errors
    /// When the host does not let them.
    pub async fn own(&self) -> Result<String> {
        self.own_with(&[]).await
    }

    async fn own_with(&self, more: &[&str]) -> Result<String> {
        if !self.data().join("owner-link").exists() {
            return self.token();
        }
        let welcome = ["welcome", "--name", OWNER, "--password-stdin"];
        let ran = self.piped(&[&welcome[..], more].concat(), PASSWORD).await?;
        ensure!(ran.code == 0, "{ran:?}");
        let _ = std::fs::remove_file(self.token_file());
        let add = ["token", "add", "tests", "--allow", "*:*", "--allow", "plugin.*:*"];
        let ran = self.run(&[&add[..], more].concat()).await?;
        ensure!(ran.code == 0, "{ran:?}");
        std::fs::write(self.token_file(), ran.stdout)?;
        self.token()
    }

    /// Becomes the owner over plain HTTP, before the host of the configuration starts: where that has a certificate which
    /// the command line has no reason to trust.
    ///
    /// # Errors
    /// As [`Folder::own`].
    pub async fn own_first(&self) -> Result<()> {
        std::fs::write(self.path().join("plain.toml"), crate::settings::HOST)?;
        let plain = ["--config", "plain.toml"];
        let mut host = self.command(&[&["serve"], &plain[..]].concat())?.spawn()?;
        let address = self.data().join("address");
        crate::until("the host is ready", async || {
            let Ok(address) = std::fs::read_to_string(&address) else { return Ok(None) };
            Ok(crate::Api::new(address.trim(), "")?.is_ready().await.then_some(()))
        })
        .await?;
        self.own_with(&plain).await?;
        host.start_kill()?;
        host.wait().await?;
        Ok(std::fs::remove_file(address)?)
    }

    /// Uses the token of another folder, whose host has the same database.
    ///
    /// # Errors
    /// When that has none.
    pub fn owned_with(&self, other: &Self) -> Result<()> {
        Ok(std::fs::copy(other.token_file(), self.token_file()).map(drop)?)
    }

    /// Runs `waystation` with this as its standard input.
    ///
    /// # Errors
    /// As [`Folder::run`].
    pub async fn piped(&self, args: &[&str], input: &str) -> Result<crate::Ran> {
        let mut command = self.command(args)?;
        command.stdin(std::process::Stdio::piped());
        command.stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
        let mut child = command.spawn()?;
        if let Some(mut stdin) = child.stdin.take() {
            // It may end without having read it.
            let _ = stdin.write_all(input.as_bytes()).await;
        }
        let ended = tokio::time::timeout(crate::patience::PATIENCE, child.wait_with_output());
        let output = ended.await.with_context(|| format!("{args:?} did not end"))??;
        Ok(crate::Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: String::from_utf8(output.stdout)?,
            stderr: String::from_utf8(output.stderr)?,
        })
    }
}
