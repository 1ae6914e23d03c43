//! The first key, authority, root and policy of a site.

use std::fmt;

use jiff::Timestamp;
use secrecy::SecretString;
use waystation_bundle::is_label;
use waystation_sign::{Algorithm, Authority, Key, PublicKey, Signer as _};
use waystation_trust::TrustPolicy;

use crate::error::SiteError;
use crate::root::trusted_root;

/// What a policy calls the file of its trusted root.
const ROOT_FILE: &str = "trusted_root.json";

/// A site that is to be.
#[derive(Debug, Clone, Copy)]
pub struct New<'a> {
    /// The namespace of its plugins.
    pub namespace: &'a str,
    /// The worlds of its plugins.
    pub kinds: &'a [String],
    /// From when on its authority tells the time.
    pub now: Timestamp,
}

/// What was made: the contents of files.
pub struct Made {
    /// The signing key, PEM.
    pub key: SecretString,
    /// The public key that goes with it.
    pub public: PublicKey,
    /// The same, PEM.
    pub public_pem: String,
    /// The timestamp authority, PEM.
    pub authority: SecretString,
    /// `trusted_root.json`.
    pub root: String,
    /// `trust.toml`, which names the root by that file name.
    pub policy: String,
}

impl fmt::Debug for Made {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Made").field("public", &self.public.fingerprint()).finish_non_exhaustive()
    }
}

/// Makes all that it takes to sign plugins of one namespace and to verify them. Both private keys are encrypted where
/// there is a passphrase.
///
/// # Errors
/// `bad-name`, and those of keys.
pub fn found(new: &New<'_>, passphrase: Option<&SecretString>) -> Result<Made, SiteError> {
    let New { namespace, kinds, now } = *new;
    label("a namespace", namespace)?;
    for kind in kinds {
        label("a kind of plugins", kind)?;
    }
    let key = Key::generate(Algorithm::P256);
    let authority = Authority::generate(&format!("{namespace} timestamps"), now)?;
    let public_pem = key.public().to_pem()?;
    let kinds: Vec<_> = kinds.iter().map(|kind| format!("\"{kind}\"")).collect();
    let policy = format!(
        "# Whose plugins may run here.\nversion = 1\n\n\
         # Signatures with keys of ours, dated by our own timestamp authority.\n\
         [domains.default]\nroot = \"{ROOT_FILE}\"\nsct = 0\ntlog = 0\ntsa = 1\n\n\
         [signers.{namespace}]\nkey = \"\"\"\n{public_pem}\"\"\"\n\n\
         [[namespaces]]\nname = \"{namespace}\"\nkinds = [{}]\nany_of = [\"{namespace}\"]\n",
        kinds.join(", ")
    );
    TrustPolicy::parse(&policy)?;
    Ok(Made {
        key: key.to_pem(passphrase)?,
        public: key.public().clone(),
        public_pem,
        authority: authority.to_pem(passphrase)?,
        root: trusted_root(&[&authority])?,
        policy,
    })
}

/// Names are those of namespaces: none can do anything to the file that they are written into.
pub(crate) fn label(what: &'static str, name: &str) -> Result<(), SiteError> {
    match is_label(name) {
        true => Ok(()),
        false => Err(SiteError::BadName { what, name: name.to_owned() }),
    }
}
