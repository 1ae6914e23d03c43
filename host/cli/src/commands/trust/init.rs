//! `waystation trust init`: all that a site needs to sign plugins and to believe them.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde_json::json;
use waystation_site::{New, SiteError, found};

use crate::args::Global;
use crate::args::sign::{TrustAddKey, TrustInit};
use crate::commands::key;
use crate::exit::{Exit, Failure, Outcome};
use crate::signing::{new_passphrase, public_key};
use crate::{files, output};

/// The longest policy that is edited, in bytes.
pub(super) const MAX_POLICY: usize = 1 << 20;

pub(super) fn run(global: &Global, args: &TrustInit) -> Outcome {
    let kinds = match args.kind.as_slice() {
        [] => ["update-source", "notifier"].map(str::to_owned).to_vec(),
        kinds => kinds.to_vec(),
    };
    // As one would type it.
    let path = |name: &str| match args.dir == Path::new(".") {
        true => PathBuf::from(name),
        false => args.dir.join(name),
    };
    let (key, root) = (path("signing.key"), path("trusted_root.json"));
    let (authority, policy) = (path("timestamps.key"), path("trust.toml"));
    let public = key::beside(&key);
    // Before anybody is asked for a passphrase.
    if let Some(there) = [&key, &public, &authority, &root, &policy].into_iter().find(|path| path.exists()) {
        let message = format!("{} is there already, and is not written over", there.display());
        return Err(Failure::new(Exit::Failed, message)
            .code("file-exists")
            .hint("`waystation trust add-key` adds a key to a policy that is there"));
    }
    let passphrase = new_passphrase(&args.passphrase)?;
    let new = New { namespace: &args.namespace, kinds: &kinds, now: Timestamp::now() };
    let made = found(&new, passphrase.as_ref()).map_err(refused)?;
    std::fs::create_dir_all(&args.dir).map_err(|e| files::io(&args.dir, &e))?;
    let mut files = files::New::default();
    files.write(&key, made.key.expose_secret().as_bytes(), 0o600)?;
    files.write(&public, made.public_pem.as_bytes(), 0o644)?;
    files.write(&authority, made.authority.expose_secret().as_bytes(), 0o600)?;
    files.write(&root, made.root.as_bytes(), 0o644)?;
    files.write(&policy, made.policy.as_bytes(), 0o644)?;
    files.keep();
    if global.json {
        return Ok(output::json(&json!({
            "key": key, "public_key": public, "timestamp_authority": authority, "trusted_root": root,
            "policy": policy, "fingerprint": made.public.fingerprint(),
        }))?);
    }
    for (path, what) in [
        (&key, "signs your plugins; keep it secret, and a copy elsewhere"),
        (&public, "the public key that goes with it"),
        (&authority, "tells when something was signed; keep it secret, best on another machine"),
        (&root, "believes that authority"),
        (&policy, "who may sign which plugins"),
    ] {
        output::line(format!("{:<32} {what}", path.display()));
    }
    output::line(format!("key {}", made.public.fingerprint()));
    output::note(format!(
        "\nNext:\n  waystation plugin sign FILE.plugin.tar --key {} --timestamp-authority {}\n  \
         waystation trust explain FILE.plugin.tar --policy {}",
        key.display(),
        authority.display(),
        policy.display()
    ));
    Ok(())
}

/// `waystation trust add-key`
pub(super) fn add_key(global: &Global, args: &TrustAddKey) -> Outcome {
    let key = public_key(&args.key)?;
    let text = files::text(&args.policy, MAX_POLICY)?;
    let changed = waystation_site::add_key(&text, &args.name, &key, &args.namespace, args.domain.as_deref())
        .map_err(refused)?;
    files::replace(&args.policy, changed.as_bytes())?;
    if global.json {
        return Ok(output::json(&json!({
            "policy": args.policy, "signer": args.name, "namespace": args.namespace,
            "fingerprint": key.fingerprint(),
        }))?);
    }
    output::line(format!(
        "{} may sign plugins of {}, by {}",
        args.name,
        args.namespace,
        args.policy.display()
    ));
    Ok(())
}

#[expect(clippy::needless_pass_by_value, reason = "for map_err")]
pub(super) fn refused(e: SiteError) -> Failure {
    let exit = match e {
        SiteError::BadName { .. } => Exit::Usage,
        _ => Exit::Failed,
    };
    Failure::new(exit, e.to_string()).code(e.code())
}
