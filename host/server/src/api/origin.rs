//! Where a request comes from, for the record.

use std::convert::Infallible;

use axum::extract::FromRequestParts;
use axum::http::request::Parts;
use axum::http::{Extensions, HeaderMap};
use jiff::Timestamp;
use waystation_core::name::TenantName;
use waystation_store::tickets::Caller;

use super::REQUEST_ID;
use crate::pki::Connection;

/// The id of a request, and the address of its connection. The host itself has neither.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    request: Option<String>,
    address: Option<String>,
}

impl Origin {
    /// Of this request.
    pub(crate) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        Self {
            request: headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).map(str::to_owned),
            address: extensions.get::<Connection>().map(|connection| connection.address.to_string()),
        }
    }

    /// Who does something from there, now.
    pub(crate) fn caller(&self, tenant: TenantName, actor: String, plane: &'static str) -> Caller {
        let (request, address) = (self.request.clone(), self.address.clone());
        Caller { tenant, actor, plane, request, address, now: Timestamp::now() }
    }
}

impl<S: Sync> FromRequestParts<S> for Origin {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        Ok(Self::of(&parts.headers, &parts.extensions))
    }
}
