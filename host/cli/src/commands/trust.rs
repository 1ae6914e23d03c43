//! `waystation trust`: whose plugins may run, and why.

mod clock;
mod init;
mod revoke;

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use waystation_bundle::{Limits, Package};
use waystation_server::api::trust::TrustPolicyView;
use waystation_server::trust::{Trust as Loaded, TrustUnusable};
use waystation_trust::Evidence;

use super::verify::steps;
use crate::args::{Global, Trust};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Trust) -> Outcome {
    match command {
        Trust::Status => show(global, &Client::new(global)?.get(&["trust"], &[]).await?),
        Trust::Refresh => show(global, &Client::new(global)?.post(&["trust", "refresh"], &json!({})).await?),
        Trust::Check { policy } => check(global, policy),
        Trust::Explain { plugin, policy } => explain(global, plugin, policy),
        Trust::Init(args) => init::run(global, args),
        Trust::AddKey(args) => init::add_key(global, args),
        Trust::Clock(args) => clock::run(global, args).await,
        Trust::Revoke(command) => revoke::run(global, command).await,
    }
}

/// What a running host goes by.
fn show(global: &Global, view: &TrustPolicyView) -> Outcome {
    if global.json {
        return Ok(output::json(view)?);
    }
    for namespace in &view.namespaces {
        output::line(format!("namespace {:<20} {}", namespace.name, namespace.kinds.join(", ")));
    }
    if let Some(list) = &view.revocations {
        output::line(format!("revocations, number {}, hold until {}", list.number, list.expires_at));
    }
    for folder in &view.dev {
        output::line(format!("dev folder {folder}: plugins in it run without signatures"));
    }
    if let Some(problem) = &view.problem {
        output::line(format!("nothing new is loaded: {} ({})", problem.message, problem.code));
    }
    Ok(())
}

fn check(global: &Global, path: &Path) -> Outcome {
    let trust = load(path)?;
    let policy = trust.policy();
    let listed = trust.revocations();
    if global.json {
        let namespaces: Vec<_> =
            policy.namespaces().map(|name| json!({ "name": name, "kinds": policy.kinds(name) })).collect();
        let roots: Vec<_> =
            policy.roots().iter().map(|root| json!({ "domain": root.domain, "path": root.path })).collect();
        let revocations =
            listed.map(|list| json!({ "number": list.number(), "expires_at": list.expires_at() }));
        return Ok(output::json(
            &json!({ "namespaces": namespaces, "roots": roots, "revocations": revocations }),
        )?);
    }
    for name in policy.namespaces() {
        output::line(format!("namespace {name:<20} {}", policy.kinds(name).join(", ")));
    }
    for root in policy.roots() {
        output::line(format!("domain {:<23} {}", root.domain, root.path.display()));
    }
    if let Some(list) = listed {
        output::line(format!("revocations, number {}, hold until {}", list.number(), list.expires_at()));
    }
    Ok(())
}

fn explain(global: &Global, plugin: &Path, policy: &Path) -> Outcome {
    let trust = load(policy)?;
    let failed = |code: &'static str, why: String| {
        Failure::new(Exit::Failed, format!("{}: {why}", plugin.display())).code(code)
    };
    let file = std::fs::File::open(plugin).map_err(|e| failed("io", e.to_string()))?;
    let package = Package::open(file, &Limits::DEFAULT).map_err(|e| failed(e.code(), e.to_string()))?;
    let judgement = trust.judge(&Evidence::of(&package), Timestamp::now());
    if global.json {
        output::json(&judgement)?;
    } else {
        output::line(format!("{} {}", judgement.name, judgement.version));
        output::line(format!("{}: {}", judgement.state, judgement.message));
        output::line(format!("digest {}", judgement.digest));
        steps(&judgement.tried);
    }
    match judgement.reason {
        None => Ok(()),
        Some(reason) => Err(Failure::new(Exit::Failed, judgement.message).code(reason.code())),
    }
}

pub(super) fn load(path: &Path) -> Result<Loaded, Failure> {
    Loaded::load(path, 0, Timestamp::now())
        .map_err(|e: TrustUnusable| Failure::new(Exit::Failed, e.to_string()).code(e.code()))
}
