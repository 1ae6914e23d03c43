//! One host per SQLite file.
//!
//! The lock is an advisory lock of the operating system on `FILE.lock` beside the database: it ends with the
//! process, however that ends, so nothing is left to clean up. The file's text only says who holds it, and
//! the file itself stays: to remove it would let two processes lock two files of the same name.

use std::{
    fs::{File, OpenOptions, TryLockError},
    io::{Read, Write},
    path::{Path, PathBuf},
};

use waystation_core::id::HostId;

use crate::error::{StoreError, from_io};

/// Held for as long as the store lives.
#[derive(Debug)]
pub(crate) struct HostLock {
    _file: File,
}

impl HostLock {
    /// Takes the lock of the database at `database`, an absolute path without symbolic links.
    pub(crate) fn take(database: &Path, host: HostId) -> Result<Self, StoreError> {
        let path = lock_path(database);
        let mut file = private(OpenOptions::new().read(true).write(true).create(true))
            .open(&path)
            .map_err(|error| from_io(&path, &error))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(StoreError::LockedByOtherHost {
                    path: database.to_owned(),
                    holder: holder(&mut file),
                });
            }
            Err(TryLockError::Error(error)) => return Err(from_io(&path, &error)),
        }
        let text = format!("process {}, host {host}\n", std::process::id());
        let written = file.set_len(0).and_then(|()| file.write_all(text.as_bytes()));
        if let Err(error) = written {
            // The lock holds all the same; only its text is missing.
            tracing::warn!(path = %path.display(), %error, "could not note who holds the database lock");
        }
        Ok(Self { _file: file })
    }
}

/// Who the lock file says to hold the lock.
fn holder(file: &mut File) -> String {
    let mut text = String::new();
    let read = file.take(256).read_to_string(&mut text);
    match (read, text.lines().next()) {
        (Ok(_), Some(line)) if !line.is_empty() => line.to_owned(),
        _ => "another process".to_owned(),
    }
}

fn lock_path(database: &Path) -> PathBuf {
    let mut path = database.as_os_str().to_owned();
    path.push(".lock");
    path.into()
}

/// Readable and writable by the owner alone, where the system has such modes.
pub(crate) fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(options, 0o600);
    options
}
