//! `/api/v1/trust`

use axum::Json;
use axum::extract::State;
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::api::problem::Problem;
use crate::api::views::ErrorView;
use crate::api::who::Who;
use crate::host::Host;
use crate::trust::Admission;

/// Whose plugins may run, as the host read it last.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct TrustPolicyView {
    /// Why the policy, or what it names, cannot be used: then nothing new is loaded.
    pub problem: Option<ErrorView>,
    /// The namespaces that somebody is trusted for, by the last policy that could be used.
    pub namespaces: Vec<NamespaceView>,
    /// The list of revocations that holds.
    pub revocations: Option<RevocationsView>,
    /// Folders whose plugins run without signatures.
    pub dev: Vec<String>,
}

/// A namespace of plugins.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct NamespaceView {
    /// The part of names before the slash.
    pub name: String,
    /// The worlds that its plugins may be of.
    pub kinds: Vec<String>,
}

/// A list of revocations.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
pub struct RevocationsView {
    /// Counts up with each list.
    pub number: u64,
    /// When there has to be a newer one.
    pub expires_at: Timestamp,
}

impl TrustPolicyView {
    /// What lets plugins in, as it was read last.
    #[must_use]
    pub fn of(admission: &Admission) -> Self {
        let (trust, unusable) = admission.current();
        let problem = unusable.map(|e| ErrorView {
            code: e.code().to_owned(),
            message: e.to_string(),
            retryable: false,
        });
        let policy = trust.as_ref().map(|trust| trust.policy());
        let namespaces = policy.into_iter().flat_map(|policy| {
            policy
                .namespaces()
                .map(|name| NamespaceView { name: name.to_owned(), kinds: policy.kinds(name).to_vec() })
        });
        let revocations = trust
            .as_ref()
            .and_then(|trust| trust.revocations())
            .map(|list| RevocationsView { number: list.number(), expires_at: list.expires_at() });
        let dev = admission.dev_folders().iter().map(|folder| folder.display().to_string());
        Self { problem, namespaces: namespaces.collect(), revocations, dev: dev.collect() }
    }
}

/// Shows whose plugins may run.
#[utoipa::path(get, path = "/api/v1/trust", tag = "plugins",
    responses((status = 200, body = TrustPolicyView), (status = "default", body = Problem)))]
pub(crate) async fn show(State(host): State<Host>, who: Who) -> Result<Json<TrustPolicyView>, Problem> {
    who.may("trust:read")?;
    Ok(Json(TrustPolicyView::of(host.admission())))
}

/// Reads the trust policy and the list of revocations again, at once: what may not run any more is stopped before this
/// answers.
#[utoipa::path(post, path = "/api/v1/trust/refresh", tag = "plugins",
    responses((status = 200, body = TrustPolicyView), (status = "default", body = Problem)))]
pub(crate) async fn refresh(State(host): State<Host>, who: Who) -> Result<Json<TrustPolicyView>, Problem> {
    who.may("trust:refresh")?;
    host.look_at_trust().await?;
    Ok(Json(TrustPolicyView::of(host.admission())))
}
