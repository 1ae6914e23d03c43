//! Container image tags (OCI distribution specification 1.1, "Pulling manifests").

use std::cmp::Ordering;

use super::{
    Scheme, VersionError,
    gap::Shape,
    number::{Number, split_numbers, trim_zeros},
    tokens::{Token, Tokens, Word},
};

/// `1.27.3-alpine3.20`: numbers, a stage such as `rc1`, and a variant that says which build of it this is.
///
/// Only tags of one variant are choices for one another. Across variants the order goes on by the text of
/// the variant, so that it is total.
#[derive(Debug, Clone)]
pub(super) struct OciTag {
    /// As written, without trailing zeros.
    numbers: Vec<Number>,
    /// How many numbers were written: `1.27` follows the patches of 1.27, `1.27.3` stays.
    precision: usize,
    stage: Tokens,
    variant: Option<String>,
}

impl OciTag {
    /// Reads a tag that starts with a number or with `v` and a number. `latest`, digests and other names
    /// are refused as [`VersionError::NotAVersion`].
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        let not_a_version = || VersionError::NotAVersion { scheme: Scheme::OciTag, text: text.to_owned() };
        if text.contains([':', '@']) {
            return Err(not_a_version());
        }
        let word = |b: u8| b.is_ascii_alphanumeric() || b == b'_';
        if text.len() > 128
            || !text.bytes().next().is_some_and(word)
            || !text.bytes().all(|b| word(b) || matches!(b, b'.' | b'-'))
        {
            let why = "a tag has at most 128 letters, digits and `_.-` and starts with none of `.-`";
            return Err(VersionError::malformed(Scheme::OciTag, text, why));
        }
        let (mut numbers, rest) = split_numbers(text.strip_prefix(['v', 'V']).unwrap_or(text));
        let precision = numbers.len();
        if precision == 0 {
            return Err(not_a_version());
        }
        trim_zeros(&mut numbers);

        let (attached, rest) = rest.split_once('-').map_or((rest, None), |(head, tail)| (head, Some(tail)));
        let (stage, variant) = if attached.is_empty() {
            split_stage(rest)
        } else if attached.starts_with('_') {
            // `_` stands for the `+` of build metadata, which a tag cannot hold.
            let end = rest.map_or_else(String::new, |tail| format!("-{tail}"));
            (Tokens::default(), Some(format!("{attached}{end}")))
        } else {
            // `3.12.0rc1`. With a single number, `7b1` is as likely the start of a commit hash.
            let stage = Tokens::read(attached);
            if precision < 2 || !is_stage(&stage) {
                return Err(not_a_version());
            }
            (stage, rest.map(ToOwned::to_owned))
        };
        Ok(Self { numbers, precision, stage, variant })
    }

    pub(super) fn variant(&self) -> Option<&str> {
        self.variant.as_deref()
    }

    pub(super) const fn precision(&self) -> usize {
        self.precision
    }

    /// The order without the variant.
    pub(super) fn precedence(&self, other: &Self) -> Ordering {
        self.numbers.cmp(&other.numbers).then_with(|| self.stage.cmp(&other.stage))
    }

    pub(super) fn compare(&self, other: &Self) -> Ordering {
        self.precedence(other).then_with(|| self.variant.cmp(&other.variant))
    }

    pub(super) fn shape(&self) -> Shape {
        Shape {
            numbers: self.numbers.clone(),
            prerelease: self.stage.is_prerelease(),
            revision: self.variant.clone().unwrap_or_default(),
            ..Shape::default()
        }
    }
}

/// Whether these parts are a stage and nothing else: `rc1`, `beta.2`. Words such as `dev` and `nightly` are
/// not, since in tags they name variants (`1.27-dev` has the tools of a developer in it).
fn is_stage(tokens: &Tokens) -> bool {
    let mut parts = tokens.iter();
    let stage = |word: &Word| *word > Word::Development && word.is_prerelease();
    matches!(parts.next(), Some(Token::Word(word)) if stage(word))
        && parts.all(|part| matches!(part, Token::Number(_)))
}

/// The stage that `rest` starts with (`rc1` of `rc1-alpine`, `beta-2` of `beta-2`), and the variant.
fn split_stage(rest: Option<&str>) -> (Tokens, Option<String>) {
    let Some(rest) = rest else { return (Tokens::default(), None) };
    let (first, after) = rest.split_once('-').map_or((rest, None), |(head, tail)| (head, Some(tail)));
    // A single letter here is part of a variant (`17-b12-jre`).
    let letters = first.bytes().take_while(u8::is_ascii_alphabetic).count();
    if letters < 2 || !is_stage(&Tokens::read(first)) {
        return (Tokens::default(), Some(rest.to_owned()));
    }
    if let Some(after) = after.filter(|_| letters == first.len()) {
        let (number, variant) =
            after.split_once('-').map_or((after, None), |(head, tail)| (head, Some(tail)));
        if !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()) {
            return (Tokens::read(&format!("{first}-{number}")), variant.map(ToOwned::to_owned));
        }
    }
    (Tokens::read(first), after.map(ToOwned::to_owned))
}
