//! Keys of the host's own: 256 bits in a file that only its user reads.

use std::io::ErrorKind;
use std::path::Path;

use waystation_files::Access;

use crate::error::StartError;

/// A key and what it is for.
#[derive(Debug, Clone, Copy)]
pub struct KeyFile {
    /// The name of the file in the data folder; the code of the error as well.
    pub name: &'static str,
    /// What it is the key of, in a sentence.
    pub of: &'static str,
}

/// The key of the configuration, or that of the data folder, which is made where there is none.
pub(crate) fn open(file: KeyFile, named: Option<&Path>, data: &Path) -> Result<[u8; 32], StartError> {
    let path = named.map_or_else(|| data.join(file.name), Path::to_path_buf);
    let failed = |message: String| StartError::Key { file, path: path.display().to_string(), message };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            warn_if_open(&path);
            let mut key = [0; 32];
            let text = text.trim();
            match hex::decode_to_slice(text, &mut key) {
                Ok(()) => Ok(key),
                Err(_) => Err(failed("it is not 64 hex digits".into())),
            }
        }
        // One that was named is not made up: other hosts have another.
        Err(e) if e.kind() == ErrorKind::NotFound && named.is_none() => {
            let key: [u8; 32] = rand::random();
            let written = waystation_files::replace(&path, hex::encode(key).as_bytes(), Access::Private);
            written.map_err(|e| failed(e.to_string()))?;
            Ok(key)
        }
        Err(e) => Err(failed(e.to_string())),
    }
}

/// Says so where others than the host's user have a key. It is used all the same, as every secret is: how a file comes to a
/// machine is not always the operator's choice.
pub(crate) fn warn_if_open(path: &Path) {
    if let Ok(Some(mode)) = waystation_files::open_to_others(path) {
        tracing::warn!(
            code = "secret-permissions",
            path = %path.display(),
            mode = %format_args!("{mode:04o}"),
            "a key is open to other users; run `chmod 600` on it",
        );
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn made_once_private_and_never_made_up() {
        let folder = tempfile::tempdir().unwrap();
        let file = KeyFile { name: "ticket-key", of: "tickets" };
        let id = |named: Option<&Path>| open(file, named, folder.path());
        let first = id(None).unwrap();
        assert_eq!(id(None).unwrap(), first);
        let path = folder.path().join(file.name);
        assert_eq!(path.metadata().unwrap().permissions().mode() & 0o777, 0o600);
        let other = folder.path().join("other");
        assert_eq!(id(Some(&other)).unwrap_err().code(), "ticket-key");
        assert!(!other.exists());
        std::fs::copy(&path, &other).unwrap();
        assert_eq!(id(Some(&other)).unwrap(), first, "hosts that share a database share it");
        for bad in ["", "short", &"g".repeat(64), &"0".repeat(66)] {
            std::fs::write(&other, bad).unwrap();
            let error = id(Some(&other)).unwrap_err();
            assert!(bad.is_empty() || !error.to_string().contains(bad), "{error}");
        }
    }
}
