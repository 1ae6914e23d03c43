use proptest::prelude::*;

use super::*;

const NOW: u64 = 1_700_000_000;

fn of(status: u16, headers: &[(&str, &str)], body: &str) -> Error {
    error_for_status(status, &headers.iter().copied().collect(), body.as_bytes(), NOW)
}

#[test]
fn statuses_have_codes() {
    for (status, code, retryable) in [
        (302, "bad-response", false),
        (400, "remote-error", false),
        (401, "unauthorized", false),
        (403, "forbidden", false),
        (404, "not-found", false),
        (408, "timeout", true),
        (410, "not-found", false),
        (413, "too-large", false),
        (422, "remote-error", false),
        (425, "remote-error", true),
        (429, "rate-limited", true),
        (500, "remote-error", true),
        (501, "remote-error", false),
        (503, "remote-error", true),
        (599, "remote-error", true),
        (999, "bad-response", false),
    ] {
        let error = of(status, &[], "");
        assert_eq!((error.code.as_str(), error.retryable), (code, retryable), "{status}");
        assert!(error.message.contains(&status.to_string()));
    }
}

#[test]
fn a_forbidden_answer_may_be_a_rate_limit() {
    for (headers, code, wait) in [
        (
            &[("X-RateLimit-Remaining", "0"), ("X-RateLimit-Reset", "1700000060")][..],
            "rate-limited",
            Some(60),
        ),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "1699999999")], "rate-limited", Some(0)),
        (&[("RateLimit-Remaining", "0"), ("RateLimit-Reset", "30")], "rate-limited", Some(30)),
        (&[("ratelimit-remaining", "0")], "rate-limited", None),
        (&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "soon")], "rate-limited", None),
        (&[("x-ratelimit-remaining", "12"), ("x-ratelimit-reset", "1700000060")], "forbidden", None),
        (&[("Retry-After", "7")], "rate-limited", Some(7)),
    ] {
        let error = of(403, headers, "");
        assert_eq!((error.code.as_str(), error.retry_after), (code, wait), "{headers:?}");
    }
}

#[test]
fn waits_are_seconds_or_dates() {
    for (value, wait) in [
        ("120", Some(120)),
        ("Tue, 14 Nov 2023 22:15:20 GMT", Some(120)),
        ("Sun, 06 Nov 1994 08:49:37 GMT", Some(0)),
        ("99999999999", Some(u32::MAX)),
        ("-1", None),
        ("later", None),
        ("", None),
    ] {
        assert_eq!(of(429, &[("retry-after", value)], "").retry_after, wait, "{value}");
        assert_eq!(of(503, &[("retry-after", value)], "").retry_after, wait, "{value}");
    }
    assert_eq!(of(404, &[("retry-after", "120")], "").retry_after, None);
}

#[test]
fn the_remote_is_quoted_in_one_short_line() {
    let json = [("content-type", "application/json")];
    for (body, says) in [
        (r#"{"message":"Not Found","documentation_url":"x"}"#, ": Not Found"),
        (r#"{"errors":[{"detail":"crate `x` does not exist"}]}"#, ": crate `x` does not exist"),
        (
            r#"{"errors":[{"code":"DENIED","message":"requested access is denied"}]}"#,
            ": requested access is denied",
        ),
        (r#"{"error":{"message":"no"}}"#, ": no"),
        (r#"{"message":"a\u0007b\nc"}"#, ": a b c"),
        (r#"{"message":"bad token ghp_0123456789abcdefghijklmnop, sorry"}"#, ": bad token […] sorry"),
        (r#"{"count":1}"#, "Bad Request"),
    ] {
        let message = of(400, &json, body).message;
        assert!(message.ends_with(says), "{body}: {message}");
    }
    assert!(of(400, &[("content-type", "text/plain")], "\n go away \nx").message.ends_with(": go away"));
    assert!(of(400, &[("content-type", "text/html")], "<html>x").message.ends_with("Bad Request"));
    let long = format!(r#"{{"message":"{}"}}"#, "wört ".repeat(200));
    assert!(of(400, &json, &long).message.chars().count() < 250);
}

proptest! {
    #[test]
    fn any_answer_becomes_an_error(status in any::<u16>(), body in any::<Vec<u8>>(), value in any::<String>()) {
        let headers: Headers = [
            ("content-type", "text/plain"), ("retry-after", value.as_str()),
            ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", value.as_str()),
        ].into_iter().collect();
        let error = error_for_status(status, &headers, &body, NOW);
        prop_assert!(error.message.chars().count() < 300);
        prop_assert!(!error.message.contains(['\r', '\n']));
    }
}
