//! `[identity.oidc.NAME]`: providers that users log in at (OpenID Connect Core 1.0).

use std::path::{Path, PathBuf};

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::{Deserialize, Serialize};

use super::secret::SecretSource;
use super::text::Issuer;

/// A provider that users log in at. It needs `server.public_url`, below which it sends them back: register
/// `PUBLIC_URL/login/oidc/NAME/callback` there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Oidc {
    /// What the provider calls itself, letter by letter: `issuer` in its document at `/.well-known/openid-configuration`.
    pub issuer: Issuer,
    /// What it calls this host.
    #[schemars(extend("format" = "locator"))]
    pub client_id: String,
    /// Where the secret comes from that the provider gave this host: `{ env = "NAME" }` or `{ file = "/path" }`. Without
    /// it the host is a public client. Both use PKCE.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_secret: Option<SecretSource>,
    /// What is asked for beside `openid`.
    #[serde(default = "profile")]
    #[schemars(schema_with = "words")]
    pub scopes: Vec<String>,
    /// The text of the button; by default `Log in with NAME`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "locator"))]
    pub title: Option<String>,
    /// A PEM file with certificates of authorities to trust beside those of the system.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub ca_file: Option<PathBuf>,
    /// Who asks for a second factor.
    #[serde(default)]
    pub second_factor: SecondFactor,
    /// Who becomes a user by coming. Without it only those come whom somebody bound to a user.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub join: Option<Join>,
}

/// Who asks for a second factor of somebody who comes from a provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum SecondFactor {
    /// This host, where the user has set one up here.
    #[default]
    Here,
    /// The provider, or nobody.
    Provider,
}

/// Who becomes a user by coming: whoever has one of these values in a claim of the ID token. They have to have it each
/// time they come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Join {
    /// The claim: a text, or a list of texts.
    #[schemars(extend("format" = "locator"))]
    pub claim: String,
    /// The values, one of which must be in it, letter by letter.
    #[schemars(length(min = 1), schema_with = "some_words")]
    pub values: Vec<String>,
    /// The roles that they are given when they become one. Later they change here and nowhere else.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(schema_with = "words")]
    pub roles: Vec<String>,
    /// The claim that they are named by. A name that another user has is refused.
    #[serde(default = "preferred_username")]
    #[schemars(extend("format" = "locator"))]
    pub name: String,
}

fn profile() -> Vec<String> {
    vec!["profile".to_owned()]
}

fn preferred_username() -> String {
    "preferred_username".to_owned()
}

fn words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "items": { "type": "string", "format": "locator" } })
}

fn some_words(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "array", "minItems": 1, "items": { "type": "string", "format": "locator" } })
}

impl Oidc {
    pub(super) fn rebase(&mut self, base: &Path) {
        self.ca_file = self.ca_file.take().map(|file| base.join(file));
        if let Some(SecretSource::File(file)) = &mut self.client_secret {
            *file = base.join(&*file);
        }
    }
}
