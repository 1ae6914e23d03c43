//! A channel: where to call, how to sign, what else to send.

use serde::Deserialize;
use std::collections::BTreeMap;
use waystation_notifier::plugin::Error;
use waystation_notifier::plugin::config;
use waystation_notifier::plugin::http::url::Url;

/// The credential that signs where a channel names none.
const KEY: &str = "webhook-key";
/// The most header fields of a channel's own, and the longest value.
const MOST_HEADERS: usize = 16;
const LONGEST_VALUE: usize = 1024;

/// A channel's configuration, as written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    url: String,
    credential: Option<String>,
    #[serde(default)]
    unsigned: bool,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    header_credential: Option<String>,
}

/// A channel that can be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Channel {
    pub(crate) url: String,
    /// The credential that signs, or nothing where the operator said that none shall.
    pub(crate) key: Option<String>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) header_credential: Option<String>,
}

impl Channel {
    /// Reads a channel's configuration.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        let written: Written = config::options(json)?;
        let url = Url::parse(&written.url)?;
        if written.url.contains('#') {
            return Err(Error::bad_input(
                "the `url` has a fragment (`#…`), which no server ever sees; leave it out",
            ));
        }
        let key = match (written.credential, written.unsigned) {
            (Some(_), true) => {
                return Err(Error::bad_input(
                    "`unsigned = true` and `credential` contradict each other; keep one",
                ));
            }
            (None, true) => None,
            (named, false) => Some(named.unwrap_or_else(|| KEY.to_owned())),
        };
        if written.headers.len() > MOST_HEADERS {
            return Err(Error::bad_input(format!("there are more than {MOST_HEADERS} `headers`")));
        }
        let headers = written
            .headers
            .into_iter()
            .map(|(name, value)| header(&name, value))
            .collect::<Result<_, _>>()?;
        Ok(Self { url: url.to_string(), key, headers, header_credential: written.header_credential })
    }
}

/// A header field that may be set by a channel.
fn header(name: &str, value: String) -> Result<(String, String), Error> {
    let refuse = |why: &str| Err(Error::bad_input(format!("the header `{}` {why}", name.escape_debug())));
    let token = |b: u8| b.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&b);
    if name.is_empty() || name.len() > 128 || !name.bytes().all(token) {
        return refuse("has a name that is none");
    }
    let lower = name.to_ascii_lowercase();
    // These carry secrets, which belong into a credential: a channel's configuration is shown to people.
    const SECRET: [&str; 9] = [
        "authorization",
        "proxy-authorization",
        "cookie",
        "x-api-key",
        "api-key",
        "x-auth-token",
        "x-access-token",
        "private-token",
        "x-gitlab-token",
    ];
    // These belong to the connection, to the content or to us.
    const OURS: [&str; 11] = [
        "host",
        "content-length",
        "content-type",
        "content-encoding",
        "transfer-encoding",
        "connection",
        "keep-alive",
        "te",
        "trailer",
        "upgrade",
        "expect",
    ];
    if SECRET.contains(&lower.as_str()) {
        return refuse("holds a secret; bind it as a credential and name that in `header_credential`");
    }
    if OURS.contains(&lower.as_str()) || lower.starts_with("webhook-") || lower.starts_with("waystation-") {
        return refuse("is set by Waystation; leave it out");
    }
    if value.len() > LONGEST_VALUE || !value.bytes().all(|b| matches!(b, b' '..=b'~' | b'\t')) {
        return refuse("has a value that is too long or not plain text");
    }
    Ok((lower, value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_channel_is_signed_unless_it_says_otherwise() {
        let parse = |json| Channel::parse(json).unwrap();
        let url = "https://hooks.example.org/in?x=1";
        assert_eq!(
            parse(r#"{"url":"https://hooks.example.org/in?x=1"}"#),
            Channel {
                url: url.into(),
                key: Some("webhook-key".into()),
                headers: vec![],
                header_credential: None
            }
        );
        assert_eq!(parse(r#"{"url":"https://a.example","credential":"k"}"#).key.as_deref(), Some("k"));
        assert_eq!(parse(r#"{"url":"https://a.example","unsigned":true}"#).key, None);
        let channel =
            parse(r#"{"url":"https://a.example","headers":{"X-Env":"prod"},"header_credential":"bearer"}"#);
        assert_eq!(channel.headers, [("x-env".to_owned(), "prod".to_owned())]);
        assert_eq!(channel.header_credential.as_deref(), Some("bearer"));
    }

    #[test]
    fn channels_that_cannot_work_are_refused() {
        for (json, part) in [
            ("", "url"),
            (r#"{"url":"hooks.example.org"}"#, "https://"),
            (r#"{"url":"ftp://a.example"}"#, "https"),
            (r#"{"url":"https://u:hunter2@a.example"}"#, "credential"),
            (r#"{"url":"https://a.example/#x"}"#, "fragment"),
            (r#"{"url":"https://a.example","unsigned":true,"credential":"k"}"#, "contradict"),
            (r#"{"url":"https://a.example","secret":"x"}"#, "secret"),
            (r#"{"url":"https://a.example","headers":{"Authorization":"Bearer x"}}"#, "header_credential"),
            (r#"{"url":"https://a.example","headers":{"X-API-Key":"x"}}"#, "header_credential"),
            (r#"{"url":"https://a.example","headers":{"Host":"x"}}"#, "leave it out"),
            (r#"{"url":"https://a.example","headers":{"webhook-id":"x"}}"#, "leave it out"),
            (r#"{"url":"https://a.example","headers":{"Waystation-Credential":"x"}}"#, "leave it out"),
            (r#"{"url":"https://a.example","headers":{"a b":"x"}}"#, "name"),
            (r#"{"url":"https://a.example","headers":{"":"x"}}"#, "name"),
            (r#"{"url":"https://a.example","headers":{"a":"x\r\nhost: evil"}}"#, "value"),
            (r#"{"url":"https://a.example","headers":{"a":"ä"}}"#, "value"),
        ] {
            let error = Channel::parse(json).unwrap_err();
            assert_eq!(error.code, "bad-input", "{json}");
            assert!(error.message.contains(part), "{json}: {}", error.message);
            assert!(!error.message.contains("hunter2"));
        }
        let many: BTreeMap<_, _> = (0..17).map(|n| (format!("h{n}"), "x")).collect();
        let json = serde_json::json!({ "url": "https://a.example", "headers": many }).to_string();
        assert!(Channel::parse(&json).unwrap_err().message.contains("16"));
    }

    #[test]
    fn the_schema_names_the_same_keys() {
        let schema: serde_json::Value = serde_json::from_str(include_str!("channel.schema.json")).unwrap();
        let named: Vec<_> = schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(named, ["credential", "header_credential", "headers", "unsigned", "url"]);
        assert_eq!(schema["additionalProperties"], false);
    }

    proptest::proptest! {
        #[test]
        fn no_channel_makes_it_panic(json in ".*", url in ".*", name in ".*", value in ".*") {
            let _ = Channel::parse(&json);
            let json = serde_json::json!({ "url": url, "headers": { name: value } }).to_string();
            if let Ok(channel) = Channel::parse(&json) {
                proptest::prop_assert!(channel.headers.iter().all(|(_, value)| !value.contains(['\r', '\n'])));
            }
        }
    }
}
