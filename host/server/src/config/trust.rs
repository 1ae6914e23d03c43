//! `[trust]`: whose plugins run.

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::text::TimeSpan;

/// Whose plugins run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Trust {
    /// The trust policy. As long as it is missing or cannot be used, nothing is loaded but what lies in `dev` folders.
    #[schemars(extend("format" = "path"))]
    pub policy: PathBuf,
    /// Which version of each plugin was decided on. `waystation plugin sync` writes it.
    #[schemars(extend("format" = "path"))]
    pub lock: PathBuf,
    /// Folders of this machine in which plugins are made: a `file` in them runs without a signature and without an
    /// entry in the lock, and the host says so each time. Not for folders that everybody can write to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "paths")]
    pub dev: Vec<PathBuf>,
    /// How often the trust policy and the list of revocations are read again while plugins run.
    #[schemars(extend("x-min" = "1s", "x-max" = "1m"))]
    pub recheck: TimeSpan,
}

impl Default for Trust {
    fn default() -> Self {
        Self {
            policy: PathBuf::from("trust.toml"),
            lock: PathBuf::from("waystation.lock"),
            dev: Vec::new(),
            recheck: TimeSpan::seconds(20),
        }
    }
}

impl Trust {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.policy = base.join(&self.policy);
        self.lock = base.join(&self.lock);
        for folder in &mut self.dev {
            *folder = base.join(&*folder);
        }
    }
}

fn paths(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "path" } })
}
