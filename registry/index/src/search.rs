//! Which plugin somebody means.

use std::cmp::Reverse;

use crate::entry::Entry;

/// What a word is worth where it is found. The whole name says most, what is only like it least.
mod worth {
    pub(super) const NAME: u32 = 100;
    pub(super) const START: u32 = 60;
    pub(super) const PART: u32 = 40;
    pub(super) const KIND: u32 = 30;
    pub(super) const SUMMARY_WORD: u32 = 20;
    pub(super) const SUMMARY_PART: u32 = 10;
    pub(super) const LIKE: u32 = 5;
}

/// Those in which every word of the query is found, the best first, then by name. No word finds all.
pub(crate) fn rank<'a>(query: &str, entries: impl Iterator<Item = &'a Entry>) -> Vec<&'a Entry> {
    let words: Vec<String> = query.split_whitespace().map(str::to_lowercase).collect();
    let mut found: Vec<_> = entries.filter_map(|entry| Some((score(&words, entry)?, entry))).collect();
    found.sort_by_key(|(score, entry)| (Reverse(*score), entry.name.as_str()));
    found.into_iter().map(|(_, entry)| entry).collect()
}

fn score(words: &[String], entry: &Entry) -> Option<u32> {
    let summary = entry.about.summary.to_lowercase();
    let (namespace, short) = entry.name.split_once('/')?;
    let world = entry.about.kind.split_once('@').map_or(entry.about.kind.as_str(), |(world, _)| world);
    words.iter().map(|word| one(word, entry, namespace, short, world, &summary)).sum()
}

fn one(word: &str, entry: &Entry, namespace: &str, short: &str, world: &str, summary: &str) -> Option<u32> {
    let mut in_summary = summary.split(|c: char| !c.is_alphanumeric());
    Some(match () {
        () if word == entry.name || word == short => worth::NAME,
        () if word == namespace || short.starts_with(word) => worth::START,
        () if entry.name.contains(word) => worth::PART,
        () if word == world || word == entry.about.kind => worth::KIND,
        () if in_summary.any(|other| other == word) => worth::SUMMARY_WORD,
        () if summary.contains(word) => worth::SUMMARY_PART,
        () if strsim::jaro_winkler(word, short) > 0.88 => worth::LIKE,
        () => return None,
    })
}
