//! What a plugin wanted to send, when it was refused: the sentence and the grant that would allow it.

use std::fmt;
use std::net::IpAddr;

use http::{HeaderMap, HeaderName, Method};

use crate::headers;
use crate::{Methods, MissingKeys, Origin, PluginName, Refused};

/// What a plugin wanted to send, and so what a grant would have to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// The plugin.
    pub plugin: PluginName,
    /// Where to.
    pub origin: Origin,
    /// The method.
    pub method: Method,
    /// The sensitive header fields it set.
    pub headers: Vec<HeaderName>,
}

impl Wanted {
    pub(crate) fn of(plugin: &PluginName, origin: &Origin, method: &Method, headers: &HeaderMap) -> Self {
        Self {
            plugin: plugin.clone(),
            origin: origin.clone(),
            method: method.clone(),
            headers: headers.keys().filter(|name| headers::sensitive(name)).cloned().collect(),
        }
    }

    /// The entry to add to the configuration, in TOML.
    pub(crate) fn grant(&self, address: Option<IpAddr>) -> String {
        let Self { plugin, origin, method, headers } = self;
        let mut lines = format!("[[plugins.{}.grants.http]]\norigin = \"{origin}\"\n", plugin.toml_key());
        if !Methods::default().allows(method) {
            lines.push_str(&format!("methods = [\"{method}\"]\n"));
        }
        if !headers.is_empty() {
            let names: Vec<String> = headers.iter().map(|name| format!("\"{name}\"")).collect();
            lines.push_str(&format!("headers = [{}]\n", names.join(", ")));
        }
        if let Some(address) = address {
            lines.push_str(&format!("addresses = [\"{}\"]\n", ipnet::IpNet::from(address)));
        }
        lines
    }

    /// The same on one line, for a sentence.
    pub(crate) fn hint(&self, address: Option<IpAddr>) -> String {
        self.grant(address).trim_end().replacen('\n', " ", 1).replace('\n', ", ")
    }

    /// The sensitive header fields, for a sentence.
    pub(crate) fn names(&self) -> String {
        self.headers.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
    }
}

/// An address that the screening refused, for whom, and which of its two keys is missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AddressRefused {
    /// The request.
    pub wanted: Wanted,
    /// The address and the range it lies in.
    pub refused: Refused,
    /// What would open it.
    pub missing: MissingKeys,
}

impl fmt::Display for AddressRefused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { wanted, refused, missing } = self;
        write!(
            f,
            "plugin `{}` may not reach {}: {refused}, which is not public. ",
            wanted.plugin, wanted.origin
        )?;
        let hint = wanted.hint(Some(refused.address));
        let flag = "the host's flag `[egress] allow_private_addresses = true`";
        match missing {
            MissingKeys::Both => write!(f, "Both keys to it are missing: {flag}, and the grant `{hint}`"),
            MissingKeys::HostFlag => write!(f, "A grant opens it, {flag} is missing"),
            MissingKeys::Grant => write!(f, "The host's flag is on, the grant is missing: add `{hint}`"),
        }
    }
}
