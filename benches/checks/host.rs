//! The host: the real program, told to check everything now.

use std::fmt::Write as _;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use waystation_tests::{Folder, Host, settings};

use crate::{AT_ONCE, ITEMS};

/// What Linux counts processor time in, on every architecture that we build for.
const TICKS_PER_SECOND: f64 = 100.0;

/// The crate of an item.
pub(crate) fn crate_name(item: usize) -> String {
    format!("crate-{item:04}")
}

pub(crate) struct Checking {
    host: Host,
    _folder: Folder,
}

impl Checking {
    /// Starts a host that knows all items, and waits until each was checked once.
    pub(crate) async fn start(remote: SocketAddr) -> Result<Self> {
        let origin = format!("http://{remote}");
        let file = waystation_tests::built::plugin("crates-index")?;
        let mut text = settings::source("crates", &file, &[&origin]);
        write!(
            text,
            "[plugins.crates.limits]\nconcurrency = {AT_ONCE}\n\
             [plugins.crates.config]\nindex = \"sparse+{origin}/\"\ndownload = \"{origin}/dl\"\n"
        )?;
        for item in 0..ITEMS {
            let name = crate_name(item);
            write!(text, "[items.{name}]\nsource = \"crates\"\nlocator = \"{name}\"\n")?;
        }
        let folder = Folder::new(&text)?;
        let host = Host::start(&folder).await?;
        let checking = Self { host, _folder: folder };
        checking.check().await?;
        Ok(checking)
    }

    /// Checks every item once.
    pub(crate) async fn check(&self) -> Result<Duration> {
        let began = Instant::now();
        let checked = self.host.api.check(&[]).await?;
        let took = began.elapsed();
        ensure!(checked.len() == ITEMS, "{} items were checked", checked.len());
        ensure!(checked.values().all(|item| item["error"].is_null()), "some checks failed: {checked:?}");
        Ok(took)
    }

    /// The processor time that the host used so far.
    pub(crate) fn cpu(&self) -> Result<Duration> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.host.pid()?))?;
        // The name in brackets may hold spaces. Of what follows, 12 and 13 are user and system time.
        let (_, fields) = stat.rsplit_once(')').context("not a stat file")?;
        let ticks: Vec<u64> =
            fields.split_whitespace().skip(11).take(2).map(str::parse).collect::<Result<_, _>>()?;
        Ok(Duration::from_secs_f64(ticks.iter().sum::<u64>() as f64 / TICKS_PER_SECOND))
    }

    /// The newest version of an item's crate, as the host knows it.
    pub(crate) async fn newest(&self, item: usize) -> Result<String> {
        let item = self.host.api.item(&crate_name(item)).await?;
        Ok(item["latest"].as_str().unwrap_or_default().to_owned())
    }

    pub(crate) async fn stop(self) -> Result<()> {
        self.host.stop().await
    }
}
