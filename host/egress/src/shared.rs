//! `Shared`: what all clients of a host have in common.

use std::sync::Arc;
use std::time::SystemTime;

use crate::attempt::Clock;
use crate::{Resolver, Roots, Screening, SystemResolver};

/// Resolver, trust roots, the host's key to addresses that are not public, and the clock. No client holds
/// connections or TLS sessions in here.
#[derive(Clone)]
pub struct Shared {
    pub(crate) resolver: Arc<dyn Resolver>,
    pub(crate) roots: Roots,
    pub(crate) screening: Screening,
    pub(crate) clock: Clock,
}

impl Shared {
    /// With this system's resolver and clock, and addresses that are not public closed.
    #[must_use]
    pub fn new(roots: Roots) -> Self {
        Self {
            resolver: Arc::new(SystemResolver),
            roots,
            screening: Screening::default(),
            clock: Arc::new(SystemTime::now),
        }
    }

    /// With another resolver.
    #[must_use]
    pub fn with_resolver(self, resolver: Arc<dyn Resolver>) -> Self {
        Self { resolver, ..self }
    }

    /// With the host's flag as it is configured.
    #[must_use]
    pub fn with_screening(self, screening: Screening) -> Self {
        Self { screening, ..self }
    }

    /// With another wall clock. It dates records and decides nothing.
    #[must_use]
    pub fn with_clock(self, clock: impl Fn() -> SystemTime + Send + Sync + 'static) -> Self {
        Self { clock: Arc::new(clock), ..self }
    }
}

impl std::fmt::Debug for Shared {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Shared").field("screening", &self.screening).finish_non_exhaustive()
    }
}
