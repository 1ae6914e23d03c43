#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_verify::fuzz::signature_policy(data));
