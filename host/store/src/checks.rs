//! The end of a check: everything that it changes, in one transaction.

use waystation_core::{
    check::{Conclusion, Facts, Outcome, Timing, conclude},
    id::ItemId,
};

use crate::{
    error::StoreError,
    store::{Route, Store},
};

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
        let mut tx = self.begin().await?;
        let item = tx.lock_item(id).await?;
        let known = tx.known(id).await?;
        let installed = tx.installed(id).await?;
        let conclusion =
            conclude(&Facts { item: &item, known: &known, installed: &installed }, outcome, timing);
        tx.set_known(id, &known, &conclusion.known).await?;
        tx.set_check(id, &conclusion.check, conclusion.next_check_at).await?;
        for (machine, standing) in &conclusion.standings {
            tx.set_standing(id, *machine, standing).await?;
        }
        for event in &conclusion.events {
            tx.emit(timing.now, event.clone(), route).await?;
        }
        tx.commit().await?;
        Ok(conclusion)
    }
}
