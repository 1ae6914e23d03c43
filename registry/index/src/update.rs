//! From what is trusted to what is newest: the workflow of a TUF client.
//!
//! Source: TUF specification 1.0, section 5.3 to 5.6. What it takes is fed to the [`Engine`] piece by piece; the whole
//! is verified once more, from the pinned root on, before anybody reads it.

use bytes::Bytes;

use crate::clock::Clock;
use crate::engine::{self, EVER, Engine};
use crate::error::IndexError;
use crate::limits::Limits;
use crate::material::{self, Material};
use crate::names;
use crate::source::Fetch;

/// Reads the newest metadata of a source. Nothing older than `old` is taken.
pub(crate) async fn update(
    pinned: &[u8],
    old: Option<&Material>,
    source: &dyn Fetch,
    clock: &Clock,
    limits: &Limits,
) -> Result<Material, IndexError> {
    let mut engine = Engine::new(pinned, limits)?;
    let mut new = Material::default();
    let first = engine.root().version;
    new.roots.insert(first, material::text("the pinned root", &Bytes::copy_from_slice(pinned))?);
    if let Some(kept) = old.and_then(|old| old.roots.get(&first))
        && !engine::same_root(kept.as_bytes(), pinned)
    {
        return Err(kept_wrong("it is of an index with another root"));
    }
    roots(&mut engine, &mut new, old, source, limits).await?;
    engine.root_at(clock.now)?;

    if let Some(old) = old {
        floors(&mut engine, old)?;
    }
    let bytes = needed(source, names::TIMESTAMP, limits.timestamp).await?;
    new.timestamp = match (engine.timestamp(&bytes, clock.late())?, old) {
        (false, Some(old)) => old.timestamp.clone(),
        _ => material::text("timestamp.json", &bytes)?,
    };

    let version = engine.snapshot_version()?;
    new.snapshot = match old.filter(|_| engine.trusted_snapshot() == Some(version)) {
        Some(old) => old.snapshot.clone(),
        None => {
            let bytes = needed(source, &names::metadata(version, "snapshot"), limits.snapshot).await?;
            material::text("snapshot.json", &bytes)?
        }
    };
    engine.snapshot(new.snapshot.as_bytes(), clock.late())?;

    let given = targets(&mut engine, &mut new, "targets", old, source, limits).await?;
    for namespace in given {
        if engine.targets_version(&namespace).is_some() {
            targets(&mut engine, &mut new, &namespace, old, source, limits).await?;
        }
    }
    Ok(new)
}

/// Walks from the pinned root to the newest one, which is no older than the newest that was seen.
async fn roots(
    engine: &mut Engine<'_>,
    new: &mut Material,
    old: Option<&Material>,
    source: &dyn Fetch,
    limits: &Limits,
) -> Result<(), IndexError> {
    let seen = old.map(Material::newest_root).unwrap_or_default();
    loop {
        let next = engine.root().version.saturating_add(1);
        let kept = old.and_then(|old| old.roots.get(&next));
        let text = match kept {
            Some(kept) => kept.clone(),
            None => match source.fetch(&names::metadata(next, "root"), limits.root).await? {
                Some(bytes) => material::text("root.json", &bytes)?,
                None if seen >= next => {
                    let trusted = seen;
                    return Err(IndexError::RolledBack {
                        what: "root.json".into(),
                        trusted,
                        offered: next - 1,
                    });
                }
                None => return Ok(()),
            },
        };
        if new.roots.len() as u64 > limits.rotations {
            return Err(IndexError::TooMany { what: "roots after the pinned one", limit: limits.rotations });
        }
        match (engine.next_root(text.as_bytes()), kept) {
            (Ok(()), _) => new.roots.insert(next, text),
            (Err(e), Some(_)) => return Err(kept_wrong(e.to_string())),
            (Err(e), None) => return Err(e),
        };
    }
}

/// Makes what was seen before the least that is taken now. Source: TUF specification, 5.3.11: where the keys were
/// changed since, what they signed counts no more.
fn floors(engine: &mut Engine<'_>, old: &Material) -> Result<(), IndexError> {
    let rotated = engine.root().version > old.newest_root();
    let verified = match engine.timestamp(old.timestamp.as_bytes(), EVER) {
        Ok(_) => engine.snapshot(old.snapshot.as_bytes(), EVER),
        Err(e) => Err(e),
    };
    match verified {
        Ok(()) => Ok(()),
        Err(IndexError::Signature { .. }) if rotated => Ok(()),
        Err(e) => Err(kept_wrong(e.to_string())),
    }
}

/// A targets file, in the version that the snapshot names.
async fn targets(
    engine: &mut Engine<'_>,
    new: &mut Material,
    role: &str,
    old: Option<&Material>,
    source: &dyn Fetch,
    limits: &Limits,
) -> Result<Vec<String>, IndexError> {
    let version = engine
        .targets_version(role)
        .ok_or_else(|| IndexError::malformed("snapshot.json", format!("it names no {role}.json")))?;
    // What is there already is taken if it is what the snapshot names.
    if let Some(kept) = old.and_then(|old| old.targets.get(role))
        && let Ok(given) = engine.targets(role, kept.as_bytes())
    {
        new.targets.insert(role.to_owned(), kept.clone());
        return Ok(given);
    }
    let bytes = needed(source, &names::metadata(version, role), limits.targets).await?;
    let given = engine.targets(role, &bytes)?;
    new.targets.insert(role.to_owned(), material::text(role, &bytes)?);
    Ok(given)
}

async fn needed(source: &dyn Fetch, path: &str, limit: u64) -> Result<Bytes, IndexError> {
    let missing = || IndexError::Missing { source_name: source.name(), what: path.to_owned() };
    source.fetch(path, limit).await?.ok_or_else(missing)
}

/// The folder is told by who knows it.
fn kept_wrong(why: impl Into<String>) -> IndexError {
    IndexError::State { path: String::new(), why: why.into() }
}
