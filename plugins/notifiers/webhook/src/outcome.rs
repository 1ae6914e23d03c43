//! What an answer means for the delivery.

use waystation_notifier::plugin::Error;
use waystation_notifier::plugin::http::{Headers, error_for_status};

/// Nothing if the receiver took the message, or why not.
///
/// 2xx is the only yes. A redirect is a mistake in the channel: following it would send the message, and
/// its signature, to a place nobody named. After 410 the channel should be removed. Worth another attempt
/// are 408, 409, 425, 429 and 5xx (but 501 and 505), after the pause that the receiver asks for.
pub(crate) fn of(status: u16, headers: &Headers, body: &[u8], now: u64) -> Result<(), Error> {
    let told = |error: Error| error.with("http-status", status.to_string());
    match status {
        200..=299 => Ok(()),
        300..=399 => Err(told(Error::bad_response(format!(
            "the webhook answered {status}, a redirect, and those are not followed; set `url` to where it leads"
        )))),
        410 => Err(told(Error::not_found(
            "the webhook answered 410: it is gone for good; remove the channel or set another `url`",
        ))),
        409 => Err(error_for_status(status, headers, body, now).retryable(true)),
        _ => Err(error_for_status(status, headers, body, now)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_status_has_its_meaning() {
        for (status, code, retryable) in [
            (300, "bad-response", false),
            (301, "bad-response", false),
            (304, "bad-response", false),
            (308, "bad-response", false),
            (400, "remote-error", false),
            (401, "unauthorized", false),
            (404, "not-found", false),
            (408, "timeout", true),
            (409, "remote-error", true),
            (410, "not-found", false),
            (413, "too-large", false),
            (429, "rate-limited", true),
            (500, "remote-error", true),
            (503, "remote-error", true),
            (100, "bad-response", false),
            (0, "bad-response", false),
        ] {
            let error = of(status, &Headers::new(), b"", 0).unwrap_err();
            assert_eq!((error.code.as_str(), error.retryable), (code, retryable), "{status}");
            assert!(error.extra.contains(&("http-status".into(), status.to_string())), "{status}");
        }
        for status in [200, 202, 204, 299] {
            assert!(of(status, &Headers::new(), b"", 0).is_ok());
        }
    }

    #[test]
    fn a_pause_is_kept() {
        for status in [429, 503] {
            let headers: Headers = [("Retry-After", "120")].into_iter().collect();
            assert_eq!(of(status, &headers, b"", 0).unwrap_err().retry_after, Some(120));
        }
    }

    proptest::proptest! {
        #[test]
        fn no_answer_makes_it_panic(status: u16, pause in ".*", body: Vec<u8>, now: u64) {
            let headers: Headers = [("retry-after", pause.as_str())].into_iter().collect();
            proptest::prop_assert_eq!(of(status, &headers, &body, now).is_ok(), (200..300).contains(&status));
        }
    }
}
