//! That somebody was denied something goes on record, so many times an hour for each: nobody fills the record by trying.

use std::time::Duration;

use waystation_identity::Rate;

use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::store::Store;
use crate::tickets::Caller;

/// How many go on record.
const RATE: Rate = Rate { burst: 60, per: Duration::from_secs(3_600) };

struct Note {
    caller: Caller,
    what: String,
    why: &'static str,
}

impl Change for Note {
    type Answer = ();

    async fn apply(&self, work: &mut Work<'_>) -> Result<(), StoreError> {
        let Self { caller, what, why } = self;
        let name = format!("denied:{}:{}", caller.tenant, caller.actor);
        if super::login::take_named(work, &name, RATE, caller.now).await?.is_ok() {
            caller.note(work, "denied", what.as_str(), why);
        }
        Ok(())
    }
}

impl Store {
    /// Puts on record that somebody was denied something, unless that was told of them too often lately.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn note_denied(
        &self,
        caller: Caller,
        what: String,
        why: &'static str,
    ) -> Result<(), StoreError> {
        self.change(Note { caller, what, why }).await
    }
}
