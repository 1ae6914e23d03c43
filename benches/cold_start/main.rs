//! From the start of the program until it is ready, with twelve plugins and with none; and what an
//! idle plugin costs.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use waystation_benches::{Case, Report, median, take_turns};
use waystation_tests::{Folder, built, settings};

/// Rounds over both.
const ROUNDS: usize = 31;

/// Everything in `plugins/`, without what each would need to be of use.
const PLUGINS: [&str; 12] = [
    "crates-index",
    "debian-repo",
    "feed",
    "forgejo-releases",
    "github-releases",
    "gitlab-releases",
    "http-json",
    "npm",
    "oci-tags",
    "pypi",
    "ntfy",
    "webhook",
];

/// A start may take this long: the first one compiles.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> Result<()> {
    let (none, twelve) = (Folder::new("")?, Folder::new(&twelve()?)?);
    let mut memory = [Vec::new(), Vec::new()];
    let [without, with] = &mut memory;
    let cases = vec![
        Case::new("ready, no plugin", |count| starts(count, &none, without)),
        Case::new("ready, 12 plugins", |count| starts(count, &twelve, with)),
    ];
    let samples = take_turns(cases, ROUNDS)?;

    let report = Report::new("cold-start", "start");
    report.case(&samples, "ready, no plugin", None)?;
    report.case(&samples, "ready, 12 plugins", Some("ready, no plugin"))?;
    let [without, with] = memory.map(median);
    report.figure("memory, no plugin", without, "bytes", None)?;
    report.figure("memory, 12 plugins", with, "bytes", None)?;
    report.figure("memory of an idle plugin", (with - without) / 12.0, "bytes", None)
}

/// A configuration with each plugin once, granted what it needs to be put in service.
fn twelve() -> Result<String> {
    let mut text = String::new();
    for name in PLUGINS {
        text.push_str(&settings::source(name, &built::plugin(name)?, &["http://127.0.0.1:9"]));
    }
    writeln!(
        text,
        "[plugins.webhook.credentials.webhook-key]\nfrom = {{ env = \"{}\" }}\nuse = \"hmac\"",
        settings::WEBHOOK_KEY_VARIABLE
    )?;
    Ok(text)
}

/// Starts a host and stops it again, so often; notes how much memory it used.
fn starts(count: u32, folder: &Folder, memory: &mut Vec<f64>) -> Result<Duration> {
    let mut took = Duration::ZERO;
    for _ in 0..count {
        let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
        let began = Instant::now();
        let mut host = Started::new(folder, address)?;
        host.ready(address)?;
        took += began.elapsed();
        memory.push(host.memory()?);
    }
    Ok(took)
}

/// A host; killed when dropped.
struct Started(Child);

impl Started {
    fn new(folder: &Folder, address: SocketAddr) -> Result<Self> {
        let mut command = Command::new(built::binary()?);
        // Nothing of the environment in which this runs is a setting.
        command
            .env_clear()
            .arg("serve")
            .env("WAYSTATION_SERVER__LISTEN", address.to_string())
            .current_dir(folder.path());
        command.env(settings::WEBHOOK_KEY_VARIABLE, settings::WEBHOOK_KEY);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::inherit());
        Ok(Self(command.spawn()?))
    }

    /// Waits until `/readyz` says so.
    fn ready(&mut self, address: SocketAddr) -> Result<()> {
        let began = Instant::now();
        while began.elapsed() < PATIENCE {
            if let Some(status) = self.0.try_wait()? {
                bail!("the host ended ({status}) before it was ready");
            }
            if is_ready(address).unwrap_or(false) {
                return Ok(());
            }
            std::thread::sleep(Duration::from_micros(500));
        }
        bail!("the host was not ready after {PATIENCE:?}")
    }

    /// Its share of the memory that is in use, in bytes: what it shares with others counts in part.
    fn memory(&self) -> Result<f64> {
        let text = std::fs::read_to_string(format!("/proc/{}/smaps_rollup", self.0.id()))?;
        let line =
            text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
        let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
        ensure!(kib > 0.0, "the host uses no memory");
        Ok(kib * 1024.0)
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_ready(address: SocketAddr) -> Result<bool> {
    let mut stream = TcpStream::connect(address)?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer.starts_with("HTTP/1.1 200"))
}
