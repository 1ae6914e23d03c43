//! An index with its keys, and sources that lie.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bytes::Bytes;
use futures::future::BoxFuture;
use jiff::{SignedDuration, Timestamp};
use semver::Version;
use serde_json::{Value, json};
use sigstore_tuf::canonical_json::to_canonical_bytes;
use tempfile::TempDir;
use waystation_bundle::{Package, PackageWriter};
use waystation_sign::{Algorithm, Key, Signer};

use crate::{
    Catalog, Change, Clock, Fetch, Holders, Index, IndexError, Keys, Limits, Outcome, Publisher, Validity,
    With,
};

pub(super) const LIMITS: Limits = Limits::DEFAULT;

/// The time at which all of this happens.
pub(super) fn now() -> Timestamp {
    "2030-01-01T12:00:00Z".parse().unwrap()
}

pub(super) fn days(n: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * n)
}

pub(super) fn version(text: &str) -> Version {
    text.parse().unwrap()
}

/// A plugin; `more` is added to its manifest.
pub(super) fn plugin_with(name: &str, version: &str, more: &str) -> Package {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nkind = \"update-source@0.1\"\n\
         summary = \"Releases of {name}\"\nhost = \">=0.1, <0.3\"\nlicense = \"MIT\"\n{more}"
    );
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let component =
        wat::parse_str(format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))")).unwrap();
    PackageWriter::new(component, &LIMITS.bundle).unwrap().finish().unwrap()
}

pub(super) fn plugin(name: &str, version: &str) -> Package {
    plugin_with(name, version, "")
}

pub(super) fn holders(keys: &[&Key], threshold: usize) -> Holders {
    Holders { keys: keys.iter().map(|key| key.public().clone()).collect(), threshold }
}

/// With these keys, now.
pub(super) fn with<'a>(signers: &'a [&'a dyn Signer]) -> With<'a> {
    With { signers, now: now(), validity: Validity::DEFAULT }
}

/// An index in a folder of its own, with a key for each part of it.
pub(super) struct Lab {
    pub(super) folder: TempDir,
    pub(super) root: Key,
    pub(super) targets: Key,
    pub(super) online: Key,
}

impl Lab {
    pub(super) async fn new() -> Self {
        let this = Self::bare();
        let keys = Keys {
            root: Some(holders(&[&this.root], 1)),
            targets: Some(holders(&[&this.targets], 1)),
            online: Some(holders(&[&this.online], 1)),
        };
        let (_, outcome) = Publisher::init(&this.index(), &keys, &with(&this.all()), &LIMITS).await.unwrap();
        assert!(outcome.published.is_some(), "{outcome:?}");
        this
    }

    pub(super) fn bare() -> Self {
        Self {
            folder: tempfile::tempdir().unwrap(),
            root: Key::generate(Algorithm::P256),
            targets: Key::generate(Algorithm::Ed25519),
            online: Key::generate(Algorithm::P256),
        }
    }

    pub(super) fn index(&self) -> std::path::PathBuf {
        self.folder.path().join("index")
    }

    pub(super) fn all(&self) -> [&dyn Signer; 3] {
        [&self.root, &self.targets, &self.online]
    }

    pub(super) fn publisher(&self) -> Publisher {
        Publisher::open(&self.index(), &LIMITS).unwrap()
    }

    /// Makes changes with all keys.
    pub(super) async fn change(&self, changes: &[Change<'_>]) -> Result<Outcome, IndexError> {
        self.publisher().change(changes, &with(&self.all())).await
    }

    pub(super) async fn add(&self, package: &Package) {
        let outcome =
            self.change(&[Change::Add { package, references: Vec::new(), keep: true }]).await.unwrap();
        assert!(outcome.published.is_some(), "{outcome:?}");
    }

    /// The root that a reader starts from.
    pub(super) fn pinned(&self) -> Bytes {
        std::fs::read(self.index().join("metadata/1.root.json")).unwrap().into()
    }

    /// All that is served, as it is now.
    pub(super) fn served(&self) -> Memory {
        let mut files = BTreeMap::new();
        walk(&self.index(), "", &mut files);
        files.retain(|path, _| crate::is_served(path));
        Memory(files)
    }

    /// A reader that has seen nothing.
    pub(super) fn reader(&self, name: &str) -> Reader {
        Reader { pinned: self.pinned(), state: self.folder.path().join(name) }
    }
}

fn walk(folder: &Path, below: &str, files: &mut BTreeMap<String, Bytes>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let path = format!("{below}{}", entry.file_name().to_str().unwrap());
        match entry.file_type().unwrap().is_dir() {
            true => walk(&entry.path(), &format!("{path}/"), files),
            false => {
                files.insert(path, std::fs::read(entry.path()).unwrap().into());
            }
        }
    }
}

/// A reader with a memory.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) pinned: Bytes,
    pub(super) state: std::path::PathBuf,
}

impl Reader {
    pub(super) fn index(&self, from: &Memory) -> Index {
        Index::open(vec![Arc::new(from.clone())], self.pinned.clone(), Some(&self.state), &LIMITS).unwrap()
    }

    pub(super) async fn read(&self, from: &Memory) -> Result<Catalog, IndexError> {
        self.read_at(from, now()).await
    }

    pub(super) async fn read_at(&self, from: &Memory, at: Timestamp) -> Result<Catalog, IndexError> {
        self.index(from).refresh(&Clock::at(at)).await
    }

    /// The code that this is refused with.
    pub(super) async fn refused(&self, from: &Memory) -> &'static str {
        self.read(from).await.map_or_else(|e| e.code(), |_| "read")
    }
}

/// Files that are served from memory, and can be anything.
#[derive(Debug, Clone, Default, PartialEq)]
pub(super) struct Memory(pub(super) BTreeMap<String, Bytes>);

impl Memory {
    pub(super) fn json(&self, path: &str) -> Value {
        serde_json::from_slice(&self.0[path]).unwrap()
    }

    pub(super) fn put(&mut self, path: &str, content: impl Into<Bytes>) {
        self.0.insert(path.to_owned(), content.into());
    }

    /// Changes what is signed, and signs it with these keys instead.
    pub(super) fn forge(&mut self, path: &str, to: &str, keys: &[&Key], change: impl FnOnce(&mut Value)) {
        let mut signed = self.json(path)["signed"].take();
        change(&mut signed);
        self.put(to, sign(&signed, keys));
    }

    /// The same for a timestamp over a forged snapshot over forged targets.
    pub(super) fn chain(&mut self, online: &Key, files: &[(&str, u64)]) {
        let stamp = self.json("metadata/timestamp.json");
        let old = stamp["signed"]["meta"]["snapshot.json"]["version"].as_u64().unwrap();
        let new = old + 1;
        let pins: Vec<_> = files
            .iter()
            .map(|(role, version)| (format!("{role}.json"), json!({ "version": version })))
            .collect();
        self.forge(
            &format!("metadata/{old}.snapshot.json"),
            &format!("metadata/{new}.snapshot.json"),
            &[online],
            |signed| {
                signed["version"] = new.into();
                for (name, pin) in pins {
                    signed["meta"][name] = pin;
                }
            },
        );
        self.forge("metadata/timestamp.json", "metadata/timestamp.json", &[online], |signed| {
            signed["version"] = (signed["version"].as_u64().unwrap() + 1).into();
            signed["meta"]["snapshot.json"] = json!({ "version": new });
        });
    }
}

/// A file with these signatures.
pub(super) fn sign(signed: &Value, keys: &[&Key]) -> Vec<u8> {
    let message = to_canonical_bytes(signed).unwrap();
    let signatures: Vec<_> = keys
        .iter()
        .map(|key| {
            let id = crate::keys::id_of(key.public()).unwrap();
            json!({ "keyid": id, "sig": hex::encode(key.sign(&message).unwrap()) })
        })
        .collect();
    serde_json::to_vec(&json!({ "signed": signed, "signatures": signatures })).unwrap()
}

impl Fetch for Memory {
    fn name(&self) -> String {
        "memory".into()
    }

    fn fetch<'a>(&'a self, path: &'a str, limit: u64) -> BoxFuture<'a, Result<Option<Bytes>, IndexError>> {
        Box::pin(async move {
            match self.0.get(path) {
                Some(bytes) if bytes.len() as u64 > limit => {
                    Err(IndexError::TooLarge { what: path.to_owned(), limit })
                }
                bytes => Ok(bytes.cloned()),
            }
        })
    }
}
