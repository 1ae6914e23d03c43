//! What is sent: one JSON document, documented in the README as stable.

use serde::Serialize;
use serde_json::{Map, Value};
use waystation_notifier::Message;
use waystation_notifier::plugin::Error;

/// The document.
#[derive(Serialize)]
struct Payload<'m> {
    id: &'m str,
    event: &'m str,
    severity: &'m str,
    title: &'m str,
    body: &'m str,
    url: Option<&'m str>,
    occurred_at: String,
    attempt: u32,
    data: Map<String, Value>,
}

/// The document's bytes: these are signed, and these are sent.
pub(crate) fn bytes(message: &Message) -> Result<Vec<u8>, Error> {
    let data = match message.data.trim() {
        "" => Map::new(),
        json => serde_json::from_str(json)
            .map_err(|error| Error::bad_input(format!("the message's data is not a JSON object: {error}")))?,
    };
    let payload = Payload {
        id: &message.id,
        event: &message.event,
        severity: &message.severity,
        title: &message.title,
        body: &message.body,
        url: message.url.as_deref(),
        occurred_at: rfc3339(message.occurred_at),
        attempt: message.attempt,
        data,
    };
    serde_json::to_vec(&payload)
        .map_err(|error| Error::internal(format!("the message does not fit into JSON: {error}")))
}

/// Seconds since the epoch as RFC 3339 in UTC; what is beyond the year 9999 becomes its last second.
fn rfc3339(seconds: u64) -> String {
    const LAST: u64 = 253_402_300_799;
    let seconds = seconds.min(LAST);
    let (days, second) = (seconds / 86_400, seconds % 86_400);
    // Days since 0000-03-01, so that a leap day is the last day of its year; 400 years have 146,097 days.
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted / 146_097, shifted % 146_097);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = era * 400 + year_of_era + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use waystation_notifier::plugin::time::parse_rfc3339;

    pub(crate) fn message() -> Message {
        Message {
            id: "01992d2e-7c1b-7f5e-9d5c-0b6c8a1f2e3d".into(),
            event: "release.found".into(),
            severity: "notice".into(),
            title: "ripgrep 15.0.0 is out".into(),
            body: "Two machines have 14.1.1.".into(),
            url: Some("https://waystation.example.org/items/7".into()),
            occurred_at: 1_772_330_179,
            attempt: 2,
            data: r#"{"item":"ripgrep","version":"15.0.0"}"#.into(),
            extra: vec![],
        }
    }

    #[test]
    fn the_document_is_as_documented() {
        let text = String::from_utf8(bytes(&message()).unwrap()).unwrap();
        assert_eq!(
            text,
            concat!(
                r#"{"id":"01992d2e-7c1b-7f5e-9d5c-0b6c8a1f2e3d","event":"release.found","severity":"notice","#,
                r#""title":"ripgrep 15.0.0 is out","body":"Two machines have 14.1.1.","#,
                r#""url":"https://waystation.example.org/items/7","occurred_at":"2026-03-01T01:56:19Z","attempt":2,"#,
                r#""data":{"item":"ripgrep","version":"15.0.0"}}"#
            )
        );
        let example = include_str!("../README.md");
        assert!(example.contains(r#""occurred_at": "2026-03-01T01:56:19Z""#));
    }

    #[test]
    fn data_is_an_object() {
        let with = |data: &str| bytes(&Message { data: data.into(), url: None, ..message() });
        let document: Value = serde_json::from_slice(&with("").unwrap()).unwrap();
        assert_eq!((&document["data"], &document["url"]), (&serde_json::json!({}), &Value::Null));
        for bad in ["[]", "null", "{", "1", "{} {}"] {
            assert_eq!(with(bad).unwrap_err().code, "bad-input", "{bad}");
        }
    }

    #[test]
    fn dates() {
        for (seconds, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_399, "2000-02-28T23:59:59Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_164_800, "2024-02-29T00:00:00Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
            (u64::MAX, "9999-12-31T23:59:59Z"),
        ] {
            assert_eq!(rfc3339(seconds), text);
        }
    }

    proptest::proptest! {
        #[test]
        fn dates_can_be_read_again(seconds in 0..253_402_300_800_u64) {
            proptest::prop_assert_eq!(parse_rfc3339(&rfc3339(seconds)), Some(seconds));
        }

        #[test]
        fn any_message_becomes_a_document(title in ".*", body in ".*", data in ".*") {
            let message = Message { title: title.clone(), body, data, ..message() };
            if let Ok(bytes) = bytes(&message) {
                let document: Value = serde_json::from_slice(&bytes).unwrap();
                proptest::prop_assert_eq!(document["title"].as_str(), Some(title.as_str()));
            }
        }
    }
}
