//! From the paragraphs of an index to releases.

use crate::control;
use crate::index::Paragraph;
use crate::problem::Problem;
use crate::settings::Settings;
use crate::version;
use std::cmp::Ordering;
use waystation_listing::short;
use waystation_update_source::plugin::http::BaseUrl;
use waystation_update_source::{Asset, Digest, Release};

const PACKAGE_MEDIA_TYPE: &str = "application/vnd.debian.binary-package";

/// Where a paragraph stands.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin<'o> {
    /// The archive's root: file names in the index start there.
    pub base_url: &'o BaseUrl,
    /// The suite as configured; becomes the release's channel.
    pub suite: &'o str,
    /// The component.
    pub component: &'o str,
}

/// The releases that the paragraphs of one package describe, whatever suites they stand in, newest first,
/// each version once: from the suite that is configured first.
///
/// A package that has paragraphs, but none that can be used, is an error, not a package without releases.
pub(crate) fn releases(
    package: &str,
    paragraphs: &[Paragraph<Origin<'_>>],
    settings: &Settings,
) -> Result<Vec<Release>, Problem> {
    let architecture = settings.architecture.as_str();
    if paragraphs.is_empty() {
        let suites: Vec<String> = settings.suites.iter().map(|suite| format!("`{}`", suite.name)).collect();
        return Err(Problem::NotFound(format!(
            "suite {} has no package `{}` for `{architecture}` in the configured components",
            suites.join(" or "),
            short(package, 120),
        )));
    }
    let mut releases = Vec::new();
    let mut refused = None;
    for paragraph in paragraphs {
        match release(paragraph, architecture) {
            Ok(Some(release)) => releases.push(release),
            Ok(None) => {}
            Err(why) => refused = Some(why),
        }
    }
    match refused {
        Some(why) if releases.is_empty() => Err(Problem::BadResponse(format!(
            "the package index describes `{}` in a way that cannot be used: {why}",
            short(package, 120)
        ))),
        _ => {
            releases.sort_by(|one, other| version::compare(&other.version, &one.version));
            releases.dedup_by(|one, other| version::compare(&one.version, &other.version) == Ordering::Equal);
            Ok(releases)
        }
    }
}

/// One paragraph's release; nothing if it is for another architecture.
fn release(paragraph: &Paragraph<Origin<'_>>, architecture: &str) -> Result<Option<Release>, String> {
    let origin = paragraph.place;
    let mut fields = Found::default();
    for field in control::fields(&paragraph.text) {
        fields.take(field);
    }
    if !matches!(fields.architecture, "all" | "") && fields.architecture != architecture {
        return Ok(None);
    }
    let version = fields.version;
    let fit = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '+' | '-' | ':' | '~' | '_');
    if version.is_empty() || version.len() > 255 || !version.chars().all(fit) {
        return Err(format!("`Version` is `{}`", short(version, 60)));
    }
    let asset = asset(&fields, origin.base_url)?;
    Ok(Some(Release {
        version: version.to_owned(),
        published_at: None,
        // What upstream calls a candidate is what the suite offers: the suite decides what is ready.
        prerelease: false,
        withdrawn: false,
        channel: Some(origin.suite.to_owned()),
        url: None,
        assets: vec![asset],
        extra: extras(&fields, origin.component),
    }))
}

/// The fields of a paragraph that are of use; empty where there are none.
#[derive(Default)]
struct Found<'p> {
    package: &'p str,
    source: &'p str,
    version: &'p str,
    architecture: &'p str,
    section: &'p str,
    description: &'p str,
    homepage: &'p str,
    filename: &'p str,
    size: &'p str,
    sha256: &'p str,
    sha512: &'p str,
}

impl<'p> Found<'p> {
    fn take(&mut self, field: control::Field<'p>) {
        let place = match field.name.to_ascii_lowercase().as_str() {
            "package" => &mut self.package,
            "source" => &mut self.source,
            "version" => &mut self.version,
            "architecture" => &mut self.architecture,
            "section" => &mut self.section,
            "description" => &mut self.description,
            "homepage" => &mut self.homepage,
            "filename" => &mut self.filename,
            "size" => &mut self.size,
            "sha256" => &mut self.sha256,
            "sha512" => &mut self.sha512,
            _ => return,
        };
        *place = field.first_line();
    }
}

/// The package's file. Without a digest it could be anything, so it must have one.
fn asset(fields: &Found<'_>, base_url: &BaseUrl) -> Result<Asset, String> {
    let segments: Vec<&str> = fields.filename.trim_start_matches("./").split('/').collect();
    let safe = segments.iter().all(|segment| {
        !matches!(*segment, "" | "." | "..") && !segment.chars().any(|c| c.is_control() || c == '\\')
    });
    let name = segments.last().copied().unwrap_or_default();
    if !safe || fields.filename.len() > 1024 {
        return Err(format!("`Filename` is `{}`", short(fields.filename, 120)));
    }
    let digests: Vec<Digest> = [("sha256", 64, fields.sha256), ("sha512", 128, fields.sha512)]
        .into_iter()
        .filter(|(_, length, value)| {
            value.len() == *length && value.bytes().all(|byte| byte.is_ascii_hexdigit())
        })
        .map(|(algorithm, _, value)| Digest {
            algorithm: algorithm.to_owned(),
            value: value.to_ascii_lowercase(),
        })
        .collect();
    if digests.is_empty() {
        return Err("it has no `SHA256`".to_owned());
    }
    Ok(Asset {
        name: name.to_owned(),
        url: base_url.join(&segments),
        size: fields.size.parse().ok(),
        digests,
        media_type: Some(PACKAGE_MEDIA_TYPE.to_owned()),
        extra: vec![("platform".to_owned(), format!("linux/{}", fields.architecture))],
    })
}

/// Documented in the README: `source`, `source-version`, `architecture`, `component`, `section`,
/// `description`, `homepage`.
fn extras(fields: &Found<'_>, component: &str) -> Vec<(String, String)> {
    let source = if fields.source.is_empty() { fields.package } else { fields.source };
    // `Source: glibc (2.36-9)`: the version stands there only if it differs.
    let (source, source_version) = match source.split_once(" (") {
        Some((source, version)) => (source, version.trim_end_matches(')')),
        None => (source, fields.version),
    };
    let homepage = waystation_listing::web_url(fields.homepage).unwrap_or_default();
    [
        ("source", source),
        ("source-version", source_version),
        ("architecture", fields.architecture),
        ("component", component),
        ("section", fields.section),
        ("description", fields.description),
        ("homepage", &homepage),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(name, value)| (name.to_owned(), short(value, 500)))
    .collect()
}

#[cfg(test)]
#[path = "answer_tests.rs"]
mod tests;
