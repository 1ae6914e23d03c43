//! Keys on the command line.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use waystation_index::{Holders, Keys, Validity, With};
use waystation_sign::{Key, PublicKey, Signer};

use crate::args::{Roles, SignFor};
use crate::exit::Failure;
use crate::signing::{self, Asked};

/// All that can sign in one run.
pub(super) struct Ring<'a> {
    signers: Vec<Box<dyn Signer>>,
    passphrase: Asked<'a>,
}

impl<'a> Ring<'a> {
    pub(super) fn load(sign: &'a SignFor) -> Result<Self, Failure> {
        let mut passphrase = Asked::new(&sign.with.passphrase);
        Ok(Self { signers: signing::signers(&sign.with, &mut passphrase)?, passphrase })
    }

    /// The public key in a file. A private one signs from now on.
    fn public(&mut self, file: &Path) -> Result<PublicKey, Failure> {
        if signing::is_public(file)? {
            return signing::public_key(file);
        }
        let key = self.passphrase.open(file, Key::from_pem)?;
        let public = key.public().clone();
        self.signers.push(Box::new(key));
        Ok(public)
    }

    /// The keys of a role; none where no file is named.
    pub(super) fn holders(
        &mut self,
        files: &[PathBuf],
        threshold: usize,
    ) -> Result<Option<Holders>, Failure> {
        let keys = files.iter().map(|file| self.public(file)).collect::<Result<Vec<_>, _>>()?;
        Ok((!keys.is_empty()).then_some(Holders { keys, threshold }))
    }

    pub(super) fn roles(&mut self, roles: &Roles) -> Result<Keys, Failure> {
        Ok(Keys {
            root: self.holders(&roles.root_key, roles.root_threshold)?,
            targets: self.holders(&roles.targets_key, roles.targets_threshold)?,
            online: self.holders(&roles.online_key, 1)?,
        })
    }

    /// The same, where what is not said is signed for by the keys at hand.
    pub(super) fn all_roles(&mut self, roles: &Roles) -> Result<Keys, Failure> {
        let own: Vec<_> = self.signers.iter().map(|signer| signer.public().clone()).collect();
        let or = |threshold| (!own.is_empty()).then(|| Holders { keys: own.clone(), threshold });
        let keys = self.roles(roles)?;
        Ok(Keys {
            root: keys.root.or_else(|| or(roles.root_threshold)),
            targets: keys.targets.or_else(|| or(roles.targets_threshold)),
            online: keys.online.or_else(|| or(1)),
        })
    }

    pub(super) fn signers(&self) -> Vec<&dyn Signer> {
        self.signers.iter().map(AsRef::as_ref).collect()
    }
}

/// What a change is made with, now.
pub(super) fn with<'a>(signers: &'a [&'a dyn Signer], sign: &SignFor) -> With<'a> {
    let days = |days: u16| SignedDuration::from_hours(24 * i64::from(days));
    let validity =
        Validity { root: days(sign.days), targets: days(sign.days), online: days(sign.online_days) };
    With { signers, now: Timestamp::now(), validity }
}
