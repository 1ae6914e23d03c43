//! RPM package versions, in the order of rpm's `rpmvercmp` with tilde and caret.

use std::cmp::Ordering;

use rpm_version::Evr;

use super::{
    Scheme, VersionError,
    gap::Shape,
    number::{Number, split_numbers},
};

/// `[epoch:]version[-release]`. Ordered by [`Evr`]'s `cmp` alone: its equality compares texts, where
/// `1.0` and `1_0` differ that rpm holds equal.
#[derive(Debug, Clone)]
pub(super) struct Rpm {
    epoch: u32,
    evr: Evr<'static>,
}

impl Rpm {
    /// Reads a version as rpm writes it, without the name and the architecture.
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        let malformed = |why| VersionError::malformed(Scheme::Rpm, text, why);
        let (epoch, rest) = match text.split_once(':') {
            None => (0, text),
            Some((epoch, rest)) => {
                let digits = !epoch.is_empty() && epoch.bytes().all(|b| b.is_ascii_digit());
                let value = epoch.parse::<u32>().ok().filter(|_| digits);
                (
                    value.ok_or_else(|| malformed("what stands before the colon must be a 32-bit number"))?,
                    rest,
                )
            }
        };
        let (version, release) = match rest.split_once('-') {
            None => (rest, ""),
            Some((_, "")) => return Err(malformed("nothing follows the hyphen")),
            Some(parts) => parts,
        };
        if version.is_empty() {
            return Err(malformed("the version is missing"));
        }
        let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'+' | b'~' | b'^');
        if !version.bytes().all(allowed) || !release.bytes().all(allowed) {
            return Err(malformed(
                "only letters, digits and `._+~^` may stand in it, with one hyphen before the release",
            ));
        }
        let evr = Evr::new(epoch.to_string(), version.to_owned(), release.to_owned());
        Ok(Self { epoch, evr })
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.evr.cmp(&other.evr)
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            epoch: Number::from(u64::from(self.epoch)),
            numbers: split_numbers(self.evr.version()).0,
            prerelease: self.evr.version().contains('~'),
            revision: self.evr.release().to_owned(),
        }
    }
}
