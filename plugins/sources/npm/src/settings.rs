//! What the operator and an item say.

use serde::Deserialize;
use waystation_update_source::plugin::http::BaseUrl;

pub(crate) const CONFIG_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["registry"],
  "properties": {
    "registry": {
      "type": "string",
      "description": "Address of the registry."
    },
    "web": {
      "type": "string",
      "description": "Where people read about a package; its name is added. Default: nowhere."
    }
  }
}"#;

pub(crate) const OPTIONS_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "dates": {
      "type": "boolean",
      "default": false,
      "description": "Whether to read the full package document, which has the date of each release and is up to ten times as large."
    }
  }
}"#;

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) registry: BaseUrl,
    #[serde(default)]
    web: Option<BaseUrl>,
}

impl Config {
    /// Where people read about a package.
    pub(crate) fn web(&self) -> Option<&str> {
        self.web.as_ref().map(BaseUrl::as_str)
    }
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) dates: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn settings_are_closed() {
        assert!(serde_json::from_str::<Config>("{}").is_err());
        let config: Config = serde_json::from_str(r#"{"registry":"https://npm.example.org/repo/"}"#).unwrap();
        assert_eq!(config.registry.join(&["@a/b"]), "https://npm.example.org/repo/@a%2Fb");
        assert_eq!(config.web(), None);
        assert!(serde_json::from_str::<Config>(r#"{"registry":"npm.example.org"}"#).is_err());
        let web = r#"{"registry":"https://npm.example.org","web":"https://npm.example.org/package"}"#;
        assert_eq!(
            serde_json::from_str::<Config>(web).unwrap().web(),
            Some("https://npm.example.org/package")
        );
        assert!(serde_json::from_str::<Config>(r#"{"registri":"https://a.example"}"#).is_err());
        assert!(serde_json::from_str::<Options>(r#"{"date":true}"#).is_err());
    }
}
