//! What the host needs for tickets beside the database: a key, limits, and somebody who sweeps.

mod direct;

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;
use waystation_core::enrolment::EnrolmentLimits;
use waystation_core::name::TenantName;
use waystation_core::ticket::{TicketKey, TicketLimits};
use waystation_store::tickets::Looked;

use crate::api::origin::Origin;
use crate::config::Config;
use crate::error::StartError;
use crate::host::Host;
use crate::key_file::{self, KeyFile};

pub(crate) use direct::Refused;
#[cfg(any(test, fuzzing))]
pub(crate) use direct::holds as direct_holds;

/// Between two sweeps, and between two looks at revocations.
const LOOK: Duration = Duration::from_secs(5);

/// Between two looks at what other hosts wrote; it varies by a quarter.
const OTHERS: Duration = Duration::from_millis(800);

/// See the module.
pub(crate) struct Tickets {
    pub(crate) key: TicketKey,
    pub(crate) limits: Arc<TicketLimits>,
    /// How often one agent may listen at the same time.
    pub(crate) streams: usize,
    pub(crate) enrolment: EnrolmentLimits,
    private_addresses: bool,
}

impl Tickets {
    /// Reads the key, or makes it.
    pub(crate) fn open(config: &Config) -> Result<Self, StartError> {
        const KEY: KeyFile = KeyFile { name: "ticket-key", of: "tickets" };
        let key = key_file::open(KEY, config.tickets.key_file.as_deref(), &config.server.data_dir)?;
        let key = TicketKey::new(key);
        let limits = Arc::new(config.tickets.limits());
        let (enrolment, streams) = (config.enrolment.limits(), config.tickets.max_streams as usize);
        Ok(Self { key, limits, enrolment, streams, private_addresses: config.tickets.private_addresses })
    }

    /// Whether a target may be sent to this host.
    pub(crate) async fn direct(&self, host: &str) -> Result<(), Refused> {
        direct::check(host, self.private_addresses).await
    }
}

/// The tenant of everybody whose certificate names none.
pub(crate) fn default_tenant() -> Option<TenantName> {
    "default".parse().ok()
}

/// Ends and removes what time has come for, until the host stops.
pub(crate) async fn sweep(host: Host, stop: CancellationToken) {
    let Some(tenant) = default_tenant() else { return };
    while !stop.is_cancelled() {
        match host.store().sweep_enrolments(Timestamp::now()).await {
            Ok(true) => continue,
            Ok(false) => {}
            Err(e) => tracing::error!(code = e.code(), error = %e, "enrolments were not swept; trying again"),
        }
        let origin = Origin::default();
        let caller = origin.caller(tenant.clone(), "host".into(), "host");
        match host.store().sweep_tickets(caller, Arc::clone(&host.tickets().limits)).await {
            Ok(swept) if swept.more => continue,
            Ok(_) => {}
            Err(e) => tracing::error!(code = e.code(), error = %e, "tickets were not swept; trying again"),
        }
        stop.run_until_cancelled(tokio::time::sleep(LOOK)).await;
    }
}

/// Takes note of what other hosts revoked, until the host stops. Apart from the sweeps: what there is to sweep holds it up
/// by nothing.
pub(crate) async fn watch_revocations(host: Host, stop: CancellationToken) {
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        if let Err(e) = host.look_at_revocations().await {
            tracing::error!(code = e.code(), error = %e, "revocations were not read; those that are known hold");
        }
    }
}

/// Finds what other hosts wrote for agents that listen here, until the host stops. Only where the database is shared.
pub(crate) async fn watch_others(host: Host, stop: CancellationToken) {
    let (mut looked, mut failing) = (Looked::default(), false);
    if !host.store().is_shared() {
        return;
    }
    let between = || OTHERS.mul_f64(0.75 + rand::random::<f64>() / 2.0);
    while stop.run_until_cancelled(tokio::time::sleep(between())).await.is_some() {
        let found = host.store().look_for_others(&mut looked, Timestamp::now()).await;
        if let (Err(e), false) = (&found, failing) {
            tracing::error!(code = e.code(), error = %e, "what other hosts wrote was not read; trying again");
        }
        failing = found.is_err();
    }
}
