//! Versions from JSON documents: `<base_url>/<locator>.json` holds `{"versions": ["1.1.0", "1.0.0"]}`.

use serde::Deserialize;
use waystation_update_source::plugin::http::{BaseUrl, Request};
use waystation_update_source::plugin::{Error, config, log};
use waystation_update_source::{
    Answer, Context, Description, Guest, Item, Query, Release, export, listing, validator, version,
};

/// What an operator can set, for people and tools; `Config` below is what holds.
const CONFIG_SCHEMA: &str = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object",
  "additionalProperties": false,
  "required": ["base_url"],
  "properties": {
    "base_url": { "type": "string", "description": "Where the documents are." }
  }
}"#;

/// An item has no settings.
const OPTIONS_SCHEMA: &str = r#"{ "type": "object", "additionalProperties": false }"#;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Config {
    base_url: BaseUrl,
}

#[derive(Deserialize)]
struct Document {
    versions: Vec<String>,
}

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "example/my-source".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Versions from a JSON document per project".into(),
            config_schema: CONFIG_SCHEMA.into(),
            options_schema: OPTIONS_SCHEMA.into(),
            locator_hint: "project".into(),
            schemes: vec!["semver".into(), "loose".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config: Config = config::parse()?;
        let url = config.base_url.join(&[&format!("{}.json", item.locator)]);
        // With what the last answer left behind, an unchanged document costs an empty answer.
        let answer = Request::get(&url).conditional(validator::open(&item, &context)).send()?.success()?;
        if answer.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let releases = parse(&answer.body)?;
        log::info("read", &[("project", &item.locator), ("versions", &releases.len().to_string())]);
        let validator = validator::seal(answer.validator(), &item, &context);
        Ok(Answer::Listing(listing::cut(releases, &context, validator, false)))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("there is one document for each project; ask one by one"))
    }
}

/// The releases in a document, newest first. A function of bytes: its tests need no host.
fn parse(document: &[u8]) -> Result<Vec<Release>, Error> {
    let mut document: Document = serde_json::from_slice(document)?;
    version::sort_newest_first(&mut document.versions, |version| version);
    let release = |version: String| Release {
        published_at: None,
        prerelease: version::is_prerelease(&version),
        withdrawn: false,
        channel: None,
        url: None,
        assets: vec![],
        extra: vec![],
        version,
    };
    Ok(document.versions.into_iter().map(release).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::manifest;

    #[test]
    fn newest_first_and_prereleases_marked() {
        let releases = parse(br#"{"versions": ["1.9.0", "2.0.0-rc.1", "1.10.0"], "more": true}"#).unwrap();
        let read: Vec<_> = releases.iter().map(|r| (r.version.as_str(), r.prerelease)).collect();
        assert_eq!(read, [("2.0.0-rc.1", true), ("1.10.0", false), ("1.9.0", false)]);
    }

    #[test]
    fn other_documents_are_refused() {
        for document in ["", "[]", r#"{"version": "1.0"}"#, r#"{"versions": [1]}"#] {
            assert_eq!(parse(document.as_bytes()).unwrap_err().code, "bad-response", "{document}");
        }
    }

    #[test]
    fn the_description_fits_the_manifest() {
        assert_eq!(manifest::fits(&Plugin::describe().unwrap(), include_str!("../plugin.toml")), Ok(()));
    }
}
