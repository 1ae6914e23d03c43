//! `HttpGrant`: one `[[plugins.NAME.grants.http]]` entry of the operator's configuration.

use http::{HeaderName, Method};
use ipnet::IpNet;
use serde::{Deserialize, Serialize};

use crate::{EgressError, Origin, OriginPattern, headers};

/// Where a plugin may send which requests. One grant must allow the whole of a request: grants do not add
/// up to one, except that addresses opened by several grants that each allow it are all open.
///
/// In TOML: `origin` or `origins`, `methods` (default `GET`, `HEAD`), `headers`, `addresses`, `mode`.
/// Unknown keys are refused.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Written")]
pub struct HttpGrant {
    /// The origins. Empty only in an audit grant, which then stands for whatever the plugin asks for.
    pub origins: Vec<OriginPattern>,
    /// The methods.
    pub methods: Methods,
    /// The sensitive header fields that the plugin may set itself, such as `authorization`. Ordinary ones
    /// need no grant.
    pub headers: HeaderNames,
    /// The networks, not public, that this grant opens. The host's flag must be on as well.
    pub addresses: Vec<IpNet>,
    /// Whether what is missing is refused or only recorded.
    pub mode: Mode,
}

impl HttpGrant {
    /// The smallest grant for these origins: `GET` and `HEAD`, no sensitive headers, public addresses.
    #[must_use]
    pub fn for_origin(origin: OriginPattern) -> Self {
        Self {
            origins: vec![origin],
            methods: Methods::default(),
            headers: HeaderNames::default(),
            addresses: Vec::new(),
            mode: Mode::Enforce,
        }
    }

    /// Whether one of the origins is `origin`.
    #[must_use]
    pub fn matches(&self, origin: &Origin) -> bool {
        self.origins.iter().any(|pattern| pattern.matches(origin))
    }
}

/// What happens to a request that no grant allows. Addresses are enforced in both modes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mode {
    /// It is refused.
    #[default]
    Enforce,
    /// It is allowed and recorded as audited, with what a grant would have to say.
    Audit,
}

/// The grant as it is written.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    origin: Option<OriginPattern>,
    #[serde(default)]
    origins: Vec<OriginPattern>,
    #[serde(default)]
    methods: Methods,
    #[serde(default)]
    headers: HeaderNames,
    #[serde(default)]
    addresses: Vec<Network>,
    #[serde(default)]
    mode: Mode,
}

impl TryFrom<Written> for HttpGrant {
    type Error = EgressError;

    fn try_from(written: Written) -> Result<Self, EgressError> {
        let Written { origin, mut origins, methods, headers, addresses, mode } = written;
        let refuse =
            |given: &str, why| Err(EgressError::BadGrant { key: "origin", given: given.to_owned(), why });
        if let Some(origin) = origin {
            if !origins.is_empty() {
                return refuse(&origin.to_string(), "write either `origin` or `origins`, not both");
            }
            origins.push(origin);
        }
        if origins.is_empty() && mode == Mode::Enforce {
            return refuse("", "this grant allows nothing; add `origin = \"https://…\"`");
        }
        Ok(Self {
            origins,
            methods,
            headers,
            addresses: addresses.into_iter().map(|net| net.0).collect(),
            mode,
        })
    }
}

/// Request methods. `CONNECT` and `TRACE` cannot be among them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct Methods(Vec<Method>);

impl Methods {
    /// Whether `method` is one of them.
    #[must_use]
    pub fn allows(&self, method: &Method) -> bool {
        self.0.contains(method)
    }

    /// The methods, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &Method> {
        self.0.iter()
    }

    /// Whether no grant can allow `method`: `CONNECT` opens a tunnel that the gate cannot see into,
    /// `TRACE` answers with the credentials that the host put in.
    #[must_use]
    pub fn forbidden(method: &Method) -> bool {
        *method == Method::CONNECT || *method == Method::TRACE
    }
}

impl Default for Methods {
    fn default() -> Self {
        Self(vec![Method::GET, Method::HEAD])
    }
}

impl TryFrom<Vec<String>> for Methods {
    type Error = EgressError;

    fn try_from(given: Vec<String>) -> Result<Self, EgressError> {
        let refuse =
            |given: &str, why| Err(EgressError::BadGrant { key: "methods", given: given.to_owned(), why });
        if given.is_empty() {
            return refuse("", "an empty list allows nothing; leave `methods` out for GET and HEAD");
        }
        let mut methods = Vec::with_capacity(given.len());
        for name in &given {
            if name.contains('*') {
                return refuse(name, "there is no wildcard for methods; name each one");
            }
            if name.chars().any(|c| c.is_ascii_lowercase()) {
                return refuse(name, "methods are written in capital letters");
            }
            match Method::from_bytes(name.as_bytes()) {
                Ok(method) if Self::forbidden(&method) => {
                    return refuse(name, "CONNECT and TRACE cannot be granted");
                }
                Ok(method) if methods.contains(&method) => return refuse(name, "it is listed twice"),
                Ok(method) => methods.push(method),
                Err(_) => return refuse(name, "this is not an HTTP method"),
            }
        }
        Ok(Self(methods))
    }
}

impl From<Methods> for Vec<String> {
    fn from(methods: Methods) -> Self {
        methods.0.iter().map(ToString::to_string).collect()
    }
}

/// Header fields that a plugin may set although they are sensitive. Those that frame the message cannot be
/// among them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "Vec<String>", into = "Vec<String>")]
pub struct HeaderNames(Vec<HeaderName>);

impl HeaderNames {
    /// Whether `name` is one of them.
    #[must_use]
    pub fn allows(&self, name: &HeaderName) -> bool {
        self.0.contains(name)
    }

    /// The names, in the order in which they were written.
    pub fn iter(&self) -> impl Iterator<Item = &HeaderName> {
        self.0.iter()
    }
}

impl TryFrom<Vec<String>> for HeaderNames {
    type Error = EgressError;

    fn try_from(given: Vec<String>) -> Result<Self, EgressError> {
        let mut names = Vec::with_capacity(given.len());
        for name in given {
            let why = match HeaderName::try_from(name.as_str()) {
                Err(_) => "this is not the name of a header field",
                Ok(parsed) if headers::forbidden(&parsed) => {
                    "the host sets this field itself, or it frames the message; it cannot be granted"
                }
                Ok(parsed) => {
                    names.push(parsed);
                    continue;
                }
            };
            return Err(EgressError::BadGrant { key: "headers", given: name, why });
        }
        Ok(Self(names))
    }
}

impl From<HeaderNames> for Vec<String> {
    fn from(names: HeaderNames) -> Self {
        names.0.iter().map(ToString::to_string).collect()
    }
}

/// A network as it is written in a grant: CIDR, or one address.
#[derive(Deserialize)]
#[serde(try_from = "String")]
struct Network(IpNet);

impl TryFrom<String> for Network {
    type Error = EgressError;

    fn try_from(given: String) -> Result<Self, EgressError> {
        let refuse = |why| Err(EgressError::BadGrant { key: "addresses", given: given.clone(), why });
        let net = match (given.parse::<IpNet>(), given.parse::<std::net::IpAddr>()) {
            (Ok(net), _) => net,
            (_, Ok(address)) => IpNet::from(address),
            _ => return refuse("this is neither a network as in 10.1.0.0/16 nor an address"),
        };
        if net.prefix_len() == 0 {
            return refuse("no network stands for every address; name the ones that are needed");
        }
        if net.addr() != net.network() {
            return refuse("the address has bits beyond the prefix; write the network, as in 10.1.0.0/16");
        }
        Ok(Self(net))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grant(toml: &str) -> Result<HttpGrant, String> {
        toml::from_str(toml).map_err(|error| error.to_string())
    }

    #[test]
    fn the_shortest_grant_reads_with_get_and_head() {
        let grant = grant(r#"origin = "https://api.example.org""#).unwrap();
        assert_eq!(grant, HttpGrant::for_origin("https://api.example.org".parse().unwrap()));
        assert!(grant.methods.allows(&Method::GET) && grant.methods.allows(&Method::HEAD));
        assert!(!grant.methods.allows(&Method::POST));
    }

    #[test]
    fn a_full_grant_reads_and_writes() {
        let full = grant(
            r#"
            origins = ["https://*.example.org", "http://10.1.2.3:8080"]
            methods = ["GET", "POST", "PROPFIND"]
            headers = ["Authorization"]
            addresses = ["10.1.0.0/16", "fd00::1"]
            mode = "audit""#,
        )
        .unwrap();
        assert_eq!(full.mode, Mode::Audit);
        assert!(full.headers.allows(&http::header::AUTHORIZATION));
        assert_eq!(
            full.addresses,
            vec!["10.1.0.0/16".parse().unwrap(), "fd00::1/128".parse::<IpNet>().unwrap()]
        );
        assert!(full.matches(&"https://a.example.org".parse().unwrap()));
        let written = toml::to_string(&full).unwrap();
        assert_eq!(grant(&written).unwrap(), full);
    }

    #[test]
    fn an_audit_grant_may_name_no_origin() {
        assert!(grant(r#"mode = "audit""#).unwrap().origins.is_empty());
    }

    #[test]
    fn bad_values_are_refused_with_a_sentence() {
        let table = [
            ("", "allows nothing"),
            (r#"origin = "https://example.org/x""#, "has a path"),
            (r#"origin = "https://*""#, "every host"),
            (
                r#"origins = ["https://a.example"]
                origin = "https://b.example""#,
                "not both",
            ),
            (
                r#"origin = "https://a.example"
                method = ["GET"]"#,
                "unknown field `method`",
            ),
            (
                r#"origin = "https://a.example"
                methods = []"#,
                "allows nothing",
            ),
            (
                r#"origin = "https://a.example"
                methods = ["get"]"#,
                "capital letters",
            ),
            (
                r#"origin = "https://a.example"
                methods = ["*"]"#,
                "no wildcard",
            ),
            (
                r#"origin = "https://a.example"
                methods = ["CONNECT"]"#,
                "cannot be granted",
            ),
            (
                r#"origin = "https://a.example"
                methods = ["GET", "GET"]"#,
                "twice",
            ),
            (
                r#"origin = "https://a.example"
                methods = ["G T"]"#,
                "not an HTTP method",
            ),
            (
                r#"origin = "https://a.example"
                headers = ["Transfer-Encoding"]"#,
                "cannot be granted",
            ),
            (
                r#"origin = "https://a.example"
                headers = ["host"]"#,
                "cannot be granted",
            ),
            (
                r#"origin = "https://a.example"
                headers = ["a b"]"#,
                "not the name",
            ),
            (
                r#"origin = "https://a.example"
                addresses = ["0.0.0.0/0"]"#,
                "every address",
            ),
            (
                r#"origin = "https://a.example"
                addresses = ["10.1.2.3/8"]"#,
                "beyond the prefix",
            ),
            (
                r#"origin = "https://a.example"
                addresses = ["localhost"]"#,
                "neither a network",
            ),
            (
                r#"origin = "https://a.example"
                mode = "off""#,
                "unknown variant",
            ),
        ];
        for (toml, reason) in table {
            let sentence = grant(toml).map(|grant| format!("{grant:?}")).unwrap_err();
            assert!(sentence.contains(reason), "{toml}: {sentence}");
        }
    }
}
