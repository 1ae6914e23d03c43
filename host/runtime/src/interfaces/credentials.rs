//! `credentials`: use of a secret without holding it.

use hmac::{Hmac, KeyInit as _, Mac as _};
use secrecy::ExposeSecret as _;
use sha2::Sha256;
use waystation_egress::Use;

use crate::interfaces::HostError;
use crate::state::State;

pub(crate) fn bound(state: &State, name: &str) -> bool {
    state.context().grants.credentials.bound(name)
}

pub(crate) fn hmac_sha256(state: &mut State, name: &str, message: &[u8]) -> Result<Vec<u8>, HostError> {
    let found = state.context().grants.credentials.secret_for(name, Use::Hmac);
    let mac = match found {
        Some(secret) => Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).ok(),
        None => {
            let plugin = &state.context().name;
            let message = format!(
                "no credential `{name}` is bound for signing; add to waystation.toml:\n\
                 [plugins.{plugin}.credentials.{name}]\nfrom = {{ env = \"…\" }}\nuse = \"hmac\""
            );
            state.denied(message.clone());
            return Err(HostError::denied(message));
        }
    };
    match mac {
        Some(mac) => Ok(mac.chain_update(message).finalize().into_bytes().to_vec()),
        None => Err(HostError::new("internal", "the credential is no key")),
    }
}
