//! A running host.

use std::path::PathBuf;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Child;

use crate::api::Api;
use crate::folder::Folder;
use crate::patience::{PATIENCE, until_within};

/// For a start in which a whole language runtime is compiled.
const START: Duration = Duration::from_secs(240);

/// A child process; killed when dropped.
pub struct Host {
    child: Child,
    log: PathBuf,
    /// Its API, with its token.
    pub api: Api,
}

impl Host {
    /// Starts `waystation serve` and waits until it is ready.
    ///
    /// # Errors
    /// When it ends instead, with its log.
    pub async fn start(folder: &Folder) -> Result<Self> {
        Self::start_with(folder, &[]).await
    }

    /// As [`Host::start`], with more arguments.
    ///
    /// # Errors
    /// As there.
    pub async fn start_with(folder: &Folder, more: &[&str]) -> Result<Self> {
        let mut host = Self::launch(folder, more).await?;
        host.api = host.api.with_token(&folder.own().await?);
        Ok(host)
    }

    /// Starts two at the same time, which have one database and one owner.
    ///
    /// # Errors
    /// As [`Host::start`].
    pub async fn start_both(first: &Folder, second: &Folder) -> Result<(Self, Self)> {
        let (mut one, mut two) = tokio::try_join!(Self::launch(first, &[]), Self::launch(second, &[]))?;
        // The link that was made last is the one that holds.
        let token = match first.own().await {
            Ok(token) => {
                second.owned_with(first)?;
                token
            }
            Err(_) => {
                let token = second.own().await?;
                first.owned_with(second)?;
                token
            }
        };
        one.api = one.api.with_token(&token);
        two.api = two.api.with_token(&token);
        Ok((one, two))
    }

    /// Starts one whose API nobody uses yet.
    async fn launch(folder: &Folder, more: &[&str]) -> Result<Self> {
        // One that was killed could not remove it.
        let address = folder.data().join("address");
        let _ = std::fs::remove_file(&address);
        let log = folder.path().join("stderr.log");
        let file = std::fs::OpenOptions::new().create(true).append(true).open(&log)?;
        let args = [&["serve"], more].concat();
        let mut child = folder.command(&args)?.stdout(Stdio::null()).stderr(file).spawn()?;
        let ready = until_within(START, "the host is ready", async || {
            if let Some(status) = child.try_wait()? {
                bail!("the host ended ({status}) before it was ready:\n{}", std::fs::read_to_string(&log)?);
            }
            let Ok(address) = std::fs::read_to_string(&address) else { return Ok(None) };
            let api = Api::new(address.trim(), "")?;
            Ok(api.is_ready().await.then_some(address))
        });
        let address = ready.await.with_context(|| std::fs::read_to_string(&log).unwrap_or_default())?;
        let api = Api::new(address.trim(), "")?;
        Ok(Self { child, log, api })
    }

    /// Everything that hosts of this folder wrote to standard error.
    ///
    /// # Errors
    /// When it cannot be read.
    pub fn log(&self) -> Result<String> {
        Ok(std::fs::read_to_string(&self.log)?)
    }

    /// Its process.
    ///
    /// # Errors
    /// When it ended.
    pub fn pid(&self) -> Result<u32> {
        self.child.id().context("the host ended")
    }

    /// Asks it to stop (SIGTERM).
    ///
    /// # Errors
    /// When it ended already.
    pub fn terminate(&self) -> Result<()> {
        self.signal(Signal::TERM)
    }

    /// Waits for its end.
    ///
    /// # Errors
    /// When it does not end.
    pub async fn ended(mut self) -> Result<ExitStatus> {
        let ended = tokio::time::timeout(PATIENCE, self.child.wait());
        Ok(ended.await.context("the host does not end")??)
    }

    /// Asks it to stop and waits for its end, which must be in order.
    ///
    /// # Errors
    /// When its exit code is not 0.
    pub async fn stop(self) -> Result<()> {
        self.terminate()?;
        let log = self.log.clone();
        match self.ended().await? {
            status if status.success() => Ok(()),
            status => bail!("the host ended with {status}:\n{}", std::fs::read_to_string(log)?),
        }
    }

    /// Kills it (SIGKILL), and waits until it is gone.
    ///
    /// # Errors
    /// When it ended already.
    pub async fn kill(self) -> Result<()> {
        self.signal(Signal::KILL)?;
        self.ended().await.map(drop)
    }

    fn signal(&self, signal: Signal) -> Result<()> {
        let pid = Pid::from_raw(i32::try_from(self.pid()?)?).context("a process id is not 0")?;
        Ok(kill_process(pid, signal)?)
    }
}
