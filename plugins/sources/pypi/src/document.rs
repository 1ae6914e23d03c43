//! The JSON documents of an index: the project's own (`/pypi/<project>/json`) and that of the Simple
//! API (PEP 691, with the additions of PEP 700, 740 and 792).

use std::collections::BTreeMap;
use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Visitor};
use waystation_update_source::plugin::http::url::Url;
use waystation_update_source::plugin::{Error, time};

use crate::file::{self, File};

/// `/pypi/<project>/json`
#[derive(Debug, Deserialize)]
pub(crate) struct Project {
    info: Info,
    releases: Option<BTreeMap<String, Vec<Entry>>>,
    urls: Option<Vec<Entry>>,
}

#[derive(Debug, Deserialize)]
struct Info {
    version: String,
}

/// `/simple/<project>/` as JSON
#[derive(Debug, Deserialize)]
pub(crate) struct Simple {
    meta: Meta,
    files: Vec<Entry>,
    #[serde(default)]
    versions: Vec<String>,
    #[serde(rename = "project-status")]
    status: Option<Status>,
}

#[derive(Debug, Deserialize)]
struct Meta {
    #[serde(rename = "api-version")]
    api_version: String,
}

#[derive(Debug, Deserialize)]
struct Status {
    status: Option<String>,
}

/// A file, in either document's spelling.
#[derive(Debug, Deserialize)]
struct Entry {
    filename: String,
    url: String,
    size: Option<u64>,
    #[serde(alias = "digests")]
    hashes: Option<BTreeMap<String, String>>,
    #[serde(default)]
    yanked: Yanked,
    yanked_reason: Option<String>,
    #[serde(rename = "upload-time", alias = "upload_time_iso_8601")]
    uploaded: Option<String>,
    #[serde(rename = "requires-python", alias = "requires_python")]
    requires_python: Option<String>,
    provenance: Option<String>,
}

/// `false`, `true`, or the reason (PEP 592).
#[derive(Debug, Default, PartialEq)]
struct Yanked(Option<String>);

impl<'de> Deserialize<'de> for Yanked {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visit;

        impl Visitor<'_> for Visit {
            type Value = Yanked;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a boolean or the reason as a string")
            }

            fn visit_bool<E>(self, yanked: bool) -> Result<Yanked, E> {
                Ok(Yanked(yanked.then(String::new)))
            }

            fn visit_str<E>(self, reason: &str) -> Result<Yanked, E> {
                Ok(Yanked(Some(reason.to_owned())))
            }

            fn visit_unit<E>(self) -> Result<Yanked, E> {
                Ok(Yanked(None))
            }
        }

        deserializer.deserialize_any(Visit)
    }
}

impl Project {
    /// `url` is where the document was found: mirrors write addresses relative to it.
    pub(crate) fn project(self, url: &str) -> Result<file::Project, Error> {
        let base = Url::parse(url)?;
        let (releases, more) = match self.releases {
            Some(releases) => (releases, false),
            // Some indexes leave the others out; then this is the newest one.
            None => (BTreeMap::from([(self.info.version, self.urls.unwrap_or_default())]), true),
        };
        let mut project = file::Project { more, ..file::Project::default() };
        for (version, entries) in releases {
            let files = entries.into_iter().map(|entry| entry.file(&base));
            project.files.extend(files.map(|file| File { version: Some(version.clone()), ..file }));
            project.versions.push(version);
        }
        Ok(project)
    }
}

impl Simple {
    /// `url` is where the document was found: addresses may be relative to it.
    pub(crate) fn project(self, url: &str) -> Result<file::Project, Error> {
        // PEP 629: another major version means another document.
        let version = &self.meta.api_version;
        if version.split('.').next() != Some("1") {
            let shown: String = version.chars().take(20).collect();
            return Err(Error::unsupported(format!(
                "the index speaks version {shown} of its API; this plugin knows 1"
            )));
        }
        let base = Url::parse(url)?;
        Ok(file::Project {
            versions: self.versions,
            files: self.files.into_iter().map(|entry| entry.file(&base)).collect(),
            more: false,
            status: self.status.and_then(|status| status.status).filter(|status| status != "active"),
        })
    }
}

impl Entry {
    fn file(self, base: &Url) -> File {
        let url = base.resolve(&self.url).ok();
        let hashes = self.hashes.unwrap_or_default();
        File {
            digests: file::digests(hashes.iter().map(|(name, hex)| (name.as_str(), hex.as_str()))),
            yanked: self.yanked.0.map(|reason| self.yanked_reason.unwrap_or(reason)),
            uploaded_at: self.uploaded.and_then(|text| time::parse_rfc3339(&text)),
            requires_python: self.requires_python.filter(|text| !text.is_empty()),
            provenance: self.provenance.and_then(|text| Some(base.resolve(&text).ok()?.to_string())),
            url: url.map(|url| url.to_string()),
            filename: self.filename,
            size: self.size,
            version: None,
        }
    }
}

#[cfg(test)]
#[path = "document_tests.rs"]
pub(crate) mod tests;
