//! `[identity]`: how users prove themselves, and for how long that holds.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use waystation_identity::{Lockout, Rate};
use waystation_store::users::Lives;

use super::oidc::Oidc;
use super::peers::paths;
use super::text::{Name, TimeSpan};

/// How users log in.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default, deny_unknown_fields)]
pub struct Identity {
    /// The key that access tokens are signed and second factors are encrypted with: 64 hex digits. By default the file
    /// `identity-key` in `server.data_dir`, which the host makes. Hosts that share a database share this key.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("format" = "path"))]
    pub key_file: Option<PathBuf>,
    /// Keys that `key_file` replaced. Their tokens are good for 15 minutes after the start, and second factors open until
    /// their owners used them once. At most 8.
    #[schemars(schema_with = "paths")]
    pub old_key_files: Vec<PathBuf>,
    /// How long a login goes on without being used.
    #[schemars(extend("x-min" = "15m", "x-max" = "90d"))]
    pub login_life: TimeSpan,
    /// Attempts to log in from one address within a minute.
    #[schemars(range(min = 1, max = 10_000))]
    pub login_rate: u32,
    /// Failures that lock a name out for `lock`.
    #[schemars(range(min = 1, max = 1_000))]
    pub lock_after: u32,
    /// See `lock_after`.
    #[schemars(extend("x-min" = "1s", "x-max" = "1d"))]
    pub lock: TimeSpan,
    /// The longest life of an API token.
    #[schemars(extend("x-min" = "1h", "x-max" = "3650d"))]
    pub token_life: TimeSpan,
    /// Passwords that are checked at the same time; each takes 19 MiB.
    #[schemars(range(min = 1, max = 64))]
    pub password_checks: u32,
    /// Providers that users log in at, each under a name of your choice.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub oidc: BTreeMap<Name, Oidc>,
}

impl Default for Identity {
    fn default() -> Self {
        let span = |time: std::time::Duration| TimeSpan::seconds(time.as_secs());
        let (rate, lockout) = (waystation_identity::LOGIN_RATE, Lockout::DEFAULT);
        Self {
            key_file: None,
            old_key_files: Vec::new(),
            login_life: span(waystation_identity::REFRESH_LIFE),
            login_rate: rate.burst,
            lock_after: lockout.failures,
            lock: span(lockout.lock),
            token_life: TimeSpan::seconds(366 * 86_400),
            password_checks: 2,
            oidc: BTreeMap::new(),
        }
    }
}

impl Identity {
    /// The same for the store.
    #[must_use]
    pub fn lives(&self) -> Lives {
        Lives {
            rate: Rate { burst: self.login_rate, per: waystation_identity::LOGIN_RATE.per },
            lockout: Lockout { failures: self.lock_after, lock: self.lock.duration() },
            refresh: self.login_life.duration(),
        }
    }

    pub(super) fn rebase(&mut self, base: &Path) {
        self.key_file = self.key_file.take().map(|file| base.join(file));
        self.old_key_files.iter_mut().for_each(|file| *file = base.join(&*file));
        self.oidc.values_mut().for_each(|provider| provider.rebase(base));
    }
}
