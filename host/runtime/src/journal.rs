//! The log of one plugin: what it wrote and what the host says about it.
//!
//! Bounded three ways: a line is cut, lines beyond the rate are dropped and
//! counted, and the journal keeps the newest lines up to a number of bytes.

use std::collections::VecDeque;
use std::time::{Duration, Instant, SystemTime};

use parking_lot::Mutex;
use tokio::sync::watch;

/// Bytes of text that one journal keeps.
const KEPT: usize = 256 << 10;

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// Steps.
    Trace,
    /// For the plugin's developer.
    Debug,
    /// For an operator who asks.
    Info,
    /// Something an operator may want to change.
    Warn,
    /// Something does not work.
    Error,
}

impl Level {
    /// The word.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Trace => "trace",
            Self::Debug => "debug",
            Self::Info => "info",
            Self::Warn => "warn",
            Self::Error => "error",
        }
    }
}

/// One line.
#[derive(Debug, Clone)]
pub struct Line {
    /// Grows by one per line of this journal, from 1.
    pub sequence: u64,
    /// When.
    pub at: SystemTime,
    /// How important.
    pub level: Level,
    /// Whether the host wrote it, not the plugin.
    pub host: bool,
    /// The text, free of control characters.
    pub message: String,
    /// Names and values.
    pub fields: Vec<(String, String)>,
}

impl Line {
    fn size(&self) -> usize {
        self.message.len()
            + self.fields.iter().map(|(k, v)| k.len() + v.len()).sum::<usize>()
            + size_of::<Self>()
    }
}

/// See the module.
pub struct Journal {
    inner: Mutex<Inner>,
    newest: watch::Sender<u64>,
}

struct Inner {
    lines: VecDeque<Line>,
    bytes: usize,
    sequence: u64,
    window: Instant,
    in_window: u32,
    dropped: u64,
}

impl Default for Journal {
    fn default() -> Self {
        let inner = Inner {
            lines: VecDeque::new(),
            bytes: 0,
            sequence: 0,
            window: Instant::now(),
            in_window: 0,
            dropped: 0,
        };
        Self { inner: Mutex::new(inner), newest: watch::Sender::new(0) }
    }
}

impl Journal {
    /// Takes a line of the plugin, cut to `line_limit` bytes, unless `per_minute`
    /// lines came in this minute already. Says whether it was kept.
    pub(crate) fn guest(
        &self,
        level: Level,
        message: &str,
        fields: Vec<(String, String)>,
        line_limit: usize,
        per_minute: u32,
    ) -> bool {
        let mut inner = self.inner.lock();
        if inner.window.elapsed() >= Duration::from_secs(60) {
            inner.window = Instant::now();
            inner.in_window = 0;
        }
        if inner.in_window >= per_minute {
            inner.dropped += 1;
            if inner.in_window == per_minute {
                // Said once a minute, in the journal itself.
                inner.in_window += 1;
                let text = format!("more than {per_minute} lines in a minute; further lines are dropped");
                self.push(&mut inner, Level::Warn, true, text, Vec::new());
            }
            return false;
        }
        inner.in_window += 1;
        let mut budget = line_limit;
        let message = clean(message, &mut budget);
        let fields = fields
            .into_iter()
            .take(32)
            .map(|(key, value)| (clean(&key, &mut budget), clean(&value, &mut budget)))
            .collect();
        self.push(&mut inner, level, false, message, fields);
        true
    }

    /// Adds a line of the host's own.
    pub(crate) fn host(&self, level: Level, message: impl Into<String>) {
        self.push(&mut self.inner.lock(), level, true, message.into(), Vec::new());
    }

    fn push(
        &self,
        inner: &mut Inner,
        level: Level,
        host: bool,
        message: String,
        fields: Vec<(String, String)>,
    ) {
        inner.sequence += 1;
        let line = Line { sequence: inner.sequence, at: SystemTime::now(), level, host, message, fields };
        inner.bytes += line.size();
        inner.lines.push_back(line);
        while inner.bytes > KEPT {
            match inner.lines.pop_front() {
                Some(old) => inner.bytes -= old.size(),
                None => break,
            }
        }
        self.newest.send_replace(inner.sequence);
    }

    /// The kept lines after `sequence`, oldest first.
    pub fn since(&self, sequence: u64) -> Vec<Line> {
        let inner = self.inner.lock();
        inner.lines.iter().filter(|line| line.sequence > sequence).cloned().collect()
    }

    /// Lines dropped because of the rate.
    pub fn dropped(&self) -> u64 {
        self.inner.lock().dropped
    }

    /// Changes with each line; its value is the newest sequence.
    pub fn watch(&self) -> watch::Receiver<u64> {
        self.newest.subscribe()
    }
}

/// Cuts to the budget at a character boundary and makes control characters
/// visible, so that no plugin can forge lines or colour a terminal.
fn clean(text: &str, budget: &mut usize) -> String {
    let mut end = text.len().min(*budget);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    *budget -= end;
    let cut = end < text.len();
    let kept = text.get(..end).unwrap_or_default();
    let mut out: String = match kept.contains(char::is_control) {
        false => kept.to_owned(),
        true => kept.chars().map(|c| if c.is_control() && c != '\t' { '\u{fffd}' } else { c }).collect(),
    };
    if cut {
        out.push('…');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(journal: &Journal, message: &str) -> bool {
        journal.guest(Level::Info, message, Vec::new(), 16, 3)
    }

    #[test]
    fn lines_are_cut_cleaned_and_counted() {
        let journal = Journal::default();
        assert!(write(&journal, "0123456789abcdefXYZ"));
        assert!(write(&journal, "a\x1b[31m\nb"));
        assert!(write(&journal, "ééééééééé"));
        assert!(!write(&journal, "too many"));
        assert!(!write(&journal, "too many"));
        let lines = journal.since(0);
        let texts: Vec<_> = lines.iter().map(|l| l.message.as_str()).collect();
        assert_eq!(texts[..3], ["0123456789abcdef…", "a\u{fffd}[31m\u{fffd}b", "éééééééé…"]);
        assert!(lines[3].host && lines[3].message.contains("dropped"));
        assert_eq!(lines.len(), 4);
        assert_eq!(journal.dropped(), 2);
        assert_eq!(journal.since(3).len(), 1);
    }

    #[test]
    fn memory_is_bounded() {
        let journal = Journal::default();
        let text = "x".repeat(8 << 10);
        for _ in 0..1_000 {
            journal.guest(Level::Info, &text, Vec::new(), 8 << 10, u32::MAX);
        }
        let kept: usize = journal.since(0).iter().map(Line::size).sum();
        assert!(kept <= KEPT && kept > KEPT / 2, "{kept}");
        assert_eq!(*journal.watch().borrow(), 1_000);
    }
}
