//! What the host tells of itself: logs to standard error, and traces over OTLP where they are asked for.

mod collector;
mod traces;

use std::io::IsTerminal as _;

use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Layer as _, Registry};
use waystation_server::config::{Config, LogFormat};

use crate::exit::{Exit, Failure};
use traces::Traces;

/// Lasts as long as the host; [`Telemetry::end`] sends what is not sent yet.
#[must_use]
pub(crate) struct Telemetry {
    traces: Option<Traces>,
}

/// Starts logging as configured; `-v` and `-vv` say more. With `telemetry.otlp_endpoint`, starts traces.
pub(crate) fn start(config: &Config, verbose: u8) -> Result<Telemetry, Failure> {
    let filter = match verbose {
        0 => config.telemetry.log.to_string(),
        1 => "info,waystation=debug".to_owned(),
        _ => "debug".to_owned(),
    };
    let filter =
        EnvFilter::try_new(filter).map_err(|e| Failure::new(Exit::Config, format!("telemetry.log: {e}")))?;
    let logs = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let logs = match config.telemetry.log_format {
        LogFormat::Json => logs.json().with_filter(filter).boxed(),
        LogFormat::Text => logs.with_filter(filter).boxed(),
    };
    let traces = config.telemetry.otlp_endpoint.as_ref().map(|url| Traces::start(url.as_url(), config));
    let traces = traces.transpose()?;
    Registry::default()
        .with(logs)
        .with(traces.as_ref().map(Traces::layer))
        .try_init()
        .map_err(|e| Failure::new(Exit::Failed, e.to_string()))?;
    Ok(Telemetry { traces })
}

impl Telemetry {
    /// Sends what is not sent yet, for as long as a deadline allows.
    pub(crate) async fn end(self) {
        if let Some(traces) = self.traces {
            traces.end().await;
        }
    }
}
