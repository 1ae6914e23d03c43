//! What an operator should find in the events about which plugin served when, and with what.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use waystation_core::event::{EventType, NewEvent, Severity};

/// What serves as a plugin.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Served {
    /// What it calls itself.
    pub(crate) name: String,
    pub(crate) version: String,
    /// Content digest.
    pub(crate) digest: String,
    /// By which way it got in.
    pub(crate) trust: String,
    pub(crate) signers: Vec<String>,
    /// What it was given, a line each.
    pub(crate) grants: Vec<String>,
}

/// The news of the plugin `subject` that now serves, after what served before. What cannot be read any more counts as
/// nothing.
pub(crate) fn told(subject: &str, before: Option<&Value>, now: &Served, at: Timestamp) -> Vec<NewEvent> {
    let before = before.and_then(|before| Served::deserialize(before).ok());
    let is = json!({
        "name": now.name, "version": now.version, "digest": now.digest, "trust": now.trust, "signers": now.signers,
    });
    let was = |before: &Served| json!({ "version": before.version, "digest": before.digest, "signers": before.signers });
    let content = match &before {
        None => Some((EventType::PLUGIN_INSTALLED, is)),
        Some(before) if before.digest != now.digest => {
            Some((EventType::PLUGIN_UPGRADED, with(is, "from", was(before))))
        }
        Some(_) => None,
    };
    let had = before.map(|before| before.grants).unwrap_or_default();
    let grants = (had != now.grants).then(|| {
        let only = |a: &[String], b: &[String]| -> Vec<String> {
            a.iter().filter(|line| !b.contains(line)).cloned().collect()
        };
        let data = json!({
            "digest": now.digest, "given": only(&now.grants, &had), "taken": only(&had, &now.grants),
        });
        (EventType::PLUGIN_GRANTED, data)
    });
    let event = |(kind, data): (EventType, Value)| NewEvent {
        kind,
        subject: subject.to_owned(),
        severity: if now.trust == "dev" { Severity::Warning } else { Severity::Notice },
        data: object(data),
        occurred_at: at,
        key: None,
    };
    content.into_iter().chain(grants).map(event).collect()
}

fn with(mut value: Value, key: &str, more: Value) -> Value {
    if let Value::Object(object) = &mut value {
        object.insert(key.to_owned(), more);
    }
    value
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(object) => object,
        _ => Map::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn served(digest: &str, grants: &[&str]) -> Served {
        Served {
            name: "acme/tool".into(),
            version: "1.0.0".into(),
            digest: digest.into(),
            trust: "verified".into(),
            signers: vec!["key sha256:1".into()],
            grants: grants.iter().map(|grant| (*grant).to_owned()).collect(),
        }
    }

    fn kinds(before: Option<&Served>, now: &Served) -> Vec<String> {
        let before = before.map(|before| serde_json::to_value(before).unwrap());
        let told = told("tool", before.as_ref(), now, Timestamp::UNIX_EPOCH);
        told.iter().map(|event| event.kind.to_string()).collect()
    }

    #[test]
    fn an_installation_an_upgrade_and_a_grant_are_news_and_a_restart_is_not() {
        let (first, second) = (served("sha256:a", &[]), served("sha256:b", &[]));
        assert_eq!(kinds(None, &first), ["plugin.installed"]);
        assert_eq!(kinds(None, &served("sha256:a", &["kv"])), ["plugin.installed", "plugin.granted"]);
        assert_eq!(kinds(Some(&first), &first), [""; 0]);
        assert_eq!(kinds(Some(&first), &second), ["plugin.upgraded"]);
        assert_eq!(kinds(Some(&first), &served("sha256:a", &["kv"])), ["plugin.granted"]);
        assert_eq!(kinds(Some(&served("sha256:a", &["kv"])), &second), ["plugin.upgraded", "plugin.granted"]);
    }

    #[test]
    fn news_say_what_was_and_what_is() {
        let before = serde_json::to_value(served("sha256:a", &["kv", "http https://a.example"])).unwrap();
        let now = served("sha256:b", &["kv", "http https://b.example"]);
        let told = told("tool", Some(&before), &now, Timestamp::UNIX_EPOCH);
        assert_eq!(told[0].data["from"]["digest"], "sha256:a");
        assert_eq!(told[0].data["digest"], "sha256:b");
        assert_eq!(told[1].data["given"], json!(["http https://b.example"]));
        assert_eq!(told[1].data["taken"], json!(["http https://a.example"]));
        assert!(told.iter().all(|event| event.subject == "tool" && event.severity == Severity::Notice));
    }
}
