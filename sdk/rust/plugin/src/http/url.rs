//! Absolute HTTP URLs, as far as a client needs them (RFC 3986): parse, resolve, join.

use std::fmt;

use serde::Deserialize;

use crate::Error;

/// An absolute `http` or `https` URL without user information and without a fragment.
///
/// Its host is lower-case; path and query are kept as they were written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Url {
    https: bool,
    authority: String,
    path: String,
    query: Option<String>,
}

impl Url {
    /// Parses an absolute URL.
    ///
    /// # Errors
    /// `bad-input` that names the part which does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let refuse =
            |why: &str| Err(Error::bad_input(format!("`{}` is not usable as a URL: {why}", cut(text))));
        if text.bytes().any(|b| b <= b' ' || b >= 0x7f || b"\"<>\\^`{|}".contains(&b)) {
            return refuse("it has a character that must be percent-encoded");
        }
        let Some((scheme, rest)) = text.split_once("://") else {
            return refuse("it does not start with https:// or http://");
        };
        let https = match scheme.to_ascii_lowercase().as_str() {
            "https" => true,
            "http" => false,
            _ => return refuse("only https and http are spoken here"),
        };
        let rest = rest.split_once('#').map_or(rest, |(before, _)| before);
        let end = rest.find(['/', '?']).unwrap_or(rest.len());
        let (authority, tail) = rest.split_at(end);
        if authority.contains('@') {
            return refuse("it carries a user name or password; bind a credential instead");
        }
        if !is_authority(authority) {
            return refuse("its host or port is not valid");
        }
        let (path, query) = split_query(tail);
        Ok(Self {
            https,
            authority: authority.to_ascii_lowercase(),
            path: if path.is_empty() { "/".to_owned() } else { path.to_owned() },
            query: query.map(str::to_owned),
        })
    }

    /// Resolves a reference as in a `Location` or `Link` field (RFC 3986, 5.2).
    ///
    /// # Errors
    /// `bad-input` as [`Url::parse`].
    pub fn resolve(&self, reference: &str) -> Result<Self, Error> {
        let reference = reference.trim();
        let reference = reference.split_once('#').map_or(reference, |(before, _)| before);
        if has_scheme(reference) {
            return Self::parse(reference);
        }
        let text = if let Some(rest) = reference.strip_prefix("//") {
            format!("{}://{rest}", self.scheme())
        } else {
            let (path, query) = split_query(reference);
            let (path, query) = if path.is_empty() {
                (self.path.clone(), query.or(self.query.as_deref()))
            } else if path.starts_with('/') {
                (without_dots(path), query)
            } else {
                let folder = self.path.rsplit_once('/').map_or("", |(folder, _)| folder);
                (without_dots(&format!("{folder}/{path}")), query)
            };
            let query = query.map(|query| format!("?{query}")).unwrap_or_default();
            format!("{}://{}{path}{query}", self.scheme(), self.authority)
        };
        Self::parse(&text)
    }

    /// `https` or `http`.
    #[must_use]
    pub fn scheme(&self) -> &'static str {
        if self.https { "https" } else { "http" }
    }

    /// Whether the connection is encrypted.
    #[must_use]
    pub fn is_https(&self) -> bool {
        self.https
    }

    /// Host, and port where one is written.
    #[must_use]
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Path and query as they go into the request line.
    #[must_use]
    pub fn path_with_query(&self) -> String {
        self.query.as_ref().map_or_else(|| self.path.clone(), |query| format!("{}?{query}", self.path))
    }

    /// Whether both have the same scheme, host and port (RFC 6454).
    #[must_use]
    pub fn same_origin(&self, other: &Self) -> bool {
        self.https == other.https && self.host_and_port() == other.host_and_port()
    }

    /// For messages and logs: without the query, which may hold a secret.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}://{}{}", self.scheme(), self.authority, self.path)
    }

    fn host_and_port(&self) -> (&str, u16) {
        let default = if self.https { 443 } else { 80 };
        match split_port(&self.authority) {
            (host, Some(port)) => (host, port.parse().unwrap_or(default)),
            (host, None) => (host, default),
        }
    }
}

impl fmt::Display for Url {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}{}", self.scheme(), self.authority, self.path_with_query())
    }
}

/// Where a remote lives, as an operator configures it: an absolute URL without query or fragment.
/// A slash at its end means nothing.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub struct BaseUrl(String);

impl BaseUrl {
    /// Parses a base URL.
    ///
    /// # Errors
    /// `bad-config` that names the part which does not fit.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let bad = |why: String| Error::bad_config(why);
        let url = Url::parse(text).map_err(|error| bad(error.message))?;
        if url.query.is_some() || text.contains('#') {
            return Err(bad(format!(
                "the base URL `{}` has a query or a fragment; leave them out",
                url.shown()
            )));
        }
        Ok(Self(url.to_string().trim_end_matches('/').to_owned()))
    }

    /// The URL without a slash at its end.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// A URL below this one; see [`join`].
    #[must_use]
    pub fn join(&self, segments: &[&str]) -> String {
        join(&self.0, segments)
    }
}

impl TryFrom<String> for BaseUrl {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        Self::parse(&text).map_err(|error| error.message)
    }
}

impl fmt::Display for BaseUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// `base`, then each segment percent-encoded, with slashes between.
///
/// A segment never becomes more than one, nor a step up: `/`, `?`, `#`, `%` and the like are
/// encoded, and so are the dots of `.` and `..`. `@` and `:` stay, as paths allow them.
#[must_use]
pub fn join(base: &str, segments: &[&str]) -> String {
    let mut url = base.trim_end_matches('/').to_owned();
    for segment in segments {
        url.push('/');
        if matches!(*segment, "." | "..") {
            url.push_str(&segment.replace('.', "%2E"));
        } else {
            encode_into(&mut url, segment, b"@:");
        }
    }
    url
}

/// `url` with one more query parameter, name and value percent-encoded.
#[must_use]
pub fn with_query(url: &str, name: &str, value: &str) -> String {
    let (url, fragment) = url.split_once('#').map_or((url, None), |(url, fragment)| (url, Some(fragment)));
    let mut out = url.to_owned();
    out.push(match out.find('?') {
        None => '?',
        Some(_) => '&',
    });
    encode_into(&mut out, name, b"");
    out.push('=');
    encode_into(&mut out, value, b"");
    if let Some(fragment) = fragment {
        out.push('#');
        out.push_str(fragment);
    }
    out
}

/// Percent-encodes everything but letters, digits and `-._~`.
#[must_use]
pub fn encode(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    encode_into(&mut out, text, b"");
    out
}

/// Undoes percent-encoding; nothing where the result would not be UTF-8 or an escape is broken.
#[must_use]
pub fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.bytes();
    while let Some(byte) = rest.next() {
        if byte == b'%' {
            let high = char::from(rest.next()?).to_digit(16)?;
            let low = char::from(rest.next()?).to_digit(16)?;
            bytes.push(u8::try_from(high * 16 + low).ok()?);
        } else {
            bytes.push(byte);
        }
    }
    String::from_utf8(bytes).ok()
}

fn encode_into(out: &mut String, text: &str, keep: &[u8]) {
    const HEX: [char; 16] = ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'A', 'B', 'C', 'D', 'E', 'F'];
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~".contains(&byte) || keep.contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            for digit in [byte >> 4, byte & 15] {
                out.push(HEX.get(usize::from(digit)).copied().unwrap_or('0'));
            }
        }
    }
}

fn has_scheme(reference: &str) -> bool {
    let Some((scheme, _)) = reference.split_once(':') else { return false };
    scheme.starts_with(|c: char| c.is_ascii_alphabetic())
        && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b"+-.".contains(&b))
}

fn split_query(tail: &str) -> (&str, Option<&str>) {
    tail.split_once('?').map_or((tail, None), |(path, query)| (path, Some(query)))
}

fn split_port(authority: &str) -> (&str, Option<&str>) {
    let after_host = authority.rfind(']').map_or(0, |end| end + 1);
    let colon = authority.get(after_host..).and_then(|rest| rest.find(':')).map(|at| after_host + at);
    match colon.and_then(|at| Some((authority.get(..at)?, authority.get(at + 1..)?))) {
        Some((host, port)) => (host, Some(port)),
        None => (authority, None),
    }
}

fn is_authority(authority: &str) -> bool {
    let (host, port) = split_port(authority);
    let port_fits = match port {
        None => true,
        // Digits alone: `parse` would also take a sign.
        Some(port) => port.bytes().all(|b| b.is_ascii_digit()) && port.parse::<u16>().is_ok_and(|p| p > 0),
    };
    let host_fits = match host.strip_prefix('[') {
        Some(rest) => {
            rest.strip_suffix(']').is_some_and(|address| address.parse::<std::net::Ipv6Addr>().is_ok())
        }
        None => {
            !host.is_empty()
                && host.len() <= 253
                && host.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
        }
    };
    host_fits && port_fits
}

/// RFC 3986, 5.2.4, for a path that starts with a slash.
fn without_dots(path: &str) -> String {
    let mut kept: Vec<&str> = Vec::new();
    let segments: Vec<&str> = path.split('/').skip(1).collect();
    let last = segments.len().saturating_sub(1);
    for (at, segment) in segments.iter().enumerate() {
        match *segment {
            "." | ".." => {
                if *segment == ".." {
                    kept.pop();
                }
                if at == last {
                    kept.push("");
                }
            }
            other => kept.push(other),
        }
    }
    format!("/{}", kept.join("/"))
}

/// A hostile URL must not fill a log line, nor show its query.
fn cut(text: &str) -> String {
    let text = text.split_once('?').map_or(text, |(before, _)| before);
    // Between `://` and `@` there may be a password.
    let text = text.rsplit_once('@').map_or(text, |(_, after)| after);
    text.chars().filter(|c| !c.is_control()).take(80).collect()
}

#[cfg(test)]
#[path = "url_tests.rs"]
mod tests;
