//! A browser: Chromium, driven through its `chromedriver`.

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result};
use serde_json::{Value, json};
use tempfile::TempDir;
use thirtyfour::prelude::*;
use thirtyfour::{BrowserLogEntry, ChromiumLikeCapabilities, LoggingPrefsLogLevel};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use waystation_tests::until;

/// A window of its own, with nothing in it of anybody; closed when dropped.
pub(crate) struct Browser {
    /// What is asked of it.
    pub(crate) driver: WebDriver,
    driven: Child,
    _profile: TempDir,
}

impl Browser {
    /// Opens one, with more arguments of Chromium. It is as wide as a small phone.
    pub(crate) async fn open(more: &[&str]) -> Result<Self> {
        let profile = tempfile::tempdir()?;
        let mut command = Command::new("chromedriver");
        command.arg("--port=0").env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", profile.path()).env("TMPDIR", profile.path());
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).kill_on_drop(true);
        let mut driven = command.spawn().context("there is no chromedriver; run `cargo xtask test`")?;
        let mut lines = BufReader::new(driven.stdout.take().context("no output")?).lines();
        let port = loop {
            let line = lines.next_line().await?.context("chromedriver ended")?;
            if let Some((_, port)) = line.split_once("started successfully on port ") {
                break port.trim_end_matches('.').to_owned();
            }
        };
        // It goes on talking.
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let mut wanted = DesiredCapabilities::chrome();
        let data = format!("--user-data-dir={}", profile.path().join("profile").display());
        let fixed = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--no-proxy-server",
            &data,
        ];
        for argument in fixed.iter().chain(more) {
            wanted.add_arg(argument)?;
        }
        let phone =
            json!({ "deviceMetrics": { "width": 360, "height": 640, "pixelRatio": 2.0, "touch": false } });
        wanted.add_experimental_option("mobileEmulation", phone)?;
        wanted.set_browser_log_level(LoggingPrefsLogLevel::All)?;
        let driver = WebDriver::new(format!("http://127.0.0.1:{port}"), wanted).await?;
        driver.set_script_timeout(Duration::from_secs(30)).await?;
        Ok(Self { driver, driven, _profile: profile })
    }

    /// What this script gives.
    pub(crate) async fn script(&self, script: &str) -> Result<Value> {
        Ok(self.driver.execute(script, Vec::new()).await?.json().clone())
    }

    /// Waits until this script gives true.
    pub(crate) async fn until(&self, what: &str, script: &str) -> Result<()> {
        until(what, async || Ok((self.script(script).await? == json!(true)).then_some(()))).await
    }

    /// Waits until the page says this.
    pub(crate) async fn says(&self, what: &str) -> Result<()> {
        let wanted = json!(what);
        let script =
            format!("return document.getElementById('about')?.textContent.includes({wanted}) ?? false");
        let said = self.until(&format!("the page says {wanted}"), &script).await;
        match said {
            Ok(()) => Ok(()),
            Err(e) => {
                let page = self.script("return document.body.innerText").await?;
                let log = self.log().await?;
                Err(e.context(format!("it says {page}; {log:?}")))
            }
        }
    }

    /// Presses these keys, wherever the keyboard is.
    pub(crate) async fn press(&self, keys: impl Into<TypingData>) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(keys).perform().await?)
    }

    /// Types into the field of this id, in place of what is there.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let field = self.driver.find(By::Id(id)).await?;
        field.clear().await?;
        Ok(field.send_keys(text).await?)
    }

    /// What was said on the console since, by whom and how bad.
    pub(crate) async fn log(&self) -> Result<Vec<BrowserLogEntry>> {
        Ok(self.driver.browser_log().await?)
    }

    /// Closes it.
    pub(crate) async fn close(mut self) -> Result<()> {
        self.driver.quit().await?;
        self.driven.start_kill()?;
        self.driven.wait().await?;
        Ok(())
    }
}
