//! Structured log lines. A line the host does not take is lost: logging never fails a call.

use crate::bindings::waystation::host::log::{self as host, Level};

/// For following one call step by step.
pub fn trace(message: &str, fields: &[(&str, &str)]) {
    write(Level::Trace, message, fields);
}

/// For finding out why something happened.
pub fn debug(message: &str, fields: &[(&str, &str)]) {
    write(Level::Debug, message, fields);
}

/// What an operator may want to know.
pub fn info(message: &str, fields: &[(&str, &str)]) {
    write(Level::Info, message, fields);
}

/// Something went wrong and the call goes on.
pub fn warn(message: &str, fields: &[(&str, &str)]) {
    write(Level::Warn, message, fields);
}

/// Something went wrong and somebody must act.
pub fn error(message: &str, fields: &[(&str, &str)]) {
    write(Level::Error, message, fields);
}

fn write(level: Level, message: &str, fields: &[(&str, &str)]) {
    let fields: Vec<(String, String)> =
        fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    // Nothing useful can be done about it here, and the host counts what it drops.
    let _lost = host::write(level, message, &fields);
}
