//! Update source: releases of a GitLab project.
//!
//! Speaks GitLab's REST interface, version 4, at gitlab.com or anywhere else. The documents are read
//! in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{Config, Options, Selection};
use waystation_listing::{Page, Project, Question, newest_first, walk};
use waystation_update_source::plugin::http::{BaseUrl, Request, Response};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// The most bytes of one page.
const PAGE_BYTES: usize = 16 << 20;

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
        let config: Config = config::parse()?;
        let base = config.base()?;
        let options: Options = config::options(&item.options)?;
        let remote = Remote {
            credential: &config.credential,
            page_size: options.page_size()?,
            selection: options.selection()?,
            project: Project::parse(&item.locator)?,
            base,
        };
        remote.ask(&Question::new(&item, &context, remote.base.as_str()))
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
    page_size: u32,
}

impl Remote<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let url = self.url();
        let response = self.known(self.request(&url).conditional(question.validator()).send()?)?;
        if response.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let validator = response.validator();
        let mut walked = walk(question, &url, self.read(&response)?, |next| self.page(next))?;
        // Nothing at all is a wrong setting, not an empty answer.
        if walked.seen == 0 {
            return Err(Error::not_found(format!("`{}` has published no releases", self.project)));
        }
        newest_first(&mut walked.releases);
        Ok(question.answer(validator, walked))
    }

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
            .max_body(PAGE_BYTES)
    }

    fn page(&self, url: &str) -> Result<Page, Error> {
        self.read(&self.known(self.request(url).send()?)?)
    }

    fn read(&self, response: &Response) -> Result<Page, Error> {
        let page = document::releases(&response.body, &self.selection)?;
        Ok(Page { next: response.next_link(), ..page })
    }

    /// The answer, if the instance knows the project and lets us see it.
    fn known(&self, response: Response) -> Result<Response, Error> {
        if response.status == 404 {
            return Err(Error::not_found(format!(
                "{} knows no project `{}`, or it is private and the credential `{}` does not show it",
                self.base, self.project, self.credential
            )));
        }
        response.success()
    }
}
