//! The documents of OCI that a package is made of, as far as it uses them.
//!
//! Keys that OCI knows and a package has no use for (`urls`, `data` of other content, `platform` of a manifest) are
//! refused like unknown ones, but for what `wkg`, `oras`, `skopeo` and `cosign` write: `data` that repeats a blob, and
//! `platform` in an index. Source: OCI image-spec 1.1.

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::blob::Blob;
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::json;
use crate::limits::Limits;

/// The type of a manifest.
pub const MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The type of an index.
pub const INDEX: &str = "application/vnd.oci.image.index.v1+json";
/// The type of an artifact that is a plugin.
pub const PLUGIN: &str = "application/vnd.waystation.plugin.v1";
/// The type of its config: the Wasm OCI artifact layout of the CNCF.
pub const CONFIG: &str = "application/vnd.wasm.config.v0+json";
/// The type of its one layer.
pub const COMPONENT: &str = "application/wasm";
/// The type of a config that says nothing.
pub const EMPTY: &str = "application/vnd.oci.empty.v1+json";
/// The content of a config that says nothing.
pub const EMPTY_CONTENT: &[u8] = b"{}";

/// The annotation of the config's descriptor that repeats `plugin.toml`.
pub const MANIFEST_TEXT: &str = "vnd.waystation.plugin.toml";
/// The annotation of the manifest with the kind of the plugin.
pub const PLUGIN_KIND: &str = "vnd.waystation.plugin.kind";
/// The annotation with the plugin's name, and of a layer with a file name.
pub const TITLE: &str = "org.opencontainers.image.title";
/// The annotation with the plugin's version.
pub const VERSION: &str = "org.opencontainers.image.version";
/// The annotation of an index's descriptor with a tag.
pub const REF_NAME: &str = "org.opencontainers.image.ref.name";

/// Names and what they say, in the order of names.
pub type Annotations = BTreeMap<String, String>;

/// Says where content is, and what it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Descriptor {
    /// The type of the content.
    pub media_type: String,
    /// Its digest.
    pub digest: ContentDigest,
    /// Its size in bytes.
    pub size: u64,
    /// The type of the artifact, where the content is a manifest.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// What else is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
    /// The content once more, in base64.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub data: Option<String>,
    /// What machine it is for: for none. Not looked at.
    #[serde(default, skip_serializing)]
    pub(crate) platform: Option<Value>,
}

impl Descriptor {
    /// Describes this content.
    pub fn of(media_type: &str, content: &[u8]) -> Self {
        Self::known(media_type, ContentDigest::of(content), content.len() as u64)
    }

    /// Describes content whose digest is known.
    pub fn to(media_type: &str, content: &Blob) -> Self {
        Self::known(media_type, content.digest(), content.size())
    }

    fn known(media_type: &str, digest: ContentDigest, size: u64) -> Self {
        let media_type = media_type.to_owned();
        Self { media_type, digest, size, artifact_type: None, annotations: None, data: None, platform: None }
    }

    /// The same content, without what a list says beside it.
    pub(crate) fn of_other(other: &Self) -> Self {
        Self { artifact_type: None, annotations: None, data: None, platform: None, ..other.clone() }
    }

    /// Whether this content, whose digest is the described one, is what is described otherwise, too.
    pub(crate) fn check(&self, content: &Blob) -> Result<(), BundleError> {
        let actual = content.size();
        if self.size != actual {
            return Err(BundleError::SizeMismatch { digest: self.digest, told: self.size, actual });
        }
        let same = |data: &String| {
            BASE64_STANDARD.decode(data).is_ok_and(|data| ContentDigest::of(&data) == content.digest())
        };
        if !self.data.as_ref().is_none_or(same) {
            return Err(BundleError::DataMismatch(self.digest));
        }
        Ok(())
    }

    pub(crate) fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// A manifest: of a plugin, or of what is attached to one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Manifest {
    /// Always 2.
    pub schema_version: u64,
    /// [`MANIFEST`].
    pub media_type: String,
    /// What kind of artifact it is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub artifact_type: Option<String>,
    /// Its config.
    pub config: Descriptor,
    /// Its content.
    pub layers: Vec<Descriptor>,
    /// What it is attached to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub subject: Option<Descriptor>,
    /// What else is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
}

impl Manifest {
    /// Reads one, within limits; `what` is for messages.
    ///
    /// # Errors
    /// When it is not the JSON it should be, of another type, or over a limit.
    pub fn parse(what: &str, bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let manifest: Self = json::parse(what, bytes, limits)?;
        version(what, manifest.schema_version)?;
        media_type(what, &manifest.media_type, MANIFEST)?;
        if manifest.layers.len() > limits.layers {
            return Err(BundleError::TooMany { what: "layers", limit: limits.layers });
        }
        let described = manifest.layers.iter().chain([&manifest.config]).chain(&manifest.subject);
        annotations_bounded(described.map(|one| &one.annotations).chain([&manifest.annotations]), limits)?;
        Ok(manifest)
    }

    /// What it is: OCI takes the type of the config where there is no other.
    pub fn kind(&self) -> &str {
        self.artifact_type.as_deref().unwrap_or(&self.config.media_type)
    }

    /// What an annotation says.
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.annotations.as_ref()?.get(key).map(String::as_str)
    }
}

/// What a layout or a registry lists.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Index {
    /// Always 2.
    pub schema_version: u64,
    /// [`INDEX`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub media_type: Option<String>,
    /// What it lists.
    pub manifests: Vec<Descriptor>,
    /// What else is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub annotations: Option<Annotations>,
}

impl Index {
    /// One that lists these.
    pub fn new(manifests: Vec<Descriptor>) -> Self {
        Self { schema_version: 2, media_type: Some(INDEX.to_owned()), manifests, annotations: None }
    }

    /// Reads one, within limits.
    ///
    /// # Errors
    /// As [`Manifest::parse`].
    pub fn parse(bytes: &[u8], limits: &Limits) -> Result<Self, BundleError> {
        let index: Self = json::parse("index.json", bytes, limits)?;
        index.check(limits)?;
        Ok(index)
    }

    pub(crate) fn check(&self, limits: &Limits) -> Result<(), BundleError> {
        version("index.json", self.schema_version)?;
        if let Some(found) = &self.media_type {
            media_type("index.json", found, INDEX)?;
        }
        if self.manifests.len() > limits.entries {
            return Err(BundleError::TooMany { what: "manifests", limit: limits.entries });
        }
        annotations_bounded(
            self.manifests.iter().map(|one| &one.annotations).chain([&self.annotations]),
            limits,
        )
    }
}

/// `oci-layout`.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Marker {
    pub(crate) image_layout_version: String,
}

/// The only version there is.
pub(crate) const LAYOUT_VERSION: &str = "1.0.0";

/// The config of a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Config {
    /// RFC 3339; `wkg` does not read a config without it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub created: Option<String>,
    /// Who made it. Not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// `wasm`.
    pub architecture: String,
    /// `wasip2`, which means: a component.
    pub os: String,
    /// Digests of the layers, in their order.
    pub layer_digests: Vec<ContentDigest>,
    /// What the component is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component: Option<World>,
}

/// What a component takes and gives.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct World {
    /// Names of its exports.
    pub exports: Vec<String>,
    /// Names of its imports.
    pub imports: Vec<String>,
    /// The world it was built for. Not looked at.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub target: Option<String>,
}

/// The bytes of a document that we write: keys in the order of the type, no white space.
///
/// # Errors
/// Never, for the documents of this module.
pub fn bytes(what: &str, document: &impl Serialize) -> Result<bytes::Bytes, BundleError> {
    let bytes = serde_json::to_vec(document);
    bytes.map(Into::into).map_err(|e| BundleError::BadJson { what: what.to_owned(), why: e.to_string() })
}

fn version(what: &str, found: u64) -> Result<(), BundleError> {
    match found {
        2 => Ok(()),
        _ => Err(BundleError::SchemaVersion { what: what.to_owned(), found }),
    }
}

pub(crate) fn media_type(what: &str, found: &str, wanted: &str) -> Result<(), BundleError> {
    match found == wanted {
        true => Ok(()),
        false => Err(BundleError::MediaType { what: what.to_owned(), found: found.to_owned() }),
    }
}

fn annotations_bounded<'a>(
    all: impl IntoIterator<Item = &'a Option<Annotations>>,
    limits: &Limits,
) -> Result<(), BundleError> {
    match all.into_iter().flatten().any(|one| one.len() > limits.annotations) {
        true => Err(BundleError::TooMany { what: "annotations", limit: limits.annotations }),
        false => Ok(()),
    }
}
