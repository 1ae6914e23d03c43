//! The plugin's configuration and the JSON settings that come with a call.

use serde::de::DeserializeOwned;

use crate::Error;
use crate::bindings::waystation::host::config as host;

/// The whole configuration as `T`. Put `#[serde(deny_unknown_fields)]` on `T`.
///
/// # Errors
/// `bad-config` with the path to what does not fit; whatever the host answers.
pub fn parse<T: DeserializeOwned>() -> Result<T, Error> {
    read(&host::document()?)
        .map_err(|why| Error::bad_config(format!("the configuration does not fit: {why}")))
}

/// One top-level value: a string as it is, anything else as JSON.
///
/// # Errors
/// Whatever the host answers.
pub fn get(key: &str) -> Result<Option<String>, Error> {
    host::get(key)
}

/// An item's options or a channel's configuration as `T`. Nothing at all means `{}`.
///
/// # Errors
/// `bad-input` with the path to what does not fit.
pub fn options<T: DeserializeOwned>(json: &str) -> Result<T, Error> {
    read(json).map_err(|why| Error::bad_input(format!("the options do not fit: {why}")))
}

fn read<T: DeserializeOwned>(json: &str) -> Result<T, String> {
    let json = if json.trim().is_empty() { "{}" } else { json };
    let mut reader = serde_json::Deserializer::from_str(json);
    let value = serde_path_to_error::deserialize(&mut reader).map_err(|error| {
        let path = error.path().to_string();
        let why = error.into_inner();
        if path == "." { why.to_string() } else { format!("`{path}`: {why}") }
    })?;
    reader.end().map_err(|error| error.to_string())?;
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Options {
        prefix: String,
        nested: Nested,
    }

    #[derive(Debug, Default, PartialEq, serde::Deserialize)]
    #[serde(deny_unknown_fields, default)]
    struct Nested {
        pages: u8,
    }

    #[test]
    fn nothing_is_the_default_object() {
        for json in ["", "  ", "{}"] {
            assert_eq!(options::<Options>(json).unwrap(), Options::default());
        }
    }

    #[test]
    fn refusals_say_where() {
        for (json, says) in [
            (r#"{"nested":{"pages":300}}"#, "`nested.pages`: invalid value"),
            (r#"{"prefx":"v"}"#, "unknown field `prefx`, expected `prefix` or `nested`"),
            (r#"{"prefix":1}"#, "`prefix`: invalid type"),
            ("{} {}", "trailing characters"),
            ("[", "EOF"),
        ] {
            let error = options::<Options>(json).unwrap_err();
            assert_eq!(error.code, "bad-input");
            assert!(error.message.contains(says), "{json}: {}", error.message);
        }
    }
}
