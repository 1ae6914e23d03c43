//! Header fields: which a plugin may never set, which need a grant, and how large a head may be. Pure.

use http::header::{
    self, CONNECTION, CONTENT_LENGTH, COOKIE, EXPECT, HOST, HeaderMap, HeaderName, HeaderValue, TE, TRAILER,
    TRANSFER_ENCODING, UPGRADE,
};

/// The request header by which a plugin names a credential. The host removes it.
pub const CREDENTIAL: HeaderName = HeaderName::from_static("waystation-credential");

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");

/// Sensitive names that no rule of [`sensitive`] covers.
const SENSITIVE: &[&str] =
    &["cookie2", "x-api-key", "api-key", "apikey", "x-apikey", "dd-application-key", "x-auth"];

/// How a name ends that carries a secret: `private-token`, `job-token`, `x-goog-api-key` …
const SENSITIVE_ENDS: &[&str] =
    &["authorization", "-token", "-api-key", "-apikey", "-secret", "-password", "-auth-key"];

/// Whether no grant lets a plugin set this field: it names the host (`host`), belongs to the connection
/// and not to the message (RFC 9110 7.6.1), or changes how the message is framed or when it is sent.
#[must_use]
pub fn forbidden(name: &HeaderName) -> bool {
    [HOST, CONNECTION, KEEP_ALIVE, TE, TRAILER, TRANSFER_ENCODING, UPGRADE, EXPECT, HTTP2_SETTINGS]
        .contains(name)
        || *name == CREDENTIAL
        || name.as_str().starts_with("proxy-")
}

/// Whether a plugin needs a grant to set this field: it authenticates, so its value is a secret that the
/// plugin should not hold. A credential is the better way.
#[must_use]
pub fn sensitive(name: &HeaderName) -> bool {
    *name == COOKIE
        || SENSITIVE.contains(&name.as_str())
        || SENSITIVE_ENDS.iter().any(|end| name.as_str().ends_with(end))
}

/// Bytes and fields of a head as they count against [`crate::HttpLimits`]: name, value, and four for the
/// colon, the space and the end of the line.
#[must_use]
pub fn size(headers: &HeaderMap) -> (usize, usize) {
    let bytes = headers.iter().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    (bytes, headers.len())
}

/// Takes out of a response what belongs to the connection it came by: the known fields, and those that
/// `connection` names.
pub(crate) fn strip_hop_by_hop(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        // A server cannot have the length or the meaning of its message taken away.
        .filter(|name| ![CONTENT_LENGTH, header::CONTENT_TYPE, header::CONTENT_ENCODING].contains(name))
        .collect();
    for name in named {
        headers.remove(name);
    }
    let known: Vec<HeaderName> = headers.keys().filter(|name| forbidden(name)).cloned().collect();
    for name in known {
        headers.remove(name);
    }
}

/// The length that a request announces: one `content-length` that is a plain number, or none.
pub(crate) fn announced_length(headers: &HeaderMap) -> Result<Option<u64>, &'static str> {
    let mut values = headers.get_all(CONTENT_LENGTH).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(_), Some(_)) => Err("it has more than one content-length"),
        (Some(value), None) => parse_length(value).map(Some).ok_or("its content-length is not a number"),
    }
}

fn parse_length(value: &HeaderValue) -> Option<u64> {
    let text = value.to_str().ok()?;
    // `u64::from_str` takes a leading plus sign, HTTP does not.
    if text.bytes().all(|b| b.is_ascii_digit()) { text.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(given: &str) -> HeaderName {
        given.parse().unwrap()
    }

    #[test]
    fn framing_and_hop_by_hop_fields_are_never_the_plugins() {
        for given in [
            "Host",
            "Connection",
            "Keep-Alive",
            "Proxy-Authorization",
            "Proxy-Authenticate",
            "Proxy-Connection",
            "proxy-anything",
            "TE",
            "Trailer",
            "Transfer-Encoding",
            "Upgrade",
            "Expect",
            "HTTP2-Settings",
            "Waystation-Credential",
        ] {
            assert!(forbidden(&name(given)), "{given}");
        }
        for given in
            ["accept", "user-agent", "content-type", "content-length", "if-none-match", "authorization"]
        {
            assert!(!forbidden(&name(given)), "{given}");
        }
    }

    #[test]
    fn fields_that_authenticate_are_sensitive() {
        for given in [
            "Authorization",
            "Cookie",
            "X-Api-Key",
            "Private-Token",
            "Job-Token",
            "Deploy-Token",
            "X-Auth-Token",
            "X-Vault-Token",
            "X-Amz-Security-Token",
            "x-goog-api-key",
            "X-Forwarded-Authorization",
            "client-secret",
        ] {
            assert!(sensitive(&name(given)), "{given}");
        }
        for given in ["accept", "idempotency-key", "x-github-api-version", "etag", "x-request-id"] {
            assert!(!sensitive(&name(given)), "{given}");
        }
    }

    #[test]
    fn a_response_loses_what_belongs_to_its_connection() {
        let mut headers = HeaderMap::new();
        for (field, value) in [
            ("connection", "close, X-Hop, content-type, content-length"),
            ("x-hop", "1"),
            ("keep-alive", "timeout=5"),
            ("transfer-encoding", "chunked"),
            ("upgrade", "h2c"),
            ("proxy-authenticate", "Basic"),
            ("content-type", "text/plain"),
            ("content-length", "3"),
            ("location", "https://elsewhere.example"),
        ] {
            headers.insert(name(field), HeaderValue::from_static(value));
        }
        strip_hop_by_hop(&mut headers);
        let mut left: Vec<&str> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-length", "content-type", "location"]);
    }

    #[test]
    fn an_announced_length_is_one_plain_number() {
        let with = |values: &[&'static str]| {
            let mut headers = HeaderMap::new();
            for value in values {
                headers.append(CONTENT_LENGTH, HeaderValue::from_static(value));
            }
            announced_length(&headers)
        };
        assert_eq!(with(&[]), Ok(None));
        assert_eq!(with(&["0"]), Ok(Some(0)));
        assert_eq!(with(&["123"]), Ok(Some(123)));
        for bad in [&["+1"][..], &["-1"], &["1, 1"], &[""], &["0x1"], &["18446744073709551616"], &["1", "1"]]
        {
            assert!(with(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn the_size_of_a_head_counts_what_goes_over_the_wire() {
        let mut headers = HeaderMap::new();
        headers.append("a", HeaderValue::from_static("12"));
        headers.append("a", HeaderValue::from_static("3"));
        assert_eq!(size(&headers), (7 + 6, 2));
    }
}
