//! RSS 0.9x and 2.0, RSS 1.0 and Atom (RFC 4287): the entries of a feed.
//!
//! Only direct children of an entry count, and only those in the feed's own namespace or Dublin Core's:
//! `media:title` is no title. Entities other than XML's own five and characters by number stay as they are
//! written; a document that could define more is refused.

use crate::problem::Problem;
use quick_xml::XmlVersion;
use quick_xml::events::{BytesRef, BytesStart, Event};
use quick_xml::name::ResolveResult;
use quick_xml::reader::NsReader;
use waystation_listing::short;

/// The most entries that are read; what follows is left alone.
const MAX_ENTRIES: usize = 1000;
/// The most bytes of one element's text that are kept.
const MAX_TEXT: usize = 4096;
/// The deepest nesting that is followed.
const MAX_DEPTH: usize = 64;

const ATOM: &str = "http://www.w3.org/2005/Atom";
const RSS: [&str; 3] = [
    "http://purl.org/rss/1.0/",
    "http://my.netscape.com/rdf/simple/0.9/",
    "http://backend.userland.com/rss2",
];
const RDF: &str = "http://www.w3.org/1999/02/22-rdf-syntax-ns#";
const DUBLIN_CORE: &str = "http://purl.org/dc/elements/1.1/";

/// One entry, as it is written; empty where there is nothing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Entry {
    /// Its title.
    pub(crate) title: String,
    /// The page about it.
    pub(crate) link: String,
    /// `guid`, `id` or `rdf:about`.
    pub(crate) id: String,
    /// When it was published.
    pub(crate) published: String,
    /// When it was last changed.
    pub(crate) updated: String,
    /// Files that belong to it.
    pub(crate) enclosures: Vec<Enclosure>,
}

/// A file that belongs to an entry.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Enclosure {
    /// Where it is.
    pub(crate) url: String,
    /// Its size in bytes, as the feed says.
    pub(crate) length: String,
    /// Its media type.
    pub(crate) media_type: String,
}

/// The entries of a feed, in its order.
pub(crate) fn parse(text: &str) -> Result<Vec<Entry>, Problem> {
    let mut reader = NsReader::from_str(text);
    let mut walk = Walk::default();
    loop {
        let (space, event) = reader.read_resolved_event().map_err(malformed)?;
        let space = Space::of(&space);
        match event {
            Event::Start(start) => walk.open(space, &start)?,
            Event::Empty(start) => {
                walk.open(space, &start)?;
                walk.close();
            }
            Event::End(_) => walk.close(),
            Event::Text(text) => walk.text(&text.xml10_content()),
            Event::CData(text) => walk.text(&text.xml10_content()),
            Event::GeneralRef(reference) => walk.reference(&reference)?,
            Event::DocType(_) => return Err(Problem::HasDtd),
            Event::Eof if !walk.path.is_empty() => {
                return Err(Problem::Malformed("it ends too early".to_owned()));
            }
            Event::Eof if !walk.rooted => return Err(Problem::NotAFeed("it has no element".to_owned())),
            Event::Eof => return Ok(walk.entries),
            Event::Comment(_) | Event::Decl(_) | Event::PI(_) => {}
        }
        if walk.entries.len() >= MAX_ENTRIES {
            return Ok(walk.entries);
        }
    }
}

/// The namespaces that are told apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Space {
    /// The feed's own: Atom, RSS, or none.
    Feed,
    Rdf,
    DublinCore,
    Other,
}

impl Space {
    fn of(resolved: &ResolveResult<'_>) -> Self {
        match resolved {
            ResolveResult::Unbound => Self::Feed,
            ResolveResult::Bound(name) => match name.as_ref() {
                known if known == ATOM || RSS.contains(&known) => Self::Feed,
                RDF => Self::Rdf,
                DUBLIN_CORE => Self::DublinCore,
                _ => Self::Other,
            },
            ResolveResult::Unknown(_) => Self::Other,
        }
    }
}

/// The parts of an entry whose text is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Part {
    Title,
    Link,
    Id,
    Published,
    Updated,
}

impl Part {
    fn of(space: Space, name: &str) -> Option<Self> {
        match (space, name) {
            (Space::Feed, "title") => Some(Self::Title),
            (Space::Feed, "link") => Some(Self::Link),
            (Space::Feed, "guid" | "id") => Some(Self::Id),
            (Space::Feed, "pubDate" | "published" | "issued") | (Space::DublinCore, "date") => {
                Some(Self::Published)
            }
            (Space::Feed, "updated" | "modified") => Some(Self::Updated),
            _ => None,
        }
    }
}

/// What an open element is to the walk.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Element {
    Entry,
    Part(Part),
    Other,
}

#[derive(Debug, Default)]
struct Walk {
    path: Vec<Element>,
    rooted: bool,
    entry: Option<Entry>,
    part: Option<Part>,
    text: String,
    entries: Vec<Entry>,
}

impl Walk {
    fn open(&mut self, space: Space, start: &BytesStart<'_>) -> Result<(), Problem> {
        let name = start.local_name();
        let name: &str = name.as_ref();
        if self.path.is_empty() {
            if self.rooted {
                return Err(Problem::Malformed("it has more than one root element".to_owned()));
            }
            self.rooted = true;
            if !matches!((space, name), (Space::Feed, "rss" | "feed") | (Space::Rdf, "RDF")) {
                return Err(Problem::NotAFeed(format!("its root element is `{}`", short(name, 60))));
            }
        }
        if self.path.len() >= MAX_DEPTH {
            return Err(Problem::TooDeep(MAX_DEPTH));
        }
        let element = match (self.path.last(), &self.entry) {
            (_, None) if space == Space::Feed && matches!(name, "item" | "entry") => {
                let about = attribute(start, "about")?;
                self.entry = Some(Entry { id: about, ..Entry::default() });
                Element::Entry
            }
            (Some(Element::Entry), Some(_)) => self.child(space, name, start)?,
            _ => Element::Other,
        };
        self.path.push(element);
        Ok(())
    }

    fn child(&mut self, space: Space, name: &str, start: &BytesStart<'_>) -> Result<Element, Problem> {
        let Some(entry) = &mut self.entry else { return Ok(Element::Other) };
        if space == Space::Feed && name == "enclosure" {
            entry.enclosures.push(Enclosure {
                url: attribute(start, "url")?,
                length: attribute(start, "length")?,
                media_type: attribute(start, "type")?,
            });
            return Ok(Element::Other);
        }
        let Some(part) = Part::of(space, name) else { return Ok(Element::Other) };
        let href = if part == Part::Link { attribute(start, "href")? } else { String::new() };
        if !href.is_empty() {
            match attribute(start, "rel")?.as_str() {
                "" | "alternate" if entry.link.is_empty() => entry.link = href,
                "enclosure" => entry.enclosures.push(Enclosure {
                    url: href,
                    length: attribute(start, "length")?,
                    media_type: attribute(start, "type")?,
                }),
                _ => {}
            }
            return Ok(Element::Other);
        }
        self.part = Some(part);
        self.text.clear();
        Ok(Element::Part(part))
    }

    fn close(&mut self) {
        match self.path.pop() {
            Some(Element::Entry) => self.entries.extend(self.entry.take()),
            Some(Element::Part(part)) => {
                self.part = None;
                if let Some(entry) = &mut self.entry {
                    let place = match part {
                        Part::Title => &mut entry.title,
                        Part::Link => &mut entry.link,
                        Part::Id => &mut entry.id,
                        Part::Published => &mut entry.published,
                        Part::Updated => &mut entry.updated,
                    };
                    // The first one counts, except that `guid` is better than `rdf:about`.
                    if place.is_empty() || part == Part::Id {
                        *place = self.text.split_whitespace().collect::<Vec<_>>().join(" ");
                    }
                }
            }
            Some(Element::Other) | None => {}
        }
    }

    /// Text inside elements of the part belongs to it too: Atom's titles may be XHTML.
    fn text(&mut self, text: &str) {
        if self.part.is_some() {
            let room = MAX_TEXT.saturating_sub(self.text.len());
            self.text.push_str(text.get(..text.floor_char_boundary(room)).unwrap_or_default());
        }
    }

    fn reference(&mut self, reference: &BytesRef<'_>) -> Result<(), Problem> {
        let name: &str = reference.as_ref();
        match (reference.resolve_char_ref().map_err(malformed)?, name) {
            (Some(character), _) => self.text(character.encode_utf8(&mut [0; 4])),
            (None, "amp") => self.text("&"),
            (None, "lt") => self.text("<"),
            (None, "gt") => self.text(">"),
            (None, "quot") => self.text("\""),
            (None, "apos") => self.text("'"),
            (None, "nbsp") => self.text(" "),
            (None, other) => self.text(&format!("&{};", short(other, 40))),
        }
        Ok(())
    }
}

fn attribute(start: &BytesStart<'_>, local_name: &str) -> Result<String, Problem> {
    for attribute in start.attributes() {
        let attribute = attribute.map_err(malformed)?;
        let name = attribute.key.local_name();
        if AsRef::<str>::as_ref(&name) == local_name {
            // An attribute with unknown entities is left out: nothing is guessed.
            let value = attribute.normalized_value(XmlVersion::Implicit1_0).unwrap_or_default();
            return Ok(value
                .get(..value.floor_char_boundary(MAX_TEXT))
                .unwrap_or_default()
                .trim()
                .to_owned());
        }
    }
    Ok(String::new())
}

fn malformed(error: impl std::fmt::Display) -> Problem {
    Problem::Malformed(short(&error.to_string(), 200))
}

#[cfg(test)]
#[path = "entries_tests.rs"]
mod tests;
