//! `waystation serve`

use std::io::IsTerminal as _;

use tokio::signal::unix::{SignalKind, signal};
use waystation_server::Host;
use waystation_server::config::Config;
use waystation_server::plugins::Loading;

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::{address, config, output, telemetry};

pub(crate) async fn run(global: &Global) -> Outcome {
    let config = config::load(global)?;
    let telemetry = telemetry::start(&config, global.verbose)?;
    let served = match open(config).await {
        Ok(host) => serve(global, &host).await,
        Err(failure) => Err(failure),
    };
    telemetry.end().await;
    served
}

/// Opens a host and says how its plugins fare.
pub(crate) async fn open(config: Config) -> Result<Host, Failure> {
    let progress = |step: Loading| match step {
        Loading::Compiling(name) => tracing::info!(plugin = name, "compiling plugin; this is done once"),
        Loading::Done(name, Ok(())) => tracing::info!(plugin = name, "plugin serves"),
        Loading::Done(name, Err(e)) => {
            tracing::warn!(plugin = name, code = e.code(), "plugin does not serve: {e}");
        }
    };
    Host::open(config, config::environment(), &progress)
        .await
        .map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))
}

/// Serves until a signal comes, then stops in order.
pub(crate) async fn serve(global: &Global, host: &Host) -> Outcome {
    // Before anything is announced, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let address = host.serve().await.map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code()))?;
    let data = &host.config().server.data_dir;
    let unwritable = |e| Failure::new(Exit::Failed, format!("cannot write to {}: {e}", data.display()));
    let announced = address::announce(data, &address.to_string()).map_err(|e| unwritable(e).code("io"))?;
    announce(global, host, &address.to_string())?;
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    tracing::info!("stopping");
    host.shut_down().await;
    drop(announced);
    Ok(())
}

fn announce(global: &Global, host: &Host, address: &str) -> Outcome {
    let scheme = if host.pki().speaks_tls() { "https" } else { "http" };
    if global.json {
        let about = serde_json::json!({
            "url": format!("{scheme}://{address}"),
            "owner_link_file": host.owner_link().map(waystation_server::OwnerLink::file),
        });
        return Ok(output::json(&about)?);
    }
    output::note(format!("Waystation serves at {scheme}://{address}/api/v1"));
    if let Some(link) = host.owner_link() {
        // A person at a terminal gets the link. What is no terminal is a log, and a log is no place for a secret.
        let shown = if std::io::stderr().is_terminal() {
            format!("{scheme}://{address}/welcome#{}", link.reveal())
        } else {
            format!("in {}", link.file().display())
        };
        output::note(format!("Nobody owns this host yet. The link to become its owner, once: {shown}"));
        output::note("Here: waystation welcome --name YOU");
    }
    Ok(())
}
