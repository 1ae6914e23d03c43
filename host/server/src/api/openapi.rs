//! The API's description, OpenAPI 3.1.

use axum::Json;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::{
    account, agents, audit, certificate, channels, checks, crl, deliveries, devices, enrolments, events,
    health, identities, items, login, metrics, oidc, plugins, roles, tokens, trust, users,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Waystation", description = "The API of a Waystation host."),
    paths(
        agents::list, agents::show, agents::enrol, agents::change, agents::certify, agents::revoke, enrolments::list,
        enrolments::invite, enrolments::uninvite, enrolments::pending, enrolments::approve, enrolments::reject,
        crl::serve, audit::list,
        audit::verify, plugins::host, items::list, items::add, items::show, items::remove, checks::check, plugins::list,
        plugins::show, plugins::enable, plugins::disable, plugins::logs, plugins::follow, trust::show,
        trust::refresh, certificate::show, events::list, events::follow, channels::list, channels::test, deliveries::list, deliveries::dead, deliveries::replay,
        deliveries::replay_all, login::login, login::refresh, login::link, login::use_link, account::me, account::logout, account::logins,
        account::end_login, account::password, account::begin_totp, account::confirm_totp, account::end_totp,
        devices::start, devices::token, devices::show, devices::decide, users::list, users::add, users::show, users::remove,
        users::lock, users::unlock, users::logout, users::assign, users::password_link,
        identities::list, identities::bind, identities::unbind, identities::own, oidc::enter, oidc::providers, roles::list, roles::put,
        roles::remove, roles::why, tokens::list, tokens::add, tokens::remove, health::live, health::ready, metrics::metrics, serve,
    ),
    security(("token" = [])),
    modifiers(&Token)
)]
struct Api;

struct Token;

impl Modify for Token {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        api.components.get_or_insert_default().add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    Api::openapi()
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "host",
    responses((status = 200, content_type = "application/json")))]
pub(crate) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}
