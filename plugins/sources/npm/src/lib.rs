//! Releases of packages from an npm registry.

mod integrity;
mod name;
mod packument;
mod release;
mod settings;

use waystation_listing::registry_error;
use waystation_update_source::plugin::http::Request;
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{
    Answer, Context, Description, Guest, Item, Query, export, listing, validator,
};

use crate::name::PackageName;
use crate::packument::Packument;
use crate::settings::{CONFIG_SCHEMA, Config, OPTIONS_SCHEMA, Options};

/// Parsed while it arrives, so this bounds time and traffic, not memory.
const MAX_DOCUMENT: usize = 96 << 20;
const CREDENTIAL: &str = "npm-token";
/// The abbreviated document: a tenth of the full one, without dates.
const ABBREVIATED: &str = "application/vnd.npm.install-v1+json; q=1.0, application/json; q=0.8";

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/npm".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases of packages from an npm registry".into(),
            config_schema: CONFIG_SCHEMA.into(),
            options_schema: OPTIONS_SCHEMA.into(),
            locator_hint: "package or @scope/package".into(),
            schemes: vec!["semver".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config: Config = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let name = PackageName::parse(&item.locator)?;

        let (answer, content) = Request::get(&config.registry.join(&[name.as_str()]))
            .header("accept", if options.dates { "application/json" } else { ABBREVIATED })
            .credential_if_bound(CREDENTIAL)
            .conditional(validator::open(&item, &context))
            .max_body(MAX_DOCUMENT)
            .open()
            .map_err(|error| explain(error, &name))?;
        if answer.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let packument: Packument = content.json()?;
        let validator = validator::seal(answer.validator(), &item, &context);
        let releases = release::all(packument, &name, config.web())?;
        Ok(Answer::Listing(listing::cut(releases, &context, validator, false)))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("a registry has one document for each package; ask one by one"))
    }
}

fn explain(error: Error, name: &PackageName) -> Error {
    registry_error(error, CREDENTIAL, || {
        format!("the registry has no package `{name}`, or shows it only to a token")
    })
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
    fn errors_say_what_to_do() {
        let name = PackageName::parse("@a/b").unwrap();
        assert!(explain(Error::not_found("404"), &name).message.contains("`@a/b`"));
        assert!(explain(Error::unauthorized("401"), &name).message.contains(CREDENTIAL));
        assert_eq!(explain(Error::remote("500"), &name).message, "500");
    }
}
