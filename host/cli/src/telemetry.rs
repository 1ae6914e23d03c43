//! Logs of the host, to standard error.

use std::io::IsTerminal as _;

use tracing_subscriber::EnvFilter;
use waystation_server::config::{LogFormat, Telemetry};

use crate::exit::{Exit, Failure};

/// Starts logging as configured; `-v` and `-vv` say more.
pub(crate) fn start(telemetry: &Telemetry, verbose: u8) -> Result<(), Failure> {
    if telemetry.otlp_endpoint.is_some() {
        let message = "telemetry.otlp_endpoint is set, but this build cannot send OTLP; remove the key";
        return Err(Failure::new(Exit::Config, message));
    }
    let filter = match verbose {
        0 => telemetry.log.to_string(),
        1 => "info,waystation=debug".to_owned(),
        _ => "debug".to_owned(),
    };
    let filter =
        EnvFilter::try_new(filter).map_err(|e| Failure::new(Exit::Config, format!("telemetry.log: {e}")))?;
    let logs = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let started = match telemetry.log_format {
        LogFormat::Json => logs.json().try_init(),
        LogFormat::Text => logs.try_init(),
    };
    started.map_err(|e| Failure::new(Exit::Failed, e.to_string()))
}
