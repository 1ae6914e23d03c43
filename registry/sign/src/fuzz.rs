//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use std::sync::OnceLock;

use jiff::Timestamp;

use crate::{Authority, Query};

fn authority() -> Option<&'static Authority> {
    static ONE: OnceLock<Option<Authority>> = OnceLock::new();
    ONE.get_or_init(|| Authority::generate("fuzz", Timestamp::UNIX_EPOCH).ok()).as_ref()
}

/// A question to a timestamp authority: it is answered, and never taken for an answer to another question.
pub fn query(data: &[u8]) {
    let (Some(authority), Ok(other)) = (authority(), Query::new(b"something else")) else { return };
    let answer = authority.respond(data, Timestamp::UNIX_EPOCH);
    assert!(!answer.is_empty());
    assert!(other.accept(&answer).is_err());
}

/// An answer of a timestamp authority: none that was not asked for is taken.
pub fn answer(data: &[u8]) {
    let Ok(asked) = Query::new(b"something") else { return };
    let refused = asked.accept(data);
    assert!(refused.is_err_and(|e| !e.code().is_empty() && !e.to_string().is_empty()));
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("timestamp-query", query), ("timestamp-answer", answer)]);
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn a_seed_of_each_target_is_read_to_its_end() {
        let answers = |seed: &Vec<u8>| authority().unwrap().answer(seed, Timestamp::UNIX_EPOCH).is_ok();
        assert!(waystation_seeds::of("timestamp-query").iter().any(answers));
        let asked = Query::new(b"something").unwrap();
        let codes = waystation_seeds::of("timestamp-answer")
            .iter()
            .map(|seed| asked.accept(seed).unwrap_err().code())
            .collect::<Vec<_>>();
        assert!(codes.contains(&"timestamp-mismatch"), "{codes:?}");
    }
}
