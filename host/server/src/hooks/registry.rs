//! What hooks may see of tickets and scopes, from the database.

use futures::FutureExt as _;
use jiff::Timestamp;
use waystation_core::name::TenantName;
use waystation_core::ticket::{InstanceStatus, SessionId, TicketLimits};
use waystation_runtime::registry::{
    Counts, Filter, Instance, LiveSession, MAX_PAGE, Page, Place, Registry, RegistryError, Scope, Shown,
};
use waystation_store::tickets::LiveFilter;
use waystation_store::{Store, StoreError};

/// See the module.
pub(crate) struct DatabaseRegistry {
    pub(crate) store: Store,
    pub(crate) limits: TicketLimits,
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(e: StoreError) -> RegistryError {
    RegistryError::Unavailable(e.code().to_owned())
}

fn tenant(text: &str) -> Result<TenantName, RegistryError> {
    text.parse().map_err(|_| RegistryError::Unavailable("no tenant".into()))
}

fn live(filter: &Filter) -> LiveFilter {
    let Filter { source, target, sub_scope } = filter.clone();
    LiveFilter { source, target, sub_scope }
}

/// The page, and where the next one begins where this one is full.
fn page<T>(entries: Vec<T>, limit: u32, cursor: impl FnOnce(&T) -> String) -> Page<T> {
    let full = entries.len() as u64 >= u64::from(limit);
    let cursor = entries.last().filter(|_| full).map(cursor);
    Page { entries, cursor }
}

impl Registry for DatabaseRegistry {
    fn count<'a>(&'a self, tenant: &'a str, filter: &'a Filter) -> Shown<'a, Counts> {
        async move {
            let counted = self.store.count_live(tenant, &live(filter), Timestamp::now()).await;
            counted.map(|(sessions, tickets)| Counts { sessions, tickets }).map_err(failed)
        }
        .boxed()
    }

    fn sessions<'a>(
        &'a self,
        tenant: &'a str,
        filter: &'a Filter,
        place: Place<'a>,
    ) -> Shown<'a, Page<LiveSession>> {
        async move {
            // A place among sessions without the id of any: a time, and how many of that time were shown.
            let (at, shown) = match place.cursor {
                Some(cursor) => read_place(cursor).ok_or(RegistryError::Cursor)?,
                None => (Timestamp::UNIX_EPOCH, 0),
            };
            let after = Some((at, first_id()));
            let most = place.limit.saturating_add(shown);
            let mut found =
                self.store.live_sessions(tenant, &live(filter), after, most).await.map_err(failed)?;
            let last = found.last().map(|last| last.created_at);
            let same = found.iter().filter(|one| Some(one.created_at) == last).count();
            let cursor = last.map(|last| format!("{}.{same}", last.as_microsecond()));
            let seen = found.iter().take(shown as usize).take_while(|one| one.created_at == at).count();
            found.drain(..seen);
            let session = |one: waystation_store::tickets::LiveSession| LiveSession {
                source: one.source,
                target: one.target,
                sub_scope: one.sub_scope,
                instance: one.instance,
                since: one.created_at.to_string(),
                state: one.state,
            };
            let entries: Vec<_> = found.into_iter().map(session).collect();
            Ok(page(entries, place.limit, |_| cursor.unwrap_or_default()))
        }
        .boxed()
    }

    fn scopes<'a>(&'a self, of: &'a str, place: Place<'a>) -> Shown<'a, Page<Scope>> {
        async move {
            let after = place.cursor.map(str::parse).transpose().map_err(|_| RegistryError::Cursor)?;
            let found = self.store.scopes(&tenant(of)?, after.as_ref(), place.limit).await.map_err(failed)?;
            let scope = |one: waystation_store::tickets::RegisteredScope| Scope {
                name: one.spec.name.to_string(),
                version: one.spec.version,
                description: one.spec.description,
                sub_scopes: one.spec.scopes.iter().map(|sub| sub.name.to_string()).collect(),
            };
            let entries: Vec<_> = found.into_iter().map(scope).collect();
            Ok(page(entries, place.limit, |last| last.name.clone()))
        }
        .boxed()
    }

    fn instances<'a>(&'a self, of: &'a str, place: Place<'a>) -> Shown<'a, Page<Instance>> {
        async move {
            let after = place.cursor.map(str::parse).transpose().map_err(|_| RegistryError::Cursor)?;
            let found = self.store.instances(&tenant(of)?, after, place.limit).await.map_err(failed)?;
            let now = Timestamp::now();
            let instance = |one: waystation_core::ticket::Instance| Instance {
                id: one.id.to_string(),
                sub_scope: one.scope.to_string(),
                owner: one.owner.label(),
                heard: one.last_heartbeat.to_string(),
                state: InstanceStatus::of(one.last_heartbeat, now, &self.limits).as_str().to_owned(),
            };
            let entries: Vec<_> = found.into_iter().map(instance).collect();
            Ok(page(entries, place.limit, |last| last.id.clone()))
        }
        .boxed()
    }
}

/// The first of all ids.
fn first_id() -> SessionId {
    SessionId::new([0; 16])
}

fn read_place(cursor: &str) -> Option<(Timestamp, u32)> {
    let (at, shown) = cursor.split_once('.')?;
    let shown = shown.parse().ok().filter(|shown| *shown <= 10 * MAX_PAGE)?;
    Some((Timestamp::from_microsecond(at.parse().ok()?).ok()?, shown))
}
