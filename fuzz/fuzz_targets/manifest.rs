#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_runtime::fuzz::manifest(data));
