//! Spans of requests and of plugin calls, sent in batches from a thread of their own.
//!
//! Only spans of our own crates are sent, and of those names, causes and ids: no log line, no header, no value of the
//! configuration. When the collector does not keep up or is not there, spans are dropped; nothing waits for it.

use std::time::Duration;

use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{Sampler, SdkTracerProvider};
use tracing::Subscriber;
use tracing::level_filters::LevelFilter;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::registry::LookupSpan;
use url::Url;
use waystation_egress::Roots;
use waystation_server::config::Config;

use super::collector::{self, Collector};
use crate::exit::{Exit, Failure};

/// How long the last spans may take to be sent when the host stops.
const FLUSH: Duration = Duration::from_secs(5);

pub(super) struct Traces {
    provider: SdkTracerProvider,
}

impl Traces {
    /// Starts the thread that sends. Must be called within the runtime that the connections live on.
    pub(super) fn start(base: &Url, config: &Config) -> Result<Self, Failure> {
        let wrong = |e: String| Failure::new(Exit::Config, format!("telemetry.otlp_endpoint: {e}"));
        let roots = Roots::load(config.egress.ca_file.as_deref()).map_err(|e| wrong(e.to_string()))?;
        let collector = Collector::new(base, &roots).map_err(|e| wrong(e.to_string()))?;
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(collector)
            .with_protocol(Protocol::HttpBinary)
            .with_endpoint(endpoint(base))
            .with_timeout(collector::DEADLINE)
            .build()
            .map_err(|e| wrong(e.to_string()))?;
        let resource = Resource::builder_empty()
            .with_service_name("waystation")
            .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
            .build();
        // A client that says that its trace is not sampled has no say in whether ours is.
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_sampler(Sampler::AlwaysOn)
            .with_resource(resource)
            .build();
        Ok(Self { provider })
    }

    /// What hears of spans.
    pub(super) fn layer<S>(&self) -> impl Layer<S> + use<S>
    where
        S: Subscriber + for<'span> LookupSpan<'span>,
    {
        let ours = filter_fn(|metadata| {
            metadata.is_span()
                && *metadata.level() <= LevelFilter::INFO
                && metadata.target().starts_with("waystation")
        });
        tracing_opentelemetry::layer()
            .with_tracer(self.provider.tracer("waystation"))
            .with_location(false)
            .with_threads(false)
            .with_tracked_inactivity(false)
            .with_filter(ours)
    }

    pub(super) async fn end(self) {
        // It blocks, and its connection needs the threads of this runtime.
        let flushed = tokio::task::spawn_blocking(move || self.provider.shutdown_with_timeout(FLUSH)).await;
        if !matches!(flushed, Ok(Ok(()))) {
            tracing::warn!(deadline_s = FLUSH.as_secs(), "the last traces were not sent");
        }
    }
}

/// Where traces go below the base URL, as the specification of OTLP/HTTP has it.
fn endpoint(base: &Url) -> String {
    let base = base.as_str().trim_end_matches('/');
    if base.ends_with("/v1/traces") { base.to_owned() } else { format!("{base}/v1/traces") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn traces_go_below_the_base() {
        for (base, endpoint_) in [
            ("http://c.example:4318", "http://c.example:4318/v1/traces"),
            ("http://c.example:4318/", "http://c.example:4318/v1/traces"),
            ("https://c.example/otlp", "https://c.example/otlp/v1/traces"),
            ("https://c.example/v1/traces", "https://c.example/v1/traces"),
        ] {
            assert_eq!(endpoint(&Url::parse(base).unwrap()), endpoint_, "{base}");
        }
    }
}
