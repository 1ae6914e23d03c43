//! What an operator sets, for the plugin and for an item.

use crate::image::{HUB, Image, fits_as_registry};
use crate::tags::{Rule, is_tag};
use regex_lite::Regex;
use serde::Deserialize;
use std::collections::BTreeMap;
use waystation_update_source::plugin::Error;

/// The credential that is used for the default registry where the configuration names none.
pub(crate) const CREDENTIAL: &str = "registry-basic";

/// The plugin's configuration.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Config {
    pub(crate) default_registry: String,
    pub(crate) credentials: BTreeMap<String, String>,
    pub(crate) plain_http: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self { default_registry: HUB.to_owned(), credentials: BTreeMap::new(), plain_http: Vec::new() }
    }
}

/// Which credential goes to a registry and its token server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Credential<'c> {
    /// The configuration names it: without it, nothing is asked.
    Named(&'c str),
    /// The default one, if the operator bound it.
    IfBound(&'c str),
    /// The registry is asked without any.
    None,
}

impl Config {
    /// The same configuration if every registry in it can be one.
    pub(crate) fn checked(self) -> Result<Self, Error> {
        let named =
            [&self.default_registry].into_iter().chain(&self.plain_http).chain(self.credentials.keys());
        for registry in named {
            if !fits_as_registry(registry) {
                return Err(Error::bad_config(format!(
                    "`{}` is no registry; write a host or `host:port`, without `https://`",
                    waystation_listing::short(registry, 120)
                )));
            }
        }
        Ok(self)
    }

    /// The credential for an image's registry. One registry's credential never goes to another: a token
    /// got with it would be handed to whoever asked for it.
    pub(crate) fn credential(&self, image: &Image) -> Credential<'_> {
        let same = |registry: &str| registry.eq_ignore_ascii_case(image.registry());
        if let Some((_, name)) = self.credentials.iter().find(|(registry, _)| same(registry)) {
            return Credential::Named(name);
        }
        if same(&self.default_registry) { Credential::IfBound(CREDENTIAL) } else { Credential::None }
    }

    /// Whether an image's registry is spoken to without TLS.
    pub(crate) fn is_plain(&self, image: &Image) -> bool {
        self.plain_http.iter().any(|registry| registry.eq_ignore_ascii_case(image.registry()))
    }
}

/// An item's options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    tag_pattern: Option<String>,
    variant: Option<String>,
    parts: usize,
    floating: bool,
    pub(crate) digests: usize,
}

impl Default for Options {
    fn default() -> Self {
        Self { tag_pattern: None, variant: None, parts: 2, floating: false, digests: 3 }
    }
}

impl Options {
    /// The most manifests that one call asks for.
    const MOST_DIGESTS: usize = 5;

    /// The rule that the options make.
    pub(crate) fn rule(&self, prereleases: bool) -> Result<Rule, Error> {
        if !(1..=4).contains(&self.parts) {
            return Err(Error::bad_input(format!("the option `parts` is {}; it can be 1 to 4", self.parts)));
        }
        if self.digests > Self::MOST_DIGESTS {
            return Err(Error::bad_input(format!(
                "the option `digests` is {}; it can be 0 to 5",
                self.digests
            )));
        }
        let pattern = self.tag_pattern.as_deref().map(Regex::new).transpose().map_err(|error| {
            Error::bad_input(format!(
                "the option `tag_pattern` is not a regular expression ({error}); `^(?<version>\\d+\\.\\d+)-fpm$` is one"
            ))
        })?;
        let variant = self.variant.as_deref().unwrap_or_default();
        if !variant.is_empty() && !is_tag(&format!("1{variant}")) {
            return Err(Error::bad_input("the option `variant` cannot be the end of a tag; `-alpine` can"));
        }
        // `alpine` means `-alpine`: a bare word would also take `1.2-notalpine`.
        let joined = variant.is_empty() || variant.starts_with(|c: char| !c.is_ascii_alphanumeric());
        let variant = if joined { variant.to_owned() } else { format!("-{variant}") };
        Ok(Rule { pattern, variant, parts: self.parts, floating: self.floating, prereleases })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::plugin::config;

    fn image(locator: &str) -> Image {
        Image::parse(locator, HUB).unwrap()
    }

    #[test]
    fn a_credential_goes_to_its_registry_alone() {
        let config: Config = serde_json::from_str(r#"{"credentials":{"GHCR.io":"ghcr"}}"#).unwrap();
        assert_eq!(config.credential(&image("ghcr.io/a/b")), Credential::Named("ghcr"));
        assert_eq!(config.credential(&image("nginx")), Credential::IfBound(CREDENTIAL));
        assert_eq!(config.credential(&image("quay.io/a/b")), Credential::None);
    }

    #[test]
    fn plain_http_is_per_registry() {
        let config: Config = serde_json::from_str(r#"{"plain_http":["localhost:5000"]}"#).unwrap();
        assert!(config.is_plain(&image("localhost:5000/x")));
        assert!(!config.is_plain(&image("localhost/x")));
        assert!(!config.is_plain(&image("nginx")));
    }

    #[test]
    fn registries_are_checked() {
        for bad in [
            r#"{"default_registry":"https://a.example"}"#,
            r#"{"default_registry":""}"#,
            r#"{"plain_http":["a/b"]}"#,
            r#"{"credentials":{"u@a.example":"x"}}"#,
        ] {
            let config: Config = serde_json::from_str(bad).unwrap();
            assert_eq!(config.checked().unwrap_err().code, "bad-config", "{bad}");
        }
        assert!(Config::default().checked().is_ok());
    }

    #[test]
    fn options_are_checked() {
        for (json, part) in [
            (r#"{"tag":"x"}"#, "tag"),
            (r#"{"parts":0}"#, "parts"),
            (r#"{"parts":5}"#, "parts"),
            (r#"{"digests":6}"#, "digests"),
            (r#"{"tag_pattern":"("}"#, "tag_pattern"),
            (r#"{"variant":"/"}"#, "variant"),
            (r#"{"parts":-1}"#, "parts"),
        ] {
            let error = config::options::<Options>(json).and_then(|options| options.rule(false)).unwrap_err();
            assert_eq!(error.code, "bad-input", "{json}");
            assert!(error.message.contains(part), "{json}: {}", error.message);
        }
        let variant = |json| config::options::<Options>(json).unwrap().rule(false).unwrap().variant;
        assert_eq!(variant(""), "");
        assert_eq!(variant(r#"{"variant":"alpine"}"#), "-alpine");
        assert_eq!(variant(r#"{"variant":"_x"}"#), "_x");
    }

    #[test]
    fn schemas_name_the_same_keys() {
        for (schema, keys) in [
            (include_str!("config.schema.json"), &["credentials", "default_registry", "plain_http"][..]),
            (
                include_str!("options.schema.json"),
                &["digests", "floating", "parts", "tag_pattern", "variant"],
            ),
        ] {
            let schema: serde_json::Value = serde_json::from_str(schema).unwrap();
            let named: Vec<_> =
                schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(named, keys);
            assert_eq!(schema["additionalProperties"], false);
        }
    }
}
