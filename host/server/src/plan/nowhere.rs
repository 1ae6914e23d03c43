//! The store of a plugin that is only asked to describe itself: it has no grant for one.

use futures::FutureExt as _;
use futures::future::{BoxFuture, ready};
use waystation_runtime::kv::{KvError, KvPage, KvQuota, KvStore};

pub(super) struct Nowhere;

fn none<'a, T: Send + 'a>() -> BoxFuture<'a, Result<T, KvError>> {
    ready(Err(KvError::Unavailable("nothing is stored while a plugin describes itself".into()))).boxed()
}

impl KvStore for Nowhere {
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
