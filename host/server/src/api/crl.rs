//! `/api/v1/certificates/crl`: which certificates are refused, for proxies and other programs. Public, since it is
//! signed and names nobody.

use axum::extract::rejection::QueryRejection;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use jiff::Timestamp;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::api::problem::Problem;
use crate::host::Host;
use crate::pki::NoList;

/// Which list.
#[derive(Debug, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wanted {
    /// The authority of the list, by its id as `waystation pki show --json` has it, or at least 8 digits of that. The one
    /// that issues when left out.
    authority: Option<String>,
    /// `pem` for the lists of all authorities in one text.
    #[param(inline)]
    form: Option<Form>,
}

/// As what.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Form {
    /// One list, as it is signed.
    Der,
    /// All lists.
    Pem,
}

fn refused(why: NoList) -> Problem {
    match why {
        NoList::NoAuthority => Problem::new(StatusCode::NOT_FOUND, "no-authority", why.to_string()),
        NoList::Store(e) => e.into(),
        NoList::Pki(e) => {
            tracing::error!(code = e.code(), error = %e, "the list of revoked certificates cannot be made");
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, e.code(), e.to_string())
        }
    }
}

/// Gives the list of revoked certificates (RFC 5280) of an authority of the host, or of all. It needs no token.
#[utoipa::path(get, path = "/api/v1/certificates/crl", tag = "agents", params(Wanted), security(()),
    responses((status = 200, content_type = "application/pkix-crl"), (status = "default", body = Problem)))]
pub(crate) async fn serve(
    State(host): State<Host>,
    query: Result<Query<Wanted>, QueryRejection>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let Query(wanted) = query.map_err(|e| Problem::bad("bad-query", e.body_text()))?;
    let lists = host.pki().crl().lists(host.pki(), host.store(), Timestamp::now()).await.map_err(refused)?;
    let (kind, body) = match (wanted.form, &wanted.authority) {
        (Some(Form::Pem), None) => {
            let text: String = lists.all.iter().map(|list| list.pem.as_str()).collect();
            ("application/x-pem-file", text.into_bytes())
        }
        (form, authority) => {
            let id = authority.as_deref().unwrap_or_default();
            let named = authority.is_none() || id.len() >= 8;
            let list = lists.all.iter().find(|list| named && list.authority.to_string().starts_with(id));
            let list = list.ok_or_else(|| Problem::not_found("authority", id))?;
            match form {
                Some(Form::Pem) => ("application/x-pem-file", list.pem.clone().into_bytes()),
                _ => ("application/pkix-crl", list.der.clone()),
            }
        }
    };
    let tag = format!("\"{}-{}\"", lists.number, lists.made_at.as_second());
    let known = headers.get(header::IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == tag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { body.into_response() };
    let more = response.headers_mut();
    more.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
    more.insert(header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=60"));
    if let Ok(tag) = HeaderValue::from_str(&tag) {
        more.insert(header::ETAG, tag);
    }
    Ok(response)
}
