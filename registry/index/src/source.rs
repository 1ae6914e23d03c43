//! Where an index is: a folder, or an address.

use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read as _, Seek as _, Write as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use url::Url;
use waystation_oci::{Client, OciError};

use crate::error::IndexError;

/// Something that has the files of an index. It is a stranger: nothing that it gives is believed as such.
pub trait Fetch: fmt::Debug + Send + Sync {
    /// What to call it to a person.
    fn name(&self) -> String;

    /// A file of at most `limit` bytes, by its path in the index; none where there is none.
    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>>;

    /// The same for what is large: a file that need not be in memory, at its beginning.
    fn open<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<File>, IndexError>> {
        Box::pin(async move {
            let Some(bytes) = self.fetch(path, limit).await? else { return Ok(None) };
            aside(&bytes).map(Some).map_err(|e| IndexError::io(&std::env::temp_dir(), &e))
        })
    }
}

/// A file of these bytes, which has no name.
fn aside(bytes: &[u8]) -> std::io::Result<File> {
    let mut file = tempfile::tempfile()?;
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// An index on a disk.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

impl Folder {
    /// The same at once.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Option<Bytes>, IndexError> {
        read_file(&self.0.join(path), limit)
    }
}

/// A file of at most `limit` bytes.
pub(crate) fn read_file(path: &Path, limit: u64) -> Result<Option<Bytes>, IndexError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(limit.saturating_add(1)).read_to_end(&mut bytes));
    match read {
        Ok(_) if bytes.len() as u64 > limit => {
            Err(IndexError::TooLarge { what: path.display().to_string(), limit })
        }
        Ok(_) => Ok(Some(bytes.into())),
        Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
        Err(e) => Err(IndexError::io(path, &e)),
    }
}

impl Fetch for Folder {
    fn name(&self) -> String {
        self.0.display().to_string()
    }

    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>> {
        Box::pin(async move { self.read(path, limit) })
    }

    fn open<'a>(&'a self, path: &'a str, _limit: u64) -> BoxFuture<'a, Result<Option<File>, IndexError>> {
        Box::pin(async move {
            let path = self.0.join(path);
            match File::open(&path) {
                Ok(file) => Ok(Some(file)),
                Err(e) if matches!(e.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => Ok(None),
                Err(e) => Err(IndexError::io(&path, &e)),
            }
        })
    }
}

/// Files that are there already, over those of a folder.
#[derive(Debug)]
pub(crate) struct Files<'a> {
    pub(crate) files: &'a BTreeMap<String, String>,
    pub(crate) below: Option<&'a Folder>,
}

impl Fetch for Files<'_> {
    fn name(&self) -> String {
        "what is to be put in place".into()
    }

    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>> {
        Box::pin(async move {
            match self.files.get(path) {
                Some(text) if text.len() as u64 > limit => {
                    Err(IndexError::TooLarge { what: path.to_owned(), limit })
                }
                Some(text) => Ok(Some(Bytes::copy_from_slice(text.as_bytes()))),
                None => self.below.map_or(Ok(None), |below| below.read(path, limit)),
            }
        })
    }
}

/// An index that a web server has.
#[derive(Debug, Clone)]
pub struct Web {
    base: Url,
    client: Arc<Client>,
}

impl Web {
    /// The index below an address.
    #[must_use]
    pub fn new(mut base: Url, client: Arc<Client>) -> Self {
        if !base.path().ends_with('/') {
            base.set_path(&format!("{}/", base.path()));
        }
        base.set_query(None);
        base.set_fragment(None);
        Self { base, client }
    }

    /// Where a file is. The path is one of ours; a `+` in it is one.
    fn place(&self, path: &str) -> Result<Url, IndexError> {
        self.base.join(&path.replace('+', "%2B")).map_err(|e| self.failed(e.to_string()))
    }

    fn failed(&self, why: String) -> IndexError {
        IndexError::Unreachable { source_name: self.name(), why }
    }

    fn refused(&self, url: &Url, e: OciError) -> IndexError {
        match e {
            OciError::Package(waystation_bundle::BundleError::TooLarge { limit, .. }) => {
                IndexError::TooLarge { what: url.to_string(), limit }
            }
            e => self.failed(e.to_string()),
        }
    }
}

impl Fetch for Web {
    fn name(&self) -> String {
        self.base.to_string()
    }

    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>> {
        Box::pin(async move {
            let url = self.place(path)?;
            self.client.download(&url, limit).await.map_err(|e| self.refused(&url, e))
        })
    }

    fn open<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<File>, IndexError>> {
        Box::pin(async move {
            let url = self.place(path)?;
            self.client.download_file(&url, limit).await.map_err(|e| self.refused(&url, e))
        })
    }
}
