//! `waystation renew`: a new certificate for the same key, shown who asks by the one that there is.

use jiff::Timestamp;
use serde_json::json;
use url::Url;
use waystation_pki::Certificate;

use super::call::{Told, post};
use super::folder::{Folder, State};
use super::trust::{Own, Trust};
use super::{Given, crypto, secure};
use crate::args::{Global, RenewArgs};
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

pub(crate) async fn run(global: &Global, args: &RenewArgs) -> Outcome {
    let folder = Folder::open(&args.out)?;
    let state = folder.state()?;
    let base = match &args.host {
        Some(host) => host.clone(),
        None => Url::parse(&state.host)
            .map_err(|e| Failure::new(Exit::Failed, format!("agent.json: {e}")).code("bad-url"))?,
    };
    let base = secure(&base)?;
    let certificate = folder.text("cert.pem").map_err(|failure| {
        failure.code("not-enrolled").hint("an agent that has a key alone has no certificate to renew")
    })?;
    let ends = Certificate::read(certificate.as_bytes()).map_err(crypto)?.not_after();
    if let Some(within) = args.within
        && ends.duration_since(Timestamp::now()) > within
    {
        if global.json {
            return Ok(output::json(&json!({ "renewed": false, "expires_at": ends }))?);
        }
        output::note(format!("the certificate is good until {ends}; nothing to do"));
        return Ok(());
    }
    let trust = match Trust::of(&args.known)? {
        Trust::System => Trust::read(&state.trust, folder.path()),
        said => said,
    };
    let (pair, key) = (folder.key()?, folder.text("key.pem")?);
    let tls = trust.config(Some(Own { certificate: &certificate, key: &key }))?;
    let body = json!({ "csr": pair.request_pem().map_err(crypto)? });
    let told = post(&base, tls, &["api", "certs", "agent", "upgrade-cert"], &body).await?;
    if told.status != 200 {
        return Err(refused(&told));
    }
    let given: Given = told.read()?;
    let state = State {
        host: base.to_string(),
        label: given.label.clone(),
        serial: given.serial.clone(),
        expires_at: given.expires,
        trust: state.trust,
    };
    folder.keep(&state, &given)?;
    if global.json {
        let told = json!({ "renewed": true, "serial": given.serial, "expires_at": given.expires });
        return Ok(output::json(&told)?);
    }
    output::line(format!("{} has a new certificate", given.label));
    if let Some(expires) = given.expires {
        output::note(format!("it is good until {expires}; programs that have it open read it again"));
    }
    Ok(())
}

fn refused(told: &Told) -> Failure {
    let (exit, hint) = match told.status {
        401 | 403 | 404 => {
            (Exit::Unreachable, "it is not enrolled any more: enrol it again with a new invitation")
        }
        429 => (Exit::Failed, "renew less often: an hour has room for ten"),
        _ => (Exit::Failed, "look at the host's log"),
    };
    let message = format!("the host gave no new certificate: {}", told.message());
    Failure::new(exit, message).code(told.code()).hint(hint)
}
