//! Talking to one registry: authorisation on demand, then tags and manifests.

use crate::document::{self, MANIFESTS};
use crate::image::Image;
use crate::settings::{Config, Credential};
use crate::token;
use std::collections::HashSet;
use waystation_listing::MAX_PAGES;
use waystation_update_source::Asset;
use waystation_update_source::plugin::http::{Request, Response};
use waystation_update_source::plugin::{Error, log};

/// A registry, seen from one image.
pub(crate) struct Registry<'c> {
    image: &'c Image,
    base: String,
    plain: bool,
    credential: Credential<'c>,
    authorization: Authorization,
}

/// What requests carry once the registry asked for it.
enum Authorization {
    NotAsked,
    Bearer(String),
    Basic,
}

/// The tags of an image, as far as they were read.
pub(crate) struct Tags {
    pub(crate) tags: Vec<String>,
    pub(crate) more: bool,
    pub(crate) pages: usize,
}

impl<'c> Registry<'c> {
    pub(crate) fn new(image: &'c Image, config: &'c Config) -> Self {
        let plain = config.is_plain(image);
        let scheme = if plain { "http" } else { "https" };
        Self {
            image,
            base: format!("{scheme}://{}", image.host()),
            plain,
            credential: config.credential(image),
            authorization: Authorization::NotAsked,
        }
    }

    /// Where the registry is.
    pub(crate) fn base(&self) -> &str {
        &self.base
    }

    /// All tags, at most [`MAX_PAGES`] pages of them. Registries list tags by name, so the newest can be on
    /// any page.
    pub(crate) fn tags(&mut self) -> Result<Tags, Error> {
        let first = document::list_url(&self.base, self.image);
        let mut next = Some(first.clone());
        let mut seen = HashSet::new();
        let mut read = Tags { tags: Vec::new(), more: false, pages: 0 };
        while let Some(url) = next.take() {
            if read.pages == MAX_PAGES {
                read.more = true;
                break;
            }
            let response = self.send(Request::get(&url).header("accept", "application/json"))?;
            let response = self.known(response)?;
            let tags = document::tags(&response.body)?;
            next = document::next_url(&response, &first, tags.last().map(String::as_str));
            let before = read.tags.len();
            read.tags.extend(tags.into_iter().filter(|tag| seen.insert(tag.clone())));
            read.pages += 1;
            // A registry that ignores where to go on would lead in a circle.
            if read.tags.len() == before {
                break;
            }
        }
        Ok(read)
    }

    /// The manifest that a tag names now; nothing if the registry gives no digest for it.
    pub(crate) fn manifest(&mut self, tag: &str) -> Result<Option<Asset>, Error> {
        let url = format!("{}/v2/{}/manifests/{tag}", self.base, self.image.name());
        let response = self.send(Request::head(&url).header("accept", MANIFESTS))?;
        let response = self.known(response)?;
        Ok(document::manifest(&response.headers, &self.base, self.image, tag))
    }

    /// Sends a request and, if the registry asks for authorisation for the first time, once more with it.
    fn send(&mut self, request: Request) -> Result<Response, Error> {
        let response = self.authorized(request.clone()).send()?;
        if response.status != 401 || !matches!(self.authorization, Authorization::NotAsked) {
            return Ok(response);
        }
        self.authorization = self.authorize(&response)?;
        self.authorized(request).send()
    }

    fn authorized(&self, request: Request) -> Request {
        match &self.authorization {
            Authorization::NotAsked => request,
            Authorization::Bearer(token) => request.header("authorization", &format!("Bearer {token}")),
            Authorization::Basic => self.with_credential(request),
        }
    }

    fn with_credential(&self, request: Request) -> Request {
        match self.credential {
            Credential::Named(name) => request.credential(name),
            Credential::IfBound(name) => request.credential_if_bound(name),
            Credential::None => request,
        }
    }

    fn authorize(&self, response: &Response) -> Result<Authorization, Error> {
        let Some(challenge) = document::challenge(&response.headers) else {
            return Err(Error::unauthorized(format!(
                "the registry {} wants authorisation but names no way (Bearer or Basic) that is understood here",
                self.image.registry()
            )));
        };
        if challenge.scheme == "basic" {
            return match self.credential {
                Credential::None => Err(Error::unauthorized(format!(
                    "the registry {} wants a user name and password; name a credential under `credentials` and bind it",
                    self.image.registry()
                ))),
                _ => Ok(Authorization::Basic),
            };
        }
        let url = token::address(&challenge, self.image, self.plain)?;
        log::debug("asking for a token", &[("registry", self.image.registry())]);
        let request = Request::get(&url).header("accept", "application/json").max_body(64 << 10);
        let answer = self.with_credential(request).send()?.success()?;
        token::read(&answer.body).map(Authorization::Bearer)
    }

    /// The answer, if it is about an image that the registry knows and shows.
    fn known(&self, response: Response) -> Result<Response, Error> {
        match response.status {
            401 => Err(Error::unauthorized(format!(
                "the registry refuses to show `{}`: there is no such image, or it is private and the credential for {} \
                 is missing or does not suffice",
                self.image,
                self.image.registry()
            ))),
            404 => {
                Err(Error::not_found(format!("the registry has no image `{}`; check the name", self.image)))
            }
            _ => response.success(),
        }
    }
}
