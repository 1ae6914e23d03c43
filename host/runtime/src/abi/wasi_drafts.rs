//! `wasi:logging`, `wasi:config` and `wasi:keyvalue`, drafts that some guests use,
//! over the same implementation as our own interfaces.

use wasmtime::component::{HasSelf, Linker, Resource};

use crate::interfaces::{HostError, config, kv, log};
use crate::journal::Level;
use crate::state::State;

mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world drafts {
                import wasi:logging/logging@0.1.0-draft;
                import wasi:config/store@0.2.0-rc.1;
                import wasi:keyvalue/store@0.2.0-draft;
                import wasi:keyvalue/atomics@0.2.0-draft;
            }
        ",
        path: ["../../wit/deps/logging.wit", "../../wit/deps/config.wit", "../../wit/deps/keyvalue.wit"],
        imports: {
            "wasi:keyvalue/store": async | trappable,
            "wasi:keyvalue/atomics": async | trappable,
            default: trappable,
        },
        with: { "wasi:keyvalue/store.bucket": super::Bucket },
        require_store_data_send: true,
    });
}

use bindings::wasi::{config as wasi_config, keyvalue, logging};

/// A plugin has one bucket: its own store, whatever it calls it.
#[derive(Debug)]
#[expect(unreachable_pub, reason = "generated code re-exports it")]
pub struct Bucket;

pub(crate) fn link(linker: &mut Linker<State>, import: &str) -> wasmtime::Result<()> {
    match import {
        "wasi:logging/logging" => logging::logging::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "wasi:config/store" => wasi_config::store::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "wasi:keyvalue/store" => keyvalue::store::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "wasi:keyvalue/atomics" => keyvalue::atomics::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        _ => Ok(()),
    }
}

impl logging::logging::Host for State {
    fn log(
        &mut self,
        level: logging::logging::Level,
        context: String,
        message: String,
    ) -> wasmtime::Result<()> {
        use logging::logging::Level as Wasi;
        let level = match level {
            Wasi::Trace => Level::Trace,
            Wasi::Debug => Level::Debug,
            Wasi::Info => Level::Info,
            Wasi::Warn => Level::Warn,
            Wasi::Error | Wasi::Critical => Level::Error,
        };
        let fields = if context.is_empty() { Vec::new() } else { vec![("context".to_owned(), context)] };
        log::write(self, level, &message, fields);
        Ok(())
    }
}

impl wasi_config::store::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Result<Option<String>, wasi_config::store::Error>> {
        Ok(Ok(config::get(self, &key)))
    }

    fn get_all(&mut self) -> wasmtime::Result<Result<Vec<(String, String)>, wasi_config::store::Error>> {
        Ok(Ok(config::all(self)))
    }
}

type Kv<T> = wasmtime::Result<Result<T, keyvalue::store::Error>>;

fn refused(e: HostError) -> keyvalue::store::Error {
    match e.code {
        "denied" => keyvalue::store::Error::AccessDenied,
        _ => keyvalue::store::Error::Other(e.message),
    }
}

impl keyvalue::store::Host for State {
    async fn open(&mut self, _identifier: String) -> Kv<Resource<Bucket>> {
        if let Err(e) = kv::granted(self) {
            return Ok(Err(refused(e)));
        }
        Ok(Ok(self.table.push(Bucket)?))
    }
}

impl keyvalue::store::HostBucket for State {
    async fn get(&mut self, _: Resource<Bucket>, key: String) -> Kv<Option<Vec<u8>>> {
        Ok(kv::get(self, &key).await.map_err(refused))
    }

    async fn set(&mut self, _: Resource<Bucket>, key: String, value: Vec<u8>) -> Kv<()> {
        Ok(kv::set(self, &key, value).await.map_err(refused))
    }

    async fn delete(&mut self, _: Resource<Bucket>, key: String) -> Kv<()> {
        Ok(kv::delete(self, &key).await.map_err(refused))
    }

    async fn exists(&mut self, _: Resource<Bucket>, key: String) -> Kv<bool> {
        Ok(kv::get(self, &key).await.map(|value| value.is_some()).map_err(refused))
    }

    async fn list_keys(
        &mut self,
        _: Resource<Bucket>,
        cursor: Option<u64>,
    ) -> Kv<keyvalue::store::KeyResponse> {
        // The draft's cursor is a number and ours a key: it counts keys already given.
        let skip = usize::try_from(cursor.unwrap_or(0)).unwrap_or(usize::MAX);
        let page = kv::page_by_offset(self, skip).await;
        Ok(page
            .map(|(keys, more)| keyvalue::store::KeyResponse {
                cursor: more.then(|| (skip + keys.len()) as u64),
                keys,
            })
            .map_err(refused))
    }

    async fn drop(&mut self, bucket: Resource<Bucket>) -> wasmtime::Result<()> {
        self.table.delete(bucket)?;
        Ok(())
    }
}

impl keyvalue::atomics::Host for State {
    async fn increment(&mut self, _: Resource<Bucket>, key: String, delta: u64) -> Kv<u64> {
        Ok(kv::increment(self, &key, delta).await.map_err(refused))
    }
}
