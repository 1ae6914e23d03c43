//! One pass over a package index.
//!
//! A paragraph is looked at no further than its package's name unless that name was asked for: the pass
//! over Debian's 50 MB costs little more than unpacking them.

use crate::problem::Problem;
use memchr::memmem;
use std::collections::BTreeMap;
use std::io::{ErrorKind, Read};

/// The longest paragraph that is read. Debian's longest has 40 KiB.
const MAX_PARAGRAPH: usize = 1024 * 1024;
/// How much is unpacked at a time.
const CHUNK: usize = 128 * 1024;
/// The most versions of one package that are kept.
const MAX_VERSIONS: usize = 1000;

/// The paragraphs of the packages that were asked for, by name, each with the place `P` it was found at.
#[derive(Debug)]
pub(crate) struct Wanted<'n, P>(BTreeMap<&'n [u8], Vec<Paragraph<P>>>);

/// One paragraph that was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Paragraph<P> {
    /// Its fields. Bytes that are not UTF-8 were replaced.
    pub text: String,
    /// Whose index it stands in.
    pub place: P,
}

impl<'n, P: Copy> Wanted<'n, P> {
    /// Nothing found yet for any of the names.
    pub(crate) fn new(names: impl IntoIterator<Item = &'n str>) -> Self {
        Self(names.into_iter().map(|name| (name.as_bytes(), Vec::new())).collect())
    }

    /// Whether nothing is wanted.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was found for `name`.
    pub(crate) fn found(&self, name: &str) -> &[Paragraph<P>] {
        self.0.get(name.as_bytes()).map_or(&[], Vec::as_slice)
    }

    /// Reads an index to its end and keeps the wanted paragraphs; tells how many paragraphs it had.
    pub(crate) fn scan(&mut self, mut index: impl Read, place: P) -> Result<usize, Problem> {
        let separator = memmem::Finder::new(b"\n\n");
        let mut buffer = vec![0; 2 * CHUNK];
        let (mut filled, mut count) = (0, 0);
        loop {
            if buffer.len() - filled < CHUNK {
                if buffer.len() > MAX_PARAGRAPH {
                    return Err(Problem::TooLarge(
                        "a paragraph of the package index is longer than 1 MiB".to_owned(),
                    ));
                }
                buffer.resize(buffer.len() * 2, 0);
            }
            let read = match index.read(buffer.get_mut(filled..).unwrap_or_default()) {
                Ok(read) => read,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == ErrorKind::FileTooLarge => {
                    return Err(Problem::TooLarge(error.to_string()));
                }
                Err(error) => {
                    return Err(Problem::BadResponse(format!("the package index does not unpack: {error}")));
                }
            };
            // The separator may lie across the border between the old bytes and the new.
            let mut search_from = filled.saturating_sub(1);
            filled += read;
            let bytes = buffer.get(..filled).unwrap_or_default();
            let mut start = 0;
            while let Some(at) = separator.find(bytes.get(search_from..).unwrap_or_default()) {
                let end = search_from + at + 1;
                count += usize::from(self.keep(bytes.get(start..end).unwrap_or_default(), place));
                start = end + 1;
                search_from = start;
            }
            if read == 0 {
                count += usize::from(self.keep(bytes.get(start..).unwrap_or_default(), place));
                return Ok(count);
            }
            buffer.copy_within(start..filled, 0);
            filled -= start;
        }
    }

    /// Keeps the paragraph if its package is wanted; tells whether it names a package at all.
    fn keep(&mut self, paragraph: &[u8], place: P) -> bool {
        // Between paragraphs there may be more than one empty line.
        let paragraph = paragraph.trim_ascii_start();
        let Some(name) = package(paragraph) else { return false };
        if let Some(found) = self.0.get_mut(name)
            && found.len() < MAX_VERSIONS
        {
            found.push(Paragraph { text: String::from_utf8_lossy(paragraph).into_owned(), place });
        }
        true
    }
}

/// The value of `Package`, which is the first field almost everywhere.
fn package(paragraph: &[u8]) -> Option<&[u8]> {
    const FIELD: &[u8] = b"Package:";
    let line_end = |text: &[u8]| memchr::memchr(b'\n', text).unwrap_or(text.len());
    if paragraph.starts_with(FIELD) {
        return Some(paragraph.get(FIELD.len()..line_end(paragraph))?.trim_ascii());
    }
    let mut rest = paragraph;
    while !rest.is_empty() {
        let (line, after) = rest.split_at(line_end(rest));
        if line.get(..FIELD.len()).is_some_and(|start| start.eq_ignore_ascii_case(FIELD)) {
            return Some(line.get(FIELD.len()..)?.trim_ascii());
        }
        rest = after.get(1..).unwrap_or_default();
    }
    None
}

#[cfg(test)]
#[path = "index_tests.rs"]
mod tests;
