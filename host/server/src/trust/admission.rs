//! The one way from a file to something that can be loaded.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use jiff::Timestamp;
use parking_lot::RwLock;
use waystation_bundle::{ContentDigest, Limits, Package};
use waystation_oci::Store;
use waystation_runtime::{Bundle, Carried, LoadError};
use waystation_trust::Evidence;
use waystation_verify::Facts;

use super::dev;
use super::lock::{Lock, LockError, Locked, signer_name};
use super::material::{Trust, TrustUnusable};
use crate::config::{self, Config};
use crate::plugins::settings::pinned;

/// Decides which plugins get in.
#[derive(Debug)]
pub struct Admission {
    settings: config::Trust,
    /// Plugins that `waystation plugin sync` fetched.
    store: PathBuf,
    /// The highest number of a list of revocations that was seen.
    seen: AtomicU64,
    current: RwLock<Current>,
}

/// What was read last.
#[derive(Debug, Default)]
struct Current {
    /// The last one that could be used.
    trust: Option<Arc<Trust>>,
    /// Why there is no newer one: as long as this stands nothing new gets in.
    unusable: Option<Arc<TrustUnusable>>,
    lock: Option<Result<Arc<Lock>, LockError>>,
}

/// A plugin that may be loaded: the bytes that were judged, and how.
#[derive(Debug)]
pub struct Admitted {
    /// What to compile.
    pub bundle: Bundle,
    /// How it came to be admitted.
    pub standing: Standing,
    /// Something that whoever looks after the host should know.
    pub notice: Option<String>,
}

/// How a plugin came to be admitted.
#[derive(Debug, Clone)]
pub struct Standing {
    /// Verified, or not asked.
    pub trusted: Trusted,
    /// Who vouches, in a sentence.
    pub message: String,
    /// The signatures that counted.
    pub signatures: Vec<Facts>,
    /// What to judge it by again; none for what was not judged.
    pub evidence: Option<Arc<Evidence>>,
}

/// By which of the two ways a plugin got in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trusted {
    /// The trust policy admits it.
    Verified,
    /// Its file lies in a dev folder.
    Dev,
}

impl Trusted {
    /// The stable word.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Verified => "verified",
            Self::Dev => "dev",
        }
    }
}

impl Standing {
    /// Who vouches for it, as a lock calls them.
    #[must_use]
    pub fn signers(&self) -> Vec<String> {
        self.signatures.iter().map(signer_name).collect()
    }
}

impl Admission {
    /// Of a configuration; nothing is read yet. `seen` is as [`Trust::load`] has it.
    #[must_use]
    pub fn new(config: &Config, seen: u64) -> Self {
        Self {
            settings: config.trust.clone(),
            store: config.plugin_store(),
            seen: AtomicU64::new(seen),
            current: RwLock::default(),
        }
    }

    /// Reads the policy, what it names, and the lock again. A policy that cannot be used lets nothing new in; what
    /// runs is judged by the last one that could be used, whose list of revocations runs out by itself.
    pub fn refresh(&self, now: Timestamp) {
        let read = Trust::load(&self.settings.policy, self.seen(), now).map(Arc::new);
        let lock = Lock::read(&self.settings.lock).map(Arc::new);
        let mut current = self.current.write();
        current.lock = Some(lock);
        match read {
            Ok(trust) => {
                self.saw(trust.revocations().map_or(0, waystation_trust::Revocations::number));
                (current.trust, current.unusable) = (Some(trust), None);
            }
            Err(e) => current.unusable = Some(Arc::new(e)),
        }
    }

    /// The highest number of a list of revocations that was seen.
    #[must_use]
    pub fn seen(&self) -> u64 {
        self.seen.load(Ordering::Relaxed)
    }

    /// That a list of revocations with this number was seen, by whomever.
    pub fn saw(&self, number: u64) {
        self.seen.fetch_max(number, Ordering::Relaxed);
    }

    /// The last policy that could be used, and why there is no newer one.
    #[must_use]
    pub fn current(&self) -> (Option<Arc<Trust>>, Option<Arc<TrustUnusable>>) {
        let current = self.current.read();
        (current.trust.clone(), current.unusable.clone())
    }

    /// Folders whose plugins run without signatures.
    #[must_use]
    pub fn dev_folders(&self) -> &[PathBuf] {
        &self.settings.dev
    }

    /// When the list of revocations that counts runs out.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        Some(self.current.read().trust.as_ref()?.revocations()?.expires_at())
    }

    /// Whether a plugin's file lies in a dev folder.
    ///
    /// # Errors
    /// `dev-folder-writable`.
    pub fn is_dev(&self, plugin: &config::Plugin) -> Result<bool, LoadError> {
        match &plugin.file {
            Some(file) => dev::covers(&self.settings.dev, file).map(|covered| covered.is_some()),
            None => Ok(false),
        }
    }

    /// Takes the plugin `name` of the configuration from where it lies, and judges it. Reads files.
    ///
    /// # Errors
    /// [`LoadError::NotAdmitted`], and what is wrong with the file.
    pub fn admit(&self, name: &str, plugin: &config::Plugin, now: Timestamp) -> Result<Admitted, LoadError> {
        let file = plugin.file.as_deref();
        if let Some((folder, file)) = file.map_or(Ok(None), |file| dev::covers(&self.settings.dev, file))? {
            let message =
                format!("nobody was asked: {} is in the dev folder {}", file.display(), folder.display());
            let notice = format!(
                "runs without a verified signature, because {} is in the dev folder {}",
                file.display(),
                folder.display()
            );
            let bundle = Carried::read(&file)?.bundle()?;
            let standing =
                Standing { trusted: Trusted::Dev, message, signatures: Vec::new(), evidence: None };
            return Ok(Admitted { bundle, standing, notice: Some(notice) });
        }
        let locked = self.locked(name)?;
        let (package, notice) = self.find(name, plugin, locked.as_ref())?;
        let standing = self.vouched(&package, now)?;
        decided(name, plugin, locked.as_ref(), package.digest())?;
        Ok(Admitted { bundle: Bundle::from_package(&package)?, standing, notice })
    }

    /// Holds a plugin that was admitted before against what the policy says now.
    ///
    /// # Errors
    /// [`LoadError::NotAdmitted`], where it may not run any more.
    pub fn judge_again(&self, evidence: &Evidence, now: Timestamp) -> Result<(), LoadError> {
        let trust = self.current.read().trust.clone();
        match trust {
            Some(trust) => judge(&trust, evidence, now).map(drop),
            None => Ok(()),
        }
    }

    /// What is vouched for a package, whatever was decided on in the lock.
    ///
    /// # Errors
    /// [`LoadError::NotAdmitted`].
    pub fn vouched(&self, package: &Package, now: Timestamp) -> Result<Standing, LoadError> {
        let trust = self.trust()?;
        let evidence = Evidence::of(package);
        let (message, signatures) = judge(&trust, &evidence, now)?;
        Ok(Standing { trusted: Trusted::Verified, message, signatures, evidence: Some(Arc::new(evidence)) })
    }

    fn trust(&self) -> Result<Arc<Trust>, LoadError> {
        let current = self.current.read();
        match (&current.unusable, &current.trust) {
            (None, Some(trust)) => Ok(Arc::clone(trust)),
            (Some(e), _) => Err(LoadError::NotAdmitted { code: e.code(), message: hint(e) }),
            (None, None) => Err(LoadError::NotAdmitted {
                code: "trust-unreadable",
                message: "the trust policy was not read yet".to_owned(),
            }),
        }
    }

    fn locked(&self, name: &str) -> Result<Option<Locked>, LoadError> {
        match &self.current.read().lock {
            Some(Ok(lock)) => Ok(lock.plugins.get(name).cloned()),
            Some(Err(e)) => Err(LoadError::NotAdmitted { code: e.code(), message: e.to_string() }),
            None => Ok(None),
        }
    }

    /// The package that was decided on: in its file, or else in the store.
    fn find(
        &self,
        name: &str,
        plugin: &config::Plugin,
        locked: Option<&Locked>,
    ) -> Result<(Package, Option<String>), LoadError> {
        let wanted = wanted(plugin, locked);
        let stored = |digest| -> Result<Option<Package>, LoadError> {
            let failed = |e: waystation_oci::OciError| LoadError::NotAdmitted {
                code: e.code(),
                message: format!(
                    "the store of plugins: {e}; `waystation plugin sync --locked` fetches it again"
                ),
            };
            match self.store.is_dir() {
                true => {
                    Store::open(&self.store, &Limits::DEFAULT).and_then(|s| s.package(digest)).map_err(failed)
                }
                false => Ok(None),
            }
        };
        let in_file = match &plugin.file {
            Some(file) => match Carried::read(file) {
                Ok(Carried::Component(_)) => return Err(unsigned(file)),
                Ok(Carried::Package(package)) => Ok(*package),
                Err(e) => Err(e),
            },
            None => Err(not_here(name, wanted)),
        };
        let digest = match (wanted, &in_file) {
            (None, _) => return in_file.map(|package| (package, None)),
            (Some(wanted), Ok(package)) if package.digest() == wanted => {
                return in_file.map(|package| (package, None));
            }
            (Some(wanted), _) => wanted,
        };
        match (stored(digest)?, in_file) {
            (Some(package), Ok(other)) => {
                let notice = format!(
                    "its file holds {} {}, which was not decided on; {} {} serves. `waystation plugin sync` goes over to it",
                    other.head().name,
                    other.head().version,
                    package.head().name,
                    package.head().version
                );
                Ok((package, Some(notice)))
            }
            (Some(package), Err(e)) => {
                Ok((package, plugin.file.as_ref().map(|_| format!("{e}; the stored copy serves"))))
            }
            (None, Ok(other)) => {
                decided(name, plugin, locked, other.digest())?;
                Ok((other, None))
            }
            (None, Err(e)) => Err(e),
        }
    }
}

/// The digest that was decided on: by the configuration, or else by the lock.
fn wanted(plugin: &config::Plugin, locked: Option<&Locked>) -> Option<ContentDigest> {
    pinned(plugin).or_else(|| locked.map(|locked| locked.digest))
}

/// Whether somebody decided on this very content.
fn decided(
    name: &str,
    plugin: &config::Plugin,
    locked: Option<&Locked>,
    digest: ContentDigest,
) -> Result<(), LoadError> {
    match (pinned(plugin), locked) {
        (Some(pinned), _) if pinned == digest => Ok(()),
        (Some(pinned), _) => {
            Err(LoadError::DigestMismatch { pinned: pinned.to_string(), actual: digest.to_string() })
        }
        (None, Some(locked)) if locked.digest == digest => Ok(()),
        (None, Some(locked)) => Err(LoadError::NotAdmitted {
            code: "lock-mismatch",
            message: format!(
                "its digest is {digest}, and {} {} with {} was decided on; see what changes and decide with \
                 `waystation plugin sync`",
                locked.name, locked.version, locked.digest
            ),
        }),
        (None, None) => Err(not_locked(name)),
    }
}

fn judge(trust: &Trust, evidence: &Evidence, now: Timestamp) -> Result<(String, Vec<Facts>), LoadError> {
    let judgement = trust.judge(evidence, now);
    match judgement.reason {
        None => Ok((judgement.message, judgement.signatures)),
        Some(reason) => Err(LoadError::NotAdmitted {
            code: reason.code(),
            message: format!("{}: {}", judgement.state, judgement.message),
        }),
    }
}

fn not_here(name: &str, wanted: Option<ContentDigest>) -> LoadError {
    match wanted {
        Some(digest) => LoadError::NotAdmitted {
            code: "not-fetched",
            message: format!(
                "{digest} is not on this machine yet; `waystation plugin sync --locked` fetches it"
            ),
        },
        None => not_locked(name),
    }
}

fn not_locked(name: &str) -> LoadError {
    LoadError::NotAdmitted {
        code: "not-locked",
        message: format!(
            "nobody decided on a version of `{name}`; `waystation plugin sync` shows what there is and writes it into \
             the lock"
        ),
    }
}

fn unsigned(file: &Path) -> LoadError {
    LoadError::NotAdmitted {
        code: "unsigned",
        message: format!(
            "{} is a component alone, which nobody can have signed; use the .plugin.tar of `waystation plugin pack`, \
             signed with `waystation plugin sign`, or list its folder in `trust.dev` where you make plugins yourself",
            file.display()
        ),
    }
}

fn hint(e: &TrustUnusable) -> String {
    match e {
        TrustUnusable::Unreadable { source, .. } if source.kind() == ErrorKind::NotFound => {
            format!("nobody is trusted yet: {e}; `waystation trust init` begins a trust policy")
        }
        _ => e.to_string(),
    }
}
