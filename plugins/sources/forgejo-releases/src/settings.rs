//! What an operator sets, for the plugin and for an item.

use serde::Deserialize;
use waystation_listing::{AssetRule, TagRule};
use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::BaseUrl;

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    #[serde(default = "public")]
    base_url: String,
    #[serde(default = "token")]
    pub(crate) credential: String,
}

fn public() -> String {
    "https://codeberg.org".to_owned()
}

fn token() -> String {
    "forgejo-token".to_owned()
}

impl Config {
    /// The instance's address, if it is one.
    pub(crate) fn base(&self) -> Result<BaseUrl, Error> {
        let base = BaseUrl::parse(&self.base_url)?;
        if base.as_str().ends_with("/api/v1") {
            return Err(Error::bad_config(
                "`base_url` ends in `/api/v1`; write the instance's address without it",
            ));
        }
        Ok(base)
    }
}

/// An item's options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    tag_prefix: Option<String>,
    asset_pattern: Option<String>,
    page_size: u32,
}

impl Default for Options {
    fn default() -> Self {
        Self { tag_prefix: None, asset_pattern: None, page_size: 20 }
    }
}

/// Which tags and files of a repository count.
#[derive(Clone, Debug, Default)]
pub(crate) struct Selection {
    pub(crate) tags: TagRule,
    pub(crate) assets: AssetRule,
}

impl Options {
    /// The rules that the options make.
    pub(crate) fn selection(&self) -> Result<Selection, Error> {
        let assets = AssetRule::new(self.asset_pattern.as_deref())?;
        Ok(Selection { tags: TagRule::new(self.tag_prefix.clone()), assets })
    }

    /// How many releases to ask for at once.
    pub(crate) fn page_size(&self) -> Result<u32, Error> {
        match self.page_size {
            size @ 1..=50 => Ok(size),
            other => Err(Error::bad_input(format!("the option `page_size` is {other}; it can be 1 to 50"))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::plugin::config::options;

    #[test]
    fn defaults() {
        let config: Config = serde_json::from_str("{}").unwrap();
        assert_eq!(
            (config.base().unwrap().as_str(), config.credential.as_str()),
            ("https://codeberg.org", "forgejo-token")
        );
        assert_eq!(options::<Options>("").unwrap().page_size().unwrap(), 20);
    }

    #[test]
    fn bad_addresses_are_refused() {
        for bad in ["", "git.example.org", "https://git.example.org/api/v1/", "https://t:x@git.example.org"] {
            let config = Config { base_url: bad.into(), credential: token() };
            assert_eq!(config.base().unwrap_err().code, "bad-config", "{bad}");
        }
        let config = Config { base_url: "https://example.org/git/".into(), credential: token() };
        assert_eq!(config.base().unwrap().as_str(), "https://example.org/git");
    }

    #[test]
    fn unknown_keys_and_values_out_of_range_are_refused() {
        assert!(serde_json::from_str::<Config>(r#"{"token":"x"}"#).is_err());
        for bad in [r#"{"prefix":"v"}"#, r#"{"page_size":"20"}"#, "{"] {
            assert_eq!(options::<Options>(bad).unwrap_err().code, "bad-input", "{bad}");
        }
        for bad in [r#"{"page_size":0}"#, r#"{"page_size":101}"#] {
            assert_eq!(options::<Options>(bad).unwrap().page_size().unwrap_err().code, "bad-input", "{bad}");
        }
        assert_eq!(
            options::<Options>(r#"{"asset_pattern":"["}"#).unwrap().selection().unwrap_err().code,
            "bad-input"
        );
    }

    #[test]
    fn schemas_name_the_same_keys() {
        for (schema, keys) in [
            (include_str!("config.schema.json"), &["base_url", "credential"][..]),
            (include_str!("options.schema.json"), &["asset_pattern", "page_size", "tag_prefix"]),
        ] {
            let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
            let named: Vec<_> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(named, keys);
            assert_eq!(schema["additionalProperties"], false);
        }
    }
}
