#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "a test that fails panics")]

use std::path::Path;

use bytes::Bytes;
use jiff::Timestamp;
use serde_json::{Value, json};
use wasm_encoder::ComponentSection as _;

use super::*;
use crate::write::PackageWriter;

mod damage;

const LIMITS: Limits = Limits::DEFAULT;
const MANIFEST: &str = "name = \"example/my-source\"\nversion = \"0.1.0\"\nkind = \"update-source@0.1\"\n\
    summary = \"Versions\"\nlicense = \"MIT\"\n";

fn section(component: &mut Vec<u8>, manifest: &str) {
    let name = crate::MANIFEST_SECTION.into();
    wasm_encoder::CustomSection { name, data: manifest.as_bytes().into() }.append_to_component(component);
}

fn component(manifest: &str) -> Vec<u8> {
    let mut component = wat::parse_str(
        "(component (import \"b:b/b@0.1.0\" (instance $b)) (import \"a:a/a@0.1.0\" (instance))
           (export \"waystation:update-source/source@0.1.0\" (instance $b)) (core module))",
    )
    .unwrap();
    section(&mut component, manifest);
    component
}

fn package() -> Package {
    let writer = PackageWriter::new(component(MANIFEST), &LIMITS).unwrap();
    let writer = writer.document(Kind::CycloneDx, "{\"bomFormat\":\"CycloneDX\"}").unwrap();
    let mut package = writer.document(Kind::Readme, "# my-source\n").unwrap().finish().unwrap();
    package.attach(Kind::Signature, "{\"one\":1}", &LIMITS).unwrap();
    package.attach(Kind::Signature, "{\"two\":2}", &LIMITS).unwrap();
    package.attach(Kind::TrustedRoot, "{\"root\":1}", &LIMITS).unwrap();
    package
}

/// The parts of a layout, to be changed and put together again. Digests and sizes follow the changes.
struct Kit {
    component: Vec<u8>,
    config: Value,
    manifest: Value,
    /// Manifests beside that of the plugin; `subject` of null is the plugin.
    others: Vec<Value>,
    /// Blobs beside those.
    blobs: Vec<Vec<u8>>,
    index: Value,
}

fn descriptor(media_type: &str, content: &[u8]) -> Value {
    json!({ "mediaType": media_type, "digest": ContentDigest::of(content), "size": content.len() })
}

impl Kit {
    fn new() -> Self {
        let component = component(MANIFEST);
        let config = json!({
            "created": "1970-01-01T00:00:00Z", "architecture": "wasm", "os": "wasip2",
            "layerDigests": [ContentDigest::of(&component)],
            "component": {
                "imports": ["b:b/b@0.1.0", "a:a/a@0.1.0"], "exports": ["waystation:update-source/source@0.1.0"],
            },
        });
        let manifest = json!({
            "schemaVersion": 2, "mediaType": oci::MANIFEST, "artifactType": oci::PLUGIN,
            "config": { "annotations": { oci::MANIFEST_TEXT: MANIFEST } },
            "layers": [descriptor(oci::COMPONENT, &component)],
            "annotations": {
                oci::TITLE: "example/my-source", oci::VERSION: "0.1.0", oci::PLUGIN_KIND: "update-source@0.1",
            },
        });
        let index = json!({ "schemaVersion": 2, "mediaType": oci::INDEX, "manifests": [] });
        Self { component, config, manifest, others: Vec::new(), blobs: Vec::new(), index }
    }

    fn attached(mut self, artifact_type: &str, layer_type: &str, content: &str) -> Self {
        self.others.push(json!({
            "schemaVersion": 2, "mediaType": oci::MANIFEST, "artifactType": artifact_type,
            "config": descriptor(oci::EMPTY, b"{}"),
            "layers": [descriptor(layer_type, content.as_bytes())], "subject": null,
        }));
        self.blobs.extend([b"{}".to_vec(), content.into()]);
        self
    }

    fn tar(&self) -> Vec<u8> {
        let config = self.config.to_string().into_bytes();
        let mut manifest = self.manifest.clone();
        if manifest["config"]["mediaType"].is_null() {
            for (key, value) in descriptor(oci::CONFIG, &config).as_object().unwrap() {
                manifest["config"][key] = value.clone();
            }
        }
        let manifest = manifest.to_string().into_bytes();
        let mut index = self.index.clone();
        let mut blobs = self.blobs.clone();
        let listed = index["manifests"].as_array_mut().unwrap();
        if listed.is_empty() {
            listed.push(descriptor(oci::MANIFEST, &manifest));
            for other in &self.others {
                let mut other = other.clone();
                if other.get("subject").is_some_and(Value::is_null) {
                    other["subject"] = descriptor(oci::MANIFEST, &manifest);
                }
                let other = other.to_string().into_bytes();
                listed.push(descriptor(oci::MANIFEST, &other));
                blobs.push(other);
            }
        }
        blobs.extend([self.component.clone(), config, manifest]);
        let mut files: Vec<_> = blobs
            .into_iter()
            .map(|blob| (format!("blobs/sha256/{}", ContentDigest::of(&blob).hex()), blob))
            .collect();
        files.sort();
        files.dedup();
        files.push(("index.json".into(), index.to_string().into_bytes()));
        files.push(("oci-layout".into(), br#"{"imageLayoutVersion":"1.0.0"}"#.to_vec()));
        crate::tar::archive(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())))
    }

    fn read(&self) -> Result<Package, BundleError> {
        Package::parse(self.tar(), &LIMITS)
    }

    fn code(change: impl FnOnce(&mut Self)) -> &'static str {
        let mut kit = Self::new();
        change(&mut kit);
        kit.read().err().map_or("accepted", |e| e.code())
    }
}

#[test]
fn a_package_is_read_as_it_was_written() {
    let written = package();
    let tar = written.to_tar(&LIMITS).unwrap();
    let read = Package::parse(tar.clone(), &LIMITS).unwrap();
    assert_eq!(read, written);
    assert_eq!(read.digest(), ContentDigest::of(read.manifest()));
    assert_eq!(read.head().file_name(), "my-source-0.1.0.plugin.tar");
    assert_eq!(read.component().content().bytes().unwrap(), component(MANIFEST));
    assert_eq!(read.component().imports(), ["a:a/a@0.1.0", "b:b/b@0.1.0"]);
    assert_eq!(read.signatures().count(), 2);
    assert_eq!(read.content(Kind::Readme).unwrap(), "# my-source\n");
    assert_eq!(read.to_tar(&LIMITS).unwrap(), tar, "and is written as it was read");
    assert_eq!(Package::read(tar.as_slice(), &LIMITS).unwrap(), written);
}

#[test]
fn a_component_that_is_large_stays_in_its_file() {
    // Of a core module whose data is 3 MiB.
    let module =
        format!("(component (core module (memory 64) (data (i32.const 0) \"{}\")))", "x".repeat(3 << 20));
    let mut component = wat::parse_str(module).unwrap();
    section(&mut component, MANIFEST);
    let writer = PackageWriter::new(component.clone(), &LIMITS).unwrap();
    let mut written = writer.document(Kind::Readme, "# it").unwrap().finish().unwrap();
    written.attach(Kind::Signature, "{}", &LIMITS).unwrap();
    let mut file = tempfile::tempfile().unwrap();
    let size = written.write_tar(&mut file, &LIMITS).unwrap();
    assert_eq!(size, file.metadata().unwrap().len());
    let opened = Package::open(file.try_clone().unwrap(), &LIMITS).unwrap();
    assert_eq!(opened, written);
    assert!(opened.component().content().bytes().unwrap() == component);
    assert!(opened.to_tar(&LIMITS).unwrap() == written.to_tar(&LIMITS).unwrap());
    // What was read once and is another thing now is told, not handed out.
    let at = usize::try_from(size).unwrap() - (1 << 20);
    std::os::unix::fs::FileExt::write_at(&file, b"?", at as u64).unwrap();
    assert_eq!(opened.component().content().bytes().unwrap_err().code(), "digest-mismatch");
    assert_eq!(opened.write_tar(&mut std::io::sink(), &LIMITS).unwrap_err().code(), "digest-mismatch");
    assert_eq!(Package::open(file, &LIMITS).unwrap_err().code(), "digest-mismatch");
    // One section may be so large, and no larger; what is inside of a module is not counted.
    let limits = Limits { section: MANIFEST.len() as u64 + 20, ..LIMITS };
    assert!(PackageWriter::new(component.clone(), &limits).is_ok());
    section(&mut component, &"x".repeat(100_000));
    assert_eq!(PackageWriter::new(component, &limits).unwrap_err().code(), "too-large");
}

#[test]
fn the_same_input_is_the_same_package_and_a_signature_changes_no_digest() {
    assert_eq!(package().to_tar(&LIMITS), package().to_tar(&LIMITS));
    let plain = PackageWriter::new(component(MANIFEST), &LIMITS).unwrap().finish().unwrap();
    let mut signed = plain.clone();
    signed.attach(Kind::Signature, "{}", &LIMITS).unwrap();
    assert_eq!(signed.digest(), plain.digest());
    assert_ne!(package().digest(), plain.digest(), "documents are part of it");
    let later = PackageWriter::new(component(MANIFEST), &LIMITS).unwrap();
    let later = later.created(Timestamp::from_second(1_000_000_000).unwrap()).finish().unwrap();
    assert!(String::from_utf8_lossy(later.config()).contains("\"2001-09-09T01:46:40Z\""));
    assert_ne!(later.digest(), plain.digest());
}

#[test]
fn what_others_write_is_read() {
    // As `wkg oci push` of a packed component does.
    let mut kit = Kit::new();
    kit.manifest["artifactType"].take();
    kit.manifest.as_object_mut().unwrap().remove("artifactType");
    kit.manifest.as_object_mut().unwrap().remove("annotations");
    kit.manifest["config"].as_object_mut().unwrap().remove("annotations");
    kit.manifest["layers"][0]["annotations"] = json!({ oci::TITLE: "anything.wasm" });
    kit.config["author"] = Value::Null;
    kit.config["component"]["target"] = Value::Null;
    let package = kit.read().unwrap();
    assert_eq!(package.head().name, "example/my-source");
    // As `oras` lists an artifact, and as it attaches one.
    let mut kit = Kit::new().attached(
        Kind::Signature.artifact_type(),
        Kind::Signature.media_type(),
        "{\"signed\":true}",
    );
    kit.others[0]["config"]["data"] = "e30=".into();
    kit.others[0]["annotations"] = json!({ "org.opencontainers.image.created": "2026-01-01T00:00:00Z" });
    assert_eq!(kit.read().unwrap().signatures().next().unwrap(), "{\"signed\":true}");
    kit.others[0]["config"]["data"] = "e31=".into();
    assert_eq!(kit.read().unwrap_err().code(), "data-mismatch");
}

#[test]
fn every_disagreement_is_refused_by_name() {
    assert_eq!(Kit::code(|_| ()), "accepted");
    type Change = fn(&mut Kit);
    let changes: &[(&str, Change)] = &[
        ("bad-json", |kit| kit.manifest["more"] = 1.into()),
        ("bad-json", |kit| kit.manifest["layers"][0]["urls"] = json!(["https://example.org"])),
        ("bad-json", |kit| kit.config["more"] = 1.into()),
        ("bad-json", |kit| kit.index["more"] = 1.into()),
        ("bad-json", |kit| {
            kit.manifest["layers"][0]["digest"] = format!("sha512:{}", "0".repeat(128)).into();
        }),
        ("schema-version", |kit| kit.manifest["schemaVersion"] = 1.into()),
        ("schema-version", |kit| kit.index["schemaVersion"] = 3.into()),
        ("media-type", |kit| kit.manifest["mediaType"] = oci::INDEX.into()),
        ("not-a-plugin", |kit| kit.manifest["artifactType"] = "application/vnd.other".into()),
        ("media-type", |kit| {
            kit.manifest["config"] = descriptor("application/vnd.oci.image.config.v1+json", b"{}");
            kit.blobs.push(b"{}".to_vec());
        }),
        ("no-component", |kit| kit.manifest["layers"] = json!([])),
        ("no-component", |kit| kit.manifest["layers"][0]["mediaType"] = "application/wasm+gzip".into()),
        ("several-components", |kit| {
            let layer = kit.manifest["layers"][0].clone();
            kit.manifest["layers"].as_array_mut().unwrap().push(layer);
        }),
        ("unknown-layer", |kit| {
            kit.manifest["layers"].as_array_mut().unwrap().push(descriptor("text/plain", b"x"));
            kit.blobs.push(b"x".to_vec());
        }),
        ("too-many", |kit| {
            let layers = vec![kit.manifest["layers"][0].clone(); 33];
            kit.manifest["layers"] = layers.into();
        }),
        ("too-many", |kit| {
            let many = (0..65).map(|n| (n.to_string(), Value::from("x")));
            kit.manifest["annotations"] = Value::Object(many.collect());
        }),
        ("size-mismatch", |kit| kit.manifest["layers"][0]["size"] = 1.into()),
        ("missing-blob", |kit| kit.manifest["layers"][0]["digest"] = json!(ContentDigest::of(b"gone"))),
        ("stray-blob", |kit| kit.blobs.push(b"nobody's".to_vec())),
        ("manifest-differs", |kit| {
            kit.manifest["config"]["annotations"][oci::MANIFEST_TEXT] = MANIFEST.replace("MIT", "ISC").into();
        }),
        ("manifest-differs", |kit| {
            kit.manifest["config"]["annotations"].as_object_mut().unwrap().remove(oci::MANIFEST_TEXT);
        }),
        ("annotation-differs", |kit| kit.manifest["annotations"][oci::VERSION] = "9.9.9".into()),
        ("annotation-differs", |kit| {
            kit.manifest["annotations"].as_object_mut().unwrap().remove(oci::TITLE);
        }),
        ("annotation-differs", |kit| {
            kit.manifest["annotations"]["org.opencontainers.image.licenses"] = "ISC".into();
        }),
        ("config-differs", |kit| kit.config["architecture"] = "amd64".into()),
        ("config-differs", |kit| kit.config["os"] = "wasip1".into()),
        ("config-differs", |kit| kit.config["layerDigests"] = json!([])),
        ("config-differs", |kit| kit.config["component"]["imports"] = json!(["a:a/a@0.1.0"])),
        ("config-differs", |kit| kit.config["component"]["exports"][0] = "other".into()),
        ("config-differs", |kit| {
            kit.config.as_object_mut().unwrap().remove("component");
        }),
        ("no-plugin", |kit| kit.manifest["subject"] = descriptor(oci::MANIFEST, b"x")),
        ("several-plugins", |kit| {
            let mut other = kit.manifest.clone();
            other["annotations"]["x"] = "y".into();
            let config = kit.config.to_string();
            for (key, value) in descriptor(oci::CONFIG, config.as_bytes()).as_object().unwrap() {
                other["config"][key] = value.clone();
            }
            kit.others.push(other);
        }),
        ("nested-index", |kit| kit.index["manifests"] = json!([descriptor(oci::INDEX, b"{}")])),
        ("media-type", |kit| kit.index["manifests"] = json!([descriptor("text/plain", b"{}")])),
        ("missing-blob", |kit| kit.index["manifests"] = json!([descriptor(oci::MANIFEST, b"gone")])),
    ];
    for (at, (code, change)) in changes.iter().enumerate() {
        assert_eq!(Kit::code(change), *code, "change {at}");
    }
}

#[test]
fn a_component_is_held_against_its_package() {
    let with = |component: Vec<u8>| {
        Kit::code(move |kit| {
            kit.manifest["layers"][0] = descriptor(oci::COMPONENT, &component);
            kit.config["layerDigests"] = json!([ContentDigest::of(&component)]);
            kit.component = component;
        })
    };
    assert_eq!(with(component(MANIFEST)), "accepted");
    assert_eq!(with(component(&MANIFEST.replace("Versions", "Versions!"))), "manifest-differs");
    let mut twice = component(MANIFEST);
    section(&mut twice, MANIFEST);
    assert_eq!(with(twice), "several-manifests");
    assert_eq!(with(wat::parse_str("(component)").unwrap()), "no-manifest");
    assert_eq!(with(wat::parse_str("(module)").unwrap()), "not-a-component");
    assert_eq!(with(b"\x1f\x8b\x08 packed".to_vec()), "not-a-component");
    let mut short = component(MANIFEST);
    short.truncate(short.len() - 1);
    assert_eq!(with(short), "malformed");
    assert_eq!(with(component(&"#".repeat(LIMITS.manifest + 1))), "too-large");
    for bad in ["", "name = 1", &MANIFEST.replace("example/", "Example/"), &MANIFEST.replace("0.1.0", "one")]
    {
        assert_eq!(with(component(bad)), "bad-manifest", "{bad}");
    }
}

#[test]
fn an_attachment_is_of_this_plugin_and_of_a_known_kind() {
    let sbom = Kind::CycloneDx;
    let kit = || Kit::new().attached(sbom.artifact_type(), sbom.media_type(), "{}");
    assert_eq!(kit().read().unwrap_err().code(), "unbound-document");
    let named = |content: &[u8]| {
        let mut kit = Kit::new().attached(sbom.artifact_type(), sbom.media_type(), "{\"a\":1}");
        kit.manifest["annotations"][sbom.annotation().unwrap()] = json!(ContentDigest::of(content));
        kit
    };
    assert_eq!(named(b"{\"a\":1}").read().unwrap().content(sbom).unwrap(), "{\"a\":1}");
    assert_eq!(named(b"another").read().unwrap_err().code(), "unbound-document");
    // Tools that copy images leave what is attached behind.
    let mut alone = Kit::new();
    alone.manifest["annotations"][sbom.annotation().unwrap()] = json!(ContentDigest::of(b"left behind"));
    let alone = alone.read().unwrap();
    assert_eq!(alone.missing(), [sbom]);
    assert_eq!(alone.complete().unwrap_err().code(), "missing-document");
    assert_eq!(Package::parse(alone.to_tar(&LIMITS).unwrap(), &LIMITS).unwrap(), alone);
    assert_eq!(named(b"{\"a\":1}").read().unwrap().complete(), Ok(()));
    let twice = named(b"{\"a\":1}").attached(sbom.artifact_type(), sbom.media_type(), "{}");
    assert_eq!(twice.read().unwrap_err().code(), "duplicate-attachment");

    let signature = Kind::Signature;
    let signed = || Kit::new().attached(signature.artifact_type(), signature.media_type(), "{}");
    assert!(signed().read().is_ok());
    type Change = fn(&mut Value);
    let changes: &[(&str, Change)] = &[
        ("foreign-referrer", |other| other["subject"] = descriptor(oci::MANIFEST, b"another")),
        ("unknown-attachment", |other| other["artifactType"] = "application/vnd.other".into()),
        ("unknown-attachment", |other| {
            other.as_object_mut().unwrap().remove("artifactType");
        }),
        ("media-type", |other| other["layers"][0]["mediaType"] = "text/plain".into()),
        ("media-type", |other| other["config"]["mediaType"] = oci::CONFIG.into()),
        ("bad-json", |other| other["layers"] = json!([])),
    ];
    for (code, change) in changes {
        let mut kit = signed();
        change(&mut kit.others[0]);
        assert_eq!(kit.read().unwrap_err().code(), *code);
    }
    let mut package = package();
    assert_eq!(package.attach(Kind::Readme, "x", &LIMITS).unwrap_err().code(), "unbound-document");
    assert_eq!(package.attach(Kind::TrustedRoot, "x", &LIMITS).unwrap_err().code(), "duplicate-attachment");
    let limits = Limits { signatures: 2, signature: 3, document: 3, ..LIMITS };
    assert_eq!(package.attach(Kind::Signature, "x", &limits).unwrap_err().code(), "too-many");
    package.attach(Kind::Signature, "{\"one\":1}", &LIMITS).unwrap();
    assert_eq!(package.signatures().count(), 2, "the same once more is the same");
    assert_eq!(package.attach(Kind::Lock, "abcd", &limits).unwrap_err().code(), "too-large");
    package.attach(Kind::Lock, "abc", &limits).unwrap();
    assert_eq!(Package::parse(package.to_tar(&LIMITS).unwrap(), &limits).unwrap_err().code(), "too-large");
}

#[test]
fn a_layout_is_whole_and_holds_nothing_else() {
    let good = |layout: &str| {
        let tar = package().to_tar(&LIMITS).unwrap();
        let entries = crate::tar::entries(&Bytes::from(tar), &LIMITS).unwrap();
        let files: Vec<_> = entries.iter().map(|e| (e.path.clone(), e.content.to_vec())).collect();
        files
            .into_iter()
            .map(|(path, content)| match path.as_str() {
                "oci-layout" => (path, layout.as_bytes().to_vec()),
                _ => (path, content),
            })
            .collect::<Vec<_>>()
    };
    let code = |files: &[(String, Vec<u8>)]| {
        let tar =
            crate::tar::archive(files.iter().map(|(path, content)| (path.as_str(), content.as_slice())));
        Package::parse(tar, &LIMITS).err().map_or("accepted", |e| e.code())
    };
    let marker = r#"{"imageLayoutVersion":"1.0.0"}"#;
    assert_eq!(code(&good(marker)), "accepted");
    assert_eq!(code(&good(r#"{"imageLayoutVersion":"2.0.0"}"#)), "layout-version");
    assert_eq!(code(&good(r#"{"imageLayoutVersion":"1.0.0","more":1}"#)), "bad-json");
    assert_eq!(code(&[]), "not-tar");
    for without in ["oci-layout", "index.json"] {
        let files: Vec<_> = good(marker).into_iter().filter(|(path, _)| path != without).collect();
        assert_eq!(code(&files), "not-a-layout");
    }
    for stray in ["x", "blobs/sha256/x", "blobs/sha512/x", "blobs/x", "index.json/x"] {
        let mut files = good(marker);
        files.push((stray.into(), b"x".to_vec()));
        assert_eq!(code(&files), "stray-file", "{stray}");
    }
    let mut files = good(marker);
    files[0].1.push(b' ');
    assert_eq!(code(&files), "digest-mismatch");
    let mut files = good(marker);
    files.remove(0);
    assert_eq!(code(&files), "missing-blob");
}

#[test]
fn a_folder_is_read_like_an_archive_and_links_are_not_followed() {
    let folder = tempfile::tempdir().unwrap();
    let package = package();
    let tar = package.to_tar(&LIMITS).unwrap();
    tar::Archive::new(tar.as_slice()).unpack(folder.path()).unwrap();
    let read =
        |path: &Path| Layout::read_folder(path, &LIMITS).and_then(|l| Package::from_layout(&l, &LIMITS));
    assert_eq!(read(folder.path()).unwrap(), package);
    let size: u64 = 10;
    let small = Limits { archive: size, ..LIMITS };
    assert_eq!(Layout::read_folder(folder.path(), &small).unwrap_err().code(), "too-large");
    let few = Limits { entries: 3, ..LIMITS };
    assert_eq!(Layout::read_folder(folder.path(), &few).unwrap_err().code(), "too-many");
    let index = folder.path().join("index.json");
    std::fs::rename(&index, folder.path().join("elsewhere")).unwrap();
    assert_eq!(read(folder.path()).unwrap_err().code(), "stray-file");
    std::os::unix::fs::symlink("elsewhere", &index).unwrap();
    std::fs::rename(folder.path().join("elsewhere"), folder.path().join("oci-layout")).unwrap();
    assert_eq!(read(folder.path()).unwrap_err().code(), "not-a-file");
    assert_eq!(read(&folder.path().join("gone")).unwrap_err().code(), "unreadable");
}
