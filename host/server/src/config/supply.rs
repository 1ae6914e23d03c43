//! `[registries.HOST]` and `[indexes.NAME]`: where plugins come from.

use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::secret::SecretSource;
use super::text::{HttpUrl, RegistryName, TimeSpan};

/// An OCI registry, under its host as references name it, with a port where it has one. One that needs nothing of
/// this has no entry.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Registry {
    /// Who the host is there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "locator"))]
    pub user: Option<String>,
    /// Where the password comes from; without `user`, a token: `{ env = "NAME" }` or `{ file = "/path" }`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub password: Option<SecretSource>,
    /// A PEM file with certificates of authorities to trust beside those of the system.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// Whether it, and its mirrors, are spoken to without TLS.
    pub plain_http: bool,
    /// Registries with the same content. They are asked first for what is named by digest.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub mirrors: Vec<RegistryName>,
}

/// An index: a signed list of plugins and their versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Index {
    /// Where it is served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<HttpUrl>,
    /// The folder that it is in, instead of `url`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub path: Option<PathBuf>,
    /// The root of trust that you got from whoever keeps the index, `1.root.json` or a later one.
    #[schemars(extend("format" = "path"))]
    pub root: PathBuf,
    /// A PEM file with certificates of authorities to trust beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// For how long after its end what the index says last still counts: for a site without a network, which gets it
    /// by hand. As long can withdrawals be held back.
    #[serde(default = "not_late")]
    #[schemars(extend("x-min" = "0s", "x-max" = "90d"))]
    pub late: TimeSpan,
}

const fn not_late() -> TimeSpan {
    TimeSpan::seconds(0)
}

impl Registry {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.ca_file = self.ca_file.take().map(|file| base.join(file));
        if let Some(SecretSource::File(file)) = &mut self.password {
            *file = base.join(&*file);
        }
    }
}

impl Index {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.root = base.join(&self.root);
        self.path = self.path.take().map(|folder| base.join(folder));
        self.ca_file = self.ca_file.take().map(|file| base.join(file));
    }
}
