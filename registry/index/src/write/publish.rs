//! From what is staged to what readers see.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use bytes::Bytes;

use super::document::Document;
use super::work::Work;
use super::{Outcome, Publisher, Waiting, With};
use crate::catalog::Signed;
use crate::clock::Clock;
use crate::engine::{self, EVER};
use crate::error::IndexError;
use crate::files;
use crate::names;
use crate::source::{Files, Folder, read_file};
use crate::update::update;

/// Where changes wait for signatures.
pub(super) const STAGED: &str = "staged";
/// Inside it: all that is put in place, once all of it is there.
const READY: &str = "ready";
/// Inside it: the same while it is written.
const WRITING: &str = "writing";

impl Publisher {
    /// What is published, and what waits.
    pub(super) async fn load(&self) -> Result<Work, IndexError> {
        self.finish()?;
        let folder = Folder(self.folder.clone());
        let mut work = Work::default();
        if let Some(root) = self.first_root(&folder)? {
            // It has to hold together; whether it has expired is not the question here.
            let published = update(&root, None, &folder, &Clock::at(EVER), &self.limits).await?;
            work.published = Some(published);
        }
        let staged = self.folder.join(STAGED);
        for name in list(&staged)? {
            let Some((_, role)) = names::parse_metadata(&name) else { continue };
            let path = staged.join(&name);
            let bytes = read_file(&path, self.limits.targets)?.unwrap_or_default();
            let text = crate::material::text(&name, &bytes)?;
            work.staged.insert(role.to_owned(), Document::parse(&name, &text)?);
        }
        match work.published.is_none() && work.staged.is_empty() {
            true => Err(IndexError::NoIndex { path: self.folder.display().to_string() }),
            false => Ok(work),
        }
    }

    fn first_root(&self, folder: &Folder) -> Result<Option<Bytes>, IndexError> {
        folder.read(&names::metadata(1, "root"), self.limits.root)
    }

    /// Signs, and publishes what is complete; what is not is staged.
    pub(super) async fn proceed(&self, mut work: Work, with: &With<'_>) -> Result<Outcome, IndexError> {
        work.sign(with.signers)?;
        let mut waiting = work.waiting()?;
        if waiting.is_empty() {
            match self.publish(&work, with).await? {
                Ok(published) => return Ok(Outcome { published: Some(published), waiting }),
                Err(online) => waiting.push(online),
            }
        }
        self.stage(&work)?;
        Ok(Outcome { published: None, waiting })
    }

    /// Makes what is complete the newest, or says which key is missing for it.
    pub(super) async fn publish(
        &self,
        work: &Work,
        with: &With<'_>,
    ) -> Result<Result<BTreeMap<String, Signed>, Waiting>, IndexError> {
        let files = match work.online(with.now, &with.validity, with.signers)? {
            Ok(files) => files,
            Err(waiting) => return Ok(Err(waiting)),
        };
        let catalog = self.read_back(work, &files, with).await?;
        self.put(&files)?;
        Ok(Ok(catalog.signed().clone()))
    }

    /// Reads what is about to be published as a client does that has seen what is published now.
    async fn read_back(
        &self,
        work: &Work,
        files: &BTreeMap<String, String>,
        with: &With<'_>,
    ) -> Result<crate::Catalog, IndexError> {
        let folder = Folder(self.folder.clone());
        let first = names::metadata(1, "root");
        let pinned = match self.first_root(&folder)? {
            Some(root) => root,
            None => files.get(&first).cloned().unwrap_or_default().into(),
        };
        let overlay = Files { files, below: Some(&folder) };
        let clock = Clock::at(with.now);
        let read = async {
            let new = update(&pinned, work.published.as_ref(), &overlay, &clock, &self.limits).await?;
            engine::verify(&pinned, &new, &clock, &self.limits)
        };
        read.await.map_err(|e| match e {
            // These are not of our making: something else has to be renewed as well.
            e @ (IndexError::Frozen { .. } | IndexError::RootExpired { .. }) => e,
            e => IndexError::ReadBack { why: e.to_string() },
        })
    }

    /// Keeps what waits for signatures.
    fn stage(&self, work: &Work) -> Result<(), IndexError> {
        let staged = self.folder.join(STAGED);
        std::fs::create_dir_all(&staged).map_err(|e| IndexError::io(&staged, &e))?;
        let mut keep = Vec::new();
        for (role, document) in &work.staged {
            let name = format!("{}.{role}.json", document.version());
            files::write(&staged.join(&name), document.to_text()?.as_bytes())?;
            keep.push(name);
        }
        for name in list(&staged)?.into_iter().filter(|name| !keep.contains(name)) {
            let path = staged.join(name);
            std::fs::remove_file(&path).map_err(|e| IndexError::io(&path, &e))?;
        }
        Ok(())
    }

    /// Puts all of it aside as a whole, and then in place.
    fn put(&self, files: &BTreeMap<String, String>) -> Result<(), IndexError> {
        let staged = self.folder.join(STAGED);
        let writing = staged.join(WRITING);
        remove(&writing)?;
        for (path, text) in files {
            let name = path.rsplit('/').next().unwrap_or(path);
            files::write(&writing.join(name), text.as_bytes())?;
        }
        let ready = staged.join(READY);
        std::fs::rename(&writing, &ready).map_err(|e| IndexError::io(&ready, &e))?;
        self.finish()
    }

    /// Puts in place what is ready, the timestamp last. Doing it twice changes nothing.
    fn finish(&self) -> Result<(), IndexError> {
        let staged = self.folder.join(STAGED);
        let ready = staged.join(READY);
        if !ready.is_dir() {
            return Ok(());
        }
        let metadata = self.folder.join(names::METADATA);
        let mut all = list(&ready)?;
        // A reader asks for a new root first, and for what it allows afterwards: as late as can be.
        all.sort_by_key(|name| (name.starts_with("timestamp."), name.ends_with(".root.json")));
        for name in &all {
            let bytes = read_file(&ready.join(name), self.limits.targets)?;
            files::write(&metadata.join(name), &bytes.unwrap_or_default())?;
        }
        // What is published does not wait any more. Other things may.
        for name in &all {
            match std::fs::remove_file(staged.join(name)) {
                Err(e) if e.kind() != ErrorKind::NotFound => return Err(IndexError::io(&staged, &e)),
                _ => {}
            }
        }
        remove(&ready)?;
        let _ = std::fs::remove_dir(&staged);
        Ok(())
    }
}

/// The names of the files in a folder, which need not be there.
fn list(folder: &Path) -> Result<Vec<String>, IndexError> {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(IndexError::io(folder, &e)),
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry.map_err(|e| IndexError::io(folder, &e))?;
        if entry.file_type().is_ok_and(|kind| kind.is_file()) {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort_unstable();
    Ok(names)
}

fn remove(folder: &Path) -> Result<(), IndexError> {
    match std::fs::remove_dir_all(folder) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(IndexError::io(folder, &e)),
        _ => Ok(()),
    }
}
