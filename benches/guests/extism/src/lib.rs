//! The same calls as `call`, as a plugin of Extism: bytes in, bytes out, records as JSON.

use extism_pdk::{FnResult, Json, config, plugin_fn};
use serde::{Deserialize, Serialize};

/// As in `wit/bench.wit`.
#[derive(Serialize, Deserialize)]
pub struct Entry {
    name: String,
    version: String,
    digest: String,
    size: u64,
    withdrawn: bool,
}

/// `number` plus one.
#[plugin_fn]
pub fn trivial(number: Vec<u8>) -> FnResult<Vec<u8>> {
    let number = number.try_into().map_or(0, u32::from_le_bytes);
    Ok(number.wrapping_add(1).to_le_bytes().to_vec())
}

/// The entries in reverse order, each one byte larger.
#[plugin_fn]
pub fn records(Json(mut entries): Json<Vec<Entry>>) -> FnResult<Json<Vec<Entry>>> {
    entries.reverse();
    for entry in &mut entries {
        entry.size += 1;
    }
    Ok(Json(entries))
}

/// The length of the configured `registry`, which takes a call of the host.
#[plugin_fn]
pub fn one_import(_: Vec<u8>) -> FnResult<Vec<u8>> {
    let length = config::get("registry")?.map_or(0, |value| value.len() as u32);
    Ok(length.to_le_bytes().to_vec())
}
