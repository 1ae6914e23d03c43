//! The tests that the list of threats names: each exists, and each threat names one.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use pulldown_cmark::{Event, Options, Parser};

/// The tests named in `page` that no file of their crate under `host` or `registry` (or of `tests`) declares, and the threats
/// that name none.
pub(super) fn missing(page: &Path, root: &Path) -> Result<Vec<String>> {
    let text = fs::read_to_string(page).with_context(|| format!("could not read {}", page.display()))?;
    let mut functions = BTreeMap::new();
    let mut problems: Vec<String> =
        unproven(&text).map(|threat| format!("{}: {threat} names no test", page.display())).collect();
    for (krate, test) in named(&text) {
        if !functions.contains_key(&krate) {
            let mut found = BTreeSet::new();
            for folder in ["host", "registry", ""] {
                found.extend(functions_under(&root.join(folder).join(&krate))?);
            }
            functions.insert(krate.clone(), found);
        }
        if !functions.get(&krate).is_some_and(|found: &BTreeSet<String>| found.contains(&test)) {
            problems.push(format!("{}: there is no test `{krate}::{test}`", page.display()));
        }
    }
    Ok(problems)
}

/// The first cell of every row whose last cell is empty.
fn unproven(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| {
        let mut cells = line.strip_prefix('|')?.strip_suffix('|')?.split('|').map(str::trim);
        let first = cells.next()?;
        (cells.next_back() == Some("")).then_some(first)
    })
}

/// Code spans of the form `crate::test`.
fn named(text: &str) -> BTreeSet<(String, String)> {
    let word = |part: &str| {
        !part.is_empty() && part.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_')
    };
    Parser::new_ext(text, Options::ENABLE_TABLES)
        .filter_map(|event| match event {
            Event::Code(code) => {
                let (krate, test) = code.split_once("::")?;
                (word(krate) && word(test)).then(|| (krate.to_owned(), test.to_owned()))
            }
            _ => None,
        })
        .collect()
}

/// Names of all functions declared under a folder.
fn functions_under(dir: &Path) -> Result<BTreeSet<String>> {
    let mut found = BTreeSet::new();
    if !dir.is_dir() {
        return Ok(found);
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(functions_under(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.extend(functions(&fs::read_to_string(&path)?));
        }
    }
    Ok(found)
}

fn functions(source: &str) -> impl Iterator<Item = String> + '_ {
    source.split("fn ").skip(1).filter_map(|rest| rest.split(['(', '<']).next()).map(str::to_owned)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_test_that_is_not_there_is_named() {
        let root = tempfile::tempdir().unwrap();
        let src = root.path().join("host/egress/src");
        fs::create_dir_all(&src).unwrap();
        fs::write(src.join("a.rs"), "#[test]\nfn it_holds() {}\n").unwrap();
        let page = root.path().join("threats.md");
        fs::write(
            &page,
            "| # | test |\n|---|---|\n| N1 | `egress::it_holds`, `egress::gone`, `std::Mutex` |\n| N2 | |\n",
        )
        .unwrap();
        let problems = missing(&page, root.path()).unwrap();
        assert_eq!(problems.len(), 2, "{problems:?}");
        assert!(problems[0].ends_with("N2 names no test"), "{problems:?}");
        assert!(problems[1].contains("`egress::gone`"), "{problems:?}");
    }
}
