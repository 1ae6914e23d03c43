//! The events that a check leads to.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use super::Failing;
use crate::{
    event::{EventType, NewEvent, Severity},
    item::{Item, KnownRelease},
    machine::{MachineItem, Standing},
};

/// News of `item` with `data` beside what every such event says.
fn news(
    item: &Item,
    kind: EventType,
    severity: Severity,
    key: &str,
    data: Value,
    now: Timestamp,
) -> NewEvent {
    let mut fields = match data {
        Value::Object(fields) => fields,
        _ => Map::new(),
    };
    fields.insert("item".to_owned(), item.spec.name.as_str().into());
    fields.insert("item_id".to_owned(), item.id.to_string().into());
    fields.insert("source".to_owned(), item.spec.source.as_str().into());
    let key = Some(format!("{kind}:{}:{key}", item.id));
    let subject = item.spec.name.to_string();
    NewEvent { kind, subject, severity, data: fields, occurred_at: now, key }
}

/// Checks began to fail.
pub(super) fn check_failed(item: &Item, failing: &Failing, now: Timestamp) -> NewEvent {
    let data = json!({
        "code": failing.last.code, "message": failing.last.message,
        "failures": failing.count, "since": failing.since,
    });
    news(
        item,
        EventType::CHECK_FAILED,
        Severity::Warning,
        &failing.since.as_microsecond().to_string(),
        data,
        now,
    )
}

/// Checks work again.
pub(super) fn check_recovered(item: &Item, failing: &Failing, now: Timestamp) -> NewEvent {
    let data = json!({ "failures": failing.count, "since": failing.since });
    news(
        item,
        EventType::CHECK_RECOVERED,
        Severity::Info,
        &failing.since.as_microsecond().to_string(),
        data,
        now,
    )
}

/// What a listing says that was not known before: new releases, oldest first, and withdrawn ones.
pub(super) fn releases(
    item: &Item,
    before: &[KnownRelease],
    after: &[KnownRelease],
    target: Option<&str>,
    installed: bool,
    now: Timestamp,
) -> Vec<NewEvent> {
    let mut events = Vec::new();
    for KnownRelease { release, .. } in after.iter().rev() {
        let was = before.iter().find(|known| known.release.version == release.version);
        let version = &release.version;
        match was {
            None if !release.withdrawn => {
                let wanted = target == Some(version.as_str());
                let severity = if wanted { Severity::Notice } else { Severity::Info };
                let data = json!({
                    "version": version, "published_at": release.published_at, "url": release.url,
                    "prerelease": release.prerelease, "wanted": wanted,
                });
                events.push(news(item, EventType::RELEASE_FOUND, severity, version, data, now));
            }
            Some(was) if release.withdrawn && !was.release.withdrawn => {
                let severity = if installed { Severity::Warning } else { Severity::Info };
                let data = json!({ "version": version, "reason": release.withdrawn_reason() });
                events.push(news(item, EventType::RELEASE_WITHDRAWN, severity, version, data, now));
            }
            _ => {}
        }
    }
    events
}

/// An installed item became outdated or current.
pub(super) fn standing(
    item: &Item,
    at: &MachineItem,
    before: Option<&Standing>,
    after: &Standing,
    now: Timestamp,
) -> Option<NewEvent> {
    if before == Some(after) {
        return None;
    }
    let key = |target: &str| format!("{}:{}:{target}", at.machine, at.installed);
    match (before, after) {
        (_, Standing::Outdated { target, gap }) => {
            let data = json!({
                "machine": at.machine_name.as_str(), "machine_id": at.machine.to_string(),
                "manager": at.manager.as_str(), "installed": at.installed, "target": target, "gap": gap,
            });
            Some(news(item, EventType::ITEM_OUTDATED, Severity::Notice, &key(target), data, now))
        }
        (Some(Standing::Outdated { target, .. }), Standing::Current) => {
            let data = json!({
                "machine": at.machine_name.as_str(), "machine_id": at.machine.to_string(),
                "manager": at.manager.as_str(), "installed": at.installed,
            });
            Some(news(item, EventType::ITEM_CURRENT, Severity::Info, &key(target), data, now))
        }
        _ => None,
    }
}
