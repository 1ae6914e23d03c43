//! The lists of revoked certificates that the host gives to others: one of each of its authorities, signed anew when
//! something changes, or when half of its time is over.
//!
//! The number of a list is the time of the last revocation on it, as far as the database remembers: hosts that share
//! one give lists of the same content the same number, and no later list a lower one.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use tokio::sync::Mutex;
use waystation_pki::{CrlNumber, KeyHash, PkiError, Reason, Revoked, Serial};
use waystation_store::tickets::RevokedCertificate;
use waystation_store::{Store, StoreError};

use super::Pki;

/// How long a list is good.
const LIFE: SignedDuration = SignedDuration::from_hours(24);

/// The counter that holds the highest number that any host gave.
const COUNTER: &str = "crl";

/// The lists that hold now.
#[derive(Debug)]
pub(crate) struct Lists {
    pub(crate) number: u64,
    pub(crate) made_at: Timestamp,
    /// That of the issuing authority first.
    pub(crate) all: Vec<List>,
}

/// The list of one authority.
#[derive(Debug)]
pub(crate) struct List {
    pub(crate) authority: KeyHash,
    pub(crate) der: Vec<u8>,
    pub(crate) pem: String,
}

/// See the module.
#[derive(Debug, Default)]
pub(crate) struct Crl {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    stored: Vec<Revoked>,
    /// Those of the file, since when they were seen there.
    listed: BTreeMap<Serial, Timestamp>,
    made: Option<Arc<Lists>>,
}

/// Why there is no list.
#[derive(Debug, thiserror::Error)]
pub(crate) enum NoList {
    /// The host has nothing to sign with.
    #[error("this host has no authority; set `server.tls.enabled` or `server.proxy.certificate_header`")]
    NoAuthority,
    #[error(transparent)]
    Pki(#[from] PkiError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl Crl {
    /// Takes note of what the database says.
    pub(crate) async fn set(&self, revoked: &[RevokedCertificate]) -> Result<(), PkiError> {
        let entry = |one: &RevokedCertificate| {
            let reason = if one.superseded { Reason::Superseded } else { Reason::PrivilegeWithdrawn };
            Ok::<_, PkiError>(Revoked { serial: one.serial.parse()?, at: one.at, reason })
        };
        let stored: Vec<Revoked> = revoked.iter().map(entry).collect::<Result<_, _>>()?;
        let mut state = self.state.lock().await;
        if state.stored != stored {
            (state.stored, state.made) = (stored, None);
        }
        Ok(())
    }

    /// The lists that hold now.
    pub(crate) async fn lists(&self, pki: &Pki, store: &Store, now: Timestamp) -> Result<Arc<Lists>, NoList> {
        let authorities = pki.authorities().ok_or(NoList::NoAuthority)?;
        let mut state = self.state.lock().await;
        let listed = pki.revoked().listed();
        if listed.len() != state.listed.len() || listed.iter().any(|one| !state.listed.contains_key(one)) {
            let seen = |one: Serial| {
                let since = state.listed.get(&one).copied().unwrap_or(now);
                (one, since)
            };
            state.listed = listed.into_iter().map(seen).collect();
            state.made = None;
        }
        if let Some(made) = state.made.as_ref().filter(|made| now < half(made.made_at)) {
            return Ok(Arc::clone(made));
        }
        let of_file = state.listed.iter().map(|(serial, at)| Revoked {
            serial: serial.clone(),
            at: *at,
            reason: Reason::Unspecified,
        });
        let revoked: Vec<Revoked> = state.stored.iter().cloned().chain(of_file).collect();
        let last = revoked.iter().map(|one| one.at.as_microsecond()).max().unwrap_or_default();
        let number = store.raise(COUNTER, u64::try_from(last).unwrap_or_default().max(1)).await?;
        let next_update = now.checked_add(LIFE).unwrap_or(Timestamp::MAX);
        let lists = authorities.revocation_lists(&revoked, CrlNumber(number), now, next_update)?;
        let all = authorities.trusted(now).zip(lists).map(|(authority, list)| List {
            authority: authority.id(),
            der: list.der().to_vec(),
            pem: list.to_pem(),
        });
        let made = Arc::new(Lists { number, made_at: now, all: all.collect() });
        state.made = Some(Arc::clone(&made));
        Ok(made)
    }
}

/// From when on a list of that time is made anew.
fn half(made_at: Timestamp) -> Timestamp {
    made_at.checked_add(LIFE / 2).unwrap_or(Timestamp::MAX)
}
