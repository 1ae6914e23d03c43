//! Why a package is refused.

use crate::digest::ContentDigest;

/// Why a package was not read or written. Nothing of it was run, and nothing was written to a disk.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The file, folder or stream cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(String),
    /// Larger than the limit of what it is.
    #[error("{what} has more than {limit} bytes, which is the most that is accepted")]
    TooLarge {
        /// What.
        what: String,
        /// The limit.
        limit: u64,
    },
    /// More of something than the limit.
    #[error("there are more than {limit} {what}, which is the most that is accepted")]
    TooMany {
        /// What, in the plural.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
    /// A compressed archive.
    #[error(
        "the archive is compressed ({0}), and none is unpacked: what it becomes could be any size; unpack it first"
    )]
    Compressed(&'static str),
    /// No archive at all.
    #[error("not a tar archive; name the .plugin.tar file that `waystation plugin build` wrote")]
    NotTar,
    /// A header that does not hold together.
    #[error("the archive is damaged at byte {offset}: {why}; fetch or build it again")]
    BadHeader {
        /// Where the header or its content starts.
        offset: usize,
        /// What is wrong.
        why: &'static str,
    },
    /// A link, device or pipe.
    #[error("`{0}` is a link, device or pipe; an archive holds plain files only")]
    NotAFile(String),
    /// An extended header, a long name or a sparse file.
    #[error(
        "`{0}` needs an extension of tar (PAX, GNU long name, sparse); no file of a package does: pack it with `--format=ustar`"
    )]
    TarExtension(String),
    /// A path that leads elsewhere, or has several spellings.
    #[error("the path `{path}` is refused: {why}")]
    BadPath {
        /// As it is written.
        path: String,
        /// What is wrong.
        why: &'static str,
    },
    /// The same path twice.
    #[error("`{0}` is there twice; which one counts would be a guess")]
    DuplicateEntry(String),
    /// It ends too early.
    #[error("it ends in the middle; fetch it again")]
    Truncated,
    /// Bytes after its end.
    #[error("there are bytes after the end of the archive")]
    TrailingData,
    /// A file that no OCI image layout has.
    #[error("`{0}` is no part of an OCI image layout")]
    StrayFile(String),
    /// No OCI image layout.
    #[error("not an OCI image layout: `{0}` is missing")]
    NotALayout(&'static str),
    /// A layout of another version.
    #[error("an OCI image layout of version `{0}`; this host reads 1.0.0")]
    LayoutVersion(String),
    /// Not JSON, or not the JSON it should be.
    #[error("{what}: {why}")]
    BadJson {
        /// Which document.
        what: String,
        /// What is wrong.
        why: String,
    },
    /// A key twice in one object.
    #[error("{what}: the key `{key}` is there twice; programs differ in which one they read")]
    DuplicateKey {
        /// Which document.
        what: String,
        /// The key.
        key: String,
    },
    /// Objects and arrays inside one another without end.
    #[error("{what}: nested more than {limit} deep")]
    TooDeep {
        /// Which document.
        what: String,
        /// The limit.
        limit: usize,
    },
    /// Another `schemaVersion` than 2.
    #[error("{what} has schemaVersion {found}; OCI has 2")]
    SchemaVersion {
        /// Which document.
        what: String,
        /// What it says.
        found: u64,
    },
    /// A media type that does not belong there.
    #[error("{what} has the media type `{found}`, which does not belong there")]
    MediaType {
        /// What.
        what: String,
        /// Its type.
        found: String,
    },
    /// Bytes that are not those of their name.
    #[error("the blob {named} has the digest {actual}: it was changed or damaged")]
    DigestMismatch {
        /// What it is called.
        named: ContentDigest,
        /// What it is.
        actual: ContentDigest,
    },
    /// Another size than was told.
    #[error("the blob {digest} has {actual} bytes, and its descriptor says {told}")]
    SizeMismatch {
        /// The blob.
        digest: ContentDigest,
        /// In the descriptor.
        told: u64,
        /// Of the blob.
        actual: u64,
    },
    /// Content embedded in a descriptor that is not that of its blob.
    #[error("the descriptor of {0} carries data that is not that blob")]
    DataMismatch(ContentDigest),
    /// Something is referred to that is not there.
    #[error("the blob {0} is missing; fetch the package again, with its referrers")]
    MissingBlob(ContentDigest),
    /// Something is there that nothing refers to.
    #[error("nothing refers to the blob {0}; a package holds nothing beside itself")]
    StrayBlob(ContentDigest),
    /// An index inside the index.
    #[error("the index lists another index; a package has one level")]
    NestedIndex,
    /// No plugin in it.
    #[error("there is no plugin in it: no manifest without a subject")]
    NoPlugin,
    /// Several plugins in it.
    #[error("there are {0} plugins in it; exactly one is accepted")]
    SeveralPlugins(usize),
    /// An artifact of another type.
    #[error("an artifact of type `{0}`, not a plugin")]
    NotAPlugin(String),
    /// No layer that is a component.
    #[error("there is no component in it: no layer of type `application/wasm`")]
    NoComponent,
    /// Several components.
    #[error("there are {0} components in it; exactly one is accepted")]
    SeveralComponents(usize),
    /// A layer that is no component.
    #[error(
        "a layer has the type `{0}`; a plugin has one layer, its component, and what else it has is attached to it"
    )]
    UnknownLayer(String),
    /// Not WebAssembly, or a core module.
    #[error("its layer is {0}, not a component")]
    NotAComponent(&'static str),
    /// A damaged component.
    #[error("the component is damaged or truncated: {0}; fetch or build it again")]
    MalformedComponent(String),
    /// No `plugin.toml` inside.
    #[error("the component carries no manifest; embed plugin.toml with `waystation plugin pack`")]
    NoManifest,
    /// Several `plugin.toml` inside.
    #[error("the component carries {0} manifests; exactly one is accepted")]
    SeveralManifests(usize),
    /// A `plugin.toml` that does not even say who it is.
    #[error("plugin.toml: {0}")]
    BadManifest(String),
    /// `plugin.toml` inside the component and beside it differ.
    #[error("plugin.toml inside the component is not the one that the artifact's config shows")]
    ManifestDiffers,
    /// The config says something else than the component.
    #[error("the artifact's config says another `{0}` than its component has")]
    ConfigDiffers(&'static str),
    /// An annotation says something else than `plugin.toml`.
    #[error("the annotation `{key}` says `{found}`, and plugin.toml says `{wanted}`")]
    AnnotationDiffers {
        /// The annotation.
        key: &'static str,
        /// What it says; nothing when it is missing.
        found: String,
        /// What it should say.
        wanted: String,
    },
    /// Attached to another artifact.
    #[error("the attachment {referrer} is of another artifact, {subject}")]
    ForeignReferrer {
        /// The attachment.
        referrer: ContentDigest,
        /// What it is attached to.
        subject: ContentDigest,
    },
    /// An attachment of a type that this host does not know.
    #[error("an attachment of type `{0}`, which no package has")]
    UnknownAttachment(String),
    /// The same document, trusted root or lock twice.
    #[error("there are several attachments `{0}`; one is accepted")]
    DuplicateAttachment(&'static str),
    /// A document that the plugin's manifest does not name.
    #[error(
        "the {0} that is attached is not the one that the plugin's manifest names: it was attached by somebody else"
    )]
    UnboundDocument(&'static str),
    /// A document that the plugin's manifest names, and that is not there.
    #[error("the {0} that the plugin's manifest names is not attached; copy the package with its referrers")]
    MissingDocument(&'static str),
}

impl BundleError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Unreadable(_) => "unreadable",
            Self::TooLarge { .. } => "too-large",
            Self::TooMany { .. } => "too-many",
            Self::Compressed(_) => "compressed",
            Self::NotTar => "not-tar",
            Self::BadHeader { .. } => "bad-header",
            Self::NotAFile(_) => "not-a-file",
            Self::TarExtension(_) => "tar-extension",
            Self::BadPath { .. } => "bad-path",
            Self::DuplicateEntry(_) => "duplicate-entry",
            Self::Truncated => "truncated",
            Self::TrailingData => "trailing-data",
            Self::StrayFile(_) => "stray-file",
            Self::NotALayout(_) => "not-a-layout",
            Self::LayoutVersion(_) => "layout-version",
            Self::BadJson { .. } => "bad-json",
            Self::DuplicateKey { .. } => "duplicate-key",
            Self::TooDeep { .. } => "too-deep",
            Self::SchemaVersion { .. } => "schema-version",
            Self::MediaType { .. } => "media-type",
            Self::DigestMismatch { .. } => "digest-mismatch",
            Self::SizeMismatch { .. } => "size-mismatch",
            Self::DataMismatch(_) => "data-mismatch",
            Self::MissingBlob(_) => "missing-blob",
            Self::StrayBlob(_) => "stray-blob",
            Self::NestedIndex => "nested-index",
            Self::NoPlugin => "no-plugin",
            Self::SeveralPlugins(_) => "several-plugins",
            Self::NotAPlugin(_) => "not-a-plugin",
            Self::NoComponent => "no-component",
            Self::SeveralComponents(_) => "several-components",
            Self::UnknownLayer(_) => "unknown-layer",
            Self::NotAComponent(_) => "not-a-component",
            Self::MalformedComponent(_) => "malformed",
            Self::NoManifest => "no-manifest",
            Self::SeveralManifests(_) => "several-manifests",
            Self::BadManifest(_) => "bad-manifest",
            Self::ManifestDiffers => "manifest-differs",
            Self::ConfigDiffers(_) => "config-differs",
            Self::AnnotationDiffers { .. } => "annotation-differs",
            Self::ForeignReferrer { .. } => "foreign-referrer",
            Self::UnknownAttachment(_) => "unknown-attachment",
            Self::DuplicateAttachment(_) => "duplicate-attachment",
            Self::UnboundDocument(_) => "unbound-document",
            Self::MissingDocument(_) => "missing-document",
        }
    }
}
