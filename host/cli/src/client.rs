//! Talks to a running host.

use std::path::{Path, PathBuf};

use futures::StreamExt as _;
use reqwest::{Method, RequestBuilder, Response};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use url::Url;
use waystation_server::TOKEN_FILE;
use waystation_server::config::Config;

use crate::args::Global;
use crate::config;
use crate::exit::{Exit, Failure};

/// Where a host that serves writes its address, in its data folder.
pub(crate) const ADDRESS_FILE: &str = "address";

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
            Err(()) => return Err(Failure::new(Exit::Failed, format!("{} is no base for paths", self.base))),
        };
        Ok(self.http.request(method, url).bearer_auth(&self.token))
    }

    async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let response = request.send().await.map_err(|_| {
            let message = format!(
                "no host answers at {}; start one with `waystation serve` or `waystation up`",
                self.base
            );
            Failure::new(Exit::Unreachable, message)
        })?;
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let problem: Problem = response.json().await.unwrap_or_else(|_| Problem {
            code: "unexpected".into(),
            detail: format!("the host answered {status}"),
        });
        let code = match status.as_u16() {
            401 | 403 => Exit::Unreachable,
            404 => Exit::NotFound,
            _ => Exit::Failed,
        };
        Err(Failure::new(code, format!("{} ({})", problem.detail, problem.code)))
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

#[derive(Deserialize)]
struct Problem {
    code: String,
    detail: String,
}

fn base(config: Option<&Config>, data: &Path) -> Result<Url, Failure> {
    // Port 0 is whatever was free when the host started.
    let written = std::fs::read_to_string(data.join(ADDRESS_FILE)).ok();
    let address = match written.as_deref().map(str::trim) {
        Some(address) => address.to_owned(),
        None => config.map(|config| config.server.listen.to_string()).unwrap_or_default(),
    };
    Url::parse(&format!("http://{address}")).map_err(Failure::from)
}

fn token(file: &PathBuf) -> Result<String, Failure> {
    let text = std::fs::read_to_string(file).map_err(|e| {
        let message = format!(
            "cannot read the host's token from {}: {e}; name its file with --token-file",
            file.display()
        );
        Failure::new(Exit::Unreachable, message)
    })?;
    Ok(text.trim().to_owned())
}
