//! The one binary: every command of Waystation.
#![forbid(unsafe_code)]

mod args;
mod client;
mod commands;
mod config;
mod discover;
mod exit;
mod output;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;

use args::{Cli, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(&cli, &Failure::new(Exit::Failed, format!("no threads to run on: {e}"))),
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(&cli, &failure),
    }
}

fn fail(cli: &Cli, failure: &Failure) -> ExitCode {
    if cli.global.json && !failure.answered {
        let _ = output::json(&serde_json::json!({ "error": failure.message }));
    }
    output::note(format!("waystation: {}", failure.message.trim_end()));
    failure.code.into()
}

async fn run(cli: &Cli) -> exit::Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Up(up) => commands::up::run(global, up).await,
        Command::Serve => commands::serve::run(global).await,
        Command::Check { items } => commands::check::run(global, items).await,
        Command::Item(item) => commands::item::run(global, item).await,
        Command::Plugin(plugin) => commands::plugin::run(global, plugin).await,
        Command::Events { follow } => commands::events::run(global, *follow).await,
        Command::Config(config) => commands::config::run(global, config).await,
        Command::Doctor => commands::doctor::run(global).await,
        Command::Completions { shell } => commands::completions::run(*shell),
    }
}
