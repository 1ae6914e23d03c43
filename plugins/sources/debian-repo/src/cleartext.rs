//! The cleartext signature framework (RFC 9580, section 7), as `InRelease` uses it.
//!
//! Stricter than the RFC where a reader could be led to believe text that was not signed: nothing may
//! stand before the header or after the signature, and there is exactly one signed message. What
//! [`Cleartext::lines`] gives is what was signed, and nothing else.

use crate::problem::Problem;

const BEGIN_MESSAGE: &str = "-----BEGIN PGP SIGNED MESSAGE-----";
const BEGIN_SIGNATURE: &str = "-----BEGIN PGP SIGNATURE-----";
const END_SIGNATURE: &str = "-----END PGP SIGNATURE-----";

/// A signed text taken apart; nothing about the signature was checked yet.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cleartext {
    /// The text that the signature covers, with line feeds between the lines.
    pub text: String,
    /// The armored signature block, with its first and last line.
    pub signature: String,
}

impl Cleartext {
    /// Takes `document` apart.
    pub(crate) fn parse(document: &str) -> Result<Self, Problem> {
        let mut lines = document.lines().map(trim);
        if lines.next() != Some(BEGIN_MESSAGE) {
            return Err(refused("it does not start with a signed message"));
        }
        loop {
            match lines.next() {
                Some("") => break,
                Some(header) if header.starts_with("Hash: ") => {}
                Some(_) => return Err(refused("there is text between its first line and the signed text")),
                None => return Err(refused("it ends before the signed text")),
            }
        }
        let mut text = String::with_capacity(document.len());
        loop {
            let Some(line) = lines.next() else { return Err(refused("it ends before the signature")) };
            if line == BEGIN_SIGNATURE {
                break;
            }
            let line = match line.strip_prefix("- ") {
                Some(escaped) => escaped,
                None if line.starts_with('-') => return Err(refused("a line of it starts with a dash")),
                None => line,
            };
            text.push_str(line);
            text.push('\n');
        }
        let mut signature = format!("{BEGIN_SIGNATURE}\n");
        loop {
            let Some(line) = lines.next() else { return Err(refused("its signature has no end")) };
            signature.push_str(line);
            signature.push('\n');
            if line == END_SIGNATURE {
                break;
            }
        }
        if lines.any(|line| !line.is_empty()) {
            return Err(refused("there is text after the signature"));
        }
        Ok(Self { text, signature })
    }

    /// The bytes that were hashed: lines end in CR LF, except for the last, which has no end.
    pub(crate) fn signed_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.text.len() + self.text.len() / 32);
        for (number, line) in self.text.lines().enumerate() {
            if number > 0 {
                bytes.extend_from_slice(b"\r\n");
            }
            bytes.extend_from_slice(line.as_bytes());
        }
        bytes
    }
}

/// White space at the end of a line is not part of what was signed.
fn trim(line: &str) -> &str {
    line.trim_end_matches([' ', '\t', '\r'])
}

fn refused(why: &str) -> Problem {
    Problem::BadSignature(why.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = "-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\nOrigin: x \t\n- -dash\n\nend\n\
        -----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n";

    #[test]
    fn a_message_is_taken_apart() {
        let parsed = Cleartext::parse(GOOD).unwrap();
        assert_eq!(parsed.text, "Origin: x\n-dash\n\nend\n");
        assert_eq!(parsed.signed_bytes(), b"Origin: x\r\n-dash\r\n\r\nend");
        assert_eq!(parsed.signature, "-----BEGIN PGP SIGNATURE-----\n\nAAAA\n-----END PGP SIGNATURE-----\n");
        assert_eq!(Cleartext::parse(&GOOD.replace('\n', "\r\n")).unwrap(), parsed);
    }

    #[test]
    fn text_that_was_not_signed_is_refused() {
        let cases = [
            (String::new(), "does not start"),
            (format!("Origin: evil\n{GOOD}"), "does not start"),
            (format!("\n{GOOD}"), "does not start"),
            (format!("{GOOD}Origin: evil\n"), "after the signature"),
            (format!("{GOOD}{GOOD}"), "after the signature"),
            (GOOD.replace("Hash: SHA256\n", "Hash: SHA256\nOrigin: evil\n"), "between its first line"),
            (GOOD.replace("- -dash", "-dash"), "starts with a dash"),
            (GOOD.replace("- -dash", "-----BEGIN PGP SIGNED MESSAGE-----"), "starts with a dash"),
            (GOOD.replace("-----END PGP SIGNATURE-----\n", ""), "no end"),
            (GOOD.replace("-----BEGIN PGP SIGNATURE-----", "x"), "starts with a dash"),
            ("-----BEGIN PGP SIGNED MESSAGE-----\n".to_owned(), "before the signed text"),
            ("-----BEGIN PGP SIGNED MESSAGE-----\n\nOrigin: x\n".to_owned(), "before the signature"),
        ];
        for (document, part) in cases {
            let problem = Cleartext::parse(&document).unwrap_err();
            assert_eq!(problem.code(), "bad-signature");
            assert!(problem.to_string().contains(part), "{problem} / {part}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,200}", tail in ".{0,60}") {
            let _ = Cleartext::parse(&text);
            let _ = Cleartext::parse(&format!("{BEGIN_MESSAGE}\n\n{text}\n{BEGIN_SIGNATURE}\n{tail}"));
        }
    }
}
