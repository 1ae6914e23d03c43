//! Extism, in a process of its own: it brings another wasmtime.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};

/// The running `extism-call` of `benches/peers`; ends with its input.
pub(crate) struct Extism {
    child: Child,
    orders: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Extism {
    pub(crate) fn start(plugin: &Path) -> Result<Self> {
        let folder = std::env::var_os("WAYSTATION_BENCH_PEERS")
            .context("WAYSTATION_BENCH_PEERS is not set; run `cargo xtask bench`, which sets it")?;
        let program = Path::new(&folder).join("extism-call");
        let mut child = Command::new(&program)
            .arg(plugin)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .with_context(|| format!("could not start {}", program.display()))?;
        let orders = child.stdin.take().context("its input is a pipe")?;
        let answers = BufReader::new(child.stdout.take().context("its output is a pipe")?);
        Ok(Self { child, orders, answers })
    }

    /// `life` is `fresh` or `reused`.
    pub(crate) fn run(&mut self, life: &str, function: &str, count: u32) -> Result<Duration> {
        writeln!(self.orders, "{life}-{function} {count}")?;
        self.orders.flush()?;
        let mut line = String::new();
        if self.answers.read_line(&mut line)? == 0 {
            bail!("extism-call ended ({})", self.child.wait()?);
        }
        Ok(Duration::from_nanos(line.trim().parse()?))
    }
}

impl Drop for Extism {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
