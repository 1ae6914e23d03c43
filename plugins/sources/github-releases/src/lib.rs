//! Update source: releases of a GitHub repository, or its tags.
//!
//! Speaks GitHub's REST interface, version 2022-11-28, at github.com or on GitHub Enterprise Server. The
//! documents are read in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{Config, Options, Selection};
use waystation_listing::{Page, Question, Repository, Walked, newest_first, walk};
use waystation_update_source::plugin::http::{BaseUrl, Request, Response};
use waystation_update_source::plugin::{Error, config};
use waystation_update_source::{Answer, Context, Description, Guest, Item, Query, export, version};

/// The plugin.
#[derive(Debug)]
pub struct Plugin;

/// The most bytes of one page. A hundred releases with a hundred files each are about that.
const PAGE_BYTES: usize = 16 << 20;
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
        let config: Config = config::parse()?;
        let base = config.base()?;
        let options: Options = config::options(&item.options)?;
        let remote = Remote {
            credential: &config.credential,
            page_size: options.page_size()?,
            selection: options.selection()?,
            repository: Repository::parse(&item.locator)?,
            tags: options.tags,
            base,
        };
        remote.ask(&Question::new(&item, &context, remote.base.as_str()))
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

impl Remote<'_> {
    fn ask(&self, question: &Question) -> Result<Answer, Error> {
        let url = self.url();
        let response = self.known(self.request(&url).conditional(question.validator()).send()?)?;
        if response.not_modified() {
            return Ok(Answer::Unchanged);
        }
        let validator = response.validator();
        // Tags come in no useful order: the newest may be on any page.
        let mut walked = if self.tags {
            let everything = question.with_limit(u32::MAX);
            walk(&everything, &url, self.read(&response)?, |next| self.page(next))?
        } else {
            walk(question, &url, self.read(&response)?, |next| self.page(next))?
        };
        self.some(&walked)?;
        if self.tags {
            version::sort_newest_first(&mut walked.releases, |release| &release.version);
        } else {
            newest_first(&mut walked.releases);
        }
        Ok(question.answer(validator, walked))
    }

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
            .max_body(PAGE_BYTES)
    }

    fn page(&self, url: &str) -> Result<Page, Error> {
        self.read(&self.known(self.request(url).send()?)?)
    }

    fn read(&self, response: &Response) -> Result<Page, Error> {
        let mut page = if self.tags {
            let html = document::html_url(self.base.as_str(), &self.repository);
            document::tags(&response.body, &self.selection, html.as_deref())?
        } else {
            document::releases(&response.body, &self.selection)?
        };
        page.next = response.next_link();
        Ok(page)
    }

    /// The answer, if GitHub knows the repository and lets us see it.
    fn known(&self, response: Response) -> Result<Response, Error> {
        if response.status == 404 {
            return Err(Error::not_found(format!(
                "GitHub knows no repository `{}`, or it is private and the credential `{}` does not show it",
                self.repository, self.credential
            )));
        }
        let in_words = document::is_rate_limit(response.status, &response.body);
        response.success().map_err(|error| match error.retry_after {
            None if in_words => Error::rate_limited(error.message, Some(PAUSE_SECONDS)),
            _ => error,
        })
    }

    /// Refuses a repository in which there is nothing at all: that is a wrong setting, not an empty answer.
    fn some(&self, walked: &Walked) -> Result<(), Error> {
        match (walked.seen, self.tags) {
            (0, false) => Err(Error::not_found(format!(
                "`{}` has published no releases; if it has tags, set the option `tags = true`",
                self.repository
            ))),
            (0, true) => Err(Error::not_found(format!("`{}` has no tags", self.repository))),
            _ => Ok(()),
        }
    }
}
