//! `POST /api/enroll`: a machine becomes an agent. It needs no certificate, and no token but the one in its body.
//!
//! What a client of the reference API sends (`token`, `csr`) is answered as there: 200. Who sends more (`label`,
//! `machine_id`, `key`) hears 201 where the agent is new, and 200 where it was there before.

use axum::Json;
use axum::extract::State;
use axum::http::{Extensions, HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::{Value, json};
use waystation_core::agent::{AgentName, Label};
use waystation_core::enrolment::{EnrolRefusal, binding};
use waystation_core::machine_uid::MachineUid;
use waystation_core::neighbourhood::neighbourhood;
use waystation_identity::{AgentKey, EnrolmentToken};
use waystation_pki::KeyHash;
use waystation_store::enrolment::{Attempt, Came, Credentials};
use waystation_store::tickets::Caller;

use super::answer::Answer;
use super::body::Body;
use super::certs::{certificate, csr, not_issued, refused};
use super::described as d;
use super::form::{Form, Issues};
use super::page::time;
use crate::api::origin::Origin;
use crate::host::Host;
use crate::tickets::default_tenant;

/// Seconds after which who waits comes again. So often they may, with the limit that there is by default.
const COME_AGAIN: u32 = 15;

/// What came.
#[derive(Debug)]
struct Wanted {
    token: SecretString,
    csr: Option<String>,
    label: Option<Label>,
    machine: Option<MachineUid>,
    key: bool,
    /// More than clients of the reference API send.
    ours: bool,
}

impl Wanted {
    /// Reads a body.
    fn read(body: Option<&Value>) -> Result<Self, Answer> {
        let mut issues = Issues::default();
        let read = Form::of(body, &mut issues).and_then(|form| {
            let token = form.text("token", 1_024, &mut issues);
            let label = optional(form.has("label"), || form.parsed("label", 50, &mut issues));
            let machine = optional(form.has("machine_id"), || form.parsed("machine_id", 100, &mut issues));
            let key = optional(form.has("key"), || form.truth("key", &mut issues));
            let key = key.map(Option::unwrap_or_default);
            // Who gets a key can do without a certificate.
            let needed = form.has("csr") || key == Some(false);
            let csr = optional(needed, || csr(&form, &mut issues));
            let ours = ["label", "machine_id", "key"].iter().any(|field| form.has(field));
            let (token, label, machine, key) = (token?.to_owned().into(), label?, machine?, key?);
            Some((csr?, Self { token, csr: None, label, machine, key, ours }))
        });
        let (csr, wanted) = issues.done(read)?;
        Ok(Self { csr: csr.transpose()?, ..wanted })
    }
}

/// What fuzzing asks of a body: see [`crate::fuzz`].
#[cfg(any(test, fuzzing))]
pub(crate) fn holds(data: &[u8]) {
    let Ok(value) = serde_json::from_slice::<Value>(data) else { return };
    match Wanted::read(Some(&value)) {
        Ok(wanted) => {
            assert!((1..=1_024).contains(&wanted.token.expose_secret().chars().count()));
            assert!(wanted.key || wanted.csr.is_some(), "there is something to enrol");
            assert!(wanted.ours || !(wanted.key || wanted.label.is_some() || wanted.machine.is_some()));
            if let Some(csr) = &wanted.csr {
                assert!(csr.len() <= waystation_pki::MAX_REQUEST);
                let read = waystation_pki::CertificateRequest::read(csr.as_bytes());
                assert!(read.is_ok_and(|read| read.key_hash().to_string().len() == 64) || !csr.is_empty());
            }
            if let Some(machine) = &wanted.machine {
                assert_eq!(machine.to_string().parse().as_ref(), Ok(machine));
            }
        }
        Err(answer) => assert!(answer.status == StatusCode::BAD_REQUEST && !answer.error.is_empty()),
    }
}

/// What may be left out, but is right where it is not.
fn optional<T>(there: bool, read: impl FnOnce() -> Option<T>) -> Option<Option<T>> {
    if there { read().map(Some) } else { Some(None) }
}

/// Enrols.
#[utoipa::path(post, path = "/api/enroll", tag = "agents", security(()), request_body = d::MachineToEnrol, responses(d::BodyRefusals, (status = 200, body = d::EnrolledMachine), (status = 201, body = d::EnrolledMachine), (status = 202, body = d::WaitingMachine), (status = 404, body = d::Refusal, description = "The agent is not there"), (status = 409, body = d::Refusal, description = "It is enrolled; or the host has no authority"), (status = 429, body = d::Refusal, description = "Too often; see Retry-After")))]
pub(super) async fn enroll(
    State(host): State<Host>,
    headers: HeaderMap,
    extensions: Extensions,
    Body(body): Body,
) -> Result<Response, Answer> {
    let wanted = Wanted::read(body.as_ref())?;
    let tenant = default_tenant().ok_or_else(Answer::not_found)?;
    let caller = Origin::of(&headers, &extensions).caller(tenant, "enrol".to_owned(), "enrol");
    let (limits, store) = (&host.tickets().enrolment, host.store());
    let token = wanted.token.expose_secret().parse::<EnrolmentToken>().ok().map(|token| token.digest());
    let who = neighbourhood(caller.address.as_deref().unwrap_or("unknown"));
    let offer = store.knock(caller.clone(), who, token, limits).await?;
    let (offer, token) = match (offer, token) {
        (Ok(offer), Some(token)) => (offer, token),
        (Err(refusal), _) => return Err(refused(refusal, "")),
        (Ok(_), None) => return Err(refused(EnrolRefusal::Unknown, "")),
    };
    let name = match (offer.name, wanted.label) {
        (Some(name), Some(label)) if name.label() != label.as_str() => {
            return Err(refused(EnrolRefusal::OtherLabel, label.as_str()));
        }
        (Some(name), _) => name,
        (None, Some(label)) => AgentName::Agent { label },
        (None, None) => return Err(Issues::one("label", "Required")),
    };
    let issued = wanted.csr.as_deref().map(|csr| host.pki().issue(&name, &offer.tenant, csr, caller.now));
    let issued = issued.transpose().map_err(|e| not_issued(&e))?;
    let key = wanted.key.then(AgentKey::generate);
    let public = issued.as_ref().map(|issued| issued.key);
    let attempt = Attempt {
        token,
        binding: binding(public.as_ref().map(KeyHash::as_bytes), &name, wanted.machine.as_ref()),
        name: name.clone(),
        machine: wanted.machine,
        credentials: Credentials {
            certificate: issued.as_ref().map(crate::pki::Issued::kept),
            key: key.as_ref().map(AgentKey::digest),
        },
    };
    let caller = Caller { tenant: offer.tenant, ..caller };
    let came = store.redeem_enrolment(caller.clone(), attempt, limits.clone()).await?;
    let given = |key: Option<&AgentKey>| {
        let mut body = issued.as_ref().map_or_else(
            || json!({ "ok": true, "label": name.label() }),
            |issued| certificate(issued, &name),
        );
        if let (Some(key), Some(body)) = (key, body.as_object_mut()) {
            body.insert("key".to_owned(), key.reveal().into());
        }
        Json(body)
    };
    if let Err(refusal) = &came {
        // The record holds as many of them as it may.
        tracing::debug!(code = refusal.code(), %name, address = caller.address, "an enrolment was refused");
    }
    Ok(match came.map_err(|refusal| refused(refusal, &name.label()))? {
        Came::Enrolled { new, .. } => {
            let status = if new && wanted.ours { StatusCode::CREATED } else { StatusCode::OK };
            (status, given(key.as_ref())).into_response()
        }
        Came::Again(_) => given(None).into_response(),
        Came::Waiting { id, why, until } => {
            let body = json!({
                "status": format!("{}-pending", why.as_str()), "pending": id.to_string(), "label": name.label(),
                "expiresAt": time(until),
            });
            let later = [(header::RETRY_AFTER, COME_AGAIN.to_string())];
            (StatusCode::ACCEPTED, later, Json(body)).into_response()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_of_the_reference_or_ours() {
        let machine = format!("muid_{}", "0".repeat(64));
        let read = |body: Value| Wanted::read(Some(&body));
        let theirs = read(json!({ "token": "t", "csr": "c", "extra": 1 })).unwrap();
        assert!(!theirs.ours && theirs.csr.as_deref() == Some("c") && !theirs.key);
        let ours = read(json!({ "token": "t", "csr": "c", "machine_id": machine })).unwrap();
        assert!(ours.ours && ours.machine.is_some());
        let keyed = read(json!({ "token": "t", "key": true })).unwrap();
        assert!(keyed.key && keyed.csr.is_none());
        for (body, paths) in [
            (json!({}), r#"["token"] ["csr"]"#),
            (json!([]), "[]"),
            (json!({ "token": "t" }), r#"["csr"]"#),
            (json!({ "token": "", "csr": 1 }), r#"["token"] ["csr"]"#),
            (json!({ "token": "t", "key": false }), r#"["csr"]"#),
            (json!({ "token": "t", "csr": "c", "key": "yes" }), r#"["key"]"#),
            (json!({ "token": "t", "csr": "c", "label": "Mac" }), r#"["label"]"#),
            (json!({ "token": "t", "csr": "c", "machine_id": "muid_" }), r#"["machine_id"]"#),
            (json!({ "token": "t", "csr": "c", "machine_id": machine.to_uppercase() }), r#"["machine_id"]"#),
        ] {
            let refused = read(body.clone()).unwrap_err();
            let issues = refused.details.unwrap()["issues"].as_array().unwrap().clone();
            let found: Vec<String> = issues.iter().map(|issue| issue["path"].to_string()).collect();
            assert_eq!(found.join(" "), paths, "{body}");
        }
        let large = read(json!({ "token": "t", "csr": "x".repeat(8_193) })).unwrap_err();
        assert_eq!((large.status, large.error.as_str()), (StatusCode::BAD_REQUEST, "CSR too large"));
    }
}
