//! The word somebody meant.

/// The candidate that is so close to `word` that it is likely what was meant.
pub(super) fn nearest<C: AsRef<str>>(word: &str, candidates: impl IntoIterator<Item = C>) -> Option<C> {
    let fold = |text: &str| text.to_lowercase().replace('-', "_");
    let word = fold(word);
    let length = word.chars().count();
    if length > 128 {
        return None;
    }
    let scored = candidates.into_iter().filter_map(|candidate| {
        let folded = fold(candidate.as_ref());
        let distance = strsim::damerau_levenshtein(&word, &folded);
        let likeness = strsim::jaro_winkler(&word, &folded);
        // One slip in a short word, one more for each four letters; or the same beginning and most letters.
        let close = distance <= 1 + length.min(folded.chars().count()) / 4;
        (close || likeness >= 0.9).then_some((distance, likeness, candidate))
    });
    let best = scored.min_by(|a, b| a.0.cmp(&b.0).then(b.1.total_cmp(&a.1)));
    best.map(|(_, _, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn slips_find_their_word_and_strangers_find_none() {
        let keys = ["listen", "data_dir", "public_url", "shutdown_grace"];
        for (word, meant) in [
            ("listn", Some("listen")),
            ("lisetn", Some("listen")),
            ("data-dir", Some("data_dir")),
            ("publicUrl", Some("public_url")),
            ("shutdown", Some("shutdown_grace")),
            ("port", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, keys), meant, "{word}");
        }
        assert_eq!(nearest(&"x".repeat(100_000), keys), None);
    }
}
