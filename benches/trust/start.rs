//! Starts with a hundred plugins.

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};
use waystation_benches::{Case, Report, take_turns};
use waystation_tests::{Folder, Host, settings, site};

const ROUNDS: usize = 11;

/// How many plugins.
const PLUGINS: usize = 100;

pub(crate) fn starts(report: &Report) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let (signed, dev) = runtime.block_on(folders())?;
    let start = |folder: &Folder, count: u32| -> Result<Duration> {
        let mut took = Duration::ZERO;
        for _ in 0..count {
            runtime.block_on(async {
                let began = Instant::now();
                let host = Host::start(folder).await?;
                took += began.elapsed();
                let serving = host.api.plugins().await?;
                let running = serving.values().filter(|plugin| plugin["status"] == "running").count();
                ensure!(running == PLUGINS, "{running} of {PLUGINS} plugins run");
                host.kill().await
            })?;
        }
        Ok(took)
    };
    let cases = vec![
        Case::new("ready, 100 plugins, verified", |count| start(&signed, count)),
        Case::new("ready, 100 plugins, nobody asked", |count| start(&dev, count)),
    ];
    let samples = take_turns(cases, ROUNDS)?;
    report.case(&samples, "ready, 100 plugins, verified", Some("ready, 100 plugins, nobody asked"))?;
    report.case(&samples, "ready, 100 plugins, nobody asked", None)
}

/// The same plugins in two configurations; compiled before anything is measured.
async fn folders() -> Result<(Folder, Folder)> {
    let mut text = String::new();
    for n in 0..PLUGINS {
        let file = format!("tool-{n}.plugin.tar");
        let table = settings::source(&format!("tool-{n}"), Path::new(&file), &["http://127.0.0.1:9"]);
        write!(text, "{table}")?;
    }
    let signed = Folder::new(&format!("\n[trust]\n{text}"))?;
    site::init(&signed).await?;
    let dev = Folder::new(&format!("\n[trust]\ndev = [\".\"]\n{text}"))?;
    for n in 0..PLUGINS {
        // Each is another one.
        let package = site::package("http-json", |manifest| format!("# {n}\n{manifest}"))?;
        let path = site::signed(&signed, &format!("tool-{n}.plugin.tar"), &package).await?;
        std::fs::copy(path, dev.path().join(format!("tool-{n}.plugin.tar")))?;
    }
    site::done(&signed, &["plugin", "sync"]).await?;
    for folder in [&signed, &dev] {
        Host::start(folder).await?.stop().await?;
    }
    Ok((signed, dev))
}
