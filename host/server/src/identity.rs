//! Who this host is, over its restarts: what an earlier run left claimed in a
//! database that several hosts share is its own to take back.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

use jiff::Timestamp;
use waystation_core::id::HostId;

/// The file of the data folder that holds the id.
const FILE: &str = "host-id";

/// A host's id, and the lock that keeps a second process from using it as well.
pub(crate) struct Identity {
    /// The id.
    pub(crate) id: HostId,
    _lock: Option<File>,
}

impl Identity {
    /// Reads the id of a data folder, making one when there is none. A process that
    /// shares the folder with another one gets an id of its own.
    ///
    /// # Errors
    /// When the file can be neither read nor made.
    pub(crate) fn open(data: &Path) -> std::io::Result<Self> {
        let fresh = HostId::new(Timestamp::now(), &rand::random());
        let path = data.join(FILE);
        let mut file = OpenOptions::new();
        let mut file = file.read(true).write(true).create(true).truncate(false).mode(0o600).open(&path)?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => return Ok(Self { id: fresh, _lock: None }),
            Err(TryLockError::Error(e)) => {
                tracing::warn!(path = %path.display(), error = %e, "cannot be locked; this run has an id of its own");
                return Ok(Self { id: fresh, _lock: None });
            }
        }
        let mut text = String::new();
        file.read_to_string(&mut text)?;
        if let Ok(id) = text.trim().parse() {
            return Ok(Self { id, _lock: Some(file) });
        }
        file.set_len(0)?;
        file.rewind()?;
        writeln!(file, "{fresh}")?;
        file.sync_all()?;
        Ok(Self { id: fresh, _lock: Some(file) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_keeps_its_id_and_shares_it_with_nobody() {
        let data = tempfile::tempdir().unwrap();
        let first = Identity::open(data.path()).unwrap();
        let beside = Identity::open(data.path()).unwrap();
        assert_ne!(first.id, beside.id);
        let id = first.id;
        drop(first);
        assert_eq!(Identity::open(data.path()).unwrap().id, id);
        std::fs::write(data.path().join(FILE), "nonsense").unwrap();
        let mended = Identity::open(data.path()).unwrap().id;
        assert_ne!(mended, id);
        assert_eq!(Identity::open(data.path()).unwrap().id, mended);
    }
}
