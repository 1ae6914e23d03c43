//! From bytes to text, for the encodings that feeds come in.

use crate::problem::Problem;
use std::borrow::Cow;
use waystation_listing::short;

/// How far into a document its declaration is looked for.
const DECLARATION: usize = 256;

/// The document's text. A byte order mark decides, then the remote's `charset`, then the document's own
/// declaration (RFC 7303, section 3); without any of them it is UTF-8. Bytes that are no text of their
/// encoding become replacement characters.
pub(crate) fn decode<'b>(bytes: &'b [u8], content_type: &str) -> Result<Cow<'b, str>, Problem> {
    match bytes {
        [0xef, 0xbb, 0xbf, rest @ ..] => return Ok(String::from_utf8_lossy(rest)),
        [0xfe, 0xff, rest @ ..] => return Ok(Cow::Owned(utf16(rest, u16::from_be_bytes))),
        [0xff, 0xfe, rest @ ..] => return Ok(Cow::Owned(utf16(rest, u16::from_le_bytes))),
        _ => {}
    }
    let name = charset(content_type).or_else(|| declared(bytes)).unwrap_or_else(|| "utf-8".to_owned());
    match name.as_str() {
        "utf-8" | "utf8" | "us-ascii" | "ascii" => Ok(String::from_utf8_lossy(bytes)),
        // As in browsers, Latin 1 is read as Windows-1252, which has it all and more.
        "iso-8859-1" | "latin1" | "iso8859-1" | "windows-1252" | "cp1252" => {
            Ok(Cow::Owned(bytes.iter().map(|byte| windows_1252(*byte)).collect()))
        }
        "utf-16be" => Ok(Cow::Owned(utf16(bytes, u16::from_be_bytes))),
        "utf-16le" | "utf-16" => Ok(Cow::Owned(utf16(bytes, u16::from_le_bytes))),
        other => Err(Problem::Encoding(short(other, 40))),
    }
}

/// `charset` of a media type (RFC 9110, 8.3.2).
fn charset(content_type: &str) -> Option<String> {
    content_type.split(';').skip(1).find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim()
            .eq_ignore_ascii_case("charset")
            .then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    })
}

/// `encoding` of the XML declaration.
fn declared(bytes: &[u8]) -> Option<String> {
    let head = String::from_utf8_lossy(bytes.get(..bytes.len().min(DECLARATION))?);
    let declaration = head.trim_start().strip_prefix("<?xml")?.split_once("?>")?.0;
    let value = declaration.split_once("encoding")?.1.trim_start().strip_prefix('=')?.trim_start();
    let quote = value.chars().next().filter(|quote| matches!(quote, '"' | '\''))?;
    Some(value.split(quote).nth(1)?.to_ascii_lowercase())
}

fn utf16(bytes: &[u8], unit: impl Fn([u8; 2]) -> u16) -> String {
    let (pairs, _) = bytes.as_chunks::<2>();
    char::decode_utf16(pairs.iter().map(|pair| unit(*pair)))
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect()
}

fn windows_1252(byte: u8) -> char {
    /// What stands for 0x80 to 0x9f; the five unused ones are controls.
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
        '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    byte.checked_sub(0x80).and_then(|high| HIGH.get(usize::from(high))).copied().unwrap_or(char::from(byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn encodings_are_told_by_mark_header_and_declaration() {
        let utf16: Vec<u8> =
            [0xff, 0xfe].into_iter().chain("é".encode_utf16().flat_map(u16::to_le_bytes)).collect();
        let cases: [(&[u8], &str, &str); 7] = [
            ("é".as_bytes(), "text/xml", "é"),
            (b"\xef\xbb\xbf\xc3\xa9", "text/xml; charset=iso-8859-1", "é"),
            (&utf16, "", "é"),
            (b"\xe9\x80", "application/xml; Charset=\"ISO-8859-1\"", "é€"),
            (
                b"<?xml version='1.0' encoding = 'windows-1252'?>\xe9",
                "",
                "<?xml version='1.0' encoding = 'windows-1252'?>é",
            ),
            (b"<?xml encoding='latin1'?>\xc3\xa9", "text/xml;charset=utf-8", "<?xml encoding='latin1'?>é"),
            (b"\xff", "", "\u{fffd}"),
        ];
        for (bytes, content_type, text) in cases {
            assert_eq!(decode(bytes, content_type).unwrap(), text);
        }
    }

    #[test]
    fn other_encodings_are_named() {
        let problem = decode(b"<?xml version=\"1.0\" encoding=\"KOI8-R\"?>", "").unwrap_err();
        assert_eq!(problem, Problem::Encoding("koi8-r".to_owned()));
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::prelude::any::<u8>(), 0..99), kind in ".{0,30}") {
            let _ = decode(&bytes, &kind);
            let _ = decode(&bytes, "x;charset=utf-16be");
            let _ = decode(&[b"<?xml encoding=", bytes.as_slice(), b"?>"].concat(), "");
        }
    }
}
