//! A client of registries: who is asked, as whom, and what an answer must be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::sync::Arc;

use http::header::{AUTHORIZATION, HeaderName, HeaderValue, LOCATION, USER_AGENT, WWW_AUTHENTICATE};
use http::{Method, Request, Response, StatusCode};
use hyper::body::Incoming;
use parking_lot::Mutex;
use secrecy::{ExposeSecret as _, SecretString};
use serde::Deserialize;
use url::Url;
use waystation_bundle::{Blob, ContentDigest, Limits};
use waystation_egress::Roots;

use crate::auth::{Challenge, Credentials};
use crate::error::OciError;
use crate::http::{Body, Http, Sent};

/// How many redirects of one download are followed.
const REDIRECTS: usize = 5;
/// The largest answer of a token service, in bytes.
const MAX_TOKEN: u64 = 64 << 10;

/// How far a transfer is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer {
    /// What.
    pub digest: ContentDigest,
    /// Bytes so far.
    pub done: u64,
    /// Bytes in all.
    pub total: u64,
}

/// What a client may do, and what for.
#[derive(Clone)]
pub struct Options {
    /// Who registries are checked against; a private authority is one of them.
    pub roots: Roots,
    /// By registry, with its port where it has one.
    pub credentials: BTreeMap<String, Credentials>,
    /// Registries that are spoken to without TLS.
    pub plain_http: BTreeSet<String>,
    /// Registries that have the same content, by the registry that they stand for; asked first, for what is named by
    /// digest.
    pub mirrors: BTreeMap<String, Vec<String>>,
    /// How much a plugin may be.
    pub limits: Limits,
    /// Told of every piece that came or went.
    pub progress: Arc<dyn Fn(Transfer) + Send + Sync>,
}

impl Options {
    /// Nobody's credentials, no mirror, TLS everywhere.
    pub fn new(roots: Roots) -> Self {
        Self {
            roots,
            credentials: BTreeMap::new(),
            plain_http: BTreeSet::new(),
            mirrors: BTreeMap::new(),
            limits: Limits::DEFAULT,
            progress: Arc::new(|_| ()),
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("mirrors", &self.mirrors).finish_non_exhaustive()
    }
}

/// Pulls and pushes. Connections are kept between calls.
#[derive(Debug)]
pub struct Client {
    pub(crate) options: Options,
    http: Http,
    /// What was sent with success.
    known: Mutex<HashMap<Scope, SecretString>>,
}

/// What a token is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Scope {
    registry: String,
    repository: String,
    write: bool,
}

/// One request to a repository.
pub(crate) struct Ask<'a> {
    pub(crate) registry: &'a str,
    pub(crate) repository: &'a str,
    pub(crate) method: Method,
    /// Below `/v2/<repository>/`, or a whole address that the registry gave.
    pub(crate) path: &'a str,
    pub(crate) headers: &'a [(HeaderName, &'a str)],
    pub(crate) body: Option<Blob>,
}

impl<'a> Ask<'a> {
    /// To read something.
    pub(crate) fn get(registry: &'a str, repository: &'a str, path: &'a str) -> Self {
        Self { registry, repository, method: Method::GET, path, headers: &[], body: None }
    }
}

impl Client {
    /// A client with these options.
    ///
    /// # Errors
    /// [`OciError::Roots`] when there is nobody to check registries against.
    pub fn new(options: Options) -> Result<Self, OciError> {
        Ok(Self { http: Http::new(&options.roots)?, options, known: Mutex::default() })
    }

    /// Asks, with credentials if they are wanted. The answer may be any but 401.
    pub(crate) async fn ask(&self, ask: &Ask<'_>) -> Result<Response<Incoming>, OciError> {
        let write = !matches!(ask.method, Method::GET | Method::HEAD);
        let scope = Scope { registry: ask.registry.to_owned(), repository: ask.repository.to_owned(), write };
        let base = self.base(ask.registry)?;
        let url = match ask.path.strip_prefix("https://").or_else(|| ask.path.strip_prefix("http://")) {
            Some(_) => Url::parse(ask.path).ok(),
            None if ask.path.starts_with('/') => base.join(ask.path).ok(),
            None => base.join(&format!("/v2/{}/{}", ask.repository, ask.path)).ok(),
        };
        let url = url.ok_or_else(|| self.redirect(ask.registry, "to what is no address"))?;
        let known = self.known.lock().get(&scope).cloned();
        let first = self.follow(ask, url.clone(), &base, known.as_ref()).await?;
        if first.status() != StatusCode::UNAUTHORIZED {
            return Ok(first);
        }
        let challenge = first
            .headers()
            .get_all(WWW_AUTHENTICATE)
            .iter()
            .find_map(|value| Challenge::parse(value.to_str().ok()?));
        let authorization = self.answer(&scope, challenge).await?;
        let second = self.follow(ask, url, &base, Some(&authorization)).await?;
        match second.status() {
            StatusCode::UNAUTHORIZED => Err(unauthorized(&scope)),
            _ => {
                self.known.lock().insert(scope, authorization);
                Ok(second)
            }
        }
    }

    /// The same, where only these answers are of use.
    pub(crate) async fn expect(
        &self,
        ask: &Ask<'_>,
        good: &[StatusCode],
    ) -> Result<Response<Incoming>, OciError> {
        let response = self.ask(ask).await?;
        match response.status() {
            status if good.contains(&status) => Ok(response),
            status => Err(refused(ask, status)),
        }
    }

    /// Sends to a registry. What it redirects a download to gets no credentials, unless it is the registry itself.
    async fn follow(
        &self,
        ask: &Ask<'_>,
        mut url: Url,
        base: &Url,
        authorization: Option<&SecretString>,
    ) -> Result<Response<Incoming>, OciError> {
        for _ in 0..=REDIRECTS {
            let mut request = Request::builder().method(ask.method.clone()).uri(url.as_str());
            request = request.header(USER_AGENT, concat!("waystation/", env!("CARGO_PKG_VERSION")));
            for (name, value) in ask.headers {
                request = request.header(name, *value);
            }
            if let Some(secret) = authorization.filter(|_| url.origin() == base.origin()) {
                let mut value = HeaderValue::from_str(secret.expose_secret()).map_err(|_| {
                    OciError::Challenge { registry: ask.registry.to_owned(), why: "the token is no text" }
                })?;
                value.set_sensitive(true);
                request = request.header(AUTHORIZATION, value);
            }
            let request = request.body(ask.body.as_ref().map_or_else(Sent::nothing, Sent::of));
            let request = request.map_err(|_| self.redirect(ask.registry, "to what is no address"))?;
            let response = self.http.send(ask.registry, request).await?;
            if !response.status().is_redirection() || ask.method != Method::GET {
                return Ok(response);
            }
            let location = response.headers().get(LOCATION).and_then(|value| value.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            let next = next.ok_or_else(|| self.redirect(ask.registry, "to nowhere"))?;
            self.safe(ask.registry, &next)?;
            url = next;
        }
        Err(self.redirect(ask.registry, "too often"))
    }

    /// TLS, unless the host was named for plain HTTP.
    pub(crate) fn safe(&self, registry: &str, url: &Url) -> Result<(), OciError> {
        let host = url.host_str().unwrap_or_default();
        let named = url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"));
        match url.scheme() {
            "https" => Ok(()),
            "http" if self.options.plain_http.contains(&named) => Ok(()),
            _ => Err(self.redirect(registry, "to an address without TLS")),
        }
    }

    /// What is sent from now on for this scope.
    async fn answer(&self, scope: &Scope, challenge: Option<Challenge>) -> Result<SecretString, OciError> {
        let refused = |why| OciError::Challenge { registry: scope.registry.clone(), why };
        let credentials = self.options.credentials.get(&scope.registry);
        let (realm, service) = match (challenge, credentials) {
            (None, _) => return Err(refused("by no scheme that is known")),
            (Some(Challenge::Bearer { .. }), Some(token @ Credentials::Bearer(_))) => {
                return Ok(token.header());
            }
            (Some(Challenge::Basic), Some(basic @ Credentials::Basic { .. })) => return Ok(basic.header()),
            (Some(Challenge::Basic), _) => return Err(unauthorized(scope)),
            (Some(Challenge::Bearer { realm, service }), _) => (realm, service),
        };
        let mut realm = Url::parse(&realm).map_err(|_| refused("its token service is no address"))?;
        self.safe(&scope.registry, &realm).map_err(|_| refused("its token service is without TLS"))?;
        let actions = if scope.write { "pull,push" } else { "pull" };
        let wanted = format!("repository:{}:{actions}", scope.repository);
        realm
            .query_pairs_mut()
            .extend_pairs(service.map(|service| ("service", service)))
            .append_pair("scope", &wanted);
        let mut request = Request::get(realm.as_str());
        if let Some(credentials) = credentials {
            let header = HeaderValue::from_str(credentials.header().expose_secret());
            let mut header = header.map_err(|_| refused("the credentials are no text"))?;
            header.set_sensitive(true);
            request = request.header(AUTHORIZATION, header);
        }
        let request =
            request.body(Sent::nothing()).map_err(|_| refused("its token service is no address"))?;
        let response = self.http.send(&scope.registry, request).await?;
        if response.status() != StatusCode::OK {
            return Err(unauthorized(scope));
        }
        #[derive(Deserialize)]
        struct Token {
            token: Option<String>,
            access_token: Option<String>,
        }
        let body = Body::of(&scope.registry, response).all("a token", MAX_TOKEN).await?;
        let token: Token =
            serde_json::from_slice(&body).map_err(|_| refused("its token service gives no token"))?;
        let token =
            token.token.or(token.access_token).ok_or_else(|| refused("its token service gives no token"))?;
        Ok(Credentials::Bearer(token.into()).header())
    }

    fn base(&self, registry: &str) -> Result<Url, OciError> {
        let scheme = if self.options.plain_http.contains(registry) { "http" } else { "https" };
        let url = Url::parse(&format!("{scheme}://{registry}/"));
        url.map_err(|_| OciError::BadReference { text: registry.to_owned(), why: "it names no registry" })
    }

    pub(crate) fn redirect(&self, registry: &str, why: &'static str) -> OciError {
        OciError::Redirect { registry: registry.to_owned(), why }
    }
}

fn unauthorized(scope: &Scope) -> OciError {
    OciError::Unauthorized { registry: scope.registry.clone(), repository: scope.repository.clone() }
}

/// What an answer of no use means.
pub(crate) fn refused(ask: &Ask<'_>, status: StatusCode) -> OciError {
    let (registry, what) = (ask.registry.to_owned(), format!("{}/{}", ask.repository, ask.path));
    match status {
        StatusCode::NOT_FOUND => OciError::NotFound { registry, what },
        StatusCode::FORBIDDEN => OciError::Unauthorized { registry, repository: ask.repository.to_owned() },
        status => OciError::Refused { registry, status: status.as_u16(), what },
    }
}
