//! `kv`: the plugin's own store, behind its grant and quota.

use crate::interfaces::HostError;
use crate::kv::{KvError, KvPage, KvQuota, MAX_KEY};
use crate::state::State;

const PAGE: usize = 1_000;

pub(crate) fn granted(state: &mut State) -> Result<(), HostError> {
    if state.context().grants.kv {
        return Ok(());
    }
    let name = &state.context().name;
    let message = format!("`kv` is not granted; add to waystation.toml:\n[plugins.{name}.grants]\nkv = true");
    state.denied(message.clone());
    Err(HostError::denied(message))
}

fn checked(state: &mut State, key: &str) -> Result<(), HostError> {
    granted(state)?;
    match key.len() {
        1..=MAX_KEY => Ok(()),
        length => {
            Err(HostError::new("bad-input", format!("a key has 1 to {MAX_KEY} bytes, this one {length}")))
        }
    }
}

fn writable(state: &mut State) -> Result<KvQuota, HostError> {
    let limits = &state.context().limits;
    let (quota, most) = (
        KvQuota { value: limits.kv_value, total: limits.kv_total, keys: limits.kv_keys },
        limits.kv_writes_per_call,
    );
    if state.kv_writes >= most {
        return Err(HostError::new("too-large", format!("one call may write {most} times")));
    }
    state.kv_writes += 1;
    Ok(quota)
}

pub(crate) async fn get(state: &mut State, key: &str) -> Result<Option<Vec<u8>>, HostError> {
    checked(state, key)?;
    let context = state.context();
    Ok(context.services.kv.get(&context.name, key).await?)
}

pub(crate) async fn set(state: &mut State, key: &str, value: Vec<u8>) -> Result<(), HostError> {
    checked(state, key)?;
    let quota = writable(state)?;
    let context = state.context();
    Ok(context.services.kv.set(&context.name, key, value, quota).await?)
}

pub(crate) async fn increment(state: &mut State, key: &str, delta: u64) -> Result<u64, HostError> {
    checked(state, key)?;
    let quota = writable(state)?;
    let context = state.context();
    Ok(context.services.kv.increment(&context.name, key, delta, quota).await?)
}

pub(crate) async fn delete(state: &mut State, key: &str) -> Result<(), HostError> {
    checked(state, key)?;
    writable(state)?;
    let context = state.context();
    Ok(context.services.kv.delete(&context.name, key).await?)
}

pub(crate) async fn keys(state: &mut State, prefix: &str, cursor: Option<&str>) -> Result<KvPage, HostError> {
    granted(state)?;
    let context = state.context();
    Ok(context.services.kv.keys(&context.name, prefix, cursor, PAGE).await?)
}

/// A page that begins after `skip` keys, and whether more follow.
pub(crate) async fn page_by_offset(state: &mut State, skip: usize) -> Result<(Vec<String>, bool), HostError> {
    let mut left = skip;
    let mut cursor: Option<String> = None;
    loop {
        let page = keys(state, "", cursor.as_deref()).await?;
        if left < page.keys.len() || page.cursor.is_none() {
            let more = page.cursor.is_some();
            return Ok((page.keys.into_iter().skip(left).collect(), more));
        }
        left -= page.keys.len();
        cursor = page.cursor;
    }
}

impl From<KvError> for HostError {
    fn from(e: KvError) -> Self {
        match e {
            KvError::Quota(message) => Self::new("too-large", message),
            KvError::Unavailable(_) => Self { code: "internal", message: e.to_string(), retryable: true },
        }
    }
}
