//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use crate::config::{Config, Environment, Secrets};
use crate::trust::Lock;

/// A configuration: it is refused with sentences, or reads the same when it is written out.
pub fn config(data: &[u8]) {
    let none = Environment::default();
    match Config::parse(Some(("fuzz.toml", data)), &none) {
        Ok(config) => {
            let written = config.to_toml(Secrets::Reveal).unwrap_or_default();
            let again = Config::parse(Some(("again.toml", written.as_bytes())), &none);
            let again = again.map(|again| again.to_toml(Secrets::Reveal).unwrap_or_default());
            assert_eq!(again.as_ref().ok(), Some(&written), "{again:?}");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A lock: it is refused with a sentence, or reads the same when it is written out.
pub fn lock(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    match Lock::parse(text) {
        Ok(lock) => {
            let written = lock.to_toml().unwrap_or_default();
            assert_eq!(Lock::parse(&written).as_ref(), Ok(&lock), "{written}");
        }
        Err(why) => assert!(!why.is_empty()),
    }
}

/// What a machine that wants to enrol sends: refused with a sentence, or with a token and something to enrol.
pub fn enrol_body(data: &[u8]) {
    crate::api::tickets::enroll::holds(data);
}

/// The place in a list that a client gives, or a whole query: refused with a sentence, or what the list itself writes.
pub fn cursor(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    crate::api::cursors::hold(text);
}

/// Where a source says that a target goes: nothing that is let through is an address of a closed place, however anybody
/// reads it.
pub fn direct_host(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else { return };
    crate::tickets::direct_holds(text);
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[
            ("config", super::config),
            ("cursor", super::cursor),
            ("direct-host", super::direct_host),
            ("enrol-body", super::enrol_body),
            ("lock", super::lock),
        ]);
    }
}
