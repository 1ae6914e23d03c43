//! Releases of Python projects from a package index: its JSON API or its Simple API.

mod document;
mod file;
mod filename;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod html;
mod name;
mod release;
mod settings;

use waystation_listing::registry_error;
use waystation_update_source::plugin::http::{BodyReader, Request, Response};
use waystation_update_source::plugin::{Error, config, log};
use waystation_update_source::{
    Answer, Context, Description, Guest, Item, Query, export, listing, validator,
};

use crate::file::Project;
use crate::name::ProjectName;
use crate::settings::{Api, CONFIG_SCHEMA, Config, OPTIONS_SCHEMA, Options};

/// Documents are parsed while they arrive, so this bounds time and traffic, not memory.
const MAX_DOCUMENT: usize = 64 << 20;
/// A page is held while it is parsed.
const MAX_PAGE: usize = 16 << 20;
const CREDENTIAL: &str = "index-credential";
/// PEP 691: JSON first, then HTML in its new and its old name.
const SIMPLE: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.01";

struct Plugin;

export!(Plugin);

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/pypi".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases of Python projects from a package index".into(),
            config_schema: CONFIG_SCHEMA.into(),
            options_schema: OPTIONS_SCHEMA.into(),
            locator_hint: "project".into(),
            schemes: vec!["pep440".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config: Config = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let name = ProjectName::parse(&item.locator)?;

        let accept = match config.api() {
            Api::Json => "application/json",
            Api::Simple => SIMPLE,
        };
        let (answer, content) = Request::get(&config.url(&name))
            .header("accept", accept)
            .credential_if_bound(CREDENTIAL)
            .conditional(validator::open(&item, &context))
            .max_body(MAX_DOCUMENT)
            .open()
            .map_err(|error| explain(error, &name))?;
        if answer.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let project = read(config.api(), &answer, content)?;
        let validator = validator::seal(answer.validator(), &item, &context);
        let found = release::all(project, &name, &options, config.web())?;
        if found.skipped > 0 {
            log::debug(
                "files without a version in their name were passed over",
                &[("project", &name.normalized()), ("files", &found.skipped.to_string())],
            );
        }
        let mut listing = listing::cut(found.releases, &context, validator, found.more);
        listing.extra.extend(found.status.map(|status| ("project-status".to_owned(), status)));
        Ok(Answer::Listing(listing))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("a package index has one document for each project; ask one by one"))
    }
}

fn read(api: Api, answer: &Response, content: BodyReader) -> Result<Project, Error> {
    let kind = answer.header("content-type").unwrap_or_default().to_ascii_lowercase();
    match api {
        Api::Json => content.json::<document::Project>()?.project(&answer.url),
        Api::Simple if kind.contains("json") => content.json::<document::Simple>()?.project(&answer.url),
        Api::Simple => {
            let page = content.max(MAX_PAGE).all()?;
            html::project(&String::from_utf8_lossy(&page), &answer.url)
        }
    }
}

fn explain(error: Error, name: &ProjectName) -> Error {
    registry_error(error, CREDENTIAL, || format!("the index has no project `{}`", name.normalized()))
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
        let name = ProjectName::parse("Demo.Tool").unwrap();
        assert!(explain(Error::not_found("404"), &name).message.contains("`demo-tool`"));
        assert!(explain(Error::unauthorized("401"), &name).message.contains(CREDENTIAL));
        assert_eq!(explain(Error::remote("500"), &name).message, "500");
    }
}
