//! Edits of a text that a person wrote: their words, order and comments stay.

use toml_edit::{DocumentMut, Item, Table};

use crate::exit::{Exit, Failure};

/// The same with a section more, after an empty line.
pub(super) fn appended(text: &str, section: &str) -> String {
    let text = text.trim_end();
    match text.is_empty() {
        true => section.to_owned(),
        false => format!("{text}\n\n{section}"),
    }
}

/// The same without a plugin and the comments that stand directly above its section.
pub(super) fn without(text: &str, key: &str) -> Result<String, Failure> {
    let uneditable = |why: &str| {
        Failure::new(Exit::Failed, format!("waystation.toml {why}"))
            .code("config-uneditable")
            .hint("edit it by hand")
    };
    let mut document: DocumentMut = text.parse().map_err(|_| uneditable("is no TOML"))?;
    let plugins = document.get_mut("plugins").and_then(Item::as_table_mut);
    let plugins = plugins.ok_or_else(|| uneditable("has no sections of plugins"))?;
    let removed = plugins.remove(key).ok_or_else(|| uneditable("has no section of this plugin"))?;
    if plugins.is_empty() && plugins.is_implicit() {
        document.remove("plugins");
    }
    if let Item::Table(table) = &removed
        && let Some(place) = table.position()
    {
        let above = table.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
        keep(&mut document, place, paragraphs(above));
    }
    Ok(without_comments(&document.to_string(), key))
}

/// The same without the parts of a plugin's section that are written as comments.
fn without_comments(text: &str, key: &str) -> String {
    let headers = [format!("[plugins.{key}."), format!("[[plugins.{key}.")];
    let of_it = |paragraph: &&str| {
        let mut lines =
            paragraph.trim_matches('\n').lines().map(|line| line.strip_prefix('#').map(str::trim_start));
        let named = |line: &str| headers.iter().any(|header| line.starts_with(header));
        lines.clone().all(|line| line.is_some()) && lines.any(|line| line.is_some_and(named))
    };
    let kept: Vec<&str> = text.split("\n\n").filter(|paragraph| !of_it(paragraph)).collect();
    let mut kept = kept.join("\n\n");
    if !kept.is_empty() && !kept.ends_with('\n') {
        kept.push('\n');
    }
    kept
}

/// What stands above an empty line, with that line: it is not about what follows.
fn paragraphs(above: &str) -> &str {
    above.rfind("\n\n").and_then(|end| above.get(..end + 1)).unwrap_or_default()
}

/// Puts a text where a section was: above the next one, or at the end.
fn keep(document: &mut DocumentMut, place: isize, text: &str) {
    if text.trim().is_empty() {
        return;
    }
    let mut next: Option<isize> = None;
    sections(document.as_table_mut(), &mut |section| {
        let after = section.position().filter(|position| *position > place);
        next = [next, after].into_iter().flatten().min();
    });
    match next {
        Some(next) => sections(document.as_table_mut(), &mut |section| {
            if section.position() == Some(next) {
                let prefix = section.decor().prefix().and_then(|prefix| prefix.as_str()).unwrap_or_default();
                let prefix = format!("{text}{prefix}");
                section.decor_mut().set_prefix(prefix);
            }
        }),
        None => {
            let trailing = format!("{text}{}", document.trailing().as_str().unwrap_or_default());
            document.set_trailing(trailing);
        }
    }
}

/// Every section with a header of its own.
fn sections(table: &mut Table, visit: &mut impl FnMut(&mut Table)) {
    for (_, item) in table.iter_mut() {
        let found: Vec<&mut Table> = match item {
            Item::Table(section) => vec![section],
            Item::ArrayOfTables(all) => all.iter_mut().collect(),
            _ => Vec::new(),
        };
        for section in found {
            if !section.is_implicit() && !section.is_dotted() {
                visit(section);
            }
            sections(section, visit);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "# Ours.\n\n# The server.\n[server]\nlisten = \"127.0.0.1:1\" # here\n\n\
        # A chapter.\n\n# One of them.\n[plugins.a]\nfile = \"a\"\n# inside\n[[plugins.a.grants.http]]\n\
        origins = []\n\n# Another.\n[plugins.b]\nfile = \"b\"\n\n# Last words.\n";

    #[test]
    fn a_section_goes_with_what_stands_directly_above_it() {
        let text = without(TEXT, "a").unwrap();
        let expected = "# Ours.\n\n# The server.\n[server]\nlisten = \"127.0.0.1:1\" # here\n\n\
            # A chapter.\n\n# Another.\n[plugins.b]\nfile = \"b\"\n\n# Last words.\n";
        assert_eq!(text, expected);
        let text = without(&text, "b").unwrap();
        let expected = "# Ours.\n\n# The server.\n[server]\nlisten = \"127.0.0.1:1\" # here\n\n\
            # A chapter.\n\n# Last words.\n";
        assert_eq!(text, expected);
        assert_eq!(without(&text, "b").unwrap_err().code, "config-uneditable");
    }

    #[test]
    fn what_is_added_is_what_is_taken_out() {
        for text in ["", TEXT, "# only words\n"] {
            let more = appended(
                text,
                "# Third.\n[plugins.c]\nfile = \"c\"\n\n# Optional.\n# [plugins.c.grants]\n# kv = true\n",
            );
            assert!(more.starts_with(text.trim_end()), "{more}");
            assert_eq!(without(&more, "c").unwrap().trim_end(), text.trim_end());
        }
    }
}
