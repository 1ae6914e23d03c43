//! A plugin's manifest travels inside its component, as one custom section.

use std::borrow::Cow;

use anyhow::{Result, bail};
use wasm_encoder::{ComponentSection as _, CustomSection};

/// Name of the section that holds `plugin.toml` as it was written (UTF-8).
const SECTION: &str = "waystation:manifest";

/// What a wasm binary's preamble says it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// A core module.
    Module,
    /// A component.
    Component,
}

/// Reads the preamble: `\0asm`, then version and layer.
fn kind_of(binary: &[u8]) -> Result<Kind> {
    match binary.get(..8) {
        Some([0, b'a', b's', b'm', 1, 0, 0, 0]) => Ok(Kind::Module),
        Some([0, b'a', b's', b'm', _, _, 1, 0]) => Ok(Kind::Component),
        _ => bail!("not a WebAssembly binary"),
    }
}

/// The component with the manifest as its last top-level section.
pub(crate) fn with_manifest(component: &[u8], manifest: &str) -> Result<Vec<u8>> {
    if kind_of(component)? == Kind::Module {
        bail!("this is a core module, not a component; was it linked with wasm-component-ld?");
    }
    let section = CustomSection { name: SECTION.into(), data: Cow::Borrowed(manifest.as_bytes()) };
    let mut binary = component.to_vec();
    section.append_to_component(&mut binary);
    Ok(binary)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_manifest_is_read_back_from_the_top_level() {
        let component = wat::parse_str("(component (core module))").unwrap();
        let binary = with_manifest(&component, "name = \"a/b\"\n").unwrap();
        wasmparser::validate(&binary).unwrap();
        let mut depth = 0;
        let mut found = Vec::new();
        for payload in wasmparser::Parser::new(0).parse_all(&binary) {
            match payload.unwrap() {
                wasmparser::Payload::Version { .. } => depth += 1,
                wasmparser::Payload::End(_) => depth -= 1,
                wasmparser::Payload::CustomSection(section) if depth == 1 => {
                    found.push((section.name().to_owned(), section.data().to_vec()));
                }
                _ => {}
            }
        }
        assert_eq!(found, [(SECTION.to_owned(), b"name = \"a/b\"\n".to_vec())]);
    }

    #[test]
    fn a_core_module_is_refused() {
        let module = wat::parse_str("(module)").unwrap();
        assert_eq!(kind_of(&module).unwrap(), Kind::Module);
        assert!(with_manifest(&module, "").unwrap_err().to_string().contains("wasm-component-ld"));
        assert!(with_manifest(b"\0asm", "").is_err());
    }
}
