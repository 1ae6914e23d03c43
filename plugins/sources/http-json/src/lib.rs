//! Update source: versions in a JSON document, found with JSONPath.

mod document;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod options;
mod problem;
mod select;

use options::Options;
use waystation_document::{Remote, finish};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The credential that documents below `base_url` are asked for with.
const CREDENTIAL: &str = "document-token";
/// The largest document that is read.
const MAX_DOCUMENT: usize = 8 << 20;

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/http-json".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Versions in a JSON document".to_owned(),
            config_schema: include_str!("../schemas/config.schema.json").to_owned(),
            options_schema: include_str!("../schemas/options.schema.json").to_owned(),
            locator_hint: "https://example.org/releases.json".to_owned(),
            schemes: vec!["loose".to_owned(), "semver".to_owned(), "calver".to_owned()],
            extra: Vec::new(),
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let remote: Remote = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let place = remote.place(&item.locator)?;
        let Some(fetched) = place.fetch(CREDENTIAL, "application/json", MAX_DOCUMENT, &item, &context)?
        else {
            return Ok(Answer::Unchanged);
        };
        let document = document::parse(&fetched.body)?;
        let releases = select::releases(&document, &options, &fetched.url)?;
        Ok(Answer::Listing(finish(releases, options.order, &context, fetched.validator)))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("a document is about one thing: ask for the items one by one"))
    }
}

export!(Plugin);
