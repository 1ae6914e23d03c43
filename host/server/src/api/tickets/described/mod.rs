//! What the description says of bodies here. Handlers read and write JSON themselves, since clients of the reference
//! API hear field by field what is wrong; tests hold what is really answered against these.
#![expect(dead_code, reason = "only their shape counts")]

mod agents;
mod bodies;

use utoipa::{IntoParams, IntoResponses, OpenApi, ToSchema};

use super::{approvals, assignments, certs, enroll, instances, own, requests, scopes, sessions, stream};

pub(super) use agents::*;
pub(super) use bodies::*;

#[derive(OpenApi)]
#[openapi(paths(
    scopes::list,
    scopes::register,
    scopes::update,
    scopes::remove,
    instances::list,
    instances::register,
    instances::remove,
    instances::heartbeat,
    assignments::list,
    assignments::add,
    assignments::remove,
    requests::list,
    requests::request,
    requests::inbox,
    requests::validate,
    requests::revoke,
    approvals::show,
    stream::follow,
    sessions::list,
    sessions::open,
    sessions::mark,
    sessions::end,
    sessions::heartbeat,
    own::list,
    own::show,
    certs::invite,
    certs::uninvite,
    certs::delegate,
    certs::renew,
    certs::revoke,
    certs::allow,
    enroll::enroll,
))]
struct Reference;

/// The part of the description that is about the reference API.
pub(in crate::api) fn described() -> utoipa::openapi::OpenApi {
    Reference::openapi()
}

/// What is answered when it is not what was asked for.
#[derive(ToSchema)]
pub(super) struct Refusal {
    /// One sentence. Clients of the reference API compare it.
    error: String,
    details: Option<RefusalDetails>,
}

/// More about it, as far as there is more.
#[derive(ToSchema)]
struct RefusalDetails {
    /// Stable, kebab-case.
    code: Option<String>,
    /// Each field of a body or path that is wrong.
    issues: Option<Vec<FieldIssue>>,
    /// What to do.
    hint: Option<String>,
    /// What it takes: `admin`, or permissions.
    required: Option<Vec<String>>,
    /// What the certificate is of instead: `agent`, `plugin-agent`.
    current: Option<String>,
    /// Why a role or a hook does not allow it.
    reason: Option<String>,
    /// The hook that denied it.
    hook: Option<String>,
    /// The request that people approve.
    approval: Option<ApprovalStanding>,
}

/// One field that is wrong.
#[derive(ToSchema)]
struct FieldIssue {
    /// Names of fields and places in lists, from the outside in.
    #[schema(value_type = Vec<Value>)]
    path: Vec<serde_json::Value>,
    message: String,
}

/// What every path can answer.
#[derive(IntoResponses)]
pub(super) enum Refusals {
    /// A field, an id or a parameter is wrong, with `details.issues`; or only agents ask this.
    #[response(status = 400)]
    Wrong(Refusal),
    /// A token that is none, or does not hold any more.
    #[response(status = 401)]
    Nobody(Refusal),
    /// Neither token nor certificate; or not somebody who may. A certificate that is refused is told as a `Problem`.
    #[response(status = 403)]
    NotThey(Refusal),
    /// It cannot be done now: the database does not answer.
    #[response(status = 503)]
    NotNow(Refusal),
    /// The disk of the host is full.
    #[response(status = 507)]
    Full(Refusal),
}

/// The same, where there is a body.
#[derive(IntoResponses)]
pub(super) enum BodyRefusals {
    /// A field of the body is wrong, with `details.issues`; or it is no JSON; or only agents ask this.
    #[response(status = 400)]
    Wrong(Refusal),
    /// A token that is none, or does not hold any more.
    #[response(status = 401)]
    Nobody(Refusal),
    /// Neither token nor certificate; or not somebody who may; or a hook denied it. A certificate that is refused is told
    /// as a `Problem`.
    #[response(status = 403)]
    NotThey(Refusal),
    /// A body of more than 1 MiB.
    #[response(status = 413)]
    Large(Refusal),
    /// A body that is no JSON.
    #[response(status = 415)]
    Kind(Refusal),
    /// It cannot be done now: the database does not answer, or a limit of the tenant is reached.
    #[response(status = 503)]
    NotNow(Refusal),
    /// The disk of the host is full.
    #[response(status = 507)]
    Full(Refusal),
}

/// Which page of a list.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Paged {
    /// The `next` of the page before.
    after: Option<String>,
    /// 1 to 1000; 1000 when left out.
    limit: Option<u32>,
}

/// Of what.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct OfAssignments {
    /// Those of this agent.
    #[param(rename = "agentLabel")]
    agent_label: Option<String>,
    /// Those to this instance: `scope:sub:instance`.
    #[param(rename = "instanceScope")]
    instance_scope: Option<String>,
}

/// In what role.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct AsWhat {
    /// `source` or `target`; both when left out.
    role: Option<String>,
}

/// For how long.
#[derive(IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Waiting {
    /// Seconds to wait for something to be there, 0 to 30.
    wait: Option<u32>,
}
