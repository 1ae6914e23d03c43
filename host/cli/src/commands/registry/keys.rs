//! Keys on the command line.

use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use secrecy::SecretString;
use waystation_index::{Holders, Keys, Validity, With};
use waystation_sign::{Command, Key, PublicKey, SignError, Signer};

use crate::args::{Roles, SignWith};
use crate::exit::{Exit, Failure};

/// All that can sign in one run.
#[derive(Default)]
pub(super) struct Ring {
    signers: Vec<Box<dyn Signer>>,
    passphrase: Option<SecretString>,
}

impl Ring {
    pub(super) fn load(with: &SignWith) -> Result<Self, Failure> {
        let passphrase = with.passphrase_file.as_deref().map(text).transpose()?;
        let passphrase = passphrase.map(|text| SecretString::from(text.trim_end_matches(['\r', '\n'])));
        let mut this = Self { signers: Vec::new(), passphrase };
        for file in &with.key {
            let key =
                Key::from_pem(&text(file)?.into(), this.passphrase.as_ref()).map_err(|e| of(file, &e))?;
            this.signers.push(Box::new(key));
        }
        if let (Some(program), Some(file)) = (&with.sign_command, &with.command_key) {
            let public = PublicKey::from_pem(&text(file)?).map_err(|e| of(file, &e))?;
            this.signers.push(Box::new(Command::new(program.clone(), Vec::new(), public)));
        }
        Ok(this)
    }

    /// The public key in a file. A private one signs from now on.
    fn public(&mut self, file: &Path) -> Result<PublicKey, Failure> {
        let text = text(file)?;
        if text.contains("-----BEGIN PUBLIC KEY-----") {
            return PublicKey::from_pem(&text).map_err(|e| of(file, &e));
        }
        let key = Key::from_pem(&text.into(), self.passphrase.as_ref()).map_err(|e| of(file, &e))?;
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
pub(super) fn with<'a>(signers: &'a [&'a dyn Signer], sign: &SignWith) -> With<'a> {
    let days = |days: u16| SignedDuration::from_hours(24 * i64::from(days));
    let validity =
        Validity { root: days(sign.days), targets: days(sign.days), online: days(sign.online_days) };
    With { signers, now: Timestamp::now(), validity }
}

fn text(file: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(file)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code("io"))
}

fn of(file: &Path, e: &SignError) -> Failure {
    let failure = Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code(e.code());
    match e {
        SignError::PassphraseNeeded => failure.hint("give --passphrase-file"),
        _ => failure,
    }
}
