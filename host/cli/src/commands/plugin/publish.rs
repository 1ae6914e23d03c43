//! `waystation plugin publish`: from a folder to a registry, and back.

use std::fs::File;
use std::path::PathBuf;

use jiff::Timestamp;
use waystation_bundle::{Limits, Package};
use waystation_oci::Reference;
use waystation_trust::Evidence;

use super::{build, pack, registry, sign};
use crate::args::Global;
use crate::args::sign::PluginPublish;
use crate::commands::trust;
use crate::exit::{Exit, Failure, Outcome};
use crate::{files, output};

const LIMITS: Limits = Limits::DEFAULT;

pub(super) async fn run(global: &Global, args: &PluginPublish) -> Outcome {
    // What cannot work is found out before the compiler is at work for a minute.
    let reference: Reference = args.reference.parse().map_err(registry::refused)?;
    let trust = args.policy.as_deref().map(trust::load).transpose()?;
    let mut package = match args.from.is_dir() {
        true => build::package(&args.from)?,
        false => {
            let opened = File::open(&args.from).map_err(|e| files::io(&args.from, &e))?;
            Package::open(opened, &LIMITS).map_err(pack::refused)?
        }
    };
    let about = sign::sign(&mut package, &args.by).await?;
    if let Some(trust) = &trust {
        admitted(trust, &package)?;
    }
    let file = args.output.clone().unwrap_or_else(|| PathBuf::from(package.head().file_name()));
    files::replace_with(&file, |out| package.write_tar(out, &LIMITS).map_err(pack::refused))?;
    let reference = reference.or_tag(&package.head().tag());
    let client = registry::client(&reference, &args.registry, &[])?;
    client.push(&package, &reference).await.map_err(registry::refused)?;
    // As everybody else will get it, by its tag.
    let back = client.pull(&reference, None).await.map_err(registry::refused)?;
    if back.digest() != package.digest()
        || !package.signatures().all(|one| back.signatures().any(|two| one == two))
    {
        let message = format!(
            "{reference} gives another plugin, or one without its signature, than what was pushed: {}",
            back.digest()
        );
        return Err(Failure::new(Exit::Failed, message).code("published-differs"));
    }
    if let Some(trust) = &trust {
        admitted(trust, &back)?;
    }
    sign::tell(global, &package, &about, &file)?;
    output::note(format!("published as {reference}, and verified from there"));
    Ok(())
}

fn admitted(trust: &waystation_server::trust::Trust, package: &Package) -> Outcome {
    let judgement = trust.judge(&Evidence::of(package), Timestamp::now());
    match judgement.reason {
        None => Ok(()),
        Some(reason) => {
            let message = format!("the trust policy does not admit it: {}", judgement.message);
            Err(Failure::new(Exit::Failed, message).code(reason.code()))
        }
    }
}
