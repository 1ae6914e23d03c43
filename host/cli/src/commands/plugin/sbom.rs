//! The bill of materials of a plugin in Rust: CycloneDX 1.5 JSON.
//!
//! It lists what is linked into the component, with the licence that each crate claims and the checksum that the lock
//! file has. It has no time and no random number: the same lock file gives the same bytes. Source: the CycloneDX 1.5
//! JSON schema; package URLs as the purl specification has them for `cargo`.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::rust::{Lock, Metadata, Package};
use crate::exit::{Exit, Failure};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Bom {
    bom_format: &'static str,
    spec_version: &'static str,
    version: u32,
    metadata: About,
    components: Vec<Component>,
    dependencies: Vec<Dependency>,
}

#[derive(Serialize)]
struct About {
    component: Component,
}

#[derive(Serialize)]
struct Component {
    r#type: &'static str,
    #[serde(rename = "bom-ref")]
    bom_ref: String,
    name: String,
    version: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    hashes: Vec<Hash>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    licenses: Vec<License>,
    purl: String,
}

#[derive(Serialize)]
struct Hash {
    alg: &'static str,
    content: String,
}

#[derive(Serialize)]
struct License {
    expression: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Dependency {
    r#ref: String,
    depends_on: Vec<String>,
}

/// What the package at the root is linked from.
pub(super) fn cyclonedx(metadata: &Metadata, lock: &Lock) -> Result<Vec<u8>, Failure> {
    let packages: BTreeMap<&str, &Package> = metadata.packages.iter().map(|p| (p.id.as_str(), p)).collect();
    let linked = linked(metadata);
    let name = |id: &str| packages.get(id).map(|package| purl(package));
    let root = packages.get(metadata.root.as_str()).copied();
    let root = root.ok_or_else(|| Failure::new(Exit::Failed, "cargo does not know the package"))?;
    let mut components: Vec<_> = linked
        .keys()
        .filter(|id| **id != metadata.root)
        .filter_map(|id| Some(component("library", packages.get(id)?, lock)))
        .collect();
    components.sort_by(|a, b| a.bom_ref.cmp(&b.bom_ref));
    let mut dependencies: Vec<_> = linked
        .iter()
        .filter_map(|(id, others)| {
            let mut depends_on: Vec<_> = others.iter().filter_map(|other| name(other)).collect();
            depends_on.sort_unstable();
            Some(Dependency { r#ref: name(id)?, depends_on })
        })
        .collect();
    dependencies.sort_by(|a, b| a.r#ref.cmp(&b.r#ref));
    let bom = Bom {
        bom_format: "CycloneDX",
        spec_version: "1.5",
        version: 1,
        metadata: About { component: component("application", root, lock) },
        components,
        dependencies,
    };
    let mut text = serde_json::to_vec_pretty(&bom)?;
    text.push(b'\n');
    Ok(text)
}

/// From the root on, what each package is linked with. What only builds or tests it is not in the component.
fn linked(metadata: &Metadata) -> BTreeMap<&str, BTreeSet<&str>> {
    let nodes: BTreeMap<&str, _> =
        metadata.resolve.nodes.iter().map(|node| (node.id.as_str(), node)).collect();
    let mut found: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    let mut left = vec![metadata.root.as_str()];
    while let Some(id) = left.pop() {
        if found.contains_key(id) {
            continue;
        }
        let deps = nodes.get(id).map(|node| node.deps.as_slice()).unwrap_or_default();
        let normal = deps.iter().filter(|dep| dep.dep_kinds.iter().any(|kind| kind.kind.is_none()));
        let others: BTreeSet<&str> = normal.map(|dep| dep.pkg.as_str()).collect();
        left.extend(&others);
        found.insert(id, others);
    }
    found
}

fn component(kind: &'static str, package: &Package, lock: &Lock) -> Component {
    let key = (package.name.clone(), package.version.clone(), package.source.clone());
    let hash = lock.get(&key).map(|sum| Hash { alg: "SHA-256", content: sum.clone() });
    // The spelling of old packages.
    let license = package.license.as_ref().map(|text| License { expression: text.replace('/', " OR ") });
    let purl = purl(package);
    Component {
        r#type: kind,
        bom_ref: purl.clone(),
        name: package.name.clone(),
        version: package.version.clone(),
        hashes: hash.into_iter().collect(),
        licenses: license.into_iter().collect(),
        purl,
    }
}

/// Without a qualifier for what comes from crates.io or a folder.
fn purl(package: &Package) -> String {
    let plain = format!("pkg:cargo/{}@{}", package.name, package.version.replace('+', "%2B"));
    let encoded = |text: &str| url::form_urlencoded::byte_serialize(text.as_bytes()).collect::<String>();
    match package.source.as_deref() {
        None | Some("registry+https://github.com/rust-lang/crates.io-index") => plain,
        Some(source) if source.starts_with("git+") => format!("{plain}?vcs_url={}", encoded(source)),
        Some(source) => {
            let index = source.split_once('+').map_or(source, |(_, index)| index);
            format!("{plain}?repository_url={}", encoded(index))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn what_is_linked_is_listed_once_with_its_checksum() {
        let package = |id: &str, source: Option<&str>| {
            json!({
                "id": id, "name": id, "version": "1.0.0+b", "source": source, "license": "MIT/Apache-2.0",
                "manifest_path": format!("/{id}/Cargo.toml"),
            })
        };
        let node = |id: &str, deps: &[(&str, Option<&str>)]| {
            let deps: Vec<_> = deps
                .iter()
                .map(|(pkg, kind)| json!({ "pkg": pkg, "dep_kinds": [{ "kind": kind, "target": null }] }))
                .collect();
            json!({ "id": id, "deps": deps })
        };
        let crates = "registry+https://github.com/rust-lang/crates.io-index";
        let metadata = json!({
            "packages": [
                package("top", None), package("left", Some(crates)), package("right", Some("git+https://x.example/r#1")),
                package("low", Some("registry+https://r.example/index")), package("builder", Some(crates)),
            ],
            "resolve": { "nodes": [
                node("top", &[("left", None), ("right", None), ("builder", Some("build"))]),
                node("left", &[("low", None)]), node("right", &[("low", None), ("builder", Some("dev"))]),
                node("low", &[]), node("builder", &[]),
            ] },
            "workspace_root": "/top", "target_directory": "/top/target",
        });
        let mut metadata: Metadata = serde_json::from_value(metadata).unwrap();
        metadata.root = "top".into();
        let lock = [(("left".to_owned(), "1.0.0+b".to_owned(), Some(crates.to_owned())), "ab".to_owned())];
        let text = cyclonedx(&metadata, &lock.into()).unwrap();
        let bom: Value = serde_json::from_slice(&text).unwrap();
        assert_eq!(bom["metadata"]["component"]["purl"], "pkg:cargo/top@1.0.0%2Bb");
        let purls: Vec<_> =
            bom["components"].as_array().unwrap().iter().map(|c| c["purl"].as_str().unwrap()).collect();
        assert_eq!(
            purls,
            [
                "pkg:cargo/left@1.0.0%2Bb",
                "pkg:cargo/low@1.0.0%2Bb?repository_url=https%3A%2F%2Fr.example%2Findex",
                "pkg:cargo/right@1.0.0%2Bb?vcs_url=git%2Bhttps%3A%2F%2Fx.example%2Fr%231",
            ]
        );
        assert_eq!(bom["components"][0]["hashes"], json!([{ "alg": "SHA-256", "content": "ab" }]));
        assert_eq!(bom["components"][0]["licenses"], json!([{ "expression": "MIT OR Apache-2.0" }]));
        assert_eq!(
            bom["dependencies"][3],
            json!({ "ref": "pkg:cargo/top@1.0.0%2Bb", "dependsOn": [purls[0], purls[2]] })
        );
    }
}
