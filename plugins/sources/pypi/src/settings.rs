//! What the operator and an item say.

use serde::Deserialize;
use waystation_update_source::plugin::http::BaseUrl;

use crate::name::ProjectName;

pub(crate) const CONFIG_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["index"],
  "properties": {
    "index": {
      "type": "string",
      "description": "Address of the index, e.g. what pip takes as its index URL."
    },
    "api": {
      "enum": ["json", "simple"],
      "description": "Which API to ask. Default: simple where the address ends with /simple or /+simple, else json."
    },
    "web": {
      "type": "string",
      "description": "Where people read about a project; its name is added. Default: nowhere."
    }
  }
}"#;

pub(crate) const OPTIONS_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "properties": {
    "files": {
      "enum": ["all", "sdist", "wheel", "none"],
      "default": "all",
      "description": "Which files of a release to give as assets."
    }
  }
}"#;

/// The two ways to ask a package index.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Api {
    /// `/pypi/<project>/json`
    Json,
    /// `/simple/<project>/` (PEP 503, PEP 691)
    Simple,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Config {
    index: BaseUrl,
    #[serde(default)]
    api: Option<Api>,
    #[serde(default)]
    web: Option<BaseUrl>,
}

impl Config {
    pub(crate) fn api(&self) -> Api {
        self.api.unwrap_or(if is_simple(self.index.as_str()) { Api::Simple } else { Api::Json })
    }

    /// The address of a project, whichever of the usual spellings the index has.
    pub(crate) fn url(&self, name: &ProjectName) -> String {
        let index = self.index.as_str();
        let root = index.strip_suffix("/simple").or(index.strip_suffix("/pypi")).unwrap_or(index);
        let name = name.normalized();
        match self.api() {
            Api::Json => waystation_update_source::plugin::http::join(root, &["pypi", &name, "json"]),
            Api::Simple if is_simple(index) => self.index.join(&[&name, ""]),
            Api::Simple => self.index.join(&["simple", &name, ""]),
        }
    }

    /// Where people read about a project.
    pub(crate) fn web(&self) -> Option<&str> {
        self.web.as_ref().map(BaseUrl::as_str)
    }
}

/// devpi calls its own `+simple`.
fn is_simple(index: &str) -> bool {
    index.ends_with("/simple") || index.ends_with("/+simple")
}

/// Which files of a release become assets.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Files {
    #[default]
    All,
    Sdist,
    Wheel,
    None,
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    pub(crate) files: Files,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_follow_the_api() {
        let name = ProjectName::parse("Demo_Tool").unwrap();
        for (config, url) in [
            (r#"{"index":"https://pypi.example.org"}"#, "https://pypi.example.org/pypi/demo-tool/json"),
            (r#"{"index":"https://pypi.example.org/pypi"}"#, "https://pypi.example.org/pypi/demo-tool/json"),
            (r#"{"index":"https://pypi.example.org/simple/"}"#, "https://pypi.example.org/simple/demo-tool/"),
            (
                r#"{"index":"https://pypi.example.org/simple","api":"json"}"#,
                "https://pypi.example.org/pypi/demo-tool/json",
            ),
            (
                r#"{"index":"https://pypi.example.org","api":"simple"}"#,
                "https://pypi.example.org/simple/demo-tool/",
            ),
            (
                r#"{"index":"https://a.example/root/dev/+simple"}"#,
                "https://a.example/root/dev/+simple/demo-tool/",
            ),
            (
                r#"{"index":"https://a.example/api/pypi/main/simple"}"#,
                "https://a.example/api/pypi/main/simple/demo-tool/",
            ),
        ] {
            let config: Config = serde_json::from_str(config).unwrap();
            assert_eq!(config.url(&name), url);
        }
    }

    #[test]
    fn settings_are_closed() {
        for bad in [
            "{}",
            r#"{"index":"https://a.example","api":"xmlrpc"}"#,
            r#"{"index":"a.example"}"#,
            r#"{"url":"https://a.example"}"#,
        ] {
            assert!(serde_json::from_str::<Config>(bad).is_err(), "{bad}");
        }
        assert_eq!(serde_json::from_str::<Options>("{}").unwrap().files, Files::All);
        assert_eq!(serde_json::from_str::<Options>(r#"{"files":"wheel"}"#).unwrap().files, Files::Wheel);
        assert!(serde_json::from_str::<Options>(r#"{"files":"egg"}"#).is_err());
    }

    #[test]
    fn pages_are_where_the_operator_says() {
        let silent: Config = serde_json::from_str(r#"{"index":"https://a.example/simple"}"#).unwrap();
        assert_eq!(silent.web(), None);
        let told = r#"{"index":"https://a.example/simple","web":"https://a.example/project/"}"#;
        assert_eq!(serde_json::from_str::<Config>(told).unwrap().web(), Some("https://a.example/project"));
    }
}
