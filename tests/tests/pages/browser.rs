//! A browser: Chromium, driven through its `chromedriver` (W3C WebDriver 2). What little of that is needed is here: the
//! crates that have all of it turn on features of others for every test of the workspace, which the program has not.

use std::process::Stdio;

use anyhow::{Context as _, Result, bail};
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use waystation_tests::until;

/// Keys that write nothing (WebDriver 2, section 17.4.2).
pub(crate) const TAB: &str = "\u{e004}";
/// See [`TAB`].
pub(crate) const ENTER: &str = "\u{e007}";

/// What an element is called in answers (WebDriver 2, section 12).
const ELEMENT: &str = "element-6066-11e4-a52e-4f735466cecf";

/// Something that was said on the console.
#[derive(Debug, Deserialize)]
pub(crate) struct Said {
    /// By whom: `network`, `javascript`, `security`.
    pub(crate) source: String,
    /// What.
    pub(crate) message: String,
}

/// A window of its own, with nothing in it of anybody; closed when dropped.
pub(crate) struct Browser {
    http: reqwest::Client,
    session: String,
    driven: Child,
    _profile: TempDir,
}

/// Asks the driver. What is no good answer is an error, with what it says.
async fn ask(http: &reqwest::Client, method: Method, url: &str, body: Option<Value>) -> Result<Value> {
    let mut request = http.request(method, url);
    if let Some(body) = body {
        request = request.json(&body);
    }
    let told: Value = request.send().await?.json().await?;
    let value = told.get("value").cloned().unwrap_or_default();
    match value.get("error") {
        Some(error) => bail!("{error}: {}", value.get("message").unwrap_or_default()),
        None => Ok(value),
    }
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
        let arguments: Vec<&str> = fixed.iter().chain(more).copied().collect();
        let phone =
            json!({ "deviceMetrics": { "width": 360, "height": 640, "pixelRatio": 2.0, "touch": false } });
        let wanted = json!({ "capabilities": { "alwaysMatch": {
            "browserName": "chrome",
            "goog:chromeOptions": { "args": arguments, "mobileEmulation": phone },
            "goog:loggingPrefs": { "browser": "ALL" },
        } } });
        let http = reqwest::Client::builder().no_proxy().build()?;
        let sessions = format!("http://127.0.0.1:{port}/session");
        let begun = ask(&http, Method::POST, &sessions, Some(wanted)).await?;
        let session = begun.get("sessionId").and_then(Value::as_str).context("no session")?;
        Ok(Self { session: format!("{sessions}/{session}"), http, driven, _profile: profile })
    }

    async fn post(&self, path: &str, body: Value) -> Result<Value> {
        ask(&self.http, Method::POST, &format!("{}/{path}", self.session), Some(body)).await
    }

    /// Goes there.
    pub(crate) async fn goto(&self, url: &str) -> Result<()> {
        self.post("url", json!({ "url": url })).await.map(drop)
    }

    /// Goes back.
    pub(crate) async fn back(&self) -> Result<()> {
        self.post("back", json!({})).await.map(drop)
    }

    /// What stands in the address bar.
    pub(crate) async fn address(&self) -> Result<String> {
        let told = ask(&self.http, Method::GET, &format!("{}/url", self.session), None).await?;
        Ok(told.as_str().context("no address")?.to_owned())
    }

    /// What this script gives.
    pub(crate) async fn script(&self, script: &str) -> Result<Value> {
        self.post("execute/sync", json!({ "script": script, "args": [] })).await
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
    pub(crate) async fn press(&self, keys: &str) -> Result<()> {
        let key = |kind: &'static str| move |key: char| json!({ "type": kind, "value": key.to_string() });
        let (down, up) = (key("keyDown"), key("keyUp"));
        let actions: Vec<Value> = keys.chars().flat_map(|key| [down(key), up(key)]).collect();
        let keyboard = json!({ "type": "key", "id": "keyboard", "actions": actions });
        self.post("actions", json!({ "actions": [keyboard] })).await.map(drop)
    }

    /// Types into the field of this id, in place of what is there.
    pub(crate) async fn fill(&self, id: &str, text: &str) -> Result<()> {
        let wanted = json!({ "using": "css selector", "value": format!("#{id}") });
        let found = self.post("element", wanted).await?;
        let element = found.get(ELEMENT).and_then(Value::as_str).context("no element")?;
        self.post(&format!("element/{element}/clear"), json!({})).await?;
        self.post(&format!("element/{element}/value"), json!({ "text": text })).await.map(drop)
    }

    /// What was said on the console since (an endpoint of Chromium's own).
    pub(crate) async fn log(&self) -> Result<Vec<Said>> {
        Ok(serde_json::from_value(self.post("se/log", json!({ "type": "browser" })).await?)?)
    }

    /// Closes it.
    pub(crate) async fn close(mut self) -> Result<()> {
        ask(&self.http, Method::DELETE, &self.session, None).await?;
        self.driven.start_kill()?;
        self.driven.wait().await?;
        Ok(())
    }
}
