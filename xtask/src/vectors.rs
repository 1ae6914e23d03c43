//! `cargo xtask vectors DIR`: cases of signatures, each with what is to come of it, through the verification core.
//!
//! The core is no dependency of this program, so that it need not be built for every other step.

use std::path::Path;

use anyhow::{Context as _, Result};

use crate::layout::Layout;
use crate::{cargo, proc};

/// Runs every case of `DIR/cases/*.jsonl`; the report goes to stdout.
pub(crate) fn run(layout: &Layout, dir: &Path) -> Result<()> {
    let dir = dir.canonicalize().with_context(|| format!("{} cannot be read", dir.display()))?;
    let mut command = cargo::command(layout.root(), layout.target());
    command.args(["run", "--quiet", "--locked", "-p", "waystation-verify", "--example", "vectors", "--"]);
    command.arg(dir);
    proc::run(&mut command).context("some cases were judged wrongly, or could not be read; see above")
}
