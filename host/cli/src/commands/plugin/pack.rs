//! `waystation plugin pack`, and the writing of packages.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use waystation_bundle::{Blob, BundleError, Component, Kind, Limits, Package, PackageWriter};
use waystation_runtime::{Bundle, LoadError, embed_manifest};

use crate::args::{Global, PluginPack};
use crate::exit::{Exit, Failure, Outcome};
use crate::{files, output};

const LIMITS: Limits = Limits::DEFAULT;

/// What is told of a plugin beside its manifest.
pub(super) type Documents = Vec<(Kind, Vec<u8>)>;

pub(super) fn run(global: &Global, pack: &PluginPack) -> Outcome {
    let component = read(&pack.component)?;
    let manifest = manifest(
        &pack.manifest,
        "it lies beside the plugin's Cargo.toml; go there, or name it with --manifest",
    )?;
    let mut documents = Vec::new();
    if let Some(file) = &pack.sbom {
        let text = read(file)?;
        documents.push((sbom_kind(&text).ok_or_else(|| no_sbom(file))?, text));
    }
    for (kind, file) in [(Kind::Readme, &pack.readme), (Kind::Wit, &pack.wit)] {
        if let Some(file) = file {
            documents.push((kind, read(file)?));
        }
    }
    match &pack.output {
        Some(file) if file.extension().is_none_or(|extension| extension != "tar") => {
            if !documents.is_empty() {
                let message =
                    "a component alone has no place for documents; name a .plugin.tar with --output";
                return Err(Failure::new(Exit::Usage, message));
            }
            files::replace(file, &packed(&component, &manifest)?)?;
            output::note(format!("wrote {}", file.display()));
            Ok(())
        }
        file => save(global, &made(&packed(&component, &manifest)?, documents)?, file.as_deref()),
    }
}

/// `plugin.toml`.
pub(super) fn manifest(file: &Path, advice: &str) -> Result<String, Failure> {
    let unreadable =
        |e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io").hint(advice);
    std::fs::read_to_string(file).map_err(unreadable)
}

/// The component with the manifest inside, which a host would load.
pub(super) fn packed(component: &[u8], manifest: &str) -> Result<Vec<u8>, Failure> {
    let refused = |e: LoadError| Failure::new(Exit::Failed, e.to_string()).code(e.code());
    // One that was packed before is as good, where it carries the same.
    match Component::parse(Blob::of(component.to_vec()), &LIMITS) {
        Ok(there) if there.manifest() == manifest => {
            Bundle::parse(component.to_vec()).map(|bundle| bundle.bytes().to_vec()).map_err(refused)
        }
        _ => embed_manifest(component, manifest).map_err(refused),
    }
}

/// The package of a component.
pub(super) fn made(component: &[u8], documents: Documents) -> Result<Package, Failure> {
    package(component, documents, created()?)
}

/// Writes a package, and tells what it is known by.
pub(super) fn save(global: &Global, package: &Package, file: Option<&Path>) -> Outcome {
    let file = file.map_or_else(|| PathBuf::from(package.head().file_name()), Path::to_path_buf);
    let size = files::replace_with(&file, |out| package.write_tar(out, &LIMITS).map_err(refused))?;
    let place = ("file", file.display().to_string());
    tell(global, package, place, size)
}

/// What a package is known by, and where it is now.
pub(super) fn tell(global: &Global, package: &Package, place: (&str, String), size: u64) -> Outcome {
    let (head, digest) = (package.head(), package.digest().to_string());
    if global.json {
        let mut about = json!({
            "name": head.name, "version": head.version.to_string(), "kind": head.kind,
            "digest": digest, "component": package.component().digest(), "size": size,
        });
        if let Some(about) = about.as_object_mut() {
            about.insert(place.0.to_owned(), place.1.into());
        }
        return Ok(output::json(&about)?);
    }
    for (label, value) in [
        ("name", head.name.clone()),
        ("version", head.version.to_string()),
        ("digest", digest),
        ("size", output::bytes(size)),
        place,
    ] {
        output::line(format!("{label:<10}{value}"));
    }
    Ok(())
}

fn package(component: &[u8], documents: Documents, created: Option<Timestamp>) -> Result<Package, Failure> {
    let mut writer = PackageWriter::new(component.to_vec(), &LIMITS).map_err(refused)?;
    if let Some(created) = created {
        writer = writer.created(created);
    }
    for (kind, content) in documents {
        writer = writer.document(kind, content).map_err(refused)?;
    }
    writer.finish().map_err(refused)
}

/// The time that the builder wants to have been; none other is ever written.
/// Source: <https://reproducible-builds.org/specs/source-date-epoch/>.
fn created() -> Result<Option<Timestamp>, Failure> {
    let Some(text) = std::env::var_os("SOURCE_DATE_EPOCH") else { return Ok(None) };
    let seconds = text.to_str().and_then(|text| text.parse::<u64>().ok()).and_then(|n| i64::try_from(n).ok());
    match seconds.and_then(|seconds| Timestamp::from_second(seconds).ok()) {
        Some(created) => Ok(Some(created)),
        None => {
            let message = "SOURCE_DATE_EPOCH is not a number of seconds since 1970; correct or unset it";
            Err(Failure::new(Exit::Failed, message).code("source-date-epoch"))
        }
    }
}

/// Which of the two formats it is.
fn sbom_kind(text: &[u8]) -> Option<Kind> {
    let json: serde_json::Value = serde_json::from_slice(text).ok()?;
    match (json.get("bomFormat"), json.get("spdxVersion")) {
        (Some(format), None) if format == "CycloneDX" => Some(Kind::CycloneDx),
        (None, Some(_)) => Some(Kind::Spdx),
        _ => None,
    }
}

fn no_sbom(file: &Path) -> Failure {
    let message = format!("{} is neither CycloneDX JSON nor SPDX JSON", file.display());
    Failure::new(Exit::Failed, message).code("unknown-sbom")
}

pub(super) fn read(file: &Path) -> Result<Vec<u8>, Failure> {
    std::fs::read(file).map_err(|e| files::io(file, &e))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn refused(e: BundleError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}
