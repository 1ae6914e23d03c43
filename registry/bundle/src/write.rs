//! Making a package.

use std::collections::BTreeMap;

use bytes::Bytes;
use jiff::Timestamp;

use crate::attachment::Kind;
use crate::blob::Blob;
use crate::component::Component;
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::head::Head;
use crate::limits::Limits;
use crate::oci::{self, Config, Descriptor, Manifest, World};
use crate::package::Package;

/// Makes a package of a component that carries its manifest. The same input is the same package, byte for byte: there
/// is no clock, no random number and no order that is not that of the content.
#[derive(Debug)]
pub struct PackageWriter {
    component: Component,
    head: Head,
    documents: BTreeMap<Kind, Bytes>,
    created: Timestamp,
    limits: Limits,
}

impl PackageWriter {
    /// Starts with the component.
    ///
    /// # Errors
    /// When it is none, or carries no manifest.
    pub fn new(component: impl Into<Bytes>, limits: &Limits) -> Result<Self, BundleError> {
        let component = Component::parse(Blob::of(component), limits)?;
        let head = Head::parse(component.manifest())?;
        let (documents, created) = (BTreeMap::new(), Timestamp::UNIX_EPOCH);
        Ok(Self { component, head, documents, created, limits: *limits })
    }

    /// Says when it was made: `SOURCE_DATE_EPOCH`, where that is set. Without, the beginning of 1970: `wkg` reads no
    /// config without a time.
    #[must_use]
    pub fn created(self, created: Timestamp) -> Self {
        Self { created, ..self }
    }

    /// Adds a document, which becomes part of the content digest.
    ///
    /// # Errors
    /// When there is one of its kind already, and for what is no document: that is [attached](Package::attach) to what
    /// is finished.
    pub fn document(mut self, kind: Kind, content: impl Into<Bytes>) -> Result<Self, BundleError> {
        if kind.annotation().is_none() {
            return Err(BundleError::UnboundDocument(kind.word()));
        }
        match self.documents.insert(kind, content.into()) {
            None => Ok(self),
            Some(_) => Err(BundleError::DuplicateAttachment(kind.word())),
        }
    }

    /// The package.
    ///
    /// # Errors
    /// When something is larger than what is read.
    pub fn finish(self) -> Result<Package, BundleError> {
        let Self { component, head, documents, created, limits } = self;
        let world = World {
            exports: component.exports().to_vec(),
            imports: component.imports().to_vec(),
            target: None,
        };
        let config = Config {
            created: Some(created.to_string()),
            author: None,
            architecture: "wasm".to_owned(),
            os: "wasip2".to_owned(),
            layer_digests: vec![component.digest()],
            component: Some(world),
        };
        let config = oci::bytes("the config", &config)?;
        let text = [(oci::MANIFEST_TEXT.to_owned(), component.manifest().to_owned())];
        let title = [(oci::TITLE.to_owned(), format!("{}.wasm", head.short()))];
        let mut annotations = head.annotations();
        for (kind, content) in &documents {
            if let Some(key) = kind.annotation() {
                annotations.insert(key.to_owned(), ContentDigest::of(content).to_string());
            }
        }
        let manifest = Manifest {
            schema_version: 2,
            media_type: oci::MANIFEST.to_owned(),
            artifact_type: Some(oci::PLUGIN.to_owned()),
            config: Descriptor { annotations: Some(text.into()), ..Descriptor::of(oci::CONFIG, &config) },
            layers: vec![Descriptor {
                annotations: Some(title.into()),
                ..Descriptor::to(oci::COMPONENT, component.content())
            }],
            subject: None,
            annotations: Some(annotations),
        };
        let manifest = oci::bytes("the manifest", &manifest)?;
        Package::made(manifest, config, component, head, documents, &limits)
    }
}
