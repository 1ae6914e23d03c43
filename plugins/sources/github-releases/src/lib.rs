//! Update source: releases of a GitHub repository, or its tags.
//!
//! Speaks GitHub's REST interface, version 2022-11-28, at github.com or on GitHub Enterprise Server. The
//! documents are read in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{CREDENTIAL, Options, base};
use waystation_listing::{Forge, ForgeConfig, Page, Question, Repository, Selection, ask};
use waystation_update_source::plugin::http::{BaseUrl, Request, Response};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// How long GitHub wants to be left alone where it does not say (its guide on rate limits).
const PAUSE_SECONDS: u32 = 60;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/github-releases".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases and tags of GitHub repositories".into(),
            config_schema: include_str!("config.schema.json").into(),
            options_schema: include_str!("options.schema.json").into(),
            locator_hint: "owner/repository".into(),
            schemes: vec!["semver".into(), "calver".into(), "loose".into()],
            extra: vec![],
        })
    }

    fn releases(item: Item, context: Context) -> Result<Answer, Error> {
        let config: ForgeConfig = config::parse()?;
        let options: Options = config::options(&item.options)?;
        let remote = Remote {
            base: base(&config)?,
            credential: config.credential(CREDENTIAL),
            page_size: options.page_size()?,
            selection: options.selection()?,
            repository: Repository::parse(&item.locator)?,
            tags: options.tags,
        };
        ask(&remote, &Question::new(&item, &context, remote.base.as_str()))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("GitHub answers for one repository at a time"))
    }
}

export!(Plugin);

/// One repository at GitHub, and how it is asked.
struct Remote<'c> {
    base: BaseUrl,
    credential: &'c str,
    repository: Repository,
    selection: Selection,
    tags: bool,
    page_size: u32,
}

impl Forge for Remote<'_> {
    fn url(&self) -> String {
        let list = if self.tags { "tags" } else { "releases" };
        let url = self.base.join(&["repos", &self.repository.owner, &self.repository.name, list]);
        format!("{url}?per_page={}", self.page_size)
    }

    fn request(&self, url: &str) -> Request {
        Request::get(url)
            .header("accept", "application/vnd.github+json")
            .header("x-github-api-version", "2022-11-28")
            // GitHub refuses requests without one.
            .header("user-agent", concat!("waystation-github-releases/", env!("CARGO_PKG_VERSION")))
            .credential_if_bound(self.credential)
    }

    fn page(&self, body: &[u8]) -> Result<Page, Error> {
        if self.tags {
            let html = document::html_url(self.base.as_str(), &self.repository);
            return document::tags(body, &self.selection, html.as_deref());
        }
        document::releases(body, &self.selection)
    }

    fn unknown(&self) -> String {
        format!(
            "GitHub knows no repository `{}`, or it is private and the credential `{}` does not show it",
            self.repository, self.credential
        )
    }

    fn empty(&self) -> String {
        if self.tags {
            return format!("`{}` has no tags", self.repository);
        }
        format!(
            "`{}` has published no releases; if it has tags, set the option `tags = true`",
            self.repository
        )
    }

    fn unordered(&self) -> bool {
        self.tags
    }

    fn pause(&self, refusal: &Response) -> Option<u32> {
        document::is_rate_limit(refusal.status, &refusal.body).then_some(PAUSE_SECONDS)
    }
}
