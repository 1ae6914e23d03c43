//! A way back in for a user who has none: for whoever has the host's data folder and database, while it is stopped.

use std::path::PathBuf;

use jiff::Timestamp;
use waystation_core::name::UserName;
use waystation_core::user::UserRefusal;
use waystation_identity::LinkToken;
use waystation_store::Store;

use crate::api::origin::Origin;
use crate::config::Config;
use crate::error::StartError;
use crate::identity::Identity;
use crate::tickets::default_tenant;

/// The name of the file in the data folder.
const RESCUE_FILE: &str = "rescue-link";

/// A link that was made.
#[derive(Debug)]
pub struct Rescued {
    /// The file that holds it, which only the user of the host reads.
    pub file: PathBuf,
    /// Until when it can be used.
    pub expires_at: Timestamp,
}

/// Unlocks a user and makes a link with which they choose a password, without a host that runs. With `factor_off` they are
/// asked for no second factor any more.
///
/// # Errors
/// Why the database does not open or the file cannot be written: a SQLite database is held by the host while it runs. The
/// refusal is that of the user: there is none of that name, or it is a service.
pub async fn rescue(
    config: &Config,
    name: UserName,
    factor_off: bool,
) -> Result<Result<Rescued, UserRefusal>, StartError> {
    let data = &config.server.data_dir;
    let unusable = |e: std::io::Error| StartError::DataFolder {
        path: data.display().to_string(),
        message: e.to_string(),
    };
    let identity = Identity::open(data).map_err(unusable)?;
    let store = Store::open(&config.database_url()?.0.expose().parse()?, identity.id).await?;
    let Some(tenant) = default_tenant() else { return Ok(Err(UserRefusal::NoUser)) };
    let (token, file) =
        (LinkToken::generate(), std::path::absolute(data.join(RESCUE_FILE)).map_err(unusable)?);
    let caller = Origin::default().caller(tenant, "host".into(), "host");
    let made = store.rescue_user(caller, (token.clone(), name), factor_off).await?;
    store.close().await;
    match made {
        Err(refused) => Ok(Err(refused)),
        Ok(expires_at) => {
            let text = format!("{}\n", token.reveal());
            waystation_files::replace(&file, text.as_bytes(), waystation_files::Access::Private)
                .map_err(unusable)?;
            Ok(Ok(Rescued { file, expires_at }))
        }
    }
}
