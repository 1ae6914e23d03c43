//! Update source: releases of a GitLab project.
//!
//! Speaks GitLab's REST interface, version 4, at gitlab.com or anywhere else. The documents are read
//! in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{CREDENTIAL, Options, base};
use waystation_listing::{Forge, ForgeConfig, Page, Project, Question, Selection, ask};
use waystation_update_source::plugin::http::{BaseUrl, Request};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

impl Guest for Plugin {
    fn describe() -> Result<Description, Error> {
        Ok(Description {
            name: "waystation/gitlab-releases".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            summary: "Releases of GitLab projects".into(),
            config_schema: include_str!("config.schema.json").into(),
            options_schema: include_str!("options.schema.json").into(),
            locator_hint: "group/project or group/subgroup/project".into(),
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
            sources: options.sources,
            project: Project::parse(&item.locator)?,
        };
        ask(&remote, &Question::new(&item, &context, remote.base.as_str()))
    }

    fn releases_batch(_: Vec<Query>) -> Result<Vec<Result<Answer, Error>>, Error> {
        Err(Error::unsupported("GitLab answers for one project at a time"))
    }
}

export!(Plugin);

/// One project, and how it is asked about.
struct Remote<'c> {
    base: BaseUrl,
    credential: &'c str,
    project: Project,
    selection: Selection,
    sources: bool,
    page_size: u32,
}

impl Forge for Remote<'_> {
    fn url(&self) -> String {
        // The whole path is one segment: its slashes are encoded.
        let url = self.base.join(&["api", "v4", "projects", self.project.path(), "releases"]);
        format!("{url}?order_by=released_at&sort=desc&per_page={}", self.page_size)
    }

    fn request(&self, url: &str) -> Request {
        Request::get(url)
            .header("accept", "application/json")
            .header("user-agent", concat!("waystation-gitlab-releases/", env!("CARGO_PKG_VERSION")))
            .credential_if_bound(self.credential)
    }

    fn page(&self, body: &[u8]) -> Result<Page, Error> {
        document::releases(body, &self.selection, self.sources)
    }

    fn unknown(&self) -> String {
        format!(
            "{} knows no project `{}`, or it is private and the credential `{}` does not show it",
            self.base, self.project, self.credential
        )
    }

    fn empty(&self) -> String {
        format!("`{}` has published no releases", self.project)
    }
}
