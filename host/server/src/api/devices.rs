//! `/api/v1/auth/device`: devices without a keyboard, and command lines, which somebody lets in from elsewhere (RFC 8628).
//! Requests are forms and errors are those of OAuth 2.0 (RFC 6749, section 5.2), so that its clients work.

use axum::extract::rejection::FormRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse as _, Response};
use axum::{Form, Json};
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};
use waystation_identity::{DeviceCode, INTERVAL, IdentityError, RefreshToken, UserCode};
use waystation_store::users::{DeviceAnswer, NewDevice};

use crate::api::body::{Body, parsed};
use crate::api::login::{client, nobody, tokens};
use crate::api::origin::Origin;
use crate::api::problem::Problem;
use crate::api::who::Who;
use crate::host::Host;

/// What a device shows and asks with (RFC 8628, section 3.2).
#[derive(Serialize, Deserialize, ToSchema)]
pub struct DeviceCodes {
    /// What it asks with.
    pub device_code: String,
    /// What it shows.
    pub user_code: String,
    /// Where a person types that: below the host's address.
    pub verification_uri: String,
    /// Seconds for which both hold.
    pub expires_in: i64,
    /// Seconds between two questions.
    pub interval: u64,
}

/// Asks to be let in.
#[utoipa::path(post, path = "/api/v1/auth/device", tag = "auth", security(()),
    responses((status = 200, body = DeviceCodes), (status = "default", body = Problem)))]
pub(crate) async fn start(
    State(host): State<Host>,
    origin: Origin,
    headers: HeaderMap,
) -> Result<Json<DeviceCodes>, Problem> {
    let caller = nobody(&origin)?;
    let now = caller.now;
    let new =
        NewDevice { code: DeviceCode::generate(), user_code: UserCode::generate(), client: client(&headers) };
    let shown = (new.code.reveal().to_owned(), new.user_code.to_string());
    let until = host.store().start_device(caller, new, host.users().lives.rate).await??;
    Ok(Json(DeviceCodes {
        device_code: shown.0,
        user_code: shown.1,
        verification_uri: "/device".into(),
        expires_in: until.as_second().saturating_sub(now.as_second()),
        interval: INTERVAL.as_secs(),
    }))
}

/// A question (RFC 8628, section 3.4).
#[derive(Deserialize, ToSchema)]
pub(crate) struct Question {
    /// `urn:ietf:params:oauth:grant-type:device_code`.
    grant_type: String,
    /// As it was got.
    #[schema(value_type = String)]
    device_code: SecretString,
}

const GRANT: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// Asks whether it was let in.
#[utoipa::path(post, path = "/api/v1/auth/device/token", tag = "auth", security(()),
    request_body(content = Question, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = crate::api::login::Tokens), (status = 400, description = "`error` says why not yet")))]
pub(crate) async fn token(
    State(host): State<Host>,
    origin: Origin,
    question: Result<Form<Question>, FormRejection>,
) -> Result<Response, Problem> {
    let not = |word: &'static str| (StatusCode::BAD_REQUEST, Json(json!({ "error": word }))).into_response();
    let Ok(Form(question)) = question else { return Ok(not("invalid_request")) };
    if question.grant_type != GRANT {
        return Ok(not("unsupported_grant_type"));
    }
    let Ok(code) = question.device_code.expose_secret().parse::<DeviceCode>() else {
        return Ok(not("invalid_grant"));
    };
    let caller = nobody(&origin)?;
    let (refresh, now) = (RefreshToken::generate(), caller.now);
    let asked = host.store().ask_device(caller, code, (refresh.clone(), host.users().lives.refresh)).await?;
    match asked {
        Ok(DeviceAnswer::In(tenant, fresh)) => {
            Ok(tokens(&host, tenant, &fresh, &refresh, now)?.into_response())
        }
        Ok(DeviceAnswer::Wait(poll)) => Ok(not(poll.error().unwrap_or("access_denied"))),
        Err(IdentityError::Gone) => Ok(not("invalid_grant")),
        Err(e) => Err(e.into()),
    }
}

/// Which device.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Shown {
    /// What it shows.
    user_code: String,
}

/// A device that waits.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
pub struct WaitingDevice {
    /// What it says that it is.
    pub client: Option<String>,
    /// Where it asks from.
    pub address: Option<String>,
    /// Until when.
    pub expires_at: Timestamp,
}

/// Says what waits under a short code.
#[utoipa::path(get, path = "/api/v1/auth/device", tag = "auth", params(Shown),
    responses((status = 200, body = WaitingDevice), (status = "default", body = Problem)))]
pub(crate) async fn show(
    State(host): State<Host>,
    who: Who,
    Query(shown): Query<Shown>,
) -> Result<Json<WaitingDevice>, Problem> {
    who.person()?;
    let code: UserCode = parsed(&shown.user_code)?;
    let found = host.store().device(who.caller(), who.user(), code).await??;
    let (client, address, expires_at) = (found.client, found.address, found.expires_at);
    Ok(Json(WaitingDevice { client, address, expires_at }))
}

/// What is said to a device.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct Decision {
    /// What it shows.
    user_code: String,
    /// Whether it is let in, as whoever says so.
    approve: bool,
}

/// Lets a device in, or keeps it out.
#[utoipa::path(post, path = "/api/v1/auth/device/decide", tag = "auth", request_body = Decision,
    responses((status = 204), (status = "default", body = Problem)))]
pub(crate) async fn decide(
    State(host): State<Host>,
    who: Who,
    Body(decision): Body<Decision>,
) -> Result<StatusCode, Problem> {
    // It is another way in, for longer.
    let login = who.just_logged_in()?;
    let code: UserCode = parsed(&decision.user_code)?;
    host.store().decide_device(who.caller(), (who.user(), login), code, decision.approve).await??;
    Ok(StatusCode::NO_CONTENT)
}
