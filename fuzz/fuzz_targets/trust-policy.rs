#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_trust::fuzz::policy(data));
