//! Which certificates are refused: those of the database, and those of a file that the operator keeps.

use std::collections::HashSet;
use std::path::PathBuf;

use parking_lot::Mutex;
use tokio::sync::watch;
use waystation_pki::{PkiError, Serial, TrustStore};

use super::{unreadable, unusable};
use crate::error::StartError;

/// The most bytes of the file.
const MAX_FILE: u64 = 16 << 20;

/// See the module. Both are one set for whoever looks.
#[derive(Debug)]
pub(crate) struct RevokedSerials {
    file: Option<PathBuf>,
    sets: Mutex<Sets>,
    /// Counts the times that the sets were written anew.
    written: watch::Sender<u64>,
}

#[derive(Debug, Default)]
struct Sets {
    text: String,
    listed: HashSet<Serial>,
    stored: HashSet<Serial>,
}

impl Sets {
    fn apply(&self, trust: &TrustStore) {
        trust.set_revoked(self.listed.union(&self.stored).cloned().collect());
    }
}

impl RevokedSerials {
    pub(super) fn new(file: Option<PathBuf>) -> Self {
        Self { file, sets: Mutex::default(), written: watch::Sender::default() }
    }

    /// Those of the file.
    pub(super) fn listed(&self) -> Vec<Serial> {
        self.sets.lock().listed.iter().cloned().collect()
    }

    pub(super) fn set_stored(&self, serials: HashSet<Serial>, trust: &TrustStore) {
        let mut sets = self.sets.lock();
        sets.stored = serials;
        sets.apply(trust);
        self.written.send_modify(|times| *times += 1);
    }

    /// Tells when somebody may have been revoked since.
    pub(super) fn written(&self) -> watch::Receiver<u64> {
        self.written.subscribe()
    }

    /// Reads the file, where there is one, and says whether it changed. One that cannot be read takes nothing back.
    pub(super) fn look(&self, trust: &TrustStore) -> Result<bool, StartError> {
        use std::io::Read as _;
        let Some(path) = &self.file else { return Ok(false) };
        let mut text = String::new();
        let read =
            std::fs::File::open(path).and_then(|file| file.take(MAX_FILE + 1).read_to_string(&mut text));
        read.map_err(|e| unreadable(path, &e))?;
        if text.len() as u64 > MAX_FILE {
            return Err(unreadable(path, &std::io::Error::other("it has more than 16 MiB")));
        }
        let mut sets = self.sets.lock();
        if sets.text == text {
            return Ok(false);
        }
        sets.listed = serials(&text).map_err(|error| unusable(path, error))?;
        sets.text = text;
        sets.apply(trust);
        self.written.send_modify(|times| *times += 1);
        Ok(true)
    }
}

fn serials(text: &str) -> Result<HashSet<Serial>, PkiError> {
    let lines = text.lines().map(|line| line.split_once('#').map_or(line, |(serial, _)| serial).trim());
    lines.filter(|line| !line.is_empty()).map(str::parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_and_the_database_revoke_together() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let (revoked, trust) = (RevokedSerials::new(Some(file.path().to_owned())), TrustStore::default());
        let is_revoked = |serial: &str| trust.is_revoked(&serial.parse().unwrap());
        assert!(!revoked.look(&trust).unwrap());
        let mut written = revoked.written();
        std::fs::write(file.path(), "# gone\n0B98 # mac\n\n  01\n").unwrap();
        assert!(revoked.look(&trust).unwrap() && !revoked.look(&trust).unwrap());
        assert!(is_revoked("b98") && is_revoked("1") && !is_revoked("2"));
        assert!(written.has_changed().unwrap(), "whoever waits for it is told");
        written.mark_unchanged();
        revoked.set_stored(HashSet::from(["02".parse().unwrap()]), &trust);
        assert!(is_revoked("b98") && is_revoked("2") && written.has_changed().unwrap());
        // What cannot be read takes nothing back.
        std::fs::write(file.path(), "0B98\nnonsense\n").unwrap();
        assert_eq!(revoked.look(&trust).map_err(|e| e.code()), Err("certificate-serial"));
        assert!(is_revoked("1"));
        std::fs::write(file.path(), "").unwrap();
        assert!(revoked.look(&trust).unwrap() && !is_revoked("1") && is_revoked("2"));
        std::fs::remove_file(file.path()).unwrap();
        assert_eq!(revoked.look(&trust).map_err(|e| e.code()), Err("pki-file"));
    }
}
