//! How much a package may be.

/// Bounds on what is read. Every one is held before what it bounds is copied, hashed or parsed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of an archive, or of all files of a folder together.
    pub archive: u64,
    /// Entries of an archive, or files of a folder.
    pub entries: usize,
    /// Layers of one manifest.
    pub layers: usize,
    /// Bytes of one JSON document of OCI: index, manifest, config.
    pub json: u64,
    /// Objects and arrays inside one another in such a document.
    pub depth: usize,
    /// Annotations of one object.
    pub annotations: usize,
    /// Bytes of one section of a component, but for the modules and components that it is made of.
    pub section: u64,
    /// Bytes of `plugin.toml`.
    pub manifest: usize,
    /// Bytes of one document about a plugin.
    pub document: u64,
    /// Bytes of one signature, trusted root or lock.
    pub signature: u64,
    /// Signatures of one package.
    pub signatures: usize,
}

impl Limits {
    /// What a host applies.
    pub const DEFAULT: Self = Self {
        archive: 64 << 20,
        entries: 1_024,
        layers: 32,
        json: 1 << 20,
        depth: 16,
        annotations: 64,
        section: 16 << 20,
        manifest: 64 << 10,
        document: 16 << 20,
        signature: 4 << 20,
        signatures: 64,
    };
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
