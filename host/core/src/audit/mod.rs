//! The record of what was done: a chain in which each row holds the hash of the one before, so that none can be changed,
//! left out or moved without it showing.
//!
//! A row's hash is SHA-256 over its fields, each with its length before it, and over the hash of the row before. The
//! first row of a tenant has 32 zero bytes before it. Whoever keeps a hash elsewhere (a signed head) can tell that the
//! chain up to there is still the one it was.

pub mod export;
mod head;

pub use head::Head;

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};

/// The hash of a row.
pub type RowHash = [u8; 32];

/// What stands before the first row.
pub const BEGINNING: RowHash = [0; 32];

/// What was done, by whom, to what, and what came of it. No bodies and no secrets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deed {
    /// When.
    pub at: Timestamp,
    /// Who: `agent:mac`, `user:0197…`, `host`.
    pub actor: String,
    /// By what kind of credential: `agent`, `api`, `enrol`, `host`.
    pub plane: &'static str,
    /// What: `ticket.issue`.
    pub action: &'static str,
    /// To what.
    pub target: String,
    /// `ok`, or the code of a refusal.
    pub outcome: String,
    /// The request's id, where there was one.
    pub request: Option<String>,
    /// Where the request came from.
    pub address: Option<String>,
}

/// A row as it is kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// Its number, from 1 on, without a hole.
    pub seq: u64,
    /// Microseconds since 1970.
    pub at: i64,
    /// The fields of the [`Deed`], in the order of the type: actor, plane, action, target, outcome, request, address.
    /// What is not there is the empty text.
    pub fields: [String; 7],
    /// The hash that it was kept with.
    pub hash: RowHash,
}

impl Row {
    /// The row of a deed, after the row with this number and hash.
    #[must_use]
    pub fn after(previous: (u64, &RowHash), deed: Deed) -> Self {
        let at = deed.at.as_microsecond();
        let text = |text: Option<String>| text.unwrap_or_default();
        let fields = [
            deed.actor,
            deed.plane.to_owned(),
            deed.action.to_owned(),
            deed.target,
            deed.outcome,
            text(deed.request),
            text(deed.address),
        ];
        let seq = previous.0 + 1;
        let hash = hash(previous.1, seq, at, &fields);
        Self { seq, at, fields, hash }
    }
}

fn hash(previous: &RowHash, seq: u64, at: i64, fields: &[String; 7]) -> RowHash {
    let mut hasher = Sha256::new();
    hasher.update(b"waystation audit 1\0");
    hasher.update(previous);
    hasher.update(seq.to_be_bytes());
    hasher.update(at.to_be_bytes());
    for field in fields {
        hasher.update((field.len() as u64).to_be_bytes());
        hasher.update(field.as_bytes());
    }
    hasher.finalize().into()
}

/// Where a chain does not hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The row is not what it was, or one before it is not.
    #[error("row {0} was changed")]
    Changed(u64),
    /// Rows between are not there.
    #[error("row {0} is missing")]
    Missing(u64),
    /// A row is where another should be.
    #[error("row {0} is not in its place")]
    Moved(u64),
}

/// Goes along a chain.
#[derive(Debug, Clone)]
pub struct Walk {
    seq: u64,
    hash: RowHash,
}

impl Walk {
    /// From after the row with this number and hash: [`BEGINNING`] and 0, or where a chain was cut.
    #[must_use]
    pub const fn from(seq: u64, hash: RowHash) -> Self {
        Self { seq, hash }
    }

    /// Takes the next row.
    ///
    /// # Errors
    /// Where the chain does not hold. What comes after is not to be judged any more.
    pub fn step(&mut self, row: &Row) -> Result<(), Broken> {
        let expected = self.seq + 1;
        if row.seq > expected {
            return Err(Broken::Missing(expected));
        }
        if row.seq < expected {
            return Err(Broken::Moved(row.seq));
        }
        if hash(&self.hash, row.seq, row.at, &row.fields) != row.hash {
            return Err(Broken::Changed(row.seq));
        }
        (self.seq, self.hash) = (row.seq, row.hash);
        Ok(())
    }

    /// The number and hash of the last row that held.
    #[must_use]
    pub const fn head(&self) -> (u64, RowHash) {
        (self.seq, self.hash)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn deed(target: &str) -> Deed {
        Deed {
            at: Timestamp::UNIX_EPOCH,
            actor: "agent:a".into(),
            plane: "agent",
            action: "ticket.issue",
            target: target.into(),
            outcome: "ok".into(),
            request: None,
            address: None,
        }
    }

    fn chain(targets: &[String]) -> Vec<Row> {
        let mut rows: Vec<Row> = Vec::new();
        for target in targets {
            let (seq, hash) = rows.last().map_or((0, BEGINNING), |row| (row.seq, row.hash));
            rows.push(Row::after((seq, &hash), deed(target)));
        }
        rows
    }

    fn walk(rows: &[Row]) -> Result<(u64, RowHash), Broken> {
        let mut walk = Walk::from(0, BEGINNING);
        rows.iter().try_for_each(|row| walk.step(row)).map(|()| walk.head())
    }

    proptest! {
        #[test]
        fn whatever_is_done_to_a_chain_shows(
            targets in prop::collection::vec("[a-z]{0,8}", 3..12), at in any::<prop::sample::Index>(), field in 0usize..7,
        ) {
            let rows = chain(&targets);
            let head = walk(&rows).unwrap();
            prop_assert_eq!(head.0, rows.len() as u64);
            let at = at.index(rows.len() - 1);
            let mut changed = rows.clone();
            changed[at].fields[field].push('x');
            prop_assert_eq!(walk(&changed), Err(Broken::Changed(rows[at].seq)));
            let mut changed = rows.clone();
            changed[at].at += 1;
            prop_assert_eq!(walk(&changed), Err(Broken::Changed(rows[at].seq)));
            let mut without = rows.clone();
            without.remove(at);
            prop_assert_eq!(walk(&without), Err(Broken::Missing(rows[at].seq)));
            let mut swapped = rows.clone();
            swapped.swap(at, at + 1);
            prop_assert_eq!(walk(&swapped), Err(Broken::Missing(rows[at].seq)));
            let mut twice = rows.clone();
            twice.insert(at + 1, rows[at].clone());
            prop_assert_eq!(walk(&twice), Err(Broken::Moved(rows[at].seq)));
            // A row that is made up anew shows at the next, and at a head that was kept elsewhere.
            let mut forged = rows.clone();
            let before = at.checked_sub(1).map_or((0, BEGINNING), |b| (rows[b].seq, rows[b].hash));
            forged[at] = Row::after((before.0, &before.1), deed("forged!"));
            prop_assert_eq!(walk(&forged), Err(Broken::Changed(rows[at + 1].seq)));
            let cut = walk(&rows[..at + 1]).unwrap();
            prop_assert_ne!(cut, head, "the end of a chain that was cut off is told by a head that was kept");
        }

        #[test]
        fn what_moves_between_fields_is_another_row(one in "[ab]{0,4}", two in "[ab]{0,4}") {
            let of = |actor: &str, target: &str| {
                Row::after((0, &BEGINNING), Deed { actor: actor.into(), ..deed(target) }).hash
            };
            prop_assert_eq!(of(&one, &two) == of(&format!("{one}{two}"), ""), two.is_empty());
        }
    }

    #[test]
    fn a_chain_that_was_trimmed_holds_from_where_it_was_cut() {
        let rows = chain(&["a".into(), "b".into(), "c".into()]);
        let mut walk = Walk::from(1, rows[0].hash);
        assert_eq!(rows[1..].iter().try_for_each(|row| walk.step(row)), Ok(()));
        assert_eq!(walk.head(), (3, rows[2].hash));
        assert_eq!(Walk::from(1, BEGINNING).step(&rows[1]), Err(Broken::Changed(2)));
    }
}
