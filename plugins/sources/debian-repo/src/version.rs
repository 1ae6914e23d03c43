//! Debian version numbers (Debian Policy 5.6.12, `deb-version(7)`).

use std::cmp::Ordering;

/// Compares two versions as dpkg does.
///
/// Every text can be compared; those that are no version have some place in the order.
pub(crate) fn compare(one: &str, other: &str) -> Ordering {
    let (one, other) = (Parts::of(one), Parts::of(other));
    epoch(one.epoch, other.epoch)
        .then_with(|| part(one.upstream, other.upstream))
        .then_with(|| part(one.revision, other.revision))
}

struct Parts<'v> {
    epoch: &'v str,
    upstream: &'v str,
    revision: &'v str,
}

impl<'v> Parts<'v> {
    fn of(version: &'v str) -> Self {
        let (epoch, rest) = version.split_once(':').unwrap_or(("0", version));
        let (upstream, revision) = rest.rsplit_once('-').unwrap_or((rest, "0"));
        Self { epoch, upstream, revision }
    }
}

/// Epochs are numbers of any length.
fn epoch(one: &str, other: &str) -> Ordering {
    number(one.as_bytes(), other.as_bytes())
}

/// One part of a version: runs of other characters and runs of digits take turns.
fn part(one: &str, other: &str) -> Ordering {
    let (mut one, mut other) = (one.as_bytes(), other.as_bytes());
    while !one.is_empty() || !other.is_empty() {
        let (one_text, one_rest) = run(one, |byte| !byte.is_ascii_digit());
        let (other_text, other_rest) = run(other, |byte| !byte.is_ascii_digit());
        let (one_number, one_rest) = run(one_rest, |byte| byte.is_ascii_digit());
        let (other_number, other_rest) = run(other_rest, |byte| byte.is_ascii_digit());
        let order = text(one_text, other_text).then_with(|| number(one_number, other_number));
        if order.is_ne() {
            return order;
        }
        (one, other) = (one_rest, other_rest);
    }
    Ordering::Equal
}

fn run(bytes: &[u8], of: impl Fn(u8) -> bool) -> (&[u8], &[u8]) {
    bytes.split_at(bytes.iter().position(|byte| !of(*byte)).unwrap_or(bytes.len()))
}

/// A tilde sorts before the end, letters before all else.
fn text(one: &[u8], other: &[u8]) -> Ordering {
    let rank = |byte: Option<&u8>| match byte {
        Some(b'~') => -1,
        None => 0,
        Some(letter) if letter.is_ascii_alphabetic() => i32::from(*letter),
        Some(sign) => i32::from(*sign) + 256,
    };
    (0..one.len().max(other.len()))
        .map(|at| rank(one.get(at)).cmp(&rank(other.get(at))))
        .find(|order| order.is_ne())
        .unwrap_or(Ordering::Equal)
}

/// Numbers of any length, without overflow.
fn number(one: &[u8], other: &[u8]) -> Ordering {
    let (_, one) = run(one, |byte| byte == b'0');
    let (_, other) = run(other, |byte| byte == b'0');
    one.len().cmp(&other.len()).then_with(|| one.cmp(other))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_is_that_of_dpkg() {
        let ascending = [
            "0~~",
            "0~",
            "0",
            "0.0~rc1-1",
            "0.0-1",
            "1.0~beta1~svn1245",
            "1.0~beta1",
            "1.0",
            "1.0-0.1",
            "1.0-1~bpo12+1",
            "1.0-1",
            "1.0-1+b1",
            "1.0-1+deb12u1",
            "1.0-10",
            "1.0a-1",
            "1.0+dfsg-1",
            "1.0.1-1",
            "1.9",
            "1.10",
            "20260101",
            "99999999999999999999999999",
            "1:0.1",
            "2:0.0.1",
            "10:0",
        ];
        for (low, one) in ascending.iter().enumerate() {
            for (high, other) in ascending.iter().enumerate() {
                assert_eq!(compare(one, other), low.cmp(&high), "{one} {other}");
            }
        }
    }

    #[test]
    fn equal_in_different_clothes() {
        for (one, other) in [("1.0", "0:1.0"), ("1.0", "1.0-0"), ("1.00", "1.0"), ("1.0-", "1.0"), ("", "0")]
        {
            assert_eq!(compare(one, other), Ordering::Equal, "{one} {other}");
        }
    }

    proptest::proptest! {
        #[test]
        fn it_is_an_order(a in "[0-9a-c~+.:-]{0,8}", b in "[0-9a-c~+.:-]{0,8}", c in "[0-9a-c~+.:-]{0,8}") {
            use proptest::prop_assert_eq;
            prop_assert_eq!(compare(&a, &b), compare(&b, &a).reverse());
            let mut all = [a.as_str(), b.as_str(), c.as_str()];
            all.sort_by(|one, other| compare(one, other));
            proptest::prop_assert!(compare(all[0], all[2]).is_le());
        }

        #[test]
        fn no_text_makes_it_panic(a in ".*", b in ".*") {
            let _ = compare(&a, &b);
        }
    }
}
