//! Files that are there whole or not at all: whoever reads one meets the old content or the new, never a part, also after
//! the power failed in between.

#![forbid(unsafe_code)]

use std::fs::{File, OpenOptions, Permissions};
use std::hash::{BuildHasher as _, RandomState};
use std::io::{self, Write as _};
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Who may read what is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Its owner alone: mode 0600, from the first byte on.
    Private,
    /// Everybody: mode 0644.
    Public,
    /// Whoever may read the file that is replaced; where there is none, as the process's umask says.
    AsBefore,
}

/// Replaces a file, or makes it. It is durable when this returns.
///
/// # Errors
/// What the system says; the file is what it was then.
pub fn replace(path: &Path, content: &[u8], access: Access) -> io::Result<()> {
    replace_with(path, access, |file| file.write_all(content))
}

/// The same with content that `write` puts into the file.
///
/// # Errors
/// What the system, or `write`, says; the file is what it was then.
pub fn replace_with(
    path: &Path,
    access: Access,
    write: impl FnOnce(&mut File) -> io::Result<()>,
) -> io::Result<()> {
    let mut pending = Pending::new(path, access)?;
    write(pending.file())?;
    pending.keep()
}

/// The mode of a file that others than its owner may read, write or run; none where nobody else may.
///
/// # Errors
/// What the system says.
pub fn open_to_others(path: &Path) -> io::Result<Option<u32>> {
    let mode = std::fs::metadata(path)?.permissions().mode() & 0o777;
    Ok((mode & 0o077 != 0).then_some(mode))
}

/// A file that is being written and has its name when it is whole. Dropped before that, it is gone.
#[derive(Debug)]
pub struct Pending {
    file: File,
    temporary: Temporary,
    path: PathBuf,
}

impl Pending {
    /// Begins a file that will be at `path`.
    ///
    /// # Errors
    /// What the system says.
    pub fn new(path: &Path, access: Access) -> io::Result<Self> {
        let temporary =
            Temporary(folder(path).join(format!(".{:016x}.tmp", RandomState::new().hash_one(path))));
        let mut options = OpenOptions::new();
        // Never what somebody else put there.
        options.write(true).create_new(true);
        if access == Access::Private {
            options.mode(0o600);
        }
        let file = options.open(&temporary.0)?;
        match (access, std::fs::metadata(path)) {
            (Access::Public, _) => file.set_permissions(Permissions::from_mode(0o644))?,
            (Access::AsBefore, Ok(there)) => file.set_permissions(there.permissions())?,
            (Access::AsBefore | Access::Private, _) => {}
        }
        Ok(Self { file, temporary, path: path.to_owned() })
    }

    /// What to write to.
    pub const fn file(&mut self) -> &mut File {
        &mut self.file
    }

    /// Gives it its name, in place of what has that. It is durable when this returns.
    ///
    /// # Errors
    /// What the system says; what had the name is what it was then.
    pub fn keep(self) -> io::Result<()> {
        self.file.sync_all()?;
        std::fs::rename(&self.temporary.0, &self.path)?;
        // The name is durable when its folder is.
        File::open(folder(&self.path))?.sync_all()
    }
}

fn folder(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Is gone whatever happens; after it got its name there is nothing to remove.
#[derive(Debug)]
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a test fails where it does not hold")]
mod tests {
    use super::*;

    fn mode(path: &Path) -> u32 {
        path.metadata().unwrap().permissions().mode() & 0o777
    }

    #[test]
    fn a_file_is_replaced_with_the_access_that_it_is_to_have() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        for (content, access, expected) in [
            ("secret", Access::Private, 0o600),
            ("kept", Access::AsBefore, 0o600),
            ("for all", Access::Public, 0o644),
            ("kept", Access::AsBefore, 0o644),
            ("secret again", Access::Private, 0o600),
        ] {
            replace(&path, content.as_bytes(), access).unwrap();
            assert_eq!((std::fs::read_to_string(&path).unwrap().as_str(), mode(&path)), (content, expected));
        }
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 1);
    }

    #[test]
    fn whom_a_file_is_open_to_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"secret", Access::Private).unwrap();
        for (mode, open) in [(0o600, false), (0o400, false), (0o640, true), (0o604, true), (0o601, true)] {
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
            assert_eq!(open_to_others(&path).unwrap(), open.then_some(mode));
        }
        assert!(open_to_others(&folder.path().join("nowhere")).is_err());
    }

    #[test]
    fn what_fails_leaves_the_file_as_it_was_and_nothing_beside_it() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        replace(&path, b"old", Access::Private).unwrap();
        let full = |file: &mut File| {
            file.write_all(b"ne")?;
            Err(io::ErrorKind::StorageFull.into())
        };
        let failed = replace_with(&path, Access::AsBefore, full).unwrap_err();
        assert_eq!(failed.kind(), io::ErrorKind::StorageFull);
        assert_eq!(std::fs::read(&path).unwrap(), b"old");
        // A folder cannot be replaced by a file.
        std::fs::create_dir(folder.path().join("there")).unwrap();
        assert!(replace(&folder.path().join("there"), b"new", Access::Public).is_err());
        assert!(replace(&folder.path().join("nowhere/file"), b"new", Access::Public).is_err());
        assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 2);
    }
}
