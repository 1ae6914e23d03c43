//! What a Markdown page links to, and what can be linked to in it.

use std::collections::BTreeSet;

use pulldown_cmark::{Event, Options, Parser, Tag, TagEnd};

/// The parts of a page that the link check needs.
#[derive(Debug, Default)]
pub(super) struct Page {
    /// Targets of links and images, as written.
    pub(super) links: Vec<String>,
    /// Files that mdBook puts in place of `{{#include …}}`.
    pub(super) includes: Vec<String>,
    /// What may stand after `#` in a link to this page.
    pub(super) anchors: BTreeSet<String>,
}

impl Page {
    pub(super) fn read(text: &str) -> Self {
        let mut page = Self { includes: includes(text), ..Self::default() };
        let mut heading: Option<String> = None;
        for event in Parser::new_ext(text, Options::ENABLE_TABLES | Options::ENABLE_FOOTNOTES) {
            match event {
                Event::Start(Tag::Link { dest_url, .. } | Tag::Image { dest_url, .. }) => {
                    page.links.push(dest_url.into_string());
                }
                Event::Start(Tag::Heading { .. }) => heading = Some(String::new()),
                Event::End(TagEnd::Heading(_)) => {
                    if let Some(text) = heading.take() {
                        page.add_anchor(&text);
                    }
                }
                Event::Text(text) | Event::Code(text) => {
                    if let Some(heading) = &mut heading {
                        heading.push_str(&text);
                    }
                }
                _ => {}
            }
        }
        page
    }

    /// As mdBook names headings; the second of the same name gets `-1`.
    fn add_anchor(&mut self, heading: &str) {
        let anchor = slug(heading);
        let mut unique = anchor.clone();
        let mut count = 0;
        while !self.anchors.insert(unique.clone()) {
            count += 1;
            unique = format!("{anchor}-{count}");
        }
    }
}

/// Lower case; letters, digits, `_` and `-` stay, a space becomes `-`, the rest goes.
fn slug(heading: &str) -> String {
    let kept = heading.trim().chars().filter_map(|c| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    });
    kept.collect()
}

fn includes(text: &str) -> Vec<String> {
    let mut found = Vec::new();
    for part in text.split("{{#include ").skip(1) {
        if let Some((path, _)) = part.split_once("}}") {
            let file = path.trim().split(':').next().unwrap_or_default();
            found.push(file.to_owned());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_become_anchors() {
        let page = Page::read("# What it's for\n## `kv` store\n## Again\n## Again\n");
        let anchors: Vec<&str> = page.anchors.iter().map(String::as_str).collect();
        assert_eq!(anchors, ["again", "again-1", "kv-store", "what-its-for"]);
    }

    #[test]
    fn links_in_code_are_text() {
        let page =
            Page::read("[a](b.md) ![i](c.png) `[x](y.md)`\n\n```\n[p](q.md)\n```\n[r]\n\n[r]: s.md#t\n");
        assert_eq!(page.links, ["b.md", "c.png", "s.md#t"]);
    }
}
