//! The book's links: each leads somewhere, `SUMMARY.md` lists every page, and the tests that
//! the list of threats names exist.

mod page;
mod proofs;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context as _, Result, bail};

use crate::layout::Layout;
use crate::say;
use page::Page;

/// Checks the book, the pages at the root and the plugins' own pages.
pub(crate) fn check(layout: &Layout) -> Result<()> {
    let book = layout.root().join("docs/src");
    let mut files = markdown_under(&book)?;
    files.extend(markdown_in(layout.root())?);
    for dir in ["plugins", "sdk", "wit", "tests", "benches"] {
        files.extend(markdown_under(&layout.root().join(dir))?);
    }
    let mut pages = BTreeMap::new();
    for file in files {
        let text = fs::read_to_string(&file).with_context(|| format!("could not read {}", file.display()))?;
        pages.insert(file, Page::read(&text));
    }
    let mut problems = broken(&pages);
    problems.extend(unlisted(&pages, &book));
    problems.extend(left_out(&pages, &layout.plugins()));
    problems.extend(proofs::missing(&book.join("threats.md"), layout.root())?);
    if problems.is_empty() {
        say::step("links", &format!("{} pages, no broken link", pages.len()));
        return Ok(());
    }
    for problem in &problems {
        say::line(&problem.replace(&format!("{}/", layout.root().display()), ""));
    }
    bail!("{} links or pages need attention", problems.len())
}

fn broken(pages: &BTreeMap<PathBuf, Page>) -> Vec<String> {
    let mut problems = Vec::new();
    for (file, page) in pages {
        for include in &page.includes {
            if !resolve(file, include).is_file() {
                problems.push(format!("{}: includes `{include}`, which is not there", file.display()));
            }
        }
        for link in &page.links {
            if let Some(problem) = problem_of(file, link, pages) {
                problems.push(format!("{}: {problem}", file.display()));
            }
        }
    }
    problems
}

/// What is wrong with one link; links out of the repository are not followed.
fn problem_of(file: &Path, link: &str, pages: &BTreeMap<PathBuf, Page>) -> Option<String> {
    if link.contains("://") || link.starts_with("mailto:") {
        return None;
    }
    let (path, anchor) = link.split_once('#').map_or((link, None), |(path, anchor)| (path, Some(anchor)));
    let target = if path.is_empty() { file.to_path_buf() } else { resolve(file, path) };
    if !target.exists() {
        return Some(format!("`{link}` leads nowhere"));
    }
    let anchor = anchor?;
    let page = pages.get(&target)?;
    let found = page.anchors.contains(anchor)
        || included(&target, page, pages).any(|page| page.anchors.contains(anchor));
    (!found).then(|| format!("`{link}` names a heading that is not there"))
}

fn included<'a>(
    file: &'a Path,
    page: &'a Page,
    pages: &'a BTreeMap<PathBuf, Page>,
) -> impl Iterator<Item = &'a Page> {
    page.includes.iter().filter_map(move |include| pages.get(&resolve(file, include)))
}

/// Pages of the book that `SUMMARY.md` does not list: nobody would find them.
fn unlisted(pages: &BTreeMap<PathBuf, Page>, book: &Path) -> Vec<String> {
    let summary = book.join("SUMMARY.md");
    let Some(page) = pages.get(&summary) else {
        return vec![format!("{} is missing", summary.display())];
    };
    let listed: BTreeSet<PathBuf> = page.links.iter().map(|link| resolve(&summary, link)).collect();
    pages
        .keys()
        .filter(|file| file.starts_with(book) && **file != summary && !listed.contains(*file))
        .map(|file| format!("{}: SUMMARY.md does not list it", file.display()))
        .collect()
}

/// Plugins whose own page no page of the book includes.
fn left_out(pages: &BTreeMap<PathBuf, Page>, plugins: &Path) -> Vec<String> {
    let included: BTreeSet<PathBuf> = pages
        .iter()
        .flat_map(|(file, page)| page.includes.iter().map(move |include| resolve(file, include)))
        .collect();
    let is_plugin =
        |file: &&PathBuf| file.starts_with(plugins) && file.with_file_name("plugin.toml").is_file();
    pages
        .keys()
        .filter(is_plugin)
        .filter(|file| file.ends_with("README.md") && !included.contains(*file))
        .map(|file| format!("{}: no page under docs/src/plugins includes it", file.display()))
        .collect()
}

/// A link's target, relative to the page it stands on, without `.` and `..`.
fn resolve(file: &Path, link: &str) -> PathBuf {
    let mut path = file.parent().unwrap_or(Path::new("")).to_path_buf();
    for part in Path::new(link).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            Component::Normal(name) => path.push(name),
            _ => {}
        }
    }
    path
}

fn markdown_in(dir: &Path) -> Result<Vec<PathBuf>> {
    let entries = fs::read_dir(dir).with_context(|| format!("could not read {}", dir.display()))?;
    let mut files: Vec<PathBuf> =
        entries.flatten().map(|entry| entry.path()).filter(|path| is_markdown(path)).collect();
    files.sort();
    Ok(files)
}

fn markdown_under(dir: &Path) -> Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    if !dir.is_dir() {
        return Ok(files);
    }
    for entry in fs::read_dir(dir)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default();
        if path.is_dir() && name != "target" && name != "node_modules" && name != "book" {
            files.extend(markdown_under(&path)?);
        } else if is_markdown(&path) {
            files.push(path);
        }
    }
    Ok(files)
}

fn is_markdown(path: &Path) -> bool {
    path.is_file() && path.extension().is_some_and(|extension| extension == "md")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pages(files: &[(&str, &str)]) -> (tempfile::TempDir, BTreeMap<PathBuf, Page>) {
        let dir = tempfile::tempdir().unwrap();
        let mut pages = BTreeMap::new();
        for (name, text) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, text).unwrap();
            pages.insert(path, Page::read(text));
        }
        (dir, pages)
    }

    #[test]
    fn good_links_pass() {
        let (dir, pages) = pages(&[
            ("SUMMARY.md", "- [A](a.md)\n- [B](b/b.md)\n"),
            ("a.md", "# One two\n[b](b/b.md#it-is) [self](#one-two) [out](https://example.org/x)\n"),
            ("b/b.md", "## It is!\n{{#include ../a.md}}\n[inc](../b/b.md#one-two)\n"),
        ]);
        assert_eq!(broken(&pages), Vec::<String>::new());
        assert_eq!(unlisted(&pages, dir.path()), Vec::<String>::new());
    }

    #[test]
    fn a_plugin_without_a_page_is_named() {
        let (dir, mut pages) =
            pages(&[("plugins/npm/README.md", "# npm\n"), ("plugins/npm/plugin.toml", "")]);
        pages.remove(&dir.path().join("plugins/npm/plugin.toml"));
        let plugins = dir.path().join("plugins");
        assert_eq!(left_out(&pages, &plugins).len(), 1);
        pages.insert(dir.path().join("docs/npm.md"), Page::read("{{#include ../plugins/npm/README.md}}\n"));
        assert_eq!(left_out(&pages, &plugins), Vec::<String>::new());
    }

    #[test]
    fn each_kind_of_fault_is_named() {
        let (dir, pages) = pages(&[
            ("SUMMARY.md", "- [A](a.md)\n"),
            ("a.md", "[x](gone.md) [y](#nowhere)\n\n{{#include ../no/README.md}}\n`[code](not-a-link.md)`\n"),
            ("lost.md", ""),
        ]);
        let problems = broken(&pages).join("\n");
        assert_eq!(problems.lines().count(), 3, "{problems}");
        for part in ["gone.md", "#nowhere", "no/README.md"] {
            assert!(problems.contains(part), "{problems}");
        }
        assert!(unlisted(&pages, dir.path())[0].contains("lost.md"));
    }
}
