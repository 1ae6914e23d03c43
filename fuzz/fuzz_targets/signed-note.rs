#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| waystation_identity::fuzz::signed_note(data));
