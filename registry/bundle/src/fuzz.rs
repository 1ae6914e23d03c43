//! What fuzzing calls: each function takes any bytes and panics where a promise of this crate is broken. It is part of
//! tests and of `fuzz/` only.

use bytes::Bytes;

use crate::archive::{self, Bounds};
use crate::blob::Blob;
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::oci::{self, Descriptor, Index};
use crate::package::Package;
use crate::tar;

const LIMITS: Limits = Limits::DEFAULT;

/// A file that is said to be a package.
pub fn package(data: &[u8]) {
    match Package::parse(data.to_vec(), &LIMITS) {
        Ok(package) => holds(&package),
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// A manifest whose component and config are sound.
pub fn artifact(data: &[u8]) {
    let manifest = Bytes::copy_from_slice(data);
    let (component, config) = sound();
    let index = Index::new(vec![Descriptor::of(oci::MANIFEST, &manifest)]);
    let blobs = [&manifest, &component, &config].map(|blob| Blob::of(blob.clone()));
    let Ok(layout) = Layout::of(index, blobs, &LIMITS) else { return };
    match Package::from_layout(&layout, &LIMITS) {
        Ok(package) => {
            assert_eq!((package.digest(), package.manifest()), (ContentDigest::of(data), &manifest));
            assert_eq!(package.component().content().bytes(), Ok(component));
            holds(&package);
        }
        Err(error) => assert!(!error.code().is_empty() && !error.to_string().is_empty()),
    }
}

/// An archive that comes piece by piece is what it is when all of it is there.
pub fn archive(data: &[u8]) {
    let bounds = Bounds { archive: LIMITS.archive, file: LIMITS.archive, entries: LIMITS.entries };
    let mut came = Vec::new();
    let read = archive::read(data, &bounds, |path, content| {
        came.push((path.to_owned(), content));
        Ok::<(), BundleError>(())
    });
    let there = tar::entries(&Bytes::copy_from_slice(data), &LIMITS);
    match (read, there) {
        (Ok(()), Ok(there)) => {
            let there: Vec<_> = there.into_iter().map(|entry| (entry.path, entry.content)).collect();
            assert_eq!(came, there);
            assert!(came.iter().all(|(path, _)| tar::check_path(path).is_ok()));
        }
        // A file that is larger than all of it may be is not waited for.
        (Err(read), Err(there)) => {
            assert!(read == there || matches!(read, BundleError::TooLarge { .. }), "{read} {there}");
        }
        (read, there) => assert!(read.is_ok() == there.is_ok(), "one reads it and the other does not"),
    }
}

/// What is true of every package that was read.
fn holds(package: &Package) {
    assert_eq!(package.digest(), ContentDigest::of(package.manifest()));
    let component = package.component().content().bytes();
    assert_eq!(component.map(|bytes| ContentDigest::of(&bytes)), Ok(package.component().digest()));
    let written = package.to_tar(&LIMITS);
    let again = written.as_ref().ok().map(|tar| Package::parse(tar.clone(), &LIMITS));
    assert!(again.is_some_and(|again| again.as_ref() == Ok(package)), "it is read back as it is written");
    assert_eq!(written, package.to_tar(&LIMITS));
}

/// A component that is empty but for its manifest, and the config of its package.
pub(crate) fn sound() -> (Bytes, Bytes) {
    const MANIFEST: &str =
        "name = \"a/b\"\nversion = \"1.0.0\"\nkind = \"update-source@0.1\"\nsummary = \"s\"\n";
    const NAME: &str = crate::MANIFEST_SECTION;
    // A section is its id, its length and its content; each of these lengths is one byte of LEB128.
    let length = 1 + NAME.len() + MANIFEST.len();
    assert!(length < 128);
    let length = u8::try_from(length).unwrap_or_default();
    let name = u8::try_from(NAME.len()).unwrap_or_default();
    let component =
        [b"\0asm\x0d\0\x01\0\0", &[length, name][..], NAME.as_bytes(), MANIFEST.as_bytes()].concat();
    let config = format!(
        "{{\"architecture\":\"wasm\",\"os\":\"wasip2\",\"layerDigests\":[\"{}\"],\"component\":\
         {{\"exports\":[],\"imports\":[]}}}}",
        ContentDigest::of(&component)
    );
    (component.into(), config.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Seeds, and inputs on which something was found before.
    #[test]
    fn seeds_of_fuzzing_hold() {
        waystation_seeds::hold(&[("package", package), ("artifact", artifact), ("archive", archive)]);
    }

    /// A seed that is refused at once leads nowhere.
    #[test]
    fn a_seed_of_each_target_is_accepted() {
        let seed = |path: &str| {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
            std::fs::read(folder.join(path)).unwrap()
        };
        Package::parse(seed("package/signed.plugin.tar"), &LIMITS).unwrap();
        let (component, config) = sound();
        let manifest = Bytes::from(seed("artifact/plain.json"));
        let index = Index::new(vec![Descriptor::of(oci::MANIFEST, &manifest)]);
        let blobs = [manifest, component, config].map(Blob::of);
        Package::from_layout(&Layout::of(index, blobs, &LIMITS).unwrap(), &LIMITS).unwrap();
    }
}
