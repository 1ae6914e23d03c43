//! What a component says about itself, without running it.

use std::io::Read;

use wasmparser::{Chunk, Encoding, Parser, Payload};

use crate::blob::{Blob, unreadable};
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::limits::Limits;

/// The custom section that carries `plugin.toml`.
pub const MANIFEST_SECTION: &str = "waystation:manifest";

/// Bytes that are read at once.
const PIECE: usize = 64 << 10;

/// A component that carries one `plugin.toml`. Whether a host can run it, the runtime says: what is inside of the
/// modules and components that it is made of is not looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Component {
    content: Blob,
    manifest: String,
    imports: Vec<String>,
    exports: Vec<String>,
}

impl Component {
    /// Takes one apart, a piece at a time.
    ///
    /// # Errors
    /// When it is no component, damaged, or carries no manifest or several.
    pub fn parse(content: Blob, limits: &Limits) -> Result<Self, BundleError> {
        let mut pieces = Pieces { reader: content.reader(), buffer: Vec::new(), start: 0, ended: false };
        pieces.more(b"\0asm".len())?;
        if !pieces.there().starts_with(b"\0asm") {
            return Err(BundleError::NotAComponent("no WebAssembly"));
        }
        let mut parser = Parser::new(0);
        let mut said = Said::default();
        loop {
            let (consumed, inside) = match parser.parse(pieces.there(), pieces.ended).map_err(malformed)? {
                Chunk::NeedMoreData(hint) => {
                    let hint = usize::try_from(hint).unwrap_or(usize::MAX);
                    let wanted = pieces.there().len().saturating_add(hint);
                    if wanted as u64 > limits.section.saturating_add(SECTION_HEAD) {
                        let what = "a section of the component".into();
                        return Err(BundleError::TooLarge { what, limit: limits.section });
                    }
                    pieces.more(wanted)?;
                    continue;
                }
                Chunk::Parsed { payload: Payload::End(_), .. } => break,
                Chunk::Parsed { consumed, payload } => (consumed, said.take(&payload, limits)?),
            };
            pieces.skip(consumed as u64)?;
            pieces.skip(inside)?;
        }
        let Said { mut imports, mut exports, manifests, manifest } = said;
        let manifest = match (manifest, manifests) {
            (None, _) => return Err(BundleError::NoManifest),
            (Some(one), 1) => one,
            (Some(_), several) => return Err(BundleError::SeveralManifests(several)),
        };
        imports.sort_unstable();
        exports.sort_unstable();
        Ok(Self { content, manifest, imports, exports })
    }

    /// The component itself.
    pub const fn content(&self) -> &Blob {
        &self.content
    }

    /// The digest of its bytes; not the [content digest](crate::Package::digest) of the plugin.
    pub const fn digest(&self) -> ContentDigest {
        self.content.digest()
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

/// What was found so far.
#[derive(Default)]
struct Said {
    imports: Vec<String>,
    exports: Vec<String>,
    manifests: usize,
    /// The first.
    manifest: Option<String>,
}

impl Said {
    /// Takes note of a section. Gives the bytes that are inside of it and are not looked at.
    fn take(&mut self, payload: &Payload<'_>, limits: &Limits) -> Result<u64, BundleError> {
        match payload {
            Payload::Version { encoding: Encoding::Module, .. } => {
                return Err(BundleError::NotAComponent("a core module"));
            }
            Payload::ModuleSection { unchecked_range: inside, .. }
            | Payload::ComponentSection { unchecked_range: inside, .. } => {
                return Ok(inside.len() as u64);
            }
            Payload::ComponentImportSection(section) => {
                for import in section.clone() {
                    self.imports.push(import.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::ComponentExportSection(section) => {
                for export in section.clone() {
                    self.exports.push(export.map_err(malformed)?.name.name.to_owned());
                }
            }
            Payload::CustomSection(section) if section.name() == MANIFEST_SECTION => {
                self.manifests += 1;
                if self.manifest.is_none() {
                    self.manifest = Some(text(section.data(), limits)?);
                }
            }
            _ => {}
        }
        Ok(0)
    }
}

/// The most bytes before the content of a section: what it is, and how long.
const SECTION_HEAD: u64 = 6;

/// What was read and not yet used.
struct Pieces<R> {
    reader: R,
    buffer: Vec<u8>,
    start: usize,
    ended: bool,
}

impl<R: Read> Pieces<R> {
    fn there(&self) -> &[u8] {
        self.buffer.get(self.start..).unwrap_or_default()
    }

    /// Reads until so many bytes are there, or all.
    fn more(&mut self, wanted: usize) -> Result<(), BundleError> {
        self.buffer.drain(..self.start.min(self.buffer.len()));
        self.start = 0;
        let missing = wanted.saturating_sub(self.buffer.len()).max(PIECE) as u64;
        let got = self.reader.by_ref().take(missing).read_to_end(&mut self.buffer).map_err(unreadable)?;
        self.ended = (got as u64) < missing;
        Ok(())
    }

    /// Goes on after so many bytes.
    fn skip(&mut self, bytes: u64) -> Result<(), BundleError> {
        let here = self.there().len() as u64;
        self.start += usize::try_from(bytes.min(here)).unwrap_or_default();
        let beyond = bytes.saturating_sub(here);
        if beyond == 0 {
            return Ok(());
        }
        let skipped = std::io::copy(&mut self.reader.by_ref().take(beyond), &mut std::io::sink());
        match skipped.map_err(unreadable)? == beyond {
            true => Ok(()),
            false => Err(BundleError::MalformedComponent("it ends inside of a section".into())),
        }
    }
}

fn text(section: &[u8], limits: &Limits) -> Result<String, BundleError> {
    if section.len() > limits.manifest {
        return Err(BundleError::TooLarge { what: "plugin.toml".into(), limit: limits.manifest as u64 });
    }
    let text = std::str::from_utf8(section);
    text.map(str::to_owned).map_err(|_| BundleError::BadManifest("it is not UTF-8".into()))
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
fn malformed(e: wasmparser::BinaryReaderError) -> BundleError {
    BundleError::MalformedComponent(e.to_string())
}
