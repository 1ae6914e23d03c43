//! `waystation completions`

use clap::CommandFactory as _;

use crate::args::Cli;
use crate::exit::Outcome;
use crate::output;

pub(crate) fn run(shell: clap_complete::Shell) -> Outcome {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "waystation", &mut script);
    output::line(String::from_utf8_lossy(&script).trim_end());
    Ok(())
}
