//! `waystation doctor`

use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use waystation_runtime::{Engine, EngineConfig};
use waystation_server::api::trust::TrustPolicyView;
use waystation_server::config::{Config, Level};
use waystation_server::plan;
use waystation_server::trust::Admission;

use crate::args::Global;
use crate::client::Client;
use crate::commands::plugin;
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, output};

/// One thing that was looked at.
#[derive(Serialize)]
struct Finding {
    /// `ok`, `warning`, `error`.
    state: &'static str,
    about: &'static str,
    detail: String,
}

impl Finding {
    fn ok(about: &'static str, detail: impl Into<String>) -> Self {
        Self { state: "ok", about, detail: detail.into() }
    }

    fn warning(about: &'static str, detail: impl Into<String>) -> Self {
        Self { state: "warning", about, detail: detail.into() }
    }

    fn error(about: &'static str, detail: impl Into<String>) -> Self {
        Self { state: "error", about, detail: detail.into() }
    }
}

pub(crate) async fn run(global: &Global) -> Outcome {
    let mut findings = Vec::new();
    configuration(global, &mut findings).await;
    findings.push(match Engine::new(&EngineConfig::default()) {
        Ok(_) => Finding::ok("engine", "plugins can run on this machine"),
        Err(e) => Finding::error("engine", e.to_string()),
    });
    findings.push(match waystation_egress::Roots::load(None) {
        Ok(_) => Finding::ok("trust roots", "this system's certificates load"),
        Err(e) => Finding::error("trust roots", e.to_string()),
    });
    host(global, &mut findings).await;

    let errors = findings.iter().filter(|finding| finding.state == "error").count();
    if global.json {
        output::json(&findings)?;
    } else {
        let rows = findings.iter().map(|f| [f.state.to_owned(), f.about.to_owned(), f.detail.clone()]);
        output::table(["", "ABOUT", "FOUND"], rows);
    }
    match errors {
        0 => Ok(()),
        n => {
            Err(Failure::new(Exit::Failed, format!("{n} of these keep the host from working"))
                .code("unhealthy"))
        }
    }
}

async fn configuration(global: &Global, findings: &mut Vec<Finding>) {
    let file = config::file(global);
    let settings = match config::read(file.as_deref()) {
        Ok(settings) => settings,
        Err(e) => {
            findings.push(Finding::error("configuration", e.to_string()));
            return;
        }
    };
    let from = file.map_or_else(|| "no file: defaults".to_owned(), |file| file.display().to_string());
    findings.push(Finding::ok("configuration", from));
    for problem in settings.check_secrets(&config::environment()) {
        findings.push(match problem.level {
            Level::Error => Finding::error("secret", problem.to_string()),
            Level::Warning => Finding::warning("secret", problem.to_string()),
        });
    }
    let data = &settings.server.data_dir;
    findings.push(match std::fs::metadata(data) {
        Ok(found) if !found.is_dir() => {
            Finding::error("data folder", format!("{} is not a folder", data.display()))
        }
        Ok(_) => Finding::ok("data folder", data.display().to_string()),
        Err(_) => Finding::ok("data folder", format!("{} will be made", data.display())),
    });
    let environment = config::environment();
    // Plugins are compiled into the data folder; where there is none yet, none is made.
    let plan = match data.is_dir() {
        true => plan::described(&settings, &environment).await.unwrap_or_else(|e| {
            findings.push(Finding::error("plugin", e.to_string()));
            plan::plan(&settings, &environment)
        }),
        false => plan::plan(&settings, &environment),
    };
    trust(&settings, findings);
    for misfit in plan.misfits {
        findings.push(Finding::error("configuration", format!("{} ({})", misfit.problem, misfit.code)));
    }
    for planned in plan.plugins {
        let detail =
            format!("{}: {}", planned.name, planned.problem.unwrap_or_else(|| planned.state.clone()));
        findings.push(match planned.state.as_str() {
            "loads" | "disabled" => Finding::ok("plugin", detail),
            "needs-grants" => Finding::warning("plugin", detail),
            _ => Finding::error("plugin", detail),
        });
    }
}

/// Whether anybody is trusted, and for how long the list of revocations holds. Who makes all plugins needs nobody.
fn trust(settings: &Config, findings: &mut Vec<Finding>) {
    let admission = Admission::new(settings, 0);
    if settings.plugins.values().all(|plugin| admission.is_dev(plugin).unwrap_or(false)) {
        return;
    }
    admission.refresh(Timestamp::now());
    let view = TrustPolicyView::of(&admission);
    if let Some(problem) = view.problem {
        findings.push(Finding::error("trust", format!("{} ({})", problem.message, problem.code)));
        return;
    }
    let names: Vec<_> = view.namespaces.into_iter().map(|namespace| namespace.name).collect();
    findings.push(Finding::ok("trust", format!("signers for {}", names.join(", "))));
    let soon = Timestamp::now() + SignedDuration::from_hours(72);
    if let Some(list) = view.revocations.filter(|list| list.expires_at < soon) {
        let detail = format!(
            "the list of revocations holds until {}; after that no plugin runs: `waystation trust revoke renew`",
            list.expires_at
        );
        findings.push(Finding::warning("trust", detail));
    }
}

/// A host that does not run is no mistake; one that runs with plugins that do not
/// is worth knowing.
async fn host(global: &Global, findings: &mut Vec<Finding>) {
    let plugins = match Client::new(global) {
        Ok(client) => plugin::all(&client).await,
        Err(e) => Err(e),
    };
    match plugins {
        Ok(plugins) => {
            findings.push(Finding::ok("host", format!("runs {} plugins", plugins.len())));
            for plugin in plugins.iter().filter(|p| !matches!(p.status.as_str(), "running" | "disabled")) {
                let detail = plugin.detail.clone().unwrap_or_default();
                findings.push(Finding::warning(
                    "host",
                    format!("{} is {}: {detail}", plugin.name, plugin.status),
                ));
            }
        }
        Err(e) => findings.push(Finding::warning("host", e.to_text())),
    }
}
