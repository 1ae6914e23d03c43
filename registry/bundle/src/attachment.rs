//! What is attached to a plugin: an artifact of its own each, whose `subject` is the plugin's manifest.

use bytes::Bytes;

use crate::blob::Blob;
use crate::digest::ContentDigest;
use crate::error::BundleError;
use crate::limits::Limits;
use crate::oci::{self, Descriptor, Manifest};

/// The closed list of attachments.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// What the plugin is made of, as CycloneDX JSON.
    CycloneDx,
    /// The same as SPDX JSON.
    Spdx,
    /// What a person reads about it, Markdown.
    Readme,
    /// Its world, as WIT text.
    Wit,
    /// A signature: a Sigstore bundle of version 0.3.
    Signature,
    /// Keys and authorities to check signatures with, where there is no network.
    TrustedRoot,
    /// What a host had locked.
    Lock,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 7] = [
        Self::CycloneDx,
        Self::Spdx,
        Self::Readme,
        Self::Wit,
        Self::Signature,
        Self::TrustedRoot,
        Self::Lock,
    ];

    /// What people call it.
    pub const fn word(self) -> &'static str {
        match self {
            Self::CycloneDx => "cyclonedx",
            Self::Spdx => "spdx",
            Self::Readme => "readme",
            Self::Wit => "wit",
            Self::Signature => "signature",
            Self::TrustedRoot => "trusted-root",
            Self::Lock => "lock",
        }
    }

    /// The `artifactType` of the attachment.
    pub const fn artifact_type(self) -> &'static str {
        match self {
            Self::CycloneDx => "application/vnd.cyclonedx+json",
            Self::Spdx => "application/spdx+json",
            Self::Readme => "application/vnd.waystation.readme.v1",
            Self::Wit => "application/vnd.waystation.wit.v1",
            Self::Signature => "application/vnd.dev.sigstore.bundle.v0.3+json",
            Self::TrustedRoot => "application/vnd.waystation.trusted-root.v1",
            Self::Lock => "application/vnd.waystation.lock.v1",
        }
    }

    /// The type of its one layer.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::CycloneDx | Self::Spdx | Self::Signature => self.artifact_type(),
            Self::Readme => "text/markdown",
            Self::Wit => "text/plain",
            Self::TrustedRoot => "application/vnd.dev.sigstore.trustedroot+json;version=0.1",
            Self::Lock => "application/toml",
        }
    }

    /// The annotation of the plugin's manifest that names it by digest, for what is a document: it belongs to what the
    /// author released and is under the content digest.
    pub const fn annotation(self) -> Option<&'static str> {
        match self {
            Self::CycloneDx => Some("vnd.waystation.plugin.cyclonedx"),
            Self::Spdx => Some("vnd.waystation.plugin.spdx"),
            Self::Readme => Some("vnd.waystation.plugin.readme"),
            Self::Wit => Some("vnd.waystation.plugin.wit"),
            Self::Signature | Self::TrustedRoot | Self::Lock => None,
        }
    }

    /// The name of its file, for tools that write layers to files.
    const fn title(self) -> Option<&'static str> {
        match self {
            Self::CycloneDx => Some("sbom.cdx.json"),
            Self::Spdx => Some("sbom.spdx.json"),
            Self::Readme => Some("README.md"),
            Self::Wit => Some("plugin.wit"),
            Self::Signature | Self::TrustedRoot | Self::Lock => None,
        }
    }

    /// The kind of which this is the `artifactType`.
    pub fn of(artifact_type: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.artifact_type() == artifact_type)
    }

    pub(crate) fn limit(self, limits: &Limits) -> u64 {
        if self.annotation().is_some() { limits.document } else { limits.signature }
    }
}

/// One attachment, whose content is what its manifest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    kind: Kind,
    manifest: Bytes,
    digest: ContentDigest,
    content: Bytes,
}

impl Attachment {
    /// Attaches content to a plugin.
    pub(crate) fn new(
        kind: Kind,
        content: Bytes,
        subject: &Descriptor,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        bounded(kind, content.len() as u64, limits)?;
        let title = |title: &str| [(oci::TITLE.to_owned(), title.to_owned())].into();
        let layer = Descriptor {
            annotations: kind.title().map(title),
            ..Descriptor::of(kind.media_type(), &content)
        };
        let manifest = Manifest {
            schema_version: 2,
            media_type: oci::MANIFEST.to_owned(),
            artifact_type: Some(kind.artifact_type().to_owned()),
            config: Descriptor::of(oci::EMPTY, oci::EMPTY_CONTENT),
            layers: vec![layer],
            subject: Some(Descriptor::of_other(subject)),
            annotations: None,
        };
        let manifest = oci::bytes(kind.word(), &manifest)?;
        Ok(Self { kind, digest: ContentDigest::of(&manifest), manifest, content })
    }

    /// Reads one; `blob` gives the content of a descriptor.
    pub(crate) fn read<'a>(
        listed: &Descriptor,
        bytes: &Bytes,
        manifest: &Manifest,
        blob: impl Fn(&Descriptor) -> Result<&'a Blob, BundleError>,
        limits: &Limits,
    ) -> Result<Self, BundleError> {
        let kind = manifest.artifact_type.as_deref().and_then(Kind::of);
        let kind = kind.ok_or_else(|| BundleError::UnknownAttachment(manifest.kind().to_owned()))?;
        let what = || format!("the attachment `{}`", kind.word());
        oci::media_type(&what(), &manifest.config.media_type, oci::EMPTY)?;
        if blob(&manifest.config)?.digest() != ContentDigest::of(oci::EMPTY_CONTENT) {
            return Err(BundleError::BadJson { what: what(), why: "its config is not empty".into() });
        }
        let [layer] = manifest.layers.as_slice() else {
            let why = "it has one layer, its content, or it is none of a package".into();
            return Err(BundleError::BadJson { what: what(), why });
        };
        oci::media_type(&what(), &layer.media_type, kind.media_type())?;
        bounded(kind, layer.size, limits)?;
        let content = blob(layer)?.bytes()?;
        Ok(Self { kind, manifest: bytes.clone(), digest: listed.digest, content })
    }

    /// What it is.
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The digest of its manifest.
    pub fn digest(&self) -> ContentDigest {
        self.digest
    }

    /// Its manifest.
    pub fn manifest(&self) -> &Bytes {
        &self.manifest
    }

    /// Its content.
    pub fn content(&self) -> &Bytes {
        &self.content
    }

    /// How an index lists it.
    pub(crate) fn descriptor(&self) -> Descriptor {
        let artifact_type = Some(self.kind.artifact_type().to_owned());
        Descriptor { artifact_type, ..Descriptor::of(oci::MANIFEST, &self.manifest) }
    }
}

fn bounded(kind: Kind, size: u64, limits: &Limits) -> Result<(), BundleError> {
    let limit = kind.limit(limits);
    match size > limit {
        true => Err(BundleError::TooLarge { what: format!("the attachment `{}`", kind.word()), limit }),
        false => Ok(()),
    }
}
