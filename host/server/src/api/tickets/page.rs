//! Pages of lists: `?limit=` and `?after=`, where the page before said `next`.

use axum::extract::rejection::QueryRejection;
use axum::extract::{FromRequestParts, Query};
use axum::http::request::Parts;
use jiff::Timestamp;

use super::answer::Answer;
use super::form::Issues;

/// The most entries of one page, and as many as there are without a limit.
const MOST: u32 = 1_000;

/// The most seconds that somebody can wait for an answer.
const LONGEST_WAIT: u64 = 30;

/// Which page, and of what.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) limit: u32,
    pub(super) after: Option<String>,
    pub(super) agent: Option<String>,
    pub(super) instance: Option<String>,
    pub(super) role: Option<String>,
    /// Seconds to wait for something to be there.
    pub(super) wait: Option<u64>,
}

impl<S: Send + Sync> FromRequestParts<S> for Page {
    type Rejection = Answer;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Answer> {
        let pairs = Query::<Vec<(String, String)>>::from_request_parts(parts, state).await;
        Self::read(pairs)
    }
}

impl Page {
    fn read(pairs: Result<Query<Vec<(String, String)>>, QueryRejection>) -> Result<Self, Answer> {
        let Query(pairs) = pairs.map_err(|e| Answer::bad(e.body_text()))?;
        let mut page = Self { limit: MOST, ..Self::default() };
        let mut seen = std::collections::BTreeSet::new();
        for (key, value) in pairs {
            if !seen.insert(key.clone()) {
                return Err(Issues::one(&key, "Expected string, received array"));
            }
            match key.as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| (1..=MOST).contains(limit));
                    page.limit = limit.ok_or_else(|| Issues::one("limit", "Expected 1 to 1000"))?;
                }
                "after" => page.after = Some(value),
                "agentLabel" => page.agent = Some(value),
                "instanceScope" => page.instance = Some(value),
                "role" => page.role = Some(value),
                "wait" => {
                    let wait = value.parse().ok().filter(|wait| *wait <= LONGEST_WAIT);
                    page.wait = Some(wait.ok_or_else(|| Issues::one("wait", "Expected 0 to 30"))?);
                }
                // What is not known is left out, as in bodies.
                _ => {}
            }
        }
        Ok(page)
    }
}

/// The place after an entry of a list that is in the order of times.
pub(super) fn cursor(at: Timestamp, id: impl std::fmt::Display) -> String {
    format!("{}.{id}", at.as_microsecond())
}

/// Reads what [`cursor`] writes.
pub(super) fn place<T: std::str::FromStr>(cursor: &str) -> Result<(Timestamp, T), Answer> {
    let parts = cursor.split_once('.').and_then(|(at, id)| {
        let plain = at.bytes().all(|b| b.is_ascii_digit());
        let at = Timestamp::from_microsecond(at.parse().ok().filter(|_| plain)?).ok()?;
        Some((at, id.parse().ok()?))
    });
    parts.ok_or_else(|| Issues::one("after", "Give what the page before said as `next`"))
}

/// As the reference API writes times: UTC with milliseconds.
pub(super) fn time(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
}

/// What fuzzing asks of places and queries: see [`crate::fuzz`].
#[cfg(any(test, fuzzing))]
pub(super) fn holds(text: &str) {
    use axum::http::{StatusCode, Uri};
    use waystation_core::ticket::{SessionId, TicketDigest};

    fn both_ways<T: std::str::FromStr + std::fmt::Display + PartialEq + std::fmt::Debug>(text: &str) {
        match place::<T>(text) {
            Ok((at, id)) => {
                let written = cursor(at, &id);
                assert_eq!(place::<T>(&written).ok(), Some((at, id)), "{written}");
            }
            Err(answer) => assert_eq!(answer.error, "Validation failed"),
        }
    }
    both_ways::<SessionId>(text);
    both_ways::<TicketDigest>(text);
    let Ok(uri) = format!("/?{text}").parse::<Uri>() else { return };
    match Page::read(Query::try_from_uri(&uri)) {
        Ok(page) => {
            assert!((1..=MOST).contains(&page.limit) && page.wait.is_none_or(|wait| wait <= LONGEST_WAIT));
        }
        Err(answer) => {
            assert!(answer.status == StatusCode::BAD_REQUEST && !answer.error.is_empty());
        }
    }
}

#[cfg(test)]
mod tests {
    use waystation_core::ticket::SessionId;

    use super::*;

    #[test]
    fn a_cursor_is_read_as_it_was_written_and_nothing_else_is_one() {
        let (at, id) = (Timestamp::from_microsecond(1_700_000_000_123_456).unwrap(), SessionId::new([7; 16]));
        assert_eq!(place::<SessionId>(&cursor(at, id)).unwrap(), (at, id));
        for bad in [
            "",
            ".",
            "1",
            "1.",
            "-1.00",
            "+1.x",
            "99999999999999999999.x",
            "1.zz",
            "1.07070707070707070707070707070707.x",
        ] {
            assert!(place::<SessionId>(bad).is_err(), "{bad:?}");
        }
        assert_eq!(time(at), "2023-11-14T22:13:20.123Z");
    }
}
