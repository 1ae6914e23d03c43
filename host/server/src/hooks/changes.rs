//! What became of sessions, told to hooks: after it was kept, in order, one by one, and in nobody's way. Where changes
//! come faster than hooks take them, what does not fit is counted and left out.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use sha2::{Digest as _, Sha256};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;
use waystation_store::tickets::SessionChange;
use waystation_worlds::hook;

use crate::config::HookPoint;
use crate::host::Host;

/// How many changes wait at most.
const WAITING: usize = 1_024;

/// Tells hooks what becomes of sessions, until the host stops. With no hook that wants to know it, nothing is watched.
pub(crate) async fn tell(host: Host, stop: CancellationToken) {
    if !host.hooks().any(HookPoint::OnSessionChange) {
        return;
    }
    let (sender, mut waiting) = mpsc::channel(WAITING);
    let counter = Arc::clone(&host.hooks().dropped);
    host.store().watch_sessions(move |changes| {
        for change in changes {
            if sender.try_send(change).is_err() {
                counter.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
    let mut told = 0;
    while let Some(Some(change)) = stop.run_until_cancelled(waiting.recv()).await {
        let dropped = host.hooks().dropped();
        if dropped > told {
            tracing::warn!(
                changes = dropped - told,
                "hooks were not told of some changes of sessions: they take too long"
            );
            told = dropped;
        }
        let change = shown(change);
        for entry in host.hooks().at(HookPoint::OnSessionChange) {
            let Some(plugin) = host.plugins().hook(&entry.name) else { continue };
            if let Err(e) = hook::on_session_change(&plugin, change.clone()).await {
                tracing::warn!(
                    hook = entry.name,
                    cause = e.cause(),
                    "a hook did not take a change of a session"
                );
            }
        }
    }
}

/// Without the session's id: in its place something that is the same each time and that nothing can be done with.
fn shown(change: SessionChange) -> hook::SessionChange {
    let mut hash = Sha256::new();
    hash.update(b"waystation session\0");
    hash.update(&change.session);
    let hash: [u8; 32] = hash.finalize().into();
    hook::SessionChange {
        what: change.what.to_owned(),
        reason: change.reason.map(|reason| reason.as_str().to_owned()),
        session: hex::encode(hash.first_chunk::<16>().unwrap_or(&[0; 16])),
        tenant: change.tenant,
        scope: change.scope,
        sub_scope: change.sub_scope,
        instance: change.instance,
        source: change.source,
        target: change.target,
        at: change.at.to_string(),
    }
}
