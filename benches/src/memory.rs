//! How much memory a process uses.

use anyhow::{Context as _, Result, ensure};

/// The share of a process of the memory that is in use (`Pss`), in bytes: what it shares with others counts in part.
///
/// # Errors
/// When the system does not say.
pub fn proportional(pid: u32) -> Result<f64> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/smaps_rollup"))?;
    let line = text.lines().find_map(|line| line.strip_prefix("Pss:")).context("no Pss in smaps_rollup")?;
    let kib: f64 = line.trim().trim_end_matches("kB").trim().parse()?;
    ensure!(kib > 0.0, "the process uses no memory");
    Ok(kib * 1024.0)
}
