//! Providers that users log in at: OpenID Connect Core 1.0, with the code flow and PKCE (RFC 7636) and nothing else.
//!
//! A provider is asked who somebody is ([`Provider::begin`], [`Provider::finish`]); what they may do here is for this host
//! to say. What comes from a provider is bounded in size and time, and is believed when the signature of its ID token
//! holds and everything in it is what was asked for ([`verify`]).

mod error;
mod http;
mod join;
mod provider;
mod verify;

use std::collections::BTreeMap;

use waystation_core::name::ProviderName;

use crate::config::{Config, Environment};
use crate::error::StartError;

pub(crate) use error::OidcError;
pub(crate) use provider::{Answer, Provider, Secrets};

/// Those of the configuration, by name.
pub(crate) struct Providers(BTreeMap<ProviderName, Provider>);

impl Providers {
    /// Reads their secrets and certificates, and asks none of them anything yet.
    ///
    /// # Errors
    /// When a secret or a file cannot be read.
    pub(crate) fn open(config: &Config, environment: &Environment) -> Result<Self, StartError> {
        let Some(public) = &config.server.public_url else { return Ok(Self(BTreeMap::new())) };
        let mut all = BTreeMap::new();
        for (name, settings) in &config.identity.oidc {
            // The names of the configuration are names of providers.
            let Ok(name) = name.as_str().parse::<ProviderName>() else { continue };
            let provider = Provider::open(name.clone(), settings, public.as_url(), environment)?;
            all.insert(name, provider);
        }
        Ok(Self(all))
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Provider> {
        self.0.get(&name.parse().ok()?)
    }

    /// By name.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Provider> {
        self.0.values()
    }
}
