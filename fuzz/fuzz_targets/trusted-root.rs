#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_verify::fuzz::trusted_root(data));
