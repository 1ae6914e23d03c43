//! Which services are asked: the signing configuration of a Sigstore instance, version 0.2 (sigstore/protobuf-specs,
//! `SigningConfig`), as its operator publishes it.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Deserialize;

use crate::error::ServiceError;

const MEDIA_TYPE: &str = "application/vnd.dev.sigstore.signingconfig.v0.2+json";

/// Services and how many of them are to be asked.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct SigningConfig {
    media_type: String,
    #[serde(default)]
    ca_urls: Vec<Endpoint>,
    /// Where a person signs in.
    #[serde(default)]
    oidc_urls: Vec<Endpoint>,
    #[serde(default)]
    rekor_tlog_urls: Vec<Endpoint>,
    #[serde(default)]
    tsa_urls: Vec<Endpoint>,
    #[serde(default)]
    rekor_tlog_config: Selection,
    #[serde(default)]
    tsa_config: Selection,
}

/// A service.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct Endpoint {
    pub(crate) url: String,
    pub(crate) major_api_version: u32,
    valid_for: Window,
    #[serde(default)]
    operator: String,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
struct Window {
    start: Timestamp,
    end: Option<Timestamp>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct Selection {
    #[serde(default)]
    selector: Selector,
    count: Option<usize>,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
enum Selector {
    /// One, of whichever operator.
    #[default]
    Any,
    /// One of every operator.
    All,
    /// One of so many operators.
    Exact,
}

/// What is asked now.
#[derive(Debug)]
pub(crate) struct Chosen<'a> {
    pub(crate) authority: &'a Endpoint,
    pub(crate) logs: Vec<&'a Endpoint>,
    pub(crate) timestamps: Vec<&'a Endpoint>,
}

impl SigningConfig {
    /// Reads one.
    ///
    /// # Errors
    /// `signing-config-malformed`.
    pub fn parse(bytes: &[u8]) -> Result<Self, ServiceError> {
        let malformed = |why: String| ServiceError::ConfigMalformed { why };
        let read: Self = serde_json::from_slice(bytes).map_err(|e| malformed(e.to_string()))?;
        match read.media_type == MEDIA_TYPE {
            true => Ok(read),
            false => Err(malformed(format!("its media type is not {MEDIA_TYPE}"))),
        }
    }

    /// Where a person signs in.
    ///
    /// # Errors
    /// `signing-config-lacks`.
    pub fn issuer(&self, now: Timestamp) -> Result<&str, ServiceError> {
        let what = "issuer of identity tokens";
        let chosen = select(&self.oidc_urls, &[1], &Selection::default(), what, now)?;
        chosen.first().map(|endpoint| endpoint.url.as_str()).ok_or(ServiceError::ConfigLacks { what })
    }

    pub(crate) fn choose(&self, now: Timestamp) -> Result<Chosen<'_>, ServiceError> {
        let any = Selection::default();
        let authority = select(&self.ca_urls, &[1], &any, "certificate authority", now)?;
        let lacks = |what| ServiceError::ConfigLacks { what };
        let authority = authority.first().copied().ok_or(lacks("certificate authority"))?;
        let logs = select(&self.rekor_tlog_urls, &[1, 2], &self.rekor_tlog_config, "transparency log", now)?;
        let timestamps = select(&self.tsa_urls, &[1], &self.tsa_config, "timestamp authority", now)?;
        // Rekor v2 tells no time, and a certificate lives for minutes.
        let dated = !timestamps.is_empty() || logs.iter().any(|log| log.major_api_version == 1);
        match dated {
            true => Ok(Chosen { authority, logs, timestamps }),
            false => Err(lacks("timestamp authority")),
        }
    }
}

/// Of each operator the newest version that is known; of those as many as the configuration says. None, where it lists
/// none.
fn select<'a>(
    listed: &'a [Endpoint],
    versions: &[u32],
    selection: &Selection,
    what: &'static str,
    now: Timestamp,
) -> Result<Vec<&'a Endpoint>, ServiceError> {
    if listed.is_empty() {
        return Ok(Vec::new());
    }
    let mut good: Vec<_> = listed
        .iter()
        .filter(|one| versions.contains(&one.major_api_version))
        .filter(|one| one.valid_for.start <= now && one.valid_for.end.is_none_or(|end| now <= end))
        .collect();
    good.sort_by_key(|one| std::cmp::Reverse(one.major_api_version));
    let mut operators = BTreeSet::new();
    // Who names none is one of their own.
    good.retain(|one| operators.insert(if one.operator.is_empty() { &one.url } else { &one.operator }));
    let wanted = match selection.selector {
        Selector::Any => 1,
        Selector::All => good.len().max(1),
        Selector::Exact => {
            selection.count.filter(|count| *count > 0).ok_or(ServiceError::ConfigMalformed {
                why: "it selects an exact number of services and does not say which".to_owned(),
            })?
        }
    };
    if good.len() < wanted {
        return Err(ServiceError::ConfigLacks { what });
    }
    good.truncate(wanted);
    Ok(good)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn endpoint(url: &str, version: u32, operator: &str) -> Value {
        json!({
            "url": url, "majorApiVersion": version, "operator": operator,
            "validFor": { "start": "2025-01-01T00:00:00Z" },
        })
    }

    fn parse(value: &Value) -> Result<SigningConfig, ServiceError> {
        SigningConfig::parse(value.to_string().as_bytes())
    }

    /// The logs that are chosen, or the code of the refusal.
    fn logs(logs: &Value, selection: &Value) -> Result<Vec<String>, &'static str> {
        let config = json!({
            "mediaType": MEDIA_TYPE, "caUrls": [endpoint("https://ca", 1, "a")],
            "rekorTlogUrls": logs, "rekorTlogConfig": selection, "tsaUrls": [endpoint("https://tsa", 1, "a")],
        });
        let config = parse(&config).map_err(|e| e.code())?;
        let now = "2026-01-01T00:00:00Z".parse().unwrap();
        let chosen = config.choose(now).map_err(|e| e.code())?;
        Ok(chosen.logs.iter().map(|log| log.url.clone()).collect())
    }

    #[test]
    fn as_many_services_as_it_says_of_as_many_operators() {
        let three = || {
            json!([
                endpoint("https://a1", 1, "a"),
                endpoint("https://a2", 2, "a"),
                endpoint("https://b1", 1, "b"),
                endpoint("https://c9", 9, "c"),
            ])
        };
        let of = |selection: Value| logs(&three(), &selection);
        assert_eq!(of(json!({})).unwrap(), ["https://a2"]);
        assert_eq!(of(json!({ "selector": "ANY" })).unwrap(), ["https://a2"]);
        assert_eq!(of(json!({ "selector": "ALL" })).unwrap(), ["https://a2", "https://b1"]);
        assert_eq!(of(json!({ "selector": "EXACT", "count": 2 })).unwrap(), ["https://a2", "https://b1"]);
        assert_eq!(of(json!({ "selector": "EXACT", "count": 3 })), Err("signing-config-lacks"));
        for bad in [
            json!({ "selector": "EXACT" }),
            json!({ "selector": "EXACT", "count": 0 }),
            json!({ "selector": "SOME" }),
        ] {
            assert_eq!(of(bad), Err("signing-config-malformed"));
        }
        assert_eq!(logs(&json!([]), &json!({ "selector": "ALL" })).unwrap(), [""; 0]);
        let mut over = endpoint("https://a1", 1, "a");
        over["validFor"]["end"] = "2025-06-01T00:00:00Z".into();
        assert_eq!(logs(&json!([over]), &json!({})), Err("signing-config-lacks"));
    }

    #[test]
    fn a_configuration_that_cannot_date_anything_is_refused() {
        let mut config = json!({
            "mediaType": MEDIA_TYPE, "caUrls": [endpoint("https://ca", 1, "a")],
            "rekorTlogUrls": [endpoint("https://log", 2, "a")],
        });
        let choose = |config: &Value| {
            let now = "2026-01-01T00:00:00Z".parse().unwrap();
            parse(config).and_then(|config| config.choose(now).map(|_| ())).map_err(|e| e.code())
        };
        assert_eq!(choose(&config), Err("signing-config-lacks"));
        config["rekorTlogUrls"][0]["majorApiVersion"] = 1.into();
        assert_eq!(choose(&config), Ok(()));
        config["caUrls"] = json!([]);
        assert_eq!(choose(&config), Err("signing-config-lacks"));
        for (field, value) in
            [("mediaType", json!("application/json")), ("more", json!(1)), ("tsaUrls", json!([{}]))]
        {
            let mut bad = config.clone();
            bad[field] = value;
            assert_eq!(choose(&bad), Err("signing-config-malformed"), "{field}");
        }
    }
}
