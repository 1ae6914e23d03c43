//! A component as it came: its bytes, manifest, and what it imports and exports,
//! learned without running it. What carried it, if anything did, is a
//! [`Package`]: another thing, in a crate of its own.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read as _;
use std::path::Path;

use bytes::Bytes;
use semver::Version;
use wasmparser::{Encoding, Parser, Payload};
use waystation_bundle::{ContentDigest, Limits, Package, is_archive};
use wit_parser::decoding::DecodedWasm;
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

use crate::error::{LoadError, Mismatch};
use crate::imports::{self, Import};
use crate::manifest::{Kind, Manifest};

/// The custom section that carries `plugin.toml`.
pub const MANIFEST_SECTION: &str = "waystation:manifest";

/// The most bytes a component may have.
pub const MAX_COMPONENT: u64 = 64 << 20;

/// Bytes that tell an archive from a component.
const HEAD: u64 = 512;

/// A plugin as it lies in a file. Whether it may run, nobody has asked yet.
#[derive(Debug)]
pub enum Carried {
    /// With all that is attached to it.
    Package(Box<Package>),
    /// The component alone, in its bytes.
    Component(Bytes),
}

impl Carried {
    /// Reads a file: a component, or the package (`.plugin.tar`) that carries one.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn read(path: &Path) -> Result<Self, LoadError> {
        let unreadable = |e: std::io::Error| LoadError::Unreadable {
            path: path.display().to_string(),
            message: e.to_string(),
        };
        let mut file = File::open(path).map_err(unreadable)?;
        let size = file.metadata().map_err(unreadable)?.len();
        let mut bytes = Vec::new();
        file.by_ref().take(HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
        if is_archive(&bytes) {
            return Ok(Self::Package(Box::new(Package::open(file, &Limits::DEFAULT)?)));
        }
        bytes.reserve(usize::try_from(size.min(MAX_COMPONENT)).unwrap_or_default());
        file.take(MAX_COMPONENT + 1 - HEAD).read_to_end(&mut bytes).map_err(unreadable)?;
        match bytes.len() as u64 > MAX_COMPONENT {
            true => Err(LoadError::TooLarge { size: size.max(bytes.len() as u64), limit: MAX_COMPONENT }),
            false => Ok(Self::Component(bytes.into())),
        }
    }

    /// The component, checked as everything that is to run.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn bundle(&self) -> Result<Bundle, LoadError> {
        match self {
            Self::Package(package) => Bundle::from_package(package),
            Self::Component(bytes) => Bundle::parse(bytes.clone()),
        }
    }
}

/// A component that is whole, carries one good manifest, and exports what that
/// manifest claims.
#[derive(Debug, Clone)]
pub struct Bundle {
    bytes: Bytes,
    digest: ContentDigest,
    /// That of the package that carried it.
    content: Option<ContentDigest>,
    manifest: Manifest,
    /// Raw interface names, sorted.
    imports: Vec<Import>,
    exports: Vec<String>,
    /// The exact version of the world's package that it was built against.
    generation: Version,
}

impl Bundle {
    /// Takes the component of a package: the bytes that were held against its digest. Whether its signatures
    /// are enough is not asked here.
    ///
    /// # Errors
    /// See [`LoadError`].
    pub fn from_package(package: &Package) -> Result<Self, LoadError> {
        let bundle = Self::parse(package.component().content().bytes()?)?;
        Ok(Self { content: Some(package.digest()), ..bundle })
    }

    /// Takes a component apart, runs nothing.
    ///
    /// # Errors
    /// See [`LoadError`]; mismatches between manifest, component and host are all
    /// reported together.
    pub fn parse(bytes: impl Into<Bytes>) -> Result<Self, LoadError> {
        let bytes = bytes.into();
        let manifest = Manifest::parse(manifest_section(&bytes)?)?;
        let (resolve, world) = decode(&bytes)?;
        let imports = imports::of(&resolve, world);
        let exports = interfaces(&resolve, world);

        let mut mismatches = Vec::new();
        let generation = find_world(&manifest.kind, &exports);
        if generation.is_none() {
            mismatches.push(Mismatch::WrongWorld {
                claimed: manifest.kind.to_string(),
                exported: match exports.is_empty() {
                    true => "nothing".into(),
                    false => exports.iter().cloned().collect::<Vec<_>>().join(", "),
                },
            });
        }
        mismatches.extend(imports::check(&imports, &manifest));
        let host = Version::parse(env!("CARGO_PKG_VERSION")).ok();
        if let Some(host) = host.filter(|host| !manifest.host.matches(host)) {
            mismatches
                .push(Mismatch::HostRange { wanted: manifest.host.to_string(), actual: host.to_string() });
        }
        match generation {
            Some(generation) if mismatches.is_empty() => Ok(Self {
                digest: ContentDigest::of(&bytes),
                content: None,
                bytes,
                manifest,
                imports,
                exports: exports.into_iter().collect(),
                generation,
            }),
            _ => Err(LoadError::Mismatch(mismatches)),
        }
    }

    /// The component.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Its digest.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// What it is known and pinned by: the content digest of the package that carried it, else its own digest.
    pub fn content_digest(&self) -> ContentDigest {
        self.content.unwrap_or(self.digest)
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// What it imports, in the order of names.
    pub fn imports(&self) -> &[Import] {
        &self.imports
    }

    /// What it exports, in the order of names.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }

    /// The version of the world's package that it was built against.
    pub fn generation(&self) -> &Version {
        &self.generation
    }
}

/// Adds a manifest to a component that has none: what `waystation plugin pack`
/// does for every language.
///
/// # Errors
/// When the bytes are no component, have a manifest already, or the result would
/// be refused.
pub fn embed_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>, LoadError> {
    match manifest_section(component) {
        Err(LoadError::NoManifest) => {}
        Err(other) => return Err(other),
        Ok(_) => return Err(LoadError::SeveralManifests(2)),
    }
    let section =
        wasm_encoder::CustomSection { name: MANIFEST_SECTION.into(), data: manifest.as_bytes().into() };
    let mut out = component.to_vec();
    wasm_encoder::ComponentSection::append_to_component(&section, &mut out);
    Bundle::parse(out.clone())?;
    Ok(out)
}

/// Finds the manifest among the sections at the top level.
fn manifest_section(bytes: &[u8]) -> Result<&[u8], LoadError> {
    if !bytes.starts_with(b"\0asm") {
        return Err(LoadError::NotWasm);
    }
    let mut found = Vec::new();
    let mut depth = 0usize;
    for payload in Parser::new(0).parse_all(bytes) {
        match payload.map_err(|e| malformed(&e))? {
            Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                return Err(LoadError::CoreModule);
            }
            Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
            Payload::End(_) => depth = depth.saturating_sub(1),
            Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                found.push(section.data());
            }
            _ => {}
        }
    }
    match found.as_slice() {
        [] => Err(LoadError::NoManifest),
        [one] => Ok(one),
        several => Err(LoadError::SeveralManifests(several.len())),
    }
}

fn decode(bytes: &[u8]) -> Result<(Resolve, WorldId), LoadError> {
    match wit_parser::decoding::decode(bytes) {
        Ok(DecodedWasm::Component(resolve, world)) => Ok((resolve, world)),
        Ok(DecodedWasm::WitPackage(..)) => {
            Err(LoadError::Malformed("it is a WIT package, not a program".into()))
        }
        Err(e) => Err(LoadError::Malformed(format!("{e:#}"))),
    }
}

fn malformed(e: &wasmparser::BinaryReaderError) -> LoadError {
    LoadError::Malformed(e.to_string())
}

fn interfaces(resolve: &Resolve, world: WorldId) -> BTreeSet<String> {
    resolve.worlds[world].exports.iter().map(|(key, item)| name(resolve, key, item)).collect()
}

pub(crate) fn name(resolve: &Resolve, key: &WorldKey, item: &WorldItem) -> String {
    match (key, item) {
        (WorldKey::Interface(id), _) => resolve.id_of(*id).unwrap_or_else(|| "an unnamed interface".into()),
        (WorldKey::Name(name), _) => name.clone(),
    }
}

/// The version of the exported package `waystation:<world>` that is of the
/// claimed generation.
fn find_world(kind: &Kind, exports: &BTreeSet<String>) -> Option<Version> {
    let prefix = format!("waystation:{}/", kind.world);
    exports
        .iter()
        .filter_map(|export| export.strip_prefix(&prefix)?.split_once('@'))
        .filter_map(|(_, version)| Version::parse(version).ok())
        .find(|version| Kind::of(&kind.world, version) == *kind)
}
