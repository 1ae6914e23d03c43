//! What the host tells by itself: server-sent events (the part of the WHATWG specification that the host uses).

use std::time::Duration;

use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::api::Inbox;
use crate::error::Error;
use crate::model::{Approval, InboxTicket, Session};

/// The host says something at least every 15 s.
const SILENCE: Duration = Duration::from_secs(45);

/// The most bytes of one event.
const MAX_EVENT: usize = 8 << 20;

/// One thing that the host tells.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// The whole inbox, as it is now.
    Inbox(Vec<InboxTicket>),
    /// One session, as it is now.
    Session(Session),
    /// One request of ours that people approve, as it is now.
    Approval(Approval),
    /// All that is was told. A session that was not is over.
    Ready,
    /// There is no more, and why: `certificate_revoked`, `agent_revoked`, `host_stopping`, …
    End(String),
}

#[derive(Deserialize)]
struct End {
    reason: String,
}

/// What is read of an event stream. Pure: bytes in, events out.
#[derive(Debug, Default)]
pub(crate) struct Parser {
    rest: Vec<u8>,
}

impl Parser {
    /// Takes bytes in; the events that are whole now.
    pub(crate) fn read(&mut self, bytes: &[u8]) -> Result<Vec<Event>, Error> {
        self.rest.extend_from_slice(bytes);
        let mut events = Vec::new();
        while let Some(end) = self.rest.windows(2).position(|pair| pair == b"\n\n") {
            let text: Vec<u8> = self.rest.drain(..end + 2).collect();
            events.extend(parse(&String::from_utf8_lossy(&text))?);
        }
        match self.rest.len() > MAX_EVENT {
            true => Err(Error::Answer("an event is too large".into())),
            false => Ok(events),
        }
    }
}

/// One event; none for a comment or a name that is not known.
fn parse(text: &str) -> Result<Option<Event>, Error> {
    let field = |name: &str| {
        let values = text.lines().filter_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
        values.map(|value| value.strip_prefix(' ').unwrap_or(value)).collect::<Vec<_>>().join("\n")
    };
    fn data<T: DeserializeOwned>(text: &str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|e| Error::Answer(e.to_string()))
    }
    let body = field("data");
    Ok(match field("event").as_str() {
        "inbox" => Some(Event::Inbox(data::<Inbox>(&body)?.tickets)),
        "session" => Some(Event::Session(data(&body)?)),
        "approval" => Some(Event::Approval(data(&body)?)),
        "ready" => Some(Event::Ready),
        "end" => Some(Event::End(data::<End>(&body)?.reason)),
        _ => None,
    })
}

/// Events until the connection ends.
#[derive(Debug)]
pub struct EventStream {
    body: Incoming,
    parser: Parser,
    waiting: std::collections::VecDeque<Event>,
}

impl EventStream {
    pub(crate) fn new(body: Incoming) -> Self {
        Self { body, parser: Parser::default(), waiting: std::collections::VecDeque::new() }
    }

    /// The next event; none when the host closed the stream.
    ///
    /// # Errors
    /// [`Error::Network`] when the connection broke, [`Error::Timeout`] when the host is silent for too long.
    pub async fn next(&mut self) -> Result<Option<Event>, Error> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Ok(Some(event));
            }
            let frame = tokio::time::timeout(SILENCE, self.body.frame()).await.map_err(|_| Error::Timeout)?;
            let Some(frame) = frame else { return Ok(None) };
            if let Ok(bytes) = frame.map_err(|e| Error::Network(e.to_string()))?.into_data() {
                self.waiting.extend(self.parser.read(&bytes)?);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_read_however_they_are_cut() {
        let text = concat!(
            ": hello\n\n",
            "event: inbox\ndata: {\"tickets\":[]}\n\n",
            "event: new-one\ndata: {}\n\n",
            "event: ready\ndata: {}\n\n:\n\n",
            "event: end\ndata: {\"reason\":\ndata: \"host_stopping\"}\n\n",
        );
        let all = [Event::Inbox(vec![]), Event::Ready, Event::End("host_stopping".into())];
        for size in 1..text.len() {
            let mut parser = Parser::default();
            let mut events = Vec::new();
            for piece in text.as_bytes().chunks(size) {
                events.extend(parser.read(piece).unwrap());
            }
            assert_eq!(events, all, "{size}");
        }
        assert_eq!(
            Parser::default().read(b"event: inbox\ndata: x\n\n").unwrap_err().code(),
            "unexpected-answer"
        );
    }
}
