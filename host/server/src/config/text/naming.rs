//! Names and other words: of plugins, headers, variables, digests, schedules.

use std::fmt;

use waystation_bundle::is_label;
use waystation_core::{
    item::{Locator, MAX_LOCATOR},
    name::ItemName,
    schedule::CronExpr,
};
use waystation_egress::headers;
use waystation_oci::Reference;

use super::{Refusal, Text, text};

/// A type that keeps the text it was read from.
macro_rules! word {
    ($(#[$doc:meta])* $name:ident, $format:literal, $pattern:expr, $read:expr) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(String);

        impl $name {
            /// The text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl AsRef<str> for $name {
            fn as_ref(&self) -> &str {
                &self.0
            }
        }

        impl std::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl Text for $name {
            const FORMAT: &'static str = $format;
            const PATTERN: Option<&'static str> = $pattern;

            fn read(text: &str) -> Result<Self, Refusal> {
                let read: fn(&str) -> Result<String, Refusal> = $read;
                read(text).map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        text!($name);
    };
}
pub(super) use word;

word!(
    /// What a plugin, channel or credential is called here: 1 to 63 characters, words of `a-z` and `0-9`
    /// joined by single hyphens.
    Name,
    "name",
    Some("^[a-z0-9]+(-[a-z0-9]+)*$"),
    name
);
word!(
    /// What an item is called here. Longer than a [`Name`] and with the marks `._+@/-`.
    ItemKey,
    "item-name",
    Some("^[a-z0-9][a-z0-9._+@/-]*$"),
    |text| {
        let refusal = "must be named with a-z, 0-9 and ._+@/- (128 characters at most, a letter or digit first)";
        let guess = text.to_lowercase().replace(' ', "-");
        match (text.parse::<ItemName>(), guess.parse::<ItemName>()) {
            (Ok(name), _) => Ok(name.into()),
            (Err(_), Ok(guess)) => Err(Refusal::must(refusal).did_you_mean(guess)),
            (Err(_), Err(_)) => Err(Refusal::must(refusal)),
        }
    }
);
word!(
    /// The name of an HTTP header, lower case. Those that belong to the connection or to the host are refused.
    HeaderName,
    "header-name",
    Some("^[!#$%&'*+.^_`|~0-9A-Za-z-]+$"),
    header_name
);
word!(
    /// An HTTP method in capitals. `CONNECT` and `TRACE` are refused: nobody can be granted them.
    Method,
    "http-method",
    Some("^[A-Z][A-Z-]*$"),
    |text| {
        let capitals = |t: &str| !t.is_empty() && t.len() <= 32 && t.bytes().all(|b| b.is_ascii_uppercase() || b == b'-');
        let upper = text.to_ascii_uppercase();
        match text {
            "CONNECT" | "TRACE" => Err(Refusal::must("must not be CONNECT or TRACE, which cannot be granted")),
            _ if capitals(text) => Ok(text.to_owned()),
            "*" => Err(Refusal::must("must name a method: there is no wildcard for methods")),
            _ => {
                let refusal = Refusal::must("must be an HTTP method in capitals such as \"GET\"");
                Err(if capitals(&upper) { refusal.did_you_mean(upper) } else { refusal })
            }
        }
    }
);
word!(
    /// What a plugin calls a credential: 1 to 64 of `a-z`, `0-9`, `.`, `_`, `-`, the first a letter or digit.
    CredentialName,
    "credential-name",
    Some("^[a-z0-9][a-z0-9._-]{0,63}$"),
    |text| {
        let refusal = "must be named with a-z, 0-9 and ._- (64 characters at most, a letter or digit first)";
        text.parse::<waystation_egress::CredentialName>().map(Into::into).map_err(|_| Refusal::must(refusal))
    }
);
word!(
    /// Text in front of a credential in a header, such as `Bearer ` with its space: visible ASCII and spaces.
    HeaderPrefix,
    "header-prefix",
    Some("^[ -~]{0,64}$"),
    |text| {
        let fine = text.len() <= 64 && text.bytes().all(|b| (b' '..=b'~').contains(&b));
        fine.then(|| text.to_owned())
            .ok_or_else(|| Refusal::must("must be at most 64 visible ASCII characters and spaces"))
    }
);
word!(
    /// The name of an environment variable.
    VariableName,
    "variable-name",
    Some("^[A-Za-z_][A-Za-z0-9_]*$"),
    |text| {
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        let digit_first = text.bytes().next().is_none_or(|b| b.is_ascii_digit());
        if text.len() <= 128 && !digit_first && text.bytes().all(word) {
            return Ok(text.to_owned());
        }
        let refusal = Refusal::must("must be the name of an environment variable (A-Z, 0-9 and _)");
        let bare = text.strip_prefix("${").and_then(|t| t.strip_suffix('}')).or_else(|| text.strip_prefix('$'));
        Err(match bare {
            Some(bare) => refusal.did_you_mean(bare),
            None => refusal,
        })
    }
);
word!(
    /// The digest of a bundle: `sha256:` and 64 lower-case hex digits.
    BundleDigest,
    "sha256-digest",
    Some("^sha256:[0-9a-f]{64}$"),
    |text| {
        let refusal = || Refusal::must("must be \"sha256:\" and 64 lower-case hex digits");
        let hex = |digits: &str| digits.len() == 64 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        match text.strip_prefix("sha256:") {
            Some(digits) if hex(digits) => Ok(text.to_owned()),
            None if hex(text) => Err(refusal().did_you_mean(format_args!("sha256:{text}"))),
            _ => Err(refusal()),
        }
    }
);
word!(
    /// Where a plugin is in an OCI registry: `REGISTRY/NAME:TAG` or `REGISTRY/NAME@DIGEST`.
    OciReference,
    "oci-reference",
    Some("^[^ /]+/[^ ]+$"),
    |text| match text.parse::<Reference>() {
        Ok(found) if found.tag().is_some() || found.digest().is_some() => Ok(text.to_owned()),
        Ok(found) => Err(Refusal::must("must name a tag or a digest").did_you_mean(format_args!("{found}:1.0.0"))),
        Err(error) => Err(Refusal {
            must: "must be REGISTRY/NAME:TAG or REGISTRY/NAME@DIGEST".to_owned(),
            hint: Some(error.to_string()),
        }),
    }
);
word!(
    /// A registry as references name it: its host, with a port where it has one.
    RegistryName,
    "registry",
    Some("^[A-Za-z0-9.-]+(:[0-9]+)?$"),
    |text| match format!("{text}/x").parse::<Reference>() {
        Ok(found) if found.registry() == text => Ok(text.to_owned()),
        _ => Err(Refusal::must("must be a registry's host, with a port where it has one, without a scheme")),
    }
);
word!(
    /// What a plugin calls itself: `namespace/name`.
    PluginId,
    "plugin-id",
    Some("^[a-z0-9-]+/[a-z0-9-]+$"),
    |text| match text.split_once('/') {
        Some((namespace, name)) if is_label(namespace) && is_label(name) => Ok(text.to_owned()),
        _ => Err(Refusal::must("must be what the plugin calls itself, such as \"waystation/http-json\"")),
    }
);
word!(
    /// Versions of a plugin: a semantic version range such as `^1.2` or `>=1.0, <3.0`.
    VersionRange,
    "version-range",
    Some("^[-0-9A-Za-z.*^~<>=+, ]+$"),
    |text| match text.parse::<semver::VersionReq>() {
        Ok(range) => Ok(range.to_string()),
        Err(error) => Err(Refusal {
            must: "must be a range of versions such as \"^1.2\"".to_owned(),
            hint: Some(error.to_string()),
        }),
    }
);
word!(
    /// Which log lines are written: a level for all, or a list such as `info,waystation_egress=debug`.
    LogFilter,
    "log-filter",
    Some("^[A-Za-z0-9_:=, -]+$"),
    log_filter
);
word!(
    /// A cron expression in UTC with five fields, six with seconds first, or a word such as `@daily`.
    Schedule,
    "cron",
    None,
    |text| match text.parse::<CronExpr>() {
        Ok(_) => Ok(text.to_owned()),
        Err(error) => Err(Refusal {
            must: "must be a cron expression such as \"0 */6 * * *\"".to_owned(),
            hint: Some(error.to_string()),
        }),
    }
);

impl Schedule {
    /// At 00:00, 06:00, 12:00 and 18:00.
    #[must_use]
    pub fn every_six_hours() -> Self {
        Self("0 */6 * * *".to_owned())
    }
}

impl LogFilter {
    /// Everything from `info` up.
    #[must_use]
    pub fn info() -> Self {
        Self("info".to_owned())
    }
}

fn name(text: &str) -> Result<String, Refusal> {
    let word = |w: &str| !w.is_empty() && w.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let is_name = |text: &str| text.len() <= 63 && text.split('-').all(word);
    if is_name(text) {
        return Ok(text.to_owned());
    }
    let refusal = Refusal::must(
        "must be named with words of a-z and 0-9 joined by single hyphens (63 characters at most)",
    );
    let guess = text.to_lowercase().replace(['_', ' ', '.', '/'], "-");
    Err(if is_name(&guess) { refusal.did_you_mean(guess) } else { refusal })
}

fn header_name(text: &str) -> Result<String, Refusal> {
    let Ok(name) = http::HeaderName::try_from(text) else {
        return Err(Refusal::must("must be the name of an HTTP header such as \"authorization\""));
    };
    if headers::forbidden(&name) || name == http::header::CONTENT_LENGTH {
        return Err(Refusal::must("must not be a header that the host sets itself"));
    }
    Ok(name.as_str().to_owned())
}

const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

fn log_filter(text: &str) -> Result<String, Refusal> {
    let target =
        |t: &str| !t.is_empty() && t.bytes().all(|b| b.is_ascii_alphanumeric() || b"_:-".contains(&b));
    let directive = |part: &str| match part.split_once('=') {
        Some((of, level)) => target(of) && LEVELS.contains(&level),
        None => LEVELS.contains(&part),
    };
    if text.len() <= 1_024 && text.split(',').all(|part| directive(part.trim())) {
        return Ok(text.to_owned());
    }
    let refusal = Refusal::must(
        "must be off, error, warn, info, debug or trace, or a list such as \"info,waystation_egress=debug\"",
    );
    Err(match super::super::nearest::nearest(text, LEVELS) {
        Some(level) => refusal.did_you_mean(level),
        None => refusal,
    })
}

/// Checks what a source calls an item.
pub(super) fn locator(text: &str) -> Result<(), Refusal> {
    let refusal = || Refusal::must(format!("must be 1 to {MAX_LOCATOR} bytes without control characters"));
    text.parse::<Locator>().map(drop).map_err(|_| refusal())
}

/// Checks a path of the file system.
pub(super) fn path(text: &str) -> Result<(), Refusal> {
    if text.is_empty() || text.contains('\0') {
        return Err(Refusal::must("must be a path: not empty, no NUL byte"));
    }
    if text.starts_with("~/") {
        return Err(Refusal::must("must be a path without `~`, which only a shell expands"));
    }
    Ok(())
}
