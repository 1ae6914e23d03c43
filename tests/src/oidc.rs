//! A provider of logins (OpenID Connect) that runs beside a host, and a browser without a screen.

use std::collections::BTreeMap;
use std::process::Stdio;

use anyhow::{Context as _, Result, bail, ensure};
use parking_lot::Mutex;
use reqwest::redirect::Policy;
use reqwest::{Client, Method, Url};
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::api::Answer;
use crate::{Folder, built, settings};

/// The secret that [`Provider`] gave its clients.
pub const CLIENT_SECRET: &str = "s3cret-0f-the-client-5f1c0a9d7e3b";

/// The variable that holds it for the host.
pub const CLIENT_SECRET_VARIABLE: &str = "TEST_CLIENT_SECRET";

/// Where browsers reach the host of a test: a name that only [`Browser`] knows, since the host's port is known later.
pub const PUBLIC: &str = "http://waystation.test";

/// A real provider: `oidc-provider`, in a process of its own, which ends when this is dropped.
pub struct Provider {
    _child: Child,
    // What it says later goes nowhere, but it must be able to say it.
    _said: Lines<BufReader<ChildStdout>>,
    issuer: String,
}

impl Provider {
    /// One that sends people back to these addresses. Its clients are `waystation`, `posting` and `public`; `ann` is in the
    /// groups `staff` and `ops`, `bob` in `staff`, and whoever else comes in none.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn start(back: &[&str]) -> Result<Self> {
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/oidc/provider.mjs");
        let mut command = Command::new("node");
        command.arg(script).args(back).env("WAYSTATION_OIDC_JS", built::oidc()?);
        command.env("OIDC_CLIENT_SECRET", CLIENT_SECRET).kill_on_drop(true);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut child = command.spawn().context("the provider needs node")?;
        let stdout = child.stdout.take().context("no output")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(crate::patience::PATIENCE, lines.next_line());
        let issuer = first.await.context("the provider does not start")??;
        Ok(Self { _child: child, _said: lines, issuer: issuer.context("the provider ended")? })
    }

    /// What it calls itself.
    pub fn issuer(&self) -> &str {
        &self.issuer
    }
}

/// `[identity.oidc.corp]`, with more keys of it.
pub fn section(issuer: &str, client: &str, more: &str) -> String {
    format!("\n[identity.oidc.corp]\nissuer = \"{issuer}\"\nclient_id = \"{client}\"\n{more}\n")
}

/// [`section`]'s `client_secret`.
pub fn secret() -> String {
    format!("client_secret = {{ env = \"{CLIENT_SECRET_VARIABLE}\" }}\n")
}

/// A folder of a host that browsers reach at [`PUBLIC`], with this beside.
///
/// # Errors
/// When it cannot be made.
pub fn folder(more: &str) -> Result<Folder> {
    let often = "[identity]\nlogin_rate = 1000\n";
    let host = settings::HOST.replace("[server]", &format!("[server]\npublic_url = \"{PUBLIC}\""));
    Ok(Folder::with_text(&format!("{host}{often}{more}"))?.env(CLIENT_SECRET_VARIABLE, CLIENT_SECRET))
}

/// A page as a browser has it.
#[derive(Debug)]
pub struct Page {
    /// Where it is, with what is after the `#`.
    pub url: Url,
    /// What was answered.
    pub answer: Answer,
}

impl Page {
    /// A parameter after the `#`.
    pub fn brought(&self, name: &str) -> Option<String> {
        let fragment = self.url.fragment().unwrap_or_default().as_bytes().to_vec();
        Url::parse("http://x/").ok().and_then(|mut url| {
            url.set_query(Some(&String::from_utf8_lossy(&fragment)));
            url.query_pairs().find(|(key, _)| key == name).map(|(_, value)| value.into_owned())
        })
    }

    /// What the page of a failure says for programs.
    pub fn code(&self) -> &str {
        let start = self.answer.text.split_once("<code>").map(|(_, rest)| rest);
        start.and_then(|rest| rest.split_once("</code>")).map_or("", |(code, _)| code)
    }

    fn form(&self) -> Result<String> {
        let start = self.answer.text.split_once("action=\"").with_context(|| format!("no form: {self:?}"))?.1;
        Ok(start.split_once('"').context("no end")?.0.to_owned())
    }
}

/// Follows redirects and keeps cookies, each for its own place.
pub struct Browser {
    http: Client,
    host: String,
    cookies: Mutex<BTreeMap<(String, String), String>>,
    /// What was asked for and where that led, in order.
    pub history: Mutex<Vec<String>>,
}

impl Browser {
    /// To which the host at `base` is [`PUBLIC`].
    ///
    /// # Errors
    /// When there can be no HTTP client.
    pub fn new(base: &str) -> Result<Self> {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build()?;
        Ok(Self { http, host: base.to_owned(), cookies: Mutex::default(), history: Mutex::default() })
    }

    /// Its cookies of the host, as it would send them.
    pub fn cookies(&self, url: &Url) -> String {
        let place = place(url);
        let cookies = self.cookies.lock();
        let mine = cookies.iter().filter(|((of, _), _)| *of == place);
        mine.map(|((_, name), value)| format!("{name}={value}")).collect::<Vec<_>>().join("; ")
    }

    /// One request, and nothing that follows from it.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn send(&self, method: Method, url: &Url, form: Option<&[(&str, &str)]>) -> Result<Answer> {
        let request = self.request(method, url);
        let request = match form {
            Some(fields) => {
                let mut body = Url::parse("http://x/")?;
                body.query_pairs_mut().extend_pairs(fields);
                request
                    .header("content-type", "application/x-www-form-urlencoded")
                    .body(body.query().unwrap_or_default().to_owned())
            }
            None => request,
        };
        self.answered(request, url).await
    }

    fn request(&self, method: Method, url: &Url) -> reqwest::RequestBuilder {
        self.history.lock().push(url.to_string());
        let real = url.as_str().replacen(PUBLIC, &self.host, 1);
        let request = self.http.request(method, real);
        match self.cookies(url) {
            none if none.is_empty() => request,
            cookies => request.header("cookie", cookies),
        }
    }

    async fn answered(&self, request: reqwest::RequestBuilder, url: &Url) -> Result<Answer> {
        let answer = request.send().await?;
        for cookie in answer.headers().get_all("set-cookie") {
            let cookie = cookie.to_str()?;
            let (name, value) =
                cookie.split(';').next().and_then(|one| one.split_once('=')).context("no cookie")?;
            let key = (place(url), name.to_owned());
            match value.is_empty() {
                true => self.cookies.lock().remove(&key),
                false => self.cookies.lock().insert(key, value.to_owned()),
            };
        }
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Ok(Answer { status, headers, text: answer.text().await? })
    }

    /// Opens an address and follows where it leads.
    ///
    /// # Errors
    /// When there is no answer, or no end.
    pub async fn open(&self, url: &str) -> Result<Page> {
        let url = Url::parse(url)?;
        let answer = self.send(Method::GET, &url, None).await?;
        self.follow(url, answer).await
    }

    async fn follow(&self, mut url: Url, mut answer: Answer) -> Result<Page> {
        for _ in 0..10 {
            if !(300..400).contains(&answer.status) {
                return Ok(Page { url, answer });
            }
            url = url.join(answer.header("location"))?;
            answer = self.send(Method::GET, &url, None).await?;
        }
        bail!("redirects without end at {url}")
    }

    /// Fills in the form of a page.
    ///
    /// # Errors
    /// When there is none.
    pub async fn submit(&self, page: &Page, fields: &[(&str, &str)]) -> Result<Page> {
        let url = page.url.join(&page.form()?)?;
        let answer = self.send(Method::POST, &url, Some(fields)).await?;
        self.follow(url, answer).await
    }

    /// Logs in at the provider as `login`, and gives the page of the host where that leads.
    ///
    /// # Errors
    /// When the provider does not do as it should.
    pub async fn log_in(&self, start: &str, login: &str) -> Result<Page> {
        let page = self.open(start).await?;
        if place(&page.url) == place(&Url::parse(PUBLIC)?) {
            return Ok(page);
        }
        ensure!(page.answer.text.contains("Sign-in"), "{page:?}");
        let page = self.submit(&page, &[("prompt", "login"), ("login", login), ("password", "any")]).await?;
        match page.answer.text.contains("Authorize") {
            true => self.submit(&page, &[("prompt", "consent")]).await,
            false => Ok(page),
        }
    }

    /// Exchanges the code that the host's page was brought.
    ///
    /// # Errors
    /// When there is no answer.
    pub async fn exchange(&self, body: &Value) -> Result<Answer> {
        let url = Url::parse(&format!("{PUBLIC}/api/v1/auth/oidc"))?;
        self.answered(self.request(Method::POST, &url).json(body), &url).await
    }
}

fn place(url: &Url) -> String {
    url.origin().ascii_serialization()
}
