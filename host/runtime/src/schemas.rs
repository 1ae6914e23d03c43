//! What a plugin takes, as it says itself: compiled once, when it is put in service.

use serde_json::{Map, Value};
use waystation_schema::{Mismatches, Schema};

use crate::error::LoadError;
use crate::world::Identity;

/// The schemas that `describe` gave.
#[derive(Debug, Default)]
pub struct Schemas {
    config: Schema,
    subject: Schema,
    required: Vec<(String, String)>,
}

impl Schemas {
    /// Compiles both, apart from the threads that serve.
    pub(crate) async fn compile(identity: Identity) -> Result<Self, LoadError> {
        let compiled = tokio::task::spawn_blocking(move || {
            let parse =
                |which, text: &str| Schema::parse(text).map_err(|error| LoadError::Schema { which, error });
            let config = parse("config", &identity.config_schema)?;
            let subject = parse("subject", &identity.subject_schema)?;
            Ok(Self { config, subject, required: required(&identity.config_schema) })
        });
        compiled.await.map_err(|e| LoadError::Describe(e.to_string()))?
    }

    /// The keys of the configuration without which it never fits, each with what the plugin says of it.
    pub fn required(&self) -> &[(String, String)] {
        &self.required
    }

    /// Holds the configuration of the plugin that the operator calls `name` against its schema.
    ///
    /// # Errors
    /// [`LoadError::ConfigMismatch`], with the keys of waystation.toml.
    pub fn check_config(&self, name: &str, config: &Map<String, Value>) -> Result<(), LoadError> {
        let checked = self.config.check(&Value::Object(config.clone()));
        checked.map_err(|found| LoadError::ConfigMismatch(found.under(&["plugins", name, "config"])))
    }

    /// Holds the settings of one thing that the plugin is asked about against its schema.
    ///
    /// # Errors
    /// Everything that does not fit.
    pub fn check_subject(&self, settings: &Map<String, Value>) -> Result<(), Mismatches> {
        self.subject.check(&Value::Object(settings.clone()))
    }
}

fn required(schema: &str) -> Vec<(String, String)> {
    let schema: Value = serde_json::from_str(schema).unwrap_or_default();
    let about =
        |name: &str| schema["properties"][name]["description"].as_str().unwrap_or_default().to_owned();
    let names = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
    names.map(|name| (name.to_owned(), about(name))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_required_is_told_with_what_it_is() {
        let schema =
            r#"{"required":["url","other"],"properties":{"url":{"description":"Where."},"more":{}}}"#;
        let pair = |name: &str, about: &str| (name.to_owned(), about.to_owned());
        assert_eq!(required(schema), [pair("url", "Where."), pair("other", "")]);
        assert!(required("").is_empty() && required("[]").is_empty());
    }
}
