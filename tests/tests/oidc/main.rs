//! Logging in at a provider (OpenID Connect), through the real host: with a real provider, and with one that lies.
#![allow(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod browsers;
mod crooked;
mod forged;
mod outages;
mod people;

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::{Value, json};
use sqlx::Connection as _;
use waystation_tests::api::{list, text};
use waystation_tests::oidc::{Browser, PUBLIC};
use waystation_tests::owner::{OWNER, PASSWORD};
use waystation_tests::{Answer, Api, Folder, Host};

/// Where a login at the provider of the tests begins, and where it comes back to.
pub(crate) const START: &str = "http://waystation.test/login/oidc/corp";
pub(crate) const BACK: &str = "http://waystation.test/login/oidc/corp/callback";

/// Who may join.
pub(crate) const JOIN: &str = "scopes = [\"profile\", \"groups\"]\njoin = { claim = \"groups\", values = [\"ops\"], roles = [\"operator\"] }\n";

pub(crate) fn code(answer: &Answer) -> (u16, String) {
    (answer.status, text(&answer.json(), "code").to_owned())
}

pub(crate) fn is(status: u16, word: &str) -> (u16, String) {
    (status, word.to_owned())
}

/// The owner, logged in with their password: what makes ways in for others.
pub(crate) async fn owner(host: &Host) -> Result<Api> {
    let body = json!({ "name": OWNER, "password": PASSWORD });
    let told = host.api.send(host.api.anonymous(Method::POST, "/api/v1/auth/login").json(&body)).await?;
    ensure!(told.status == 200, "{told:?}");
    Ok(host.api.with_token(text(&told.json(), "access_token")))
}

/// A user without a password who is `subject` at the provider. Gives the id of that.
pub(crate) async fn bound(owner: &Api, name: &str, subject: &str, roles: &[&str]) -> Result<String> {
    owner.post("/api/v1/users", &json!({ "name": name, "roles": roles })).await?;
    bind(owner, name, subject).await
}

pub(crate) async fn bind(owner: &Api, name: &str, subject: &str) -> Result<String> {
    let path = format!("/api/v1/users/{name}/identities");
    let told = owner.post(&path, &json!({ "provider": "corp", "subject": subject })).await?;
    Ok(text(&told, "id").to_owned())
}

/// Comes back from the real provider, and exchanges what that brought.
pub(crate) async fn enter(host: &Host, login: &str) -> Result<Answer> {
    let browser = Browser::new(host.api.base())?;
    let page = browser.log_in(START, login).await?;
    let brought = page.brought("login").with_context(|| format!("nothing was brought: {page:?}"))?;
    browser.exchange(&json!({ "code": brought })).await
}

/// The API of whoever logged in so.
pub(crate) async fn as_of(host: &Host, entered: &Answer) -> Result<Api> {
    ensure!(entered.status == 200, "{entered:?}");
    Ok(host.api.with_token(text(&entered.json(), "access_token")))
}

pub(crate) async fn status(api: &Api, path: &str) -> Result<u16> {
    Ok(api.send(api.request(Method::GET, path)).await?.status)
}

/// What is on record of logins: of whom, and how they ended.
pub(crate) async fn record(host: &Host) -> Result<Vec<(String, String)>> {
    let told = host.api.get("/api/v1/audit?action=login&limit=1000").await?;
    let row = |row: &Value| (text(row, "target").to_owned(), text(row, "outcome").to_owned());
    Ok(list(&told, "rows").iter().map(row).collect())
}

/// The last of them.
pub(crate) async fn last(host: &Host) -> Result<(String, String)> {
    record(host).await?.pop().context("nothing is on record")
}

/// Changes what the host keeps, behind its back: it is later, or another tenant's.
pub(crate) async fn tamper(folder: &Folder, sql: &'static str) -> Result<()> {
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(folder.data().join("waystation.db"));
    let mut raw = sqlx::SqliteConnection::connect_with(&options).await?;
    sqlx::raw_sql(sql).execute(&mut raw).await?;
    Ok(raw.close().await?)
}

/// The address of the host's own things, as a browser has it.
pub(crate) fn at(path: &str) -> String {
    format!("{PUBLIC}{path}")
}
