//! Which entries are releases, and of what version.

use crate::entries::{Enclosure, Entry};
use crate::problem::Problem;
use serde::Deserialize;
use waystation_document::{Order, Pattern, VersionPattern, moment};
use waystation_listing::{short, web_url};
use waystation_update_source::plugin::http::url::{Url, decode};
use waystation_update_source::{Asset, Release, version};

/// An item's options.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct Options {
    version_in: VersionIn,
    version_pattern: VersionPattern,
    title_filter: Option<Pattern>,
    prerelease_pattern: Option<Pattern>,
    /// What makes an entry the newest.
    pub(crate) order: Order,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            version_in: VersionIn::default(),
            version_pattern: VersionPattern::any(),
            title_filter: None,
            prerelease_pattern: None,
            order: Order::Date,
        }
    }
}

/// The part of an entry in which its version stands.
#[derive(Clone, Copy, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum VersionIn {
    #[default]
    Title,
    Link,
    Id,
}

/// The releases among the entries, in the feed's order. References are resolved against `base`, the feed's
/// own address.
///
/// A feed with entries of which none is a release is an error: a filter or pattern that fits nothing would
/// otherwise look like software without releases.
pub(crate) fn releases(entries: &[Entry], options: &Options, base: &Url) -> Result<Vec<Release>, Problem> {
    let wanted: Vec<&Entry> = entries
        .iter()
        .filter(|entry| options.title_filter.as_ref().is_none_or(|filter| filter.is_match(&entry.title)))
        .collect();
    let releases: Vec<Release> = wanted.iter().filter_map(|entry| release(entry, options, base)).collect();
    match (entries.first(), wanted.first()) {
        (Some(entry), None) => Err(Problem::NoRelease(format!(
            "none of the feed's {} titles fits `title_filter`; the first is `{}`",
            entries.len(),
            short(&entry.title, 120)
        ))),
        (_, Some(entry)) if releases.is_empty() => Err(Problem::NoRelease(format!(
            "no version was found in the {} entries; the first has the title `{}`, the link `{}` and the id `{}`; set `version_pattern` and `version_in`",
            wanted.len(),
            short(&entry.title, 120),
            short(&entry.link, 120),
            short(&entry.id, 120)
        ))),
        _ => Ok(releases),
    }
}

fn release(entry: &Entry, options: &Options, base: &Url) -> Option<Release> {
    let text = match options.version_in {
        VersionIn::Title => &entry.title,
        VersionIn::Link => &entry.link,
        VersionIn::Id => &entry.id,
    };
    let found = options.version_pattern.find(text)?;
    let prerelease = match &options.prerelease_pattern {
        Some(pattern) => pattern.is_match(&entry.title),
        None => version::is_prerelease(found),
    };
    // A feed without links may have them as its ids.
    let link = if entry.link.is_empty() { web_url(&entry.id) } else { resolve(base, &entry.link) };
    Some(Release {
        version: found.to_owned(),
        published_at: moment(&entry.published).or_else(|| moment(&entry.updated)),
        prerelease,
        withdrawn: false,
        channel: None,
        url: link,
        assets: entry.enclosures.iter().filter_map(|enclosure| asset(enclosure, base)).collect(),
        extra: vec![("title".to_owned(), short(&entry.title, 500))],
    })
}

fn asset(enclosure: &Enclosure, base: &Url) -> Option<Asset> {
    let url = resolve(base, &enclosure.url)?;
    let path = url.split(['?', '#']).next().unwrap_or_default().trim_end_matches('/');
    let name = path.rsplit('/').next().and_then(decode).unwrap_or_default();
    Some(Asset {
        name: short(&name, 255),
        url,
        size: enclosure.length.parse().ok().filter(|size| *size > 0),
        digests: Vec::new(),
        media_type: Some(short(&enclosure.media_type, 120)).filter(|kind| kind.contains('/')),
        extra: Vec::new(),
    })
}

fn resolve(base: &Url, reference: &str) -> Option<String> {
    (!reference.is_empty()).then(|| base.resolve(reference).ok()).flatten().map(|url| url.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use waystation_update_source::plugin::config::options;

    fn entry(title: &str) -> Entry {
        Entry { title: title.into(), ..Entry::default() }
    }

    fn of(entries: &[Entry], json: &str) -> Result<Vec<Release>, Problem> {
        releases(entries, &options(json).unwrap(), &Url::parse("https://a.example/feeds/all.xml").unwrap())
    }

    fn versions(entries: &[Entry], json: &str) -> Vec<String> {
        of(entries, json).unwrap().into_iter().map(|release| release.version).collect()
    }

    #[test]
    fn by_default_a_title_with_a_version_is_a_release() {
        let entries = [entry("Tool v1.2.0-rc.1"), entry("We are hiring"), entry("Tool 1.1.0")];
        let releases = of(&entries, "").unwrap();
        assert_eq!(versions(&entries, "{}"), ["1.2.0-rc.1", "1.1.0"]);
        assert_eq!((releases[0].prerelease, releases[1].prerelease), (true, false));
        assert_eq!(releases[0].extra, [("title".to_owned(), "Tool v1.2.0-rc.1".to_owned())]);
    }

    #[test]
    fn options_choose_title_pattern_and_place() {
        let mut entries = [entry("Server 7 (LTS)"), entry("Client 9"), entry("Server 8")];
        entries[2].link = "https://a.example/notes/8-0-1".into();
        assert_eq!(
            versions(&entries, r#"{"title_filter":"^Server","version_pattern":"(\\d+)"}"#),
            ["7", "8"]
        );
        assert_eq!(
            versions(&entries, r#"{"version_in":"link","version_pattern":"notes/(?<version>.+)"}"#),
            ["8-0-1"]
        );
        let json = r#"{"version_pattern":"(\\d+)","prerelease_pattern":"Client"}"#;
        let flags: Vec<_> = of(&entries, json).unwrap().iter().map(|release| release.prerelease).collect();
        assert_eq!(flags, [false, true, false]);
    }

    #[test]
    fn dates_links_and_files_are_made_whole() {
        let full = Entry {
            title: "1.0".into(),
            link: "../notes/1.0".into(),
            published: "nonsense".into(),
            updated: "2026-01-31".into(),
            enclosures: vec![
                Enclosure {
                    url: "/f/a%20b.zip?x".into(),
                    length: "7".into(),
                    media_type: "application/zip".into(),
                },
                Enclosure { url: "javascript:alert(1)".into(), ..Enclosure::default() },
                Enclosure::default(),
            ],
            ..Entry::default()
        };
        let release = of(&[full], "{}").unwrap().remove(0);
        assert_eq!(release.url.as_deref(), Some("https://a.example/notes/1.0"));
        assert_eq!(release.published_at, Some(1_769_817_600));
        assert_eq!(release.assets.len(), 1);
        let asset = &release.assets[0];
        assert_eq!(
            (asset.name.as_str(), asset.url.as_str(), asset.size),
            ("a b.zip", "https://a.example/f/a%20b.zip?x", Some(7))
        );
        let by_id = Entry { id: "https://a.example/x".into(), ..entry("1.0") };
        assert_eq!(of(&[by_id], "{}").unwrap()[0].url.as_deref(), Some("https://a.example/x"));
    }

    #[test]
    fn a_feed_of_which_nothing_fits_is_an_error_that_shows_it() {
        let entries = [entry("We are hiring")];
        for (json, part) in [("{}", "`We are hiring`"), (r#"{"title_filter":"^Tool"}"#, "title_filter")] {
            let problem = of(&entries, json).unwrap_err();
            assert!(problem.to_string().contains(part), "{problem}");
        }
        assert!(of(&[], "{}").unwrap().is_empty());
    }

    #[test]
    fn options_that_do_not_fit_say_where() {
        for (json, part) in [
            (r#"{"version_pattern":"v.*"}"#, "group"),
            (r#"{"title_filter":"("}"#, "title_filter"),
            (r#"{"version_in":"body"}"#, "body"),
            (r#"{"filter":"x"}"#, "filter"),
        ] {
            let error = options::<Options>(json).unwrap_err();
            assert_eq!(error.code, "bad-input");
            assert!(error.message.contains(part), "{}", error.message);
        }
    }
}
