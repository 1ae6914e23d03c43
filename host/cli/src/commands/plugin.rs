//! `waystation plugin`

mod add;
mod build;
mod find;
mod inspect;
mod pack;
mod publish;
pub(crate) mod registry;
mod rust;
pub(crate) mod rustc;
mod sbom;
mod sign;
mod supply;
pub(crate) mod sync;

use http::Method;
use serde::Deserialize;
use serde_json::json;
use waystation_server::api::views::{LimitUnit, LimitView, LineView, PluginView};

use crate::args::{Global, Plugin};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, command: &Plugin) -> Outcome {
    match command {
        Plugin::Inspect { file, manifest_out, signatures_out } => {
            inspect::run(global, file, manifest_out.as_deref(), signatures_out.as_deref())
        }
        Plugin::Build { dir, output } => build::run(global, dir, output.as_deref()),
        Plugin::Pack(pack) => pack::run(global, pack),
        Plugin::Sign(args) => sign::run(global, args).await,
        Plugin::Publish(args) => publish::run(global, args).await,
        Plugin::Push { file, reference, registry } => registry::push(global, file, reference, registry).await,
        Plugin::Pull { reference, output, store, mirror, registry } => {
            let to = registry::To { file: output.as_deref(), store: store.as_deref(), mirrors: mirror };
            registry::pull(global, reference, &to, registry).await
        }
        Plugin::Add(args) => add::add(global, args).await,
        Plugin::Remove { name } => add::remove(global, name),
        Plugin::Sync(args) => sync::sync(global, args).await,
        Plugin::Update(args) => sync::update(global, args).await,
        Plugin::Search { words, from } => find::search(global, words, from).await,
        Plugin::Versions { name, from } => find::versions(global, name, from).await,
        Plugin::List => list(global).await,
        Plugin::Grants { name } => grants(global, name).await,
        Plugin::Limits { name } => limits(global, name).await,
        Plugin::Enable { name } => switch(global, name, "enable").await,
        Plugin::Disable { name } => switch(global, name, "disable").await,
        Plugin::Logs { name, follow } => logs(global, name, *follow).await,
    }
}

#[derive(Deserialize)]
struct List {
    plugins: Vec<PluginView>,
}

/// Every plugin of a host.
pub(crate) async fn all(client: &Client) -> Result<Vec<PluginView>, Failure> {
    Ok(client.get::<List>(&["plugins"], &[]).await?.plugins)
}

async fn list(global: &Global) -> Outcome {
    let plugins = all(&Client::new(global)?).await?;
    if global.json {
        return Ok(output::json(&json!({ "plugins": plugins }))?);
    }
    let rows = plugins.iter().map(|plugin| {
        let serving = plugin.serving.as_ref();
        [
            plugin.name.clone(),
            serving.map_or_else(|| plugin.world.clone().unwrap_or_default(), |s| s.kind.clone()),
            serving.map(|s| s.version.clone()).unwrap_or_default(),
            serving.and_then(|s| s.trust.as_ref()).map(|trust| trust.state.clone()).unwrap_or_default(),
            plugin.status.clone(),
        ]
    });
    output::table(["PLUGIN", "KIND", "VERSION", "TRUST", "STATUS"], rows);
    for plugin in plugins.iter().filter(|plugin| plugin.detail.is_some()) {
        output::note(format!("\n{}: {}", plugin.name, plugin.detail.as_deref().unwrap_or_default()));
    }
    Ok(())
}

async fn one(global: &Global, name: &str) -> Result<PluginView, Failure> {
    Client::new(global)?.get(&["plugins", name], &[]).await
}

async fn grants(global: &Global, name: &str) -> Outcome {
    let plugin = one(global, name).await?;
    let Some(serving) = &plugin.serving else {
        let detail = plugin.detail.unwrap_or_default();
        let message = format!("{name} is {}\n{detail}", plugin.status);
        return Err(Failure::new(Exit::Failed, message).code(format!("plugin-{}", plugin.status)));
    };
    if global.json {
        return Ok(output::json(&serving.grants)?);
    }
    let rows = serving.grants.iter().map(|grant| {
        let optional = if grant.optional { " (optional)" } else { "" };
        let requested = grant.requested.as_ref().map(|r| r.join("\n")).unwrap_or_default();
        let used: Vec<String> = grant.used.iter().map(ToString::to_string).collect();
        [format!("{}{optional}", grant.capability), requested, grant.granted.join("\n"), used.join("\n")]
    });
    output::table(["CAPABILITY", "REQUESTED", "GRANTED", "USED"], rows);
    Ok(())
}

async fn limits(global: &Global, name: &str) -> Outcome {
    let plugin = one(global, name).await?;
    let limits = plugin.serving.as_ref().map(|s| s.limits.clone()).unwrap_or_default();
    let hits = |cause: &str| Some(plugin.failures.get(cause).copied().unwrap_or(0));
    // The most that one call used, in the limit's own unit, and how often the limit was reached.
    let reached = |limit: &str| match limit {
        "memory" => (Some(plugin.peak_memory as f64), hits("memory")),
        "wall" => (Some(plugin.peak_wall_ms), hits("deadline")),
        "cpu" => (Some(plugin.peak_cpu_ms), hits("deadline")),
        "output" | "resources" => (None, hits("hostcall")),
        "log_lines_per_minute" => (None, Some(plugin.log_dropped)),
        "queue" => (None, Some(plugin.refused)),
        _ => (None, None),
    };
    if global.json {
        let rows: Vec<_> = limits
            .iter()
            .map(|(limit, LimitView { value, unit })| {
                let (peak, hits) = reached(limit);
                json!({ "limit": limit, "value": value, "unit": unit, "peak": peak, "hits": hits })
            })
            .collect();
        return Ok(output::json(&rows)?);
    }
    let human = |amount: f64, unit: LimitUnit| match unit {
        LimitUnit::Bytes => output::bytes(amount as u64),
        LimitUnit::Ms => output::millis(amount),
        LimitUnit::Count => amount.to_string(),
    };
    let rows = limits.iter().map(|(limit, LimitView { value, unit })| {
        let (peak, hits) = reached(limit);
        let peak = peak.map(|peak| human(peak, *unit)).unwrap_or_default();
        let hits = hits.map(|hits| hits.to_string()).unwrap_or_default();
        [limit.clone(), human(*value as f64, *unit), peak, hits]
    });
    output::table(["LIMIT", "VALUE", "PEAK", "HITS"], rows);
    Ok(())
}

async fn switch(global: &Global, name: &str, verb: &str) -> Outcome {
    let plugin: PluginView = Client::new(global)?.post(&["plugins", name, verb], &json!({})).await?;
    if global.json {
        return Ok(output::json(&plugin)?);
    }
    output::note(format!("{name} is {}", plugin.status));
    Ok(())
}

#[derive(Deserialize)]
struct Page {
    lines: Vec<LineView>,
}

async fn logs(global: &Global, name: &str, follow: bool) -> Outcome {
    let client = Client::new(global)?;
    if !follow {
        let page: Page = client.get(&["plugins", name, "logs"], &[]).await?;
        return page.lines.iter().try_for_each(|line| print(global, line));
    }
    client
        .lines(Method::GET, &["plugins", name, "logs", "stream"], None, |line| {
            match line.strip_prefix("data:") {
                Some(data) => print(global, &serde_json::from_str(data)?),
                None => Ok(()),
            }
        })
        .await
}

fn print(global: &Global, line: &LineView) -> Outcome {
    if global.json {
        output::json_line(line)?;
        return Ok(());
    }
    let fields: String = line.fields.iter().map(|(name, value)| format!(" {name}={value}")).collect();
    output::line(format!("{} {:<5} {:<6} {}{fields}", line.at, line.level, line.origin, line.message));
    Ok(())
}
