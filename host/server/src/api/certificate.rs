//! `/api/v1/certificate`

use axum::Json;
use axum::http::Extensions;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waystation_pki::ClientIdentity;

use crate::api::problem::Problem;
use crate::pki::agent;

/// By whose certificate the host knows who sent a request.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct CertificateView {
    /// The agent that was recognised; absent where there was no certificate.
    pub agent: Option<AgentView>,
}

/// An agent, by its certificate.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct AgentView {
    /// Its name, `agent:LABEL` or `plugin-agent:DELEGATOR:NAME`.
    pub name: String,
    /// Whose agent it is, where the certificate says so.
    pub tenant: Option<String>,
    /// The serial number, in lower-case hex.
    pub serial: String,
    /// SHA-256 of the certificate, in hex; absent where a proxy sent only its subject.
    pub fingerprint: Option<String>,
    /// Until when it is valid; absent as above.
    pub expires: Option<Timestamp>,
}

impl From<&ClientIdentity> for AgentView {
    fn from(agent: &ClientIdentity) -> Self {
        Self {
            name: agent.name.to_string(),
            tenant: agent.tenant.as_ref().map(ToString::to_string),
            serial: agent.serial.to_string(),
            fingerprint: agent.presented.as_ref().map(|presented| presented.fingerprint.to_string()),
            expires: agent.presented.as_ref().map(|presented| presented.expires),
        }
    }
}

/// Says whom the host takes the sender of this request for, by a certificate of the connection or of a trusted proxy.
#[utoipa::path(get, path = "/api/v1/certificate", tag = "host",
    responses((status = 200, body = CertificateView), (status = "default", body = Problem)))]
pub(crate) async fn show(extensions: Extensions) -> Json<CertificateView> {
    Json(CertificateView { agent: agent(&extensions).as_deref().map(AgentView::from) })
}
