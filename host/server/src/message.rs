//! The words of an event, for people.

use serde_json::Value;
use waystation_core::event::{Event, EventType};
use waystation_worlds::notifier::Message;

/// What is sent for an event. `id` is the delivery's idempotency key.
pub(crate) fn render(event: &Event, id: String, attempt: u32) -> Message {
    let (title, body) = words(event);
    Message {
        id,
        event: event.kind.to_string(),
        severity: event.severity.as_str().to_owned(),
        title,
        body,
        url: text(event, "url").map(str::to_owned),
        occurred_at: u64::try_from(event.occurred_at.as_second()).unwrap_or(0),
        attempt,
        data: Value::Object(event.data.clone()).to_string(),
    }
}

fn text<'a>(event: &'a Event, field: &str) -> Option<&'a str> {
    event.data.get(field).and_then(Value::as_str)
}

fn words(event: &Event) -> (String, String) {
    let subject = &event.subject;
    let field = |name: &str| text(event, name).unwrap_or("unknown");
    let kind = &event.kind;
    if *kind == EventType::RELEASE_FOUND {
        return (
            format!("{subject} {} is out", field("version")),
            format!("{} has a new release.", field("source")),
        );
    }
    if *kind == EventType::RELEASE_WITHDRAWN {
        let body = text(event, "reason").unwrap_or("The remote gives no reason.").to_owned();
        return (format!("{subject} {} was withdrawn", field("version")), body);
    }
    if *kind == EventType::ITEM_OUTDATED {
        let gap = text(event, "gap").map(|gap| format!(" ({gap})")).unwrap_or_default();
        let title = format!("{subject} is outdated: {} → {}{gap}", field("installed"), field("target"));
        return (title, format!("Installed on {} through {}.", field("machine"), field("manager")));
    }
    if *kind == EventType::ITEM_CURRENT {
        return (
            format!("{subject} is up to date: {}", field("installed")),
            format!("Installed on {} through {}.", field("machine"), field("manager")),
        );
    }
    if *kind == EventType::CHECK_FAILED {
        return (format!("{subject} cannot be checked"), format!("{} ({})", field("message"), field("code")));
    }
    if *kind == EventType::CHECK_RECOVERED {
        return (format!("{subject} can be checked again"), String::new());
    }
    if *kind == EventType::PLUGIN_QUARANTINED {
        return (format!("plugin {subject} is in quarantine"), field("message").to_owned());
    }
    if *kind == EventType::APPROVAL_WAITING {
        let title = format!("{subject}: {} waits for approval to admit {}", field("source"), field("target"));
        let id = field("approval");
        let body = format!(
            "A ticket for {} waits until {}. Look with `waystation approval show {id}`, say yes with `waystation approval approve {id}`.",
            field("sub_scope"),
            field("until")
        );
        return (title, body);
    }
    if *kind == EventType::APPROVAL_DECIDED {
        let title =
            format!("{subject}: {} to admit {} is {}", field("source"), field("target"), field("state"));
        let by = text(event, "rejected_by").map(|by| format!("{by}: ")).unwrap_or_default();
        return (title, format!("{by}{}", text(event, "reason").unwrap_or_default()));
    }
    if *kind == EventType::PLUGIN_REVOKED {
        return (format!("plugin {subject} may not run any more"), field("message").to_owned());
    }
    if *kind == EventType::PLUGIN_UPGRADED {
        let from = event.data.get("from").and_then(|from| from.get("version")).and_then(Value::as_str);
        let title =
            format!("plugin {subject} was upgraded: {} → {}", from.unwrap_or("unknown"), field("version"));
        return (title, format!("It is {} now.", field("digest")));
    }
    (format!("{kind}: {subject}"), text(event, "message").unwrap_or_default().to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use waystation_core::event::{EventSeq, Severity};
    use waystation_core::id::EventId;

    use super::*;

    fn event(kind: EventType, data: &Value) -> Event {
        Event {
            seq: EventSeq(1),
            id: EventId::new("2026-01-01T00:00:00Z".parse().unwrap(), &[0; 10]),
            kind,
            subject: "ripgrep".into(),
            severity: Severity::Notice,
            data: data.as_object().cloned().unwrap(),
            occurred_at: "2026-01-01T00:00:00Z".parse().unwrap(),
        }
    }

    #[test]
    fn every_documented_event_has_words() {
        for kind in EventType::ALL {
            let message = render(&event(kind.clone(), &json!({})), "key".into(), 2);
            assert!(message.title.contains("ripgrep"), "{kind}: {}", message.title);
            assert_eq!((message.id.as_str(), message.attempt), ("key", 2));
        }
    }

    #[test]
    fn an_outdated_item() {
        let data = json!({"installed": "1.0.0", "target": "2.0.0", "gap": "major", "manager": "cargo", "machine": "mail-1"});
        let message = render(&event(EventType::ITEM_OUTDATED, &data), "k".into(), 1);
        assert_eq!(message.title, "ripgrep is outdated: 1.0.0 → 2.0.0 (major)");
        assert_eq!(message.body, "Installed on mail-1 through cargo.");
    }
}
