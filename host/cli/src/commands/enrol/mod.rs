//! `waystation enrol`: this machine becomes an agent of a host. The key is made here and stays here.

mod call;
mod folder;
mod machine;
pub(crate) mod renew;
mod trust;

use std::io::Read as _;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Deserialize;
use serde_json::{Value, json};
use url::Url;
use waystation_identity::EnrolmentToken;
use waystation_pki::{AgentKeyPair, PkiError};

use crate::args::{EnrolArgs, Global};
use crate::exit::{Exit, Failure, Outcome};
use crate::output;
use call::Told;
use folder::{Folder, State};
use trust::Trust;

/// What the host gave.
#[derive(Deserialize)]
struct Given {
    label: String,
    cert: Option<String>,
    #[serde(rename = "caCert")]
    authorities: Option<String>,
    serial: Option<String>,
    #[serde(rename = "expiresAt")]
    expires: Option<Timestamp>,
    key: Option<String>,
}

/// What has to happen first.
#[derive(Deserialize)]
struct Waits {
    status: String,
    pending: String,
}

pub(crate) async fn run(global: &Global, args: &EnrolArgs) -> Outcome {
    let token = token(args.token.expose_secret())?;
    let base = secure(&args.host)?;
    let trust = Trust::of(&args.known)?;
    let folder = Folder::open(&args.out)?;
    if folder.is_enrolled() {
        let message = format!("{} holds an agent already", args.out.display());
        let hint = "renew its certificate with `waystation renew`, or name another folder with --out";
        return Err(Failure::new(Exit::Failed, message).code("already-enrolled").hint(hint));
    }
    let pair = match args.key_only {
        true => None,
        false => Some(folder.key()?),
    };
    let (uid, made_up) = folder.machine_uid()?;
    if made_up {
        output::note("this system has no identifier of its own, so the host may not know it again");
    }
    let csr = pair.as_ref().map(AgentKeyPair::request_pem).transpose().map_err(crypto)?;
    let mut body = json!({ "token": token.reveal(), "machine_id": uid, "key": args.key || args.key_only });
    if let Some(body) = body.as_object_mut() {
        for (name, value) in [("csr", &csr), ("label", &args.label)] {
            if let Some(value) = value {
                body.insert(name.to_owned(), value.as_str().into());
            }
        }
    }
    let tls = trust.config(None)?;
    let given = ask(&base, &tls, &body, Duration::try_from(args.wait).unwrap_or_default()).await?;
    let state = State {
        host: base.to_string(),
        label: given.label.clone(),
        serial: given.serial.clone(),
        expires_at: given.expires,
        trust: trust.kept(given.authorities.as_deref()),
    };
    folder.keep(&state, &given)?;
    if global.json {
        let told = json!({
            "label": given.label, "serial": given.serial, "expires_at": given.expires,
            "folder": args.out, "key": given.key.is_some(),
        });
        return Ok(output::json(&told)?);
    }
    output::line(format!("{} is enrolled", given.label));
    if let Some(expires) = given.expires {
        output::note(format!(
            "certificate and key are in {}; renew the certificate with `waystation renew --out {0}` before {expires}",
            args.out.display()
        ));
    }
    Ok(())
}

/// Asks until there is an answer that is final, or the time is over.
async fn ask(base: &Url, tls: &rustls::ClientConfig, body: &Value, wait: Duration) -> Result<Given, Failure> {
    let end = tokio::time::Instant::now() + wait;
    let mut told_of = None;
    loop {
        let told = call::post(base, tls.clone(), &["api", "enroll"], body).await?;
        let rest = end.saturating_duration_since(tokio::time::Instant::now());
        let pause = match told.status {
            200 | 201 => return told.read(),
            202 => {
                let waits: Waits = told.read()?;
                if rest.is_zero() {
                    return Err(pending(&waits));
                }
                if told_of.as_ref() != Some(&waits.pending) {
                    output::note(format!(
                        "{}; say yes with `waystation agent approve {}`",
                        why(&waits),
                        waits.pending
                    ));
                    told_of = Some(waits.pending);
                }
                told.later.unwrap_or(15)
            }
            429 if told.later.is_some_and(|seconds| Duration::from_secs(seconds) < rest) => {
                told.later.unwrap_or(15)
            }
            _ => return Err(refused(&told)),
        };
        tokio::time::sleep(Duration::from_secs(pause).min(rest)).await;
    }
}

fn why(waits: &Waits) -> &'static str {
    match waits.status.as_str() {
        "collision-pending" => "an agent of another name is on this machine, so a person has to confirm",
        _ => "a person has to confirm this enrolment",
    }
}

fn pending(waits: &Waits) -> Failure {
    let hint = format!(
        "ask for `waystation agent approve {}` on the host, then run the same command again",
        waits.pending
    );
    Failure::new(Exit::Failed, why(waits)).code(waits.status.clone()).hint(hint)
}

/// What to do about a refusal.
fn refused(told: &Told) -> Failure {
    let code = told.code();
    let hint = match code {
        "enrolment-unknown"
        | "enrolment-used"
        | "enrolment-expired"
        | "enrolment-stale"
        | "enrolment-timed-out" => "ask for a new invitation: `waystation agent invite`",
        "enrolment-other-label" => "leave --label out, or ask for an invitation for that label",
        "enrolment-taken" => {
            "revoke that agent first: `waystation agent revoke LABEL`; then ask for a new invitation"
        }
        "enrolment-rejected" => "ask whoever runs the host",
        "no-authority" => "ask for a key instead with --key-only, or let the host speak TLS",
        _ if told.status == 429 => "wait a minute, then run the same command again",
        _ if told.status == 400 => "give --label where the invitation leaves the label open",
        _ => "look at the host's log",
    };
    let exit = if matches!(told.status, 401 | 403) { Exit::Unreachable } else { Exit::Failed };
    Failure::new(exit, format!("the host did not enrol this machine: {}", told.message()))
        .code(code)
        .hint(hint)
}

fn token(argument: &str) -> Result<EnrolmentToken, Failure> {
    let text = match argument {
        "-" => {
            let mut text = String::new();
            std::io::stdin().lock().take(1_024).read_to_string(&mut text)?;
            text
        }
        given => given.to_owned(),
    };
    text.trim().parse().map_err(|_| {
        let hint = "copy the whole token from `waystation agent invite`: `wse_` and 64 digits";
        Failure::new(Exit::Usage, "this is no enrolment token").code("invalid-credential").hint(hint)
    })
}

/// A token goes nowhere in the clear, but to this machine.
fn secure(url: &Url) -> Result<Url, Failure> {
    let here = match url.host() {
        Some(url::Host::Domain(name)) => name == "localhost",
        Some(url::Host::Ipv4(address)) => address.is_loopback(),
        Some(url::Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => Ok(url.clone()),
        "http" if here => Ok(url.clone()),
        _ => {
            let hint = "give an address that begins with https://; the host's `server.tls` turns TLS on";
            Err(Failure::new(Exit::Usage, "the token would go over the network in the clear")
                .code("insecure-host")
                .hint(hint))
        }
    }
}

#[expect(clippy::needless_pass_by_value, reason = "as errors are mapped")]
fn crypto(e: PkiError) -> Failure {
    Failure::new(Exit::Failed, e.to_string()).code(e.code())
}

/// The key in PEM, for a file.
fn pem(pair: &AgentKeyPair) -> String {
    pair.to_pem().expose_secret().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_not_sent_in_the_clear() {
        for good in ["https://host.example", "http://localhost:7780", "http://127.0.0.1:1", "http://[::1]:1"]
        {
            assert!(secure(&good.parse().unwrap()).is_ok(), "{good}");
        }
        for bad in ["http://host.example", "http://10.0.0.1", "http://localhost.example", "ftp://localhost"] {
            assert_eq!(secure(&bad.parse().unwrap()).unwrap_err().code, "insecure-host", "{bad}");
        }
    }

    #[test]
    fn every_refusal_says_what_to_do_next() {
        for (status, code) in [
            (401, "enrolment-used"),
            (403, "enrolment-rejected"),
            (409, "enrolment-taken"),
            (409, "no-authority"),
            (429, ""),
            (400, ""),
            (500, ""),
        ] {
            let body = json!({ "error": "Text", "details": { "code": code } });
            let failure = refused(&Told { status, later: None, body });
            assert!(failure.hint.is_some() && failure.message.contains("Text"), "{status} {code}");
        }
    }
}
