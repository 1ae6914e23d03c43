//! `waystation:host@0.1`.

use wasmtime::component::{HasSelf, Linker};

use crate::failure::PluginError;
use crate::interfaces::{HostError, config, credentials, kv, log};
use crate::journal::Level;
use crate::state::State;

#[expect(missing_docs, reason = "generated from the WIT, which documents it")]
mod bindings {
    wasmtime::component::bindgen!({
        inline: "
            package waystation:generated;
            world imports {
                import waystation:host/types@0.1.0;
                import waystation:host/log@0.1.0;
                import waystation:host/config@0.1.0;
                import waystation:host/kv@0.1.0;
                import waystation:host/credentials@0.1.0;
            }
        ",
        path: "../../wit/host",
        imports: {
            "waystation:host/kv": async | trappable,
            default: trappable,
        },
        require_store_data_send: true,
    });
}

use bindings::waystation::host as wit;
pub use wit::types;

type Answer<T> = wasmtime::Result<Result<T, types::Error>>;

pub(crate) fn link(linker: &mut Linker<State>, import: &str) -> wasmtime::Result<()> {
    match import {
        "waystation:host/types" => types::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "waystation:host/log" => wit::log::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "waystation:host/config" => wit::config::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "waystation:host/kv" => wit::kv::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        "waystation:host/credentials" => wit::credentials::add_to_linker::<_, HasSelf<State>>(linker, |s| s),
        _ => Ok(()),
    }
}

impl types::Host for State {}

impl wit::log::Host for State {
    fn write(&mut self, level: wit::log::Level, message: String, fields: types::Extras) -> Answer<()> {
        let level = match level {
            wit::log::Level::Trace => Level::Trace,
            wit::log::Level::Debug => Level::Debug,
            wit::log::Level::Info => Level::Info,
            wit::log::Level::Warn => Level::Warn,
            wit::log::Level::Error => Level::Error,
        };
        log::write(self, level, &message, fields);
        Ok(Ok(()))
    }
}

impl wit::config::Host for State {
    fn get(&mut self, key: String) -> Answer<Option<String>> {
        Ok(Ok(config::get(self, &key)))
    }

    fn document(&mut self) -> Answer<String> {
        Ok(Ok(config::document(self)))
    }
}

impl wit::kv::Host for State {
    async fn get(&mut self, key: String) -> Answer<Option<Vec<u8>>> {
        Ok(kv::get(self, &key).await.map_err(Into::into))
    }

    async fn set(&mut self, key: String, value: Vec<u8>) -> Answer<()> {
        Ok(kv::set(self, &key, value).await.map_err(Into::into))
    }

    async fn delete(&mut self, key: String) -> Answer<()> {
        Ok(kv::delete(self, &key).await.map_err(Into::into))
    }

    async fn keys(&mut self, prefix: String, cursor: Option<String>) -> Answer<wit::kv::KeyPage> {
        let page = kv::keys(self, &prefix, cursor.as_deref()).await;
        Ok(page.map(|p| wit::kv::KeyPage { keys: p.keys, cursor: p.cursor }).map_err(Into::into))
    }
}

impl wit::credentials::Host for State {
    fn bound(&mut self, name: String) -> Answer<bool> {
        Ok(Ok(credentials::bound(self, &name)))
    }

    fn hmac_sha256(&mut self, name: String, message: Vec<u8>) -> Answer<Vec<u8>> {
        Ok(credentials::hmac_sha256(self, &name, &message).map_err(Into::into))
    }
}

impl From<HostError> for types::Error {
    fn from(e: HostError) -> Self {
        Self {
            code: e.code.into(),
            message: e.message,
            retryable: e.retryable,
            retry_after: None,
            extra: Vec::new(),
        }
    }
}

impl From<types::Error> for PluginError {
    fn from(e: types::Error) -> Self {
        Self {
            code: e.code,
            message: e.message,
            retryable: e.retryable,
            retry_after: e.retry_after.map(|s| std::time::Duration::from_secs(u64::from(s))),
            extra: e.extra,
        }
    }
}
