//! A store for plugins in memory, with the quotas of the real one.

use std::collections::BTreeMap;

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use parking_lot::Mutex;
use waystation_runtime::kv::{KvError, KvPage, KvQuota, KvStore};

#[derive(Default)]
pub struct MemoryStore(Mutex<BTreeMap<String, Values>>);

/// Of one plugin.
type Values = BTreeMap<String, Vec<u8>>;

impl MemoryStore {
    pub fn bytes(&self) -> u64 {
        self.0.lock().values().map(size).sum()
    }

    fn put(&self, plugin: &str, key: &str, value: Vec<u8>, quota: KvQuota) -> Result<(), KvError> {
        let mut plugins = self.0.lock();
        let map = plugins.entry(plugin.to_owned()).or_default();
        if value.len() > quota.value {
            return Err(KvError::Quota(format!("a value has at most {} bytes", quota.value)));
        }
        let before = map.insert(key.to_owned(), value);
        if size(map) > quota.total || map.len() as u64 > quota.keys {
            match before {
                Some(before) => map.insert(key.to_owned(), before),
                None => map.remove(key),
            };
            return Err(KvError::Quota(format!("the store has at most {} bytes", quota.total)));
        }
        Ok(())
    }
}

fn size(map: &Values) -> u64 {
    map.iter().map(|(k, v)| (k.len() + v.len()) as u64).sum()
}

impl KvStore for MemoryStore {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        ready(Ok(self.0.lock().get(plugin).and_then(|map| map.get(key)).cloned())).boxed()
    }

    fn set<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        value: Vec<u8>,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        ready(self.put(plugin, key, value, quota)).boxed()
    }

    fn increment<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        delta: u64,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<u64, KvError>> {
        let number = |v: &Vec<u8>| String::from_utf8(v.clone()).ok()?.parse().ok();
        let before = self.0.lock().get(plugin).and_then(|map| map.get(key)).and_then(number);
        let sum = before.unwrap_or(0u64).saturating_add(delta);
        ready(self.put(plugin, key, sum.to_string().into_bytes(), quota).map(|()| sum)).boxed()
    }

    fn delete<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KvError>> {
        self.0.lock().entry(plugin.to_owned()).or_default().remove(key);
        ready(Ok(())).boxed()
    }

    fn keys<'a>(
        &'a self,
        plugin: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<KvPage, KvError>> {
        let plugins = self.0.lock();
        let mut keys: Vec<String> = plugins
            .get(plugin)
            .into_iter()
            .flat_map(Values::keys)
            .filter(|k| k.starts_with(prefix) && cursor.is_none_or(|c| k.as_str() > c))
            .take(limit + 1)
            .cloned()
            .collect();
        let more = keys.len() > limit;
        keys.truncate(limit);
        let cursor = more.then(|| keys.last().cloned()).flatten();
        ready(Ok(KvPage { keys, cursor })).boxed()
    }
}
