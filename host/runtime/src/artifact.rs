//! Compiled components, kept on disk.
//!
//! An artifact is native code: whoever can put one in front of us runs code in the
//! host. So each is authenticated with a key that only this installation has, over
//! the component's digest and the engine's fingerprint together with the code.
//!
//! It is read once. While it is authenticated it is copied into a file that has no
//! name, and that copy is mapped: nobody can change it afterwards, and of an idle
//! plugin the system keeps in memory only what was used. Where there can be no such
//! file, the copy is in memory.
//!
//! Safety argument of the one `unsafe` block of this project:
//! [`wasmtime::component::Component::deserialize`] and `deserialize_file` demand
//! bytes that wasmtime itself produced, unaltered. We hand them only bytes whose
//! HMAC-SHA-256, under a key readable by this user alone, equals the one computed
//! when `Component::serialize` gave them to us in this same version of the engine;
//! and nobody else has the memory, or the file, that they are in.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _, Write};
use std::os::fd::AsRawFd as _;
use std::path::{Path, PathBuf};

use hmac::{Hmac, KeyInit as _, Mac as _};
use rustix::fs::{Mode, OFlags};
use sha2::Sha256;
use wasmtime::component::Component;
use waystation_bundle::ContentDigest;
use waystation_files::Access;

use crate::bundle::Bundle;
use crate::engine::Engine;
use crate::error::{LoadError, RuntimeError};

const MAGIC: &[u8; 8] = b"WSCWASM1";
const MAC_LEN: usize = 32;
const KEY_LEN: usize = 32;
/// How much is read at once.
const CHUNK: usize = 64 << 10;

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
            Err(e) if e.kind() == ErrorKind::NotFound => Self::make_key(&path)?,
            Err(e) => return Err(cache_error(&path, &e)),
        };
        Ok(Self { folder: folder.to_owned(), key })
    }

    /// A key that is there whole or not at all, however full the disk is.
    fn make_key(path: &Path) -> Result<[u8; KEY_LEN], RuntimeError> {
        let key: [u8; KEY_LEN] = rand::random();
        waystation_files::replace(path, &key, Access::Private).map_err(|e| cache_error(path, &e))?;
        Ok(key)
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
    pub fn contains(&self, engine: &Engine, digest: ContentDigest) -> bool {
        self.path(engine, digest).exists()
    }

    fn path(&self, engine: &Engine, digest: ContentDigest) -> PathBuf {
        let engine = hex::encode(&engine.fingerprint()[..8]);
        self.folder.join(format!("{}-{engine}.cwasm", digest.hex()))
    }

    fn load(&self, engine: &Engine, digest: ContentDigest, path: &Path) -> Option<Component> {
        let mut memory = Vec::new();
        // The second is tried where a file without a name cannot be made, filled or mapped.
        let loaded = self
            .nameless()
            .and_then(|mut file| {
                self.copy(engine, digest, path, &mut file)?;
                deserialize(engine, &Code::File(&file))
            })
            .or_else(|_| {
                self.copy(engine, digest, path, &mut memory)?;
                deserialize(engine, &Code::Memory(&memory))
            });
        loaded.map_err(|e| if e.kind() != ErrorKind::NotFound {
            tracing::warn!(path = %path.display(), error = %e, "compiled plugin is not used and is compiled anew");
        }).ok()
    }

    /// A file in the folder that no path leads to, and that goes when it is closed.
    fn nameless(&self) -> io::Result<File> {
        let flags = OFlags::TMPFILE | OFlags::RDWR | OFlags::CLOEXEC;
        Ok(rustix::fs::open(&self.folder, flags, Mode::RUSR | Mode::WUSR)?.into())
    }

    /// Copies the code of an artifact; what was copied counts only if this succeeds.
    fn copy(
        &self,
        engine: &Engine,
        digest: ContentDigest,
        path: &Path,
        out: &mut impl Write,
    ) -> io::Result<()> {
        let invalid = |why| io::Error::new(ErrorKind::InvalidData, why);
        let mut file = File::open(path)?;
        let mut head = [0; MAGIC.len() + MAC_LEN];
        file.read_exact(&mut head)?;
        let (magic, told) = head.split_at(MAGIC.len());
        if magic != MAGIC {
            return Err(invalid("it is no artifact of this version"));
        }
        let mut mac = self.mac(engine, digest).ok_or_else(|| invalid("there is no key"))?;
        let mut chunk = vec![0; CHUNK];
        loop {
            let read = file.read(&mut chunk)?;
            let Some(code) = chunk.get(..read).filter(|code| !code.is_empty()) else { break };
            mac.update(code);
            out.write_all(code)?;
        }
        mac.verify_slice(told).map_err(|_| invalid("it does not authenticate"))
    }

    fn save(
        &self,
        engine: &Engine,
        digest: ContentDigest,
        component: &Component,
        path: &Path,
    ) -> Result<(), String> {
        let code = component.serialize().map_err(|e| e.to_string())?;
        let mut mac = self.mac(engine, digest).ok_or("no key")?;
        mac.update(&code);
        let mac = mac.finalize().into_bytes();
        let parts = |file: &mut File| {
            file.write_all(MAGIC)?;
            file.write_all(&mac)?;
            file.write_all(&code)
        };
        waystation_files::replace_with(path, Access::Private, parts).map_err(|e| e.to_string())
    }

    /// What authenticates the code that follows.
    fn mac(&self, engine: &Engine, digest: ContentDigest) -> Option<Hmac<Sha256>> {
        let mut mac = Hmac::<Sha256>::new_from_slice(&self.key).ok()?;
        mac.update(MAGIC);
        mac.update(digest.as_bytes());
        mac.update(engine.fingerprint());
        Some(mac)
    }
}

/// Code that was authenticated, where nobody can change it.
enum Code<'a> {
    File(&'a File),
    Memory(&'a [u8]),
}

fn deserialize(engine: &Engine, code: &Code<'_>) -> io::Result<Component> {
    // SAFETY: see the module's documentation: these bytes, in memory or a file that is ours
    // alone, were authenticated as the output of `Component::serialize` of this engine.
    #[expect(unsafe_code, reason = "the one place that loads compiled artifacts")]
    let component = unsafe {
        match code {
            // The only way to a file without a name.
            Code::File(file) => {
                let path = format!("/proc/self/fd/{}", file.as_raw_fd());
                Component::deserialize_file(engine.wasmtime(), path)
            }
            Code::Memory(bytes) => Component::deserialize(engine.wasmtime(), bytes),
        }
    };
    component.map_err(|e| io::Error::new(ErrorKind::InvalidData, format!("{e:#}")))
}

fn cache_error(path: &Path, message: &dyn std::fmt::Display) -> RuntimeError {
    RuntimeError::Cache { path: path.display().to_string(), message: message.to_string() }
}
