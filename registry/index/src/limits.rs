//! How much an index may be.

/// Bounds on what is read. Every one is held before what it bounds is parsed or verified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Bytes of one `root.json`.
    pub root: u64,
    /// Bytes of `timestamp.json`.
    pub timestamp: u64,
    /// Bytes of `snapshot.json`.
    pub snapshot: u64,
    /// Bytes of one targets file, the top one or that of a namespace.
    pub targets: u64,
    /// Objects and arrays inside one another in any of them.
    pub depth: usize,
    /// Roots that are walked through from the pinned one on.
    pub rotations: u64,
    /// Keys of one file, and signatures on it.
    pub keys: usize,
    /// Namespaces that are signed for by others. They delegate to nobody.
    pub delegations: usize,
    /// Versions of plugins, all together.
    pub entries: usize,
    /// Bytes of what is said about one of them, as JSON.
    pub about: usize,
    /// Bytes of a plugin's version as text, since a file is called by it.
    pub version: usize,
    /// What a plugin may be.
    pub bundle: waystation_bundle::Limits,
    /// Bytes of a site in one file.
    pub archive: u64,
    /// Files in it.
    pub files: usize,
}

impl Limits {
    /// What a host applies.
    pub const DEFAULT: Self = Self {
        root: 256 << 10,
        timestamp: 16 << 10,
        snapshot: 1 << 20,
        targets: 8 << 20,
        depth: 16,
        rotations: 256,
        keys: 64,
        delegations: 256,
        entries: 20_000,
        about: 32 << 10,
        version: 128,
        bundle: waystation_bundle::Limits::DEFAULT,
        archive: 16 << 30,
        files: 32_768,
    };

    /// Those of one metadata file.
    pub(crate) const fn json(&self, bytes: u64) -> waystation_bundle::Limits {
        waystation_bundle::Limits { json: bytes, depth: self.depth, ..self.bundle }
    }
}

impl Default for Limits {
    fn default() -> Self {
        Self::DEFAULT
    }
}
