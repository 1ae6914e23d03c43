//! Update source: packages of a Debian (APT) repository.
//!
//! The Release document is verified with the operator's OpenPGP keys before a word of it is used, the
//! index with the digest that the document lists before it is unpacked, and all packages of a batch are
//! found in one pass over each suite.

mod answer;
mod archive;
mod certificate;
mod cleartext;
mod config;
mod control;
mod day;
mod fetch;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod index;
mod keyring;
mod problem;
#[cfg(target_arch = "wasm32")]
mod randomness;
mod release_file;
mod seen;
mod settings;
mod signature;
#[cfg(test)]
mod test_keys;
mod unpack;
mod verify;
mod version;

use settings::Settings;
use waystation_update_source::plugin::{self, Error, now};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/debian-repo".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            summary: "Packages of a Debian (APT) repository".to_owned(),
            config_schema: include_str!("../schemas/config.schema.json").to_owned(),
            options_schema: include_str!("../schemas/options.schema.json").to_owned(),
            locator_hint: "package".to_owned(),
            schemes: vec!["debian".to_owned()],
            extra: Vec::new(),
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let answers = Self::releases_batch(vec![Query { item, context }])?;
        answers.into_iter().next().unwrap_or_else(|| Err(Error::internal("one question had no answer")))
    }

    fn releases_batch(queries: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        // Whatever the answers depend on beside the archive: under another configuration, or read by
        // another version of this plugin, no earlier answer counts.
        let document: serde_json::Value = plugin::config::parse()?;
        let print = seen::fingerprint([env!("CARGO_PKG_VERSION"), &document.to_string()]);
        let settings = Settings::read(document)?;
        archive::ask(&settings, &print, &queries, now())
    }
}

export!(Plugin);
