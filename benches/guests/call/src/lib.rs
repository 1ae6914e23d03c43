//! The component whose calls are measured; see `wit/bench.wit`.

wit_bindgen::generate!({
    path: ["../../../wit/host", "../../wit"],
    world: "waystation:bench/bench",
    generate_all,
});

use exports::waystation::bench::calls::{Entry, Guest, Identity};
use waystation::host::config;
use waystation::host::types::Error;

struct Bench;

impl Guest for Bench {
    fn describe() -> Result<Identity, Error> {
        Ok(Identity { name: "waystation/bench-call".into(), version: env!("CARGO_PKG_VERSION").into() })
    }

    fn trivial(number: u32) -> u32 {
        number.wrapping_add(1)
    }

    fn records(mut entries: Vec<Entry>) -> Vec<Entry> {
        entries.reverse();
        for entry in &mut entries {
            entry.size += 1;
        }
        entries
    }

    fn one_import() -> u32 {
        match config::get("registry") {
            Ok(Some(value)) => value.len() as u32,
            _ => 0,
        }
    }
}

export!(Bench);
