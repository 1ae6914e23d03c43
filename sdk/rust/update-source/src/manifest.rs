//! For a plugin's unit tests: whether what it says of itself fits its manifest.

use crate::Description;
use waystation_plugin::serde_json::{self, Value};

/// Whether `manifest` (the text of `plugin.toml`) names the plugin and its version as `describe` does, which the
/// host insists on, and whether both schemas are JSON that admits no unknown key.
///
/// # Errors
/// The first thing that does not fit, in a sentence.
pub fn fits(description: &Description, manifest: &str) -> Result<(), String> {
    for (key, value) in [("name", &description.name), ("version", &description.version)] {
        let line = format!("{key} = \"{value}\"");
        if !manifest.lines().any(|written| written.trim() == line) {
            return Err(format!("plugin.toml has no line `{line}`, but `describe` says so"));
        }
    }
    for (what, schema) in
        [("config_schema", &description.config_schema), ("options_schema", &description.options_schema)]
    {
        let schema: Value =
            serde_json::from_str(schema).map_err(|error| format!("`{what}` is not JSON: {error}"))?;
        if schema.get("additionalProperties") != Some(&Value::Bool(false)) {
            return Err(format!("`{what}` has no `\"additionalProperties\": false`"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_does_not_fit_is_said() {
        let closed = r#"{ "type": "object", "additionalProperties": false }"#;
        let description = |config: &str| Description {
            name: "example/one".into(),
            version: "0.1.0".into(),
            summary: String::new(),
            config_schema: config.into(),
            options_schema: closed.into(),
            locator_hint: String::new(),
            schemes: vec![],
            extra: vec![],
        };
        let manifest = "name = \"example/one\"\nversion = \"0.1.0\"\n";
        assert_eq!(fits(&description(closed), manifest), Ok(()));
        for (description, manifest, part) in [
            (description(closed), "name = \"example/one\"\nversion = \"0.1.00\"\n", "version = \"0.1.0\""),
            (description(closed), "", "name = "),
            (description("{}"), manifest, "config_schema"),
            (description("["), manifest, "not JSON"),
        ] {
            assert!(fits(&description, manifest).unwrap_err().contains(part), "{part}");
        }
    }
}
