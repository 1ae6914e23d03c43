//! Holds a configuration against its shape: finds every unknown key, missing key, wrong type and bad value,
//! and drops what is wrong, so that what is left can be read and checked further.

use std::collections::BTreeMap;

use super::{
    nearest::nearest,
    problem::{Code, Problem},
    render::quoted,
    report::{Mark, Report, must},
    shape::{Field, Shape, TextShape},
    text::Format,
    tree::{Node, Path, Place, Value},
};

/// Walks `root`. Afterwards it fits `shape`.
pub(super) fn walk(root: &mut Node, shape: &Shape, report: &mut Report) {
    Walk { root: shape, report }.node(root, shape, &Path::default());
}

struct Walk<'a> {
    root: &'a Shape,
    report: &'a mut Report,
}

impl Walk<'_> {
    /// Whether the node can stay.
    fn node(&mut self, node: &mut Node, shape: &Shape, path: &Path) -> bool {
        if let Shape::Text(text) = shape {
            if text.secret {
                self.report.hide(node);
            }
            if let (true, Value::Integer(number)) = (text.integers, &node.value) {
                node.value = Value::Text(number.to_string());
            }
        }
        let place = node.place.clone();
        match (shape, &mut node.value) {
            (Shape::Record(fields), Value::Table(table)) => self.record(table, fields, path, &place),
            (Shape::Names { key, each }, Value::Table(table)) => {
                self.names(table, key, each, path);
                true
            }
            (Shape::OneOf(fields), Value::Table(table)) => self.one_of(table, fields, path, &place),
            (Shape::List { each, min }, Value::List(list)) => self.list(list, each, *min, path, &place),
            (Shape::Free, Value::Table(table)) => {
                let mut fine = true;
                for (key, node) in table {
                    fine &= self.free(node, &path.key(key));
                }
                fine
            }
            (Shape::Choice(words), Value::Text(text)) => self.choice(text, words, path, &place),
            (Shape::Text(shape), Value::Text(text)) => self.text(text, shape, path, &place),
            (Shape::Integer { min, max }, Value::Integer(number)) => {
                if (*min..=*max).contains(number) {
                    return true;
                }
                let rule = match (*min, *max) {
                    (min, i64::MAX) => format!("must be at least {min}, not {number}"),
                    (min, max) => format!("must be from {min} to {max}, not {number}"),
                };
                self.value(must(Code::OutOfRange, path, &rule), path, &place)
            }
            (Shape::Flag, Value::Flag(_)) => true,
            (_, Value::Unfit) => self.unfit(path, &place),
            // A number without quotes: what its text lacks besides says more than that quotes are missing.
            (Shape::Text(shape), Value::Integer(number)) if !Self::fits(*number, shape) => {
                self.text(&number.to_string(), shape, path, &place)
            }
            (shape, value) => {
                let rule = format!("must be {}, not {}", shape.kind(), value.kind());
                let problem = must(Code::WrongType, path, &rule);
                let hint = match (shape, &*value) {
                    (Shape::Flag, Value::Text(_)) => Some("write true or false, without quotes"),
                    (Shape::Integer { .. }, Value::Text(_)) => Some("write the number without quotes"),
                    (
                        Shape::Text(_) | Shape::Choice(_),
                        Value::Integer(_) | Value::Float(_) | Value::Flag(_),
                    ) => Some("put it in quotes"),
                    (Shape::List { .. }, Value::Text(_)) => Some("put it in brackets: [\"…\"]"),
                    (Shape::List { .. }, Value::Table(_)) => {
                        Some("use double brackets for the header: [[…]]")
                    }
                    _ => None,
                };
                let problem = match hint {
                    Some(hint) => problem.hint(hint),
                    None => problem,
                };
                self.value(problem, path, &place)
            }
        }
    }

    fn fits(number: i64, shape: &TextShape) -> bool {
        Format::named(shape.format).is_none_or(|format| (format.check)(&number.to_string()).is_ok())
    }

    fn value(&mut self, problem: Problem, path: &Path, place: &Place) -> bool {
        self.report.add(problem, path, place, Mark::Value);
        false
    }

    fn record(
        &mut self,
        table: &mut BTreeMap<String, Node>,
        fields: &BTreeMap<String, Field>,
        path: &Path,
        place: &Place,
    ) -> bool {
        let mut fine = true;
        for (key, field) in fields {
            if field.required && !table.contains_key(key) {
                fine = false;
                self.missing(key, field, path, place);
            }
        }
        table.retain(|key, node| {
            let path = path.key(key);
            let Some(field) = fields.get(key) else {
                self.unknown(key, node, fields, &path);
                return false;
            };
            let keep = self.node(node, &field.shape, &path);
            if !keep {
                self.report.poison(&path);
                fine &= !field.required;
            }
            keep
        });
        fine
    }

    fn missing(&mut self, key: &str, field: &Field, path: &Path, place: &Place) {
        let problem = Problem::new(Code::MissingKey, format!("`{path}` needs the key `{key}`"));
        let hint = match first_sentence(&field.about) {
            "" => format!("add `{key} = …`"),
            about => format!("add `{key} = …`. {about}."),
        };
        self.report.add(problem.hint(hint), path, place, Mark::Key);
    }

    fn unknown(&mut self, key: &str, node: &Node, fields: &BTreeMap<String, Field>, path: &Path) {
        // What an unknown key holds may be a secret that was meant for another one.
        self.report.hide(node);
        let hint = match nearest(key, fields.keys()) {
            Some(near) => format!("did you mean `{near}`?"),
            None => match self.section_of(key) {
                Some(section) => format!("`{key}` is a key of [{section}]"),
                None => format!("valid keys here: {}", listed(fields.keys())),
            },
        };
        let problem = must(Code::UnknownKey, path, "is not a known key").hint(hint);
        self.report.add(problem, path, &node.place, Mark::Key);
    }

    /// The one section with this key, for keys that were written into another one.
    fn section_of(&self, key: &str) -> Option<&str> {
        let Shape::Record(sections) = self.root else { return None };
        let mut with_key = sections.iter().filter(|(_, section)| match &section.shape {
            Shape::Record(fields) => fields.contains_key(key),
            _ => false,
        });
        match (with_key.next(), with_key.next()) {
            (Some((section, _)), None) => Some(section),
            _ => None,
        }
    }

    fn names(&mut self, table: &mut BTreeMap<String, Node>, format: &str, each: &Shape, path: &Path) {
        table.retain(|name, node| {
            let path = path.key(name);
            let refusal = Format::named(format).and_then(|format| (format.check)(name).err());
            let mut keep = refusal.is_none();
            if let Some(refusal) = refusal {
                let mut problem = must(Code::InvalidValue, &path, &refusal.must);
                problem.hint = refusal.hint;
                self.report.add(problem, &path, &node.place, Mark::Key);
            }
            keep &= self.node(node, each, &path);
            if !keep {
                self.report.poison(&path);
            }
            keep
        });
    }

    fn one_of(
        &mut self,
        table: &mut BTreeMap<String, Node>,
        fields: &BTreeMap<String, Field>,
        path: &Path,
        place: &Place,
    ) -> bool {
        let mut fine = true;
        for (key, node) in table.iter_mut() {
            let path = path.key(key);
            match fields.get(key) {
                Some(field) => fine &= self.node(node, &field.shape, &path),
                None => {
                    self.unknown(key, node, fields, &path);
                    fine = false;
                }
            }
        }
        if fine && table.len() != 1 {
            let rule = format!("must have exactly one of the keys {}", listed(fields.keys()));
            fine = self.value(must(Code::Conflict, path, &rule), path, place);
        }
        fine
    }

    fn list(&mut self, list: &mut [Node], each: &Shape, min: u64, path: &Path, place: &Place) -> bool {
        let mut fine = true;
        for (index, node) in list.iter_mut().enumerate() {
            fine &= self.node(node, each, &path.index(index));
        }
        if (list.len() as u64) < min {
            let problem = must(Code::InvalidValue, path, "must not be empty");
            fine = self.value(problem.hint("leave the key out to get its default"), path, place);
        }
        fine
    }

    fn free(&mut self, node: &Node, path: &Path) -> bool {
        match &node.value {
            Value::Unfit => self.unfit(path, &node.place),
            Value::Table(table) => {
                table.iter().fold(true, |fine, (key, node)| self.free(node, &path.key(key)) && fine)
            }
            Value::List(list) => list
                .iter()
                .enumerate()
                .fold(true, |fine, (at, node)| self.free(node, &path.index(at)) && fine),
            _ => true,
        }
    }

    fn unfit(&mut self, path: &Path, place: &Place) -> bool {
        let problem = must(Code::InvalidValue, path, "must be a finite number that fits into 64 bits");
        self.value(problem, path, place)
    }

    fn choice(&mut self, text: &str, words: &[(String, String)], path: &Path, place: &Place) -> bool {
        let words: Vec<&str> = words.iter().map(|(word, _)| word.as_str()).collect();
        if words.contains(&text) {
            return true;
        }
        let problem = must(Code::InvalidValue, path, &format!("must not be {}", quoted(text)));
        let hint = match nearest(text, words.iter().copied()) {
            Some(near) => format!("did you mean \"{near}\"? It can be {}", listed(words)),
            None => format!("it can be {}", listed(words)),
        };
        self.value(problem.hint(hint), path, place)
    }

    fn text(&mut self, text: &str, shape: &TextShape, path: &Path, place: &Place) -> bool {
        let Some(format) = Format::named(shape.format) else { return true };
        let measure = match (format.check)(text) {
            Ok(measure) => measure,
            Err(refusal) => {
                let shown = if shape.secret { String::new() } else { format!(", not {}", quoted(text)) };
                let mut problem = must(Code::InvalidValue, path, &format!("{}{shown}", refusal.must));
                problem.hint = refusal.hint;
                return self.value(problem, path, place);
            }
        };
        let bound =
            |bound: &Option<String>| bound.as_deref().and_then(|text| (format.check)(text).ok().flatten());
        let low = bound(&shape.min).zip(measure).is_some_and(|(min, value)| value < min);
        let high = bound(&shape.max).zip(measure).is_some_and(|(max, value)| value > max);
        if !low && !high {
            return true;
        }
        let rule = match (&shape.min, &shape.max) {
            (Some(min), Some(max)) => format!("must be from {min} to {max}, not {}", quoted(text)),
            (Some(min), None) => format!("must be at least {min}, not {}", quoted(text)),
            (_, max) => {
                format!("must be at most {}, not {}", max.as_deref().unwrap_or_default(), quoted(text))
            }
        };
        self.value(must(Code::OutOfRange, path, &rule), path, place)
    }
}

fn listed<T: AsRef<str>>(words: impl IntoIterator<Item = T>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{}`", word.as_ref())).collect();
    words.join(", ")
}

/// Up to the first full stop, without line breaks in the way of a hint.
pub(super) fn first_sentence(about: &str) -> &str {
    let paragraph = about.split("\n\n").next().unwrap_or_default();
    let line = paragraph.split('\n').next().unwrap_or_default();
    line.split(". ").next().unwrap_or_default().trim_end_matches('.')
}
