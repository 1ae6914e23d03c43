//! Who asks: an operator or an agent, and nobody else.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_identity::AgentKey;
use waystation_store::tickets::Caller;

use super::answer::Answer;
use crate::api::auth::{OPERATOR, bearer};
use crate::api::origin::Origin;
use crate::host::Host;
use crate::pki;
use crate::tickets::default_tenant;

/// Who asks, and on whose behalf it is told in the record.
#[derive(Debug, Clone)]
pub(super) struct Asker {
    tenant: TenantName,
    who: Who,
    origin: Origin,
}

#[derive(Debug, Clone)]
enum Who {
    Operator,
    Agent(AgentName),
}

impl Asker {
    /// For the store, now.
    pub(super) fn caller(&self) -> Caller {
        let (actor, plane) = match &self.who {
            Who::Operator => (OPERATOR.to_owned(), "api"),
            Who::Agent(name) => (name.to_string(), "agent"),
        };
        self.origin.caller(self.tenant.clone(), actor, plane)
    }

    pub(super) const fn tenant(&self) -> &TenantName {
        &self.tenant
    }

    /// What only operators do.
    pub(super) fn operator(&self) -> Result<(), Answer> {
        match &self.who {
            Who::Operator => Ok(()),
            Who::Agent(name) => {
                let current = match name {
                    AgentName::Agent { .. } => "agent",
                    AgentName::PluginAgent { .. } => "plugin-agent",
                };
                let details = json!({ "required": ["admin"], "current": current });
                Err(Answer::new(StatusCode::FORBIDDEN, "Insufficient certificate scope").with(details))
            }
        }
    }

    /// What is done by agents, of themselves.
    pub(super) fn agent(&self) -> Result<AgentName, Answer> {
        self.agent_if().ok_or_else(|| Answer::bad("Agent label required"))
    }

    pub(super) fn agent_if(&self) -> Option<AgentName> {
        match &self.who {
            Who::Operator => None,
            Who::Agent(name) => Some(name.clone()),
        }
    }
}

/// Puts an [`Asker`] into each request, or refuses it. A token that is there has to be right, whoever's connection it
/// is on: nobody is less than what they say.
pub(super) async fn tell(State(host): State<Host>, mut request: Request, next: Next) -> Response {
    let keyed = match keyed(&host, request.headers()).await {
        Ok(keyed) => keyed,
        Err(answer) => return answer.into_response(),
    };
    match asker(&host, &request, keyed) {
        Ok(asker) => {
            request.extensions_mut().insert(Arc::new(asker));
            next.run(request).await
        }
        Err(answer) => answer.into_response(),
    }
}

/// The agent whose key a request carries.
async fn keyed(host: &Host, headers: &HeaderMap) -> Result<Option<(TenantName, AgentName)>, Answer> {
    match bearer(headers).and_then(|text| text.parse::<AgentKey>().ok()) {
        Some(key) => Ok(host.store().agent_of_key(&key.digest()).await?),
        None => Ok(None),
    }
}

fn asker(host: &Host, request: &Request, keyed: Option<(TenantName, AgentName)>) -> Result<Asker, Answer> {
    let tenant = default_tenant().ok_or_else(Answer::not_found)?;
    let (headers, extensions) = (request.headers(), request.extensions());
    let connected = pki::agent(extensions);
    // A key on the connection of somebody else is not theirs.
    let same = |name: &AgentName| connected.as_ref().is_none_or(|agent| agent.name == *name);
    if let Some((tenant, name)) = keyed.filter(|(_, name)| same(name)) {
        return Ok(Asker { tenant, who: Who::Agent(name), origin: Origin::of(headers, extensions) });
    }
    let (tenant, who) = match (headers.get(header::AUTHORIZATION), connected) {
        (Some(_), _) if bearer(headers).is_some_and(|token| host.token().matches(token)) => {
            (tenant, Who::Operator)
        }
        (Some(_), _) => {
            let error = "This token is not the host's";
            return Err(Answer::new(StatusCode::UNAUTHORIZED, error));
        }
        (None, Some(agent)) => {
            let own = agent.tenant.as_ref().map_or(Some(tenant), |tenant| tenant.to_string().parse().ok());
            (own.ok_or_else(Answer::not_found)?, Who::Agent(agent.name.clone()))
        }
        (None, None) => {
            let hint =
                "Connect with the certificate that the host issued, or send the token in `Authorization`.";
            let answer = Answer::new(StatusCode::FORBIDDEN, "mTLS certificate required");
            return Err(answer.with(json!({ "hint": hint })));
        }
    };
    Ok(Asker { tenant, who, origin: Origin::of(headers, extensions) })
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Answer> {
        let told = parts.extensions.get::<Arc<Self>>();
        told.map(|asker| Self::clone(asker)).ok_or_else(Answer::not_found)
    }
}
