//! One version of a plugin, as an index names it.

use semver::{Version, VersionReq};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sigstore_tuf::TargetFile;
use waystation_bundle::{ContentDigest, Package, is_label};
use waystation_oci::Reference;

use crate::error::IndexError;
use crate::limits::Limits;
use crate::names;

/// One version of a plugin: what it is, and what can be known of it before it is fetched.
///
/// TUF's target is the plugin's OCI manifest, so its hash is the content digest. Signatures on the plugin are not part
/// of that, and may be added later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Entry {
    /// `namespace/name`.
    pub name: String,
    /// The version.
    #[serde(with = "text")]
    pub version: Version,
    /// The content digest: what is fetched has it, or is refused.
    pub digest: ContentDigest,
    /// Bytes of the manifest.
    #[serde(skip)]
    pub manifest_size: u64,
    /// What `plugin.toml` says of it, and where else it can be had.
    #[serde(flatten)]
    pub about: About,
}

/// What an index says of a plugin, beside its digest. It is signed by whoever listed it; the plugin itself is held
/// against its own manifest when it loads.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct About {
    /// World and generation, `update-source@0.1`.
    pub kind: String,
    /// One line for a person.
    pub summary: String,
    /// Host versions it works with.
    #[serde(with = "text")]
    pub host: VersionReq,
    /// Bytes of manifest, config and component together.
    pub size: u64,
    /// SPDX expression.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub license: Option<String>,
    /// Where its source is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// The commit it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
    /// What it asks for, so that an update can be judged before it is fetched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<Request>,
    /// Registries that have it, by digest; beside the index's own folder.
    #[serde(default, skip_serializing_if = "Vec::is_empty", with = "list")]
    pub references: Vec<Reference>,
    /// Why nobody should take it any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub yanked: Option<String>,
}

/// One `[[request]]` of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// What for: `http`, `kv`, `credentials`, or what a newer host knows.
    pub capability: String,
    /// Why.
    pub why: String,
    /// Whether it works without.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub optional: bool,
    /// Origins, methods, headers, names: as they are in `plugin.toml`.
    #[serde(flatten)]
    pub details: Map<String, Value>,
}

impl About {
    /// What is to be said of a plugin.
    ///
    /// # Errors
    /// When its `plugin.toml` cannot be read, or a reference is not to it.
    pub fn of(package: &Package, references: Vec<Reference>) -> Result<Self, IndexError> {
        #[derive(Deserialize)]
        struct Raw {
            #[serde(default)]
            summary: String,
            license: Option<String>,
            source: Option<String>,
            revision: Option<String>,
            host: Option<String>,
            #[serde(default)]
            request: Vec<Request>,
        }
        let bad = |why: String| IndexError::malformed("plugin.toml", why);
        let raw: Raw =
            toml::from_str(package.component().manifest()).map_err(|e| bad(e.message().to_owned()))?;
        let host = raw.host.as_deref().unwrap_or("*");
        let small = (package.manifest().len() + package.config().len()) as u64;
        let size = small.saturating_add(package.component().content().size());
        Ok(Self {
            kind: package.head().kind.clone(),
            summary: raw.summary,
            host: VersionReq::parse(host)
                .map_err(|_| bad(format!("`host` is no version range: `{host}`")))?,
            size,
            license: raw.license,
            source: raw.source,
            revision: raw.revision,
            requests: raw.request,
            references,
            yanked: None,
        })
    }

    /// The rules that hold for all of this, whoever says it.
    fn check(&self, digest: ContentDigest) -> Result<(), &'static str> {
        if !self.kind.split_once('@').is_some_and(|(world, generation)| {
            is_label(world) && generation.len() <= 32 && generation.starts_with(|c: char| c.is_ascii_digit())
        }) {
            return Err("its kind is not `world@generation`");
        }
        if self.references.iter().any(|reference| reference.digest() != Some(digest)) {
            return Err("a reference is not by its digest");
        }
        Ok(())
    }
}

impl Entry {
    /// What a targets file lists.
    pub(crate) fn read(
        role: &str,
        path: &str,
        target: &TargetFile,
        limits: &Limits,
    ) -> Result<Self, IndexError> {
        let bad = |why: String| IndexError::Entry { what: role.to_owned(), path: path.to_owned(), why };
        let (name, version) = names::parse_target(path, limits)
            .ok_or_else(|| bad("it is not `namespace/name/version.json`".into()))?;
        let digest = target.hashes.get("sha256").and_then(|hex| ContentDigest::from_hex(hex));
        let digest = digest.ok_or_else(|| bad("it has no SHA-256".into()))?;
        let custom = target.custom.as_ref().ok_or_else(|| bad("nothing is said about it".into()))?;
        let about: About = serde_json::from_value(custom.clone()).map_err(|e| bad(e.to_string()))?;
        let entry = Self { name, version, digest, manifest_size: target.length, about };
        entry.check(limits).map_err(bad)?;
        Ok(entry)
    }

    /// Bounds, and what must agree.
    pub(crate) fn check(&self, limits: &Limits) -> Result<(), String> {
        if self.manifest_size > limits.bundle.json {
            return Err("its manifest is too large".into());
        }
        let about = serde_json::to_vec(&self.about).map_err(|e| e.to_string())?;
        if about.len() > limits.about {
            return Err(format!("more than {} bytes are said about it", limits.about));
        }
        self.about.check(self.digest).map_err(str::to_owned)
    }

    /// How a targets file lists it: its path, and the target.
    pub(crate) fn target(&self) -> Result<(String, Value), IndexError> {
        let custom =
            serde_json::to_value(&self.about).map_err(|e| IndexError::malformed("entry", e.to_string()))?;
        let target = serde_json::json!({
            "length": self.manifest_size, "hashes": { "sha256": self.digest.hex() }, "custom": custom,
        });
        Ok((names::target(&self.name, &self.version), target))
    }

    /// What is before the slash of its name.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(namespace, _)| namespace)
    }
}

/// What has one form as text.
pub(crate) mod text {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(value: &impl Display, to: S) -> Result<S::Ok, S::Error> {
        to.collect_str(value)
    }

    pub(super) fn deserialize<'de, D, T>(from: D) -> Result<T, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        String::deserialize(from)?.parse().map_err(de::Error::custom)
    }
}

/// The same, several times.
mod list {
    use std::fmt::Display;
    use std::str::FromStr;

    use serde::{Deserialize as _, Deserializer, Serializer, de};

    pub(crate) fn serialize<S: Serializer>(values: &[impl Display], to: S) -> Result<S::Ok, S::Error> {
        to.collect_seq(values.iter().map(ToString::to_string))
    }

    pub(super) fn deserialize<'de, D, T>(from: D) -> Result<Vec<T>, D::Error>
    where
        D: Deserializer<'de>,
        T: FromStr<Err: Display>,
    {
        Vec::<String>::deserialize(from)?.iter().map(|text| text.parse().map_err(de::Error::custom)).collect()
    }
}
