//! Debian package versions: deb-version(7), Debian Policy 5.6.12.
//!
//! Written here because the crates that exist do not fit: one brings a calendar, big integers and a regular
//! expression engine, the other splits by counting characters and panics outside ASCII. The tests compare
//! with the latter on valid versions.

use std::cmp::Ordering;

use super::{
    Scheme, VersionError,
    gap::Shape,
    number::{Number, split_digits, split_numbers},
};

/// `[epoch:]upstream[-revision]`.
#[derive(Debug, Clone)]
pub(super) struct Debian {
    epoch: u32,
    upstream: String,
    revision: String,
}

impl Debian {
    /// Reads a version as dpkg does; like dpkg's comparison, it takes an upstream version that does not
    /// start with a digit.
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        let malformed = |why| VersionError::malformed(Scheme::Debian, text, why);
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit());
                // dpkg keeps it in a C int.
                let value = epoch.parse().ok().filter(|value: &u32| digits && *value <= i32::MAX as u32);
                (value.ok_or_else(|| malformed("what stands before the colon must be a number"))?, rest)
            }
        };
        let (upstream, revision) = match rest.rsplit_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err(malformed("nothing follows the last hyphen")),
            Some(parts) => parts,
        };
        if upstream.is_empty() {
            return Err(malformed("the upstream version is missing"));
        }
        let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'+' | b'~');
        if !upstream.bytes().all(|b| plain(b) || matches!(b, b'-' | b':')) || !revision.bytes().all(plain) {
            return Err(malformed("only letters, digits and `.+~-:` may stand in it"));
        }
        Ok(Self { epoch, upstream: upstream.to_owned(), revision: revision.to_owned() })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.epoch
            .cmp(&other.epoch)
            .then_with(|| compare_part(&self.upstream, &other.upstream))
            .then_with(|| compare_part(&self.revision, &other.revision))
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            epoch: Number::from(u64::from(self.epoch)),
            numbers: split_numbers(&self.upstream).0,
            prerelease: tilde_prerelease(&self.upstream),
            revision: self.revision.clone(),
        }
    }
}

/// What follows a tilde in versions that come after the release they are made from.
const NO_PRERELEASE: [&str; 6] = ["bpo", "deb", "dfsg", "ds", "repack", "ubuntu"];

/// Whether a tilde marks something that comes before the release. A tilde also marks a repacked tarball
/// (`~dfsg`, `~ds`) and what was rebuilt for an older suite (`~deb12u1`, `~bpo12`), which do not.
fn tilde_prerelease(upstream: &str) -> bool {
    upstream.split('~').skip(1).any(|after| !NO_PRERELEASE.iter().any(|word| after.starts_with(word)))
}

/// Text and numbers in turn, the rule of deb-version(7).
fn compare_part(mut left: &str, mut right: &str) -> Ordering {
    while !left.is_empty() || !right.is_empty() {
        let (left_text, left_rest) = split_text(left);
        let (right_text, right_rest) = split_text(right);
        let (left_digits, left_rest) = split_digits(left_rest);
        let (right_digits, right_rest) = split_digits(right_rest);
        let order = compare_text(left_text, right_text)
            .then_with(|| Number::new(left_digits).cmp(&Number::new(right_digits)));
        if order.is_ne() {
            return order;
        }
        (left, right) = (left_rest, right_rest);
    }
    Ordering::Equal
}

fn split_text(text: &str) -> (&str, &str) {
    text.split_at(text.find(|c: char| c.is_ascii_digit()).unwrap_or(text.len()))
}

/// The tilde before the end, the end before letters, letters before everything else.
fn compare_text(left: &str, right: &str) -> Ordering {
    fn weight(byte: Option<u8>) -> u16 {
        match byte {
            Some(b'~') => 0,
            None => 1,
            Some(letter) if letter.is_ascii_alphabetic() => 2 + u16::from(letter),
            Some(other) => 258 + u16::from(other),
        }
    }
    let (mut left, mut right) = (left.bytes(), right.bytes());
    loop {
        match (left.next(), right.next()) {
            (None, None) => return Ordering::Equal,
            (a, b) if weight(a) == weight(b) => {}
            (a, b) => return weight(a).cmp(&weight(b)),
        }
    }
}
