//! The trust policy of a host, with the files that it names: trusted roots, and the list of revocations.

use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use jiff::Timestamp;
use sha2::{Digest as _, Sha256};
use waystation_trust::{Evidence, Judgement, RevocationSource, Revocations, TrustError, TrustPolicy};
use waystation_verify::{MAX_BUNDLE, MAX_ROOT, Refusal, Roots, TrustRoot};

/// The largest policy, and the largest list of revocations, in bytes.
const MAX_FILE: usize = 4 << 20;

/// Whose plugins may run, with all that is needed to tell.
#[derive(Debug)]
pub struct Trust {
    policy: TrustPolicy,
    roots: Roots,
    revocations: Option<Revocations>,
    fingerprint: [u8; 32],
}

/// Why there is nothing to judge by. Whoever meets it runs no plugin.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TrustUnusable {
    /// A file cannot be read.
    #[error("{}: {source}", path.display())]
    Unreadable {
        /// Which.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A file is larger than any such file is.
    #[error("{} has more than {limit} bytes", path.display())]
    TooLarge {
        /// Which.
        path: PathBuf,
        /// The most, in bytes.
        limit: usize,
    },
    /// The policy or the list of revocations cannot be used.
    #[error("{}: {source}", path.display())]
    Policy {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: TrustError,
    },
    /// A trusted root cannot be used.
    #[error("{}: {source}", path.display())]
    Root {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: Refusal,
    },
}

impl TrustUnusable {
    /// The stable word for programs.
    #[must_use]
    pub const fn code(&self) -> &'static str {
        match self {
            Self::Unreadable { .. } => "trust-unreadable",
            Self::TooLarge { .. } => "trust-too-large",
            Self::Policy { source, .. } => source.code(),
            Self::Root { source, .. } => source.code().as_str(),
        }
    }
}

impl Trust {
    /// Reads a policy and everything that it names, from the policy's folder on. All of it can be used, or none is.
    ///
    /// `seen` is the highest number of a list of revocations that was seen before: none with a smaller one is taken.
    ///
    /// # Errors
    /// See [`TrustUnusable`].
    pub fn load(path: &Path, seen: u64, now: Timestamp) -> Result<Self, TrustUnusable> {
        let mut fingerprint = Sha256::new();
        let mut read = |path: &Path, limit| {
            let bytes = read(path, limit)?;
            fingerprint.update(Sha256::digest(&bytes));
            Ok(bytes)
        };
        let unusable = |path: &Path| {
            let path = path.to_owned();
            move |source| TrustUnusable::Policy { path, source }
        };
        let text = String::from_utf8(read(path, MAX_FILE)?)
            .map_err(|_| TrustError::Malformed { why: "it is not UTF-8".to_owned() })
            .map_err(unusable(path))?;
        let policy = TrustPolicy::parse(&text).map_err(unusable(path))?;
        let folder = path.parent().unwrap_or(Path::new(""));
        let mut roots = Roots::default();
        for root in policy.roots() {
            let file = folder.join(&root.path);
            let parsed = TrustRoot::parse(&read(&file, MAX_ROOT)?);
            let parsed = parsed.map_err(|source| TrustUnusable::Root { path: file, source })?;
            roots = roots.for_domain(root.domain.as_str(), parsed);
        }
        let revocations = policy.revocation_file().map(|listed| {
            let file = folder.join(listed);
            let list = read(&file, MAX_FILE)?;
            let signature = read(&beside(&file), MAX_BUNDLE)?;
            let source = RevocationSource { list: &list, signatures: &[&signature], seen };
            policy.revocations(&source, &roots, now).map_err(unusable(&file))
        });
        let revocations = revocations.transpose()?;
        Ok(Self { policy, roots, revocations, fingerprint: fingerprint.finalize().into() })
    }

    /// The policy.
    #[must_use]
    pub const fn policy(&self) -> &TrustPolicy {
        &self.policy
    }

    /// What is revoked, where the policy asks for a list.
    #[must_use]
    pub const fn revocations(&self) -> Option<&Revocations> {
        self.revocations.as_ref()
    }

    /// Whether two of them were read from the same bytes.
    #[must_use]
    pub fn same(one: Option<&Self>, other: Option<&Self>) -> bool {
        one.map(|trust| trust.fingerprint) == other.map(|trust| trust.fingerprint)
    }

    /// Holds a plugin against the policy.
    #[must_use]
    pub fn judge(&self, plugin: &Evidence, now: Timestamp) -> Judgement {
        self.policy.judge(plugin, &self.roots, self.revocations.as_ref(), now)
    }
}

/// The file of the signature over a file.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sigstore.json");
    name.into()
}

fn read(path: &Path, limit: usize) -> Result<Vec<u8>, TrustUnusable> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit as u64 + 1).read_to_end(&mut bytes))
        .map_err(|source| TrustUnusable::Unreadable { path: path.to_owned(), source })?;
    match bytes.len() > limit {
        true => Err(TrustUnusable::TooLarge { path: path.to_owned(), limit }),
        false => Ok(bytes),
    }
}
