//! `/api/certs/agent`: enrolment tokens, capabilities, revocation and renewal, as the reference API has them.

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_core::agent::{AgentName, Label, ShortName};
use waystation_core::enrolment::EnrolRefusal;
use waystation_core::ticket::Capability;
use waystation_core::time::later;
use waystation_identity::EnrolmentToken;
use waystation_pki::MAX_REQUEST;
use waystation_store::enrolment::NewEnrolment;

use super::answer::Answer;
use super::body::Body;
use super::caller::Asker;
use super::described as d;
use super::form::{Form, Issues};
use super::page::time;
use crate::api::agents;
use crate::host::Host;
use crate::pki::{Issued, NotIssued};

/// The most capabilities of one agent.
const MAX_CAPABILITIES: usize = 256;

/// An agent that there is not.
const NO_AGENT: &str = "Agent not found or revoked";

/// What is told of a refusal, about this agent.
pub(super) fn refused(refusal: EnrolRefusal, label: &str) -> Answer {
    if let EnrolRefusal::TooOften { retry_after } = refusal {
        return Answer {
            retry_after: Some(retry_after),
            ..Answer::new(StatusCode::TOO_MANY_REQUESTS, "Rate limit exceeded")
        };
    }
    let (status, error) = match refusal {
        EnrolRefusal::Unknown => (StatusCode::UNAUTHORIZED, "Enrollment token is not known"),
        EnrolRefusal::Used => (StatusCode::UNAUTHORIZED, "Enrollment token was already used"),
        EnrolRefusal::Expired => (StatusCode::UNAUTHORIZED, "Enrollment token has expired"),
        EnrolRefusal::Stale => {
            (StatusCode::UNAUTHORIZED, "Enrollment token is older than the revocation of this agent")
        }
        EnrolRefusal::TimedOut => (StatusCode::UNAUTHORIZED, "Enrollment was not confirmed in time"),
        EnrolRefusal::OtherLabel => (StatusCode::FORBIDDEN, "Enrollment token is for another label"),
        EnrolRefusal::Rejected => (StatusCode::FORBIDDEN, "Enrollment was rejected"),
        EnrolRefusal::NotDelegator => (StatusCode::FORBIDDEN, "Insufficient delegation authority"),
        EnrolRefusal::NoScope => (StatusCode::BAD_REQUEST, "Scope is not a registered ticket scope"),
        EnrolRefusal::Taken => {
            let answer = Answer::new(StatusCode::CONFLICT, format!("Agent \"{label}\" is already enrolled"));
            return answer.with(json!({ "code": refusal.code() }));
        }
        EnrolRefusal::NotFound | EnrolRefusal::NotWaiting | EnrolRefusal::TooOften { .. } => {
            (StatusCode::NOT_FOUND, NO_AGENT)
        }
    };
    Answer::new(status, error).with(json!({ "code": refusal.code() }))
}

/// Why there is no certificate.
pub(super) fn not_issued(e: &NotIssued) -> Answer {
    let answer = match e {
        NotIssued::NoAuthority => Answer::new(StatusCode::CONFLICT, e.to_string()),
        NotIssued::Pki(_) if e.code() == "csr-too-large" => Answer::bad("CSR too large"),
        NotIssued::Pki(_) => Answer::bad(format!("Invalid CSR: {e}")),
    };
    answer.with(json!({ "code": e.code() }))
}

/// The text of a certificate request. What is too large is told apart from what is none.
pub(super) fn csr(form: &Form<'_>, issues: &mut Issues) -> Option<Result<String, Answer>> {
    let text = form.text("csr", usize::MAX, issues)?;
    match text.len() > MAX_REQUEST {
        true => Some(Err(Answer::bad("CSR too large").with(json!({ "code": "csr-too-large" })))),
        false => Some(Ok(text.to_owned())),
    }
}

/// A certificate as the reference API gives it.
pub(super) fn certificate(issued: &Issued, name: &AgentName) -> Value {
    json!({
        "ok": true, "cert": issued.certificate, "caCert": issued.authorities, "label": name.label(),
        "serial": issued.serial.to_uppercase(), "expiresAt": time(issued.expires),
    })
}

/// Makes a token for an agent. One that there is for it is replaced.
#[utoipa::path(post, path = "/api/certs/agent/enroll", tag = "agents", security(("token" = [])), request_body = d::AgentToInvite, responses(d::BodyRefusals, (status = 200, body = d::InvitedAgent), (status = 409, body = d::Refusal, description = "It is enrolled")))]
pub(super) async fn invite(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    asker.may("enrolment:write")?;
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues).and_then(|form| {
        let label = form.parsed::<Label>("label", 50, &mut issues);
        let capabilities = form.parsed_list::<Capability>("capabilities", MAX_CAPABILITIES, &mut issues);
        Some((label?, capabilities?))
    });
    let (label, capabilities) = issues.done(read)?;
    let caller = asker.caller();
    let expires_at = later(caller.now, host.tickets().enrolment.life);
    let new = NewEnrolment {
        name: Some(AgentName::Agent { label: label.clone() }),
        capabilities: capabilities.into_iter().collect(),
        uses: 1,
        expires_at,
        approve: false,
        replace: true,
    };
    let token = EnrolmentToken::generate();
    let done = host.store().invite(caller, token.digest(), new).await?;
    done.map_err(|refusal| refused(refusal, label.as_str()))?;
    Ok(Json(json!({
        "ok": true, "token": token.reveal(), "label": label.as_str(), "expiresAt": time(expires_at),
    })))
}

/// Deletes the tokens for an agent.
#[utoipa::path(delete, path = "/api/certs/agent/enroll/{label}", tag = "agents", security(("token" = [])), params(("label" = String, Path)), responses(d::Refusals, (status = 200, body = d::Done), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn uninvite(
    State(host): State<Host>,
    asker: Asker,
    Path(label): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    asker.may("enrolment:remove")?;
    let missing = || Answer::new(StatusCode::NOT_FOUND, "Enrollment token not found");
    let label: Label = label.parse().map_err(|_| Issues::one("label", "Invalid agent label"))?;
    let done = host.store().uninvite_name(asker.caller(), AgentName::Agent { label }).await?;
    done.map_err(|_| missing())?;
    Ok(Json(json!({ "ok": true })))
}

/// Makes a token with which the agent that asks enrols another in its own name.
#[utoipa::path(post, path = "/api/certs/agent/enroll-delegated", tag = "agents", security(("certificate" = []), ("agent_key" = [])), request_body = d::AgentToDelegate, responses(d::BodyRefusals, (status = 200, body = d::DelegatedAgent), (status = 404, body = d::Refusal, description = "The agent that asks is revoked"), (status = 409, body = d::Refusal, description = "It is enrolled"), (status = 429, body = d::Refusal, description = "Too often; see Retry-After")))]
pub(super) async fn delegate(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues).and_then(|form| {
        let label = form.parsed::<ShortName>("pluginAgentLabel", 50, &mut issues);
        let scope = form.parsed::<Capability>("scope", 100, &mut issues);
        Some((label?, scope?))
    });
    let (short, scope) = issues.done(read)?;
    let forbidden = |error| Answer::new(StatusCode::FORBIDDEN, error);
    let delegator = match asker.agent_if() {
        Some(name @ AgentName::Agent { .. }) => name,
        Some(AgentName::PluginAgent { .. }) => {
            return Err(forbidden("Plugin agents cannot delegate enrollment"));
        }
        None => return Err(forbidden("Agent label not found in certificate")),
    };
    let name = AgentName::PluginAgent { delegator: delegator.owner().clone(), name: short.clone() };
    let caller = asker.caller();
    let limits = (&host.tickets().enrolment, &*host.tickets().limits);
    let expires_at = later(caller.now, limits.0.life);
    let token = EnrolmentToken::generate();
    let what = (short.clone(), scope);
    let done = host.store().delegate(caller, token.digest(), delegator, what, limits).await?;
    done.map_err(|refusal| refused(refusal, &name.label()))?;
    Ok(Json(json!({
        "ok": true, "enrollmentToken": token.reveal(), "expiresAt": time(expires_at),
        "pluginAgentLabel": short.as_str(), "label": name.label(),
    })))
}

/// A label in a path: what is well written and nobody's is missing.
fn labelled(label: &str) -> Result<AgentName, Answer> {
    let begins = label.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit());
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b":-".contains(&b);
    if !begins || label.len() > 150 || !label.bytes().all(plain) {
        return Err(Issues::one("label", "Invalid agent label"));
    }
    AgentName::from_label(label).map_err(|_| Answer::new(StatusCode::NOT_FOUND, NO_AGENT))
}

/// Gives an agent these capabilities and no others.
#[utoipa::path(patch, path = "/api/certs/agent/{label}/capabilities", tag = "agents", security(("token" = [])), params(("label" = String, Path)), request_body = d::AgentCapabilities, responses(d::BodyRefusals, (status = 200, body = d::SetCapabilities), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn allow(
    State(host): State<Host>,
    asker: Asker,
    Path(label): Path<String>,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    asker.somewhere("agent:write")?;
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues)
        .and_then(|form| form.parsed_list::<Capability>("capabilities", MAX_CAPABILITIES, &mut issues));
    let capabilities = issues.done(read)?.into_iter().collect();
    let name = labelled(&label)?;
    asker.may_on("agent:write", &agents::target(&name))?;
    let words: Vec<String> =
        std::collections::BTreeSet::iter(&capabilities).map(Capability::to_string).collect();
    let done = host.store().set_capabilities(asker.caller(), name, capabilities).await?;
    done.map_err(|_| Answer::new(StatusCode::NOT_FOUND, NO_AGENT))?;
    Ok(Json(json!({ "ok": true, "label": label, "capabilities": words })))
}

/// Revokes an agent, and those that it enrolled in its own name.
#[utoipa::path(delete, path = "/api/certs/agent/{label}", tag = "agents", security(("token" = [])), params(("label" = String, Path)), responses(d::Refusals, (status = 200, body = d::RevokedAgent), (status = 404, body = d::Refusal, description = "There is none")))]
pub(super) async fn revoke(
    State(host): State<Host>,
    asker: Asker,
    Path(label): Path<String>,
    _: Body,
) -> Result<Json<Value>, Answer> {
    let name = labelled(&label);
    asker.may_on("agent:revoke", &name.as_ref().map(agents::target).unwrap_or_default())?;
    let done = host.store().revoke_agent(asker.caller(), name?).await?;
    done.map_err(|_| Answer::new(StatusCode::NOT_FOUND, NO_AGENT))?;
    host.look_at_revocations().await?;
    Ok(Json(json!({ "ok": true, "label": label })))
}

/// Gives the agent that asks a new certificate. Those that it has are refused some time later.
#[utoipa::path(post, path = "/api/certs/agent/upgrade-cert", tag = "agents", security(("certificate" = []), ("agent_key" = [])), request_body = d::CertificateRequest, responses(d::BodyRefusals, (status = 200, body = d::EnrolledMachine), (status = 404, body = d::Refusal, description = "It is revoked"), (status = 409, body = d::Refusal, description = "The host has no authority"), (status = 429, body = d::Refusal, description = "Too often; see Retry-After")))]
pub(super) async fn renew(
    State(host): State<Host>,
    asker: Asker,
    Body(body): Body,
) -> Result<Json<Value>, Answer> {
    let mut issues = Issues::default();
    let read = Form::of(body.as_ref(), &mut issues).and_then(|form| csr(&form, &mut issues));
    let csr = issues.done(read)??;
    let name = asker.agent()?;
    let issued = host.pki().issue(&name, asker.tenant(), &csr, Timestamp::now());
    let issued = issued.map_err(|e| not_issued(&e))?;
    let limits = &host.tickets().enrolment;
    let done = host.store().renew_certificate(asker.caller(), name.clone(), issued.kept(), limits).await?;
    done.map_err(|refusal| refused(refusal, &name.label()))?;
    // Where there is no overlap the one before is refused from now on.
    host.look_at_revocations().await?;
    Ok(Json(certificate(&issued, &name)))
}
