//! What an operator sets, for the plugin and for a channel.

use serde::Deserialize;
use waystation_notifier::plugin::http::BaseUrl;
use waystation_notifier::plugin::{Error, config};

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    base_url: String,
    pub(crate) credential: String,
    message_limit: usize,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            base_url: "https://ntfy.sh".to_owned(),
            credential: "ntfy-token".to_owned(),
            message_limit: 4096,
        }
    }
}

impl Config {
    /// The server's address. Messages are published as JSON, to the address itself and not below it.
    pub(crate) fn base(&self) -> Result<BaseUrl, Error> {
        BaseUrl::parse(&self.base_url)
    }

    /// The most bytes of a message.
    pub(crate) fn limit(&self) -> Result<usize, Error> {
        match self.message_limit {
            limit @ 512..=65_536 => Ok(limit),
            other => {
                Err(Error::bad_config(format!("`message_limit` is {other}; it can be 512 to 65536 bytes")))
            }
        }
    }
}

/// A channel: one topic.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Channel {
    pub(crate) topic: String,
    pub(crate) priority: Option<u8>,
    #[serde(default)]
    pub(crate) tags: Vec<String>,
}

impl Channel {
    /// Reads a channel's configuration.
    pub(crate) fn parse(json: &str) -> Result<Self, Error> {
        let channel: Self = config::options(json)?;
        if !is_name(&channel.topic) {
            return Err(Error::bad_input(
                "the `topic` cannot be one: 1 to 64 letters, digits, `-` and `_`, without the server's address",
            ));
        }
        if channel.priority.is_some_and(|priority| !(1..=5).contains(&priority)) {
            return Err(Error::bad_input("the `priority` is not between 1 (lowest) and 5 (highest)"));
        }
        let tag = |tag: &String| {
            (1..=40).contains(&tag.len())
                && tag.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_+.".contains(&b))
        };
        if channel.tags.len() > 5 || !channel.tags.iter().all(tag) {
            return Err(Error::bad_input(
                "the `tags` are more than 5, or one is not plain (letters, digits, `-_+.`)",
            ));
        }
        Ok(channel)
    }
}

/// Whether ntfy takes this as the name of a topic or of a sequence.
pub(crate) fn is_name(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(config.base().unwrap().as_str(), "https://ntfy.sh");
        assert_eq!((config.limit().unwrap(), config.credential.as_str()), (4096, "ntfy-token"));
    }

    #[test]
    fn configurations_that_cannot_work_are_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"token":"x"}"#).is_err());
        let config = |json: &str| serde_json::from_str::<Config>(json).unwrap();
        assert_eq!(config(r#"{"base_url":"ntfy.sh"}"#).base().unwrap_err().code, "bad-config");
        for limit in ["0", "511", "65537"] {
            let json = format!(r#"{{"message_limit":{limit}}}"#);
            assert_eq!(config(&json).limit().unwrap_err().code, "bad-config");
        }
    }

    #[test]
    fn channels_are_checked() {
        let channel = Channel::parse(r#"{"topic":"ops_1","priority":4,"tags":["+1","house"]}"#).unwrap();
        assert_eq!((channel.topic.as_str(), channel.priority, channel.tags.len()), ("ops_1", Some(4), 2));
        for (json, part) in [
            ("{}", "topic"),
            (r#"{"topic":""}"#, "topic"),
            (r#"{"topic":"https://ntfy.sh/ops"}"#, "topic"),
            (r#"{"topic":"a,b"}"#, "topic"),
            (r#"{"topic":"a","priority":0}"#, "priority"),
            (r#"{"topic":"a","priority":6}"#, "priority"),
            (r#"{"topic":"a","priority":256}"#, "priority"),
            (r#"{"topic":"a","tags":["a,b"]}"#, "tags"),
            (r#"{"topic":"a","tags":["1","2","3","4","5","6"]}"#, "tags"),
            (r#"{"topic":"a","token":"x"}"#, "token"),
        ] {
            let error = Channel::parse(json).unwrap_err();
            assert_eq!(error.code, "bad-input", "{json}");
            assert!(error.message.contains(part), "{json}: {}", error.message);
        }
    }

    #[test]
    fn schemas_name_the_same_keys() {
        for (schema, keys) in [
            (include_str!("config.schema.json"), &["base_url", "credential", "message_limit"][..]),
            (include_str!("channel.schema.json"), &["priority", "tags", "topic"]),
        ] {
            let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
            let named: Vec<_> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(named, keys);
            assert_eq!(schema["additionalProperties"], false);
        }
    }

    proptest::proptest! {
        #[test]
        fn no_channel_makes_it_panic(json in ".*", topic in ".*") {
            let _ = Channel::parse(&json);
            let _ = Channel::parse(&serde_json::json!({ "topic": topic }).to_string());
        }
    }
}
