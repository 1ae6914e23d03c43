//! What the operator and an item say.

use serde::Deserialize;
use waystation_update_source::plugin::http::BaseUrl;

use crate::download::Template;

pub(crate) const CONFIG_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["index"],
  "properties": {
    "index": {
      "type": "string",
      "description": "Address of the sparse index; `sparse+` in front is allowed."
    },
    "download": {
      "type": "string",
      "description": "Address of .crate files, with the markers {crate}, {version}, {prefix}, {lowerprefix}, {sha256-checksum}. Default: what the index's config.json says."
    },
    "web": {
      "type": "string",
      "description": "Where people read about a crate; its name is added. Default: nowhere."
    }
  }
}"#;

pub(crate) const OPTIONS_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "assets": {
      "type": "boolean",
      "default": true,
      "description": "Whether releases carry the address of their .crate file."
    }
  }
}"#;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) index: Index,
    #[serde(default)]
    pub(crate) download: Option<Template>,
    #[serde(default)]
    web: Option<BaseUrl>,
}

impl Config {
    /// Where people read about a crate.
    pub(crate) fn web(&self) -> Option<&str> {
        self.web.as_ref().map(BaseUrl::as_str)
    }
}

/// Where the index is.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Index {
    base: BaseUrl,
}

impl Index {
    pub(crate) fn join<S: AsRef<str>>(&self, segments: &[S]) -> String {
        self.base.join(&segments.iter().map(AsRef::as_ref).collect::<Vec<_>>())
    }
}

impl TryFrom<String> for Index {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let url = text.strip_prefix("sparse+").unwrap_or(&text);
        Ok(Self { base: BaseUrl::try_from(url.to_owned())? })
    }
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) assets: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { assets: true }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_index_is_written_as_in_cargo() {
        let config: Config = serde_json::from_str(r#"{"index":"sparse+https://a.example/index/"}"#).unwrap();
        assert_eq!(config.index.join(&["config.json"]), "https://a.example/index/config.json");
        assert_eq!(config.web(), None);
        let config: Config =
            serde_json::from_str(r#"{"index":"https://a.example","web":"https://a.example/crates/"}"#)
                .unwrap();
        assert_eq!(config.index.join(&["1", "a"]), "https://a.example/1/a");
        assert_eq!(config.web(), Some("https://a.example/crates"));
        for bad in [
            "{}",
            r#"{"index":"git+https://a.example/"}"#,
            r#"{"index":"https://u:p@a.example/"}"#,
            r#"{"indx":"https://a.example/"}"#,
            r#"{"index":"https://a.example","download":"nowhere"}"#,
        ] {
            assert!(serde_json::from_str::<Config>(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn options_are_closed() {
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap(), Options { assets: true });
        assert!(serde_json::from_str::<Options>(r#"{"asset":false}"#).is_err());
    }
}
