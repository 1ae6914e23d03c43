//! Several authorities of one host: one issues, others are trusted until they end.

use jiff::Timestamp;

use crate::{Authority, AuthorityCertificate, CrlNumber, PkiError, RevocationList, Revoked};

/// The authorities of a host. What an earlier one issued stays valid when the next one takes over, so that agents
/// change at their own renewal; and each answers for what it issued with a revocation list until it ends.
#[derive(Debug)]
pub struct Authorities {
    issuing: Authority,
    earlier: Vec<Authority>,
}

impl Authorities {
    /// One that issues, and those before it.
    ///
    /// # Errors
    /// `authority-unusable` when one is there twice.
    pub fn new(issuing: Authority, earlier: Vec<Authority>) -> Result<Self, PkiError> {
        let mut ids: Vec<_> = earlier.iter().chain([&issuing]).map(|a| a.certificate().id()).collect();
        ids.sort_unstable();
        if ids.windows(2).any(|pair| matches!(pair, [one, other] if one == other)) {
            return Err(PkiError::Authority { why: "it is there twice" });
        }
        Ok(Self { issuing, earlier })
    }

    /// The one that issues.
    #[must_use]
    pub const fn issuing(&self) -> &Authority {
        &self.issuing
    }

    /// Lets another one issue from now on.
    ///
    /// # Errors
    /// `authority-unusable` when it is there already.
    pub fn rotate(self, next: Authority) -> Result<Self, PkiError> {
        let mut earlier = self.earlier;
        earlier.insert(0, self.issuing);
        Self::new(next, earlier)
    }

    /// Those that are trusted at that time, the issuing one first.
    pub fn trusted(&self, now: Timestamp) -> impl Iterator<Item = &AuthorityCertificate> {
        self.all().map(Authority::certificate).filter(move |a| a.valid_at(now).is_ok())
    }

    /// Forgets those that have ended. The issuing one stays.
    pub fn forget_ended(&mut self, now: Timestamp) {
        self.earlier
            .retain(|a| !matches!(a.certificate().valid_at(now), Err(PkiError::AuthorityExpired { .. })));
    }

    /// The certificates of those that are trusted, as one PEM file: what proxies and agents are given.
    #[must_use]
    pub fn bundle(&self, now: Timestamp) -> String {
        self.trusted(now).map(AuthorityCertificate::to_pem).collect()
    }

    /// A revocation list of each that is trusted, of the same number: each names all serials, of whichever authority.
    ///
    /// # Errors
    /// What [`Authority::revocation_list`] refuses.
    pub fn revocation_lists(
        &self,
        revoked: &[Revoked],
        number: CrlNumber,
        now: Timestamp,
        next_update: Timestamp,
    ) -> Result<Vec<RevocationList>, PkiError> {
        self.all()
            .filter(|a| a.certificate().valid_at(now).is_ok())
            .map(|authority| authority.revocation_list(revoked, number, now, next_update))
            .collect()
    }

    fn all(&self) -> impl Iterator<Item = &Authority> {
        [&self.issuing].into_iter().chain(&self.earlier)
    }
}
