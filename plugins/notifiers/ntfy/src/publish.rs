//! What is published, and what the server says to it.

use crate::settings::{Channel, is_name};
use serde::{Deserialize, Serialize};
use waystation_notifier::Message;
use waystation_notifier::plugin::Error;
use waystation_notifier::plugin::http::url::Url;

/// The document that ntfy takes at its root.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Publish {
    topic: String,
    #[serde(skip_serializing_if = "String::is_empty")]
    title: String,
    message: String,
    priority: u8,
    tags: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    click: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<String>,
}

/// The longest title in bytes; servers since 2.28 refuse more than 1,024, and no phone shows as much.
const TITLE: usize = 250;
/// The longest address that a tap opens, in bytes.
const CLICK: usize = 1024;

impl Publish {
    /// Renders a message for a channel of a server that takes messages of less than `limit` bytes.
    ///
    /// A server makes an attachment of a message that reaches its limit, and reads at most twice as much
    /// of the whole document, in which quotes and line breaks count double: a message is cut to both, and
    /// says that it was.
    pub(crate) fn new(message: &Message, channel: &Channel, limit: usize) -> Self {
        let (priority, tag) = match message.severity.as_str() {
            "critical" => (5, "rotating_light"),
            "warning" => (4, "warning"),
            "notice" => (3, "bell"),
            _ => (2, "information_source"),
        };
        let fits = |url: &String| url.len() <= CLICK && Url::parse(url).is_ok();
        let mut publish = Self {
            topic: channel.topic.clone(),
            title: cut_title(&message.title),
            message: String::new(),
            priority: channel.priority.unwrap_or(priority),
            tags: [tag].into_iter().map(str::to_owned).chain(channel.tags.iter().cloned()).collect(),
            click: message.url.clone().filter(fits),
            // Anything else the server would refuse together with the message.
            sequence_id: Some(message.id.clone()).filter(|id| is_name(id)),
        };
        let envelope = serde_json::to_vec(&publish).map_or(0, |document| document.len());
        publish.message = cut(&message.body, limit - 1, (2 * limit - 1).saturating_sub(envelope));
        publish
    }
}

/// The text on one line, in at most [`TITLE`] bytes.
fn cut_title(text: &str) -> String {
    let line: String = text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut_at(&line, TITLE, usize::MAX)
        .map_or(line.clone(), |end| format!("{}…", line.get(..end).unwrap_or_default()))
}

/// The text, or as much of it as fits in so many bytes of its own and so many of JSON, with a last line
/// that says how much there was.
fn cut(text: &str, bytes: usize, json_bytes: usize) -> String {
    if cut_at(text, bytes, json_bytes).is_none() {
        return text.to_owned();
    }
    let note = format!("\n… (cut; the message has {} bytes in all)", text.len());
    let room = (bytes.saturating_sub(note.len()), json_bytes.saturating_sub(note.len() + 1));
    let end = cut_at(text, room.0, room.1).unwrap_or(text.len());
    format!("{}{note}", text.get(..end).unwrap_or_default())
}

/// Where to cut so that both limits hold; nothing if the whole text fits.
fn cut_at(text: &str, bytes: usize, json_bytes: usize) -> Option<usize> {
    let mut written = 0_usize;
    for (at, c) in text.char_indices() {
        written = written.saturating_add(match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '\0'..='\u{1f}' => 6,
            other => other.len_utf8(),
        });
        if at + c.len_utf8() > bytes || written > json_bytes {
            return Some(at);
        }
    }
    None
}

/// The server's own name for the message it took.
pub(crate) fn receipt(body: &[u8]) -> Result<String, Error> {
    #[derive(Deserialize)]
    struct Published {
        id: String,
    }
    match serde_json::from_slice::<Published>(body) {
        Ok(published) if is_name(&published.id) => Ok(published.id),
        _ => Err(Error::bad_response(
            "the server answered like no ntfy server; check that `base_url` is its address, without a topic",
        )),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(body: &str) -> Message {
        Message {
            id: "01992d2e-7c1b-7f5e-9d5c-0b6c8a1f2e3d".into(),
            event: "release.found".into(),
            severity: "warning".into(),
            title: "ripgrep 15.0.0 is out".into(),
            body: body.into(),
            url: Some("https://waystation.example.org/items/7".into()),
            occurred_at: 1_772_330_179,
            attempt: 1,
            data: "{}".into(),
            extra: vec![],
        }
    }

    fn channel() -> Channel {
        Channel { topic: "ops".into(), priority: None, tags: vec!["house".into()] }
    }

    #[test]
    fn the_document() {
        let document =
            serde_json::to_value(Publish::new(&message("Two machines."), &channel(), 4096)).unwrap();
        assert_eq!(
            document,
            serde_json::json!({
                "topic": "ops", "title": "ripgrep 15.0.0 is out", "message": "Two machines.", "priority": 4,
                "tags": ["warning", "house"], "click": "https://waystation.example.org/items/7",
                "sequence_id": "01992d2e-7c1b-7f5e-9d5c-0b6c8a1f2e3d"
            })
        );
    }

    #[test]
    fn severities_and_a_channels_own_priority() {
        for (severity, priority) in [("critical", 5), ("warning", 4), ("notice", 3), ("info", 2), ("odd", 2)]
        {
            let message = Message { severity: severity.into(), ..message("x") };
            assert_eq!(Publish::new(&message, &channel(), 4096).priority, priority, "{severity}");
            let own = Channel { priority: Some(1), ..channel() };
            assert_eq!(Publish::new(&message, &own, 4096).priority, 1);
        }
    }

    #[test]
    fn what_the_server_would_refuse_is_left_out() {
        for url in ["javascript:alert(1)", "nonsense", &format!("https://a.example/{}", "x".repeat(1024))] {
            let message = Message { url: Some(url.into()), ..message("x") };
            assert_eq!(Publish::new(&message, &channel(), 4096).click, None);
        }
        for id in ["", "a.b", "a b", &"x".repeat(65)] {
            let message = Message { id: id.into(), ..message("x") };
            assert_eq!(Publish::new(&message, &channel(), 4096).sequence_id, None);
        }
        let titled = |title: &str| {
            Publish::new(&Message { title: title.into(), ..message("x") }, &channel(), 4096).title
        };
        assert_eq!(titled("a\nb"), "a b");
        assert_eq!(titled(&"ä".repeat(200)), format!("{}…", "ä".repeat(125)));
        assert_eq!(titled(&"a".repeat(250)).len(), 250);
    }

    #[test]
    fn a_long_message_is_cut_and_says_so() {
        let fits = "x".repeat(4095);
        assert_eq!(Publish::new(&message(&fits), &channel(), 4096).message, fits);
        let cut = Publish::new(&message(&"x".repeat(4096)), &channel(), 4096).message;
        assert_eq!(cut.len(), 4095);
        assert!(cut.ends_with("x\n… (cut; the message has 4096 bytes in all)"));
        // 4 KiB of quotes fit the first limit and not the second.
        let quotes = Publish::new(&message(&"\"".repeat(4000)), &channel(), 4096);
        assert!(quotes.message.ends_with("4000 bytes in all)") && quotes.message.len() > 3800);
    }

    #[test]
    fn answers() {
        let body = br#"{"id":"hwQ2YpKdmg","time":1772330179,"expires":1772373379,"event":"message","topic":"ops","message":"x"}"#;
        assert_eq!(receipt(body).unwrap(), "hwQ2YpKdmg");
        for bad in ["", "<html>", "{}", r#"{"id":7}"#, r#"{"id":"a b"}"#, r#"{"id":""}"#] {
            assert_eq!(receipt(bad.as_bytes()).unwrap_err().code, "bad-response", "{bad}");
        }
    }

    proptest::proptest! {
        #[test]
        fn both_limits_hold(body in "(\"|\\n|\\x00|ä|𝄞|[a-z ]){0,900}", title in ".{0,400}", limit in 512..1024_usize) {
            let message = Message { title, ..message(&body) };
            let publish = Publish::new(&message, &channel(), limit);
            // With little room the envelope alone can be near the second limit.
            let envelope = serde_json::to_vec(&Publish { message: String::new(), ..publish.clone() }).unwrap().len();
            proptest::prop_assert!(publish.message.len() < limit);
            if envelope + 100 < 2 * limit {
                proptest::prop_assert!(serde_json::to_vec(&publish).unwrap().len() < 2 * limit);
            }
            proptest::prop_assert!(publish.message == body || publish.message.contains("… (cut"));
        }

        #[test]
        fn no_answer_makes_it_panic(body: Vec<u8>) {
            let _ = receipt(&body);
        }
    }
}
