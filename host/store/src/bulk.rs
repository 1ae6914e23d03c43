//! Statements over many rows at once.
//!
//! Each number of rows is a statement of its own, to be prepared by the database. So there are few sizes: a
//! list of keys is filled up to the next size by repeating its last key, rows are written in runs of a size.

use std::fmt::Write as _;

/// How many rows a statement may be for, largest first.
const SIZES: [usize; 3] = [64, 8, 1];

/// The keys in groups, each filled up to one of few sizes.
pub(crate) fn filled<K: Clone>(keys: &[K]) -> impl Iterator<Item = Vec<K>> {
    keys.chunks(SIZES[0]).map(|keys| {
        let size = SIZES.into_iter().rev().find(|size| *size >= keys.len()).unwrap_or(SIZES[0]);
        let mut group = keys.to_vec();
        if let Some(last) = keys.last() {
            group.resize(size, last.clone());
        }
        group
    })
}

/// The rows in runs, each of one of few sizes.
pub(crate) fn runs<R>(mut rows: &[R]) -> impl Iterator<Item = &[R]> {
    std::iter::from_fn(move || {
        let size = SIZES.into_iter().find(|size| *size <= rows.len())?;
        let (run, rest) = rows.split_at(size);
        rows = rest;
        Some(run)
    })
}

/// `$1, $2, …`
pub(crate) fn list(keys: usize) -> String {
    let mut text = String::new();
    for n in 1..=keys {
        let _ = write!(text, "{}${n}", if n == 1 { "" } else { ", " });
    }
    text
}

/// `($1, $2), ($3, $4), …`
pub(crate) fn values(rows: usize, columns: usize) -> String {
    let mut text = String::new();
    for row in 0..rows {
        text.push_str(if row == 0 { "(" } else { "), (" });
        for column in 1..=columns {
            let _ = write!(text, "{}${}", if column == 1 { "" } else { ", " }, row * columns + column);
        }
    }
    text.push(')');
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_filled_up_with_the_last_one() {
        for (count, sizes) in [(0, vec![]), (1, vec![1]), (3, vec![8]), (9, vec![64]), (70, vec![64, 8])] {
            let keys: Vec<usize> = (0..count).collect();
            let groups: Vec<Vec<usize>> = filled(&keys).collect();
            assert_eq!(groups.iter().map(Vec::len).collect::<Vec<_>>(), sizes, "{count}");
            let mut all: Vec<usize> = groups.concat();
            all.dedup();
            assert_eq!(all, keys);
        }
    }

    #[test]
    fn runs_hold_every_row_once() {
        for count in [0, 1, 7, 8, 9, 64, 145] {
            let rows: Vec<usize> = (0..count).collect();
            assert!(runs(&rows).all(|run| SIZES.contains(&run.len())));
            assert_eq!(runs(&rows).flatten().copied().collect::<Vec<_>>(), rows);
        }
    }

    #[test]
    fn placeholders_are_numbered() {
        assert_eq!(list(3), "$1, $2, $3");
        assert_eq!(values(2, 2), "($1, $2), ($3, $4)");
    }
}
