//! The trace that a request belongs to, as its client says: W3C Trace Context, level 1, the header `traceparent`.

use http::HeaderMap;
use opentelemetry::Context;
use opentelemetry::trace::{SpanContext, SpanId, TraceContextExt as _, TraceFlags, TraceId, TraceState};

/// The client's span; none where there is no header, several, or one that does not read.
pub(crate) fn parent(headers: &HeaderMap) -> Option<Context> {
    let mut values = headers.get_all("traceparent").into_iter();
    match (values.next(), values.next()) {
        (Some(only), None) => Some(Context::new().with_remote_span_context(read(only.to_str().ok()?)?)),
        _ => None,
    }
}

/// `00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01`
fn read(text: &str) -> Option<SpanContext> {
    let mut parts = text.split('-');
    let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
    // A later version may have more parts; version 00 has none.
    let ends = version != "00" || parts.next().is_none();
    let sound = [(version, 2), (trace, 32), (span, 16), (flags, 2)].iter().all(|(part, length)| {
        part.len() == *length && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'))
    });
    if !ends || !sound || version == "ff" {
        return None;
    }
    let flags = TraceFlags::new(u8::from_str_radix(flags, 16).ok()? & TraceFlags::SAMPLED.to_u8());
    let (trace, span) = (TraceId::from_hex(trace).ok()?, SpanId::from_hex(span).ok()?);
    let context = SpanContext::new(trace, span, flags, true, TraceState::default());
    context.is_valid().then_some(context)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_trace_is_none() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        let read_well = read(good).unwrap();
        assert_eq!(read_well.trace_id().to_string(), "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(read_well.span_id().to_string(), "00f067aa0ba902b7");
        assert!(read_well.is_sampled() && read_well.is_remote());
        assert!(read("cc-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more").is_some());
        for bad in [
            "",
            "00",
            "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-more",
            "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
            "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
            "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-0g",
            "00-4bf92f3577b34da6a3ce929d0e0e4736-+0f067aa0ba902b7-01",
        ] {
            assert!(read(bad).is_none(), "{bad}");
        }
    }

    #[test]
    fn one_header_counts_and_two_do_not() {
        let good =
            "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01".parse::<http::HeaderValue>().unwrap();
        let mut headers = HeaderMap::new();
        assert!(parent(&headers).is_none());
        headers.append("traceparent", good.clone());
        assert!(parent(&headers).is_some());
        headers.append("traceparent", good);
        assert!(parent(&headers).is_none());
    }
}
