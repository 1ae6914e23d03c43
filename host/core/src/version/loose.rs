//! Versions of no particular scheme.

use super::{
    Scheme, VersionError,
    gap::Shape,
    tokens::{Token, Tokens, Word},
};

/// Numbers and words. A leading `v` or `version` does not count.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Loose(Tokens);

impl Loose {
    /// Takes any text with a digit in it. A name without one (`latest`) says nothing about age.
    pub(super) fn parse(text: &str) -> Result<Self, VersionError> {
        if !text.bytes().any(|b| b.is_ascii_digit()) {
            return Err(VersionError::NotAVersion { scheme: Scheme::Loose, text: text.to_owned() });
        }
        let mut tokens: Vec<Token> = Tokens::read(text).iter().cloned().collect();
        if matches!(tokens.first(), Some(Token::Word(Word::Other(word))) if word == "v" || word == "version")
        {
            tokens.remove(0);
        }
        Ok(Self(Tokens::canonical(tokens)))
    }

    pub(super) fn shape(&self) -> Shape {
        Shape { numbers: self.0.numbers(), prerelease: self.0.is_prerelease(), ..Shape::default() }
    }
}
