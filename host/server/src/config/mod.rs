//! `waystation.toml` and the environment: read, checked as a whole, and told in one go what is wrong.
//!
//! The types below are the one description of the configuration. Their JSON Schema ([`Config::schema`]) is
//! what the file is held against, what editors use, and what the reference page is made of.
//!
//! ```text
//! bytes ──▶ tree with places ──▶ + variables ──▶ walk along the shape ──▶ types ──▶ rules between settings
//!            (tree)               (overlay)       (walk, shape, text)     (serde)    (check)
//! ```
//!
//! Invariants: an unknown key or variable is an error; loading reads one file and nothing else, never the
//! network; no problem, debug text or reference holds a secret.

mod check;
mod enrolment;
mod host;
mod identity;
mod limits;
mod load;
mod nearest;
mod oidc;
mod overlay;
mod peers;
mod plugin;
mod problem;
mod reference;
mod render;
mod report;
mod secret;
mod shape;
mod supply;
mod target;
mod text;
mod tickets;
mod tree;
mod trust;
mod walk;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

pub use enrolment::Enrolment;
pub use host::{Checks, Database, Delivery, Egress, LogFormat, Quarantine, Server, Telemetry};
pub use identity::Identity;
pub use limits::{LimitOverrides, PluginLimits};
pub use load::MAX_CONFIG;
pub use oidc::{Join, Oidc, SecondFactor};
pub use overlay::{DATABASE_URL, PREFIX};
pub use peers::{CertificateHeader, Pki, Proxy, Tls};
pub use plugin::{
    Credential, CredentialUse, GrantMode, Grants, HookPoint, HttpGrant, OnFailure, Plugin, Source,
};
pub use problem::{Code, ConfigError, Level, Problem};
pub use secret::{DatabaseKind, DatabaseUrl, Environment, MAX_SECRET, Secret, SecretSource};
pub use supply::{Index, Registry};
pub use target::{Channel, Item};
pub use text::{
    BundleDigest, ByteSize, CredentialName, HeaderName, HeaderPrefix, HttpUrl, Issuer, ItemKey, LogFilter,
    Method, Name, Network, OciReference, Organization, Origin, PluginId, Refusal, RegistryName, Schedule,
    ServerName, Text, TimeSpan, TrustDomain, VariableName, VersionRange,
};
pub use tickets::Tickets;
pub use trust::Trust;

/// The configuration of a host. Everything has a default: no file at all is a host without plugins.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Config {
    /// Where the host listens and keeps its files.
    pub server: Server,
    /// Where the state is kept: by default in the file `waystation.db` in `server.data_dir`.
    pub database: Database,
    /// What the host's own authority writes into certificates.
    pub pki: Pki,
    /// How users log in.
    pub identity: Identity,
    /// How machines become agents.
    pub enrolment: Enrolment,
    /// How agents admit each other.
    pub tickets: Tickets,
    /// Whose plugins run.
    pub trust: Trust,
    /// What plugins can reach on the network, whatever they are granted.
    pub egress: Egress,
    /// Limits of every plugin that has no other in `[plugins.NAME.limits]`, and the ceilings of both.
    pub plugin_limits: PluginLimits,
    /// When a plugin that keeps failing is left alone, and for how long.
    pub quarantine: Quarantine,
    /// When items are checked for new releases.
    pub checks: Checks,
    /// How often a message is tried that a channel does not take.
    pub delivery: Delivery,
    /// How the host tells what it does.
    pub telemetry: Telemetry,
    /// The OCI registries that plugins come from, each under its host.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub registries: BTreeMap<RegistryName, Registry>,
    /// The indexes that plugins are found in, each under a name of your choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub indexes: BTreeMap<Name, Index>,
    /// The plugins, each under a name of your choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub plugins: BTreeMap<Name, Plugin>,
    /// Where messages go, each place under a name of your choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub channels: BTreeMap<Name, Channel>,
    /// The software whose releases are watched, each under a name of your choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub items: BTreeMap<ItemKey, Item>,
}

/// Whether a password in the database URL is written out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secrets {
    /// For people.
    Redact,
    /// For a file that is read again.
    Reveal,
}

impl Config {
    /// Reads `path`, lays `environment` over it and checks the whole. Relative paths in the result start from
    /// the folder of the file; without a file, from the working directory.
    ///
    /// # Errors
    /// Everything that is wrong, with places.
    pub fn load(
        path: Option<&Path>,
        environment: impl Iterator<Item = (String, String)>,
    ) -> Result<Self, ConfigError> {
        let environment: Environment = environment.collect();
        let Some(path) = path else { return load::parse(None, &environment) };
        let bytes = load::read(path)?;
        let mut config = load::parse(Some((&path.display().to_string(), &bytes)), &environment)?;
        config.rebase(path.parent().unwrap_or(Path::new("")));
        Ok(config)
    }

    /// The same without any effect: `file` is a name for messages and the content. Paths stay as written.
    ///
    /// # Errors
    /// Everything that is wrong, with places.
    pub fn parse(file: Option<(&str, &[u8])>, environment: &Environment) -> Result<Self, ConfigError> {
        load::parse(file, environment)
    }

    /// The JSON Schema (2020-12) of `waystation.toml`, for editors.
    #[must_use]
    pub fn schema() -> Json {
        let mut schema = schemars::schema_for!(Self).to_value();
        shape::without_null(&mut schema);
        if let Some(object) = schema.as_object_mut() {
            object.insert("title".to_owned(), "waystation.toml".into());
        }
        schema
    }

    /// The page `docs/src/reference/configuration.md`.
    #[must_use]
    pub fn reference_markdown() -> String {
        reference::page()
    }

    /// As TOML with every default written out.
    ///
    /// # Errors
    /// Where a value has no place in TOML; nothing that was loaded has such a value.
    pub fn to_toml(&self, secrets: Secrets) -> Result<String, toml::ser::Error> {
        let mut table = toml::Table::try_from(self)?;
        if let (Secrets::Reveal, Some(url)) = (secrets, &self.database.url)
            && let Some(database) = table.get_mut("database").and_then(toml::Value::as_table_mut)
        {
            database.insert("url".to_owned(), url.expose().into());
        }
        toml::to_string(&table)
    }

    /// The limits that hold for the plugin `name` before its manifest's wishes.
    #[must_use]
    pub fn limits_of(&self, name: &str) -> PluginLimits {
        match self.plugins.get(name) {
            Some(plugin) => plugin.limits.over(&self.plugin_limits),
            None => self.plugin_limits.clone(),
        }
    }

    /// The folder of the plugins that were fetched.
    #[must_use]
    pub fn plugin_store(&self) -> PathBuf {
        self.server.data_dir.join("plugins")
    }

    /// The URL of the database: as configured, from `database.url_file`, or the default file. The second part
    /// is a warning about the file.
    ///
    /// # Errors
    /// Where the file cannot be read or holds no URL.
    pub fn database_url(&self) -> Result<(DatabaseUrl, Option<Problem>), Box<Problem>> {
        let Database { url, url_file } = &self.database;
        match (url, url_file) {
            (Some(url), _) => Ok((url.clone(), None)),
            (None, None) => Ok((DatabaseUrl::sqlite_file(&self.server.data_dir.join("waystation.db")), None)),
            (None, Some(file)) => {
                let key = "database.url_file";
                let secret = secret::read_secret_file(file).map_err(|problem| Box::new(problem.at(key)))?;
                let url = DatabaseUrl::of_secret(&secret.value).map_err(|refusal| {
                    let message = format!("what {} holds {refusal}", file.display());
                    let problem = Problem::new(Code::InvalidValue, message).at(key);
                    Box::new(Problem { hint: refusal.hint, ..problem })
                })?;
                Ok((url, secret.warning.map(|warning| warning.at(key))))
            }
        }
    }

    /// Tries every secret that the configuration names, and tells what is missing or badly kept. Reads files.
    #[must_use]
    pub fn check_secrets(&self, environment: &Environment) -> Vec<Problem> {
        let mut problems = Vec::new();
        match self.database_url() {
            Ok((_, warning)) => problems.extend(warning),
            Err(problem) => problems.push(*problem),
        }
        if let Some(key) = &self.server.tls.key {
            let at = "server.tls.key";
            match secret::read_secret_file(key) {
                Ok(secret) => problems.extend(secret.warning.map(|warning| warning.at(at))),
                Err(problem) => problems.push(problem.at(at)),
            }
        }
        for (name, provider) in &self.identity.oidc {
            let Some(secret) = &provider.client_secret else { continue };
            let key = tree::Path::of(&["identity", "oidc", name.as_str(), "client_secret"]).to_string();
            match secret.resolve(environment) {
                Ok(secret) => problems.extend(secret.warning.map(|warning| warning.at(key))),
                Err(problem) => problems.push(problem.at(key)),
            }
        }
        for (name, plugin) in &self.plugins {
            for (credential, binding) in &plugin.credentials {
                let key =
                    tree::Path::of(&["plugins", name.as_str(), "credentials", credential.as_str(), "from"]);
                match binding.from.resolve(environment) {
                    Ok(secret) => problems.extend(secret.warning.map(|warning| warning.at(key.to_string()))),
                    Err(problem) => problems.push(problem.at(key.to_string())),
                }
            }
        }
        problems
    }

    fn rebase(&mut self, base: &Path) {
        self.server.rebase(base);
        self.trust.rebase(base);
        self.pki.rebase(base);
        self.identity.rebase(base);
        self.tickets.rebase(base);
        self.database.rebase(base);
        self.egress.ca_file = self.egress.ca_file.take().map(|file| base.join(file));
        self.registries.values_mut().for_each(|registry| registry.rebase(base));
        self.indexes.values_mut().for_each(|index| index.rebase(base));
        for plugin in self.plugins.values_mut() {
            plugin.rebase(base);
        }
    }
}

#[cfg(test)]
mod tests;
