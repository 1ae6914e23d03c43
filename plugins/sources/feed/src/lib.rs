//! Update source: entries of RSS and Atom feeds.

mod encoding;
mod entries;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod pick;
mod problem;

use pick::Options;
use waystation_document::{Remote, finish};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The credential that feeds below `base_url` are asked for with.
const CREDENTIAL: &str = "feed-token";
const ACCEPT: &str =
    "application/atom+xml, application/rss+xml, application/rdf+xml, application/xml;q=0.9, text/xml;q=0.9";
/// The largest feed that is read.
const MAX_FEED: usize = 8 << 20;

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/feed".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Entries of RSS and Atom feeds".to_owned(),
            config_schema: include_str!("../schemas/config.schema.json").to_owned(),
            options_schema: include_str!("../schemas/options.schema.json").to_owned(),
            locator_hint: "https://example.org/releases.atom".to_owned(),
            schemes: vec!["loose".to_owned(), "semver".to_owned()],
            extra: Vec::new(),
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let remote: Remote = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let place = remote.place(&item.locator)?;
        let Some(document) = place.fetch(CREDENTIAL, ACCEPT, MAX_FEED, &item, &context)? else {
            return Ok(Answer::Unchanged);
        };
        let text = encoding::decode(&document.body, &document.content_type)?;
        let releases = pick::releases(&entries::parse(&text)?, &options, &document.url)?;
        Ok(Answer::Listing(finish(releases, options.order, &context, document.validator)))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("a feed is about one thing: ask for the items one by one"))
    }
}

export!(Plugin);
