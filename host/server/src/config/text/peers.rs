//! Names in certificates.

use std::fmt;

use waystation_pki::ServerNames;

use super::naming::word;
use super::{Refusal, Text, text};

word!(
    /// A DNS name or an IP address under which the host is reached.
    ServerName,
    "server-name",
    Some("^[0-9A-Za-z.:_-]+$"),
    |text| {
        let refusal = "must be a DNS name or an IP address such as \"waystation.example.org\" or \"192.0.2.7\"";
        ServerNames::new([text]).map(|_| text.to_owned()).map_err(|_| Refusal::must(refusal))
    }
);
word!(
    /// The authority part of the ids in certificates.
    TrustDomain,
    "trust-domain",
    Some("^[a-z0-9][a-z0-9._-]{0,254}$"),
    |text| {
        let refusal = "must be 1 to 255 characters a-z, 0-9 and ._- such as \"fleet.example.org\"";
        let lower = text.to_lowercase();
        match (text.parse::<waystation_pki::TrustDomain>(), lower.parse::<waystation_pki::TrustDomain>()) {
            (Ok(_), _) => Ok(text.to_owned()),
            (Err(_), Ok(_)) => Err(Refusal::must(refusal).did_you_mean(lower)),
            _ => Err(Refusal::must(refusal)),
        }
    }
);
word!(
    /// The organisation in certificates.
    Organization,
    "organization",
    Some("^\\S(.{0,62}\\S)?$"),
    |text| {
        text.parse::<waystation_pki::Organization>().map(|_| text.to_owned()).map_err(|_| {
            Refusal::must("must be 1 to 64 characters, without control characters and spaces around them")
        })
    }
);

impl TrustDomain {
    /// Of a host whose operator chose none.
    #[must_use]
    pub fn internal() -> Self {
        Self("waystation.internal".to_owned())
    }
}

impl Organization {
    /// Ours.
    #[must_use]
    pub fn waystation() -> Self {
        Self("Waystation".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_certificates() {
        assert_eq!(TrustDomain::read(TrustDomain::internal().as_str()), Ok(TrustDomain::internal()));
        assert_eq!(Organization::read(Organization::waystation().as_str()), Ok(Organization::waystation()));
        let hint = TrustDomain::read("Fleet.Example").unwrap_err().hint;
        assert_eq!(hint.as_deref(), Some("did you mean \"fleet.example\"?"));
        for bad in ["", "a/b", "https://a"] {
            assert!(TrustDomain::read(bad).is_err() && ServerName::read(bad).is_err(), "{bad:?}");
        }
        for good in ["waystation.example.org", "192.0.2.7", "::1", "localhost"] {
            assert!(ServerName::read(good).is_ok(), "{good}");
        }
    }
}
