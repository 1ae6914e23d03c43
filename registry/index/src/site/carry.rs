//! A site in one file, for where no network leads.
//!
//! A tar of `bundles/`, `include/` and `metadata/`, in the order of names. Index and plugins are verified like those of
//! any server. What is included beside them is nobody's word: it is laid aside, with its digest to compare.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::path::{Path, PathBuf};

use bytes::Bytes;
use serde::Serialize;
use waystation_bundle::archive::{self, Bounds, Writer};
use waystation_bundle::{ContentDigest, Package};

use super::Which;
use super::place::{self, Copy};
use crate::clock::Clock;
use crate::error::IndexError;
use crate::index::Index;
use crate::limits::Limits;
use crate::material;
use crate::names;
use crate::source::{Folder, read_file};

/// Where further files are.
const INCLUDE: &str = "include/";

/// A file that came along.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Included {
    /// Its name.
    pub name: String,
    /// Its digest.
    pub digest: ContentDigest,
}

/// What came in.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Imported {
    /// Versions of plugins.
    pub plugins: usize,
    /// Further files, which nothing vouches for: compare their digests with what the sender says on another way.
    pub included: Vec<Included>,
}

impl Index {
    /// Writes the index with these plugins, and further files by name, as one archive. The same state, plugins and
    /// files are the same bytes. Gives how many plugins it holds.
    ///
    /// # Errors
    /// As for reading and fetching; `index-stray` for a name that is none.
    pub async fn export(
        &self,
        out: impl Write,
        which: &Which,
        include: &BTreeMap<String, Bytes>,
        clock: &Clock,
    ) -> Result<usize, IndexError> {
        let (material, catalog) = self.newest(clock).await?;
        let mut picked = which.pick(&catalog)?;
        picked.sort_by_key(|entry| entry.digest);
        let mut writer = Writer::new(out);
        for entry in &picked {
            let package = self.fetch(entry, None).await?;
            writer.file(&names::bundle(entry.digest), &package.to_tar(&self.limits().bundle)?)?;
        }
        for (name, content) in include {
            let path = format!("{INCLUDE}{name}");
            if included(&path).is_none() {
                return Err(IndexError::Stray { path, why: "that is no plain name of a file".into() });
            }
            writer.file(&path, content)?;
        }
        for (path, text) in material::files(&material, catalog.signed()) {
            writer.file(&path, text.as_bytes())?;
        }
        writer.finish()?;
        Ok(picked.len())
    }
}

/// Puts a site that came in one file into a folder, which then is an index like any other. All of it is verified from
/// the root that is trusted here, before anything is put in place; nothing older than what is there is taken.
///
/// # Errors
/// What is wrong with the archive, the index or a plugin. The folder is as it was then.
pub async fn import(
    archive: impl Read,
    to: &Path,
    pinned: &[u8],
    clock: &Clock,
    limits: &Limits,
) -> Result<Imported, IndexError> {
    let copy = Copy::open(to, pinned, limits).await?;
    let aside = Aside::new(to)?;
    let bounds = Bounds { archive: limits.archive, file: limits.bundle.archive, entries: limits.files };
    let mut came = Vec::new();
    archive::read(archive, &bounds, |path, content| {
        if kind(path).is_none() {
            return Err(IndexError::Stray { path: path.to_owned(), why: "no site has it".into() });
        }
        came.push(path.to_owned());
        aside.put(path, &content)
    })?;
    let (material, catalog) = copy.newer(pinned, &Folder(aside.0.clone()), clock).await?;
    let mut done = Imported::default();
    for path in &came {
        let file = aside.0.join(path);
        let bytes = || Ok::<_, IndexError>(read_file(&file, limits.bundle.archive)?.unwrap_or_default());
        match kind(path) {
            Some(Kind::Bundle(digest)) => {
                let stray = |why: &str| IndexError::Stray { path: path.clone(), why: why.into() };
                let entry =
                    catalog.by_digest(digest).ok_or_else(|| stray("the index names no such plugin"))?;
                let package = Package::parse(bytes()?, &limits.bundle)?;
                crate::index::admit(path, entry, &package)?;
                done.plugins += 1;
            }
            Some(Kind::Include(name)) => {
                let digest = ContentDigest::of(&bytes()?);
                done.included.push(Included { name: name.to_owned(), digest });
            }
            _ => {}
        }
    }
    // All is good. What is named comes before what names it.
    for path in &came {
        let bytes = read_file(&aside.0.join(path), limits.bundle.archive)?.unwrap_or_default();
        match kind(path) {
            Some(Kind::Bundle(digest)) => {
                if let Some(entry) = catalog.by_digest(digest) {
                    copy.put_manifest(entry, &Package::parse(bytes.clone(), &limits.bundle)?)?;
                }
                place::put(&to.join(path), &bytes)?;
            }
            Some(Kind::Include(_)) => place::put(&to.join(path), &bytes)?,
            _ => {}
        }
    }
    copy.put_metadata(&material, &catalog)?;
    Ok(done)
}

/// What a file of a site is, by its path.
enum Kind<'a> {
    Metadata,
    Bundle(ContentDigest),
    Include(&'a str),
}

fn kind(path: &str) -> Option<Kind<'_>> {
    if let Some(name) = included(path) {
        return Some(Kind::Include(name));
    }
    if let Some(name) = path.strip_prefix("bundles/") {
        return names::parse_bundle(name).map(Kind::Bundle);
    }
    (path.starts_with("metadata/") && names::is_served(path)).then_some(Kind::Metadata)
}

/// The name of a further file: one part, which is not hidden.
fn included(path: &str) -> Option<&str> {
    let name = path.strip_prefix(INCLUDE)?;
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_');
    (!name.is_empty() && !name.starts_with('.') && name.bytes().all(plain)).then_some(name)
}

/// A folder for what is not verified yet. It goes with whatever is left in it.
struct Aside(PathBuf);

impl Aside {
    fn new(beside: &Path) -> Result<Self, IndexError> {
        let folder = beside.join(format!(".import-{:016x}", rand::random::<u64>()));
        std::fs::create_dir(&folder).map_err(|e| IndexError::io(&folder, &e))?;
        Ok(Self(folder))
    }

    /// What is here need not outlive the process.
    fn put(&self, path: &str, content: &[u8]) -> Result<(), IndexError> {
        let path = self.0.join(path);
        let folder = path.parent().unwrap_or(&self.0);
        let put = std::fs::create_dir_all(folder).and_then(|()| std::fs::write(&path, content));
        put.map_err(|e| IndexError::io(&path, &e))
    }
}

impl Drop for Aside {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
