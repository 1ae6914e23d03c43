//! `[plugins.NAME]`: which plugins run, and what each is given.

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value as Json};

use super::{
    limits::LimitOverrides,
    secret::SecretSource,
    text::{
        BundleDigest, CredentialName, HeaderName, HeaderPrefix, Method, Name, Network, OciReference, Origin,
        PluginId, VersionRange,
    },
};

/// A plugin and what it is given. Without grants it can compute and log, nothing else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Plugin {
    /// Where it comes from: a `.plugin.tar` file. A component alone, a `.wasm` file, runs in a dev folder only. This or
    /// `oci` or `name`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub file: Option<PathBuf>,
    /// Where it comes from: an OCI registry, `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub oci: Option<OciReference>,
    /// Where it comes from: an index, in which it has this name, such as `waystation/http-json`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<PluginId>,
    /// The versions that `name` may have. The newest of them is taken; any where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<VersionRange>,
    /// The index that has `name`, needed where there are several.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub index: Option<Name>,
    /// Whether it runs.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// What a decision of the plugin becomes when the plugin fails. Only a hook makes decisions; a plugin of
    /// another kind is not loaded with it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_failure: Option<OnFailure>,
    /// Where a hook is asked. A hook needs at least one; a plugin of another kind is not loaded with it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hooks: Vec<HookPoint>,
    /// Of several hooks, the one with the lower number is asked first; with the same number, or none (0), by name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = -1000, max = 1000))]
    pub order: Option<i32>,
    /// The digest that it must have, as `waystation plugin inspect` shows it: of a `.plugin.tar` the content digest,
    /// of a component the SHA-256 of the file. Another one is not loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub digest: Option<BundleDigest>,
    /// Settings of the plugin's own, which it documents.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Json>,
    /// What it may do.
    #[serde(default)]
    pub grants: Grants,
    /// Secrets it may use by name and never sees.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub credentials: BTreeMap<CredentialName, Credential>,
    /// Limits that differ from those of all plugins.
    #[serde(default, skip_serializing_if = "LimitOverrides::is_empty")]
    pub limits: LimitOverrides,
}

/// Where a hook is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum HookPoint {
    /// Whether a ticket may be issued.
    BeforeIssue,
    /// Whether a ticket that was redeemed may open a session.
    AfterValidate,
    /// Whether a session may go on, at each of its heartbeats and when a party says how it is.
    WhileOpen,
    /// Told what became of a session, afterwards.
    OnSessionChange,
    /// Whether a scope may be registered, written anew or removed.
    BeforeScopeChange,
}

impl HookPoint {
    /// The word of the configuration.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BeforeIssue => "before-issue",
            Self::AfterValidate => "after-validate",
            Self::WhileOpen => "while-open",
            Self::OnSessionChange => "on-session-change",
            Self::BeforeScopeChange => "before-scope-change",
        }
    }

    /// The function of the contract that is called there.
    #[must_use]
    pub const fn function(self) -> &'static str {
        match self {
            Self::WhileOpen => Self::AfterValidate.as_str(),
            named => named.as_str(),
        }
    }
}

/// What a decision becomes when the plugin that should make it fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum OnFailure {
    /// A refusal.
    #[default]
    Closed,
    /// As if the plugin were not there.
    Skip,
    /// A permission. Verifiers cannot have it.
    Open,
}

/// What a plugin may do. Nothing that is not listed.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Grants {
    /// Outgoing HTTP requests.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<HttpGrant>,
    /// Whether it has a key-value store of its own.
    pub kv: bool,
    /// Whether a hook may read what tickets and sessions there are, in the tenant that it decides for.
    pub tickets: bool,
    /// Whether a hook may read what scopes and instances there are, in the tenant that it decides for.
    pub scopes: bool,
}

/// Outgoing HTTP requests that a plugin may send. One entry must allow the whole of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HttpGrant {
    /// Scheme, host and port, `https://api.example.org`. `https://*.example.org` is every host below
    /// `example.org`, not that host itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// Several of them, instead of `origin`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1))]
    pub origins: Option<Vec<Origin>>,
    /// The methods.
    #[serde(default = "get_and_head")]
    #[schemars(length(min = 1))]
    pub methods: Vec<Method>,
    /// Headers with a secret that the plugin may set itself, such as `authorization`. A credential is the
    /// better way. Other headers need no grant.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub headers: Vec<HeaderName>,
    /// Networks with private or other special addresses that this grant opens, in CIDR form. Needs
    /// `egress.allow_private_addresses` as well.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub addresses: Vec<Network>,
    /// What happens to a request that no grant allows.
    #[serde(default)]
    pub mode: GrantMode,
}

impl HttpGrant {
    /// The origins, in whichever key they were written.
    pub fn all_origins(&self) -> impl Iterator<Item = &Origin> {
        self.origin.iter().chain(self.origins.iter().flatten())
    }
}

/// What happens to a request that no grant allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum GrantMode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is allowed and recorded, to find out what to grant. Addresses are enforced nevertheless, and without
    /// an origin it is for every one.
    Audit,
}

/// A secret that the host puts into a request, or signs with, in the plugin's stead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Credential {
    /// Where the secret comes from: `{ env = "NAME" }` or `{ file = "/path" }`.
    pub from: SecretSource,
    /// What the plugin may do with it.
    #[serde(rename = "use", default)]
    pub usage: CredentialUse,
    /// The origin that the secret is sent to. Needed for `use = "header"`, and a grant must allow it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub origin: Option<Origin>,
    /// The header that holds it; `authorization` where nothing is written.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub header: Option<HeaderName>,
    /// What stands in front of it in the header, such as `Bearer ` with its space.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefix: Option<HeaderPrefix>,
}

impl Credential {
    /// The header that holds the secret.
    #[must_use]
    pub fn header_name(&self) -> &str {
        self.header.as_ref().map_or("authorization", HeaderName::as_str)
    }
}

/// What a plugin may do with a credential.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum CredentialUse {
    /// Name it in a request: the host sets the header.
    #[default]
    Header,
    /// Have the host compute HMAC-SHA-256 with it. It is never sent.
    Hmac,
}

const fn yes() -> bool {
    true
}

fn get_and_head() -> Vec<Method> {
    ["GET", "HEAD"].into_iter().filter_map(|method| method.parse().ok()).collect()
}

/// Where a plugin comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Source<'a> {
    /// A file of this machine.
    File(&'a Path),
    /// An OCI registry.
    Oci(&'a OciReference),
    /// An index: the name there, the versions, and which index, where that was said.
    Index(&'a PluginId, Option<&'a VersionRange>, Option<&'a Name>),
}

impl Plugin {
    /// Where it comes from; none for what no configuration that was checked has.
    #[must_use]
    pub fn source(&self) -> Option<Source<'_>> {
        let file = self.file.as_deref().map(Source::File);
        let index = || Some(Source::Index(self.name.as_ref()?, self.version.as_ref(), self.index.as_ref()));
        file.or_else(|| self.oci.as_ref().map(Source::Oci)).or_else(index)
    }

    pub(super) fn rebase(&mut self, base: &Path) {
        self.file = self.file.take().map(|file| base.join(file));
        for credential in self.credentials.values_mut() {
            if let SecretSource::File(file) = &mut credential.from {
                *file = base.join(&*file);
            }
        }
    }
}
