//! The known releases of items, in an order that is cheap to add to.

use std::collections::{HashMap, HashSet};

use sqlx::AssertSqlSafe;
use waystation_core::{id::ItemId, item::KnownRelease};

use crate::{
    bulk,
    error::StoreError,
    row::{clean, from_json, micros, parsed, time, to_json},
    store::{Store, Tx},
};

/// The stored releases of an item, newest first.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    pub(crate) releases: Vec<KnownRelease>,
    /// The place of each: the newer, the larger the number. Between two of them there may be gaps.
    positions: Vec<i64>,
}

/// What parts the releases of an item when they come as one text: JSON has no line break in it, nor has a number.
const BETWEEN: char = '\n';

fn release(first_seen: i64, body: &str) -> Result<KnownRelease, StoreError> {
    Ok(KnownRelease { release: from_json(body)?, first_seen: time(first_seen)? })
}

impl Stored {
    /// Reads lines of position, time and release.
    fn read(text: &str) -> Result<Self, StoreError> {
        let mut stored = Self::default();
        for line in text.split(BETWEEN) {
            let mut parts = line.splitn(3, ' ');
            let mut part = || parts.next().unwrap_or_default();
            let (position, first_seen) = (from_json(part())?, from_json(part())?);
            stored.releases.push(release(first_seen, part())?);
            stored.positions.push(position);
        }
        Ok(stored)
    }
}

/// What turns the stored releases of some items into others.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    gone: Vec<(String, String)>,
    written: Vec<Written>,
}

#[derive(Debug)]
struct Written {
    item: String,
    version: String,
    position: i64,
    first_seen: i64,
    body: String,
}

impl Changes {
    /// Makes `after`, newest first, the releases of an item. What stays as it is is not written, and a
    /// release on top of the others moves none of them.
    pub(crate) fn add(
        &mut self,
        item: ItemId,
        before: &Stored,
        after: &[KnownRelease],
    ) -> Result<(), StoreError> {
        let item = item.to_string();
        let stays: HashSet<&str> = after.iter().map(|known| known.release.version.as_str()).collect();
        let gone = before.releases.iter().map(|known| &known.release.version);
        let gone = gone.filter(|version| !stays.contains(version.as_str()));
        self.gone.extend(gone.map(|version| (item.clone(), clean(version))));

        let places = before.releases.iter().zip(&before.positions);
        let before: HashMap<&str, (&KnownRelease, i64)> =
            places.map(|(known, at)| (known.release.version.as_str(), (known, *at))).collect();
        let mut seen = HashSet::new();
        let mut below = i64::MIN;
        for known in after.iter().rev() {
            let version = clean(&known.release.version);
            // One statement can write a row once only.
            if !seen.insert(version.clone()) {
                continue;
            }
            let stored = before.get(known.release.version.as_str());
            let kept = stored.map(|(_, position)| *position).filter(|position| *position > below);
            let position = kept.unwrap_or(below.max(-1) + 1);
            below = position;
            if stored.is_some_and(|(stored, at)| *at == position && *stored == known) {
                continue;
            }
            self.written.push(Written {
                item: item.clone(),
                version,
                position,
                first_seen: micros(known.first_seen),
                body: to_json(&known.release)?,
            });
        }
        Ok(())
    }
}

impl Tx<'_> {
    /// The known releases of an item, newest first.
    pub(crate) async fn known(&mut self, id: ItemId) -> Result<Stored, StoreError> {
        Ok(self.known_of(&[id]).await?.remove(&id).unwrap_or_default())
    }

    /// The known releases of these items, newest first each.
    pub(crate) async fn known_of(&mut self, ids: &[ItemId]) -> Result<HashMap<ItemId, Stored>, StoreError> {
        let mut known: HashMap<ItemId, Stored> = HashMap::new();
        for group in bulk::filled(ids) {
            // A row each would cost more on its way here than in the database.
            let text = format!(
                "SELECT item_id, string_agg(position || ' ' || first_seen || ' ' || body, '{BETWEEN}'
                 ORDER BY position DESC) FROM releases WHERE item_id IN ({}) GROUP BY item_id",
                bulk::list(group.len())
            );
            let mut query = sqlx::query_as(AssertSqlSafe(text));
            for id in group {
                query = query.bind(id.to_string());
            }
            let rows: Vec<(String, String)> = query.fetch_all(&mut *self.tx).await?;
            for (id, releases) in rows {
                known.insert(parsed(&id)?, Stored::read(&releases)?);
            }
        }
        Ok(known)
    }

    pub(crate) async fn change_known(&mut self, changes: &Changes) -> Result<(), StoreError> {
        for run in bulk::runs(&changes.gone) {
            let text = format!(
                "DELETE FROM releases WHERE (item_id, version) IN (VALUES {})",
                bulk::values(run.len(), 2)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for (item, version) in run {
                query = query.bind(item.as_str()).bind(version.as_str());
            }
            query.execute(&mut *self.tx).await?;
        }
        for run in bulk::runs(&changes.written) {
            let text = format!(
                "INSERT INTO releases (item_id, version, position, first_seen, body) VALUES {}
                 ON CONFLICT (item_id, version) DO UPDATE SET position = excluded.position, body = excluded.body",
                bulk::values(run.len(), 5)
            );
            let mut query = sqlx::query(AssertSqlSafe(text));
            for row in run {
                query = query
                    .bind(row.item.as_str())
                    .bind(row.version.as_str())
                    .bind(row.position)
                    .bind(row.first_seen)
                    .bind(row.body.as_str());
            }
            query.execute(&mut *self.tx).await?;
        }
        Ok(())
    }
}

impl Store {
    /// The known releases of an item, newest first.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn releases(&self, id: ItemId) -> Result<Vec<KnownRelease>, StoreError> {
        let rows: Vec<(i64, String)> =
            sqlx::query_as("SELECT first_seen, body FROM releases WHERE item_id = $1 ORDER BY position DESC")
                .bind(id.to_string())
                .fetch_all(self.reader())
                .await?;
        rows.into_iter().map(|(first_seen, body)| release(first_seen, &body)).collect()
    }
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;
    use waystation_core::{id::IdRandom, release::Release};

    use super::*;

    fn id() -> ItemId {
        ItemId::new(Timestamp::UNIX_EPOCH, &IdRandom::default())
    }

    fn known(version: &str) -> KnownRelease {
        KnownRelease { release: Release::new(version), first_seen: Timestamp::UNIX_EPOCH }
    }

    /// Applies changes as the database would.
    fn applied(before: &Stored, after: &[&str]) -> (Stored, Changes) {
        let after: Vec<KnownRelease> = after.iter().copied().map(known).collect();
        let mut changes = Changes::default();
        changes.add(id(), before, &after).unwrap();
        let mut rows: Vec<(i64, String)> = before
            .positions
            .iter()
            .zip(versions(before))
            .map(|(position, version)| (*position, version.to_owned()))
            .collect();
        rows.retain(|(_, row)| changes.gone.iter().all(|(_, version)| version != row));
        for written in &changes.written {
            rows.retain(|(_, row)| *row != written.version);
            rows.push((written.position, written.version.clone()));
        }
        rows.sort_by_key(|(position, _)| std::cmp::Reverse(*position));
        let releases = rows.iter().map(|(_, version)| known(version)).collect();
        (Stored { releases, positions: rows.into_iter().map(|(position, _)| position).collect() }, changes)
    }

    fn versions(rows: &Stored) -> Vec<&str> {
        rows.releases.iter().map(|known| known.release.version.as_str()).collect()
    }

    #[test]
    fn a_release_on_top_moves_no_other() {
        let (rows, first) = applied(&Stored::default(), &["3", "2", "1"]);
        assert_eq!((versions(&rows), first.written.len()), (vec!["3", "2", "1"], 3));
        let (rows, second) = applied(&rows, &["4", "3", "2"]);
        assert_eq!((second.gone.len(), second.written.len()), (1, 1));
        let (rows, third) = applied(&rows, &["4", "3", "2"]);
        assert_eq!((third.gone.len(), third.written.len()), (0, 0));
        assert_eq!(versions(&rows), ["4", "3", "2"]);
    }

    #[test]
    fn every_order_comes_out_as_it_was_given() {
        let orders =
            [&["a", "b", "c", "d"][..], &["d", "c", "b", "a"], &["b", "x", "a"], &[], &["x", "b", "y", "a"]];
        for one in orders {
            for other in orders {
                let (rows, _) = applied(&Stored::default(), one);
                let (rows, _) = applied(&rows, other);
                assert_eq!(versions(&rows), other, "after {one:?}");
            }
        }
    }

    #[test]
    fn a_version_that_is_told_twice_is_written_once() {
        let (rows, changes) = applied(&Stored::default(), &["1\0", "1\u{fffd}"]);
        assert_eq!((rows.releases.len(), changes.written.len()), (1, 1));
    }
}
