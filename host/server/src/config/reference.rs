//! The reference page of the configuration, made from its shape.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::Value as Json;

use super::{
    load,
    shape::{Field, Shape, TextShape},
};

/// Sections in the order in which a reader meets them; others follow by name.
const ORDER: [&str; 12] = [
    "server",
    "pki",
    "database",
    "egress",
    "plugins",
    "channels",
    "items",
    "checks",
    "plugin_limits",
    "quarantine",
    "delivery",
    "telemetry",
];

const INTRODUCTION: &str = r#"# Configuration

<!-- Made from host/server/src/config. After a change there: WAYSTATION_UPDATE_DOCS=1 cargo nextest run -p waystation-server -->

`waystation.toml` holds the configuration of a host. Every key has a default except those marked *required*;
an unknown key is an error. `waystation config check` reads the file as the host does and tells everything that
is wrong with it. For a guided tour see [Configure a host](../operate/configure.md).

## How values are written

- **size**: a whole number with `B`, `KiB`, `MiB`, `GiB` or `TiB`, such as `"64 MiB"`; an integer counts bytes.
- **duration**: whole numbers with `d`, `h`, `m`, `s`, `ms`, the largest first, such as `"30s"` or `"1h30m"`.
- **path**: a relative one starts from the folder of `waystation.toml`.
- **origin**: scheme, host and port of an HTTP server, such as `"https://api.example.org"`; never a path.
- **name**: words of `a-z` and `0-9` joined by single hyphens, at most 63 characters.

## Environment variables

Each string, number and boolean can also be set by a variable, which wins over the file: `WAYSTATION_`, then the
key in capitals with `__` between its parts and `_` for every mark in a name.

| key | variable |
|---|---|
| `server.listen` | `WAYSTATION_SERVER__LISTEN` |
| `plugin_limits.max_memory` | `WAYSTATION_PLUGIN_LIMITS__MAX_MEMORY` |
| `plugins.github-releases.enabled` | `WAYSTATION_PLUGINS__GITHUB_RELEASES__ENABLED` |
| `database.url` | `WAYSTATION_DATABASE__URL`, or short `WAYSTATION_DATABASE_URL` |

A variable with `__` that names no key is an error, unless a credential takes its secret from it. So is one without
`__` that is nearly a setting or a variable of the [command line](cli.md#for-every-command), such as
`WAYSTATION_SERVER_LISTEN`; what is like none of them is left alone. An empty variable counts as not set. Arrays, and
the tables `config`, `options` and `policy`, are set in the file.
"#;

/// The whole page.
pub(super) fn page() -> String {
    let mut out = INTRODUCTION.to_owned();
    // A shape that cannot be read fails the tests of this module long before anybody asks for the page.
    let Ok(Shape::Record(mut sections)) = load::shape() else { return out };
    for name in ORDER {
        if let Some(field) = sections.remove(name) {
            section(&mut out, name, &field);
        }
    }
    for (name, field) in &sections {
        section(&mut out, name, field);
    }
    out
}

fn section(out: &mut String, path: &str, field: &Field) {
    match &field.shape {
        Shape::Record(fields) => table(out, path, &format!("[{path}]"), &field.about, fields),
        Shape::Names { each, .. } => {
            let path = format!("{path}.NAME");
            if let Shape::Record(fields) = each.as_ref() {
                table(out, &path, &format!("[{path}]"), &field.about, fields);
            }
        }
        Shape::List { each, .. } => {
            if let Shape::Record(fields) = each.as_ref() {
                table(out, path, &format!("[[{path}]]"), &field.about, fields);
            }
        }
        _ => {}
    }
}

/// Whether the field has a heading of its own.
fn is_section(field: &Field) -> bool {
    match &field.shape {
        Shape::Record(_) | Shape::Names { .. } => true,
        Shape::List { each, .. } => matches!(each.as_ref(), Shape::Record(_)),
        _ => false,
    }
}

fn table(out: &mut String, path: &str, heading: &str, about: &str, fields: &BTreeMap<String, Field>) {
    let _ = write!(out, "\n## `{heading}`\n\n{}\n", flow(about));
    let (nested, plain): (Vec<_>, Vec<_>) = fields.iter().partition(|(_, field)| is_section(field));
    if !plain.is_empty() {
        out.push_str("\n| key | type | default | meaning |\n|---|---|---|---|\n");
    }
    let (required, optional): (Vec<_>, Vec<_>) = plain.into_iter().partition(|(_, field)| field.required);
    for (key, field) in required.into_iter().chain(optional) {
        let default = match (&field.default, field.required) {
            (_, true) => "*required*".to_owned(),
            (None, false) => "–".to_owned(),
            (Some(value), false) => format!("`{}`", toml(value)),
        };
        let words = match &field.shape {
            Shape::Choice(words) => meanings(words),
            _ => String::new(),
        };
        let kind = kind(&field.shape);
        let _ = writeln!(
            out,
            "| `{key}` | {} | {} | {}{} |",
            cell(&kind),
            cell(&default),
            cell(&flow(&field.about)),
            cell(&words)
        );
    }
    for (key, field) in nested {
        section(out, &format!("{path}.{key}"), field);
    }
}

fn meanings(words: &[(String, String)]) -> String {
    let known = words.iter().filter(|(_, about)| !about.is_empty());
    known.map(|(word, about)| format!(" `\"{word}\"`: {}", flow(about))).collect()
}

fn kind(shape: &Shape) -> String {
    match shape {
        Shape::Choice(words) => {
            let words: Vec<String> = words.iter().map(|(word, _)| format!("`\"{word}\"`")).collect();
            words.join(", ")
        }
        Shape::Text(text) => text_kind(text),
        Shape::Integer { min, max } => format!("integer, {min} to {max}"),
        Shape::Flag => "boolean".to_owned(),
        Shape::List { each, .. } => match each.as_ref() {
            Shape::Choice(_) => format!("array of {}", kind(each)),
            each => format!("array: {}", kind(each)),
        },
        Shape::OneOf(fields) => {
            let each: Vec<String> = fields.keys().map(|key| format!("`{{ {key} = \"…\" }}`")).collect();
            each.join(" or ")
        }
        Shape::Record(_) | Shape::Names { .. } | Shape::Free => "table".to_owned(),
    }
}

fn text_kind(text: &TextShape) -> String {
    let word = match text.format {
        "byte-size" => "size",
        "time-span" => "duration",
        "http-origin" => "origin",
        "http-url" | "database-url" => "URL",
        "cidr" => "network",
        "log-filter" | "locator" | "header-prefix" => "string",
        "socket-address" => "address and port",
        "sha256-digest" => "digest, `\"sha256:…\"`",
        "cron" => "cron expression",
        "http-method" => "HTTP method",
        "header-name" => "header name",
        other => other,
    };
    let bounds = match (&text.min, &text.max) {
        (Some(min), Some(max)) => format!(", {min} to {max}"),
        (Some(min), None) => format!(", at least {min}"),
        (None, Some(max)) => format!(", at most {max}"),
        (None, None) => String::new(),
    };
    let secret = if text.secret { ", secret" } else { "" };
    format!("{word}{bounds}{secret}")
}

fn toml(value: &Json) -> String {
    match value {
        Json::Array(items) => format!("[{}]", items.iter().map(toml).collect::<Vec<_>>().join(", ")),
        Json::Object(fields) if fields.is_empty() => "{}".to_owned(),
        other => other.to_string(),
    }
}

/// One line of what was several.
fn flow(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn cell(text: &str) -> String {
    text.replace('|', "\\|")
}
