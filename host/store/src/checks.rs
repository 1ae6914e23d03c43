//! The end of checks: everything that they change, in one transaction.

use std::collections::{BTreeMap, HashMap, HashSet};

use waystation_core::{
    check::{Conclusion, Facts, Outcome, Timing, conclude, needs_known},
    id::ItemId,
    item::Item,
};

use crate::{
    error::StoreError,
    releases::Changes,
    store::{Route, Store},
};

/// A check that ended.
#[derive(Debug, Clone)]
pub struct EndedCheck {
    /// Of this item.
    pub item: ItemId,
    /// What its source said.
    pub outcome: Outcome,
    /// When, and when the next one is.
    pub timing: Timing,
}

impl Store {
    /// Concludes a check and keeps what it means: the item's state, its releases, how it stands on machines,
    /// the events, and their messages. All of it or nothing. It also ends the claim on the item.
    ///
    /// It may be called again with the same outcome: events have keys, so their news is told once.
    ///
    /// # Errors
    /// `not-found` where the item was removed meanwhile.
    pub async fn record_check(
        &self,
        id: ItemId,
        outcome: &Outcome,
        timing: &Timing,
        route: &Route<'_>,
    ) -> Result<Conclusion, StoreError> {
        let ended = EndedCheck { item: id, outcome: outcome.clone(), timing: *timing };
        let mut concluded = self.record_checks(std::slice::from_ref(&ended), route).await?;
        concluded.pop().unwrap_or_else(|| Err(StoreError::not_found("item", id)))
    }

    /// [`Store::record_check`] for many at once, in one transaction (and one wait for the disk) as long as they
    /// are of different items. The answers come in the order of the checks.
    ///
    /// # Errors
    /// Those of the database; then nothing of the transaction is kept. `not-found` is the answer for that check
    /// alone.
    pub async fn record_checks(
        &self,
        ended: &[EndedCheck],
        route: &Route<'_>,
    ) -> Result<Vec<Result<Conclusion, StoreError>>, StoreError> {
        let mut answers = BTreeMap::new();
        let mut left: Vec<(usize, &EndedCheck)> = ended.iter().enumerate().collect();
        while !left.is_empty() {
            // The second check of an item builds on what the first one changed.
            let mut seen = HashSet::new();
            let (now, later): (Vec<_>, Vec<_>) = left.into_iter().partition(|(_, e)| seen.insert(e.item));
            self.record_different(&now, route, &mut answers).await?;
            left = later;
        }
        Ok(answers.into_values().collect())
    }

    async fn record_different(
        &self,
        ended: &[(usize, &EndedCheck)],
        route: &Route<'_>,
        answers: &mut BTreeMap<usize, Result<Conclusion, StoreError>>,
    ) -> Result<(), StoreError> {
        let ids: Vec<ItemId> = ended.iter().map(|(_, ended)| ended.item).collect();
        let mut tx = self.begin().await?;
        let items: HashMap<ItemId, Item> =
            tx.lock_items(&ids).await?.into_iter().map(|item| (item.id, item)).collect();
        let mut installed = tx.installed_of(&ids).await?;
        let none = Vec::new();
        let needed: Vec<ItemId> = ended
            .iter()
            .filter_map(|(_, ended)| {
                let (item, installed) =
                    (items.get(&ended.item)?, installed.get(&ended.item).unwrap_or(&none));
                needs_known(item, installed, &ended.outcome).then_some(ended.item)
            })
            .collect();
        let mut stored = tx.known_of(&needed).await?;

        let mut concluded: Vec<(usize, &EndedCheck, Conclusion)> = Vec::with_capacity(ended.len());
        let mut releases = Changes::default();
        for (at, ended) in ended {
            let Some(item) = items.get(&ended.item) else {
                answers.insert(*at, Err(StoreError::not_found("item", ended.item)));
                continue;
            };
            let stored = stored.remove(&item.id).unwrap_or_default();
            let installed = installed.remove(&item.id).unwrap_or_default();
            let facts = Facts { item, known: &stored.releases, installed: &installed };
            let conclusion = conclude(&facts, &ended.outcome, &ended.timing);
            if let Some(known) = &conclusion.known {
                releases.add(item.id, &stored, known)?;
            }
            concluded.push((*at, ended, conclusion));
        }
        tx.change_known(&releases).await?;
        let checks: Vec<_> =
            concluded.iter().map(|(_, ended, c)| (ended.item, &c.check, c.next_check_at)).collect();
        tx.set_checks(&checks).await?;
        for (_, ended, conclusion) in &concluded {
            for (machine, standing) in &conclusion.standings {
                tx.set_standing(ended.item, *machine, standing).await?;
            }
        }
        // Events last: the first one holds up those of everybody else until the transaction ends.
        let events = concluded
            .iter()
            .flat_map(|(_, ended, c)| c.events.iter().map(|event| (ended.timing.now, event.clone())));
        tx.emit_all(events.collect(), route).await?;
        tx.commit().await?;
        answers.extend(concluded.into_iter().map(|(at, _, conclusion)| (at, Ok(conclusion))));
        Ok(())
    }
}
