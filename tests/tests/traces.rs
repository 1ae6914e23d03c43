//! Traces over OTLP: what a collector hears, and what happens without one.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use anyhow::{Context as _, Result};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyValue;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message as _;
use serde_json::json;
use waystation_tests::api::text;
use waystation_tests::settings::{documents, item};
use waystation_tests::{Folder, Host, Reply, StandIn, until};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const PARENT: &str = "00f067aa0ba902b7";
const REQUEST: &str = "a-request-of-a-test";

fn spans(collector: &StandIn) -> Result<Vec<Span>> {
    let mut spans = Vec::new();
    for seen in collector.seen_at("/v1/traces") {
        assert_eq!((seen.method.as_str(), seen.header("content-type")), ("POST", "application/x-protobuf"));
        let batch = ExportTraceServiceRequest::decode(seen.body.as_slice())?;
        for resource in batch.resource_spans {
            let about = resource.resource.context("no resource")?;
            assert!(about.attributes.iter().any(|a| a.key == "service.name"), "{about:?}");
            spans.extend(resource.scope_spans.into_iter().flat_map(|scope| scope.spans));
        }
    }
    Ok(spans)
}

fn attribute<'s>(span: &'s Span, key: &str) -> &'s str {
    let found = span.attributes.iter().find(|attribute| attribute.key == key);
    match found.and_then(|attribute| attribute.value.as_ref()?.value.as_ref()) {
        Some(AnyValue::StringValue(text)) => text,
        _ => "",
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[tokio::test]
async fn a_collector_hears_of_requests_and_plugin_calls_and_of_no_secret() -> Result<()> {
    let (site, collector) = (StandIn::start().await?, StandIn::start().await?);
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    site.on("/broken", Reply::body("no JSON"));
    collector.on("/v1/traces", Reply::status(200));
    let toml = format!(
        "{}{}{}\n[telemetry]\nlog = \"error\"\notlp_endpoint = \"{}\"\n",
        documents(&[&site.origin()])?,
        item("good", &site.url("/v")),
        item("bad", &site.url("/broken")),
        collector.origin()
    );
    let folder = Folder::new(&toml)?;
    let host = Host::start(&folder).await?;
    let request = host
        .api
        .request(reqwest::Method::POST, "/api/v1/checks")
        .header("x-request-id", REQUEST)
        .header("traceparent", format!("00-{TRACE}-{PARENT}-00"))
        .json(&json!({}));
    assert_eq!(host.api.send(request).await?.status, 200);
    let token = host.api.token().to_owned();
    // What was not sent yet is sent before the host ends.
    host.stop().await?;

    let spans = spans(&collector)?;
    let request =
        spans.iter().find(|span| attribute(span, "id") == REQUEST).context("no span of the request")?;
    assert_eq!(request.name, "request");
    assert_eq!((hex(&request.trace_id), hex(&request.parent_span_id)), (TRACE.to_owned(), PARENT.to_owned()));
    assert_eq!(attribute(request, "path"), "/api/v1/checks");
    let calls: Vec<&Span> = spans.iter().filter(|span| span.name == "plugin-call").collect();
    let named = |function: &str| {
        calls.iter().any(|call| {
            (attribute(call, "plugin"), attribute(call, "world"), attribute(call, "function"))
                == ("documents", "update-source", function)
        })
    };
    assert!(named("releases") || named("releases-batch"), "{calls:?}");
    assert!(calls.iter().any(|call| attribute(call, "cause") == "plugin-error"), "{calls:?}");
    assert!(
        spans.iter().any(|span| span.name == "plugin-call" && hex(&span.trace_id) == TRACE),
        "no call belongs to the request: {calls:?}"
    );
    let all = format!("{spans:?}");
    for word in [token.as_str(), "authorization", "Bearer"] {
        assert!(!all.contains(word), "{word} is in {all}");
    }
    Ok(())
}

#[tokio::test]
async fn without_its_collector_a_host_works_and_says_so_once() -> Result<()> {
    let site = StandIn::start().await?;
    site.on("/v", Reply::json(&json!(["1.0.0"])));
    // A port that was free a moment ago.
    let nobody = StandIn::start().await?.origin();
    let toml = format!(
        "{}{}\n[telemetry]\notlp_endpoint = \"{nobody}\"\n",
        documents(&[&site.origin()])?,
        item("good", &site.url("/v")),
    );
    let folder = Folder::new(&toml)?.env("OTEL_BSP_SCHEDULE_DELAY", "50");
    let host = Host::start(&folder).await?;
    assert_eq!(text(&host.api.checked("good").await?, "latest"), "1.0.0");
    let told = "takes no traces";
    until("the host says that its collector is away", async || {
        host.api.check(&["good"]).await?;
        Ok(host.log()?.contains(told).then_some(()))
    })
    .await?;
    for _ in 0..10 {
        host.api.check(&["good"]).await?;
    }
    let log = host.log()?;
    assert_eq!(log.matches(told).count(), 1, "{log}");
    host.stop().await
}
