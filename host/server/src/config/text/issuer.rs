//! What a provider of logins calls itself.

use std::fmt;

use url::Host;

use super::address::HttpUrl;
use super::naming::word;
use super::{Refusal, Text, text};

word!(
    /// The issuer of ID tokens, kept letter by letter: it is compared so (OpenID Connect Core 1.0, section 2). Plain HTTP
    /// is for this machine only.
    Issuer,
    "issuer",
    Some("^(https://|http://(localhost|127\\.|\\[::1\\]))[^?#@\\s]*$"),
    |text| {
        let url = HttpUrl::read(text)?;
        let here = match url.as_url().host() {
            Some(Host::Domain(name)) => name == "localhost",
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.as_url().scheme() {
            "https" => Ok(text.to_owned()),
            "http" if here => Ok(text.to_owned()),
            _ => Err(Refusal::must("must be an https URL such as \"https://id.example.org\"; http is for this machine only")),
        }
    }
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_issuer_stays_as_it_is_and_is_safe() {
        for good in [
            "https://id.example.org",
            "https://id.example.org/",
            "https://id.example.org/realms/a",
            "http://127.0.0.1:9000",
            "http://localhost:1",
            "http://[::1]:1/x",
        ] {
            assert_eq!(Issuer::read(good).unwrap().as_str(), good);
        }
        for bad in [
            "id.example.org",
            "http://id.example.org",
            "http://127.0.0.1.example.org",
            "http://localhost.example.org",
            "ftp://id.example.org",
            "https://u:p@id.example.org",
            "https://id.example.org/?a",
            "https://id.example.org/#a",
        ] {
            assert!(Issuer::read(bad).is_err(), "{bad}");
        }
    }
}
