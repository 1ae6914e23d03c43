//! Writing an index.
//!
//! A change is staged, signed by whoever has to, and put in place once it is complete: in the folder `staged`, which
//! can be carried to the next holder of a key together with the rest. What is put in place was read back by the client
//! first, from what readers see now on. Every file of it is new but the timestamp, which comes last: a reader sees the
//! old index or the new one. A process that is killed on the way leaves it to the next to finish.

mod document;
mod pending;
mod publish;
mod roles;
mod work;

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use semver::Version;
use serde::Serialize;
use waystation_bundle::Package;
use waystation_oci::Reference;
use waystation_sign::Signer;

pub use pending::Pending;
pub use roles::Holders;
pub use work::{Validity, Waiting};

use crate::catalog::Signed;
use crate::entry::{About, Entry};
use crate::error::IndexError;
use crate::files;
use crate::keys;
use crate::limits::Limits;
use crate::names;
use work::Work;

/// Held by whoever writes.
const LOCK: &str = "lock";

/// One change of an index.
#[derive(Debug)]
pub enum Change<'a> {
    /// Lists a plugin.
    Add {
        /// The plugin.
        package: &'a Package,
        /// Registries that have it, by its digest.
        references: Vec<Reference>,
        /// Whether the index has it itself.
        keep: bool,
    },
    /// Says that nobody should take a version any more, and why; or that it is good again.
    Yank {
        /// The plugin.
        name: String,
        /// Its version.
        version: Version,
        /// Why.
        why: Option<String>,
    },
    /// Takes a version off the list. Who pinned it does not find it any more.
    Remove {
        /// The plugin.
        name: String,
        /// Its version.
        version: Version,
    },
    /// Lets others sign for a namespace, with the plugins it has; or takes it back.
    Delegate {
        /// The namespace.
        namespace: String,
        /// Whose keys; none takes it back.
        holders: Option<Holders>,
    },
    /// Changes who signs.
    Keys(Keys),
    /// Signs a file anew, for another while: `root`, `targets`, or a namespace.
    Renew(String),
}

/// Who signs for the parts of an index. What is none stays as it is.
#[derive(Debug, Clone, Default)]
pub struct Keys {
    /// The root, which says who signs for the rest. Best kept away from any network.
    pub root: Option<Holders>,
    /// The list of plugins.
    pub targets: Option<Holders>,
    /// Snapshot and timestamp, which are renewed all the time.
    pub online: Option<Holders>,
}

impl Keys {
    fn roles(&self) -> Vec<(&'static str, &Holders)> {
        let all = [
            ("root", &self.root),
            ("targets", &self.targets),
            ("snapshot", &self.online),
            ("timestamp", &self.online),
        ];
        all.into_iter().filter_map(|(role, holders)| Some((role, holders.as_ref()?))).collect()
    }
}

/// What came of a change.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Outcome {
    /// What readers see from now on, where it was put in place.
    pub published: Option<BTreeMap<String, Signed>>,
    /// What waits for further signatures.
    pub waiting: Vec<Waiting>,
}

/// What a change is made with.
#[derive(Clone, Copy)]
pub struct With<'a> {
    /// Keys, each for what it has a say in.
    pub signers: &'a [&'a dyn Signer],
    /// Now.
    pub now: Timestamp,
    /// How long signatures count.
    pub validity: Validity,
}

impl std::fmt::Debug for With<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let keys: Vec<_> = self.signers.iter().map(|signer| signer.public().fingerprint()).collect();
        f.debug_struct("With").field("keys", &keys).field("now", &self.now).finish_non_exhaustive()
    }
}

/// Writes one index. It holds the folder's lock.
#[derive(Debug)]
pub struct Publisher {
    folder: PathBuf,
    limits: Limits,
    _lock: File,
}

impl Publisher {
    /// Begins an index in an empty folder, or one that is made.
    ///
    /// # Errors
    /// `index-exists`, `index-role`, or what kept it from being written.
    pub async fn init(
        folder: &Path,
        keys: &Keys,
        with: &With<'_>,
        limits: &Limits,
    ) -> Result<(Self, Outcome), IndexError> {
        let roles = keys.roles();
        if roles.len() != names::ROLES.len() {
            let why = "an index has keys for its root, its targets and online".to_owned();
            return Err(IndexError::Role { role: "root".into(), why });
        }
        let mut work = Work::default();
        work.roles(&roles, with.now, &with.validity)?;
        std::fs::create_dir_all(folder).map_err(|e| IndexError::io(folder, &e))?;
        let exists = || IndexError::Exists { path: folder.display().to_string() };
        // A lock alone is what a beginning left that failed.
        let empty = || -> Result<bool, IndexError> {
            let inside = std::fs::read_dir(folder).map_err(|e| IndexError::io(folder, &e))?;
            Ok(inside.flatten().all(|entry| entry.file_name() == LOCK))
        };
        if !empty()? {
            return Err(exists());
        }
        let this = Self::locked(folder, limits)?;
        if !empty()? {
            return Err(exists());
        }
        let outcome = this.proceed(work, with).await?;
        Ok((this, outcome))
    }

    /// Opens an index that was begun. Waits until no other process writes it.
    ///
    /// # Errors
    /// `index-not-here`.
    pub fn open(folder: &Path, limits: &Limits) -> Result<Self, IndexError> {
        let begun = [names::METADATA, publish::STAGED].iter().any(|inside| folder.join(inside).is_dir());
        match begun {
            true => Self::locked(folder, limits),
            false => Err(IndexError::NoIndex { path: folder.display().to_string() }),
        }
    }

    fn locked(folder: &Path, limits: &Limits) -> Result<Self, IndexError> {
        let lock = files::lock(&folder.join(LOCK))?;
        Ok(Self { folder: folder.to_owned(), limits: *limits, _lock: lock })
    }

    /// Makes changes, signs them with what keys there are, and puts them in place if that is all it takes.
    ///
    /// # Errors
    /// What is wrong with a change, or keeps it from being written. What is published is as it was then.
    pub async fn change(&self, changes: &[Change<'_>], with: &With<'_>) -> Result<Outcome, IndexError> {
        let mut work = self.load().await?;
        for change in changes {
            self.apply(&mut work, change, with)?;
        }
        self.proceed(work, with).await
    }

    /// Adds signatures to what waits for them, and puts it in place if that is all it takes.
    ///
    /// # Errors
    /// `index-idle-key`, for a key that has no say in what waits.
    pub async fn sign(&self, with: &With<'_>) -> Result<Outcome, IndexError> {
        let mut work = self.load().await?;
        let mut used = work.sign(with.signers)?;
        for role in ["snapshot", "timestamp"] {
            used.extend(work.authorities(role)?.into_iter().flat_map(|authority| authority.keys.into_keys()));
        }
        for signer in with.signers {
            if !used.contains(&keys::id_of(signer.public())?) {
                return Err(IndexError::IdleKey { key: signer.public().fingerprint() });
            }
        }
        self.proceed(work, with).await
    }

    /// Says anew that what is published is the newest. What waited for that alone is put in place; what waits for
    /// signatures of others goes on waiting.
    ///
    /// # Errors
    /// When keys for it are missing, or something else than the snapshot and the timestamp is over.
    pub async fn refresh(&self, with: &With<'_>) -> Result<Outcome, IndexError> {
        let work = self.load().await?;
        let waiting = work.waiting()?;
        if waiting.is_empty() || work.published.is_none() {
            return self.proceed(work, with).await;
        }
        let now = Work { published: work.published, staged: BTreeMap::new() };
        match self.publish(&now, with).await? {
            Ok(published) => Ok(Outcome { published: Some(published), waiting }),
            Err(online) => {
                Ok(Outcome { published: None, waiting: [online].into_iter().chain(waiting).collect() })
            }
        }
    }

    /// What waits for signatures.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn waiting(&self) -> Result<Vec<Waiting>, IndexError> {
        self.load().await?.waiting()
    }

    /// What whoever signs next would sign: what waits, compared with what is published.
    ///
    /// # Errors
    /// When the index cannot be read.
    pub async fn pending(&self) -> Result<Vec<Pending>, IndexError> {
        self.load().await?.pending()
    }

    fn apply(&self, work: &mut Work, change: &Change<'_>, with: &With<'_>) -> Result<(), IndexError> {
        let (now, validity) = (with.now, &with.validity);
        match change {
            Change::Add { package, references, keep } => self.add(work, package, references, *keep, with),
            Change::Yank { name, version, why } => {
                let mut entry = listed(work, name, version, &self.limits)?;
                entry.about.yanked.clone_from(why);
                entry.check(&self.limits).map_err(|why| refused(&entry, why))?;
                work.list((name, version), Some(&entry), now, validity)
            }
            Change::Remove { name, version } => {
                listed(work, name, version, &self.limits)?;
                work.list((name, version), None, now, validity)
            }
            Change::Delegate { namespace, holders } => {
                work.delegate(namespace, holders.as_ref(), now, validity)
            }
            Change::Keys(keys) => work.roles(&keys.roles(), now, validity),
            Change::Renew(role) => {
                let known = matches!(role.as_str(), "root" | "targets") || work.lists(role)? == *role;
                match known {
                    true => work.edit(role, now, validity, |_| Ok(())),
                    false => {
                        Err(IndexError::Role { role: role.clone(), why: "it has no keys of its own".into() })
                    }
                }
            }
        }
    }

    fn add(
        &self,
        work: &mut Work,
        package: &Package,
        references: &[Reference],
        keep: bool,
        with: &With<'_>,
    ) -> Result<(), IndexError> {
        package.complete()?;
        let (name, version) = (&package.head().name, &package.head().version);
        let about = About::of(package, references.to_vec())?;
        let mut entry = Entry {
            name: name.clone(),
            version: version.clone(),
            digest: package.digest(),
            manifest_size: package.manifest().len() as u64,
            about,
        };
        if names::parse_target(&names::target(name, version), &self.limits).is_none() {
            return Err(refused(&entry, "its version is too long for the name of a file".into()));
        }
        if let Some(target) = work.listed(name, version)? {
            let there = read(work, name, version, &target, &self.limits)?;
            if there.digest != entry.digest {
                let (name, version) = (name.clone(), version.to_string());
                return Err(IndexError::VersionTaken { name, version, there: there.digest });
            }
            // Where else it can be had adds up; that it was withdrawn stays.
            for reference in there.about.references {
                if !entry.about.references.contains(&reference) {
                    entry.about.references.push(reference);
                }
            }
            entry.about.yanked = there.about.yanked;
        }
        entry.check(&self.limits).map_err(|why| refused(&entry, why))?;
        // Nobody asks for these before they are named.
        if keep {
            let bytes = package.to_tar(&self.limits.bundle)?;
            files::write(&self.folder.join(names::bundle(entry.digest)), &bytes)?;
        }
        let manifest = names::target_file(name, version, entry.digest);
        files::write(&self.folder.join(manifest), package.manifest())?;
        work.list((name, version), Some(&entry), with.now, &with.validity)
    }
}

fn listed(work: &Work, name: &str, version: &Version, limits: &Limits) -> Result<Entry, IndexError> {
    match work.listed(name, version)? {
        Some(target) => read(work, name, version, &target, limits),
        None => Err(IndexError::UnknownPlugin { name: format!("{name} {version}"), near: None }),
    }
}

fn read(
    work: &Work,
    name: &str,
    version: &Version,
    target: &serde_json::Value,
    limits: &Limits,
) -> Result<Entry, IndexError> {
    let role = work.lists(name.split_once('/').map_or(name, |(namespace, _)| namespace))?;
    let target = serde_json::from_value(target.clone());
    let target = target.map_err(|e| IndexError::malformed(&role, e.to_string()))?;
    Entry::read(&role, &names::target(name, version), &target, limits)
}

fn refused(entry: &Entry, why: String) -> IndexError {
    let path = names::target(&entry.name, &entry.version);
    IndexError::Entry { what: "the index".into(), path, why }
}
