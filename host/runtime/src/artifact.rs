//! Compiled components, kept on disk.
//!
//! An artifact is native code: whoever can put one in front of us runs code in the
//! host. So each is authenticated with a key that only this installation has, over
//! the component's digest and the engine's fingerprint together with the code. It
//! is read into memory once, and what was authenticated is what is loaded.
//!
//! Safety argument of the one `unsafe` block of this project:
//! [`wasmtime::component::Component::deserialize`] demands bytes that wasmtime
//! itself produced, unaltered. We hand it only bytes whose HMAC-SHA-256, under a
//! key readable by this user alone, equals the one computed when
//! `Component::serialize` gave them to us in this same version of the engine.

use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use wasmtime::component::Component;

use crate::bundle::{Bundle, Digest};
use crate::engine::Engine;
use crate::error::{LoadError, RuntimeError};

const MAGIC: &[u8; 8] = b"WSCWASM1";
const MAC_LEN: usize = 32;
const KEY_LEN: usize = 32;

/// The folder of compiled artifacts and the key that authenticates them.
pub struct ArtifactCache {
    folder: PathBuf,
    key: [u8; KEY_LEN],
}

/// How a component came to be compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Taken from the cache.
    Cache,
    /// Compiled now, and put into the cache.
    Compiled,
}

impl ArtifactCache {
    /// Opens the folder, making it and its key when they are missing.
    ///
    /// # Errors
    /// [`RuntimeError::Cache`] when the folder or key cannot be made or read, or
    /// the key is damaged.
    pub fn open(folder: &Path) -> Result<Self, RuntimeError> {
        std::fs::create_dir_all(folder).map_err(|e| cache_error(folder, &e))?;
        let path = folder.join("key");
        let key = match std::fs::read(&path) {
            Ok(bytes) => bytes
                .try_into()
                .map_err(|_| cache_error(&path, &"damaged key; remove the folder, it is rebuilt"))?,
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Self::make_key(&path)?,
            Err(e) => return Err(cache_error(&path, &e)),
        };
        Ok(Self { folder: folder.to_owned(), key })
    }

    fn make_key(path: &Path) -> Result<[u8; KEY_LEN], RuntimeError> {
        let key: [u8; KEY_LEN] = rand::random();
        let made = std::fs::OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
        match made.and_then(|mut file| file.write_all(&key).and_then(|()| file.sync_all())) {
            Ok(()) => Ok(key),
            Err(e) => Err(cache_error(path, &e)),
        }
    }

    /// The compiled form of a bundle: from the cache, else compiled and cached. A
    /// cache that cannot be written costs time, nothing else; an entry that does
    /// not authenticate is compiled anew. Compiling takes from a quarter of a
    /// second to half a minute: call it where blocking is allowed.
    ///
    /// # Errors
    /// [`LoadError::Compile`] when the engine refuses the component.
    pub fn component(&self, engine: &Engine, bundle: &Bundle) -> Result<(Component, Origin), LoadError> {
        let path = self.path(engine, bundle.digest());
        if let Some(component) = self.load(engine, bundle.digest(), &path) {
            return Ok((component, Origin::Cache));
        }
        let component = Component::new(engine.wasmtime(), bundle.bytes())
            .map_err(|e| LoadError::Compile(format!("{e:#}")))?;
        if let Err(e) = self.save(engine, bundle.digest(), &component, &path) {
            tracing::warn!(path = %path.display(), error = %e, "compiled plugin was not cached");
        }
        Ok((component, Origin::Compiled))
    }

    /// Whether the cache has an entry for this digest; it may still not
    /// authenticate.
    pub fn contains(&self, engine: &Engine, digest: Digest) -> bool {
        self.path(engine, digest).exists()
    }

    fn path(&self, engine: &Engine, digest: Digest) -> PathBuf {
        let engine = hex::encode(&engine.fingerprint()[..8]);
        self.folder.join(format!("{}-{engine}.cwasm", digest.hex()))
    }

    fn load(&self, engine: &Engine, digest: Digest, path: &Path) -> Option<Component> {
        let file = std::fs::read(path).ok()?;
        let rest = file.strip_prefix(MAGIC)?;
        let (mac, code) = rest.split_at_checked(MAC_LEN)?;
        if self.mac(engine, digest, code)?.verify_slice(mac).is_err() {
            tracing::warn!(path = %path.display(), "compiled plugin does not authenticate and is compiled anew");
            return None;
        }
        // SAFETY: see the module's documentation: these bytes, in our own memory,
        // were authenticated as the output of `Component::serialize` of this engine.
        #[expect(unsafe_code, reason = "the one place that loads compiled artifacts")]
        let component = unsafe { Component::deserialize(engine.wasmtime(), code) };
        component
            .map_err(
                |e| tracing::warn!(path = %path.display(), error = %e, "compiled plugin is not loadable"),
            )
            .ok()
    }

    fn save(
        &self,
        engine: &Engine,
        digest: Digest,
        component: &Component,
        path: &Path,
    ) -> Result<(), String> {
        let code = component.serialize().map_err(|e| e.to_string())?;
        let mac = self.mac(engine, digest, &code).ok_or("no key")?.finalize().into_bytes();
        let temporary = self.folder.join(format!("{}.{:016x}.tmp", digest.hex(), rand::random::<u64>()));
        let written = std::fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(&temporary)
            .and_then(|mut file| {
                file.write_all(MAGIC)?;
                file.write_all(&mac)?;
                file.write_all(&code)?;
                file.sync_all()
            })
            .and_then(|()| std::fs::rename(&temporary, path));
        if written.is_err() {
            let _ = std::fs::remove_file(&temporary);
        }
        written.map_err(|e| e.to_string())
    }

    fn mac(&self, engine: &Engine, digest: Digest, code: &[u8]) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(MAGIC);
        mac.update(digest.as_bytes());
        mac.update(engine.fingerprint());
        mac.update(code);
        Some(mac)
    }
}

fn cache_error(path: &Path, message: &dyn std::fmt::Display) -> RuntimeError {
    RuntimeError::Cache { path: path.display().to_string(), message: message.to_string() }
}
