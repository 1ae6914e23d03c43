//! Reading a JSON document within bounds, and saying what a value is.

use crate::problem::Problem;
use serde_json::Value;
use waystation_listing::short;

/// The most values that a document may hold: a value takes up to a hundred bytes of memory, however few it
/// took in the document.
const MAX_VALUES: usize = 400_000;

/// Reads a document. Nesting deeper than 128 levels is refused by the parser.
pub(crate) fn parse(bytes: &[u8]) -> Result<Value, Problem> {
    // Every value but the first comes after one of these; those within texts are counted too, which errs on
    // the safe side.
    let values = bytes.iter().filter(|byte| matches!(byte, b',' | b'[' | b'{')).count();
    if values > MAX_VALUES {
        return Err(Problem::TooManyValues(MAX_VALUES));
    }
    serde_json::from_slice(bytes).map_err(|error| {
        let start = String::from_utf8_lossy(bytes.get(..bytes.len().min(60)).unwrap_or_default());
        Problem::NotJson(format!("{error}; it starts with `{}`", short(start.trim(), 60)))
    })
}

/// What a value is, for a person who wrote a path and got it.
pub(crate) fn describe(value: &Value) -> String {
    const SHOWN: usize = 8;
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(yes) => format!("the truth value {yes}"),
        Value::Number(number) => format!("the number {number}"),
        Value::String(text) => format!("the text `{}`", short(text, 60)),
        Value::Array(list) => match list.first() {
            None => "an empty array".to_owned(),
            Some(first) => {
                let kind = match first {
                    Value::Null => "null",
                    Value::Bool(_) => "a truth value",
                    Value::Number(_) => "a number",
                    Value::String(_) => "a text",
                    Value::Array(_) => "an array",
                    Value::Object(_) => "an object",
                };
                format!("an array of {} whose first element is {kind}", list.len())
            }
        },
        Value::Object(members) if members.is_empty() => "an empty object".to_owned(),
        Value::Object(members) => {
            let names: Vec<_> =
                members.keys().take(SHOWN).map(|name| format!("`{}`", short(name, 40))).collect();
            let rest = members.len().saturating_sub(SHOWN);
            let more = if rest > 0 { format!(" and {rest} more") } else { String::new() };
            format!("an object with {}{more}", names.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn values_are_told_apart() {
        let wide: Value =
            (0..10).map(|n| (format!("k{n}"), json!(n))).collect::<serde_json::Map<_, _>>().into();
        for (value, text) in [
            (json!(null), "null"),
            (json!(true), "the truth value true"),
            (json!(1.5), "the number 1.5"),
            (json!("x"), "the text `x`"),
            (json!([]), "an empty array"),
            (json!([{}, 1]), "an array of 2 whose first element is an object"),
            (json!({}), "an empty object"),
            (wide, "an object with `k0`, `k1`, `k2`, `k3`, `k4`, `k5`, `k6`, `k7` and 2 more"),
        ] {
            assert_eq!(describe(&value), text);
        }
    }

    #[test]
    fn documents_are_bounded() {
        assert_eq!(parse(&b"[".repeat(200)).unwrap_err().code(), "bad-response");
        assert!(parse(&[b"[".repeat(100), b"]".repeat(100)].concat()).is_ok());
        let wide = format!("[{}0]", "0,".repeat(MAX_VALUES));
        assert_eq!(parse(wide.as_bytes()).unwrap_err(), Problem::TooManyValues(MAX_VALUES));
    }

    #[test]
    fn what_is_no_json_is_shown() {
        for (bytes, part) in [
            (&b"<html>\n"[..], "`<html>`"),
            (b"", "EOF"),
            (b"{\"a\":1} x", "trailing"),
            (b"\xff", "starts with"),
        ] {
            let problem = parse(bytes).unwrap_err();
            assert!(problem.to_string().contains(part), "{problem}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..200), text in "[\\[\\]{}\",:0-9a]{0,60}") {
            for bytes in [bytes.as_slice(), text.as_bytes()] {
                if let Ok(value) = parse(bytes) {
                    let _ = describe(&value);
                }
            }
        }
    }
}
