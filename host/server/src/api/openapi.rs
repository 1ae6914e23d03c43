//! The API's description, OpenAPI 3.1.

use axum::Json;
use axum::http::StatusCode;
use utoipa::openapi::RefOr;
use utoipa::openapi::path::Operation;
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::{Modify, OpenApi};

use crate::api::{
    account, agents, approvals, audit, certificate, channels, checks, crl, deliveries, devices, enrolments,
    events, health, identities, items, login, metrics, oidc, plugins, roles, tickets, tokens, trust, users,
};

#[derive(OpenApi)]
#[openapi(
    info(title = "Waystation", description = "The API of a Waystation host."),
    paths(
        agents::list, agents::show, agents::enrol, agents::change, agents::certify, agents::revoke, enrolments::list,
        enrolments::invite, enrolments::uninvite, enrolments::pending, enrolments::approve, enrolments::reject,
        approvals::list, approvals::show, approvals::approve, approvals::reject, crl::serve, audit::list, audit::head,
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
    modifiers(&Planes)
)]
struct Api;

/// Who one can be.
struct Planes;

impl Modify for Planes {
    fn modify(&self, api: &mut utoipa::openapi::OpenApi) {
        let bearer = |about: &str| {
            let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).description(Some(about)).build();
            SecurityScheme::Http(scheme)
        };
        let components = api.components.get_or_insert_default();
        components
            .add_security_scheme("token", bearer("A user: the access token of a login, or an API token."));
        components.add_security_scheme("agent_key", bearer("An agent, by its key."));
        let certificate = SecurityScheme::MutualTls {
            description: Some("An agent, by a certificate of the host's authority.".to_owned()),
            deprecated: None,
            extensions: None,
        };
        components.add_security_scheme("certificate", certificate);
    }
}

/// The document.
pub fn document() -> utoipa::openapi::OpenApi {
    let mut api = Api::openapi();
    api.merge(tickets::described());
    #[cfg(feature = "data-reset")]
    api.merge(crate::api::reset::Api::openapi());
    for (path, item) in &mut api.paths.paths {
        let methods = [
            ("get", &mut item.get),
            ("put", &mut item.put),
            ("post", &mut item.post),
            ("patch", &mut item.patch),
            ("delete", &mut item.delete),
        ];
        for (method, operation) in methods {
            if let Some(operation) = operation {
                complete(operation, method, path);
            }
        }
    }
    api
}

/// What OpenAPI asks of every operation: an id that no other has, and a sentence with each answer.
fn complete(operation: &mut Operation, method: &str, path: &str) {
    let words =
        path.split(['/', '.']).map(|word| word.trim_matches(['{', '}'])).filter(|word| !word.is_empty());
    let words = words.filter(|word| !["api", "v1"].contains(word));
    operation.operation_id = Some(std::iter::once(method).chain(words).collect::<Vec<_>>().join("-"));
    for (status, answer) in &mut operation.responses.responses {
        if let RefOr::T(answer) = answer
            && answer.description.is_empty()
        {
            let status: Option<StatusCode> = status.parse().ok();
            let words = status.and_then(|status| status.canonical_reason());
            answer.description = words.unwrap_or("What went wrong").to_owned();
        }
    }
}

/// This description.
#[utoipa::path(get, path = "/api/v1/openapi.json", tag = "host",
    responses((status = 200, content_type = "application/json")))]
pub(crate) async fn serve() -> Json<utoipa::openapi::OpenApi> {
    Json(document())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::Path;

    use super::*;
    use crate::api::{beside, open, public, v1};

    #[test]
    fn the_description_and_the_router_have_the_same_routes() {
        let of = |below: &'static str, list: &'static [(&'static str, &'static str)]| {
            list.iter().map(move |(method, path)| {
                format!("{method} {}", format!("{below}{path}").trim_end_matches('/'))
            })
        };
        let mut routed: Vec<String> = of("/api/v1", v1().list).collect();
        for list in [beside().list, open().list, public().list] {
            routed.extend(of("", list));
        }
        for (below, list) in tickets::lists() {
            routed.extend(of(below, list));
        }
        let document = serde_json::to_value(document()).unwrap();
        let paths = document["paths"].as_object().unwrap();
        let described: BTreeSet<String> = paths
            .iter()
            .flat_map(|(path, methods)| {
                methods.as_object().unwrap().keys().map(move |method| format!("{method} {path}"))
            })
            .collect();
        let operations = paths.values().flat_map(|methods| methods.as_object().unwrap().values());
        let ids: BTreeSet<&str> =
            operations.map(|operation| operation["operationId"].as_str().unwrap()).collect();
        assert_eq!(ids.len(), described.len(), "an id is that of one operation");
        assert_eq!(routed.len(), described.len(), "a route is there once");
        assert_eq!(routed.into_iter().collect::<BTreeSet<_>>(), described);
    }

    #[test]
    fn every_reference_leads_somewhere_and_every_path_has_its_parameters() {
        fn references<'v>(value: &'v serde_json::Value, found: &mut BTreeSet<&'v str>) {
            match value {
                serde_json::Value::Object(fields) => {
                    found.extend(fields.get("$ref").and_then(serde_json::Value::as_str));
                    fields.values().for_each(|value| references(value, found));
                }
                serde_json::Value::Array(values) => values.iter().for_each(|value| references(value, found)),
                _ => {}
            }
        }
        let document = serde_json::to_value(document()).unwrap();
        let mut found = BTreeSet::new();
        references(&document, &mut found);
        assert!(found.len() > 50, "{found:?}");
        for reference in found {
            assert!(document.pointer(&reference[1..]).is_some(), "{reference}");
        }
        for (path, methods) in document["paths"].as_object().unwrap() {
            for (method, operation) in methods.as_object().unwrap() {
                let given = operation["parameters"].as_array().into_iter().flatten();
                let given: BTreeSet<&str> = given
                    .filter(|parameter| parameter["in"] == "path")
                    .map(|parameter| parameter["name"].as_str().unwrap())
                    .collect();
                let named: BTreeSet<&str> =
                    path.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
                assert_eq!(given, named, "{method} {path}");
                let answers = operation["responses"].as_object().unwrap();
                assert!(answers.values().all(|answer| answer["description"].is_string()), "{method} {path}");
            }
        }
    }

    #[test]
    fn the_document_of_the_book_is_this_one() {
        let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/src/reference/openapi.json");
        let now = serde_json::to_string_pretty(&document()).unwrap() + "\n";
        if std::env::var_os("WAYSTATION_UPDATE_DOCS").is_some() {
            std::fs::write(&file, &now).unwrap();
        }
        let kept = std::fs::read_to_string(&file).unwrap_or_default();
        assert!(
            kept == now,
            "write it again with WAYSTATION_UPDATE_DOCS=1 cargo nextest run -p waystation-server openapi"
        );
    }
}
