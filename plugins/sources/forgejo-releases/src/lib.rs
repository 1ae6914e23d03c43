//! Update source: releases of a repository at a Forgejo or Gitea instance.
//!
//! Speaks the REST interface, version 1, that both have in common. The documents are read
//! in `document`; what an operator sets is in `settings`.
#![forbid(unsafe_code)]

mod document;
mod settings;

use settings::{Config, Options, Selection};
use waystation_listing::{Page, Question, Repository, newest_first, walk};
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
        let config: Config = config::parse()?;
        let base = config.base()?;
        let options: Options = config::options(&item.options)?;
        let remote = Remote {
            credential: &config.credential,
            page_size: options.page_size()?,
            selection: options.selection()?,
            repository: Repository::parse(&item.locator)?,
            base,
        };
        remote.ask(&Question::new(&item, &context, remote.base.as_str()))
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
            return Err(Error::not_found(format!("`{}` has published no releases", self.repository)));
        }
        newest_first(&mut walked.releases);
        Ok(question.answer(validator, walked))
    }

    fn url(&self) -> String {
        let url = self.base.join(&[
            "api",
            "v1",
            "repos",
            &self.repository.owner,
            &self.repository.name,
            "releases",
        ]);
        format!("{url}?draft=false&limit={}", self.page_size)
    }

    fn request(&self, url: &str) -> Request {
        Request::get(url)
            .header("accept", "application/json")
            .header("user-agent", concat!("waystation-forgejo-releases/", env!("CARGO_PKG_VERSION")))
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

    /// The answer, if the instance knows the repository and lets us see it.
    fn known(&self, response: Response) -> Result<Response, Error> {
        if response.status == 404 {
            return Err(Error::not_found(format!(
                "{} knows no repository `{}`, or it is private and the credential `{}` does not show it",
                self.base, self.repository, self.credential
            )));
        }
        response.success()
    }
}
