//! From the start of the program until it is ready, with twelve plugins and with none; and what an
//! idle plugin costs.

use std::fmt::Write as _;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Result, bail, ensure};
use waystation_benches::{Case, Report, median, proportional, take_turns};
use waystation_tests::{Folder, built, settings};

/// Rounds over both.
const ROUNDS: usize = 31;

/// Everything in `plugins/`, with the configuration that each requires.
const PLUGINS: [(&str, &str); 12] = [
    ("crates-index", r#"index = "http://127.0.0.1:9/""#),
    (
        "debian-repo",
        r#"base_url = "http://127.0.0.1:9/"
suite = "stable""#,
    ),
    ("feed", ""),
    ("forgejo-releases", ""),
    ("github-releases", ""),
    ("gitlab-releases", ""),
    ("http-json", ""),
    ("npm", r#"registry = "http://127.0.0.1:9/""#),
    ("oci-tags", ""),
    ("pypi", r#"index = "http://127.0.0.1:9/""#),
    ("ntfy", ""),
    ("webhook", ""),
];

/// A start may take this long: the first one compiles.
const PATIENCE: Duration = Duration::from_secs(300);

fn main() -> Result<()> {
    let none = Folder::new("")?;
    let twelve = Folder::new(&twelve("")?)?;
    // Each twice, under another name.
    let more = Folder::new(&format!("{}{}", self::twelve("")?, self::twelve("-too")?))?;
    for (folder, expected) in [(&none, 0), (&twelve, PLUGINS.len()), (&more, 2 * PLUGINS.len())] {
        ensure!(running(folder)? == expected, "not all plugins serve");
    }
    let mut memory = [Vec::new(), Vec::new(), Vec::new()];
    let [of_none, of_twelve, of_more] = &mut memory;
    let cases = vec![
        Case::new("ready, no plugin", |count| starts(count, &none, of_none)),
        Case::new("ready, 12 plugins", |count| starts(count, &twelve, of_twelve)),
        Case::new("ready, 24 plugins", |count| starts(count, &more, of_more)),
    ];
    let samples = take_turns(cases, ROUNDS)?;

    let report = Report::new("cold-start", "start");
    report.case(&samples, "ready, no plugin", None)?;
    report.case(&samples, "ready, 12 plugins", Some("ready, no plugin"))?;
    report.case(&samples, "ready, 24 plugins", Some("ready, no plugin"))?;
    let [of_none, of_twelve, of_more] = memory.map(median);
    report.figure("memory, no plugin", of_none, "bytes", None)?;
    report.figure("memory, 12 plugins", of_twelve, "bytes", None)?;
    report.figure("memory, 24 plugins", of_more, "bytes", None)?;
    // The first ones also bring in what all share: the code of the sandbox itself.
    report.figure("memory of one more idle plugin", (of_more - of_twelve) / 12.0, "bytes", None)
}

/// A configuration with each plugin once, granted what it needs to be put in service.
fn twelve(suffix: &str) -> Result<String> {
    let mut text = String::new();
    for (plugin, config) in PLUGINS {
        let name = format!("{plugin}{suffix}");
        text.push_str(&settings::source(&name, &built::plugin(plugin)?, &["http://127.0.0.1:9"]));
        writeln!(text, "[plugins.{name}.config]\n{config}")?;
    }
    writeln!(
        text,
        "[plugins.webhook{suffix}.credentials.webhook-key]\nfrom = {{ env = \"{}\" }}\nuse = \"hmac\"",
        settings::WEBHOOK_KEY_VARIABLE
    )?;
    Ok(text)
}

/// How many plugins serve.
fn running(folder: &Folder) -> Result<usize> {
    let address = TcpListener::bind("127.0.0.1:0")?.local_addr()?;
    let mut host = Started::new(folder, address)?;
    host.ready(address)?;
    let token = tokio::runtime::Runtime::new()?.block_on(folder.own())?;
    let answer =
        get(address, &format!("/api/v1/plugins HTTP/1.1\r\nauthorization: Bearer {}", token.trim()))?;
    Ok(answer.matches(r#""status":"running""#).count())
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
        memory.push(proportional(host.0.id())?);
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
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
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
            #[expect(
                clippy::disallowed_methods,
                reason = "there is no executor here, and nothing else to wait for"
            )]
            std::thread::sleep(Duration::from_micros(500));
        }
        bail!("the host was not ready after {PATIENCE:?}")
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn is_ready(address: SocketAddr) -> Result<bool> {
    Ok(get(address, "/readyz HTTP/1.1")?.starts_with("HTTP/1.1 200"))
}

fn get(address: SocketAddr, target: &str) -> Result<String> {
    let mut stream = TcpStream::connect(address)?;
    write!(stream, "GET {target}\r\nhost: localhost\r\nconnection: close\r\n\r\n")?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}
