//! What is answered, held against the description.

use std::sync::OnceLock;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Value, json};
use waystation_tests::agents::TlsHost;

static DOCUMENT: OnceLock<Value> = OnceLock::new();

/// The description of a host; it is the same on every one.
pub(crate) async fn document(host: &TlsHost) -> Result<&'static Value> {
    let (_, told) = host.operator()?.call("GET", "/api/v1/openapi.json", None).await?;
    Ok(DOCUMENT.get_or_init(|| told))
}

/// Nothing is there that is not described.
fn closed(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            if fields.contains_key("properties") && !fields.contains_key("additionalProperties") {
                fields.insert("additionalProperties".to_owned(), false.into());
            }
            fields.values_mut().for_each(closed);
        }
        Value::Array(values) => values.iter_mut().for_each(closed),
        _ => {}
    }
}

/// That an answer has a status and, where it is JSON, a body as the description has them. In the reference API handlers
/// write JSON themselves, so there is not a field more in it either.
pub(crate) fn check(method: &str, path: &str, status: u16, text: &str) -> Result<()> {
    let document = DOCUMENT.get().context("no description yet")?;
    let responses = &document["paths"][path][method.to_lowercase()]["responses"];
    let response = responses.get(status.to_string()).or_else(|| responses.get("default"));
    let response = response.with_context(|| format!("{method} {path}: {status} is not described"))?;
    let Some(schema) = response.pointer("/content/application~1json/schema") else { return Ok(()) };
    let mut components = document["components"].clone();
    if !path.starts_with("/api/v1/") {
        closed(&mut components["schemas"]);
    }
    let schema = json!({ "allOf": [schema], "components": components });
    let validator = jsonschema::options().with_draft(jsonschema::Draft::Draft202012).build(&schema)?;
    let body: Value = serde_json::from_str(text)?;
    let wrong: Vec<String> =
        validator.iter_errors(&body).map(|e| format!("{}: {e}", e.instance_path())).collect();
    ensure!(wrong.is_empty(), "{method} {path}: {status} {text} is not as described: {wrong:?}");
    Ok(())
}
