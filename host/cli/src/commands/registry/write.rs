//! `waystation registry index`: what changes one.

use std::fs::File;
use std::path::Path;

use semver::Version;
use serde_json::json;
use waystation_bundle::Package;
use waystation_index::{Change, Outcome as Done, Publisher, Waiting};
use waystation_oci::Reference;

use super::keys::{Ring, with};
use super::open::LIMITS;
use super::{refused, usage};
use crate::args::{Global, IndexCommand, RegistryAccess, SignFor};
use crate::commands::plugin::registry;
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(super) async fn run(global: &Global, command: &IndexCommand) -> Outcome {
    let done = match command {
        IndexCommand::Init { dir, roles, sign } => {
            let mut ring = Ring::load(sign)?;
            let keys = ring.all_roles(roles)?;
            if [&keys.root, &keys.targets, &keys.online].iter().any(|role| role.is_none()) {
                return Err(usage(
                    "who signs? name --root-key, --targets-key and --online-key, or --key for all",
                ));
            }
            let made = Publisher::init(dir, &keys, &with(&ring.signers(), sign), &LIMITS).await;
            made.map_err(refused)?.1
        }
        IndexCommand::Rotate { dir, roles, sign } => {
            let mut ring = Ring::load(sign)?;
            let keys = ring.roles(roles)?;
            if [&keys.root, &keys.targets, &keys.online].iter().all(|role| role.is_none()) {
                return Err(usage("which keys? name --root-key, --targets-key or --online-key"));
            }
            change(dir, &ring, sign, &[Change::Keys(keys)]).await?
        }
        IndexCommand::Delegate { dir, namespace, holder, threshold, sign, .. } => {
            let mut ring = Ring::load(sign)?;
            let holders = ring.holders(holder, *threshold)?;
            let give = Change::Delegate { namespace: namespace.clone(), holders };
            change(dir, &ring, sign, &[give]).await?
        }
        IndexCommand::Add { dir, plugins, reference, reference_only, registry, sign } => {
            let plugins = plugins_of(plugins, reference, *reference_only, registry).await?;
            let add = plugins.iter().map(|(package, references)| Change::Add {
                package,
                references: references.clone(),
                keep: !reference_only,
            });
            change(dir, &Ring::load(sign)?, sign, &add.collect::<Vec<_>>()).await?
        }
        IndexCommand::Yank { dir, plugin, why, sign, .. } => {
            let (name, version) = version_of(plugin)?;
            let yank = Change::Yank { name, version, why: why.clone() };
            change(dir, &Ring::load(sign)?, sign, &[yank]).await?
        }
        IndexCommand::Remove { dir, plugin, sign } => {
            let (name, version) = version_of(plugin)?;
            change(dir, &Ring::load(sign)?, sign, &[Change::Remove { name, version }]).await?
        }
        IndexCommand::Renew { dir, role, sign } => {
            change(dir, &Ring::load(sign)?, sign, &[Change::Renew(role.clone())]).await?
        }
        IndexCommand::Sign { dir, sign } => {
            let ring = Ring::load(sign)?;
            publisher(dir)?.sign(&with(&ring.signers(), sign)).await.map_err(refused)?
        }
        IndexCommand::Refresh { dir, sign } => {
            let ring = Ring::load(sign)?;
            let done = publisher(dir)?.refresh(&with(&ring.signers(), sign)).await.map_err(refused)?;
            if done.published.is_none() {
                tell(global, &done)?;
                let message = "nothing was renewed: what is published ends when it was to end";
                return Err(Failure::new(Exit::Failed, message).code("index-not-refreshed"));
            }
            done
        }
        IndexCommand::Pending { .. } | IndexCommand::Check { .. } | IndexCommand::Serve { .. } => {
            return Ok(());
        }
    };
    tell(global, &done)
}

/// What waits, and what is in it.
pub(super) async fn pending(global: &Global, dir: &Path) -> Outcome {
    let publisher = publisher(dir)?;
    let (pending, waiting) =
        (publisher.pending().await.map_err(refused)?, publisher.waiting().await.map_err(refused)?);
    if global.json {
        return Ok(output::json(&json!({ "pending": pending, "waiting": waiting }))?);
    }
    for file in &pending {
        output::line(format!("{} {}", file.role, file.version));
        for (sign, names) in [("+", &file.added), ("-", &file.removed), ("~", &file.changed)] {
            names.iter().for_each(|name| output::line(format!("  {sign} {name}")));
        }
    }
    waits(&waiting);
    if pending.is_empty() {
        output::note("nothing waits");
    }
    Ok(())
}

fn publisher(dir: &Path) -> Result<Publisher, Failure> {
    Publisher::open(dir, &LIMITS).map_err(refused)
}

async fn change(
    dir: &Path,
    ring: &Ring<'_>,
    sign: &SignFor,
    changes: &[Change<'_>],
) -> Result<Done, Failure> {
    publisher(dir)?.change(changes, &with(&ring.signers(), sign)).await.map_err(refused)
}

/// Plugins from files and registries, each with the registries that have it.
async fn plugins_of(
    plugins: &[String],
    also: &[String],
    reference_only: bool,
    access: &RegistryAccess,
) -> Result<Vec<(Package, Vec<Reference>)>, Failure> {
    if plugins.len() > 1 && !also.is_empty() {
        return Err(usage("--reference is for one plugin; add them one by one"));
    }
    let mut found = Vec::new();
    for text in plugins {
        let path = Path::new(text);
        let (package, own) = if path.exists() || text.ends_with(".tar") {
            let failed =
                |code: &str, why: String| Failure::new(Exit::Failed, format!("{text}: {why}")).code(code);
            let file = File::open(path).map_err(|e| failed("io", e.to_string()))?;
            let package = Package::open(file, &LIMITS.bundle).map_err(|e| failed(e.code(), e.to_string()))?;
            (package, None)
        } else {
            let reference: Reference = text.parse().map_err(registry::refused)?;
            let client = registry::client(&reference, access, &[])?;
            let package = client.pull(&reference, None).await.map_err(registry::refused)?;
            (package, Some(text.clone()))
        };
        let by_digest = |text: &String| {
            let bare: Reference = text.parse().map_err(registry::refused)?;
            let named = format!("{}/{}@{}", bare.registry(), bare.repository(), package.digest());
            named.parse::<Reference>().map_err(registry::refused)
        };
        let references = own.iter().chain(also).map(by_digest).collect::<Result<Vec<_>, _>>()?;
        if reference_only && references.is_empty() {
            return Err(usage("--reference-only: and where is it to be had? name a --reference"));
        }
        found.push((package, references));
    }
    Ok(found)
}

fn version_of(text: &str) -> Result<(String, Version), Failure> {
    let parsed = text.split_once('@').and_then(|(name, version)| Some((name, version.parse().ok()?)));
    let (name, version) = parsed.ok_or_else(|| usage(format!("`{text}` is not NAMESPACE/NAME@VERSION")))?;
    Ok((name.to_owned(), version))
}

fn tell(global: &Global, done: &Done) -> Outcome {
    if global.json {
        return Ok(output::json(done)?);
    }
    if let Some(published) = &done.published {
        let rows = published
            .iter()
            .map(|(role, signed)| [role.clone(), signed.version.to_string(), signed.expires.to_string()]);
        output::table(["SIGNED", "VERSION", "UNTIL"], rows);
    }
    waits(&done.waiting);
    if !done.waiting.is_empty() {
        output::note("readers see nothing of what waits; go on with `registry index sign` or `refresh`");
    }
    Ok(())
}

fn waits(waiting: &[Waiting]) {
    for waiting in waiting {
        output::line(format!(
            "{} {} waits: {} of {} signatures; can sign: {}",
            waiting.role,
            waiting.version,
            waiting.have,
            waiting.need,
            waiting.keys.join(", ")
        ));
    }
}
