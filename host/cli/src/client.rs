//! Talks to a running host.

mod tickets;

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use http::header::{AUTHORIZATION, CONTENT_TYPE, USER_AGENT};
use http::{Method, Request, Response};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use jiff::Timestamp;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use url::Url;
use waystation_egress::Roots;
use waystation_server::api::login::Tokens;
use waystation_server::config::Config;
use waystation_server::pki::files::bundle;

use crate::address::{self, Told};
use crate::args::Global;
use crate::config;
use crate::exit::{Exit, Failure};
use crate::logins::Logins;

/// Below what most paths are.
const V1: [&str; 2] = ["api", "v1"];

pub(crate) struct Client {
    http: hyper_util::client::legacy::Client<HttpsConnector<HttpConnector>, Full<Bytes>>,
    base: Url,
    token: Token,
    logins: Logins,
}

/// What the client shows.
enum Token {
    /// An API token, of a file.
    Api(String),
    /// That of the login, which is refreshed when it is over.
    Login,
}

impl Client {
    /// For the host that the arguments, the environment or the configuration name.
    pub(crate) fn new(global: &Global) -> Result<Self, Failure> {
        let config = match (&global.url, &global.token_file) {
            (Some(_), Some(_)) => None,
            _ => Some(config::load(global)?),
        };
        let data = config.as_ref().map(|config| config.server.data_dir.clone()).unwrap_or_default();
        let base = match &global.url {
            Some(url) => url.clone(),
            None => base(config.as_ref(), &data)?,
        };
        let token = match &global.token_file {
            Some(file) => Token::Api(token(file)?),
            None => Token::Login,
        };
        let logins = Logins::of(global.url.as_ref(), &data)?;
        // No proxy of the environment: over plain HTTP it would read the token.
        let tls = tls(config.as_ref(), &base)?;
        let https = HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().build();
        let http = hyper_util::client::legacy::Client::builder(TokioExecutor::new()).build(https);
        Ok(Self { http, base, token, logins })
    }

    /// Where the login to this host is kept.
    pub(crate) const fn logins(&self) -> &Logins {
        &self.logins
    }

    /// An address of the host, for a person.
    pub(crate) fn address(&self, path: &str) -> String {
        format!("{}{path}", self.base.as_str().trim_end_matches('/'))
    }

    /// The token to show: of a login one that still holds for a while.
    async fn token(&self) -> Result<String, Failure> {
        if let Token::Api(token) = &self.token {
            return Ok(token.clone());
        }
        let known = self.logins.read()?.ok_or_else(logged_out)?;
        if known.holds(Timestamp::now()) {
            return Ok(known.access_token);
        }
        // A refresh token works once: two commands at the same time must not both use it.
        let lock = self.logins.lock()?;
        let known = self.logins.read()?.ok_or_else(logged_out)?;
        if known.holds(Timestamp::now()) {
            return Ok(known.access_token);
        }
        let body = json!({ "refresh_token": known.refresh_token });
        let tokens: Tokens = match self.post_open(&["auth", "refresh"], &body).await {
            Ok(tokens) => tokens,
            Err(e) if e.exit == Exit::Unreachable && e.status == Some(401) => {
                self.logins.forget()?;
                return Err(logged_out());
            }
            Err(e) => return Err(e),
        };
        let known = self.logins.keep(&tokens)?;
        drop(lock);
        Ok(known.access_token)
    }

    /// Asks as nobody.
    pub(crate) async fn get_open<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        whole(self.answered(Method::GET, self.url(&V1, path, &[])?, None, None).await?).await
    }

    /// Sends as nobody: to log in.
    pub(crate) async fn post_open<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        let body = (serde_json::to_vec(body)?, "application/json");
        whole(self.answered(Method::POST, self.url(&V1, path, &[])?, None, Some(body)).await?).await
    }

    /// The same, of a form; the answer whatever its status is.
    pub(crate) async fn post_form(
        &self,
        path: &[&str],
        fields: &[(&str, &str)],
    ) -> Result<(u16, serde_json::Value), Failure> {
        let form = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let body = (form.into_bytes(), "application/x-www-form-urlencoded");
        let answer = self.asked(Method::POST, self.url(&V1, path, &[])?, None, Some(body)).await?;
        Ok((answer.status().as_u16(), whole(answer).await?))
    }

    fn url(&self, root: &[&str], path: &[&str], query: &[(&str, &str)]) -> Result<Url, Failure> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            // Segments are percent-encoded: names hold slashes.
            Ok(mut segments) => segments.pop_if_empty().extend(root).extend(path),
            Err(()) => {
                return Err(
                    Failure::new(Exit::Failed, format!("{} is no base for paths", self.base)).code("bad-url")
                );
            }
        };
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }

    async fn asked(
        &self,
        method: Method,
        url: Url,
        token: Option<String>,
        body: Option<(Vec<u8>, &str)>,
    ) -> Result<Response<Incoming>, Failure> {
        let mut request = Request::builder().method(method).uri(url.as_str());
        request = request.header(USER_AGENT, concat!("waystation/", env!("CARGO_PKG_VERSION")));
        if let Some(token) = token {
            request = request.header(AUTHORIZATION, format!("Bearer {token}"));
        }
        let (body, kind) = body.map_or((Bytes::new(), None), |(body, kind)| (body.into(), Some(kind)));
        if let Some(kind) = kind {
            request = request.header(CONTENT_TYPE, kind);
        }
        self.http.request(request.body(Full::new(body))?).await.map_err(|e| self.unreachable(&e))
    }

    /// Sends a request and hands over the answer, if it is a good one.
    async fn answered(
        &self,
        method: Method,
        url: Url,
        token: Option<String>,
        body: Option<(Vec<u8>, &str)>,
    ) -> Result<Response<Incoming>, Failure> {
        let response = self.asked(method, url, token, body).await?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let problem = match whole(response).await {
            Ok(Refused::Problem(problem)) => problem,
            Ok(Refused::Ticket { error, details }) => tickets::problem(status, error, &details),
            Err(_) => {
                Problem { code: "unexpected-answer".into(), detail: format!("the host answered {status}") }
            }
        };
        let exit = match status.as_u16() {
            401 | 403 => Exit::Unreachable,
            404 => Exit::NotFound,
            _ => Exit::Failed,
        };
        Err(Failure {
            status: Some(status.as_u16()),
            ..Failure::new(exit, problem.detail).code(problem.code)
        })
    }

    /// Sends a request as whoever is logged in.
    async fn send(
        &self,
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Response<Incoming>, Failure> {
        self.send_below(&V1, method, path, query, body).await
    }

    async fn send_below(
        &self,
        root: &[&str],
        method: Method,
        path: &[&str],
        query: &[(&str, &str)],
        body: Option<&serde_json::Value>,
    ) -> Result<Response<Incoming>, Failure> {
        let body = body.map(serde_json::to_vec).transpose()?;
        let (url, token) = (self.url(root, path, query)?, self.token().await?);
        self.answered(method, url, Some(token), body.map(|body| (body, "application/json"))).await
    }

    fn unreachable(&self, error: &hyper_util::client::legacy::Error) -> Failure {
        let Some(error) = refused(error) else {
            return Failure::new(Exit::Unreachable, format!("no host answers at {}", self.base)).hint(START);
        };
        let message = format!("{} is not known to be the host: {error}", self.base);
        let hint =
            "name the host with --url as its certificate does, or trust its authority with egress.ca_file";
        Failure::new(Exit::Unreachable, message).code("tls").hint(hint)
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        whole(self.send(Method::GET, path, query, None).await?).await
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        whole(self.send(Method::POST, path, &[], Some(body)).await?).await
    }

    pub(crate) async fn patch<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        whole(self.send(Method::PATCH, path, &[], Some(body)).await?).await
    }

    pub(crate) async fn put<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        whole(self.send(Method::PUT, path, &[], Some(body)).await?).await
    }

    /// Does something that nothing is told about.
    pub(crate) async fn done(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
    ) -> Result<(), Failure> {
        self.send(method, path, &[], body).await.map(drop)
    }

    /// Removes something that is told about.
    pub(crate) async fn delete_for<T: DeserializeOwned>(&self, path: &[&str]) -> Result<T, Failure> {
        whole(self.send(Method::DELETE, path, &[], None).await?).await
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(Method::DELETE, path, &[], None).await.map(drop)
    }

    /// The whole answer as it is.
    pub(crate) async fn bytes(&self, path: &[&str], query: &[(&str, &str)]) -> Result<Bytes, Failure> {
        let answer = self.send(Method::GET, path, query, None).await?;
        Ok(answer.into_body().collect().await.map_err(|_| went_away())?.to_bytes())
    }

    /// Sends, and hands over the answer line by line as it comes.
    pub(crate) async fn lines(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
        mut each: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut answer = self.send(method, path, &[], body).await?.into_body();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(frame) = answer.frame().await {
            let Ok(chunk) = frame.map_err(|_| went_away())?.into_data() else { continue };
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                each(String::from_utf8_lossy(&line).trim_end())?;
            }
        }
        Ok(())
    }
}

/// What TLS said, however deep it lies.
pub(crate) fn refused<'e>(error: &'e (dyn std::error::Error + 'static)) -> Option<&'e rustls::Error> {
    if let Some(error) = error.downcast_ref() {
        return Some(error);
    }
    // An error of the system shows the cause of what it holds, and not that itself.
    match error.downcast_ref::<std::io::Error>().and_then(std::io::Error::get_ref) {
        Some(held) => refused(held),
        None => error.source().and_then(refused),
    }
}

fn went_away() -> Failure {
    Failure::new(Exit::Unreachable, "the host went away")
}

/// The whole answer, which is JSON.
async fn whole<T: DeserializeOwned>(answer: Response<Incoming>) -> Result<T, Failure> {
    let body = answer.into_body().collect().await.map_err(|_| went_away())?.to_bytes();
    serde_json::from_slice(&body).map_err(|e| {
        Failure::new(Exit::Failed, format!("the host's answer is not understood: {e}"))
            .code("unexpected-answer")
            .hint("host and command may be of different versions")
    })
}

/// Whom the host's certificate is held against: its own authority where that issues it, those of the system otherwise.
fn tls(config: Option<&Config>, base: &Url) -> Result<rustls::ClientConfig, Failure> {
    let failed = |e: waystation_egress::EgressError| Failure::new(Exit::Failed, e.to_string()).code(e.code());
    let own = config.filter(|config| config.server.tls.enabled && config.server.tls.certificate.is_none());
    let roots = match (base.scheme(), own) {
        ("https", Some(config)) => Roots::only(&bundle(&config.server.data_dir)).map_err(failed)?,
        ("https", None) => {
            Roots::load(config.and_then(|config| config.egress.ca_file.as_deref())).map_err(failed)?
        }
        // Nothing is spoken over TLS then; and a machine without trust roots speaks plain HTTP all the same.
        _ => {
            let provider = Arc::new(rustls::crypto::ring::default_provider());
            let builder = rustls::ClientConfig::builder_with_provider(provider);
            let builder = builder.with_safe_default_protocol_versions()?;
            return Ok(builder.with_root_certificates(rustls::RootCertStore::empty()).with_no_client_auth());
        }
    };
    roots.client_config().map_err(failed)
}

/// What to do where no host runs.
const START: &str = "start one with `waystation serve` or `waystation up`, or name another with --url";

/// The two ways in which the host refuses.
#[derive(Deserialize)]
#[serde(untagged)]
enum Refused {
    Problem(Problem),
    /// That of `/api/tickets`.
    Ticket {
        error: String,
        #[serde(default)]
        details: serde_json::Value,
    },
}

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

fn base(config: Option<&Config>, data: &Path) -> Result<Url, Failure> {
    // Only where a host says that it is: whoever listens elsewhere must not get the token, or a password.
    let why = match address::read(data) {
        Told::At(address) => return url_of(config, &address),
        Told::Was(address) => format!(": it ended without an orderly stop, and was at {address}"),
        Told::Nothing => String::new(),
    };
    let message = format!("the host of {} is not running{why}", data.display());
    Err(Failure::new(Exit::Unreachable, message).code("host-not-running").hint(START))
}

fn url_of(config: Option<&Config>, address: &str) -> Result<Url, Failure> {
    let scheme = if config.is_some_and(|config| config.server.tls.enabled) { "https" } else { "http" };
    Url::parse(&format!("{scheme}://{address}"))
        .map_err(|e| Failure::new(Exit::Failed, format!("{scheme}://{address}: {e}")).code("bad-url"))
}

fn token(file: &Path) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let message = format!("cannot read an API token from {}: {e}", file.display());
        let hint = "make one with `waystation token add`, or leave --token-file out and log in";
        Failure::new(Exit::Unreachable, message).code("no-token").hint(hint)
    })?;
    Ok(text.trim().to_owned())
}

/// What to do where nobody is logged in.
fn logged_out() -> Failure {
    let hint =
        "log in with `waystation login`; on a host that is new, become its owner with `waystation welcome`";
    Failure::new(Exit::Unreachable, "you are not logged in to this host").code("not-logged-in").hint(hint)
}
