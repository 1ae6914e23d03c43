//! `waystation plugin build`

use std::path::Path;

use waystation_bundle::{Kind, Package};
use waystation_runtime::Manifest;

use super::pack::{self, Documents};
use super::{rust, sbom};
use crate::args::Global;
use crate::exit::{Exit, Failure, Outcome};

pub(super) fn run(global: &Global, dir: &Path, output: Option<&Path>) -> Outcome {
    pack::save(global, &package(dir)?, output)
}

/// Builds the plugin of a folder.
pub(super) fn package(dir: &Path) -> Result<Package, Failure> {
    let dir = dir.canonicalize().map_err(|e| {
        let message = format!("{}: {e}", dir.display());
        Failure::new(Exit::Failed, message).code("io").hint("name the folder of the plugin")
    })?;
    let text = pack::manifest(&dir.join("plugin.toml"), "a plugin has its manifest beside its Cargo.toml")?;
    // Before the compiler is at work for a minute.
    Manifest::parse(text.as_bytes())
        .map_err(|e| Failure::new(Exit::Failed, format!("plugin.toml: {e}")).code(e.code()))?;
    let plan = rust::Plan::new(&dir)?;
    let component = pack::read(&plan.build()?)?;
    let mut documents: Documents = vec![(Kind::CycloneDx, sbom::cyclonedx(plan.metadata(), &plan.lock()?)?)];
    let readme = dir.join("README.md");
    if readme.is_file() {
        documents.push((Kind::Readme, pack::read(&readme)?));
    }
    pack::made(&pack::packed(&component, &text)?, documents)
}
