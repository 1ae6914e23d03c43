//! Scopes as they are registered, and how the parties reach each other.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use super::names::{Capability, InvalidScope, ScopeName};
use crate::approval::Terms;

/// A way from one agent to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Strategy {
    /// Through a tunnel that both have.
    Tunnel,
    /// Through the host's relay.
    Relay,
    /// To an address that the source gives.
    Direct,
}

/// What is spoken on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Protocol {
    /// WebSocket over TLS.
    Wss,
    /// Bytes.
    Tcp,
}

/// How the instances of a scope are reached.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ScopeTransport {
    /// In no order.
    pub strategies: Vec<Strategy>,
    /// The one to try first.
    pub preferred: Strategy,
    /// A port of the host, or 0 for any.
    pub port: u16,
    /// What is spoken there.
    pub protocol: Protocol,
}

/// Where a source is to be reached directly. The host never goes there; the target does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Direct {
    /// A name or address. Whether a target may be sent there is decided where it is taken.
    pub host: String,
    /// 1024 or above.
    pub port: u16,
}

/// How one instance is reached, as its owner said it; a ticket carries it as it is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Transport {
    /// At least one.
    pub strategies: Vec<Strategy>,
    /// The one to try first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub preferred: Option<Strategy>,
    /// For the strategy `direct`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct: Option<Direct>,
}

/// One thing that a scope admits to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubScope {
    /// The capability that source and target need.
    pub name: Capability,
    /// For people.
    pub description: String,
    /// Whether it is meant for one instance at a time. Carried, and not looked at.
    pub instance_scoped: bool,
}

/// A scope as it is registered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ScopeSpec {
    /// What it is called.
    pub name: ScopeName,
    /// Of whoever wrote it; not compared.
    pub version: String,
    /// For people.
    pub description: String,
    /// What it admits to.
    pub scopes: Vec<SubScope>,
    /// How its instances are reached.
    pub transport: ScopeTransport,
    /// Whether tickets of it wait for people.
    pub approval: Option<Terms>,
}

impl ScopeSpec {
    /// The rules that no single field shows.
    ///
    /// # Errors
    /// When a sub-scope is there twice, approval is asked for one that is not there, or the preferred strategy is none of
    /// those listed.
    pub fn check(&self) -> Result<(), InvalidScope> {
        let mut seen = BTreeSet::new();
        for sub in &self.scopes {
            if !seen.insert(&sub.name) {
                return Err(InvalidScope::new(format!("the sub-scope `{}` is there twice", sub.name)));
            }
        }
        let only = self.approval.iter().flat_map(Terms::only);
        for name in only {
            if !seen.contains(name) {
                return Err(InvalidScope::new(format!(
                    "approval is asked for `{name}`, which is no sub-scope"
                )));
            }
        }
        match self.transport.strategies.contains(&self.transport.preferred) {
            true => Ok(()),
            false => Err(InvalidScope::new("the preferred strategy is none of the strategies")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_comes_back_as_it_was_said() {
        let text = r#"{"strategies":["relay","direct","relay"],"preferred":"tunnel","direct":{"host":"a.example","port":1024}}"#;
        let transport: Transport = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&transport).unwrap(), text);
        let text = r#"{"strategies":["tunnel"]}"#;
        let transport: Transport = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&transport).unwrap(), text);
    }

    #[test]
    fn a_scope_holds_together() {
        let sub = |name: &str| SubScope {
            name: name.parse().unwrap(),
            description: "d".into(),
            instance_scoped: true,
        };
        let mut spec = ScopeSpec {
            name: "shell".parse().unwrap(),
            version: "1".into(),
            description: "d".into(),
            scopes: vec![sub("shell:connect"), sub("shell:view")],
            transport: ScopeTransport {
                strategies: vec![Strategy::Relay],
                preferred: Strategy::Relay,
                port: 0,
                protocol: Protocol::Wss,
            },
            approval: None,
        };
        assert_eq!(spec.check(), Ok(()));
        spec.transport.preferred = Strategy::Direct;
        assert!(spec.check().is_err());
        spec.transport.preferred = Strategy::Relay;
        let terms = |name: &str| {
            let only = BTreeSet::from([name.parse().unwrap()]);
            Terms::new(1, std::time::Duration::from_secs(60), only).ok()
        };
        spec.approval = terms("shell:view");
        assert_eq!(spec.check(), Ok(()));
        spec.approval = terms("shell:other");
        assert!(spec.check().is_err());
        spec.approval = None;
        spec.scopes.push(sub("shell:view"));
        assert_eq!(spec.check().unwrap_err().what, "the sub-scope `shell:view` is there twice");
    }
}
