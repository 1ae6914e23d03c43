//! `decide`: whether the gate lets a request through. A pure function of policy and request.

use http::header::HOST;
use http::{HeaderMap, HeaderName, Method, Uri};
use ipnet::IpNet;

use crate::{
    CredentialName, Credentials, EgressError, HttpGrant, HttpLimits, Methods, Mode, Origin, PluginName,
    Wanted, headers,
};

/// What one plugin may send, and with what.
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// The operator's grants, in the order of the configuration. Empty: nothing may be sent.
    pub grants: Vec<HttpGrant>,
    /// The secrets bound to the plugin.
    pub credentials: Credentials,
    /// Bounds on each request.
    pub limits: HttpLimits,
}

/// What [`decide`] found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// The request may be sent, to addresses that pass the screening.
    Allowed(Admission),
    /// It may not.
    Denied(EgressError),
}

impl Decision {
    /// The same as a result.
    ///
    /// # Errors
    ///
    /// The reason of the denial.
    pub fn into_result(self) -> Result<Admission, EgressError> {
        match self {
            Self::Allowed(admission) => Ok(admission),
            Self::Denied(error) => Err(error),
        }
    }
}

/// How a request was let through.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Admission {
    /// Where it goes.
    pub origin: Origin,
    /// The index of the first grant that allows it, or of the audit grant that lets it pass.
    pub rule: usize,
    /// The networks, not public, that the grants which allow it open.
    pub addresses: Vec<IpNet>,
    /// The credentials it asks for; each is bound to the origin.
    pub credentials: Vec<CredentialName>,
    /// What would have refused it in enforce mode. None where a grant allows it.
    pub audited: Option<EgressError>,
}

/// Whether `plugin` may send a request of this method, URI and header under `policy`.
///
/// Neither the name server nor the network is asked: the addresses behind the origin are screened later,
/// against [`Admission::addresses`].
#[must_use]
pub fn decide(
    plugin: &PluginName,
    policy: &Policy,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Decision {
    match admit(plugin, policy, method, uri, headers) {
        Ok(admission) => Decision::Allowed(admission),
        Err(error) => Decision::Denied(error),
    }
}

fn admit(
    plugin: &PluginName,
    policy: &Policy,
    method: &Method,
    uri: &Uri,
    headers: &HeaderMap,
) -> Result<Admission, EgressError> {
    let origin = origin_of(uri)?;
    if Methods::forbidden(method) {
        return Err(EgressError::MethodForbidden { method: method.clone() });
    }
    refuse_forbidden(&origin, headers)?;
    let wanted = Wanted::of(plugin, &origin, method, headers);
    let Passage { rule, addresses, audited } = passage(&policy.grants, &wanted)?;
    let credentials = credentials(&policy.credentials, &wanted, headers)?;
    Ok(Admission { origin: wanted.origin, rule, addresses, credentials, audited })
}

/// The origin of an absolute URI. Errors do not repeat the URI, which may hold a secret.
pub(crate) fn origin_of(uri: &Uri) -> Result<Origin, EgressError> {
    let (Some(scheme), Some(authority)) = (uri.scheme_str(), uri.authority()) else {
        return Err(EgressError::BadUri { why: "it needs a scheme and a host" });
    };
    at(scheme, authority.as_str())
}

fn at(scheme: &str, authority: &str) -> Result<Origin, EgressError> {
    format!("{scheme}://{authority}").parse().map_err(|error| match error {
        EgressError::BadOrigin { why, .. } => EgressError::BadUri { why },
        other => other,
    })
}

/// Refuses the fields that frame the message. A `host` that says what the URI says is taken, since
/// libraries add it; the host writes its own.
fn refuse_forbidden(origin: &Origin, headers: &HeaderMap) -> Result<(), EgressError> {
    for (name, value) in headers.iter().filter(|(name, _)| headers::forbidden(name)) {
        let same_host = *name == HOST
            && value.to_str().is_ok_and(|host| at(origin.scheme().as_str(), host).as_ref() == Ok(origin));
        if *name != headers::CREDENTIAL && !same_host {
            return Err(EgressError::HeaderForbidden { header: name.clone() });
        }
    }
    Ok(())
}

/// The way that the grants leave open.
struct Passage {
    rule: usize,
    addresses: Vec<IpNet>,
    audited: Option<EgressError>,
}

impl Passage {
    /// Through these grants together: the first is the rule, each opens its addresses. None for none.
    fn through(grants: &[(usize, &HttpGrant)], audited: Option<EgressError>) -> Option<Self> {
        let (rule, _) = grants.first()?;
        let addresses = grants.iter().flat_map(|(_, grant)| grant.addresses.iter().copied()).collect();
        Some(Self { rule: *rule, addresses, audited })
    }
}

/// The way through the grants that allow the request; or through the audit grants that let it pass.
///
/// An audit grant covers what enforcing grants leave open, and loosens none of them: where a grant names
/// the origin, only an audit grant that names it too lets another method or header pass.
fn passage(grants: &[HttpGrant], wanted: &Wanted) -> Result<Passage, EgressError> {
    let indexed = || grants.iter().enumerate();
    let of_origin: Vec<_> = indexed().filter(|(_, grant)| grant.matches(&wanted.origin)).collect();
    let of_method: Vec<_> =
        of_origin.iter().copied().filter(|(_, grant)| grant.methods.allows(&wanted.method)).collect();
    let covers = |grant: &HttpGrant| wanted.headers.iter().all(|name| grant.headers.allows(name));
    let whole: Vec<_> = of_method.iter().copied().filter(|(_, grant)| covers(grant)).collect();
    if let Some(passage) = Passage::through(&whole, None) {
        return Ok(passage);
    }
    let request = Box::new(wanted.clone());
    if of_origin.is_empty() {
        let error = EgressError::OriginNotGranted(request);
        return match indexed().find(|(_, grant)| grant.mode == Mode::Audit) {
            // This grant does not name the origin, so what it opens is not open here.
            Some((rule, _)) => Ok(Passage { rule, addresses: Vec::new(), audited: Some(error) }),
            None => Err(error),
        };
    }
    let error = if of_method.is_empty() {
        EgressError::MethodNotGranted(request)
    } else {
        EgressError::HeaderNotGranted(request)
    };
    let auditors: Vec<_> = of_origin.into_iter().filter(|(_, grant)| grant.mode == Mode::Audit).collect();
    Passage::through(&auditors, Some(error.clone())).ok_or(error)
}

/// The credentials that the request asks for, each bound to its origin and each for a header of its own.
fn credentials(
    bound: &Credentials,
    wanted: &Wanted,
    headers: &HeaderMap,
) -> Result<Vec<CredentialName>, EgressError> {
    let mut names: Vec<CredentialName> = Vec::new();
    let mut set: Vec<&HeaderName> = Vec::new();
    for value in headers.get_all(headers::CREDENTIAL) {
        let name: CredentialName =
            value.to_str().ok().and_then(|name| name.parse().ok()).ok_or(EgressError::BadRequest {
                why: "`waystation-credential` must hold the name of a credential",
            })?;
        match bound.header_for(&name, &wanted.origin) {
            None => {
                let (plugin, origin) = (wanted.plugin.clone(), Box::new(wanted.origin.clone()));
                return Err(EgressError::CredentialNotBound { plugin, name, origin });
            }
            Some(header) if set.contains(&header) => {
                return Err(EgressError::BadRequest { why: "it names two credentials for the same header" });
            }
            Some(header) => {
                set.push(header);
                names.push(name);
            }
        }
    }
    Ok(names)
}

#[cfg(test)]
#[path = "policy_tests.rs"]
mod tests;
