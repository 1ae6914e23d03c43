//! The page of a project in the Simple API (PEP 503): one anchor for each file.
//!
//! Just enough of HTML for such pages: tags with attributes, comments, character references. Whatever
//! is not understood is passed over.

use waystation_update_source::plugin::Error;
use waystation_update_source::plugin::http::url::{Url, decode};

use crate::file::{self, File, Project};

/// Reads a page that was found at `url`.
pub(crate) fn project(page: &str, url: &str) -> Result<Project, Error> {
    let base = Url::parse(url)?;
    let mut project = Project::default();
    // A page without files is told from a proxy's login page by what every index writes.
    let mut is_index = page.contains("Links for");
    for tag in Tags(page) {
        match tag.name.to_ascii_lowercase().as_str() {
            "a" => project.files.extend(anchor(&tag, &base)),
            "meta" if tag.get("name").as_deref() == Some("pypi:repository-version") => {
                let version = tag.get("content").unwrap_or_default();
                if version.split('.').next() != Some("1") {
                    return Err(Error::unsupported(
                        "the index speaks another version of its API; this plugin knows 1",
                    ));
                }
                is_index = true;
            }
            "meta" if tag.get("name").as_deref() == Some("pypi:project-status") => {
                project.status = tag.get("content").filter(|status| status != "active");
            }
            _ => {}
        }
    }
    if is_index || !project.files.is_empty() {
        Ok(project)
    } else {
        Err(Error::bad_response("the answer is not the page of a project"))
    }
}

fn anchor(tag: &Tag<'_>, base: &Url) -> Option<File> {
    let href = tag.get("href")?;
    let (address, fragment) = href.split_once('#').unwrap_or((&href, ""));
    let url = base.resolve(address).ok()?;
    // PEP 503: the text is the last part of the address. Trust the address.
    let shown = url.shown();
    let filename =
        decode(shown.rsplit('/').next()?).filter(|name| !name.is_empty() && !name.contains('/'))?;
    Some(File {
        digests: file::digests(fragment.split('&').filter_map(|pair| pair.split_once('='))),
        yanked: tag.get("data-yanked"),
        requires_python: tag.get("data-requires-python").filter(|text| !text.is_empty()),
        provenance: tag.get("data-provenance").and_then(|text| Some(base.resolve(&text).ok()?.to_string())),
        url: Some(url.to_string()),
        filename,
        ..File::default()
    })
}

/// An opening tag.
struct Tag<'a> {
    name: &'a str,
    attributes: Vec<(&'a str, &'a str)>,
}

impl Tag<'_> {
    /// An attribute's value with its character references resolved; of several, the first.
    fn get(&self, name: &str) -> Option<String> {
        self.attributes.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, value)| resolved(value))
    }
}

/// The opening tags of a page, in order.
struct Tags<'a>(&'a str);

impl<'a> Iterator for Tags<'a> {
    type Item = Tag<'a>;

    fn next(&mut self) -> Option<Tag<'a>> {
        loop {
            let (_, rest) = self.0.split_once('<')?;
            if let Some(comment) = rest.strip_prefix("!--") {
                self.0 = comment.split_once("-->").map_or("", |(_, after)| after);
                continue;
            }
            if !rest.starts_with(|c: char| c.is_ascii_alphabetic()) {
                self.0 = rest;
                continue;
            }
            let end =
                rest.find(|c: char| c.is_ascii_whitespace() || c == '>' || c == '/').unwrap_or(rest.len());
            let (name, mut rest) = rest.split_at(end);
            let mut attributes = Vec::new();
            while let Some((attribute, after)) = attribute(rest) {
                attributes.push(attribute);
                rest = after;
            }
            self.0 = rest;
            return Some(Tag { name, attributes });
        }
    }
}

/// The next attribute inside a tag and what follows it; nothing at the tag's end.
fn attribute(text: &str) -> Option<((&str, &str), &str)> {
    let text = text.trim_start_matches(|c: char| c.is_ascii_whitespace() || c == '/');
    if text.is_empty() || text.starts_with('>') {
        return None;
    }
    // An equals sign at the very start belongs to the name: no attribute is without one.
    let end = text
        .char_indices()
        .skip(1)
        .find(|(_, c)| c.is_ascii_whitespace() || matches!(c, '=' | '>' | '/'))
        .map_or(text.len(), |(at, _)| at);
    let (name, rest) = text.split_at(end);
    let Some(value) = rest.trim_start().strip_prefix('=') else { return Some(((name, ""), rest)) };
    let value = value.trim_start();
    for quote in ['"', '\''] {
        if let Some(quoted) = value.strip_prefix(quote) {
            let (value, rest) = quoted.split_once(quote).unwrap_or((quoted, ""));
            return Some(((name, value), rest));
        }
    }
    let end = value.find(|c: char| c.is_ascii_whitespace() || c == '>').unwrap_or(value.len());
    let (value, rest) = value.split_at(end);
    Some(((name, value), rest))
}

/// Character references: the five of XML and numbers.
fn resolved(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('&') {
        out.push_str(before);
        let reference = after.split_once(';').and_then(|(name, tail)| Some((character(name)?, tail)));
        match reference {
            Some((character, tail)) => {
                out.push(character);
                rest = tail;
            }
            None => {
                out.push('&');
                rest = after;
            }
        }
    }
    out.push_str(rest);
    out
}

fn character(name: &str) -> Option<char> {
    match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PAGE: &str = r##"<!DOCTYPE html>
<html><head><meta name="pypi:repository-version" content="1.3"><meta name="pypi:project-status" content="quarantined">
<title>Links for demo</title></head><body><h1>Links for demo</h1>
<!-- <a href="https://files.example/demo-0.0.tar.gz">commented</a> -->
<a href="../../packages/demo-1.0-py3-none-any.whl#sha256=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA" data-requires-python="&gt;=3.8,&#33;&#x3D;3.9.1">demo-1.0-py3-none-any.whl</a><br/>
<A HREF='https://files.example/demo%2B-1.0.tar.gz#md5=18d0e51cd5e84c7d8b6dcbdd51551984' data-yanked="broken &amp; &quot;old&quot; &nope;">x</A>
<a data-yanked href=https://files.example/demo-2.0.zip data-provenance=/integrity/x rel="internal">demo-2.0.zip</a>
<a href="https://files.example/">folder</a> <a name="top">no address</a> <a href="javascript:alert(1)">no</a>
"##;

    #[test]
    fn anchors_become_files() {
        let project = project(PAGE, "https://a.example/simple/demo/").unwrap();
        assert_eq!(project.status.as_deref(), Some("quarantined"));
        let [wheel, archive, zip] = project.files.as_slice() else { panic!("{:?}", project.files) };
        assert_eq!(wheel.url.as_deref(), Some("https://a.example/packages/demo-1.0-py3-none-any.whl"));
        assert_eq!(wheel.filename, "demo-1.0-py3-none-any.whl");
        assert_eq!(wheel.requires_python.as_deref(), Some(">=3.8,!=3.9.1"));
        assert_eq!((wheel.digests[0].algorithm.as_str(), &wheel.digests[0].value[..2]), ("sha256", "aa"));
        assert_eq!(wheel.yanked, None);
        assert_eq!(archive.filename, "demo+-1.0.tar.gz");
        assert_eq!(archive.yanked.as_deref(), Some("broken & \"old\" &nope;"));
        assert_eq!(archive.digests[0].algorithm, "md5");
        assert_eq!(
            (zip.yanked.as_deref(), zip.url.as_deref()),
            (Some(""), Some("https://files.example/demo-2.0.zip"))
        );
        assert_eq!(zip.provenance.as_deref(), Some("https://a.example/integrity/x"));
    }

    #[test]
    fn broken_pages_give_what_they_have() {
        for (page, count) in [
            ("<a href=\"https://files.example/demo-1.0.zip", 1),
            ("<a href=https://files.example/demo-1.0.zip", 1),
            ("<a href=\"https://files.example/demo-1.0.zip\"", 1),
            ("<a =x href='https://files.example/demo-1.0.zip'>", 1),
            ("<a<a href='https://files.example/demo-1.0.zip'>", 0),
            ("<!-- <a href='https://files.example/demo-1.0.zip'>", 0),
            ("<html><h1>Links for demo</h1></html>", 0),
        ] {
            let found = project(page, "https://a.example/simple/demo/").map(|project| project.files.len());
            assert_eq!(found.unwrap_or_default(), count, "{page}");
        }
        for page in ["", "{}", "plain text", "1 < 2", "<html><form>log in</form></html>"] {
            assert_eq!(project(page, "https://a.example/").unwrap_err().code, "bad-response", "{page}");
        }
        let next = "<meta name='pypi:repository-version' content='2.0'>";
        assert_eq!(project(next, "https://a.example/").unwrap_err().code, "unsupported");
    }

    proptest! {
        #[test]
        fn any_page_is_survived(page in any::<String>(), almost in "(<a|</a|>|href|=|\"|'|&#x?|[0-9]{1,9};|é|/| |<!--|-->){0,40}", cut in 0..PAGE.len()) {
            for page in [page.as_str(), almost.as_str(), &String::from_utf8_lossy(&PAGE.as_bytes()[..cut])] {
                let _ = project(page, "https://a.example/simple/demo/");
            }
            let _ = project("<html>", &page);
        }
    }
}
