//! `Origin`: where a request goes, as scheme, host and port, in one canonical spelling.

use std::fmt;
use std::net::IpAddr;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use url::Url;

use crate::EgressError;

/// The longest text that is looked at as an origin. A host name has at most 253 bytes; a name in Unicode
/// can be longer before it is converted.
const LONGEST: usize = 1024;

/// `http` or `https`. There is no third one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Scheme {
    /// Plain HTTP: readable and changeable by everybody on the way.
    Http,
    /// HTTP over TLS.
    Https,
}

impl Scheme {
    /// The scheme as it stands before `://`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Http => "http",
            Self::Https => "https",
        }
    }

    /// The port that is meant when none is written.
    #[must_use]
    pub const fn default_port(self) -> u16 {
        match self {
            Self::Http => 80,
            Self::Https => 443,
        }
    }

    pub(crate) fn parse(given: &str) -> Option<Self> {
        [Self::Http, Self::Https].into_iter().find(|s| given.eq_ignore_ascii_case(s.as_str()))
    }
}

/// A host name in lower-case ASCII (IDNA applied), or an address.
///
/// Addresses are recognised in every spelling of the WHATWG URL standard (decimal, octal, hexadecimal,
/// short, percent-encoded, full-width), so a name is never an address in disguise.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Host {
    /// A name to resolve; never empty, never ends in a dot.
    Name(Box<str>),
    /// An address literal, to be screened like a resolved one.
    Ip(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Name(name) => f.write_str(name),
            Self::Ip(IpAddr::V4(address)) => write!(f, "{address}"),
            Self::Ip(IpAddr::V6(address)) => write!(f, "[{address}]"),
        }
    }
}

/// A scheme, a host and a port (RFC 6454), canonical: equal origins are equal values.
///
/// Parsing refuses paths (a bare `/` too), user names, queries, fragments, wildcards and final dots.
/// `Display` leaves the scheme's own port out and parses back to the same value.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Origin {
    scheme: Scheme,
    host: Host,
    port: u16,
}

impl Origin {
    /// `http` or `https`.
    #[must_use]
    pub const fn scheme(&self) -> Scheme {
        self.scheme
    }

    /// The name or address.
    #[must_use]
    pub const fn host(&self) -> &Host {
        &self.host
    }

    /// The port, the scheme's own where none was written. Never 0.
    #[must_use]
    pub const fn port(&self) -> u16 {
        self.port
    }

    /// Host and port as they stand in a `Host` header: the scheme's own port is left out.
    #[must_use]
    pub fn authority(&self) -> String {
        if self.port == self.scheme.default_port() {
            self.host.to_string()
        } else {
            format!("{}:{}", self.host, self.port)
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.as_str(), self.authority())
    }
}

impl FromStr for Origin {
    type Err = EgressError;

    fn from_str(given: &str) -> Result<Self, EgressError> {
        parse(given).map_err(|why| EgressError::bad_origin(given, why))
    }
}

impl TryFrom<String> for Origin {
    type Error = EgressError;

    fn try_from(given: String) -> Result<Self, EgressError> {
        given.parse()
    }
}

impl From<Origin> for String {
    fn from(origin: Origin) -> Self {
        origin.to_string()
    }
}

/// Checks the text before the URL parser sees it: that parser repairs what it is given (drops tabs, turns
/// `\` into `/`, adds missing slashes), and a repaired origin is not the one that somebody wrote.
fn parse(given: &str) -> Result<Origin, &'static str> {
    if given.len() > LONGEST {
        return Err("it is longer than any host name");
    }
    if given.chars().any(|c| c.is_whitespace() || c.is_control()) {
        return Err("it contains white space or a control character");
    }
    let (scheme, rest) = given
        .split_once("://")
        .ok_or("it needs a scheme, a host and perhaps a port, as in https://example.org")?;
    let scheme = Scheme::parse(scheme).ok_or("its scheme must be http or https")?;
    if rest.contains('@') {
        return Err("it contains a user name or password; bind a credential instead");
    }
    if rest.contains(['?', '#']) {
        return Err("it has a query or fragment; an origin is scheme, host and port only");
    }
    if rest.contains(['/', '\\']) {
        return Err("it has a path; an origin is scheme, host and port only, without a final slash");
    }
    if rest.contains('*') {
        return Err("a wildcard can only be the whole first label of a grant, as in https://*.example.org");
    }
    if rest.ends_with(':') {
        return Err("its port is missing after the colon");
    }
    let url = Url::parse(&format!("{}://{rest}/", scheme.as_str()))
        .map_err(|_| "its host is not a valid name or address, or its port is not a number up to 65535")?;
    let host = match url.host().ok_or("it has no host")? {
        url::Host::Domain(name) => Host::Name(checked_name(name)?.into()),
        url::Host::Ipv4(address) => Host::Ip(address.into()),
        url::Host::Ipv6(address) => Host::Ip(address.into()),
    };
    match url.port_or_known_default() {
        None | Some(0) => Err("port 0 cannot be connected to"),
        Some(port) => Ok(Origin { scheme, host, port }),
    }
}

/// A name after IDNA, so lower-case ASCII. Refuses what is left that no resolver should be asked about.
fn checked_name(name: &str) -> Result<&str, &'static str> {
    if name.ends_with('.') {
        return Err("its host name ends in a dot; leave the dot out");
    }
    if name.len() > 253 || name.split('.').any(|label| label.is_empty() || label.len() > 63) {
        return Err("its host name has an empty label, a label over 63 bytes, or more than 253 bytes");
    }
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '.' | '-' | '_');
    if !name.chars().all(plain) {
        return Err("its host name has characters other than letters, digits, `-`, `_` and dots");
    }
    Ok(name)
}

#[cfg(test)]
#[path = "origin_tests.rs"]
mod tests;
