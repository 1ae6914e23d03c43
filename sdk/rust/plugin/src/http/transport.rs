//! What the host's transport errors mean for the caller: a function of values.

use crate::Error;
use crate::bindings::wasi::http::types::{ErrorCode, HeaderError};

/// The error for a request to `place` that got no answer.
pub(super) fn error(code: ErrorCode, place: &str) -> Error {
    let (make, why): (fn(String) -> Error, String) = match code {
        ErrorCode::HttpRequestDenied => {
            (Error::denied, "the host refuses this request; see the plugin's grants".into())
        }
        ErrorCode::DestinationIpProhibited => {
            (Error::denied, "the host refuses the address that the name stands for".into())
        }
        ErrorCode::DnsTimeout => (Error::timeout, "the name was not resolved in time".into()),
        ErrorCode::DnsError(payload) => {
            (Error::unreachable, format!("the name does not resolve{}", detail(payload.rcode)))
        }
        ErrorCode::DestinationNotFound => (Error::unreachable, "there is no such destination".into()),
        ErrorCode::DestinationUnavailable => (Error::unreachable, "the destination is not available".into()),
        ErrorCode::DestinationIpUnroutable => (Error::unreachable, "no route leads to the address".into()),
        ErrorCode::ConnectionRefused => (Error::unreachable, "the connection was refused".into()),
        ErrorCode::ConnectionTerminated => (Error::unreachable, "the connection broke".into()),
        ErrorCode::ConnectionLimitReached => (Error::unreachable, "too many connections are open".into()),
        ErrorCode::HttpResponseIncomplete => (Error::unreachable, "the answer broke off".into()),
        ErrorCode::ConnectionTimeout => (Error::timeout, "no connection in time".into()),
        ErrorCode::ConnectionReadTimeout => (Error::timeout, "nothing came in time".into()),
        ErrorCode::ConnectionWriteTimeout => (Error::timeout, "nothing could be sent in time".into()),
        ErrorCode::HttpResponseTimeout => (Error::timeout, "no answer in time".into()),
        ErrorCode::TlsProtocolError => (not_retried, "TLS could not be agreed on".into()),
        ErrorCode::TlsCertificateError => (not_retried, "its certificate is not trusted".into()),
        ErrorCode::TlsAlertReceived(alert) => {
            (not_retried, format!("it ended TLS with an alert{}", detail(alert.alert_message)))
        }
        ErrorCode::HttpRequestBodySize(_) => (Error::too_large, "the content sent is over a limit".into()),
        ErrorCode::HttpResponseBodySize(size) => (
            Error::too_large,
            format!("the answer is over a limit{}", detail(size.map(|s| format!("{s} bytes")))),
        ),
        ErrorCode::HttpResponseHeaderSectionSize(_)
        | ErrorCode::HttpResponseHeaderSize(_)
        | ErrorCode::HttpResponseTrailerSectionSize(_)
        | ErrorCode::HttpResponseTrailerSize(_) => {
            (Error::too_large, "the answer's header is over a limit".into())
        }
        ErrorCode::HttpRequestLengthRequired
        | ErrorCode::HttpRequestMethodInvalid
        | ErrorCode::HttpRequestUriInvalid
        | ErrorCode::HttpRequestUriTooLong
        | ErrorCode::HttpRequestHeaderSectionSize(_)
        | ErrorCode::HttpRequestHeaderSize(_)
        | ErrorCode::HttpRequestTrailerSectionSize(_)
        | ErrorCode::HttpRequestTrailerSize(_) => {
            (Error::bad_input, "the request does not fit into HTTP".into())
        }
        ErrorCode::HttpResponseTransferCoding(coding) | ErrorCode::HttpResponseContentCoding(coding) => {
            (Error::bad_response, format!("the answer's coding is unknown{}", detail(coding)))
        }
        ErrorCode::HttpUpgradeFailed => (Error::bad_response, "the protocol was not changed as asked".into()),
        ErrorCode::HttpProtocolError => (Error::remote, "the answer is not proper HTTP".into()),
        ErrorCode::LoopDetected => (Error::bad_response, "the request goes round in circles".into()),
        ErrorCode::ConfigurationError => {
            (Error::bad_config, "the host's HTTP is not configured for it".into())
        }
        ErrorCode::InternalError(Some(why)) => return from_text(&why, place),
        ErrorCode::InternalError(None) => {
            (Error::remote, "the host could not do it and does not say why".into())
        }
    };
    make(format!("{place}: {why}"))
}

/// Header fields that the host does not take.
pub(super) fn header_error(error: HeaderError, place: &str) -> Error {
    match error {
        HeaderError::Forbidden => {
            Error::denied(format!("{place}: the host refuses a header field of this request"))
        }
        HeaderError::InvalidSyntax | HeaderError::Immutable => {
            Error::bad_input(format!("{place}: a header field of this request is not valid"))
        }
    }
}

/// The host's own sentence. One that starts with the word of a code (`denied: …`) means that code.
fn from_text(text: &str, place: &str) -> Error {
    let shown: String = text.chars().filter(|c| !c.is_control()).take(300).collect();
    let (make, why): (fn(String) -> Error, &str) = match shown.split_once(':') {
        Some(("denied", why)) => (Error::denied, why),
        Some(("timeout", why)) => (Error::timeout, why),
        Some(("unreachable", why)) => (Error::unreachable, why),
        Some(("too-large", why)) => (Error::too_large, why),
        _ => (Error::remote, &shown),
    };
    make(format!("{place}: {}", why.trim()))
}

/// Somebody must repair a trust root or a certificate first.
fn not_retried(message: String) -> Error {
    Error::unreachable(message).retryable(false)
}

fn detail(text: Option<String>) -> String {
    text.filter(|text| !text.is_empty()).map(|text| format!(" ({text})")).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bindings::wasi::http::types::DnsErrorPayload;

    #[test]
    fn transport_errors_have_codes() {
        let dns = || ErrorCode::DnsError(DnsErrorPayload { rcode: Some("NXDOMAIN".into()), info_code: None });
        let internal = |text: &str| ErrorCode::InternalError(Some(text.into()));
        for (given, code, retryable) in [
            (ErrorCode::HttpRequestDenied, "denied", false),
            (ErrorCode::DestinationIpProhibited, "denied", false),
            (internal("denied: no grant for https://a.example"), "denied", false),
            (internal("hyper failed"), "remote-error", true),
            (ErrorCode::InternalError(None), "remote-error", true),
            (dns(), "unreachable", true),
            (ErrorCode::ConnectionRefused, "unreachable", true),
            (ErrorCode::ConnectionTerminated, "unreachable", true),
            (ErrorCode::TlsCertificateError, "unreachable", false),
            (ErrorCode::DnsTimeout, "timeout", true),
            (ErrorCode::HttpResponseTimeout, "timeout", true),
            (ErrorCode::HttpResponseBodySize(Some(9)), "too-large", false),
            (ErrorCode::HttpRequestUriInvalid, "bad-input", false),
        ] {
            let error = error(given, "https://a.example/x");
            assert_eq!((error.code.as_str(), error.retryable), (code, retryable), "{error}");
            assert!(error.message.starts_with("https://a.example/x: "), "{error}");
        }
        assert!(error(dns(), "x").message.contains("NXDOMAIN"));
        assert_eq!(error(internal("denied: no grant"), "x").message, "x: no grant");
    }
}
