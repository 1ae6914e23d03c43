//! Where things are on the network: origins, URLs, networks, socket addresses.

use std::{fmt, net::SocketAddr};

use ipnet::IpNet;
use url::Url;
use waystation_egress::{EgressError, OriginPattern};

use super::{Refusal, Text, text};

/// Scheme, host and port of an HTTP server, `https://api.example.org` or `http://10.0.0.7:8080`; never a
/// path. `https://*.example.org` stands for every host below `example.org`, by whole labels.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Origin(OriginPattern);

impl Origin {
    /// As the gate has it.
    #[must_use]
    pub const fn as_pattern(&self) -> &OriginPattern {
        &self.0
    }

    /// Whether every request to `other` is also a request to this origin.
    #[must_use]
    pub fn covers(&self, other: &Self) -> bool {
        const WILDCARD: &str = "://*.";
        let (covering, covered) = (self.to_string(), other.to_string());
        if covered.contains(WILDCARD) && !covering.contains(WILDCARD) {
            return false;
        }
        // What covers some host below a domain by whole labels covers them all.
        let one = covered.replacen(WILDCARD, "://any.", 1);
        self == other || one.parse().is_ok_and(|origin| self.0.matches(&origin))
    }
}

impl Text for Origin {
    const FORMAT: &'static str = "http-origin";
    const PATTERN: Option<&'static str> = Some("^[Hh][Tt][Tt][Pp][Ss]?://[^/?#@\\s]+$");

    fn read(text: &str) -> Result<Self, Refusal> {
        let error = match text.parse() {
            Ok(pattern) => return Ok(Self(pattern)),
            Err(error) => error,
        };
        let why = match error {
            EgressError::BadOrigin { why, .. } => why.to_owned(),
            other => other.to_string(),
        };
        let (scheme, rest) = text.split_once("://").unwrap_or(("https", text));
        let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
        let guess = format!("{scheme}://{authority}").parse::<OriginPattern>();
        let hint = match guess.ok().filter(|_| !rest.contains('@')) {
            Some(guess) => format!("{why}; did you mean \"{guess}\"?"),
            None => why,
        };
        Err(Refusal {
            must: "must be an origin such as \"https://api.example.org\"".to_owned(),
            hint: Some(hint),
        })
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// An `http` or `https` URL without user name, password, query and fragment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpUrl(Url);

impl HttpUrl {
    /// The URL.
    #[must_use]
    pub const fn as_url(&self) -> &Url {
        &self.0
    }
}

impl Text for HttpUrl {
    const FORMAT: &'static str = "http-url";
    const PATTERN: Option<&'static str> = Some("^https?://[^?#@\\s]+$");

    fn read(text: &str) -> Result<Self, Refusal> {
        let refuse =
            || Refusal::must("must be an http or https URL such as \"https://waystation.example.org\"");
        let url = Url::parse(text).map_err(|_| refuse())?;
        if !matches!(url.scheme(), "http" | "https") || !url.has_host() {
            return Err(refuse());
        }
        if !url.username().is_empty() || url.password().is_some() {
            return Err(Refusal::must("must be a URL without user name and password"));
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(Refusal::must("must be a URL without query (`?`) and fragment (`#`)"));
        }
        Ok(Self(url))
    }
}

impl fmt::Display for HttpUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A range of IP addresses in CIDR form, `10.0.0.0/8` or `fd00::/8`, or one address; no bits set beyond the
/// prefix, and never all addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Network(IpNet);

impl Network {
    /// The range.
    #[must_use]
    pub const fn as_ip_net(&self) -> IpNet {
        self.0
    }
}

impl Text for Network {
    const FORMAT: &'static str = "cidr";
    const PATTERN: Option<&'static str> = Some("^[0-9A-Fa-f.:]+(/[0-9]+)?$");

    fn read(text: &str) -> Result<Self, Refusal> {
        let refuse = || Refusal::must("must be a range of addresses such as \"10.0.0.0/8\" or \"fd00::/8\"");
        let address = text.parse::<std::net::IpAddr>().map(IpNet::from);
        let net: IpNet = address.or_else(|_| text.parse()).map_err(|_| refuse())?;
        if net.prefix_len() == 0 {
            return Err(Refusal::must("must not stand for every address; name the networks that are needed"));
        }
        if net.trunc() != net {
            return Err(Refusal::must("must have no bits set beyond its prefix").did_you_mean(net.trunc()));
        }
        Ok(Self(net))
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Checks an address to listen on.
pub(super) fn listen(text: &str) -> Result<(), Refusal> {
    text.parse::<SocketAddr>().map(drop).map_err(|_| {
        let guess = text.strip_prefix("localhost:").map(|port| format!("127.0.0.1:{port}"));
        let guess = guess.or_else(|| text.strip_prefix(':').map(|port| format!("0.0.0.0:{port}")));
        let guess = guess.unwrap_or_else(|| format!("127.0.0.1:{text}"));
        let refusal =
            Refusal::must("must be an IP address and a port such as \"127.0.0.1:7780\" or \"[::]:7780\"");
        if guess.parse::<SocketAddr>().is_ok() { refusal.did_you_mean(guess) } else { refusal }
    })
}

text!(Origin);
text!(HttpUrl);
text!(Network);
