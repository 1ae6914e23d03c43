//! From a document to releases.

use crate::document::describe;
use crate::options::{Assets, Options, Path, VersionAt};
use crate::problem::Problem;
use serde_json::Value;
use serde_json_path::{LocatedNode, PathElement};
use std::borrow::Cow;
use waystation_document::moment;
use waystation_listing::{hex_digest, short};
use waystation_update_source::plugin::http::url::{Url, decode};
use waystation_update_source::{Asset, Release, version};

/// The most releases that are taken from one document.
const MAX_RELEASES: usize = 10_000;
/// The most files that are taken from one release.
const MAX_ASSETS: usize = 200;

/// The releases that the options find in the document, in its order. References are resolved against
/// `base`, the document's own address.
///
/// Selected values in which no version is found are left out; if that is all of them, the first one's fault
/// is the error.
pub(crate) fn releases(document: &Value, options: &Options, base: &Url) -> Result<Vec<Release>, Problem> {
    let selected = options.versions.all(document);
    if selected.is_empty() {
        // A list without elements is software without releases; a path that leads nowhere is a mistake.
        return match describe_emptiness(document, &options.versions) {
            Some(why) => Err(Problem::Mismatch(why)),
            None => Ok(Vec::new()),
        };
    }
    let mut releases = Vec::new();
    let mut fault = None;
    for node in selected.iter().take(MAX_RELEASES) {
        match release(node, options, base) {
            Ok(release) => releases.push(release),
            Err(why) => fault = fault.or(Some(why)),
        }
    }
    match fault {
        Some(why) if releases.is_empty() => Err(Problem::Mismatch(format!(
            "none of the {} values that `versions` (`{}`) selects gives a version: {why}",
            selected.len(),
            options.versions
        ))),
        _ => Ok(releases),
    }
}

/// Why nothing was selected; nothing if the path ends in a wildcard over an empty list or object.
fn describe_emptiness(document: &Value, versions: &Path) -> Option<String> {
    let text = versions.to_string();
    let parent = ["[*]", ".*"].iter().find_map(|wildcard| text.strip_suffix(wildcard));
    let list = parent.and_then(|parent| Path::try_from(parent.to_owned()).ok());
    match list.as_ref().and_then(|list| list.first(document)) {
        Some(Value::Array(list)) if list.is_empty() => None,
        Some(Value::Object(members)) if members.is_empty() => None,
        Some(found) => Some(format!("`versions` (`{versions}`) selects nothing in {}", describe(found))),
        None => {
            Some(format!("`versions` (`{versions}`) selects nothing; the document is {}", describe(document)))
        }
    }
}

fn release(node: &LocatedNode<'_>, options: &Options, base: &Url) -> Result<Release, String> {
    let value = node.node();
    let text = version_text(node, &options.version)?;
    let version = match &options.pattern {
        None => text.trim(),
        Some(pattern) => pattern.find(&text).ok_or_else(|| {
            format!(
                "`{}` at `{}` does not fit `pattern` (`{}`)",
                short(&text, 60),
                node.location(),
                pattern.as_str()
            )
        })?,
    };
    if version.is_empty() {
        return Err(format!("the text at `{}` is empty", node.location()));
    }
    let at = |path: &Option<Path>| path.as_ref().and_then(|path| path.first(value));
    let by_pattern = || match &options.prerelease_pattern {
        Some(pattern) => pattern.is_match(version),
        None => version::is_prerelease(version),
    };
    Ok(Release {
        version: version.to_owned(),
        published_at: at(&options.date).and_then(plain).and_then(|date| moment(&date)),
        prerelease: at(&options.prerelease).map_or_else(by_pattern, truth),
        withdrawn: at(&options.withdrawn).is_some_and(truth),
        channel: at(&options.channel).and_then(plain).map(|channel| short(&channel, 120)),
        url: at(&options.url).and_then(Value::as_str).and_then(|url| resolve(base, url)),
        assets: options.assets.as_ref().map(|rules| assets(value, rules, base)).unwrap_or_default(),
        extra: Vec::new(),
    })
}

/// The text that holds the version.
fn version_text<'v>(node: &LocatedNode<'v>, at: &VersionAt) -> Result<Cow<'v, str>, String> {
    let value = node.node();
    match at {
        VersionAt::Here => plain(value).ok_or_else(|| {
            format!(
                "at `{}` there is {}; say with `version` where the version is",
                node.location(),
                describe(value)
            )
        }),
        VersionAt::Key => match node.location().last() {
            Some(PathElement::Name(name)) => Ok(Cow::Owned((*name).to_owned())),
            _ => Err(format!("`{}` is not the member of an object, so `@key` has no name", node.location())),
        },
        VersionAt::Path(path) => path.first(value).and_then(plain).ok_or_else(|| {
            format!(
                "`version` (`{path}`) finds no text at `{}`: there is {}",
                node.location(),
                describe(value)
            )
        }),
    }
}

/// Texts as they are, numbers as they are written.
fn plain(value: &Value) -> Option<Cow<'_, str>> {
    match value {
        Value::String(text) => Some(Cow::Borrowed(text)),
        Value::Number(number) => Some(Cow::Owned(number.to_string())),
        _ => None,
    }
}

/// `true`, numbers other than zero, and texts that are neither empty nor `false` say yes.
fn truth(value: &Value) -> bool {
    match value {
        Value::Bool(yes) => *yes,
        Value::String(text) => !matches!(text.trim(), "" | "false" | "no" | "0"),
        Value::Number(number) => number.as_f64() != Some(0.0),
        Value::Null => false,
        Value::Array(list) => !list.is_empty(),
        Value::Object(_) => true,
    }
}

fn assets(value: &Value, rules: &Assets, base: &Url) -> Vec<Asset> {
    let found = rules.select.all(value);
    found.iter().take(MAX_ASSETS).filter_map(|node| asset(node.node(), rules, base)).collect()
}

fn asset(file: &Value, rules: &Assets, base: &Url) -> Option<Asset> {
    let at = |path: &Option<Path>| path.as_ref().and_then(|path| path.first(file));
    let address = match &rules.url {
        Some(path) => path.first(file)?.as_str()?,
        None => file.as_str()?,
    };
    let url = resolve(base, address)?;
    let last = || {
        let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
        path.rsplit('/').next().and_then(decode).unwrap_or_default()
    };
    let name = at(&rules.name).and_then(plain).map_or_else(last, Cow::into_owned);
    if rules.pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&name)) {
        return None;
    }
    let digests = [("sha256", &rules.sha256), ("sha512", &rules.sha512)]
        .into_iter()
        .filter_map(|(algorithm, path)| {
            let text = at(path)?.as_str()?.trim();
            let hex = text.strip_prefix(algorithm).map_or(text, |hex| hex.trim_start_matches([':', '-']));
            hex_digest(&format!("{algorithm}:{hex}"))
        })
        .collect();
    Some(Asset {
        name: short(&name, 255),
        size: at(&rules.size).and_then(plain).and_then(|size| size.parse().ok()),
        digests,
        media_type: None,
        extra: Vec::new(),
        url,
    })
}

fn resolve(base: &Url, reference: &str) -> Option<String> {
    (!reference.trim().is_empty()).then(|| base.resolve(reference).ok()).flatten().map(|url| url.to_string())
}

#[cfg(test)]
#[path = "select_tests.rs"]
mod tests;
