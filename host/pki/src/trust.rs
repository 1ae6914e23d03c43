//! Who is trusted and what is revoked, at this moment.

use std::collections::HashSet;
use std::sync::Arc;

use arc_swap::ArcSwap;
use jiff::Timestamp;

use crate::{AuthorityCertificate, LegacyAuthority, Serial};

/// What every look at a certificate looks at. It is changed by its owner, and a change counts from the next look on, for
/// new connections and for those that ask whether they are still good.
///
/// Serials are compared whoever issued them: ours are 159 random bits, and where another authority's happens to be the
/// same, more is refused, never less.
#[derive(Debug, Default)]
pub struct TrustStore {
    authorities: ArcSwap<Vec<AuthorityCertificate>>,
    legacy: ArcSwap<Vec<LegacyAuthority>>,
    revoked: ArcSwap<HashSet<Serial>>,
}

impl TrustStore {
    /// With these authorities, and nothing revoked.
    #[must_use]
    pub fn new(authorities: Vec<AuthorityCertificate>) -> Self {
        let store = Self::default();
        store.trust(authorities);
        store
    }

    /// Trusts these authorities and no others. What one issued that is not among them is refused from now on.
    pub fn trust(&self, authorities: Vec<AuthorityCertificate>) {
        self.authorities.store(Arc::new(authorities));
    }

    /// Trusts these authorities of another system behind proxies, and no others.
    pub fn trust_legacy(&self, authorities: Vec<LegacyAuthority>) {
        self.legacy.store(Arc::new(authorities));
    }

    /// Revokes one more.
    pub fn revoke(&self, serial: &Serial) {
        self.revoked.rcu(|revoked| {
            let mut revoked = HashSet::clone(revoked);
            revoked.insert(serial.clone());
            revoked
        });
    }

    /// Revokes these and no others: what the database says.
    pub fn set_revoked(&self, serials: HashSet<Serial>) {
        self.revoked.store(Arc::new(serials));
    }

    /// Whether that one is revoked.
    #[must_use]
    pub fn is_revoked(&self, serial: &Serial) -> bool {
        self.revoked.load().contains(serial)
    }

    /// Those that are trusted at that time.
    #[must_use]
    pub fn authorities(&self, now: Timestamp) -> Vec<AuthorityCertificate> {
        self.authorities.load().iter().filter(|a| a.valid_at(now).is_ok()).cloned().collect()
    }

    pub(crate) fn legacy(&self) -> Arc<Vec<LegacyAuthority>> {
        self.legacy.load_full()
    }

    pub(crate) fn all(&self) -> Arc<Vec<AuthorityCertificate>> {
        self.authorities.load_full()
    }
}
