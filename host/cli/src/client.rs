//! Talks to a running host.

use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use waystation_server::TOKEN_FILE;
use waystation_server::config::Config;

use crate::address::{self, Told};
use crate::args::Global;
use crate::config;
use crate::exit::{Exit, Failure};

pub(crate) struct Client {
    http: reqwest::Client,
    base: Url,
    token: String,
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
        let file = global.token_file.clone().unwrap_or_else(|| data.join(TOKEN_FILE));
        let token = token(&file)?;
        // Over plain HTTP a proxy of the environment would read the token.
        let http = reqwest::Client::builder();
        let http = if base.scheme() == "http" { http.no_proxy() } else { http };
        Ok(Self { http: http.build()?, base, token })
    }

    fn request(&self, method: Method, path: &[&str]) -> Result<RequestBuilder, Failure> {
        let mut url = self.base.clone();
        match url.path_segments_mut() {
            // Segments are percent-encoded: names hold slashes.
            Ok(mut segments) => segments.pop_if_empty().extend(["api", "v1"]).extend(path),
            Err(()) => {
                return Err(
                    Failure::new(Exit::Failed, format!("{} is no base for paths", self.base)).code("bad-url")
                );
            }
        };
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|_| {
            Failure::new(Exit::Unreachable, format!("no host answers at {}", self.base)).hint(START)
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Problem = response.json().await.unwrap_or_else(|_| Problem {
            code: "unexpected-answer".into(),
            detail: format!("the host answered {status}"),
        });
        let exit = match status.as_u16() {
            401 | 403 => Exit::Unreachable,
            404 => Exit::NotFound,
            _ => Exit::Failed,
        };
        Err(Failure::new(exit, problem.detail).code(problem.code))
    }

    pub(crate) async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Failure> {
        let mut request = self.request(Method::GET, path)?;
        if !query.is_empty() {
            request = request.query(query);
        }
        Ok(self.send(request).await?.json().await?)
    }

    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &serde_json::Value,
    ) -> Result<T, Failure> {
        Ok(self.send(self.request(Method::POST, path)?.json(body)).await?.json().await?)
    }

    pub(crate) async fn delete(&self, path: &[&str]) -> Result<(), Failure> {
        self.send(self.request(Method::DELETE, path)?).await.map(drop)
    }

    /// Sends, and hands over the answer line by line as it comes.
    pub(crate) async fn lines(
        &self,
        method: Method,
        path: &[&str],
        body: Option<&serde_json::Value>,
        mut each: impl FnMut(&str) -> Result<(), Failure>,
    ) -> Result<(), Failure> {
        let mut request = self.request(method, path)?;
        if let Some(body) = body {
            request = request.json(body);
        }
        let mut stream = self.send(request).await?.bytes_stream();
        let mut rest: Vec<u8> = Vec::new();
        while let Some(chunk) = stream.next().await {
            let chunk = chunk.map_err(|_| Failure::new(Exit::Unreachable, "the host went away"))?;
            rest.extend_from_slice(&chunk);
            while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = rest.drain(..=end).collect();
                each(String::from_utf8_lossy(&line).trim_end())?;
            }
        }
        Ok(())
    }
}

/// What to do where no host runs.
const START: &str = "start one with `waystation serve` or `waystation up`, or name another with --url";

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

fn base(config: Option<&Config>, data: &Path) -> Result<Url, Failure> {
    // Port 0 is whatever was free when the host started.
    let address = match address::read(data) {
        Told::At(address) => address,
        // Whoever listens there by now must not get the token.
        Told::Was(address) => {
            let message = format!(
                "the host of {} is not running: it ended without an orderly stop, and was at {address}",
                data.display()
            );
            return Err(Failure::new(Exit::Unreachable, message).code("host-not-running").hint(START));
        }
        Told::Nothing => config.map(|config| config.server.listen.to_string()).unwrap_or_default(),
    };
    Url::parse(&format!("http://{address}"))
        .map_err(|e| Failure::new(Exit::Failed, format!("http://{address}: {e}")).code("bad-url"))
}

fn token(file: &PathBuf) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let message = format!("cannot read the host's token from {}: {e}", file.display());
        let hint = "start the host once, which makes it, or name its file with --token-file";
        Failure::new(Exit::Unreachable, message).code("no-token").hint(hint)
    })?;
    Ok(text.trim().to_owned())
}
