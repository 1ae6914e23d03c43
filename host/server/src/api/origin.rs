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

/// The longest id of a request that is put on record.
const MAX_REQUEST_ID: usize = 64;

/// The id of a request, and the address of its connection. The host itself has neither.
#[derive(Debug, Clone, Default)]
pub(crate) struct Origin {
    request: Option<String>,
    address: Option<String>,
}

impl Origin {
    /// Of this request.
    pub(crate) fn of(headers: &HeaderMap, extensions: &Extensions) -> Self {
        // What a client made up is kept if it looks like an id: nobody fills the record with it.
        let plain = |id: &&str| {
            id.len() <= MAX_REQUEST_ID && id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')
        };
        Self {
            request: headers.get(REQUEST_ID).and_then(|id| id.to_str().ok()).filter(plain).map(str::to_owned),
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
