//! A plain program that sends the same requests: no sandbox, no grants, nothing kept.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use futures::stream::{StreamExt as _, TryStreamExt as _};
use http::{StatusCode, header};
use parking_lot::Mutex;
use semver::Version;
use serde::Deserialize;

use crate::{AT_ONCE, ITEMS};

/// A line of an index file.
#[derive(Deserialize)]
struct Line {
    vers: Version,
    cksum: String,
    yanked: bool,
}

/// What it remembers of a crate, for the next round.
#[derive(Clone)]
struct Known {
    tag: String,
    newest: Version,
}

pub(crate) struct Native {
    http: reqwest::Client,
    base: String,
    known: Mutex<HashMap<usize, Known>>,
}

impl Native {
    pub(crate) fn new(address: SocketAddr) -> Result<Self> {
        let http = reqwest::Client::builder().no_proxy().http1_only().tcp_nodelay(true).build()?;
        Ok(Self { http, base: format!("http://{address}"), known: Mutex::default() })
    }

    /// Asks for every crate once.
    pub(crate) async fn check(&self) -> Result<Duration> {
        let began = Instant::now();
        futures::stream::iter(0..ITEMS)
            .map(|item| async move { tokio::spawn(self.ask(item)?).await? })
            .buffer_unordered(AT_ONCE)
            .try_for_each(|(item, known)| async move {
                self.known.lock().insert(item, known);
                Ok(())
            })
            .await?;
        Ok(began.elapsed())
    }

    /// The newest version of one crate.
    fn ask(&self, item: usize) -> Result<impl Future<Output = Result<(usize, Known)>> + use<>> {
        let known = self.known.lock().get(&item).cloned();
        let name = crate::host::crate_name(item);
        let mut request = self.http.get(format!("{}/cr/at/{name}", self.base));
        if let Some(known) = &known {
            request = request.header(header::IF_NONE_MATCH, &known.tag);
        }
        Ok(async move {
            let response = request.send().await?;
            if let (StatusCode::NOT_MODIFIED, Some(known)) = (response.status(), known) {
                return Ok((item, known));
            }
            ensure!(response.status() == StatusCode::OK, "answered {}", response.status());
            let tag = response.headers().get(header::ETAG).context("no tag")?.to_str()?.to_owned();
            let body = response.bytes().await?;
            let lines = serde_json::Deserializer::from_slice(&body).into_iter::<Line>();
            let mut versions = Vec::new();
            for line in lines {
                let line = line?;
                if !line.yanked && line.cksum.len() == 64 {
                    versions.push(line.vers);
                }
            }
            let newest = versions.into_iter().max().context("no version")?;
            Ok((item, Known { tag, newest }))
        })
    }

    /// The newest version of a crate, as of the last round.
    pub(crate) fn newest(&self, item: usize) -> Option<Version> {
        self.known.lock().get(&item).map(|known| known.newest.clone())
    }
}
