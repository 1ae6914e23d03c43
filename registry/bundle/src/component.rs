//! What a component says about itself, without running it.

use bytes::Bytes;
use wasmparser::{Encoding, Parser, Payload};

use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::limits::Limits;

/// The custom section that carries `plugin.toml`.
pub const MANIFEST_SECTION: &str = "waystation:manifest";

/// A component that carries one `plugin.toml`. Whether a host can run it, the runtime says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    bytes: Bytes,
    digest: ContentDigest,
    manifest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Component {
    /// Takes one apart.
    ///
    /// # Errors
    /// When it is no component, damaged, or carries no manifest or several.
    pub fn parse(bytes: impl Into<Bytes>, limits: &Limits) -> Result<Self, BundleError> {
        let bytes = bytes.into();
        if !bytes.starts_with(b"\0asm") {
            return Err(BundleError::NotAComponent("no WebAssembly"));
        }
        let mut manifests = Vec::new();
        let (mut imports, mut exports) = (Vec::new(), Vec::new());
        let mut depth = 0usize;
        for payload in Parser::new(0).parse_all(&bytes) {
            match payload.map_err(|e| malformed(&e))? {
                Payload::Version { encoding: Encoding::Module, .. } if depth == 0 => {
                    return Err(BundleError::NotAComponent("a core module"));
                }
                Payload::ModuleSection { .. } | Payload::ComponentSection { .. } => depth += 1,
                Payload::End(_) => depth = depth.saturating_sub(1),
                Payload::ComponentImportSection(section) if depth == 0 => {
                    for import in section {
                        imports.push(import.map_err(|e| malformed(&e))?.name.name.to_owned());
                    }
                }
                Payload::ComponentExportSection(section) if depth == 0 => {
                    for export in section {
                        exports.push(export.map_err(|e| malformed(&e))?.name.name.to_owned());
                    }
                }
                Payload::CustomSection(section) if depth == 0 && section.name() == MANIFEST_SECTION => {
                    manifests.push(section.data());
                }
                _ => {}
            }
        }
        let manifest = match manifests.as_slice() {
            [] => return Err(BundleError::NoManifest),
            [one] => text(one, limits)?,
            several => return Err(BundleError::SeveralManifests(several.len())),
        };
        imports.sort_unstable();
        exports.sort_unstable();
        Ok(Self { digest: ContentDigest::of(&bytes), manifest, imports, exports, bytes })
    }

    /// The component.
    pub fn bytes(&self) -> &Bytes {
        &self.bytes
    }

    /// The digest of its bytes; not the [content digest](crate::Package::digest) of the plugin.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// `plugin.toml` as its author wrote it.
    pub fn manifest(&self) -> &str {
        &self.manifest
    }

    /// Names of what it imports, in their order.
    pub fn imports(&self) -> &[String] {
        &self.imports
    }

    /// Names of what it exports, in their order.
    pub fn exports(&self) -> &[String] {
        &self.exports
    }
}

fn text(section: &[u8], limits: &Limits) -> Result<String, BundleError> {
    if section.len() > limits.manifest {
        return Err(BundleError::TooLarge { what: "plugin.toml".into(), limit: limits.manifest as u64 });
    }
    let text = std::str::from_utf8(section);
    text.map(str::to_owned).map_err(|_| BundleError::BadManifest("it is not UTF-8".into()))
}

fn malformed(e: &wasmparser::BinaryReaderError) -> BundleError {
    BundleError::MalformedComponent(e.to_string())
}
