//! Validators for conditional requests (RFC 9110, 8.8): one string that holds what the remote gave.

use super::Headers;

const ETAG: &str = "etag:";
const MODIFIED: &str = "modified:";

/// The validator of an answer: its `ETag`, or else its `Last-Modified`.
#[must_use]
pub fn of(headers: &Headers) -> Option<String> {
    let usable = |value: &&str| !value.is_empty() && value.len() <= 1024 && !value.contains(['\r', '\n']);
    let etag = headers.get("etag").map(str::trim).filter(usable).map(|tag| format!("{ETAG}{tag}"));
    let modified = || headers.get("last-modified").map(str::trim).filter(usable);
    etag.or_else(|| modified().map(|date| format!("{MODIFIED}{date}")))
}

/// The header field that asks whether the validator still holds; nothing for a foreign string.
#[must_use]
pub fn field(validator: &str) -> Option<(&'static str, &str)> {
    let (name, value) = match (validator.strip_prefix(ETAG), validator.strip_prefix(MODIFIED)) {
        (Some(tag), _) => ("if-none-match", tag),
        (None, Some(date)) => ("if-modified-since", date),
        (None, None) => return None,
    };
    let printable = !value.is_empty() && value.bytes().all(|b| b == b' ' || b.is_ascii_graphic());
    printable.then_some((name, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_answer_gave_is_asked_for() {
        for (headers, expected) in [
            (vec![("ETag", "W/\"a\""), ("Last-Modified", "x")], Some(("if-none-match", "W/\"a\""))),
            (
                vec![("last-modified", "Sun, 06 Nov 1994 08:49:37 GMT")],
                Some(("if-modified-since", "Sun, 06 Nov 1994 08:49:37 GMT")),
            ),
            (vec![("etag", ""), ("last-modified", "d")], Some(("if-modified-since", "d"))),
            (vec![("date", "x")], None),
        ] {
            let validator = of(&headers.into_iter().collect());
            assert_eq!(validator.as_deref().and_then(field), expected);
        }
    }

    #[test]
    fn foreign_strings_ask_nothing() {
        for text in ["", "\"a\"", "etag:", "etag:a\r\nx: y", "modified:é"] {
            assert_eq!(field(text), None, "{text:?}");
        }
    }
}
