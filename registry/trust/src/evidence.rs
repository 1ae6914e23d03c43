//! What a judgement needs of a plugin.

use semver::Version;
use waystation_bundle::{ContentDigest, Package, Statement};

/// Who a plugin says it is, and who vouches for that: a few kilobytes, without the plugin's code, so that a host can
/// judge again what already runs.
#[derive(Debug, Clone)]
pub struct Evidence {
    pub(crate) digest: ContentDigest,
    pub(crate) name: String,
    pub(crate) version: Version,
    pub(crate) kind: String,
    /// What signatures are over.
    pub(crate) manifest: Vec<u8>,
    /// What is true of the plugin, or why nobody can tell.
    pub(crate) truth: Result<Statement, String>,
    pub(crate) signatures: Vec<Vec<u8>>,
}

impl Evidence {
    /// Copies what is needed, so that nothing of the package stays in memory for it.
    #[must_use]
    pub fn of(package: &Package) -> Self {
        let head = package.head();
        Self {
            digest: package.digest(),
            name: head.name.clone(),
            version: head.version.clone(),
            kind: head.kind.clone(),
            manifest: package.manifest().to_vec(),
            truth: Statement::of(package).map_err(|e| e.to_string()),
            signatures: package.signatures().map(|signature| signature.to_vec()).collect(),
        }
    }

    /// The content digest of the plugin.
    #[must_use]
    pub const fn digest(&self) -> ContentDigest {
        self.digest
    }
}
