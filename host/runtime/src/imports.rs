//! What a component imports, and which capability stands behind each import.

use wit_parser::{Resolve, WorldId};

use crate::bundle;
use crate::error::Mismatch;
use crate::manifest::Manifest;

/// One imported interface.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Import {
    /// As in the component: `wasi:http/types@0.2.12`.
    pub name: String,
    /// What importing it means.
    pub class: Class,
}

/// What importing an interface means.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Class {
    /// Needs a request and a grant of this capability.
    Capability(&'static str),
    /// Ours, and free for everybody: types, log, config.
    Free,
    /// What a language's standard library drags in. Linked to implementations with
    /// nothing in them: no environment, no arguments, no files, no sockets.
    Baseline,
    /// Offered by no host of this version.
    Unknown,
}

/// The imports of a world, sorted by name.
pub(crate) fn of(resolve: &Resolve, world: WorldId) -> Vec<Import> {
    let mut imports: Vec<Import> = resolve.worlds[world]
        .imports
        .iter()
        .map(|(key, item)| bundle::name(resolve, key, item))
        .map(|name| Import { class: classify(&name), name })
        .collect();
    imports.sort();
    imports
}

fn classify(name: &str) -> Class {
    let path = name.split_once('@').map_or(name, |(path, _)| path);
    match path {
        "waystation:host/types" | "waystation:host/log" | "waystation:host/config" => Class::Free,
        "wasi:logging/logging" | "wasi:config/store" => Class::Free,
        "waystation:host/kv" | "wasi:keyvalue/store" | "wasi:keyvalue/atomics" => Class::Capability("kv"),
        "waystation:host/tickets" => Class::Capability("tickets"),
        "waystation:host/scopes" => Class::Capability("scopes"),
        "waystation:host/credentials" => Class::Capability("credentials"),
        "wasi:http/outgoing-handler" => Class::Capability("http"),
        "wasi:http/types" => Class::Free,
        _ => match path.split_once('/').map_or(path, |(package, _)| package) {
            "wasi:io" | "wasi:clocks" | "wasi:random" | "wasi:cli" | "wasi:filesystem" | "wasi:sockets" => {
                Class::Baseline
            }
            _ => Class::Unknown,
        },
    }
}

/// Every import must be known, and requested where it needs a grant.
pub(crate) fn check(imports: &[Import], manifest: &Manifest) -> Vec<Mismatch> {
    imports
        .iter()
        .filter_map(|import| match import.class {
            Class::Unknown => Some(Mismatch::UnknownImport(import.name.clone())),
            Class::Capability(word) if manifest.request(word).is_none() => {
                Some(Mismatch::NotRequested { import: import.name.clone(), capability: word.into() })
            }
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn classes() {
        for (name, class) in [
            ("waystation:host/log@0.1.0", Class::Free),
            ("waystation:host/kv@0.1.3", Class::Capability("kv")),
            ("waystation:host/tickets@0.1.1", Class::Capability("tickets")),
            ("waystation:host/scopes@0.1.1", Class::Capability("scopes")),
            ("wasi:keyvalue/store@0.2.0-draft", Class::Capability("kv")),
            ("wasi:http/outgoing-handler@0.2.12", Class::Capability("http")),
            ("wasi:http/incoming-handler@0.2.12", Class::Unknown),
            ("wasi:cli/environment@0.2.3", Class::Baseline),
            ("wasi:nn/inference", Class::Unknown),
            ("waystation:host/exec@0.1.0", Class::Unknown),
            ("print", Class::Unknown),
        ] {
            assert_eq!(classify(name), class, "{name}");
        }
    }
}
