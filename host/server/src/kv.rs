//! The database as the durable store of plugins.

use futures::FutureExt as _;
use futures::future::BoxFuture;
use waystation_core::name::PluginName;
use waystation_runtime::kv::{KvError, KvPage, KvQuota, KvStore};
use waystation_store::{KvLimits, Store, StoreError};

/// See the module.
pub(crate) struct DatabaseKv(pub(crate) Store);

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn failed(e: StoreError) -> KvError {
    match e.code() {
        "too-large" => KvError::Quota(e.to_string()),
        _ => KvError::Unavailable(e.to_string()),
    }
}

fn name(plugin: &str) -> Result<PluginName, KvError> {
    plugin.parse().map_err(|_| KvError::Unavailable("the plugin has no proper name".into()))
}

fn limits(quota: KvQuota) -> KvLimits {
    KvLimits { value: quota.value as u64, total: quota.total, entries: quota.keys }
}

impl KvStore for DatabaseKv {
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        async move { self.0.kv_get(&name(plugin)?, key).await.map_err(failed) }.boxed()
    }

    fn set<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        value: Vec<u8>,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        async move { self.0.kv_set(&name(plugin)?, key, &value, &limits(quota)).await.map_err(failed) }
            .boxed()
    }

    fn increment<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        delta: u64,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<u64, KvError>> {
        async move { self.0.kv_increment(&name(plugin)?, key, delta, &limits(quota)).await.map_err(failed) }
            .boxed()
    }

    fn delete<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KvError>> {
        async move { self.0.kv_delete(&name(plugin)?, key).await.map(drop).map_err(failed) }.boxed()
    }

    fn keys<'a>(
        &'a self,
        plugin: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
        _limit: usize,
    ) -> BoxFuture<'a, Result<KvPage, KvError>> {
        async move {
            let page = self.0.kv_keys(&name(plugin)?, prefix, cursor).await.map_err(failed)?;
            Ok(KvPage { keys: page.keys, cursor: page.cursor })
        }
        .boxed()
    }
}
