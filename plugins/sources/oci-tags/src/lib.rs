//! Update source: the tags of an image repository in an OCI or Docker registry.
//!
//! Speaks the OCI distribution specification 1.1: the tag list, its pages, and the digests of the
//! manifests behind the newest tags. A registry that wants a token is asked for one as it says, after a
//! look at where it sends us (`token`). Registries give no dates: "newest" is by version (`order`).
#![forbid(unsafe_code)]

mod challenge;
mod document;
#[cfg(any(test, fuzzing))]
#[doc(hidden)]
pub mod fuzz;
mod image;
mod order;
mod registry;
mod settings;
mod tags;
mod token;

use image::Image;
use registry::Registry;
use settings::{Config, Options};
use tags::Tagged;
use waystation_listing::{Question, Walked};
use waystation_update_source::plugin::{Error, config, log};
use waystation_update_source::{Answer, Asset, Context, Description, Guest, Item, Query, Release, export};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/oci-tags".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Tags of OCI and Docker image repositories".into(),
            config_schema: include_str!("config.schema.json").into(),
            options_schema: include_str!("options.schema.json").into(),
            locator_hint: "nginx, owner/name or registry.example.org/owner/name".into(),
            schemes: vec!["oci-tag".into(), "semver".into(), "loose".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config = config::parse::<Config>()?.checked()?;
        let options: Options = config::options(&item.options)?;
        let rule = options.rule(context.prereleases)?;
        let image = Image::parse(&item.locator, &config.default_registry)?;
        let mut registry = Registry::new(&image, &config);
        let question = Question::new(&item, &context, registry.base());

        let read = registry.tags()?;
        if read.more {
            log::warn(
                "the repository has more tags than are read; its newest may be missing",
                &[("image", &image.to_string()), ("read", &read.tags.len().to_string())],
            );
        }
        let chosen = rule.select(read.tags.iter().map(String::as_str));
        let cut = chosen.len() > question.limit();
        let mut releases: Vec<Release> =
            chosen.into_iter().take(question.limit()).map(|tagged| release(tagged, &image)).collect();
        for release in releases.iter_mut().take(options.digests) {
            match asset(&mut registry, release) {
                Ok(found) => release.assets.extend(found),
                // What passes must not replace digests that the host has by none: it asks again later.
                Err(error) if error.retryable => return Err(error),
                Err(error) => {
                    log::warn("no digest", &[("image", &image.to_string()), ("error", &error.to_string())]);
                }
            }
        }
        // No validator of the registry's is used: that of a tag list does not change when a tag moves.
        let walked = Walked { releases, seen: read.tags.len(), more: read.more || cut, pages: read.pages };
        Ok(question.answer(None, walked))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("registries answer for one repository at a time"))
    }
}

export!(Plugin);

fn release(tagged: Tagged, image: &Image) -> Release {
    Release {
        version: tagged.version,
        published_at: None,
        prerelease: tagged.prerelease,
        withdrawn: false,
        channel: None,
        url: image.page(),
        assets: Vec::new(),
        extra: vec![("tag".to_owned(), tagged.tag)],
    }
}

fn asset(registry: &mut Registry<'_>, release: &Release) -> Result<Option<Asset>, Error> {
    let tag = release.extra.iter().find(|(name, _)| name == "tag");
    tag.map_or(Ok(None), |(_, tag)| registry.manifest(tag))
}
