//! The verification engine, and what is closed around it. Bytes and a time in, a catalogue out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use sigstore_tuf::metadata::Role as _;
use sigstore_tuf::{Error, Metadata, Root, TrustedMetadataSet};

use crate::catalog::{Catalog, Signed};
use crate::clock::Clock;
use crate::entry::Entry;
use crate::error::IndexError;
use crate::limits::Limits;
use crate::material::Material;
use crate::strict;

/// A time at which nothing has expired yet: for what only has to have been signed.
pub(crate) const EVER: Timestamp = Timestamp::MIN;

/// The state of verification: which metadata is trusted so far.
pub(crate) struct Engine<'a> {
    set: TrustedMetadataSet,
    limits: &'a Limits,
}

impl<'a> Engine<'a> {
    /// Trusts a root, which somebody chose to trust.
    pub(crate) fn new(pinned: &[u8], limits: &'a Limits) -> Result<Self, IndexError> {
        waystation_verify::ready();
        strict::root("the pinned root", pinned, limits)?;
        let set = TrustedMetadataSet::from_root(pinned).map_err(|e| refused("the pinned root", e))?;
        Ok(Self { set, limits })
    }

    pub(crate) fn root(&self) -> &Root {
        self.set.root()
    }

    /// The next root: signed by the one before it, and by itself.
    pub(crate) fn next_root(&mut self, bytes: &[u8]) -> Result<(), IndexError> {
        let what = format!("root.json {}", self.root().version.saturating_add(1));
        strict::root(&what, bytes, self.limits)?;
        self.set.update_root(bytes).map_err(|e| refused(&what, e))
    }

    /// Whether the root still counts.
    pub(crate) fn root_at(&self, now: Timestamp) -> Result<(), IndexError> {
        self.set.check_root_expired(now).map_err(|e| refused("root.json", e))
    }

    /// The timestamp. False where it is as old as the one that is trusted, which then stays.
    pub(crate) fn timestamp(&mut self, bytes: &[u8], at: Timestamp) -> Result<bool, IndexError> {
        strict::document("timestamp.json", bytes, self.limits.timestamp, self.limits)?;
        match self.set.update_timestamp(bytes, at) {
            Ok(()) => Ok(true),
            Err(Error::EqualVersion { .. }) => Ok(false),
            Err(e) => Err(refused("timestamp.json", e)),
        }
    }

    /// The version of the snapshot that the timestamp names.
    pub(crate) fn snapshot_version(&self) -> Result<u64, IndexError> {
        let pin = self.set.timestamp().and_then(|timestamp| timestamp.snapshot_meta());
        pin.map(|pin| pin.version)
            .ok_or_else(|| IndexError::malformed("timestamp.json", "it names no snapshot.json"))
    }

    /// The version of the snapshot that is trusted.
    pub(crate) fn trusted_snapshot(&self) -> Option<u64> {
        self.set.snapshot().map(|snapshot| snapshot.version)
    }

    /// The snapshot.
    pub(crate) fn snapshot(&mut self, bytes: &[u8], at: Timestamp) -> Result<(), IndexError> {
        strict::document("snapshot.json", bytes, self.limits.snapshot, self.limits)?;
        self.set.update_snapshot(bytes, at).map_err(|e| refused("snapshot.json", e))
    }

    /// The version of a targets file that the snapshot names.
    pub(crate) fn targets_version(&self, role: &str) -> Option<u64> {
        Some(self.set.snapshot()?.meta.get(&format!("{role}.json"))?.version)
    }

    /// A targets file: `targets`, or a namespace that `targets` gave away. What its end is does not matter here.
    /// Gives the namespaces that it gives away.
    pub(crate) fn targets(&mut self, role: &str, bytes: &[u8]) -> Result<Vec<String>, IndexError> {
        let what = format!("{role}.json");
        let document = strict::document(&what, bytes, self.limits.targets, self.limits)?;
        let signed = document.get("signed").unwrap_or(&serde_json::Value::Null);
        let given = strict::delegations(&what, signed, self.limits)?;
        if role == "targets" {
            self.set.update_targets(bytes, EVER).map_err(|e| refused(&what, e))?;
        } else {
            self.set.update_delegated_targets(bytes, role, "targets", EVER).map_err(|e| refused(&what, e))?;
            if !given.is_empty() {
                let why = "a namespace that was given away is not given further".into();
                return Err(IndexError::Delegation { what, why });
            }
        }
        Ok(given)
    }
}

/// Whether two roots say the same, whoever signed them.
pub(crate) fn same_root(one: &[u8], other: &[u8]) -> bool {
    let signed =
        |bytes: &[u8]| Metadata::<Root>::from_slice(bytes).ok().map(|root| root.signed_canonical().to_vec());
    signed(one).is_some_and(|one| signed(other) == Some(one))
}

/// Verifies everything, from the pinned root on, at a time. This is the only way to a [`Catalog`].
pub(crate) fn verify(
    pinned: &[u8],
    material: &Material,
    clock: &Clock,
    limits: &Limits,
) -> Result<Catalog, IndexError> {
    let mut engine = Engine::new(pinned, limits)?;
    while let Some(next) = material.roots.get(&engine.root().version.saturating_add(1)) {
        engine.next_root(next.as_bytes())?;
    }
    engine.root_at(clock.now)?;
    engine.timestamp(material.timestamp.as_bytes(), clock.late())?;
    engine.snapshot(material.snapshot.as_bytes(), clock.late())?;
    let mut signed = BTreeMap::new();
    let mut plugins: BTreeMap<String, BTreeMap<_, Entry>> = BTreeMap::new();
    let mut count = 0;
    let given = engine.targets("targets", file(material, "targets")?)?;
    for role in ["targets".to_owned()].into_iter().chain(given.iter().cloned()) {
        if role != "targets" {
            // Whoever was given it has not signed anything yet.
            if engine.targets_version(&role).is_none() {
                continue;
            }
            engine.targets(&role, file(material, &role)?)?;
        }
        let what = format!("{role}.json");
        let Some(targets) = engine.set.targets_role(&role) else { continue };
        signed.insert(role.clone(), Signed { version: targets.version, expires: targets.expires });
        if targets.is_expired(clock.now) {
            match role.as_str() {
                "targets" => return Err(IndexError::Frozen { what, expires: targets.expires }),
                // One who forgets to sign again stops nobody else.
                _ => continue,
            }
        }
        for (path, target) in &targets.targets {
            count += 1;
            if count > limits.entries {
                return Err(IndexError::TooMany {
                    what: "versions of plugins",
                    limit: limits.entries as u64,
                });
            }
            let entry = Entry::read(&what, path, target, limits)?;
            let owner = if given.iter().any(|namespace| namespace == entry.namespace()) {
                entry.namespace()
            } else {
                "targets"
            };
            if owner != role {
                let why = format!("this namespace is signed for in {owner}.json");
                return Err(IndexError::Entry { what, path: path.clone(), why });
            }
            plugins.entry(entry.name.clone()).or_default().insert(entry.version.clone(), entry);
        }
    }
    let set = &engine.set;
    let mut note = |role: &str, version, expires| signed.insert(role.to_owned(), Signed { version, expires });
    note("root", set.root().version, set.root().expires);
    if let (Some(timestamp), Some(snapshot)) = (set.timestamp(), set.snapshot()) {
        note("timestamp", timestamp.version, timestamp.expires);
        note("snapshot", snapshot.version, snapshot.expires);
    }
    Ok(Catalog::new(plugins, signed, clock.now))
}

fn file<'m>(material: &'m Material, role: &str) -> Result<&'m [u8], IndexError> {
    let missing =
        || IndexError::Mixed { why: format!("snapshot.json names {role}.json, which is not there") };
    material.targets.get(role).map(String::as_bytes).ok_or_else(missing)
}

/// The engine's words in ours.
pub(crate) fn refused(what: &str, error: Error) -> IndexError {
    let what = what.to_owned();
    match error {
        Error::ThresholdNotMet { found, threshold, .. } => {
            IndexError::Signature { what, why: format!("{found} of {threshold} signatures are good") }
        }
        Error::DuplicateSignature { key_id, .. } => {
            IndexError::Signature { what, why: format!("the key {key_id} signed twice") }
        }
        Error::Rollback { role, trusted, new } => {
            IndexError::RolledBack { what: role, trusted, offered: new }
        }
        Error::Expired { expires, role } if role == "root" => IndexError::RootExpired { expires },
        Error::Expired { expires, role } => IndexError::Frozen { what: format!("{role}.json"), expires },
        Error::BadRootVersion { trusted, new } => IndexError::RootChain { trusted, offered: new },
        Error::IntegrityMismatch(why) => IndexError::Mixed { why },
        Error::UnusableKey { reason, .. } => IndexError::Keys { what, why: reason },
        e @ (Error::UnsupportedScheme { .. } | Error::Crypto(_)) => {
            IndexError::Keys { what, why: e.to_string() }
        }
        Error::Json(e) => IndexError::Malformed { what, why: e.to_string() },
        e => IndexError::Malformed { what, why: e.to_string() },
    }
}
