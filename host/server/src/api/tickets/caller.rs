//! Who asks: an operator or an agent, and nobody else.

use std::sync::Arc;

use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use serde_json::json;
use waystation_core::access::Target;
use waystation_core::agent::AgentName;
use waystation_core::name::TenantName;
use waystation_core::ticket::Capability;
use waystation_identity::AgentKey;
use waystation_pki::ClientIdentity;
use waystation_store::tickets::{ById, Caller};

use super::answer::Answer;
use crate::api::agents;
use crate::api::auth::{bearer, told};
use crate::api::origin::Origin;
use crate::api::who::{Denied, Who};
use crate::host::Host;
use crate::pki;
use crate::tickets::default_tenant;

/// Who asks, and on whose behalf it is told in the record.
#[derive(Clone)]
pub(super) enum Asker {
    /// Somebody who runs the host.
    User(Box<Who>),
    /// An agent.
    Agent {
        /// Whose.
        tenant: TenantName,
        /// Which.
        name: AgentName,
        /// From where.
        origin: Origin,
    },
}

impl Asker {
    /// For the store, now.
    pub(super) fn caller(&self) -> Caller {
        match self {
            Self::User(who) => who.caller(),
            Self::Agent { tenant, name, origin } => origin.caller(tenant.clone(), name.to_string(), "agent"),
        }
    }

    pub(super) fn tenant(&self) -> &TenantName {
        match self {
            Self::User(who) => who.tenant(),
            Self::Agent { tenant, .. } => tenant,
        }
    }

    /// What only users do: one who may do this to that.
    pub(super) fn may_on(&self, action: &'static str, target: &Target) -> Result<(), Answer> {
        Ok(self.user()?.may_on(action, target)?)
    }

    /// What only users do: one who may do this to what there is, whatever it is.
    pub(super) fn may(&self, action: &'static str) -> Result<(), Answer> {
        self.may_on(action, &Target::default())
    }

    /// What only users do: one who may do this to something. What that is is then [told apart](Self::sees).
    pub(super) fn somewhere(&self, action: &'static str) -> Result<(), Answer> {
        Ok(self.user()?.somewhere(action)?)
    }

    /// What only users do: one who may do this to what has that id, as far as the scope and the agents go that it concerns.
    /// Who may not, and may not even `read` it, is told that it is missing. What is not there is left to what they ask for.
    pub(super) async fn may_by_id(
        &self,
        host: &Host,
        (action, read): (&'static str, &'static str),
        what: ById,
        missing: impl FnOnce() -> Answer,
    ) -> Result<(), Answer> {
        let Some(found) = host.store().concerns(self.tenant(), what).await? else { return Ok(()) };
        let targets: Vec<_> = found.agents.iter().map(|agent| of_agent(&found.scope, agent)).collect();
        let all = |action| targets.iter().all(|target| self.sees(action, target));
        match all(action) || all(read) {
            true => targets.iter().try_for_each(|target| self.may_on(action, target)),
            false => Err(missing()),
        }
    }

    /// Whether a user may do this to one of several.
    pub(super) fn sees(&self, action: &'static str, target: &Target) -> bool {
        self.user().is_ok_and(|who| who.sees(action, target))
    }

    fn user(&self) -> Result<&Who, Answer> {
        let current = match self {
            Self::User(who) => return Ok(who.as_ref()),
            Self::Agent { name: AgentName::Agent { .. }, .. } => "agent",
            Self::Agent { name: AgentName::PluginAgent { .. }, .. } => "plugin-agent",
        };
        let details = json!({ "required": ["admin"], "current": current });
        Err(Answer::new(StatusCode::FORBIDDEN, "Insufficient certificate scope").with(details))
    }

    /// What is done by agents, of themselves.
    pub(super) fn agent(&self) -> Result<AgentName, Answer> {
        self.agent_if().ok_or_else(|| Answer::bad("Agent label required"))
    }

    pub(super) fn agent_if(&self) -> Option<AgentName> {
        match self {
            Self::User(_) => None,
            Self::Agent { name, .. } => Some(name.clone()),
        }
    }
}

impl From<Denied> for Answer {
    fn from(denied: Denied) -> Self {
        Self::new(StatusCode::FORBIDDEN, "Insufficient permission")
            .with(json!({ "required": [denied.action], "reason": denied.why }))
    }
}

/// What selectors tell the parts of a scope by.
pub(super) fn of_scope(scope: &Capability) -> Target {
    let name = scope.as_str().split_once(':').map_or(scope.as_str(), |(name, _)| name);
    Target { scope: name.parse().ok(), ..Target::default() }
}

/// The same, of something that an agent has to do with.
pub(super) fn of_agent(scope: &Capability, agent: &AgentName) -> Target {
    Target { machine: agents::target(agent).machine, ..of_scope(scope) }
}

/// Puts an [`Asker`] into each request, or refuses it. A token that is there has to be right, whoever's connection it
/// is on: nobody is less than what they say.
pub(super) async fn tell(State(host): State<Host>, mut request: Request, next: Next) -> Response {
    let origin = Origin::of(request.headers(), request.extensions());
    let token = request.headers().contains_key(header::AUTHORIZATION);
    let presented = bearer(request.headers()).map(str::to_owned);
    let agent = pki::agent(request.extensions());
    match asker(host, origin, (token, presented), agent).await {
        Ok(asker) => {
            request.extensions_mut().insert(asker);
            next.run(request).await
        }
        Err(answer) => answer.into_response(),
    }
}

async fn asker(
    host: Host,
    origin: Origin,
    (sent, token): (bool, Option<String>),
    agent: Option<Arc<ClientIdentity>>,
) -> Result<Asker, Answer> {
    if sent {
        return by_token(host, origin, token, agent).await;
    }
    let Some(agent) = agent else {
        let hint = "Connect with the certificate that the host issued, or send a token in `Authorization`.";
        let answer = Answer::new(StatusCode::FORBIDDEN, "mTLS certificate required");
        return Err(answer.with(json!({ "hint": hint })));
    };
    let tenant = match &agent.tenant {
        Some(tenant) => tenant.to_string().parse().ok(),
        None => default_tenant(),
    };
    Ok(Asker::Agent { tenant: tenant.ok_or_else(Answer::not_found)?, name: agent.name.clone(), origin })
}

/// Who a token speaks for: an agent, by its key, or a user.
async fn by_token(
    host: Host,
    origin: Origin,
    token: Option<String>,
    connected: Option<Arc<ClientIdentity>>,
) -> Result<Asker, Answer> {
    let none = || Answer::new(StatusCode::UNAUTHORIZED, "This token is none, or does not hold any more");
    let token = token.ok_or_else(none)?;
    if let Ok(key) = token.parse::<AgentKey>() {
        let (tenant, name) = host.store().agent_of_key(&key.digest()).await?.ok_or_else(none)?;
        // A key on the connection of somebody else is not theirs.
        return match connected.is_none_or(|agent| agent.name == name) {
            true => Ok(Asker::Agent { tenant, name, origin }),
            false => Err(none()),
        };
    }
    let (standing, proof) = told(&host, &token).await?.ok_or_else(none)?;
    Ok(Asker::User(Box::new(Who::new(standing, proof, origin, host))))
}

impl<S: Sync> FromRequestParts<S> for Asker {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Answer> {
        parts.extensions.get::<Self>().cloned().ok_or_else(Answer::not_found)
    }
}
