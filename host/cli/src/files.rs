//! Files that must not be lost: none is written over by accident, and none is ever half there.

use std::fs::{File, OpenOptions};
use std::io::{Read as _, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

use crate::exit::{Exit, Failure, Outcome};

/// New files that are all there in the end, or none of them is.
#[derive(Debug, Default)]
pub(crate) struct New {
    written: Vec<PathBuf>,
}

impl New {
    /// Writes a file that is not there yet.
    pub(crate) fn write(&mut self, path: &Path, content: &[u8], mode: u32) -> Outcome {
        let created = OpenOptions::new().write(true).create_new(true).mode(mode).open(path);
        let mut file = created.map_err(|e| match e.kind() {
            std::io::ErrorKind::AlreadyExists => {
                let message = format!("{} is there already, and is not written over", path.display());
                Failure::new(Exit::Failed, message).code("file-exists")
            }
            _ => io(path, &e),
        })?;
        self.written.push(path.to_owned());
        file.write_all(content).and_then(|()| file.sync_all()).map_err(|e| io(path, &e))
    }

    /// Keeps them.
    pub(crate) fn keep(mut self) {
        self.written.clear();
    }
}

impl Drop for New {
    fn drop(&mut self) {
        for path in &self.written {
            let _ = std::fs::remove_file(path);
        }
    }
}

/// Replaces a file, or makes it: whoever reads it meets the old content or the new, never a part.
pub(crate) fn replace(path: &Path, content: &[u8]) -> Outcome {
    replace_with(path, |file| file.write_all(content).map_err(|e| io(path, &e)))
}

/// The same, of content that `write` writes.
pub(crate) fn replace_with<T>(
    path: &Path,
    write: impl FnOnce(&mut File) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut done = None;
    let written = waystation_files::replace_with(path, waystation_files::Access::AsBefore, |file| match done
        .insert(write(file))
    {
        Ok(_) => Ok(()),
        Err(_) => Err(std::io::ErrorKind::Other.into()),
    });
    match (done, written) {
        (Some(Ok(done)), Ok(())) => Ok(done),
        (Some(Err(failure)), _) => Err(failure),
        (_, Err(e)) => Err(io(path, &e)),
        (None, Ok(())) => Err(io(path, &std::io::ErrorKind::Other.into())),
    }
}

/// A file of at most `most` bytes.
pub(crate) fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|e| io(path, &e))?;
    match bytes.len() > most {
        true => Err(Failure::new(Exit::Failed, format!("{} has more than {most} bytes", path.display()))
            .code("too-large")),
        false => Ok(bytes),
    }
}

/// The same as text.
pub(crate) fn text(path: &Path, most: usize) -> Result<String, Failure> {
    String::from_utf8(read(path, most)?)
        .map_err(|_| Failure::new(Exit::Failed, format!("{} is not UTF-8", path.display())).code("not-text"))
}

/// What the system said of a file.
pub(crate) fn io(path: &Path, e: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {e}", path.display())).code("io")
}
