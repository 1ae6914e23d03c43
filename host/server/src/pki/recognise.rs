//! Who each request is from.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::HeaderMap;
use jiff::Timestamp;
use waystation_pki::{ClientIdentity, Peer, PeerAddress, PkiError, ProxyRules};

use super::Pki;
use crate::api::problem::Problem;
use crate::host::Host;

/// What the listener knows of a connection; it goes along with each request on it.
#[derive(Debug, Clone)]
pub(crate) struct Connection {
    /// Where it comes from.
    pub(crate) address: PeerAddress,
    /// Who was recognised at the handshake.
    pub(crate) peer: Peer,
}

impl Pki {
    /// Who a request is from: whom a trusted proxy names, or whose connection it is on.
    ///
    /// # Errors
    /// When that cannot be told, or it is somebody who may not connect any more.
    fn recognise(
        &self,
        connection: &Connection,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Peer, PkiError> {
        // A connection outlives what was known when it began.
        if let Peer::Agent(agent) = &connection.peer {
            self.identities().still_good(agent, now)?;
        }
        let Some(proxies) = self.proxies() else { return Ok(connection.peer.clone()) };
        match (proxies.identify(&connection.address, headers, self.identities(), now)?, &connection.peer) {
            (Peer::Anonymous, own) => Ok(own.clone()),
            (named, Peer::Anonymous) => Ok(named),
            (Peer::Agent(_), Peer::Agent(_)) => Err(PkiError::Identity {
                why: "the connection is that of one agent and its headers name another; a proxy connects without a certificate",
            }),
        }
    }
}

/// Puts a [`Peer`] into each request, and takes the headers out of it that a proxy may have sent. A request of somebody
/// whose certificate is not good goes no further.
pub(crate) async fn recognise(State(host): State<Host>, mut request: Request, next: Next) -> Response {
    let recognised = match request.extensions().get::<Connection>() {
        Some(connection) => host.pki().recognise(connection, request.headers(), Timestamp::now()),
        // Not over the listener: there is nobody to be believed.
        None => Ok(Peer::Anonymous),
    };
    match recognised {
        Ok(peer) => {
            if let Some(connection) = request.extensions().get::<Connection>().cloned() {
                let address = host.pki().client(connection.address, request.headers());
                request.extensions_mut().insert(Connection { address, ..connection });
            }
            ProxyRules::strip(request.headers_mut());
            request.extensions_mut().insert(peer);
            next.run(request).await
        }
        Err(error) => {
            tracing::debug!(code = error.code(), %error, "a request with a certificate was refused");
            let refused = Problem::new(StatusCode::FORBIDDEN, error.code(), error.to_string());
            // Whoever was revoked does not keep the connection either.
            ([(http::header::CONNECTION, "close")], refused).into_response()
        }
    }
}

/// The agent that a request is from.
pub(crate) fn agent(request: &http::Extensions) -> Option<Arc<ClientIdentity>> {
    match request.get::<Peer>() {
        Some(Peer::Agent(agent)) => Some(Arc::clone(agent)),
        _ => None,
    }
}
