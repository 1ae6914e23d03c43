//! Subjects as text: RFC 4514, as `$ssl_client_s_dn` of nginx and `ssl_c_s_dn(,0,rfc2253)` of HAProxy write them, and the
//! older form of OpenSSL.
//!
//! What is read is exactly the grammar of RFC 4514, section 3: no quoted values, no spaces around separators, no
//! semicolons. A proxy that writes anything else is not understood rather than guessed at.

use std::str::FromStr;

use crate::PkiError;

/// The most bytes of a subject.
pub const MAX_DN: usize = 4 << 10;

/// The most parts of a subject.
pub const MAX_RDNS: usize = 32;

/// The most attributes in one part.
const MAX_ATTRIBUTES: usize = 8;

/// How a proxy writes subjects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum DnForm {
    /// `CN=agent:mac,O=Portlama`: RFC 4514, and RFC 2253 before it.
    #[default]
    Rfc4514,
    /// `/O=Portlama/CN=agent:mac`: what OpenSSL writes on one line. It cannot tell a slash in a value from one between
    /// two, so it is read only where the operator says so.
    OneLine,
}

/// Why a subject cannot be used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DnError {
    /// It is longer than [`MAX_DN`].
    #[error("it has more than 4096 bytes")]
    TooLong,
    /// It has more than [`MAX_RDNS`] parts, or too many attributes in one.
    #[error("it has too many parts")]
    TooManyParts,
    /// A part is no `TYPE=VALUE`.
    #[error("a part of it is not of the form `TYPE=VALUE`")]
    NoValue,
    /// The type is neither a word nor an OID.
    #[error("a type in it is neither a word nor an OID")]
    BadType,
    /// A backslash is not followed by what may be escaped.
    #[error("it holds a backslash that escapes nothing")]
    BadEscape,
    /// A character stands there that has to be escaped.
    #[error("it holds a character that has to be escaped")]
    Unescaped,
    /// The bytes of a value are no UTF-8.
    #[error("a value in it is no text")]
    NotText,
    /// A value in hex is damaged.
    #[error("a value in it that begins with # is no hex")]
    BadHex,
    /// It has no common name.
    #[error("it has no common name")]
    NoCommonName,
    /// It has several.
    #[error("it has several common names")]
    SeveralCommonNames,
    /// The common name is not given as text.
    #[error("its common name is not given as text")]
    EncodedCommonName,
}

impl DnError {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::TooLong => "dn-too-long",
            Self::TooManyParts => "dn-too-many-parts",
            Self::NoValue => "dn-no-value",
            Self::BadType => "dn-bad-type",
            Self::BadEscape => "dn-bad-escape",
            Self::Unescaped => "dn-unescaped",
            Self::NotText => "dn-not-text",
            Self::BadHex => "dn-bad-hex",
            Self::NoCommonName => "dn-no-common-name",
            Self::SeveralCommonNames => "dn-several-common-names",
            Self::EncodedCommonName => "dn-encoded-common-name",
        }
    }
}

/// A subject, read.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct DistinguishedName {
    /// In the order of the text; each with its attributes.
    pub(crate) rdns: Vec<Vec<Attribute>>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Attribute {
    /// In upper case.
    pub(crate) kind: String,
    pub(crate) value: Value,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Value {
    Text(String),
    /// BER in hex.
    Encoded,
}

impl FromStr for DnForm {
    type Err = PkiError;

    /// `rfc4514` or `oneline`.
    fn from_str(text: &str) -> Result<Self, PkiError> {
        match text {
            "rfc4514" => Ok(Self::Rfc4514),
            "oneline" => Ok(Self::OneLine),
            _ => Err(PkiError::HeaderForm { name: text.to_owned() }),
        }
    }
}

impl DistinguishedName {
    /// Reads a subject.
    ///
    /// # Errors
    /// Each of [`DnError`] but those about the common name.
    pub fn parse(text: &str, form: DnForm) -> Result<Self, DnError> {
        if text.len() > MAX_DN {
            return Err(DnError::TooLong);
        }
        if text.is_empty() {
            return Ok(Self::default());
        }
        match form {
            DnForm::Rfc4514 => rfc4514(text),
            DnForm::OneLine => one_line(text),
        }
    }

    /// The one common name, wherever it is and however its type is written.
    ///
    /// # Errors
    /// `dn-no-common-name`, `dn-several-common-names`, `dn-encoded-common-name`.
    pub fn common_name(&self) -> Result<&str, DnError> {
        let mut names =
            self.rdns.iter().flatten().filter(|a| matches!(a.kind.as_str(), "CN" | "COMMONNAME" | "2.5.4.3"));
        match (names.next(), names.next()) {
            (None, _) => Err(DnError::NoCommonName),
            (Some(_), Some(_)) => Err(DnError::SeveralCommonNames),
            (Some(Attribute { value: Value::Text(name), .. }), None) => Ok(name),
            (Some(Attribute { value: Value::Encoded, .. }), None) => Err(DnError::EncodedCommonName),
        }
    }
}

/// The bytes of a text, one after the other.
struct Cursor<'a> {
    rest: &'a [u8],
}

impl Cursor<'_> {
    fn peek(&self) -> Option<u8> {
        self.rest.first().copied()
    }

    fn next(&mut self) -> Option<u8> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(*first)
    }
}

fn rfc4514(text: &str) -> Result<DistinguishedName, DnError> {
    let mut cursor = Cursor { rest: text.as_bytes() };
    let mut rdns = vec![Vec::new()];
    loop {
        let kind = kind(&mut cursor)?;
        let value = value(&mut cursor)?;
        let Some(rdn) = rdns.last_mut() else { return Err(DnError::TooManyParts) };
        if rdn.len() == MAX_ATTRIBUTES {
            return Err(DnError::TooManyParts);
        }
        rdn.push(Attribute { kind, value });
        match cursor.next() {
            None => return Ok(DistinguishedName { rdns }),
            Some(b',') if rdns.len() == MAX_RDNS => return Err(DnError::TooManyParts),
            Some(b',') => rdns.push(Vec::new()),
            // `+`: another attribute of the same part.
            Some(_) => {}
        }
    }
}

/// Reads up to the `=`: a word of letters, digits and hyphens, or numbers with dots.
fn kind(cursor: &mut Cursor<'_>) -> Result<String, DnError> {
    let mut kind = String::new();
    loop {
        match cursor.next() {
            Some(b'=') => break,
            Some(b @ (b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.')) => {
                kind.push(char::from(b.to_ascii_uppercase()));
            }
            None | Some(b',' | b'+') => return Err(DnError::NoValue),
            Some(_) => return Err(DnError::BadType),
        }
    }
    if is_kind(&kind) { Ok(kind) } else { Err(DnError::BadType) }
}

fn is_kind(kind: &str) -> bool {
    let number = |part: &str| {
        !part.is_empty()
            && part.bytes().all(|b| b.is_ascii_digit())
            && (part.len() == 1 || !part.starts_with('0'))
    };
    let word = kind.bytes().next().is_some_and(|b| b.is_ascii_alphabetic())
        && kind.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    word || (kind.contains('.') && kind.split('.').all(number))
}

/// Reads up to a separator, which stays.
fn value(cursor: &mut Cursor<'_>) -> Result<Value, DnError> {
    match cursor.peek() {
        Some(b'#') => return encoded(cursor),
        Some(b' ') => return Err(DnError::Unescaped),
        _ => {}
    }
    let mut bytes = Vec::new();
    // Whether a space would be the last character without having been escaped.
    let mut bare_space = false;
    while let Some(b) = cursor.peek() {
        match b {
            b',' | b'+' => break,
            b'"' | b';' | b'<' | b'>' | 0 => return Err(DnError::Unescaped),
            b'\\' => {
                cursor.next();
                bytes.push(escaped(cursor)?);
                bare_space = false;
            }
            _ => {
                cursor.next();
                bytes.push(b);
                bare_space = b == b' ';
            }
        }
    }
    if bare_space {
        return Err(DnError::Unescaped);
    }
    String::from_utf8(bytes).map(Value::Text).map_err(|_| DnError::NotText)
}

/// What follows a backslash: one of the special characters, or two hex digits of a byte.
fn escaped(cursor: &mut Cursor<'_>) -> Result<u8, DnError> {
    let first = cursor.next().ok_or(DnError::BadEscape)?;
    if matches!(first, b'"' | b'+' | b',' | b';' | b'<' | b'>' | b' ' | b'#' | b'=' | b'\\') {
        return Ok(first);
    }
    let second = cursor.next().ok_or(DnError::BadEscape)?;
    hex_pair(first, second).ok_or(DnError::BadEscape)
}

fn hex_pair(high: u8, low: u8) -> Option<u8> {
    let digit = |b: u8| char::from(b).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    Some(digit(high)? << 4 | digit(low)?)
}

fn encoded(cursor: &mut Cursor<'_>) -> Result<Value, DnError> {
    cursor.next();
    let mut digits = 0usize;
    while let Some(b) = cursor.peek() {
        match b {
            b',' | b'+' => break,
            _ if b.is_ascii_hexdigit() => digits += 1,
            _ => return Err(DnError::BadHex),
        }
        cursor.next();
    }
    if digits > 0 && digits.is_multiple_of(2) { Ok(Value::Encoded) } else { Err(DnError::BadHex) }
}

/// `/TYPE=VALUE/TYPE=VALUE`, in which `\xHH` stands for a byte that does not print.
fn one_line(text: &str) -> Result<DistinguishedName, DnError> {
    let parts = text.strip_prefix('/').ok_or(DnError::NoValue)?;
    let mut rdns = Vec::new();
    for part in parts.split('/') {
        if rdns.len() == MAX_RDNS {
            return Err(DnError::TooManyParts);
        }
        let (kind, value) = part.split_once('=').ok_or(DnError::NoValue)?;
        let kind = kind.to_ascii_uppercase();
        if !is_kind(&kind) {
            return Err(DnError::BadType);
        }
        let (mut bytes, mut cursor) = (Vec::new(), Cursor { rest: value.as_bytes() });
        while let Some(b) = cursor.next() {
            bytes.push(match b {
                b'\\' => match (cursor.next(), cursor.next(), cursor.next()) {
                    (Some(b'x'), Some(high), Some(low)) => hex_pair(high, low).ok_or(DnError::BadEscape)?,
                    _ => return Err(DnError::BadEscape),
                },
                0 => return Err(DnError::Unescaped),
                b => b,
            });
        }
        let value = String::from_utf8(bytes).map_err(|_| DnError::NotText)?;
        rdns.push(vec![Attribute { kind, value: Value::Text(value) }]);
    }
    Ok(DistinguishedName { rdns })
}

#[cfg(test)]
mod tests;
