//! `waystation trust revoke`: the list of what is withdrawn, continued and signed anew.

use std::path::{Path, PathBuf};

use jiff::Timestamp;
use serde_json::json;
use waystation_bundle::ContentDigest;
use waystation_server::trust::Trust as Loaded;
use waystation_sign::sign_file;
use waystation_site::{List, Revoked, name_revocations, signer_of};

use super::init::{MAX_POLICY, refused};
use crate::args::Global;
use crate::args::sign::{Renew, TrustRevoke};
use crate::exit::{Exit, Failure, Outcome};
use crate::signing::{self, Signing, public_key};
use crate::{files, output};

/// The longest list that is continued, in bytes.
const MAX_LIST: usize = 4 << 20;
/// What the list is called where the policy names none yet.
const FILE: &str = "revocations.json";

pub(super) async fn run(global: &Global, command: &TrustRevoke) -> Outcome {
    match command {
        TrustRevoke::Renew(by) => next(global, by, None).await,
        TrustRevoke::Digest { digest, by } => {
            let revoked = Revoked::Digest(self::digest(digest)?);
            next(global, &by.by, Some((&revoked, &by.why))).await
        }
        TrustRevoke::Key { revoked, since, by } => {
            let fingerprint = match revoked.parse() {
                Ok(fingerprint) => fingerprint,
                Err(_) => digest(&public_key(Path::new(revoked))?.fingerprint())?,
            };
            let revoked = Revoked::Key { fingerprint, since: *since };
            next(global, &by.by, Some((&revoked, &by.why))).await
        }
        TrustRevoke::Identity { identity, issuer, since, by } => {
            let (identity, issuer) = (identity.clone(), issuer.clone());
            let revoked = Revoked::Identity { identity, issuer, since: *since };
            next(global, &by.by, Some((&revoked, &by.why))).await
        }
    }
}

fn digest(text: &str) -> Result<ContentDigest, Failure> {
    text.parse().map_err(|_| {
        Failure::new(Exit::Usage, format!("{text:?} is not a digest"))
            .hint("give sha256: and lower-case hex, as sha256:9f86d0…")
    })
}

/// Makes, signs and writes the next list, and has the policy ask for it.
async fn next(global: &Global, by: &Renew, revoked: Option<(&Revoked, &str)>) -> Outcome {
    let text = files::text(&by.policy, MAX_POLICY)?;
    let Signing { signer, clocks } = Signing::open(&by.with)?;
    let name = signer_of(&text, signer.public()).map_err(refused)?;
    let (policy, file) = name_revocations(&text, FILE, &name).map_err(refused)?;
    let list = by.policy.parent().unwrap_or(Path::new("")).join(file);
    let mut next = match std::fs::exists(&list) {
        Ok(true) => List::parse(&files::read(&list, MAX_LIST)?).map_err(refused)?,
        Ok(false) => List::first(),
        Err(e) => return Err(files::io(&list, &e)),
    };
    if let Some((revoked, why)) = revoked {
        next.revoke(revoked, why).map_err(refused)?;
    }
    let (number, bytes) = next.issue(Timestamp::now(), by.days, by.number).map_err(refused)?;
    let signed = clocks.stamp(sign_file(&bytes, &*signer).map_err(signing::refused)?).await?;
    let signature = signed.to_json().map_err(signing::refused)?;
    let undo = Undo::of([&beside(&list), &list, &by.policy])?;
    files::replace(&beside(&list), &signature)?;
    files::replace(&list, &bytes)?;
    if policy != text {
        files::replace(&by.policy, policy.as_bytes())?;
    }
    // What nobody would believe must not be what every host meets: then nothing would run.
    let loaded = Loaded::load(&by.policy, 0, Timestamp::now()).map_err(|e| {
        undo.undo();
        let message = format!("the new list would not be believed, and was taken back: {e}");
        let failure = Failure::new(Exit::Failed, message).code(e.code());
        match e.code() {
            "revocations-untrusted" => failure.hint(
                "`any_of` under `[revocations]` names who may sign it, and its domain who tells the time",
            ),
            _ => failure,
        }
    })?;
    let until = loaded.revocations().map(|list| list.expires_at().to_string()).unwrap_or_default();
    if global.json {
        return Ok(output::json(&json!({
            "file": list, "number": number, "expires_at": until, "signer": name, "policy": by.policy,
        }))?);
    }
    output::line(format!("{}: number {number}, signed by {name}, good until {until}", list.display()));
    output::note("Take it to every host that has this policy, with the signature beside it.");
    Ok(())
}

/// The file of the signature over a file.
fn beside(file: &Path) -> PathBuf {
    let mut name = file.as_os_str().to_owned();
    name.push(".sigstore.json");
    name.into()
}

/// Files as they were.
struct Undo(Vec<(PathBuf, Option<Vec<u8>>)>);

impl Undo {
    fn of(paths: [&Path; 3]) -> Result<Self, Failure> {
        let content = |path: &Path| match std::fs::read(path) {
            Ok(content) => Ok((path.to_owned(), Some(content))),
            Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok((path.to_owned(), None)),
            Err(e) => Err(files::io(path, &e)),
        };
        paths.into_iter().map(content).collect::<Result<_, _>>().map(Self)
    }

    fn undo(&self) {
        for (path, content) in &self.0 {
            let _ = match content {
                Some(content) => files::replace(path, content),
                None => std::fs::remove_file(path).map_err(|e| files::io(path, &e)),
            };
        }
    }
}
