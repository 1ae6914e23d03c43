//! `plugin.toml`: who a plugin is and what it asks for.
//!
//! The text is embedded in the component, so one digest covers both. Unknown keys
//! and words are refused, with the nearest valid one.

use semver::{Version, VersionReq};
use serde::Deserialize;
use waystation_bundle::is_label;

use crate::limits::Wishes;
use crate::units::{parse_bytes, parse_duration};

/// The largest manifest that is read, in bytes.
pub const MAX_MANIFEST: usize = 64 << 10;

/// A manifest that passed every rule that needs no component.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Manifest {
    /// `namespace/name`.
    pub name: PluginName,
    /// The plugin's own version.
    pub version: Version,
    /// The world it implements and that world's generation.
    pub kind: Kind,
    /// One line for a person.
    pub summary: String,
    /// SPDX expression.
    pub license: Option<String>,
    /// Where its source is.
    pub source: Option<String>,
    /// The commit it was built from.
    pub revision: Option<String>,
    /// Host versions it works with.
    pub host: VersionReq,
    /// What it asks for.
    pub requests: Vec<Request>,
    /// Limits it wishes for.
    pub wishes: Wishes,
}

/// `namespace/name`, each part of lower-case letters, digits and inner hyphens, at
/// most 64 characters.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PluginName(String);

impl PluginName {
    /// Parses.
    pub fn parse(text: &str) -> Option<Self> {
        let (namespace, name) = text.split_once('/')?;
        (is_label(namespace) && is_label(name)).then(|| Self(text.to_owned()))
    }

    /// The whole.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part after the namespace: what an operator calls it by default.
    pub fn short(&self) -> &str {
        self.0.split_once('/').map_or(self.0.as_str(), |(_, name)| name)
    }
}

impl std::fmt::Display for PluginName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

/// A world and its generation, `update-source@0.1`. All 0.1.x of a WIT package are
/// one generation, all 1.x.y as well.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Kind {
    /// The world, `update-source`.
    pub world: String,
    /// Major version.
    pub major: u64,
    /// Minor version; 0 when `major` is not 0.
    pub minor: u64,
}

impl Kind {
    /// Parses `world@0.1`.
    pub fn parse(text: &str) -> Option<Self> {
        let (world, generation) = text.split_once('@')?;
        let (major, minor) = match generation.split_once('.') {
            Some((major, minor)) => (number(major)?, number(minor)?),
            None => (number(generation)?, 0),
        };
        let canonical = is_label(world) && (major == 0 || minor == 0) && (major, minor) != (0, 0);
        canonical.then(|| Self { world: world.to_owned(), major, minor })
    }

    /// The kind of a WIT package of this version.
    pub fn of(world: &str, version: &Version) -> Self {
        let minor = if version.major == 0 { version.minor } else { 0 };
        Self { world: world.to_owned(), major: version.major, minor }
    }
}

fn number(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    (plain && (text == "0" || !text.starts_with('0'))).then(|| text.parse().ok())?
}

impl std::fmt::Display for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.major {
            0 => write!(f, "{}@0.{}", self.world, self.minor),
            major => write!(f, "{}@{major}", self.world),
        }
    }
}

/// One thing a plugin asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What.
    pub capability: Capability,
    /// Why, for the person who grants it.
    pub why: String,
    /// Whether it works without.
    pub optional: bool,
}

/// The closed list of capabilities of this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Capability {
    /// HTTP requests to these origins. The operator may name others: a base URL is
    /// configuration.
    Http {
        /// Suggested origins.
        origins: Vec<String>,
        /// Methods it uses.
        methods: Vec<String>,
        /// Sensitive headers it sets itself.
        headers: Vec<String>,
    },
    /// A small durable store of its own.
    Kv,
    /// Credentials by these names.
    Credentials {
        /// The names.
        names: Vec<String>,
    },
    /// To read what tickets and sessions there are.
    Tickets,
    /// To read what scopes and instances there are.
    Scopes,
}

impl Capability {
    /// Every capability word that this host knows.
    pub const WORDS: [&'static str; 5] = ["http", "kv", "credentials", "tickets", "scopes"];

    /// The word.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Http { .. } => "http",
            Self::Kv => "kv",
            Self::Credentials { .. } => "credentials",
            Self::Tickets => "tickets",
            Self::Scopes => "scopes",
        }
    }
}

impl Capability {
    /// What is asked for, a line each.
    pub fn wanted(&self) -> Vec<String> {
        match self {
            Self::Http { origins, methods, .. } if origins.is_empty() => {
                vec![format!("{} to configured origins", methods.join(" "))]
            }
            Self::Http { origins, methods, .. } => {
                origins.iter().map(|origin| format!("{} {origin}", methods.join(" "))).collect()
            }
            Self::Kv | Self::Tickets | Self::Scopes => vec!["yes".into()],
            Self::Credentials { names } => names.clone(),
        }
    }
}

/// Why a manifest is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ManifestError {
    /// Larger than [`MAX_MANIFEST`], or not UTF-8.
    #[error("not readable as text of at most {MAX_MANIFEST} bytes")]
    Unreadable,
    /// Not TOML, an unknown key, a missing key, or a wrong type.
    #[error("{message}{}", hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    Syntax {
        /// With line and column.
        message: String,
        /// The nearest valid key.
        hint: Option<String>,
    },
    /// A capability that no host of this version knows.
    #[error("unknown capability `{word}`; this host knows {}{}", Capability::WORDS.join(", "),
        hint.as_ref().map(|h| format!("; did you mean `{h}`?")).unwrap_or_default())]
    UnknownCapability {
        /// The word.
        word: String,
        /// The nearest valid one.
        hint: Option<String>,
    },
    /// A value out of its rules.
    #[error("`{key}`: {message}")]
    Value {
        /// The key.
        key: &'static str,
        /// What is wrong and what would be right.
        message: String,
    },
}

impl ManifestError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::UnknownCapability { .. } => "unknown-capability",
            _ => "bad-manifest",
        }
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    version: String,
    kind: String,
    summary: String,
    license: Option<String>,
    source: Option<String>,
    revision: Option<String>,
    #[serde(default = "any_host")]
    host: String,
    #[serde(default)]
    request: Vec<RawRequest>,
    #[serde(default)]
    limits: RawLimits,
}

fn any_host() -> String {
    "*".into()
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRequest {
    capability: String,
    why: String,
    #[serde(default)]
    optional: bool,
    origins: Option<Vec<String>>,
    methods: Option<Vec<String>>,
    headers: Option<Vec<String>>,
    names: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct RawLimits {
    memory: Option<String>,
    cpu: Option<String>,
    wall: Option<String>,
}

impl Manifest {
    /// Reads and checks a manifest.
    ///
    /// # Errors
    /// The first problem found.
    pub fn parse(bytes: &[u8]) -> Result<Self, ManifestError> {
        if bytes.len() > MAX_MANIFEST {
            return Err(ManifestError::Unreadable);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| ManifestError::Unreadable)?;
        let raw: Raw = toml::from_str(text).map_err(|e| syntax(text, &e))?;
        let host = VersionReq::parse(&raw.host)
            .map_err(|e| value("host", format!("not a version range such as `>=0.1, <0.2`: {e}")))?;
        let mut requests: Vec<Request> = Vec::new();
        for request in raw.request {
            let request = parse_request(request)?;
            if requests.iter().any(|r| r.capability.word() == request.capability.word()) {
                let word = request.capability.word();
                return Err(value("request", format!("`{word}` is requested twice; put it into one entry")));
            }
            requests.push(request);
        }
        Ok(Self {
            name: PluginName::parse(&raw.name).ok_or_else(|| {
                value("name", "write `namespace/name`, each of lower-case letters, digits and hyphens")
            })?,
            version: Version::parse(&raw.version)
                .map_err(|e| value("version", format!("not a semantic version: {e}")))?,
            kind: Kind::parse(&raw.kind).ok_or_else(|| {
                value("kind", "write the world and its generation, e.g. `update-source@0.1`")
            })?,
            summary: one_line(raw.summary)?,
            license: raw.license,
            source: raw.source,
            revision: raw.revision,
            host,
            requests,
            wishes: Wishes {
                memory: wish("memory", raw.limits.memory.as_deref(), |t| {
                    parse_bytes(t).and_then(|b| usize::try_from(b).ok())
                })?,
                cpu: wish("cpu", raw.limits.cpu.as_deref(), parse_duration)?,
                wall: wish("wall", raw.limits.wall.as_deref(), parse_duration)?,
            },
        })
    }

    /// The request for a capability, by its word.
    pub fn request(&self, word: &str) -> Option<&Request> {
        self.requests.iter().find(|r| r.capability.word() == word)
    }
}

fn parse_request(raw: RawRequest) -> Result<Request, ManifestError> {
    let allowed: &[&str] = match raw.capability.as_str() {
        "http" => &["origins", "methods", "headers"],
        "kv" | "tickets" | "scopes" => &[],
        "credentials" => &["names"],
        word => {
            return Err(ManifestError::UnknownCapability {
                word: word.to_owned(),
                hint: nearest(word, Capability::WORDS).map(str::to_owned),
            });
        }
    };
    let present = [
        ("origins", raw.origins.is_some()),
        ("methods", raw.methods.is_some()),
        ("headers", raw.headers.is_some()),
        ("names", raw.names.is_some()),
    ];
    if let Some((key, _)) = present.iter().find(|(key, present)| *present && !allowed.contains(key)) {
        return Err(value("request", format!("capability `{}` has no key `{key}`", raw.capability)));
    }
    let origins = raw.origins.unwrap_or_default();
    for origin in &origins {
        if let Err(e) = origin.parse::<waystation_egress::OriginPattern>() {
            return Err(value("origins", e.to_string()));
        }
    }
    let capability = match raw.capability.as_str() {
        "http" => Capability::Http {
            origins,
            methods: raw.methods.unwrap_or_else(|| vec!["GET".into()]),
            headers: raw.headers.unwrap_or_default(),
        },
        "credentials" => Capability::Credentials { names: raw.names.unwrap_or_default() },
        "tickets" => Capability::Tickets,
        "scopes" => Capability::Scopes,
        _ => Capability::Kv,
    };
    if raw.why.trim().is_empty() {
        return Err(value("why", "say in one sentence why it is needed"));
    }
    Ok(Request { capability, why: raw.why, optional: raw.optional })
}

fn one_line(text: String) -> Result<String, ManifestError> {
    if text.trim().is_empty() || text.len() > 200 || text.contains(char::is_control) {
        return Err(value("summary", "write one line of at most 200 characters"));
    }
    Ok(text)
}

fn wish<T>(
    key: &'static str,
    text: Option<&str>,
    parse: impl Fn(&str) -> Option<T>,
) -> Result<Option<T>, ManifestError> {
    match text {
        None => Ok(None),
        Some(text) => match parse(text) {
            Some(value) => Ok(Some(value)),
            None => Err(value(key, format!("`{text}` is not understood; write e.g. `64 MiB` or `2s`"))),
        },
    }
}

fn value(key: &'static str, message: impl Into<String>) -> ManifestError {
    ManifestError::Value { key, message: message.into() }
}

fn syntax(text: &str, error: &toml::de::Error) -> ManifestError {
    let position = error.span().map(|span| {
        let before = text.get(..span.start).unwrap_or(text);
        let line = before.matches('\n').count() + 1;
        let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
        format!("line {line}, column {column}: ")
    });
    let message = error.message();
    // serde lists the names in backticks: the unknown one first, then the valid ones.
    let mut names = message.split('`').skip(1).step_by(2);
    let hint = (message.starts_with("unknown field"))
        .then(|| names.next().and_then(|unknown| nearest(unknown, names)))
        .flatten()
        .map(str::to_owned);
    ManifestError::Syntax { message: format!("{}{message}", position.unwrap_or_default()), hint }
}

/// The candidate that a person most likely meant, if any is close.
pub fn nearest<'a>(word: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(score, _)| *score > 0.75)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests;
