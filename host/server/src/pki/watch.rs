//! What is looked at again while the host runs: its certificate, and the file of revoked serials.

use std::time::Duration;

use jiff::Timestamp;
use tokio_util::sync::CancellationToken;

use super::Pki;
use crate::error::StartError;
use crate::host::Host;

/// How often.
const LOOK: Duration = Duration::from_secs(5);

/// Looks until the host stops. What cannot be used leaves all as it is. The same trouble is told once.
pub(crate) async fn watch(host: Host, stop: CancellationToken) {
    let mut told: [Option<String>; 2] = [None, None];
    while stop.run_until_cancelled(tokio::time::sleep(LOOK)).await.is_some() {
        let looks = [certificate(host.pki()), host.pki().revoked().look(host.pki().identities().trust())];
        let about = ["the certificate of the listener", "the list of revoked serials"];
        for ((looked, told), about) in looks.into_iter().zip(&mut told).zip(about) {
            match looked {
                Ok(changed) => {
                    *told = None;
                    if changed {
                        tracing::info!("{about} was replaced");
                    }
                }
                Err(error) => {
                    let said = error.to_string();
                    if told.as_ref() != Some(&said) {
                        tracing::error!(code = error.code(), %error, "{about} stays as it is");
                        *told = Some(said);
                    }
                }
            }
        }
    }
}

fn certificate(pki: &Pki) -> Result<bool, StartError> {
    match (pki.door(), pki.authorities()) {
        (Some(door), Some(authorities)) => door.look(authorities, Timestamp::now()),
        _ => Ok(false),
    }
}
