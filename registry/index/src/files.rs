//! Files that are there whole or not at all.

use std::fs::{File, OpenOptions};
use std::path::Path;

use crate::error::IndexError;

/// Writes a file that is under its name only when it is whole; folders on the way are made.
pub(crate) fn write(path: &Path, content: &[u8]) -> Result<(), IndexError> {
    let failed = |e: std::io::Error| IndexError::io(path, &e);
    let folder = path.parent().unwrap_or(Path::new("."));
    std::fs::create_dir_all(folder).map_err(failed)?;
    waystation_files::replace(path, content, waystation_files::Access::AsBefore).map_err(failed)
}

/// Waits for, and takes, a lock that lasts as long as the file is open.
pub(crate) fn lock(path: &Path) -> Result<File, IndexError> {
    let failed = |e: std::io::Error| IndexError::io(path, &e);
    let file = OpenOptions::new().create(true).truncate(false).write(true).open(path).map_err(failed)?;
    file.lock().map_err(failed)?;
    Ok(file)
}
