//! `config`: the plugin's own configuration, read only.

use serde_json::Value;

use crate::state::State;

pub(crate) fn get(state: &State, key: &str) -> Option<String> {
    state.context().config.get(key).map(text)
}

pub(crate) fn all(state: &State) -> Vec<(String, String)> {
    state.context().config.iter().map(|(key, value)| (key.clone(), text(value))).collect()
}

pub(crate) fn document(state: &State) -> String {
    Value::Object(state.context().config.clone()).to_string()
}

fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}
