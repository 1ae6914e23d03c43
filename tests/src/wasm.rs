//! Taking plugins apart, to put them together wrongly.

use anyhow::{Context as _, Result, bail};
use wasm_encoder::{ComponentSection as _, CustomSection, Module, ModuleSection, Section as _};

const MANIFEST: &str = "waystation:manifest";

/// The manifest of a plugin.
///
/// # Errors
/// When there is none.
pub fn manifest(plugin: &[u8]) -> Result<String> {
    let found = sections(plugin)?.into_iter().find_map(|section| section.manifest);
    Ok(String::from_utf8(found.context("there is no manifest")?.to_vec())?)
}

/// The plugin without its manifest.
///
/// # Errors
/// When it is no component.
pub fn without_manifest(plugin: &[u8]) -> Result<Vec<u8>> {
    let mut bytes = plugin.get(..8).context("no header")?.to_vec();
    for section in sections(plugin)?.iter().filter(|section| section.manifest.is_none()) {
        bytes.extend_from_slice(section.whole);
    }
    Ok(bytes)
}

/// The plugin with one manifest more.
pub fn and_manifest(plugin: &[u8], text: &str) -> Vec<u8> {
    let mut bytes = plugin.to_vec();
    CustomSection { name: MANIFEST.into(), data: text.as_bytes().into() }.append_to(&mut bytes);
    bytes
}

/// The plugin with a core module that holds these bytes.
pub fn and_module(plugin: &[u8], content: &[u8]) -> Vec<u8> {
    let mut module = Module::new();
    module.section(&CustomSection { name: "ballast".into(), data: content.into() });
    let mut bytes = plugin.to_vec();
    ModuleSection(&module).append_to_component(&mut bytes);
    bytes
}

/// The plugin with this manifest instead of its own.
///
/// # Errors
/// When it is no component.
pub fn with_manifest(plugin: &[u8], text: &str) -> Result<Vec<u8>> {
    Ok(and_manifest(&without_manifest(plugin)?, text))
}

/// The plugin with another text of the same length, or of less, which is filled up with spaces, wherever `text`
/// stands in it.
///
/// # Errors
/// When it does not stand there, or the other is longer.
pub fn with_text(plugin: &[u8], text: &str, other: &str) -> Result<Vec<u8>> {
    let padded = format!("{other:<width$}", width = text.len());
    anyhow::ensure!(padded.len() == text.len(), "{} bytes do not fit into {}", other.len(), text.len());
    let mut bytes = plugin.to_vec();
    let places: Vec<usize> = (0..bytes.len().saturating_sub(text.len()))
        .filter(|at| bytes.get(*at..).is_some_and(|rest| rest.starts_with(text.as_bytes())))
        .collect();
    anyhow::ensure!(!places.is_empty(), "the plugin does not say {text}");
    for at in places {
        bytes.splice(at..at + text.len(), padded.bytes());
    }
    Ok(bytes)
}

struct Section<'b> {
    whole: &'b [u8],
    manifest: Option<&'b [u8]>,
}

/// The sections behind the header: an id, a size, and as many bytes.
fn sections(plugin: &[u8]) -> Result<Vec<Section<'_>>> {
    let mut rest = plugin.get(8..).context("no header")?;
    let mut sections = Vec::new();
    while let Some((id, after_id)) = rest.split_first() {
        let (size, content) = number(after_id)?;
        let end = rest.len() - content.len() + size;
        let Some((whole, next)) = rest.split_at_checked(end) else { bail!("a section is cut off") };
        let content = content.get(..size).unwrap_or_default();
        let manifest = if *id == 0 { named(content, MANIFEST)? } else { None };
        sections.push(Section { whole, manifest });
        rest = next;
    }
    Ok(sections)
}

fn named<'b>(content: &'b [u8], wanted: &str) -> Result<Option<&'b [u8]>> {
    let (length, rest) = number(content)?;
    let (name, data) = rest.split_at_checked(length).context("a name is cut off")?;
    Ok((name == wanted.as_bytes()).then_some(data))
}

/// An unsigned LEB128 number and what follows it.
fn number(bytes: &[u8]) -> Result<(usize, &[u8])> {
    let mut value = 0_usize;
    for (at, byte) in bytes.iter().enumerate().take(5) {
        value |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return Ok((value, bytes.get(at + 1..).unwrap_or_default()));
        }
    }
    bail!("a number is cut off")
}
