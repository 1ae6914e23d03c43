//! `tickets` and `scopes`: what there is of one tenant, read only, behind their grants.

use std::sync::Arc;

use crate::interfaces::HostError;
use crate::registry::{
    Counts, Filter, Instance, LiveSession, MAX_PAGE, MAX_WORD, Page, Place, Registry, RegistryError, Scope,
};
use crate::state::State;

/// Where to look, once the grant is there and somebody waits for a decision.
struct Open {
    registry: Arc<dyn Registry>,
    tenant: String,
}

fn open(state: &mut State, word: &str, granted: bool) -> Result<Open, HostError> {
    if !granted {
        let name = &state.context().name;
        let message = format!(
            "`{word}` is not granted; add to waystation.toml:\n[plugins.{name}.grants]\n{word} = true"
        );
        state.denied(message.clone());
        return Err(HostError::denied(message));
    }
    let tenant = state.tenant().map(str::to_owned).ok_or_else(|| {
        HostError::new("unsupported", "tickets and scopes are shown while a decision is asked for")
    })?;
    Ok(Open { registry: Arc::clone(&state.context().services.registry), tenant })
}

fn tickets(state: &mut State) -> Result<Open, HostError> {
    let granted = state.context().grants.tickets;
    open(state, "tickets", granted)
}

fn scopes(state: &mut State) -> Result<Open, HostError> {
    let granted = state.context().grants.scopes;
    open(state, "scopes", granted)
}

fn bounded<'a>(words: impl IntoIterator<Item = &'a Option<String>>) -> Result<(), HostError> {
    match words.into_iter().flatten().any(|word| word.len() > MAX_WORD) {
        true => Err(HostError::new("bad-input", format!("a word has at most {MAX_WORD} bytes"))),
        false => Ok(()),
    }
}

fn place(cursor: &Option<String>, limit: u32) -> Result<Place<'_>, HostError> {
    bounded([cursor])?;
    Ok(Place { cursor: cursor.as_deref(), limit: limit.clamp(1, MAX_PAGE) })
}

pub(crate) async fn count(state: &mut State, filter: &Filter) -> Result<Counts, HostError> {
    let open = tickets(state)?;
    bounded([&filter.source, &filter.target, &filter.sub_scope])?;
    Ok(open.registry.count(&open.tenant, filter).await?)
}

pub(crate) async fn sessions(
    state: &mut State,
    filter: &Filter,
    cursor: &Option<String>,
    limit: u32,
) -> Result<Page<LiveSession>, HostError> {
    let open = tickets(state)?;
    bounded([&filter.source, &filter.target, &filter.sub_scope])?;
    Ok(open.registry.sessions(&open.tenant, filter, place(cursor, limit)?).await?)
}

pub(crate) async fn registered(
    state: &mut State,
    cursor: &Option<String>,
    limit: u32,
) -> Result<Page<Scope>, HostError> {
    let open = scopes(state)?;
    Ok(open.registry.scopes(&open.tenant, place(cursor, limit)?).await?)
}

pub(crate) async fn instances(
    state: &mut State,
    cursor: &Option<String>,
    limit: u32,
) -> Result<Page<Instance>, HostError> {
    let open = scopes(state)?;
    Ok(open.registry.instances(&open.tenant, place(cursor, limit)?).await?)
}

impl From<RegistryError> for HostError {
    fn from(e: RegistryError) -> Self {
        match e {
            RegistryError::Cursor => Self::new("bad-input", e.to_string()),
            RegistryError::Unavailable(_) => {
                Self { code: "internal", message: e.to_string(), retryable: true }
            }
        }
    }
}
