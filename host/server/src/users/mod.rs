//! What the host needs for users beside the database: keys, somebody who checks passwords, and the link with which the
//! first user becomes owner.

mod owner;
mod passwords;
mod rescue;

use jiff::Timestamp;
use waystation_core::id::{LoginId, UserId};
use waystation_core::name::TenantName;
use waystation_identity::{
    AccessGrant, AskedToken, Claims, IdentityError, MasterKeys, NoteSigner, NoteVerifier, Purpose,
    PurposeKind, Site, TotpSecret,
};
use waystation_store::users::{Lives, SealedTotp};

use crate::config::Config;
use crate::error::StartError;
use crate::key_file::{self, KeyFile};
use crate::oidc::Secrets;

pub use owner::{LINK_FILE, OwnerLink};
pub(crate) use owner::{first_link, forget_link};
pub(crate) use passwords::Passwords;
pub use rescue::{Rescued, rescue};

/// For whom access tokens are.
const SITE: Site<'static> = Site { issuer: "waystation", audience: "api" };

/// See the module.
pub(crate) struct Users {
    pub(crate) lives: Lives,
    pub(crate) token_life: std::time::Duration,
    pub(crate) passwords: Passwords,
    keys: MasterKeys,
}

impl Users {
    /// Reads the keys, or makes the first.
    pub(crate) fn open(config: &Config, now: Timestamp) -> Result<Self, StartError> {
        const KEY: KeyFile = KeyFile { name: "identity-key", of: "users" };
        let (own, data) = (&config.identity, &config.server.data_dir);
        let key = key_file::open(KEY, own.key_file.as_deref(), data)?;
        let old: Vec<_> = own
            .old_key_files
            .iter()
            .map(|file| key_file::open(KEY, Some(file), data))
            .collect::<Result<_, _>>()?;
        Ok(Self {
            lives: own.lives(),
            token_life: own.token_life.duration(),
            passwords: Passwords::new(own.password_checks),
            keys: MasterKeys::new(&key, &old, now)?,
        })
    }

    /// An access token of a login.
    ///
    /// # Errors
    /// When it cannot be written, which does not happen with names as they are.
    pub(crate) fn access(
        &self,
        tenant: TenantName,
        user: UserId,
        login: LoginId,
        now: Timestamp,
    ) -> Result<AccessGrant, IdentityError> {
        let id = waystation_core::id::AccessTokenId::new(now, &rand::random());
        let claims = Claims::new(id, (tenant, user, login), Purpose::Access, now);
        let token = self.keys.ring().sign(&SITE, &claims)?;
        Ok(AccessGrant { token: token.into(), expires_at: claims.expires_at })
    }

    /// What an access token says, if it is one and holds now. That its login goes on is for the database to say.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn claims(&self, token: &str, now: Timestamp) -> Result<Claims, IdentityError> {
        self.keys.ring().verify(&SITE, PurposeKind::Access, token, now)
    }

    /// What signs the head of the record.
    pub(crate) const fn notes(&self) -> &NoteSigner {
        self.keys.notes()
    }

    /// The keys that verify what this signs, that of today first.
    pub(crate) fn note_keys(&self) -> &[NoteVerifier] {
        self.keys.note_keys()
    }

    /// A second factor as it is kept.
    pub(crate) fn seal(&self, user: UserId, secret: &TotpSecret) -> Result<SealedTotp, IdentityError> {
        self.keys.seal(secret.reveal().as_bytes(), &place(user), rand::random()).map(SealedTotp)
    }

    /// What is needed again when somebody comes back from a provider, for this state only.
    pub(crate) fn seal_asked(&self, state: &AskedToken, secrets: &Secrets) -> Result<Vec<u8>, IdentityError> {
        let plain = serde_json::to_vec(secrets).map_err(|_| IdentityError::Sealed)?;
        self.keys.seal(&plain, &asked(state), rand::random())
    }

    /// The same, when they came.
    pub(crate) fn open_asked(&self, state: &AskedToken, sealed: &[u8]) -> Result<Secrets, IdentityError> {
        let plain = self.keys.open(sealed, &asked(state))?;
        serde_json::from_slice(&plain).map_err(|_| IdentityError::Sealed)
    }

    /// A second factor that was kept.
    pub(crate) fn unseal(&self, user: UserId, sealed: &SealedTotp) -> Result<TotpSecret, IdentityError> {
        let plain = self.keys.open(&sealed.0, &place(user))?;
        std::str::from_utf8(&plain).map_err(|_| IdentityError::Sealed)?.parse()
    }
}

fn asked(state: &AskedToken) -> String {
    format!("login at a provider {}", hex::encode(state.digest().as_bytes()))
}

fn place(user: UserId) -> String {
    format!("second factor of {user}")
}
