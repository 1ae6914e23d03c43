//! Why a host does not start.

use std::net::SocketAddr;

use waystation_egress::EgressError;
use waystation_pki::PkiError;
use waystation_runtime::RuntimeError;
use waystation_store::StoreError;

use crate::config::Problem;
use crate::key_file::KeyFile;

/// See the module.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The data folder cannot be made, read or written.
    #[error("cannot use the data folder {path}: {message}")]
    DataFolder {
        /// The folder.
        path: String,
        /// What the system said.
        message: String,
    },
    /// The database does not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A secret that the configuration names cannot be read.
    #[error("{}", .0.message)]
    Secret(#[from] Box<Problem>),
    /// The plugin engine does not start.
    #[error(transparent)]
    Runtime(#[from] RuntimeError),
    /// Trust roots cannot be read.
    #[error(transparent)]
    Egress(#[from] EgressError),
    /// A certificate, key or list of the host's own cannot be used.
    #[error("cannot use {path}: {error}")]
    Pki {
        /// The file or folder, or the setting.
        path: String,
        /// Why not.
        error: PkiError,
    },
    /// A certificate or key cannot be read or written.
    #[error("cannot read or write {path}: {message}")]
    PkiFile {
        /// The file or folder.
        path: String,
        /// What the system said.
        message: String,
    },
    /// A key of the host's own cannot be read or made.
    #[error("cannot use the key of {} in {path}: {message}", .file.of)]
    Key {
        /// Which.
        file: KeyFile,
        /// The file.
        path: String,
        /// What is wrong.
        message: String,
    },
    /// The keys that tokens are signed with do not go together.
    #[error(transparent)]
    Identity(#[from] waystation_identity::IdentityError),
    /// A provider that users log in at cannot be asked.
    #[error("cannot use the provider `{name}`: {why}")]
    Provider {
        /// Which.
        name: String,
        /// Why not.
        why: String,
    },
    /// The address is not to be had.
    #[error("cannot listen on {address}: {message}; set another `server.listen`")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        message: String,
    },
}

impl StartError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::DataFolder { .. } => "data-folder",
            Self::Store(e) => e.code(),
            Self::Secret(_) => "secret-missing",
            Self::Runtime(e) => e.code(),
            Self::Egress(e) => e.code(),
            Self::Pki { error, .. } => error.code(),
            Self::PkiFile { .. } => "pki-file",
            Self::Key { file, .. } => file.name,
            Self::Identity(e) => e.code(),
            Self::Provider { .. } => "provider",
            Self::Listen { .. } => "listen",
        }
    }
}
