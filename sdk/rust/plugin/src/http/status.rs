//! What an HTTP status means for the caller: a function of values.

use serde_json::Value;

use super::Headers;
use crate::Error;
use crate::time::parse_http_date;

/// The error for an answer whose status is not a success.
///
/// 401 is `unauthorized`; 403 `forbidden`, or `rate-limited` where the remote says that no requests
/// are left or when to come back; 404 and 410 `not-found`; 408 `timeout`; 413 `too-large`; 429
/// `rate-limited`; 5xx `remote-error`, retryable but for 501 and 505; other 4xx `remote-error`; anything
/// else `bad-response`. `now` is the wall clock in seconds, for answers that name a date. The remote's
/// own sentence is quoted, shortened, with long opaque words left out.
#[must_use]
pub fn error_for_status(status: u16, headers: &Headers, body: &[u8], now: u64) -> Error {
    error(status, headers, body, || now)
}

/// As [`error_for_status`]; reads the clock only where a date needs it.
pub(super) fn error(status: u16, headers: &Headers, body: &[u8], now: impl FnOnce() -> u64) -> Error {
    let said = quote(headers, body).map(|said| format!(": {said}")).unwrap_or_default();
    let message = format!("the remote answered {status} {}{said}", reason(status));
    let limited =
        status == 429 || (status == 403 && (exhausted(headers) || headers.get("retry-after").is_some()));
    let wait = if limited || matches!(status, 408 | 425 | 500..=599) { wait(headers, now) } else { None };
    let error = match status {
        _ if limited => Error::rate_limited(message, wait),
        401 => Error::unauthorized(message),
        403 => Error::forbidden(message),
        404 | 410 => Error::not_found(message),
        408 => Error::timeout(message),
        413 => Error::too_large(message),
        425 => Error::remote(message),
        501 | 505 => Error::remote(message).retryable(false),
        500..=599 => Error::remote(message),
        400..=499 => Error::remote(message).retryable(false),
        _ => Error::bad_response(message),
    };
    error.retry_after(wait).with("http-status", status.to_string())
}

fn exhausted(headers: &Headers) -> bool {
    ["x-ratelimit-remaining", "ratelimit-remaining"]
        .into_iter()
        .any(|name| headers.get(name).is_some_and(|left| left.trim() == "0"))
}

/// Seconds until the remote wants to be asked again: `Retry-After` as seconds or date (RFC 9110,
/// 10.2.3), else the reset field beside an exhausted limit, which is an epoch time or a delay.
fn wait(headers: &Headers, now: impl FnOnce() -> u64) -> Option<u32> {
    /// No remote means a delay of more than 30 years: such a number is a point in time.
    const EPOCH: u64 = 1_000_000_000;
    let clamp = |seconds: u64| u32::try_from(seconds).unwrap_or(u32::MAX);
    if let Some(value) = headers.get("retry-after").map(str::trim) {
        if let Ok(seconds) = value.parse::<u64>() {
            return Some(clamp(seconds));
        }
        if let Some(date) = parse_http_date(value) {
            return Some(clamp(date.saturating_sub(now())));
        }
    }
    if !exhausted(headers) {
        return None;
    }
    let reset = ["x-ratelimit-reset", "ratelimit-reset"].into_iter().find_map(|name| headers.get(name))?;
    // Some remotes write the moment with a fraction.
    let whole = reset.trim().split_once('.').map_or(reset.trim(), |(whole, _)| whole);
    let reset = whole.parse::<u64>().ok()?;
    Some(clamp(if reset >= EPOCH { reset.saturating_sub(now()) } else { reset }))
}

/// The remote's own words: a JSON document's usual fields, or the first line of plain text.
fn quote(headers: &Headers, body: &[u8]) -> Option<String> {
    let kind = headers.get("content-type").unwrap_or_default().to_ascii_lowercase();
    let said = match serde_json::from_slice::<Value>(body) {
        Ok(document) => sentence(&document)?,
        Err(_) if kind.starts_with("text/plain") => {
            String::from_utf8_lossy(body).lines().map(str::trim).find(|line| !line.is_empty())?.to_owned()
        }
        Err(_) => return None,
    };
    let said = tidy(&said);
    (!said.is_empty()).then_some(said)
}

fn sentence(document: &Value) -> Option<String> {
    match document {
        Value::String(text) => Some(text.clone()),
        Value::Array(list) => list.first().and_then(sentence),
        Value::Object(object) => {
            ["message", "error_description", "detail", "title", "error", "errors", "reason"]
                .into_iter()
                .filter_map(|name| object.get(name))
                .find_map(sentence)
        }
        _ => None,
    }
}

/// One line of at most 200 characters; a word that could be a token is left out.
fn tidy(text: &str) -> String {
    let opaque = |word: &str| {
        word.len() >= 24
            && word.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-+/=.~".contains(&b))
            && word.bytes().any(|b| b.is_ascii_digit())
    };
    let plain: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> = plain
        .split_whitespace()
        .map(|word| {
            if opaque(word.trim_matches(['"', '\'', '`', ',', '.', ':', '(', ')'])) { "[…]" } else { word }
        })
        .collect();
    let line = words.join(" ");
    if line.chars().count() <= 200 {
        return line;
    }
    line.chars().take(199).chain(['…']).collect()
}

fn reason(status: u16) -> &'static str {
    match status {
        300..=399 => "(a redirect that was not followed)",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        406 => "Not Acceptable",
        408 => "Request Timeout",
        410 => "Gone",
        412 => "Precondition Failed",
        413 => "Content Too Large",
        415 => "Unsupported Media Type",
        422 => "Unprocessable Content",
        429 => "Too Many Requests",
        451 => "Unavailable For Legal Reasons",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ if (400..500).contains(&status) => "(a client error)",
        _ if (500..600).contains(&status) => "(a server error)",
        _ => "(not a status of HTTP)",
    }
}

#[cfg(test)]
#[path = "status_tests.rs"]
mod tests;
