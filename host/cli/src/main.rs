//! The one binary: every command of Waystation.
#![forbid(unsafe_code)]

mod address;
mod args;
mod client;
mod commands;
mod config;
mod discover;
mod exit;
mod files;
mod logins;
mod output;
mod prompt;
mod signing;
mod telemetry;

use std::process::ExitCode;

use clap::Parser as _;
use clap::error::{ContextKind, ErrorKind};

use args::{Cli, Command};
use exit::{Exit, Failure};

fn main() -> ExitCode {
    if let Some(ended) = commands::plugin::rustc::stand_in() {
        return ended;
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(e) => return misunderstood(&e),
    };
    let json = cli.global.json;
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(e) => return fail(json, &Failure::new(Exit::Failed, format!("no threads to run on: {e}"))),
    };
    match runtime.block_on(run(&cli)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => fail(json, &failure),
    }
}

/// The arguments do not parse, or ask for help, which is an answer.
fn misunderstood(e: &clap::Error) -> ExitCode {
    let json = std::env::args_os().any(|argument| argument == "--json");
    if !json || !e.use_stderr() {
        // An error means that nobody reads.
        let _ = e.print();
        return if e.use_stderr() { Exit::Usage.into() } else { ExitCode::SUCCESS };
    }
    let text = e.render().to_string();
    let sentence = match e.kind() {
        ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand => "a command is missing",
        _ => text.lines().next().unwrap_or_default().trim_start_matches("error: "),
    };
    let mut failure = Failure::new(Exit::Usage, sentence);
    let suggested =
        [ContextKind::SuggestedArg, ContextKind::SuggestedSubcommand, ContextKind::SuggestedValue];
    if let Some(near) = suggested.into_iter().find_map(|kind| e.get(kind)) {
        failure = failure.hint(format!("did you mean `{near}`?"));
    }
    fail(true, &failure)
}

fn fail(json: bool, failure: &Failure) -> ExitCode {
    output::note(match json {
        true => failure.to_json().to_string(),
        false => format!("waystation: {}", failure.to_text()),
    });
    failure.exit.into()
}

async fn run(cli: &Cli) -> exit::Outcome {
    let global = &cli.global;
    match &cli.command {
        Command::Up(up) => commands::up::run(global, up).await,
        Command::Serve => commands::serve::run(global).await,
        Command::Check { items } => commands::check::run(global, items).await,
        Command::Item(item) => commands::item::run(global, item).await,
        Command::Plugin(plugin) => commands::plugin::run(global, plugin).await,
        Command::Channel(channel) => commands::channel::run(global, channel).await,
        Command::Delivery(delivery) => commands::delivery::run(global, delivery).await,
        Command::Events { follow } => commands::events::run(global, *follow).await,
        Command::Config(config) => commands::config::run(global, config).await,
        Command::Verify(verify) => commands::verify::run(global, verify),
        Command::Trust(trust) => commands::trust::run(global, trust).await,
        Command::Pki(pki) => commands::pki::run(global, pki).await,
        Command::Agent(agent) => commands::agent::run(global, agent).await,
        Command::Welcome(welcome) => commands::login::welcome(global, welcome).await,
        Command::Login(login) => commands::login::run(global, login).await,
        Command::Logout => commands::login::logout(global).await,
        Command::Account(account) => commands::account::run(global, account).await,
        Command::User(user) => commands::user::run(global, user).await,
        Command::Role(role) => commands::role::run(global, role).await,
        Command::Token(token) => commands::token::run(global, token).await,
        Command::Auth(auth) => commands::role::auth(global, auth).await,
        Command::Scope(scope) => commands::tickets::scope(global, scope).await,
        Command::Instance(instance) => commands::tickets::instance(global, instance).await,
        Command::Assign(assign) => commands::tickets::assign(global, assign).await,
        Command::Ticket(ticket) => commands::tickets::ticket(global, ticket).await,
        Command::Approval(approval) => commands::approval::run(global, approval).await,
        Command::Session(session) => commands::tickets::session(global, session).await,
        Command::Enrol(enrol) => commands::enrol::run(global, enrol).await,
        Command::Renew(renew) => commands::enrol::renew::run(global, renew).await,
        #[cfg(feature = "data-reset")]
        Command::Reset { confirm } => commands::reset::run(global, confirm.as_deref()).await,
        Command::Audit(audit) => commands::audit::run(global, audit).await,
        Command::Key(key) => commands::key::run(global, key),
        Command::Registry(registry) => commands::registry::run(global, registry).await,
        Command::Doctor => commands::doctor::run(global).await,
        Command::Completions { shell } => commands::completions::run(*shell),
    }
}
