//! The durable store of a plugin, as the runtime needs it. The host passes in an
//! implementation over its database.

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};

/// Bounds that every write is checked against, in the same transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct KvQuota {
    /// Bytes of one value.
    pub value: usize,
    /// Bytes of all keys and values.
    pub total: u64,
    /// Number of keys.
    pub keys: u64,
}

/// A page of keys.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KvPage {
    /// In byte order.
    pub keys: Vec<String>,
    /// For the next page.
    pub cursor: Option<String>,
}

/// Why the store did not do what was asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum KvError {
    /// A bound would be exceeded; nothing was written.
    #[error("{0}")]
    Quota(String),
    /// The store does not work now.
    #[error("the store does not answer: {0}")]
    Unavailable(String),
}

/// Keys and values, apart per plugin. Keys are at most 512 bytes of UTF-8.
pub trait KvStore: Send + Sync {
    /// One value.
    fn get<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>>;
    /// Writes one value, if the quota allows.
    fn set<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        value: Vec<u8>,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<(), KvError>>;
    /// Adds to a decimal number, from 0 when there is none, and returns the sum.
    fn increment<'a>(
        &'a self,
        plugin: &'a str,
        key: &'a str,
        delta: u64,
        quota: KvQuota,
    ) -> BoxFuture<'a, Result<u64, KvError>>;
    /// Removes one value, if it is there.
    fn delete<'a>(&'a self, plugin: &'a str, key: &'a str) -> BoxFuture<'a, Result<(), KvError>>;
    /// Keys that start with `prefix`, after `cursor`, at most `limit`.
    fn keys<'a>(
        &'a self,
        plugin: &'a str,
        prefix: &'a str,
        cursor: Option<&'a str>,
        limit: usize,
    ) -> BoxFuture<'a, Result<KvPage, KvError>>;
}

/// The longest key, in bytes.
pub const MAX_KEY: usize = 512;

/// The store of plugins that are granted none, as while one is only asked to describe itself. It refuses
/// everything.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoStore;

fn none<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, KvError>> {
    ready(Err(KvError::Unavailable("there is none here".into()))).boxed()
}

impl KvStore for NoStore {
    fn get<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<Option<Vec<u8>>, KvError>> {
        none()
    }

    fn set<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Vec<u8>,
        _: KvQuota,
    ) -> BoxFuture<'a, Result<(), KvError>> {
        none()
    }

    fn increment<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: u64,
        _: KvQuota,
    ) -> BoxFuture<'a, Result<u64, KvError>> {
        none()
    }

    fn delete<'a>(&'a self, _: &'a str, _: &'a str) -> BoxFuture<'a, Result<(), KvError>> {
        none()
    }

    fn keys<'a>(
        &'a self,
        _: &'a str,
        _: &'a str,
        _: Option<&'a str>,
        _: usize,
    ) -> BoxFuture<'a, Result<KvPage, KvError>> {
        none()
    }
}
