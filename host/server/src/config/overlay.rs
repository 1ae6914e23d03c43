//! Settings from environment variables, laid over those of the file.
//!
//! `WAYSTATION_` and the key in capitals, `__` between its parts, `_` for every mark in a name:
//! `WAYSTATION_PLUGINS__GITHUB_RELEASES__LIMITS__MEMORY` sets `plugins.github-releases.limits.memory`.

use std::collections::{BTreeMap, BTreeSet};

use secrecy::ExposeSecret;

use super::{
    nearest::nearest,
    problem::{Code, Problem},
    report::{Mark, Report},
    secret::Environment,
    shape::{Field, Shape},
    text::Format,
    tree::{Node, Path, Place, Value},
};

/// What every variable of ours starts with.
pub const PREFIX: &str = "WAYSTATION_";
/// Short for `WAYSTATION_DATABASE__URL`.
pub const DATABASE_URL: &str = "WAYSTATION_DATABASE_URL";

/// Variables of the command line, which are no settings.
const OTHERS: [&str; 4] =
    ["WAYSTATION_CONFIG", "WAYSTATION_PLUGINS", "WAYSTATION_TOKEN_FILE", "WAYSTATION_URL"];

/// Lays the settings of `environment` over `root`.
pub(super) fn overlay(root: &mut Node, shape: &Shape, environment: &Environment, report: &mut Report) {
    let secrets = named_secrets(root, environment);
    let mut set = Vec::new();
    for name in environment.names() {
        // An empty variable is what a compose file leaves of one that is not set.
        let Some(value) = environment.get(name) else { continue };
        let rest = match name.strip_prefix(PREFIX) {
            Some(_) if name == DATABASE_URL => "DATABASE__URL",
            Some(_) if OTHERS.contains(&name) || secrets.contains(name) => continue,
            Some(rest) if rest.contains("__") => rest,
            Some(rest) => {
                if let Some(near) = meant(rest, shape) {
                    let message = format!("the environment variable {name} is not a setting");
                    let problem = Problem::new(Code::UnknownVariable, message);
                    let place = Place::Variable(name.to_owned());
                    report.add(
                        problem.hint(format!("did you mean {near}?")),
                        &Path::default(),
                        &place,
                        Mark::Value,
                    );
                }
                continue;
            }
            None => continue,
        };
        match resolve(rest, root, shape) {
            Ok((path, leaf)) => set.push((path, name, scalar(leaf, value.expose_secret()))),
            Err(Unresolved { code, hint }) => {
                let message = match code {
                    Code::NotScalar => {
                        format!("the environment variable {name} is for a key that holds no single value")
                    }
                    _ => format!("the environment variable {name} is not a setting"),
                };
                let place = Place::Variable(name.to_owned());
                report.add(Problem::new(code, message).hint(hint), &Path::default(), &place, Mark::Value);
            }
        }
    }
    if let (Some(short), Some(long)) =
        (environment.get(DATABASE_URL), environment.get("WAYSTATION_DATABASE__URL"))
        && short.expose_secret() != long.expose_secret()
    {
        let message = format!("{DATABASE_URL} and WAYSTATION_DATABASE__URL are set to different values");
        let place = Place::Variable(DATABASE_URL.to_owned());
        let problem = Problem::new(Code::Conflict, message).hint("unset one of them");
        report.add(problem, &Path::of(&["database", "url"]), &place, Mark::Value);
    }
    for (keys, name, value) in set {
        forget_rival(root, &keys);
        insert(root, &keys, Node { place: Place::Variable(name.to_owned()), value });
    }
}

/// Variables that hold the secret of some credential: not settings, whatever their names look like.
fn named_secrets(root: &Node, environment: &Environment) -> BTreeSet<String> {
    fn collect(node: &Node, found: &mut BTreeSet<String>) {
        let Some(table) = node.table() else { return };
        for (key, node) in table {
            match (key.as_str(), node.table().and_then(|from| from.get("env"))) {
                ("from", Some(Node { value: Value::Text(name), .. })) => drop(found.insert(name.clone())),
                _ => collect(node, found),
            }
        }
    }
    let mut found = BTreeSet::new();
    if let Some(plugins) = root.table().and_then(|root| root.get("plugins")) {
        collect(plugins, &mut found);
    }
    let from_variables =
        environment.names().filter(|name| name.starts_with(PREFIX) && name.ends_with("__FROM__ENV"));
    found.extend(from_variables.filter_map(|name| Some(environment.get(name)?.expose_secret().to_owned())));
    found
}

struct Unresolved {
    code: Code,
    hint: String,
}

/// The keys that `rest` names, and the shape of what is there.
fn resolve<'s>(rest: &str, root: &Node, shape: &'s Shape) -> Result<(Vec<String>, &'s Shape), Unresolved> {
    let mut keys: Vec<String> = Vec::new();
    let mut shape = shape;
    let mut node = Some(root);
    for segment in rest.split("__") {
        let unknown = |hint| Unresolved { code: Code::UnknownVariable, hint };
        shape = match shape {
            Shape::Record(fields) | Shape::OneOf(fields) => {
                let Some((key, field)) = fields.iter().find(|(key, _)| key.to_uppercase() == segment) else {
                    return Err(unknown(suggestion(&keys, segment, fields, rest)));
                };
                keys.push(key.clone());
                &field.shape
            }
            Shape::Names { key: format, each } => {
                // A name that the file has wins, so that its `.`, `_` or `@` need not be guessed.
                let mut known = node.and_then(Node::table).into_iter().flat_map(|table| table.keys());
                let known = known.find(|name| variable_part(name) == segment).cloned();
                let name = known.unwrap_or_else(|| segment.to_lowercase().replace('_', "-"));
                let valid = Format::named(format).is_some_and(|format| (format.check)(&name).is_ok());
                if !valid || segment != variable_part(&name) {
                    return Err(unknown(format!(
                        "{segment} is not a name in capitals with _ for every other mark"
                    )));
                }
                keys.push(name);
                each
            }
            Shape::Free | Shape::List { .. } => break,
            _ => return Err(unknown(format!("`{}` is a single value", keys.join(".")))),
        };
        node = node.and_then(Node::table).and_then(|table| table.get(keys.last()?));
    }
    match shape {
        Shape::Text(_) | Shape::Choice(_) | Shape::Integer { .. } | Shape::Flag => Ok((keys, shape)),
        _ => Err(Unresolved {
            code: Code::NotScalar,
            hint: format!(
                "set `{}` in the file: a variable sets one string, number or boolean",
                keys.join(".")
            ),
        }),
    }
}

/// The variable that somebody meant by one that has no `__`. Others can share our prefix (an orchestrator names
/// variables after its services), so only what is nearly one of ours is a mistake.
fn meant(rest: &str, shape: &Shape) -> Option<String> {
    let mut ours = vec![DATABASE_URL.to_owned()];
    ours.extend(OTHERS.map(str::to_owned));
    settings(shape, PREFIX.to_owned(), &mut ours);
    let short = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).replace("__", "_");
    let near = nearest(rest, ours.iter().map(|name| short(name)))?;
    ours.into_iter().find(|name| short(name) == near)
}

/// The variables of every single value below `shape` that has no name of an operator's choice above it.
fn settings(shape: &Shape, name: String, found: &mut Vec<String>) {
    match shape {
        Shape::Record(fields) => {
            let above = if name == PREFIX { name } else { name + "__" };
            for (key, field) in fields {
                settings(&field.shape, format!("{above}{}", variable_part(key)), found);
            }
        }
        Shape::Text(_) | Shape::Choice(_) | Shape::Integer { .. } | Shape::Flag => found.push(name),
        Shape::Names { .. } | Shape::OneOf(_) | Shape::List { .. } | Shape::Free => {}
    }
}

fn suggestion(keys: &[String], segment: &str, fields: &BTreeMap<String, Field>, rest: &str) -> String {
    let Some(near) = nearest(segment, fields.keys()) else {
        let valid: Vec<String> = fields.keys().map(|key| key.to_uppercase()).collect();
        return format!("after {} it can go on with {}", variable(keys), valid.join(", "));
    };
    let mut parts: Vec<String> = rest.split("__").map(str::to_owned).collect();
    if let Some(part) = parts.get_mut(keys.len()) {
        *part = near.to_uppercase();
    }
    format!("did you mean {PREFIX}{}?", parts.join("__"))
}

fn variable_part(key: &str) -> String {
    key.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// The beginning that all variables below `keys` share.
fn variable(keys: &[String]) -> String {
    keys.iter().fold(PREFIX.to_owned(), |name, key| name + &variable_part(key) + "__")
}

/// The value of a variable; text that does not fit is left as it is, for the walk to refuse.
fn scalar(shape: &Shape, text: &str) -> Value {
    let fitting = match shape {
        Shape::Flag => text.parse().ok().map(Value::Flag),
        Shape::Integer { .. } => text.parse().ok().map(Value::Integer),
        _ => None,
    };
    fitting.unwrap_or_else(|| Value::Text(text.to_owned()))
}

/// A variable wins over the file, also where the file says the same in another key.
fn forget_rival(root: &mut Node, keys: &[String]) {
    let keys: Vec<&str> = keys.iter().map(String::as_str).collect();
    let (above, rival) = match keys.as_slice() {
        ["database", "url"] => (&keys[..1], "url_file"),
        ["database", "url_file"] => (&keys[..1], "url"),
        [above @ .., "from", "env"] => (&keys[..=above.len()], "file"),
        [above @ .., "from", "file"] => (&keys[..=above.len()], "env"),
        _ => return,
    };
    let mut node = Some(root);
    for key in above {
        node = node.and_then(Node::table_mut).and_then(|table| table.get_mut(*key));
    }
    if let Some(table) = node.and_then(Node::table_mut)
        && table.get(rival).is_some_and(|node| !matches!(node.place, Place::Variable(_)))
    {
        table.remove(rival);
    }
}

fn insert(root: &mut Node, keys: &[String], leaf: Node) {
    let Some((last, above)) = keys.split_last() else { return };
    let mut node = root;
    for key in above {
        // Where the file has something else than a table, the walk says so.
        let Some(table) = node.table_mut() else { return };
        let place = leaf.place.clone();
        node = table.entry(key.clone()).or_insert_with(|| Node { place, ..Node::nowhere() });
    }
    if let Some(table) = node.table_mut() {
        table.insert(last.clone(), leaf);
    }
}
