//! An index that is read: where it is, what is trusted about it, what was seen.

use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use waystation_bundle::Package;
use waystation_oci::{Client, Store};

use crate::catalog::Catalog;
use crate::clock::Clock;
use crate::engine;
use crate::entry::Entry;
use crate::error::IndexError;
use crate::limits::Limits;
use crate::material::Material;
use crate::names;
use crate::source::Fetch;
use crate::state::{Seen, State};
use crate::update::update;

/// How often a refresh starts over because another process was faster.
const ATTEMPTS: usize = 4;

/// An index, read from the first of its sources that gives what is good.
#[derive(Debug)]
pub struct Index {
    sources: Vec<Arc<dyn Fetch>>,
    pinned: Bytes,
    state: Option<State>,
    client: Option<Arc<Client>>,
    limits: Limits,
}

impl Index {
    /// An index of these sources (mirrors first), with the root that the operator chose to trust. Without a folder for
    /// its state nothing is remembered, and an older state is believed as long as it has not expired.
    ///
    /// # Errors
    /// When the root is none, or the folder cannot be made.
    pub fn open(
        sources: Vec<Arc<dyn Fetch>>,
        pinned: impl Into<Bytes>,
        state: Option<&Path>,
        limits: &Limits,
    ) -> Result<Self, IndexError> {
        let pinned = pinned.into();
        engine::Engine::new(&pinned, limits)?;
        let state = state.map(|folder| State::open(folder, limits)).transpose()?;
        Ok(Self { sources, pinned, state, client: None, limits: *limits })
    }

    /// The same with a client for registries: plugins that the index has not itself can then be had there.
    #[must_use]
    pub fn with_registries(self, client: Arc<Client>) -> Self {
        Self { client: Some(client), ..self }
    }

    pub(crate) fn pinned(&self) -> &[u8] {
        &self.pinned
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.limits
    }

    /// Asks the sources for the newest state, and remembers it.
    ///
    /// # Errors
    /// What the last of the sources was refused for; nothing was remembered then.
    pub async fn refresh(&self, clock: &Clock) -> Result<Catalog, IndexError> {
        self.newest(clock).await.map(|(_, catalog)| catalog)
    }

    /// The newest metadata, and what it says.
    pub(crate) async fn newest(&self, clock: &Clock) -> Result<(Material, Catalog), IndexError> {
        for _ in 0..ATTEMPTS {
            let seen = self.seen()?;
            let (material, catalog) = self.ask(&seen, clock).await?;
            match &self.state {
                Some(state) if seen.material.as_ref() != Some(&material) => {
                    if state.replace(&seen, &material)? {
                        return Ok((material, catalog));
                    }
                }
                _ => return Ok((material, catalog)),
            }
        }
        Err(self.known(IndexError::State {
            path: String::new(),
            why: "other processes change it all the time".into(),
        }))
    }

    async fn ask(&self, seen: &Seen, clock: &Clock) -> Result<(Material, Catalog), IndexError> {
        let mut last =
            IndexError::Unreachable { source_name: "the index".into(), why: "it has no source".into() };
        for source in &self.sources {
            let asked =
                update(&self.pinned, seen.material.as_ref(), source.as_ref(), clock, &self.limits).await;
            match asked.and_then(|new| Ok((engine::verify(&self.pinned, &new, clock, &self.limits)?, new))) {
                Ok((catalog, new)) => return Ok((new, catalog)),
                Err(e) => last = e,
            }
        }
        Err(self.known(last))
    }

    /// What was seen last, without asking anybody.
    ///
    /// # Errors
    /// `index-not-refreshed`; `index-frozen` where it is too old by now.
    pub fn catalog(&self, clock: &Clock) -> Result<Catalog, IndexError> {
        let material = self.seen()?.material.ok_or(IndexError::NotRefreshed)?;
        engine::verify(&self.pinned, &material, clock, &self.limits)
    }

    fn seen(&self) -> Result<Seen, IndexError> {
        self.state.as_ref().map_or_else(|| Ok(Seen::default()), State::load)
    }

    /// Says which folder is meant.
    fn known(&self, error: IndexError) -> IndexError {
        match (error, &self.state) {
            (IndexError::State { path, why }, Some(state)) if path.is_empty() => {
                IndexError::State { path: state.folder().display().to_string(), why }
            }
            (error, _) => error,
        }
    }

    /// The plugin that an entry names, with all that is attached to it: from the store, from the index, or from a
    /// registry that the entry names. Goes into the store.
    ///
    /// # Errors
    /// `index-no-bundle`, with what each place said.
    pub async fn fetch(&self, entry: &Entry, store: Option<&Store>) -> Result<Package, IndexError> {
        // A damaged copy is as good as none.
        if let Some(Ok(Some(package))) = store.map(|store| store.package(entry.digest)) {
            return Ok(package);
        }
        let mut said = Vec::new();
        for source in &self.sources {
            match bundle(source.as_ref(), entry, &self.limits).await {
                Ok(package) => {
                    store.map_or(Ok(()), |store| store.add(&package))?;
                    return Ok(package);
                }
                Err(e) => said.push(format!("{}: {e}", source.name())),
            }
        }
        for reference in &entry.about.references {
            let Some(client) = &self.client else {
                said.push(format!("{reference}: not asked"));
                continue;
            };
            match client.pull(reference, store).await {
                Ok(package) if package.digest() == entry.digest => return Ok(package),
                Ok(package) => said.push(other(&reference.to_string(), entry, &package).to_string()),
                Err(e) => said.push(format!("{reference}: {e}")),
            }
        }
        let (name, version) = (entry.name.clone(), entry.version.to_string());
        Err(IndexError::NoBundle { name, version, digest: entry.digest, why: said.join("; ") })
    }
}

/// A plugin that an index has itself.
async fn bundle(source: &dyn Fetch, entry: &Entry, limits: &Limits) -> Result<Package, IndexError> {
    let path = names::bundle(entry.digest);
    let missing = || IndexError::Missing { source_name: source.name(), what: path.clone() };
    let file = source.open(&path, limits.bundle.archive).await?.ok_or_else(missing)?;
    admit(&source.name(), entry, &Package::open(file, &limits.bundle)?)
}

/// Holds a plugin against its entry.
pub(crate) fn admit(from: &str, entry: &Entry, package: &Package) -> Result<Package, IndexError> {
    if package.digest() != entry.digest {
        return Err(other(from, entry, package));
    }
    package.complete()?;
    Ok(package.clone())
}

fn other(from: &str, entry: &Entry, package: &Package) -> IndexError {
    IndexError::OtherBundle { from: from.to_owned(), wanted: entry.digest, actual: package.digest() }
}
