//! A way back in for somebody who has none, made by whoever has the host's own files.

use jiff::Timestamp;
use waystation_core::name::UserName;
use waystation_core::user::UserRefusal;
use waystation_identity::LinkToken;

use super::factor::end_factor;
use super::links::Make;
use super::people::{find, unlock};
use super::{Outcome, word};
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::store::Store;
use crate::tickets::Caller;

struct Rescue {
    link: Make,
    name: UserName,
    factor_off: bool,
}

impl Change for Rescue {
    type Answer = Outcome<Timestamp>;

    async fn apply(&self, work: &mut Work<'_>) -> Result<Self::Answer, StoreError> {
        let Self { link, name, factor_off } = self;
        let caller = &link.caller;
        let Some(user) = find(work.db(), &caller.tenant, name).await? else {
            return Ok(Err(UserRefusal::NoUser));
        };
        let made = link.make(work).await?;
        if made.is_ok() {
            unlock(work, caller, (user.id, name)).await?;
            if *factor_off {
                end_factor(work, &user.id.to_string()).await?;
            }
        }
        let target = if *factor_off { format!("{name} without second factor") } else { name.to_string() };
        caller.note(work, "user.rescue", target, word(&made));
        Ok(made)
    }
}

impl Store {
    /// Unlocks a user, keeps a link with which they choose a password, and asks them for no second factor any more where
    /// that is wanted. Gives until when the link can be used.
    ///
    /// # Errors
    /// Those of the database. Refused with `NoUser`, `Service`.
    pub async fn rescue_user(
        &self,
        caller: Caller,
        (token, name): (LinkToken, UserName),
        factor_off: bool,
    ) -> Result<Outcome<Timestamp>, StoreError> {
        let link = Make { caller, token, of: Some(name.clone()) };
        self.change(Rescue { link, name, factor_off }).await
    }
}
