//! The link with which the first user becomes owner: in a file that only the host's user reads, until it is used.

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret as _, SecretString};
use waystation_identity::LinkToken;
use waystation_store::{Store, StoreError};

use crate::api::origin::Origin;
use crate::host::Host;
use crate::tickets::default_tenant;

/// The name of the file in the data folder.
pub const LINK_FILE: &str = "owner-link";

/// A link that waits for an owner.
pub struct OwnerLink {
    token: SecretString,
    file: PathBuf,
}

impl OwnerLink {
    /// The end of the link, for the one who prints it to its owner.
    #[must_use]
    pub fn reveal(&self) -> &str {
        self.token.expose_secret()
    }

    /// Where it can be read.
    #[must_use]
    pub fn file(&self) -> &Path {
        &self.file
    }
}

/// Makes a link where there is no owner yet, in place of the one before; takes the file away where there is one.
///
/// # Errors
/// Those of the database, and of the file.
pub(crate) async fn first_link(
    store: &Store,
    data: &Path,
) -> Result<Result<Option<OwnerLink>, std::io::Error>, StoreError> {
    let file = data.join(LINK_FILE);
    let Some(tenant) = default_tenant() else { return Ok(Ok(None)) };
    if store.has_owner(&tenant).await? {
        return Ok(remove(&file).map(|()| None));
    }
    let token = LinkToken::generate();
    let caller = Origin::default().caller(tenant, "host".into(), "host");
    if store.make_owner_link(caller, token.clone()).await?.is_err() {
        return Ok(Ok(None));
    }
    let text = format!("{}\n", token.reveal());
    let written = waystation_files::replace(&file, text.as_bytes(), waystation_files::Access::Private);
    Ok(written.map(|()| Some(OwnerLink { token: token.reveal().to_owned().into(), file })))
}

/// Takes the file of a link away that was used.
fn remove(file: &Path) -> Result<(), std::io::Error> {
    match std::fs::remove_file(file) {
        Err(e) if e.kind() != ErrorKind::NotFound => Err(e),
        _ => Ok(()),
    }
}

/// Takes the link away that was used.
pub(crate) fn forget_link(host: &Host) {
    let file = host.config().server.data_dir.join(LINK_FILE);
    if let Err(e) = remove(&file) {
        tracing::warn!(file = %file.display(), error = %e, "the link is used up, and its file stays");
    }
}
