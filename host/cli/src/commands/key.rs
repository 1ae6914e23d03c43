//! `waystation key`: keys to sign with.

use std::path::{Path, PathBuf};

use secrecy::ExposeSecret as _;
use serde_json::json;
use waystation_sign::{Algorithm, Key as Made, PublicKey, Signer as _};

use crate::args::Global;
use crate::args::sign::{self, Key, KeyNew, Passphrase};
use crate::exit::{Failure, Outcome};
use crate::signing::{Asked, new_passphrase, public_key, refused};
use crate::{files, output};

pub(crate) fn run(global: &Global, command: &Key) -> Outcome {
    match command {
        Key::New(new) => make(global, new),
        Key::Show { file, passphrase } => show(global, file, passphrase),
    }
}

/// The file of the public key that goes with a private one.
pub(super) fn beside(key: &Path) -> PathBuf {
    let mut name = key.as_os_str().to_owned();
    name.push(".pub");
    name.into()
}

fn make(global: &Global, new: &KeyNew) -> Outcome {
    let passphrase = new_passphrase(&new.passphrase)?;
    let key = Made::generate(match new.algorithm {
        sign::Algorithm::P256 => Algorithm::P256,
        sign::Algorithm::Ed25519 => Algorithm::Ed25519,
    });
    let public = beside(&new.output);
    let mut made = files::New::default();
    let private = key.to_pem(passphrase.as_ref()).map_err(refused)?;
    made.write(&new.output, private.expose_secret().as_bytes(), 0o600)?;
    made.write(&public, key.public().to_pem().map_err(refused)?.as_bytes(), 0o644)?;
    made.keep();
    let (file, public) = (new.output.display().to_string(), public.display().to_string());
    let fingerprint = key.public().fingerprint();
    if global.json {
        return Ok(output::json(&json!({ "key": file, "public_key": public, "fingerprint": fingerprint }))?);
    }
    for (label, value) in [("key", file), ("public", public), ("print", fingerprint)] {
        output::line(format!("{label:<10}{value}"));
    }
    Ok(())
}

fn show(global: &Global, file: &Path, passphrase: &Passphrase) -> Outcome {
    let (kind, key) = match public_key(file) {
        Ok(key) => ("public", key),
        Err(e) if e.code == "public-key-malformed" => ("private", private(file, passphrase)?),
        Err(e) => return Err(e),
    };
    let pem = key.to_pem().map_err(refused)?;
    let algorithm = match key.algorithm() {
        Algorithm::P256 => "p256",
        Algorithm::Ed25519 => "ed25519",
    };
    if global.json {
        let shown = json!({
            "kind": kind, "algorithm": algorithm, "fingerprint": key.fingerprint(), "public_key": pem,
        });
        return Ok(output::json(&shown)?);
    }
    output::line(format!("{kind} key, {algorithm}"));
    output::line(key.fingerprint());
    output::line(pem.trim_end());
    Ok(())
}

fn private(file: &Path, passphrase: &Passphrase) -> Result<PublicKey, Failure> {
    Ok(Asked::new(passphrase).open(file, Made::from_pem)?.public().clone())
}
