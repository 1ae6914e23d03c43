//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is
//! part of tests and of `fuzz/` only.

use std::cmp::Ordering;

use crate::policy::{Age, Policy, Range};
use crate::release::Digest;
use crate::schedule::CronExpr;
use crate::version::{Scheme, Version};

/// Versions, one a line, by the scheme that the first byte names: they are read or refused, and have a total
/// order.
pub fn version(data: &[u8]) {
    let Some((first, rest)) = data.split_first() else { return };
    let Some(scheme) = Scheme::ALL.get(usize::from(*first) % Scheme::ALL.len()) else { return };
    let text = String::from_utf8_lossy(rest);
    let versions: Vec<Version> =
        text.split('\n').take(4).filter_map(|line| Version::parse(*scheme, line).ok()).collect();
    let order = |a: &Version, b: &Version| a.partial_cmp(b);
    for a in &versions {
        assert_eq!(order(a, a), Some(Ordering::Equal), "{a}");
        assert_eq!(Version::parse(*scheme, a.as_str()).as_ref(), Ok(a));
        for b in &versions {
            let between = order(a, b);
            assert_eq!(between, order(b, a).map(Ordering::reverse), "{a} {b}");
            assert_eq!(a == b, between == Some(Ordering::Equal), "{a} {b}");
            assert_eq!(a.gap(b).is_some(), a.precedence(b) == Some(Ordering::Less), "{a} {b}");
            let _ = a.compare_bound(b);
            for c in &versions {
                let below = |x, y| order(x, y).is_some_and(Ordering::is_le);
                assert!(!(below(a, b) && below(b, c)) || below(a, c), "{a} {b} {c}");
            }
        }
    }
}

/// What people write in a policy: it is refused, or means the same when it is written out and read again.
pub fn policy(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    if let Ok(age) = text.parse::<Age>() {
        assert_eq!(age.to_string().parse(), Ok(age));
    }
    if let Ok(range) = text.parse::<Range>() {
        assert_eq!(range.to_string().parse().as_ref(), Ok(&range));
    }
    if let Ok(digest) = text.parse::<Digest>() {
        assert_eq!(digest.to_string().parse().as_ref(), Ok(&digest));
    }
    if let Ok(cron) = text.parse::<CronExpr>() {
        let now = jiff::Timestamp::UNIX_EPOCH;
        assert!(cron.next(now).is_ok_and(|next| next > now), "{cron}");
    }
    let Ok(policy) = serde_json::from_slice::<Policy>(data) else { return };
    let written = serde_json::to_vec(&policy).ok();
    assert_eq!(written.and_then(|json| serde_json::from_slice(&json).ok()).as_ref(), Some(&policy));
    for scheme in Scheme::ALL {
        let _ = policy.bind(scheme);
    }
}

/// An export of the record: it is refused, or its rows are a chain that is the same when it is read again.
pub fn audit_export(data: &[u8]) {
    use crate::audit::export::Reading;
    let text = String::from_utf8_lossy(data);
    let read = || {
        let mut lines = text.split('\n');
        let mut reading = Reading::begin(lines.next().unwrap_or_default()).ok()?;
        for line in lines {
            let before = reading.reached();
            match reading.take(line) {
                Ok(None) => assert_eq!(reading.reached().0, before.0 + 1, "one row further"),
                Ok(Some(_)) => return Some(reading.reached()),
                Err(_) => {
                    assert_eq!(reading.reached(), before, "what is refused moves nothing");
                    return Some(before);
                }
            }
        }
        Some(reading.reached())
    };
    assert_eq!(read(), read());
    if let Some(head) = crate::audit::Head::parse(&text) {
        assert_eq!(head.text(), text, "there is one form");
    }
}

#[cfg(test)]
mod tests {
    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[
            ("version", super::version),
            ("policy", super::policy),
            ("audit-export", super::audit_export),
        ]);
    }
    /// The seed is read to its end: what is changed in it is near what holds.
    #[test]
    fn a_seed_is_an_export() {
        let seeds = waystation_seeds::of("audit-export");
        let whole = seeds.iter().filter_map(|seed| {
            let text = String::from_utf8_lossy(seed);
            let mut lines = text.split('\n');
            let mut reading = crate::audit::export::Reading::begin(lines.next()?).ok()?;
            lines.find_map(|line| reading.take(line).ok()?).map(|_| reading.reached().0)
        });
        assert_eq!(whole.collect::<Vec<_>>(), [2]);
    }
}
