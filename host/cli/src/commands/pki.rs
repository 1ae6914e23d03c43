//! `waystation pki`

use std::path::Path;

use jiff::Timestamp;
use serde_json::json;
use waystation_server::StartError;
use waystation_server::config::Config;
use waystation_server::pki::files as kept;

use crate::args::{Global, Pki};
use crate::client::Client;
use crate::exit::{Exit, Failure, Outcome};
use crate::{config, files, output};

/// Works on the files of the data folder, since an authority is made by whoever may read its key; what is revoked, the
/// host knows.
pub(crate) async fn run(global: &Global, pki: &Pki) -> Outcome {
    match pki {
        Pki::Crl { output } => crl(global, output.as_deref()).await,
        Pki::Show => authorities(global, false),
        Pki::Rotate => authorities(global, true),
    }
}

async fn crl(global: &Global, file: Option<&Path>) -> Outcome {
    let lists = Client::new(global)?.bytes(&["certificates", "crl"], &[("form", "pem")]).await?;
    match file {
        Some(file) => files::replace(file, &lists),
        None => {
            output::line(String::from_utf8_lossy(&lists).trim_end());
            Ok(())
        }
    }
}

fn authorities(global: &Global, rotate: bool) -> Outcome {
    let config = config::load(global)?;
    let now = Timestamp::now();
    let data = &config.server.data_dir;
    let authorities = match rotate {
        false => kept::existing(data, now),
        true => kept::rotate(data, &organization(&config)?, now).map(Some),
    };
    let Some(authorities) = authorities.map_err(failed)? else {
        let hint =
            "a host makes one when `server.tls` is enabled or `server.proxy.certificate_header` is set";
        return Err(Failure::new(Exit::NotFound, "this host has no authority of its own").hint(hint));
    };
    let bundle = kept::bundle(data);
    if global.json {
        let list: Vec<_> = authorities
            .trusted(now)
            .enumerate()
            .map(|(place, authority)| {
                json!({
                    "id": authority.id().to_string(),
                    "fingerprint": authority.certificate().fingerprint().to_string(),
                    "issues": place == 0,
                    "not_after": authority.not_after(),
                })
            })
            .collect();
        return Ok(output::json(&json!({ "authorities": list, "bundle": bundle }))?);
    }
    for (place, authority) in authorities.trusted(now).enumerate() {
        let role = if place == 0 { "issues" } else { "trusted" };
        output::line(format!(
            "{role:<8}until {}  sha256:{}",
            authority.not_after(),
            authority.certificate().fingerprint()
        ));
    }
    output::note(format!("All of them are in {}", bundle.display()));
    if rotate {
        output::note(
            "Give that file to proxies and agents, then restart the host: it issues with the new one then.",
        );
    }
    Ok(())
}

fn organization(config: &Config) -> Result<waystation_pki::Organization, Failure> {
    let organization = config.pki.organization.as_str().parse();
    organization
        .map_err(|e: waystation_pki::PkiError| Failure::new(Exit::Config, e.to_string()).code(e.code()))
}

#[expect(clippy::needless_pass_by_value, reason = "as errors are mapped")]
fn failed(e: StartError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}
