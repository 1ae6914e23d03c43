//! `waystation up`: from nothing to a host that watches what this machine's package
//! clients installed.

mod setup;

use std::path::Path;
use std::time::Instant;

use jiff::Timestamp;
use serde::Serialize;
use waystation_core::item::ItemSpec;
use waystation_core::name::MachineName;
use waystation_core::policy::Policy;
use waystation_server::Host;
use waystation_server::api::views::{ItemView, PluginView};
use waystation_server::config::Config;
use waystation_store::StoreError;

use crate::args::{Global, Up};
use crate::commands::plugin::sync;
use crate::commands::{check, item, serve};
use crate::discover::{self, Client};
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, output, telemetry};

/// What `--json` prints.
#[derive(Serialize)]
struct Report {
    items: Vec<ItemView>,
    plugins: Vec<PluginView>,
    notes: Vec<String>,
    checks_ms: u64,
}

pub(crate) async fn run(global: &Global, up: &Up) -> Outcome {
    let found = discover::clients().await;
    let mut notes = found.notes;
    if found.clients.is_empty() {
        let sought = "cargo, pip, npm and apt";
        return Err(Failure::new(Exit::Failed, format!("none of {sought} can be used here"))
            .code("no-package-clients")
            .hint("write a waystation.toml, and use `waystation serve`"));
    }
    let mut configuration = configuration(global, up, &found.clients, &mut notes).await?;
    // `up` is for people: the table is the news, and the log only what went wrong.
    if global.verbose == 0 && configuration.telemetry == waystation_server::config::Telemetry::default() {
        configuration.telemetry.log = "warn".parse().map_err(|_| Failure::new(Exit::Failed, "bad filter"))?;
    }
    let telemetry = telemetry::start(&configuration, global.verbose)?;
    let done = check_and_serve(global, up, configuration, &found.clients, notes).await;
    telemetry.end().await;
    done
}

async fn check_and_serve(
    global: &Global,
    up: &Up,
    configuration: Config,
    clients: &[Client],
    notes: Vec<String>,
) -> Outcome {
    let mut notes = notes;
    notes.extend(sync::newest(&configuration).await?);
    output::note(format!("loading {} plugins; the first time each is compiled", configuration.plugins.len()));
    let host = serve::open(configuration).await?;
    let items = watch(&host, clients).await?;

    let began = Instant::now();
    let bar = check::bar(items.len() as u64);
    host.checker()
        .check(items, &|checked| {
            bar.set_message(checked.item.spec.name.to_string());
            bar.inc(1);
        })
        .await;
    bar.finish_and_clear();
    let checks_ms = u64::try_from(began.elapsed().as_millis()).unwrap_or(u64::MAX);
    let report = report(&host, notes, checks_ms).await?;
    print(global, up, &report)?;
    if up.once {
        host.shut_down().await;
        return Ok(());
    }
    serve::serve(global, &host).await
}

/// Writes the configuration that fits this machine into the data folder, where a
/// person can read it and take it further, and reads it as any other.
async fn configuration(
    global: &Global,
    up: &Up,
    clients: &[Client],
    notes: &mut Vec<String>,
) -> Result<Config, Failure> {
    if global.config.is_some() {
        return config::load(global);
    }
    let text = setup::write(up, clients, notes).await?;
    let file = up.data.join(config::UP_FILE);
    let failed = |e: std::io::Error| {
        Failure::new(Exit::Failed, format!("cannot write {}: {e}", file.display())).code("io")
    };
    private_folder(&up.data).map_err(failed)?;
    std::fs::write(&file, text).map_err(failed)?;
    config::read(Some(&file)).map_err(|e| config::invalid(&e))
}

fn private_folder(path: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt as _;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(path)
}

/// Adds what each client installed, and a few well-known packages, as items. Gives
/// all items of the host.
async fn watch(host: &Host, clients: &[Client]) -> Result<Vec<waystation_core::item::Item>, Failure> {
    let now = Timestamp::now();
    let route = host.route();
    let name: MachineName =
        "this-host".parse().map_err(|_| Failure::new(Exit::Failed, "bad machine name"))?;
    let machine = host.store().ensure_machine(&name, now).await?;
    for client in clients {
        let known = client.known.iter().map(|name| ((*name).to_owned(), None));
        let installed = client.installed.iter().map(|(name, version)| (name.clone(), Some(version.clone())));
        for (package, version) in installed.chain(known) {
            let Some(spec) = spec(client, &package) else { continue };
            let item = match host.store().item_named(&spec.name).await {
                Ok(item) => item,
                Err(StoreError::NotFound { .. }) => host.store().add_item(spec, now, now, &route).await?,
                Err(e) => return Err(e.into()),
            };
            if let (Some(version), Ok(manager)) = (version, client.manager.parse()) {
                host.store().record_installed(machine.id, item.id, &manager, &version, now, &route).await?;
            }
        }
    }
    Ok(host.all_items().await?)
}

/// None for a name that no item can have.
fn spec(client: &Client, package: &str) -> Option<ItemSpec> {
    let plain = package.trim_start_matches('@').to_ascii_lowercase();
    Some(ItemSpec {
        name: format!("{}/{plain}", client.manager).parse().ok()?,
        source: client.plugin.parse().ok()?,
        locator: package.parse().ok()?,
        options: serde_json::Map::new(),
        scheme: client.scheme.parse().ok()?,
        policy: Policy { prereleases: client.prereleases, ..Policy::default() },
    })
}

async fn report(host: &Host, notes: Vec<String>, checks_ms: u64) -> Result<Report, Failure> {
    let items = host.all_items().await?;
    let installed = host.store().installed(None).await?;
    let mut by_item: std::collections::HashMap<_, Vec<_>> = std::collections::HashMap::new();
    for at in installed {
        by_item.entry(at.item).or_default().push(at);
    }
    let none = Vec::new();
    Ok(Report {
        items: items.iter().map(|item| ItemView::new(item, by_item.get(&item.id).unwrap_or(&none))).collect(),
        plugins: PluginView::all(host.plugins()),
        notes,
        checks_ms,
    })
}

fn print(global: &Global, up: &Up, report: &Report) -> Outcome {
    if global.json {
        return Ok(output::json(report)?);
    }
    item::print(&report.items, !up.all);
    output::line("");
    let rows = report.plugins.iter().map(|plugin| {
        let serving = plugin.serving.as_ref();
        [
            plugin.name.clone(),
            plugin.status.clone(),
            plugin.calls.to_string(),
            output::millis(plugin.wall_ms),
            output::millis(plugin.cpu_ms),
            output::bytes(plugin.peak_memory),
            serving.map_or(0, |s| s.http_requests).to_string(),
            output::bytes(serving.map_or(0, |s| s.http_bytes_in)),
        ]
    });
    output::table(["PLUGIN", "STATUS", "CALLS", "WALL", "CPU", "MEMORY", "REQUESTS", "RECEIVED"], rows);
    for plugin in report.plugins.iter().filter(|p| p.detail.is_some()) {
        output::note(format!("{}: {}", plugin.name, plugin.detail.as_deref().unwrap_or_default()));
    }
    report.notes.iter().for_each(output::note);
    let failed = report.items.iter().filter(|item| item.error.is_some()).count();
    let took = output::millis(report.checks_ms as f64);
    output::note(format!("{} items checked in {took}, {failed} could not be", report.items.len()));
    Ok(())
}
