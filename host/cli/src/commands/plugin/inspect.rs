//! `waystation plugin inspect`

use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use serde_json::json;
use waystation_bundle::{ContentDigest, Limits, Package, is_archive};
use waystation_runtime::{Bundle, LoadError};
use waystation_server::api::views::class_word;

use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};
use crate::{files, output};

pub(super) fn run(
    global: &Global,
    file: &Path,
    manifest_out: Option<&Path>,
    signatures_out: Option<&Path>,
) -> Outcome {
    let (bundle, package) = read(file, |package| extract(file, package, manifest_out, signatures_out))?;
    let manifest = bundle.manifest();
    let mut attached: Vec<_> = package.iter().flat_map(Package::attachments).collect();
    attached.sort_by_key(|one| (one.kind(), one.digest()));
    let missing: Vec<_> = package.iter().flat_map(Package::missing).map(|kind| kind.word()).collect();
    if global.json {
        let imports: Vec<_> = bundle
            .imports()
            .iter()
            .map(|i| json!({ "name": i.name, "class": class_word(i.class) }))
            .collect();
        let requests: Vec<_> = manifest
            .requests
            .iter()
            .map(|r| {
                json!({
                    "capability": r.capability.word(), "wanted": r.capability.wanted(), "why": r.why,
                    "optional": r.optional,
                })
            })
            .collect();
        let attached: Vec<_> = attached
            .iter()
            .map(|one| {
                json!({
                    "kind": one.kind().word(), "digest": ContentDigest::of(one.content()),
                    "size": one.content().len(),
                })
            })
            .collect();
        let about = json!({
            "name": manifest.name.as_str(), "version": manifest.version.to_string(),
            "kind": manifest.kind.to_string(), "summary": manifest.summary, "license": manifest.license,
            "digest": bundle.content_digest().to_string(), "component": bundle.digest().to_string(),
            "size": bundle.bytes().len(), "attached": attached, "missing": missing, "requests": requests,
            "imports": imports, "exports": bundle.exports(),
        });
        return Ok(output::json(&about)?);
    }
    let component = package.is_some().then(|| bundle.digest().to_string());
    for (label, value) in [
        ("name", Some(manifest.name.to_string())),
        ("version", Some(manifest.version.to_string())),
        ("kind", Some(manifest.kind.to_string())),
        ("summary", Some(manifest.summary.clone())),
        ("license", Some(manifest.license.clone().unwrap_or_else(|| "–".into()))),
        ("digest", Some(bundle.content_digest().to_string())),
        ("component", component),
        ("size", Some(output::bytes(bundle.bytes().len() as u64))),
    ] {
        if let Some(value) = value {
            output::line(format!("{label:<10}{value}"));
        }
    }
    let optional = |on| if on { "optional" } else { "" };
    output::table(
        ["REQUESTS", "WANTED", "", "WHY"],
        manifest.requests.iter().map(|r| {
            let word = r.capability.word().to_owned();
            [word, r.capability.wanted().join("\n"), optional(r.optional).to_owned(), r.why.clone()]
        }),
    );
    output::table(
        ["IMPORTS", "MEANS"],
        bundle.imports().iter().map(|i| [i.name.clone(), class_word(i.class).to_owned()]),
    );
    if !attached.is_empty() {
        let rows = attached.iter().map(|one| {
            let (content, word) = (one.content(), one.kind().word().to_owned());
            [word, output::bytes(content.len() as u64), ContentDigest::of(content).to_string()]
        });
        output::table(["ATTACHED", "SIZE", "DIGEST"], rows);
    }
    if !missing.is_empty() {
        let missing = missing.join(", ");
        output::note(format!(
            "not attached, though the plugin's manifest names it: {missing}; it loads without"
        ));
    }
    Ok(())
}

/// Writes what other tools verify: the manifest, and the signatures over it.
fn extract(
    file: &Path,
    package: Option<&Package>,
    manifest: Option<&Path>,
    signatures: Option<&Path>,
) -> Outcome {
    if manifest.is_none() && signatures.is_none() {
        return Ok(());
    }
    let Some(package) = package else {
        let message = format!("{} is a component alone: there is nothing that is signed", file.display());
        return Err(Failure::new(Exit::Failed, message).code("not-a-package"));
    };
    if let Some(path) = manifest {
        files::replace(path, package.manifest())?;
    }
    for (number, signature) in package.signatures().enumerate() {
        let Some(prefix) = signatures else { break };
        let mut path = prefix.as_os_str().to_owned();
        path.push(format!(".{}.sigstore.json", number + 1));
        files::replace(Path::new(&path), signature)?;
    }
    Ok(())
}

/// The component of a file, and the package that carries it if one does. What is asked of the package is done although
/// no host would load its component.
fn read(
    file: &Path,
    packaged: impl FnOnce(Option<&Package>) -> Outcome,
) -> Result<(Bundle, Option<Package>), Failure> {
    let refused = |e: LoadError| Failure::new(Exit::Failed, e.to_string()).code(e.code());
    let mut bytes = Vec::new();
    let limits = Limits::DEFAULT;
    let read = File::open(file).and_then(|file| file.take(limits.archive + 1).read_to_end(&mut bytes));
    read.map_err(|e| {
        let (path, message) = (file.display().to_string(), e.to_string());
        refused(LoadError::Unreadable { path, message })
    })?;
    if !is_archive(&bytes) {
        packaged(None)?;
        return Ok((Bundle::parse(bytes).map_err(refused)?, None));
    }
    let package = Package::parse(bytes, &limits).map_err(|e| refused(e.into()))?;
    packaged(Some(&package))?;
    Ok((Bundle::from_package(&package).map_err(refused)?, Some(package)))
}
