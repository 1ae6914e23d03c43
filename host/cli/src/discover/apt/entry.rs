//! One entry of apt's sources: what it says of trust. Everything else is asked from
//! apt, which says where each entry stands.

use std::path::Path;

/// Where an entry stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Place {
    pub(super) file: String,
    /// From 1: the line, or in a file of paragraphs the paragraph.
    pub(super) number: usize,
}

impl Place {
    /// `/etc/apt/sources.list.d/debian.sources:1`
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (file, number) = text.rsplit_once(':')?;
        Some(Self { file: file.to_owned(), number: number.parse().ok()? })
    }
}

/// What an entry says of trust.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Entry {
    /// Files, fingerprints, or the armored keys themselves.
    pub(super) signed_by: Option<String>,
    /// Whether no signature is needed.
    pub(super) trusted: bool,
}

impl Entry {
    /// The entry at that place.
    pub(super) fn read(place: &Place) -> Result<Self, String> {
        let text = std::fs::read_to_string(&place.file)
            .map_err(|e| format!("{} cannot be read: {e}", place.file))?;
        let paragraphs = Path::new(&place.file).extension().is_some_and(|ending| ending == "sources");
        let found = if paragraphs { paragraph(&text, place.number) } else { line(&text, place.number) };
        found.ok_or_else(|| format!("entry {} of {} is not understood", place.number, place.file))
    }

    fn set(&mut self, name: &str, value: &str) {
        match name {
            "signed-by" => self.signed_by = Some(value.trim().to_owned()),
            "trusted" => self.trusted = matches!(value.trim(), "yes" | "true" | "1"),
            _ => {}
        }
    }
}

/// `deb [signed-by=… arch=…] URI suite component…`
fn line(text: &str, number: usize) -> Option<Entry> {
    let line = text.lines().nth(number.checked_sub(1)?)?.trim();
    let rest = line.strip_prefix("deb")?.trim_start();
    let mut entry = Entry::default();
    if let Some(bracketed) = rest.strip_prefix('[') {
        let (options, _) = bracketed.split_once(']')?;
        for (name, value) in options.split_whitespace().filter_map(|option| option.split_once('=')) {
            entry.set(&name.to_ascii_lowercase(), value);
        }
    }
    Some(entry)
}

/// Fields of a paragraph, some over several lines.
fn paragraph(text: &str, number: usize) -> Option<Entry> {
    let lines: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
    let mut paragraphs = lines.split(|line| line.trim().is_empty()).filter(|lines| !lines.is_empty());
    let mut fields: Vec<(String, String)> = Vec::new();
    for line in paragraphs.nth(number.checked_sub(1)?)? {
        match line.strip_prefix([' ', '\t']) {
            Some(more) => {
                let (_, value) = fields.last_mut()?;
                value.push('\n');
                // An empty line of a key is written as a dot.
                value.push_str(if more.trim() == "." { "" } else { more });
            }
            None => {
                let (name, value) = line.split_once(':')?;
                fields.push((name.to_ascii_lowercase(), value.to_owned()));
            }
        }
    }
    let mut entry = Entry::default();
    for (name, value) in &fields {
        entry.set(name, value);
    }
    Some(entry)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places() {
        let place = Place::parse("/etc/apt/sources.list.d/debian.sources:2").unwrap();
        assert_eq!((place.file.as_str(), place.number), ("/etc/apt/sources.list.d/debian.sources", 2));
        assert_eq!((Place::parse("/etc/apt/sources.list"), Place::parse("a:b")), (None, None));
    }

    #[test]
    fn lines() {
        let text = "# deb https://example.org stable main\n\
            deb [arch=amd64 Signed-By=/usr/share/keyrings/a.gpg] https://example.org/debian stable main # x\n\
            deb https://example.org/debian stable main\n\
            deb [trusted=yes] https://example.org/debian stable main\n\
            deb [broken https://example.org\n";
        assert_eq!(line(text, 2).unwrap().signed_by.as_deref(), Some("/usr/share/keyrings/a.gpg"));
        assert_eq!(line(text, 3), Some(Entry::default()));
        assert!(line(text, 4).unwrap().trusted);
        for number in [0, 1, 5, 6] {
            assert_eq!(line(text, number), None, "{number}");
        }
    }

    #[test]
    fn paragraphs() {
        let text = "# about\n\nTypes: deb deb-src\n# a comment\nURIs: http://example.org/debian\nSuites: a b\n\
            Signed-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n abc\n \n\n\n\
            Types: deb\nURIs: http://example.org\nTrusted: yes\n";
        let signed_by = paragraph(text, 1).unwrap().signed_by.unwrap();
        assert!(signed_by.starts_with("-----BEGIN PGP") && signed_by.contains("\n\nabc"), "{signed_by}");
        assert!(paragraph(text, 2).unwrap().trusted);
        assert_eq!((paragraph(text, 0), paragraph(text, 3)), (None, None));
    }
}
