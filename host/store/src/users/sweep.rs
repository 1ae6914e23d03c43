//! What is over and was kept long enough.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

use super::devices;
use crate::changes::{Change, Work};
use crate::error::StoreError;
use crate::row::micros;
use crate::store::Store;

/// How long failed attempts under a name are remembered.
const ATTEMPTS: Duration = Duration::from_secs(24 * 3_600);

/// How long a login is kept after its end, so that its refresh tokens are known when they are presented again.
const LOGINS: Duration = Duration::from_secs(30 * 24 * 3_600);

/// How long a token is kept after its end.
const TOKENS: Duration = Duration::from_secs(24 * 3_600);

struct Sweep {
    now: Timestamp,
}

impl Change for Sweep {
    type Answer = u64;

    async fn apply(&self, work: &mut Work<'_>) -> Result<u64, StoreError> {
        let mut gone = 0;
        for (text, kept) in [
            ("DELETE FROM login_attempts WHERE at < $1", ATTEMPTS),
            ("DELETE FROM logins WHERE expires_at < $1", LOGINS),
            ("DELETE FROM api_tokens WHERE expires_at < $1", TOKENS),
            ("DELETE FROM links WHERE expires_at < $1", Duration::ZERO),
            ("DELETE FROM provider_states WHERE expires_at < $1", Duration::ZERO),
            ("DELETE FROM provider_codes WHERE expires_at < $1", Duration::ZERO),
            ("DELETE FROM device_logins WHERE expires_at < $1", devices::KEPT),
        ] {
            let kept = SignedDuration::try_from(kept).unwrap_or_default();
            let before = self.now.checked_sub(kept).unwrap_or(Timestamp::MIN);
            gone += sqlx::query(text).bind(micros(before)).execute(work.db()).await?.rows_affected();
        }
        Ok(gone)
    }
}

impl Store {
    /// Removes what is over of logins, tokens, links and attempts. Gives how many rows went.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn sweep_users(&self, now: Timestamp) -> Result<u64, StoreError> {
        self.change(Sweep { now }).await
    }
}
