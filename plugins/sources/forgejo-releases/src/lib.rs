//! Update source: releases of a repository at a Forgejo or Gitea instance.
//!
//! Speaks the REST interface, version 1, that both have in common. The documents are read
//! in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{CREDENTIAL, Options, base};
use waystation_listing::{Forge, ForgeConfig, Page, Question, Repository, Selection, ask};
use waystation_update_source::plugin::http::{BaseUrl, Request};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/forgejo-releases".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases of Forgejo and Gitea repositories".into(),
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
        };
        ask(&remote, &Question::new(&item, &context, remote.base.as_str()))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("the instance answers for one repository at a time"))
    }
}

export!(Plugin);

/// One repository, and how it is asked about.
struct Remote<'c> {
    base: BaseUrl,
    credential: &'c str,
    repository: Repository,
    selection: Selection,
    page_size: u32,
}

impl Forge for Remote<'_> {
    fn url(&self) -> String {
        let Repository { owner, name } = &self.repository;
        let url = self.base.join(&["api", "v1", "repos", owner, name, "releases"]);
        format!("{url}?draft=false&limit={}", self.page_size)
    }

    fn request(&self, url: &str) -> Request {
        Request::get(url)
            .header("accept", "application/json")
            .header("user-agent", concat!("waystation-forgejo-releases/", env!("CARGO_PKG_VERSION")))
            .credential_if_bound(self.credential)
    }

    fn page(&self, body: &[u8]) -> Result<Page, Error> {
        document::releases(body, &self.selection)
    }

    fn unknown(&self) -> String {
        format!(
            "{} knows no repository `{}`, or it is private and the credential `{}` does not show it",
            self.base, self.repository, self.credential
        )
    }

    fn empty(&self) -> String {
        format!("`{}` has published no releases", self.repository)
    }
}
