//! Collects what is found wrong, and turns it into problems with places at the end.

use std::ops::Range;

use super::{
    problem::{Code, ConfigError, Problem},
    render,
    tree::{Node, Path, Place, Value},
};

/// What to mark of an entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Key,
    Value,
}

/// The file that is read, if any.
#[derive(Debug, Clone, Copy)]
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
}

struct Finding {
    problem: Problem,
    span: Option<Range<usize>>,
}

/// See the module.
#[derive(Default)]
pub(super) struct Report {
    findings: Vec<Finding>,
    poisoned: Vec<Path>,
    hidden: Vec<Range<usize>>,
}

impl Report {
    /// Adds a problem with the entry at `path`, whose node is `place`.
    pub(super) fn add(&mut self, problem: Problem, path: &Path, place: &Place, mark: Mark) {
        let mut problem = problem.at(path.to_string());
        let span = match (place, mark) {
            (Place::File { key: Some(key), .. }, Mark::Key) => Some(key.clone()),
            (Place::File { value, .. }, _) => Some(value.clone()),
            (Place::Variable(name), _) => {
                problem.variable = Some(name.clone());
                None
            }
            (Place::Nowhere, _) => None,
        };
        self.findings.push(Finding { problem, span });
    }

    /// Adds a problem with these bytes of the file.
    pub(super) fn add_at(&mut self, problem: Problem, span: Option<Range<usize>>) {
        self.findings.push(Finding { problem, span });
    }

    /// Remembers that what was written at `path` was dropped, so that nothing is concluded from its absence.
    pub(super) fn poison(&mut self, path: &Path) {
        self.poisoned.push(path.clone());
    }

    /// Whether something at, above or below `path` was dropped.
    pub(super) fn is_poisoned(&self, path: &Path) -> bool {
        self.poisoned.iter().any(|poisoned| poisoned.touches(path))
    }

    /// Keeps the value of `node` out of every excerpt.
    pub(super) fn hide(&mut self, node: &Node) {
        match (&node.place, &node.value) {
            // The place of a table under a header is that header.
            (_, Value::Table(table)) => table.values().for_each(|node| self.hide(node)),
            (Place::File { value, .. }, _) => self.hidden.push(value.clone()),
            _ => {}
        }
    }

    /// Keeps the value on the line at byte `at`, which cannot be read, out of every excerpt where its key sounds
    /// like a secret. (Credentials in URLs are never shown anyway.)
    pub(super) fn hide_secret_line(&mut self, text: &str, at: usize) {
        let (before, after) = text.split_at(text.floor_char_boundary(at.min(text.len())));
        let start = before.rfind('\n').map_or(0, |at| at + 1);
        let end = before.len() + after.find('\n').unwrap_or(after.len());
        let Some((key, _)) = text.get(start..end).and_then(|line| line.split_once('=')) else { return };
        let sound = key.to_lowercase();
        if ["pass", "secret", "token", "key", "cred", "auth"].iter().any(|word| sound.contains(word)) {
            self.hidden.push(start + key.len() + 1..end);
        }
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.findings.is_empty()
    }

    /// The problems, in the order of the file, then of the variables.
    pub(super) fn finish(self, source: Option<Source<'_>>) -> ConfigError {
        let Self { mut findings, hidden, .. } = self;
        findings.sort_by_key(|finding| {
            let variable = finding.problem.variable.clone();
            (variable.is_some(), finding.span.as_ref().map_or(usize::MAX, |span| span.start), variable)
        });
        let place = |Finding { mut problem, span }: Finding| {
            // A hint may repeat, from elsewhere, what was written.
            problem.hint = problem.hint.map(|hint| render::mask(&hint));
            if problem.variable.is_none() {
                problem.path = source.map(|source| source.name.to_owned());
                if let (Some(source), Some(span)) = (source, span) {
                    let spot = render::locate(source.text, &span, &hidden);
                    problem.line = Some(spot.line);
                    problem.column = Some(spot.column);
                    problem.excerpt = Some(spot.excerpt);
                }
            }
            problem
        };
        let mut problems: Vec<Problem> = findings.into_iter().map(place).collect();
        problems.dedup();
        ConfigError { problems }
    }
}

/// A problem that the walk finds: what a key must be.
pub(super) fn must(code: Code, path: &Path, must: &str) -> Problem {
    Problem::new(code, format!("`{path}` {must}"))
}
