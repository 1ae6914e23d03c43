//! From bytes and variables to a [`Config`].

use std::{fs, io::Read, path::Path};

use serde_json::Value as Json;
use toml::de::DeTable;

use super::{
    Config,
    check::check,
    overlay::overlay,
    problem::{Code, ConfigError, Problem},
    report::{Report, Source},
    secret::Environment,
    shape::{Shape, Shapeless},
    tree::Node,
    walk::walk,
};

/// The largest configuration that is read, in bytes.
pub const MAX_CONFIG: u64 = 1 << 20;

/// Syntax errors beyond this many are consequences of the first ones.
const MAX_SYNTAX: usize = 10;

/// Reads the file. The only effect of loading.
pub(super) fn read(path: &Path) -> Result<Vec<u8>, ConfigError> {
    let mut bytes = Vec::new();
    let result = fs::File::open(path).and_then(|file| file.take(MAX_CONFIG + 1).read_to_end(&mut bytes));
    match result {
        Ok(_) => Ok(bytes),
        Err(error) => {
            let message = format!("cannot read the configuration {}: {error}", path.display());
            let hint = "name an existing file, or none to run with defaults and environment variables";
            Err(Problem {
                path: Some(path.display().to_string()),
                ..Problem::new(Code::FileUnreadable, message).hint(hint)
            }
            .into())
        }
    }
}

/// Everything but the reading: a function of its arguments.
pub(super) fn parse(file: Option<(&str, &[u8])>, environment: &Environment) -> Result<Config, ConfigError> {
    let mut report = Report::default();
    let text;
    let (mut root, source) = match file {
        None => (Node::nowhere(), None),
        Some((name, bytes)) => {
            text = self::text(name, bytes)?;
            let source = Source { name, text: &text };
            (document(source)?, Some(source))
        }
    };
    let shape = shape().map_err(|Shapeless(what)| defect(&format!("no shape for {what}")))?;
    overlay(&mut root, &shape, environment, &mut report);
    walk(&mut root, &shape, &mut report);
    let json = root.to_json().unwrap_or_default();
    let config: Config = match serde_json::from_value(json) {
        Ok(config) => config,
        // What the walk let pass and the types do not take is a mistake of ours; said, not hidden.
        Err(error) if report.is_empty() => return Err(defect(&error.to_string())),
        Err(_) => return Err(report.finish(source)),
    };
    check(&config, &root, &mut report);
    if report.is_empty() { Ok(config) } else { Err(report.finish(source)) }
}

fn defect(what: &str) -> ConfigError {
    let message = format!("the configuration cannot be read: {what}");
    Problem::new(Code::InvalidValue, message).hint("this is a defect of Waystation; report it").into()
}

/// The shape of the whole configuration.
pub(super) fn shape() -> Result<Shape, Shapeless> {
    let schema: Json = Config::schema();
    Shape::of(&schema, &schema)
}

fn text(name: &str, bytes: &[u8]) -> Result<String, ConfigError> {
    if bytes.len() as u64 > MAX_CONFIG {
        let message = format!("the configuration is larger than {MAX_CONFIG} bytes");
        let problem = Problem::new(Code::FileUnreadable, message).hint("check that it is the right file");
        return Err(Problem { path: Some(name.to_owned()), ..problem }.into());
    }
    let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => Ok(text.to_owned()),
        Err(error) => {
            let at = error.valid_up_to();
            let before = String::from_utf8_lossy(bytes.get(..at).unwrap_or_default()).into_owned();
            let mut report = Report::default();
            let problem = Problem::new(Code::Syntax, "the file is not UTF-8 from here on");
            report.add_at(problem.hint("save it as UTF-8"), Some(at..at));
            Err(report.finish(Some(Source { name, text: &before })))
        }
    }
}

fn document(source: Source<'_>) -> Result<Node, ConfigError> {
    let (table, errors) = DeTable::parse_recoverable(source.text);
    if errors.is_empty() {
        return Ok(Node::from_document(table.get_ref()));
    }
    let mut report = Report::default();
    for error in errors.iter().take(MAX_SYNTAX) {
        let what = error.message().strip_suffix(", expected nothing").unwrap_or(error.message());
        let mut problem = Problem::new(Code::Syntax, format!("this is not TOML: {what}"));
        if what.starts_with("invalid ") || what.contains("must be quoted") {
            problem = problem.hint("text stands in quotes: key = \"value\"");
        }
        let span = error.span().unwrap_or(source.text.len()..source.text.len());
        report.hide_secret_line(source.text, span.start);
        report.add_at(problem, Some(span));
    }
    Err(report.finish(Some(source)))
}
