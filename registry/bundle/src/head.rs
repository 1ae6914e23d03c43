//! What the artifact repeats of `plugin.toml`.

use semver::Version;
use serde::Deserialize;

use crate::error::BundleError;
use crate::oci::{self, Annotations};

/// Who a plugin is. The rest of `plugin.toml`, and whether all of it is right, is the runtime's to read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// `namespace/name`.
    pub name: String,
    /// The plugin's version.
    pub version: Version,
    /// The world and its generation, `update-source@0.1`.
    pub kind: String,
    /// What is said beside these, as annotations.
    more: Vec<(&'static str, String)>,
}

#[derive(Deserialize)]
struct Raw {
    name: String,
    version: String,
    kind: String,
    summary: Option<String>,
    license: Option<String>,
    source: Option<String>,
    revision: Option<String>,
}

impl Head {
    /// Reads what is needed of `plugin.toml`.
    pub(crate) fn parse(manifest: &str) -> Result<Self, BundleError> {
        let bad = |why: &str| BundleError::BadManifest(why.to_owned());
        let raw: Raw = toml::from_str(manifest).map_err(|e| bad(e.message()))?;
        let (namespace, name) = raw.name.split_once('/').unwrap_or_default();
        if !is_label(namespace) || !is_label(name) {
            return Err(bad("`name` is `namespace/name`, each of lower-case letters, digits and hyphens"));
        }
        let version = Version::parse(&raw.version).map_err(|_| bad("`version` is not a semantic version"))?;
        let more = [
            ("org.opencontainers.image.description", raw.summary),
            ("org.opencontainers.image.licenses", raw.license),
            ("org.opencontainers.image.source", raw.source),
            ("org.opencontainers.image.revision", raw.revision),
        ];
        let more = more.into_iter().filter_map(|(key, value)| Some((key, value?))).collect();
        Ok(Self { name: raw.name, version, kind: raw.kind, more })
    }

    /// The part of the name after the namespace.
    pub fn short(&self) -> &str {
        self.name.split_once('/').map_or(self.name.as_str(), |(_, name)| name)
    }

    /// The name of a plugin's file: `NAME-VERSION.plugin.tar`.
    pub fn file_name(&self) -> String {
        format!("{}-{}.plugin.tar", self.short(), self.version)
    }

    /// The tag in a registry: the version, with `_` for the `+` that no tag has.
    pub fn tag(&self) -> String {
        self.version.to_string().replace('+', "_")
    }

    /// The annotations of the manifest.
    pub(crate) fn annotations(&self) -> Annotations {
        self.required()
            .into_iter()
            .chain(self.more.clone())
            .map(|(key, value)| (key.to_owned(), value))
            .collect()
    }

    fn required(&self) -> [(&'static str, String); 3] {
        [
            (oci::TITLE, self.name.clone()),
            (oci::VERSION, self.version.to_string()),
            (oci::PLUGIN_KIND, self.kind.clone()),
        ]
    }

    /// Whether a manifest says the same. A host shows what `plugin.toml` says; a registry shows these.
    pub(crate) fn check(&self, manifest: &oci::Manifest) -> Result<(), BundleError> {
        let differs = |key, found: &str, wanted: String| {
            Err(BundleError::AnnotationDiffers { key, found: found.to_owned(), wanted })
        };
        for (key, wanted) in self.required() {
            match manifest.annotation(key) {
                Some(found) if found == wanted => {}
                found => return differs(key, found.unwrap_or_default(), wanted),
            }
        }
        for (key, wanted) in &self.more {
            match manifest.annotation(key) {
                Some(found) if found != wanted => return differs(key, found, wanted.clone()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a text can be a namespace, a name, or a world: 1 to 64 lower-case letters, digits and inner hyphens.
pub fn is_label(text: &str) -> bool {
    (1..=64).contains(&text.len())
        && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        && !text.starts_with('-')
        && !text.ends_with('-')
}
