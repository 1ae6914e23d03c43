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
}

impl Schemas {
    /// Compiles both, apart from the threads that serve.
    pub(crate) async fn compile(identity: Identity) -> Result<Self, LoadError> {
        let compiled = tokio::task::spawn_blocking(move || {
            let parse =
                |which, text: &str| Schema::parse(text).map_err(|error| LoadError::Schema { which, error });
            let config = parse("config", &identity.config_schema)?;
            Ok(Self { config, subject: parse("subject", &identity.subject_schema)? })
        });
        compiled.await.map_err(|e| LoadError::Describe(e.to_string()))?
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
