//! Bodies of `/api/certs/agent` and `/api/enroll`.

use utoipa::ToSchema;

/// An agent to invite.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct AgentToInvite {
    /// 1 to 50 of `a-z0-9-`.
    label: String,
    capabilities: Vec<String>,
}

/// With what it enrols.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct InvitedAgent {
    ok: bool,
    /// It is shown here and never again.
    token: String,
    label: String,
    expires_at: String,
}

/// An agent that another enrols in its own name.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct AgentToDelegate {
    plugin_agent_label: String,
    /// A sub-scope that the asking agent has an instance of.
    scope: String,
}

/// With what it enrols.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct DelegatedAgent {
    ok: bool,
    /// It is shown here and never again.
    enrollment_token: String,
    expires_at: String,
    plugin_agent_label: String,
    /// The whole of it.
    label: String,
}

/// A request for a certificate.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct CertificateRequest {
    /// PKCS #10, PEM, at most 8192 bytes.
    csr: String,
}

/// What an agent may do.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct AgentCapabilities {
    capabilities: Vec<String>,
}

/// What an agent may do now.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct SetCapabilities {
    ok: bool,
    label: String,
    capabilities: Vec<String>,
}

/// An agent that was revoked.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct RevokedAgent {
    ok: bool,
    label: String,
}

/// A machine that becomes an agent. The reference API knows `token` and `csr`.
#[derive(ToSchema)]
pub(in crate::api::tickets) struct MachineToEnrol {
    token: String,
    /// PKCS #10, PEM, at most 8192 bytes. May be left out with `key`.
    csr: Option<String>,
    /// What it is called, where the token does not say.
    label: Option<String>,
    /// `muid_` and 64 hex digits.
    machine_id: Option<String>,
    /// Whether it gets a key, too.
    key: Option<bool>,
}

/// What the machine is now. Without a `csr` there is no certificate.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct EnrolledMachine {
    ok: bool,
    label: String,
    /// PEM, with all that is between it and the authority.
    cert: Option<String>,
    /// PEM.
    ca_cert: Option<String>,
    /// Hex, upper case.
    serial: Option<String>,
    expires_at: Option<String>,
    /// An agent key; it is shown here and never again.
    key: Option<String>,
}

/// An enrolment that waits for a person.
#[derive(ToSchema)]
#[schema(rename_all = "camelCase")]
pub(in crate::api::tickets) struct WaitingMachine {
    /// `approval-pending`, `collision-pending`.
    status: String,
    /// What people call it.
    pending: String,
    label: String,
    expires_at: String,
}
