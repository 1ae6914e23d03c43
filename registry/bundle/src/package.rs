//! A plugin with all that came with it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::{Read, Write};

use bytes::Bytes;

use crate::attachment::{Attachment, Kind};
use crate::blob::Blob;
use crate::component::Component;
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::head::Head;
use crate::json;
use crate::layout::Layout;
use crate::limits::Limits;
use crate::oci::{self, Config, Descriptor, Index, Manifest};

/// A plugin: manifest, config and component, which agree with each other, and attachments, all of this very plugin.
///
/// Signatures are carried and not judged here: who may sign is somebody's decision, and so is what an unsigned plugin
/// may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    digest: ContentDigest,
    /// The bytes under that digest.
    manifest: Bytes,
    config: Bytes,
    component: Component,
    head: Head,
    /// In the order of their digests.
    attachments: BTreeMap<ContentDigest, Attachment>,
    /// Documents that the manifest names, and that did not come along.
    missing: Vec<Kind>,
}

impl Package {
    /// Reads an archive from a stream into memory.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn read(reader: impl Read, limits: &Limits) -> Result<Self, BundleError> {
        Self::from_layout(&Layout::read(reader, limits)?, limits)
    }

    /// Takes an archive apart that is in a file. Its component stays there, and is read when it is asked for.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn open(archive: File, limits: &Limits) -> Result<Self, BundleError> {
        Self::from_layout(&Layout::open(archive, limits)?, limits)
    }

    /// Takes an archive apart that is in memory.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn parse(archive: impl Into<Bytes>, limits: &Limits) -> Result<Self, BundleError> {
        Self::from_layout(&Layout::parse(archive, limits)?, limits)
    }

    /// The plugin of a layout, which holds it and nothing else.
    ///
    /// # Errors
    /// See [`BundleError`].
    pub fn from_layout(layout: &Layout, limits: &Limits) -> Result<Self, BundleError> {
        let used = Used::new(layout);
        let (mut plugins, mut attached) = (BTreeMap::new(), BTreeMap::new());
        for listed in &layout.index().manifests {
            if listed.media_type == oci::INDEX {
                return Err(BundleError::NestedIndex);
            }
            oci::media_type("an entry of index.json", &listed.media_type, oci::MANIFEST)?;
            let bytes = used.document("a manifest", listed, limits)?;
            let manifest = Manifest::parse("a manifest", &bytes, limits)?;
            if listed.artifact_type.as_deref().is_some_and(|told| told != manifest.kind()) {
                let found = listed.artifact_type.clone().unwrap_or_default();
                return Err(BundleError::MediaType { what: "an entry of index.json".into(), found });
            }
            let of = if manifest.subject.is_none() { &mut plugins } else { &mut attached };
            of.insert(listed.digest, (listed, bytes, manifest));
        }
        let several = plugins.len();
        let mut plugins = plugins.into_values();
        let (_, bytes, manifest) = match (plugins.next(), several) {
            (Some(plugin), 1) => plugin,
            (None, _) => return Err(BundleError::NoPlugin),
            (Some(_), several) => return Err(BundleError::SeveralPlugins(several)),
        };
        let mut package = Self::plugin(bytes, &manifest, &used, limits)?;
        for (referrer, (attachment, bytes, manifest)) in attached {
            let subject = manifest.subject.as_ref().map_or(referrer, |subject| subject.digest);
            if subject != package.digest {
                return Err(BundleError::ForeignReferrer { referrer, subject });
            }
            if let Some(subject) = &manifest.subject {
                oci::media_type("the subject of an attachment", &subject.media_type, oci::MANIFEST)?;
                subject.check(&Blob::of(package.manifest.clone()))?;
            }
            let blob = |descriptor: &Descriptor| used.blob(descriptor);
            let attachment = Attachment::read(attachment, &bytes, &manifest, blob, limits)?;
            package.admit(attachment, limits)?;
        }
        package.missing = package.documents(&manifest)?;
        used.all().map(|()| package)
    }

    /// The plugin alone.
    fn plugin(
        bytes: Bytes,
        manifest: &Manifest,
        used: &Used<'_>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        // What `wkg` and others write has no type but that of its config.
        let ours = manifest.kind() == oci::PLUGIN;
        if !ours && manifest.kind() != oci::CONFIG {
            return Err(BundleError::NotAPlugin(manifest.kind().to_owned()));
        }
        oci::media_type("the config", &manifest.config.media_type, oci::CONFIG)?;
        let components = manifest.layers.iter().filter(|layer| layer.media_type == oci::COMPONENT).count();
        let layer = match (manifest.layers.as_slice(), components) {
            (_, 0) => return Err(BundleError::NoComponent),
            ([layer], 1) => layer,
            (layers, 1) => {
                let other = layers.iter().find(|layer| layer.media_type != oci::COMPONENT);
                let other = other.map(|layer| layer.media_type.clone()).unwrap_or_default();
                return Err(BundleError::UnknownLayer(other));
            }
            (_, several) => return Err(BundleError::SeveralComponents(several)),
        };
        let config = used.document("the config", &manifest.config, limits)?;
        let component = Component::parse(used.blob(layer)?.clone(), limits)?;
        agree(&json::parse("the config", &config, limits)?, manifest, &component)?;
        let head = Head::parse(component.manifest())?;
        match manifest.config.annotation(oci::MANIFEST_TEXT) {
            Some(text) if text != component.manifest() => return Err(BundleError::ManifestDiffers),
            None if ours => return Err(BundleError::ManifestDiffers),
            _ => {}
        }
        if ours {
            head.check(manifest)?;
        }
        Ok(Self {
            digest: ContentDigest::of(&bytes),
            manifest: bytes,
            config,
            component,
            head,
            attachments: BTreeMap::new(),
            missing: Vec::new(),
        })
    }

    /// A plugin as it was just made.
    pub(crate) fn made(
        manifest: Bytes,
        config: Bytes,
        component: Component,
        head: Head,
        documents: BTreeMap<Kind, Bytes>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        let digest = ContentDigest::of(&manifest);
        let mut package = Self {
            digest,
            manifest,
            config,
            component,
            head,
            attachments: BTreeMap::new(),
            missing: Vec::new(),
        };
        for (kind, content) in documents {
            let attachment = Attachment::new(kind, content, &package.descriptor(), limits)?;
            package.admit(attachment, limits)?;
        }
        Ok(package)
    }

    /// Attaches a signature, a trusted root or a lock. The content digest stays.
    ///
    /// # Errors
    /// When there is one already, where there can be one; when there are too many, or it is too large; and for a
    /// document, which would be another plugin.
    pub fn attach(
        &mut self,
        kind: Kind,
        content: impl Into<Bytes>,
        limits: &Limits,
    ) -> Result<(), BundleError> {
        if kind.annotation().is_some() {
            return Err(BundleError::UnboundDocument(kind.word()));
        }
        let attachment = Attachment::new(kind, content.into(), &self.descriptor(), limits)?;
        self.admit(attachment, limits)
    }

    fn admit(&mut self, attachment: Attachment, limits: &Limits) -> Result<(), BundleError> {
        let kind = attachment.kind();
        let others = self.attached(kind).filter(|other| other.digest() != attachment.digest()).count();
        if kind != Kind::Signature && others > 0 {
            return Err(BundleError::DuplicateAttachment(kind.word()));
        }
        if others >= limits.signatures {
            return Err(BundleError::TooMany { what: "signatures", limit: limits.signatures });
        }
        self.attachments.insert(attachment.digest(), attachment);
        Ok(())
    }

    /// Documents are those that the manifest names and no others. Gives those that are not there.
    fn documents(&self, manifest: &Manifest) -> Result<Vec<Kind>, BundleError> {
        let mut missing = Vec::new();
        for kind in Kind::ALL {
            let Some(key) = kind.annotation() else { continue };
            let there = self.content(kind).map(|content| ContentDigest::of(content).to_string());
            match (manifest.annotation(key), there) {
                (None, None) => {}
                (Some(named), Some(there)) if named == there => {}
                (_, Some(_)) => return Err(BundleError::UnboundDocument(kind.word())),
                (Some(_), None) => missing.push(kind),
            }
        }
        Ok(missing)
    }

    /// Whether every document came along that the manifest names. Tools that copy images leave attachments behind; the
    /// plugin itself is whole without. What should have brought everything along, a registry, is held to it.
    ///
    /// # Errors
    /// [`BundleError::MissingDocument`] for the first that did not.
    pub fn complete(&self) -> Result<(), BundleError> {
        match self.missing.first() {
            Some(kind) => Err(BundleError::MissingDocument(kind.word())),
            None => Ok(()),
        }
    }

    /// Documents that the manifest names, and that did not come along.
    pub fn missing(&self) -> &[Kind] {
        &self.missing
    }

    /// The content digest: what the plugin is known, signed and pinned by.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// The bytes under that digest: what signatures are over.
    pub fn manifest(&self) -> &Bytes {
        &self.manifest
    }

    /// The artifact's config.
    pub fn config(&self) -> &Bytes {
        &self.config
    }

    /// The component, with `plugin.toml` inside.
    pub fn component(&self) -> &Component {
        &self.component
    }

    /// Who it is.
    pub fn head(&self) -> &Head {
        &self.head
    }

    /// Everything that is attached, in the order of digests.
    pub fn attachments(&self) -> impl Iterator<Item = &Attachment> {
        self.attachments.values()
    }

    /// What of this kind is attached.
    pub fn attached(&self, kind: Kind) -> impl Iterator<Item = &Attachment> {
        self.attachments().filter(move |attachment| attachment.kind() == kind)
    }

    /// The content of the attachment of a kind of which there is one at most.
    pub fn content(&self, kind: Kind) -> Option<&Bytes> {
        self.attached(kind).next().map(Attachment::content)
    }

    /// Sigstore bundles that are said to be over [`Package::manifest`].
    pub fn signatures(&self) -> impl Iterator<Item = &Bytes> {
        self.attached(Kind::Signature).map(Attachment::content)
    }

    /// How an index lists the plugin.
    pub fn descriptor(&self) -> Descriptor {
        Descriptor::of(oci::MANIFEST, &self.manifest)
    }

    /// Everything it consists of, as an OCI image layout.
    pub fn to_layout(&self) -> Layout {
        let version = [(oci::REF_NAME.to_owned(), self.head.tag())];
        let plugin = Descriptor { annotations: Some(version.into()), ..self.descriptor() };
        let attachments = self.attachments().map(Attachment::descriptor);
        let index = Index::new([plugin].into_iter().chain(attachments).collect());
        let empty = Bytes::from_static(oci::EMPTY_CONTENT);
        let attached = self.attachments().flat_map(|one| [one.manifest(), one.content(), &empty]);
        let small = [&self.manifest, &self.config].into_iter().chain(attached).cloned().map(Blob::of);
        Layout::trusted(index, small.chain([self.component.content().clone()]))
    }

    /// The same as one file: [`Head::file_name`] is what to call it.
    ///
    /// # Errors
    /// When it would be larger than what is read, or content cannot be read any more.
    pub fn to_tar(&self, limits: &Limits) -> Result<Vec<u8>, BundleError> {
        self.to_layout().to_tar(limits)
    }

    /// The same, written piece by piece. Gives how many bytes it has.
    ///
    /// # Errors
    /// As [`Package::to_tar`], and when it cannot be written.
    pub fn write_tar(&self, out: &mut impl Write, limits: &Limits) -> Result<u64, BundleError> {
        self.to_layout().write_tar(out, limits)
    }
}

/// Whether the config says what the manifest and the component say.
fn agree(config: &Config, manifest: &Manifest, component: &Component) -> Result<(), BundleError> {
    let differs = |field, same| if same { Ok(()) } else { Err(BundleError::ConfigDiffers(field)) };
    let sorted = |names: &[String]| {
        let mut names = names.to_vec();
        names.sort_unstable();
        names
    };
    differs("architecture", config.architecture == "wasm")?;
    differs("os", config.os == "wasip2")?;
    differs(
        "layerDigests",
        config.layer_digests.iter().eq(manifest.layers.iter().map(|layer| &layer.digest)),
    )?;
    let Some(world) = &config.component else { return differs("component", manifest.kind() != oci::PLUGIN) };
    differs("component.imports", sorted(&world.imports) == component.imports())?;
    differs("component.exports", sorted(&world.exports) == component.exports())
}

/// A layout, and what of it was used.
struct Used<'a> {
    layout: &'a Layout,
    digests: std::cell::RefCell<BTreeSet<ContentDigest>>,
}

impl<'a> Used<'a> {
    fn new(layout: &'a Layout) -> Self {
        Self { layout, digests: std::cell::RefCell::default() }
    }

    fn blob(&self, descriptor: &Descriptor) -> Result<&'a Blob, BundleError> {
        let blob = self.layout.blob(descriptor)?;
        self.digests.borrow_mut().insert(descriptor.digest);
        Ok(blob)
    }

    fn document(&self, what: &str, descriptor: &Descriptor, limits: &Limits) -> Result<Bytes, BundleError> {
        let document = self.layout.document(what, descriptor, limits)?;
        self.digests.borrow_mut().insert(descriptor.digest);
        Ok(document)
    }

    fn all(self) -> Result<(), BundleError> {
        let used = self.digests.into_inner();
        match self.layout.blobs().keys().find(|digest| !used.contains(digest)) {
            Some(stray) => Err(BundleError::StrayBlob(*stray)),
            None => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests;
