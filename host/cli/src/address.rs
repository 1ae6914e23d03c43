//! The file in the data folder that says where the host serves, while it does.
//!
//! The host holds a lock on it, which the system takes away with the process,
//! however that ends: a file without it was left behind by a host that was killed.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Write as _};
use std::path::{Path, PathBuf};

const FILE: &str = "address";

/// Where a host serves, as far as its data folder tells.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Told {
    /// Here.
    At(String),
    /// A host that was killed served here.
    Was(String),
    /// It does not tell.
    Nothing,
}

/// What the data folder tells.
pub(crate) fn read(data: &Path) -> Told {
    let Ok(mut file) = File::open(data.join(FILE)) else { return Told::Nothing };
    let mut text = String::new();
    if file.read_to_string(&mut text).is_err() || text.trim().is_empty() {
        return Told::Nothing;
    }
    let address = text.trim().to_owned();
    match file.try_lock_shared() {
        Ok(()) => Told::Was(address),
        // Some file systems have no locks: then it counts as true.
        Err(TryLockError::WouldBlock | TryLockError::Error(_)) => Told::At(address),
    }
}

/// Written for as long as this lives.
pub(crate) struct Announced {
    path: PathBuf,
    _lock: File,
}

/// Writes where this process serves.
///
/// # Errors
/// When the file cannot be written.
pub(crate) fn announce(data: &Path, address: &str) -> std::io::Result<Announced> {
    let path = data.join(FILE);
    // Locked before anybody can see it.
    let hidden = data.join(format!(".{FILE}.{}", std::process::id()));
    let mut file = OpenOptions::new().write(true).create(true).truncate(true).open(&hidden)?;
    if let Err(e) = file.try_lock() {
        tracing::debug!(path = %hidden.display(), error = %e, "cannot be locked");
    }
    file.write_all(address.as_bytes())?;
    std::fs::rename(&hidden, &path)?;
    Ok(Announced { path, _lock: file })
}

impl Drop for Announced {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_counts_while_its_host_lives() {
        let data = std::env::temp_dir().join(format!("waystation-address-{}", std::process::id()));
        std::fs::create_dir_all(&data).unwrap();
        assert_eq!(read(&data), Told::Nothing);
        let announced = announce(&data, "127.0.0.1:7").unwrap();
        assert_eq!(read(&data), Told::At("127.0.0.1:7".into()));
        drop(announced);
        assert_eq!(read(&data), Told::Nothing);
        // Nobody holds a lock on what a killed host leaves.
        std::fs::write(data.join(FILE), "127.0.0.1:8").unwrap();
        assert_eq!(read(&data), Told::Was("127.0.0.1:8".into()));
        std::fs::remove_dir_all(&data).unwrap();
    }
}
