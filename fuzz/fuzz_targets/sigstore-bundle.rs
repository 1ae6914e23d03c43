#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_verify::fuzz::sigstore_bundle(data));
