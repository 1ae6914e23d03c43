//! `/login/oidc` and `/api/v1/auth/oidc`: logging in at a provider (OpenID Connect).
//!
//! A browser goes to `start`, to the provider, and comes back to `back`. Tokens are in no URL: what it comes back to
//! our page with is a code, which works once, within half a minute, in this browser only (`enter`). Whoever does not
//! get in is told that, and no more; why is in the log and on record.

use std::collections::BTreeMap;

use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Json, Router};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_identity::{AskedToken, BrowserToken, EntryCode, IdentityError, RefreshToken, UserCode};
use waystation_store::tickets::Caller;
use waystation_store::users::{Came, NewAsked, SealedAsked};

use crate::api::body::Body;
use crate::api::login::{Tokens, client, nobody, second, tokens};
use crate::api::origin::Origin;
use crate::api::pages::failure;
use crate::api::problem::Problem;
use crate::host::Host;
use crate::oidc::{Answer, OidcError, Provider};

/// Bytes of what a provider sends back; some send codes of two thousand.
const MAX_QUERY: usize = 16 << 10;

/// The cookie that ties a login to its browser: with a name that only this host over TLS can set (RFC 6265bis, section
/// 4.1.3.2), or the plain one where there is no TLS.
const COOKIES: [&str; 2] = ["__Host-waystation-login", "waystation-login"];

/// How long the cookie stays: as long as somebody may be away, and may then look for a second factor.
const COOKIE_LIFE: u32 = 900;

/// Why somebody gets no further, as they are told it.
enum Stop {
    NoProvider,
    BadPage,
    /// Not sent from here, not from this browser, too long ago, or used.
    Gone,
    Refused,
    Outage,
    Problem(Problem),
}

impl<E: Into<Problem>> From<E> for Stop {
    fn from(e: E) -> Self {
        Self::Problem(e.into())
    }
}

impl Stop {
    fn page(self) -> Response {
        let (status, code, sentence) = match self {
            Self::NoProvider => {
                (StatusCode::NOT_FOUND, "no-such-provider", "There is no such way to log in here.")
            }
            Self::BadPage => (StatusCode::BAD_REQUEST, "bad-next", "This link leads nowhere here."),
            Self::Gone => (
                StatusCode::GONE,
                "login-gone",
                "This login is over, was begun in another browser, or was used already. Begin again.",
            ),
            Self::Refused => (
                StatusCode::FORBIDDEN,
                "login-refused",
                "You are not let in. Ask whoever runs this host: the reason is on record.",
            ),
            Self::Outage => (
                StatusCode::BAD_GATEWAY,
                "provider-unavailable",
                "The provider does not answer as it should. Try again later.",
            ),
            Self::Problem(problem) => {
                let (status, code, retry_after) = problem.told();
                let mut page = failure(status, &code, "This does not work now. Try again later.");
                if let Some(seconds) = retry_after {
                    page.headers_mut().insert(header::RETRY_AFTER, seconds.into());
                }
                return page;
            }
        };
        failure(status, code, sentence)
    }
}

/// Where somebody goes on when they are back: pages of ours only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Next {
    device: Option<UserCode>,
}

impl Next {
    /// `/device`, or `/device?user_code=…`.
    fn read(text: &str) -> Option<Self> {
        let Some(code) = text.strip_prefix("/device?user_code=") else {
            return (text == "/device").then(Self::default);
        };
        Some(Self { device: Some(code.parse().ok()?) })
    }

    /// With the code after the `#`, which browsers send to nobody.
    fn with(self, code: &EntryCode) -> String {
        let device = self.device.map(|device| format!("&user_code={device}")).unwrap_or_default();
        format!("/device#login={}{device}", code.reveal())
    }
}

/// The parameters of a query, none of which comes twice (RFC 6749, section 3.1).
fn parameters(query: Option<&str>) -> Option<BTreeMap<String, String>> {
    let query = query.unwrap_or_default();
    let mut all = BTreeMap::new();
    for (name, value) in url::form_urlencoded::parse(query.as_bytes()) {
        if all.insert(name.into_owned(), value.into_owned()).is_some() {
            return None;
        }
    }
    (query.len() <= MAX_QUERY).then_some(all)
}

/// Whether browsers reach this host over TLS.
fn over_tls(host: &Host) -> bool {
    let public = host.config().server.public_url.as_ref();
    public.map_or_else(|| host.pki().speaks_tls(), |url| url.as_url().scheme() == "https")
}

fn cookie_name(host: &Host) -> &'static str {
    let [safe, plain] = COOKIES;
    if over_tls(host) { safe } else { plain }
}

/// `Lax`: a provider sends people back from elsewhere.
fn cookie(host: &Host, value: &str, life: u32) -> Option<HeaderValue> {
    let secure = if over_tls(host) { "; Secure" } else { "" };
    let name = cookie_name(host);
    let text = format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax; Max-Age={life}{secure}");
    let mut value = HeaderValue::try_from(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}

/// What the browser is known by.
fn browser(host: &Host, headers: &HeaderMap) -> Option<BrowserToken> {
    let name = cookie_name(host);
    let cookies = headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let mut found = cookies.flat_map(|all| all.split(';')).filter_map(|one| {
        let (key, value) = one.trim().split_once('=')?;
        (key == name).then(|| value.parse().ok())
    });
    match (found.next(), found.next()) {
        (Some(only), None) => only,
        _ => None,
    }
}

/// Away to another place, with a cookie.
fn away(host: &Host, to: &str, browser: Option<&BrowserToken>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    if let Ok(to) = HeaderValue::try_from(to) {
        headers.insert(header::LOCATION, to);
    }
    if let Some(cookie) = browser.and_then(|token| cookie(host, token.reveal(), COOKIE_LIFE)) {
        headers.insert(header::SET_COOKIE, cookie);
    }
    response
}

/// Where browsers are sent, which is no API.
pub(super) fn for_browsers() -> Router<Host> {
    Router::new()
        .route("/login/oidc/{provider}", get(start))
        .route("/login/oidc/{provider}/callback", get(back))
}

/// Sends a browser to a provider. `?next=` says with which page of ours it goes on: `/device`, with a `user_code` or
/// without.
pub(crate) async fn start(
    State(host): State<Host>,
    origin: Origin,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    begin(&host, &origin, &name, query.as_deref()).await.unwrap_or_else(Stop::page)
}

async fn begin(host: &Host, origin: &Origin, name: &str, query: Option<&str>) -> Result<Response, Stop> {
    let provider = host.providers().get(name).ok_or(Stop::NoProvider)?;
    let asked = parameters(query).ok_or(Stop::BadPage)?;
    let next = match asked.get("next") {
        Some(next) => Next::read(next).ok_or(Stop::BadPage)?,
        None => Next::default(),
    };
    let caller = nobody(origin)?;
    let (state, browser, secrets) = (AskedToken::generate(), BrowserToken::generate(), provider.secrets());
    let new = NewAsked {
        provider: provider.name().clone(),
        sealed: SealedAsked(host.users().seal_asked(&state, &secrets)?),
        state: state.clone(),
        browser: browser.clone(),
        device: next.device,
    };
    host.store().ask_provider(caller.clone(), new, host.users().lives.rate).await??;
    match provider.begin(state.reveal(), &secrets).await {
        Ok(url) => Ok(away(host, url.as_str(), Some(&browser))),
        Err(e) => Err(failed(host, caller, provider, &e).await),
    }
}

/// Puts on record why somebody does not come from a provider.
async fn failed(host: &Host, caller: Caller, provider: &Provider, why: &OidcError) -> Stop {
    let name = provider.name();
    tracing::warn!(provider = %name, code = why.code(), error = %why, "nobody logs in at a provider so");
    match host.store().fail_provider(caller, format!("oidc:{name}"), why.code()).await {
        Err(e) => e.into(),
        Ok(()) if why.is_outage() => Stop::Outage,
        Ok(()) => Stop::Refused,
    }
}

/// Takes a browser back from a provider.
pub(crate) async fn back(
    State(host): State<Host>,
    origin: Origin,
    headers: HeaderMap,
    Path(name): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let browser = browser(&host, &headers);
    came(&host, &origin, &name, (browser, query.as_deref())).await.unwrap_or_else(Stop::page)
}

async fn came(
    host: &Host,
    origin: &Origin,
    name: &str,
    (browser, query): (Option<BrowserToken>, Option<&str>),
) -> Result<Response, Stop> {
    let provider = host.providers().get(name).ok_or(Stop::NoProvider)?;
    let told = parameters(query).ok_or(Stop::Gone)?;
    let told = |key: &str| told.get(key).map(String::as_str);
    let state: Option<AskedToken> = told("state").and_then(|state| state.parse().ok());
    let (Some(state), Some(browser)) = (state, browser) else { return Err(Stop::Gone) };
    let caller = nobody(origin)?;
    let kept = (state.clone(), browser.clone());
    let returned = host.store().return_from_provider(caller.clone(), provider.name().clone(), kept).await?;
    let Some(returned) = returned else {
        tracing::info!(provider = %provider.name(), "somebody came back whom nobody sent, or not from there");
        return Err(Stop::Gone);
    };
    let secrets = host.users().open_asked(&state, &returned.sealed.0)?;
    let answer = Answer { code: told("code"), error: told("error"), issuer: told("iss") };
    let (identity, joining) = match provider.finish(&answer, secrets, caller.now).await {
        Ok(found) => found,
        Err(e) => return Err(failed(host, caller, provider, &e).await),
    };
    let code = EntryCode::generate();
    let subject = identity.subject.clone();
    let came = Came { identity, joining, asks: provider.asks(), code: code.clone(), browser };
    // It took a while.
    let caller = Caller { now: jiff::Timestamp::now(), ..caller };
    if let Err(refused) = host.store().admit_from_provider(caller, came).await? {
        let (code, provider) = (refused.code(), provider.name());
        tracing::info!(%provider, %subject, code, "somebody whom a provider knows is not let in: {refused}");
        return Err(Stop::Refused);
    }
    Ok(away(host, &Next { device: returned.device }.with(&code), None))
}

/// What somebody logs in with who came back from a provider.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entrance {
    /// What is after `#login=` in the address of the page: `wso_…`.
    #[schema(value_type = String)]
    code: SecretString,
    /// The six digits of the app, or a recovery code, where a second factor is asked for.
    #[schema(value_type = Option<String>)]
    second_factor: Option<SecretString>,
}

/// Logs in whoever came back from a provider: once, within half a minute, in the browser that was sent there.
#[utoipa::path(post, path = "/api/v1/auth/oidc", tag = "auth", request_body = Entrance, security(()),
    responses((status = 200, body = Tokens), (status = "default", body = Problem)))]
pub(crate) async fn enter(
    State(host): State<Host>,
    origin: Origin,
    headers: HeaderMap,
    Body(given): Body<Entrance>,
) -> Result<Response, Problem> {
    let caller = nobody(&origin)?;
    let code: EntryCode = given.code.expose_secret().parse().map_err(|_| IdentityError::Gone)?;
    let browser = browser(&host, &headers).ok_or(IdentityError::Gone)?;
    let (users, store) = (host.users(), host.store());
    let shown = (code, browser);
    let has = given.second_factor.is_some();
    let entering = store.begin_entry(caller.clone(), shown.clone(), has, users.lives).await??;
    let user = entering.begun.user.clone().ok_or(IdentityError::Gone)?;
    let proven = match (&user.totp, &given.second_factor) {
        (None, _) => None,
        (Some(_), None) => return Err(IdentityError::SecondFactor.into()),
        (Some(_), Some(factor)) => match second(&host, &user, factor.expose_secret()).await? {
            Ok(proven) => Some(proven),
            Err(e) => {
                store.fail_login(caller, entering.name, entering.begun, e.code()).await?;
                return Err(e.into());
            }
        },
    };
    let refresh = RefreshToken::generate();
    let caller = Caller { actor: format!("user:{}", entering.name), ..caller };
    let (tenant, now) = (caller.tenant.clone(), caller.now);
    let with = (refresh.clone(), client(&headers), users.lives.refresh);
    let done = store.finish_entry(caller, shown, (entering.name, user, proven), with).await??;
    let mut response = tokens(&host, tenant, &done, &refresh, now)?.into_response();
    if let Some(cookie) = cookie(&host, "", 0) {
        response.headers_mut().insert(header::SET_COOKIE, cookie);
    }
    Ok(response)
}

/// A provider that users log in at.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProviderView {
    /// What it is called here.
    pub name: String,
    /// What leads to it; below `server.public_url`, where people come back to.
    pub url: String,
    /// The text of its button.
    pub title: String,
}

/// The providers that there are.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct ProviderList {
    /// By name.
    pub providers: Vec<ProviderView>,
}

/// Says at which providers one can log in.
#[utoipa::path(get, path = "/api/v1/auth/providers", tag = "auth", security(()),
    responses((status = 200, body = ProviderList), (status = "default", body = Problem)))]
pub(crate) async fn providers(State(host): State<Host>) -> Json<ProviderList> {
    let view = |one: &Provider| ProviderView {
        name: one.name().to_string(),
        url: one.url().to_owned(),
        title: one.title().to_owned(),
    };
    Json(ProviderList { providers: host.providers().all().map(view).collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_go_on_with_our_pages_only() {
        assert_eq!(Next::read("/device"), Some(Next::default()));
        let code = UserCode::generate();
        let next = Next::read(&format!("/device?user_code={code}")).unwrap();
        assert_eq!(next.device, Some(code));
        let entry = EntryCode::generate();
        assert_eq!(next.with(&entry), format!("/device#login={}&user_code={code}", entry.reveal()));
        for bad in [
            "",
            "/",
            "//evil.example",
            "https://evil.example/device",
            "/device/../welcome",
            "/device?user_code=",
            "/device?user_code=BBBB-BBBB&x=1",
            "/device?user_code=BBBB-BBBB#x",
            "/device#x",
            "/devices",
            "\\\\evil.example",
            "device",
        ] {
            assert_eq!(Next::read(bad), None, "{bad}");
        }
    }

    #[test]
    fn no_parameter_comes_twice() {
        assert_eq!(parameters(None), Some(BTreeMap::new()));
        assert_eq!(parameters(Some("a=1&b=%20")).unwrap()["b"], " ");
        assert_eq!(parameters(Some("state=a&state=a")), None);
        assert_eq!(parameters(Some(&format!("a={}", "x".repeat(MAX_QUERY)))), None);
    }
}
