//! What certificates say beside the name of the agent: organisation, and an id by SPIFFE.
//!
//! The id is `spiffe://TRUST-DOMAIN/tenant/TENANT/agent/LABEL`, or `…/plugin-agent/DELEGATOR/NAME`
//! (SPIFFE-ID, sections 2.1 and 2.2). Only this exact form is read.

use std::fmt;
use std::str::FromStr;

use crate::{AgentName, PkiError};

/// Lower-case names of a length, with punctuation.
macro_rules! text {
    ($(#[$doc:meta])* $name:ident, $what:literal, $rule:literal, $check:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// As text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = PkiError;

            fn from_str(text: &str) -> Result<Self, PkiError> {
                let check: fn(&str) -> bool = $check;
                if check(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err(PkiError::Naming { what: $what, rule: $rule })
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

text!(
    /// The authority part of SPIFFE ids: 1 to 255 characters `a-z`, `0-9`, `.`, `-`, `_`, beginning with a letter or digit.
    TrustDomain,
    "a trust domain",
    "is 1 to 255 characters a-z, 0-9, `.`, `-` and `_`, and begins with a letter or digit, such as `fleet.example.org`",
    |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        text.len() <= 255
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || matches!(b, b'.' | b'-' | b'_'))
    }
);

text!(
    /// Whose agent it is: 1 to 64 characters `a-z`, `0-9`, `-`, `_`, beginning with a letter or digit.
    Tenant,
    "a tenant",
    "is 1 to 64 characters a-z, 0-9, `-` and `_`, and begins with a letter or digit",
    |text| {
        let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit();
        text.len() <= 64
            && text.bytes().next().is_some_and(plain)
            && text.bytes().all(|b| plain(b) || matches!(b, b'-' | b'_'))
    }
);

text!(
    /// The organisation in the subject: 1 to 64 characters that print.
    Organization,
    "the organisation in certificates",
    "is 1 to 64 characters without control characters",
    |text| (1..=64).contains(&text.chars().count()) && text.trim() == text && !text.chars().any(char::is_control)
);

impl Default for Organization {
    fn default() -> Self {
        Self("Waystation".to_owned())
    }
}

/// What every certificate of this host has in common.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Naming {
    /// The authority part of ids.
    pub trust_domain: TrustDomain,
    /// `O` of subjects.
    pub organization: Organization,
    /// Where the list of revoked certificates is to be had, if certificates say so.
    pub crl_url: Option<String>,
}

/// The id of an agent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct SpiffeId {
    pub(crate) trust_domain: TrustDomain,
    pub(crate) tenant: Tenant,
    pub(crate) name: AgentName,
}

impl fmt::Display for SpiffeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spiffe://{}/tenant/{}/", self.trust_domain, self.tenant)?;
        match &self.name {
            AgentName::Agent { label } => write!(f, "agent/{label}"),
            AgentName::PluginAgent { delegator, name } => write!(f, "plugin-agent/{delegator}/{name}"),
        }
    }
}

impl FromStr for SpiffeId {
    type Err = PkiError;

    fn from_str(text: &str) -> Result<Self, PkiError> {
        let none = PkiError::Identity { why: "its SPIFFE id is not of this host's form" };
        let path = text.strip_prefix("spiffe://").ok_or_else(|| none.clone())?;
        let name = match *path.split('/').collect::<Vec<_>>().as_slice() {
            [_, "tenant", _, "agent", label] => AgentName::Agent { label: label.parse()? },
            [_, "tenant", _, "plugin-agent", delegator, name] => {
                AgentName::PluginAgent { delegator: delegator.parse()?, name: name.parse()? }
            }
            _ => return Err(none),
        };
        let mut parts = path.split('/');
        let (domain, tenant) = (parts.next().unwrap_or_default(), parts.nth(1).unwrap_or_default());
        Ok(Self { trust_domain: domain.parse()?, tenant: tenant.parse()?, name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_read_in_one_form_only() {
        for good in [
            "spiffe://fleet.example.org/tenant/default/agent/mac",
            "spiffe://x/tenant/t-1/plugin-agent/mac/shell",
        ] {
            assert_eq!(good.parse::<SpiffeId>().unwrap().to_string(), good);
        }
        for bad in [
            "",
            "spiffe://",
            "spiffe://x",
            "SPIFFE://x/tenant/t/agent/a",
            "spiffe://x/tenant/t/agent/a/",
            "spiffe://x/tenant/t/agent",
            "spiffe://x//tenant/t/agent/a",
            "spiffe://x/tenant//agent/a",
            "spiffe://X/tenant/t/agent/a",
            "spiffe://x:1/tenant/t/agent/a",
            "spiffe://u@x/tenant/t/agent/a",
            "spiffe://x/tenant/t/agent/a?b",
            "spiffe://x/tenant/t/agent/a#b",
            "spiffe://x/tenant/t/agent/%61",
            "spiffe:///tenant/t/agent/a",
            "https://x/tenant/t/agent/a",
            "spiffe://x/tenant/../agent/a",
            "spiffe://x/tenant/t/admin/a",
            "spiffe://x/tenant/t/plugin-agent/a",
        ] {
            assert!(bad.parse::<SpiffeId>().is_err(), "{bad:?}");
        }
    }

    #[test]
    fn words_of_the_configuration() {
        assert!("fleet.example.org".parse::<TrustDomain>().is_ok());
        for bad in ["", ".x", "Fleet", "a/b", "a:1", &"a".repeat(256)] {
            assert_eq!(bad.parse::<TrustDomain>().unwrap_err().code(), "pki-naming", "{bad:?}");
        }
        for bad in ["", "a.b", "-a", "a/b", "A", &"a".repeat(65)] {
            assert!(bad.parse::<Tenant>().is_err(), "{bad:?}");
        }
        assert_eq!(Organization::default().as_str(), "Waystation");
        assert!("Müller & Söhne".parse::<Organization>().is_ok());
        for bad in ["", " ", "a\nb", "a ", &"ä".repeat(65)] {
            assert!(bad.parse::<Organization>().is_err(), "{bad:?}");
        }
    }
}
