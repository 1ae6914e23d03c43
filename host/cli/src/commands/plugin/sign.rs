//! `waystation plugin sign`

use std::fs::File;

use jiff::Timestamp;
use serde_json::json;
use waystation_bundle::{ContentDigest, Kind, Limits, Package, Statement};
use waystation_sign::{PublicKey, Signed, attest, is_signed_by};
use waystation_site::trusted_root;
use waystation_verify::{
    Admits, Demand, Domain, Facts, MAX_ROOT, Predicates, Report, Signer, Subject, TrustRoot, Who, check,
};

use super::pack;
use crate::args::Global;
use crate::args::sign::PluginSign;
use crate::exit::{Exit, Failure, Outcome};
use crate::signing::{Clocks, Signing, refused};
use crate::{files, output};

const LIMITS: Limits = Limits::DEFAULT;

pub(super) fn run(global: &Global, args: &PluginSign) -> Outcome {
    let mut package = read(args)?;
    let Signing { signer, clocks } = Signing::open(&args.with)?;
    let key = signer.public();
    if package.signatures().any(|there| is_signed_by(there, key)) {
        let message = format!("{} is signed with the key {} already", args.file.display(), key.fingerprint());
        return Err(Failure::new(Exit::Failed, message).code("already-signed"));
    }
    let statement =
        Statement::of(&package).and_then(|statement| statement.to_json()).map_err(pack::refused)?;
    let signed = clocks.stamp(attest(&statement, &*signer).map_err(refused)?)?;
    let bundle = signed.to_json().map_err(refused)?;
    let verified = verify_back(&package, &bundle, &signed, key, &clocks, args)?;
    package.attach(Kind::Signature, bundle.clone(), &LIMITS).map_err(pack::refused)?;
    let file = args.output.as_ref().unwrap_or(&args.file);
    files::replace(file, &package.to_tar(&LIMITS).map_err(pack::refused)?)?;
    let (head, times) = (package.head(), signed.stamps().iter().map(|stamp| stamp.at().to_string()));
    let (signature, times) = (ContentDigest::of(&bundle).to_string(), times.collect::<Vec<_>>());
    if global.json {
        return Ok(output::json(&json!({
            "name": head.name, "version": head.version.to_string(), "digest": package.digest(),
            "file": file, "key": key.fingerprint(), "signature": signature, "signed_at": times,
            "verified": verified.is_some(), "signatures": package.signatures().count(),
        }))?);
    }
    for (label, value) in [
        ("name", head.name.clone()),
        ("version", head.version.to_string()),
        ("digest", package.digest().to_string()),
        ("key", key.fingerprint()),
        ("signed", if times.is_empty() { "at no time that is known".to_owned() } else { times.join(", ") }),
        ("file", file.display().to_string()),
    ] {
        output::line(format!("{label:<10}{value}"));
    }
    if times.is_empty() {
        output::note("it has no timestamp: no trust policy admits this signature");
    }
    Ok(())
}

fn read(args: &PluginSign) -> Result<Package, Failure> {
    let opened = File::open(&args.file).map_err(|e| files::io(&args.file, &e))?;
    Package::read(opened, &LIMITS).map_err(pack::refused)
}

/// Whether the verification, which is other code, finds what was signed as it was meant. None where there is no time
/// to verify it with.
fn verify_back(
    package: &Package,
    bundle: &[u8],
    signed: &Signed,
    key: &PublicKey,
    clocks: &Clocks,
    args: &PluginSign,
) -> Result<Option<Facts>, Failure> {
    let failed = |code: &str, why: String| {
        Failure::new(Exit::Failed, format!("the signature does not verify, and nothing was written: {why}"))
            .code(code)
    };
    let root = match &args.trusted_root {
        Some(file) => files::read(file, MAX_ROOT)?,
        None => {
            let authorities: Vec<_> = clocks.authorities.iter().collect();
            trusted_root(&authorities).map_err(refused)?.into_bytes()
        }
    };
    if signed.stamps().is_empty() {
        return match is_signed_by(bundle, key) {
            true => Ok(None),
            false => Err(failed("signature-mismatch", "it is not one by its key".to_owned())),
        };
    }
    let root = TrustRoot::parse(&root)
        .map_err(|e| Failure::new(Exit::Failed, e.to_string()).code(e.code().as_str()))?;
    let key = waystation_verify::PublicKey::from_spki(key.spki().to_vec())
        .map_err(|e| failed(e.code().as_str(), e.to_string()))?;
    let who = Who::Key { key, not_before: None, not_after: None };
    let signers = [Signer { name: "the signer".to_owned(), who, revoked: false }];
    let domain = Domain { sct: 0, tlog: 0, tsa: signed.stamps().len(), ..Domain::default() };
    let admits = Admits { predicates: Predicates::Any, ..Admits::default() };
    let demand = Demand { signers: &signers, domain: &domain, admits: &admits, max_age: None };
    let subject = Subject::of_bytes(package.manifest().to_vec());
    let Report { outcome, .. } = check(bundle, &subject, &demand, Some(&root), Timestamp::now());
    outcome.map(Some).map_err(|e| failed(e.code().as_str(), e.to_string()))
}
