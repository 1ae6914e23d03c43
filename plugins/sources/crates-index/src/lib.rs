//! Releases of crates from a sparse Cargo index (RFC 2789).

mod download;
mod index;
mod name;
mod settings;

use waystation_listing::registry_error;
use waystation_update_source::plugin::http::{Request, Response};
use waystation_update_source::plugin::{Error, config, log};
use waystation_update_source::{
    Answer, Context, Description, Guest, Item, Listing, Query, export, listing, validator,
};

use crate::download::Template;
use crate::name::CrateName;
use crate::settings::{CONFIG_SCHEMA, Config, OPTIONS_SCHEMA, Options};

/// The largest files of the public index are far below; all of it is held while it is parsed.
const MAX_INDEX_FILE: usize = 32 << 20;
const CREDENTIAL: &str = "registry-token";

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/crates-index".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases of crates from a sparse Cargo index".into(),
            config_schema: CONFIG_SCHEMA.into(),
            options_schema: OPTIONS_SCHEMA.into(),
            locator_hint: "crate".into(),
            schemes: vec!["semver".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config: Config = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let name = CrateName::parse(&item.locator)?;

        let url = config.index.join(&name.index_path());
        let answer = ask(&url, validator::open(&item, &context))?;
        if matches!(answer.status, 404 | 410 | 451) {
            return Err(Error::not_found(format!("the index has no crate named `{name}`")));
        }
        let answer = answer.success().map_err(explain)?;
        if answer.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let parsed = index::parse(&answer.body)?;
        if parsed.skipped > 0 {
            log::warn(
                "lines of an index file were skipped",
                &[("crate", &item.locator), ("lines", &parsed.skipped.to_string())],
            );
        }
        let validator = validator::seal(answer.validator(), &item, &context);
        let releases = parsed.versions.iter().map(|version| version.release(config.web()));
        let mut listing = listing::cut(releases, &context, validator, false);
        if options.assets && !listing.releases.is_empty() {
            add_assets(&config, &parsed.versions, &mut listing)?;
        }
        Ok(Answer::Listing(listing))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("a sparse index has one file for each crate; ask one by one"))
    }
}

/// Puts the `.crate` file beside each release; the address is asked for only here.
fn add_assets(config: &Config, versions: &[index::Version<'_>], listing: &mut Listing) -> Result<(), Error> {
    let template = match &config.download {
        Some(template) => template.clone(),
        None => {
            let answer = ask(&config.index.join(&["config.json"]), None)?.success().map_err(explain)?;
            Template::from_config(&answer.body)?
        }
    };
    for release in &mut listing.releases {
        let version = versions.iter().find(|version| version.text == release.version);
        release.assets.extend(version.and_then(|version| template.asset(version)));
    }
    Ok(())
}

fn ask(url: &str, validator: Option<&str>) -> Result<Response, Error> {
    Request::get(url)
        .header("accept", "text/plain, application/json;q=0.9, */*;q=0.5")
        .credential_if_bound(CREDENTIAL)
        .conditional(validator)
        .max_body(MAX_INDEX_FILE)
        .send()
}

fn explain(error: Error) -> Error {
    registry_error(error, CREDENTIAL, || "the index has no such file".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::manifest;

    #[test]
    fn the_description_fits_the_manifest() {
        let manifest = include_str!("../plugin.toml");
        assert_eq!(manifest::fits(&Plugin::describe().unwrap(), manifest), Ok(()));
        assert!(manifest.contains(&format!("names = [\"{CREDENTIAL}\"]")));
    }

    #[test]
    fn a_missing_token_is_explained() {
        assert!(explain(Error::unauthorized("the remote answered 401")).message.contains("registry-token"));
        assert_eq!(explain(Error::forbidden("no")).message, "no");
    }
}
