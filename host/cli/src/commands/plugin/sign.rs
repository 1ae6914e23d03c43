//! `waystation plugin sign`

use std::fs::File;
use std::path::Path;
use std::time::Duration;

use jiff::Timestamp;
use secrecy::SecretString;
use serde::Serialize;
use serde_json::json;
use waystation_bundle::{ContentDigest, Kind, Limits, Package, Statement};
use waystation_sign::{PublicKey, Signed, attest, is_signed_by};
use waystation_sigstore::{Http, IdentityToken, ServiceError, Services, SignIn, SigningConfig, Source};
use waystation_site::trusted_root;
use waystation_verify::{
    Admits, Demand, Domain, MAX_ROOT, Predicates, Report, Signer, Subject, TrustRoot, Who, check,
};

use super::pack;
use crate::args::Global;
use crate::args::sign::{Keyless, PluginSign, SignBy};
use crate::exit::{Exit, Failure, Outcome};
use crate::signing::{Clocks, Signing, http, refused, unserved};
use crate::{files, output};

const LIMITS: Limits = Limits::DEFAULT;
/// The longest signing configuration, and the longest token, in bytes.
const MAX_CONFIG: usize = 1 << 20;

/// How long somebody may take to sign in.
const PATIENCE: Duration = Duration::from_secs(300);

/// What was signed, for people and programs.
#[derive(Debug, Serialize)]
pub(super) struct About {
    /// The fingerprint of the key.
    key: String,
    /// Who got a certificate for it.
    #[serde(skip_serializing_if = "Option::is_none")]
    identity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    issuer: Option<String>,
    /// The digest of the Sigstore bundle.
    signature: String,
    signed_at: Vec<String>,
    /// Log and index.
    logged: Vec<String>,
    /// Whether the verification found it good.
    verified: bool,
}

pub(super) async fn run(global: &Global, args: &PluginSign) -> Outcome {
    let opened = File::open(&args.file).map_err(|e| files::io(&args.file, &e))?;
    let mut package = Package::open(opened, &LIMITS).map_err(pack::refused)?;
    let about = sign(&mut package, &args.by).await?;
    let file = args.output.as_ref().unwrap_or(&args.file);
    files::replace_with(file, |out| package.write_tar(out, &LIMITS).map_err(pack::refused))?;
    tell(global, &package, &about, file)
}

/// Signs a package, which then has one signature more.
pub(super) async fn sign(package: &mut Package, by: &SignBy) -> Result<About, Failure> {
    let statement =
        Statement::of(package).and_then(|statement| statement.to_json()).map_err(pack::refused)?;
    let (bundle, about) = match by.keyless.keyless {
        true => keyless(package, &statement, by).await?,
        false => with_key(package, &statement, by).await?,
    };
    package.attach(Kind::Signature, bundle, &LIMITS).map_err(pack::refused)?;
    Ok(about)
}

pub(super) fn tell(global: &Global, package: &Package, about: &About, file: &Path) -> Outcome {
    let head = package.head();
    if global.json {
        let mut told = serde_json::to_value(about)?;
        if let (Some(told), Some(more)) = (
            told.as_object_mut(),
            json!({
                "name": head.name, "version": head.version.to_string(), "digest": package.digest(),
                "file": file, "signatures": package.signatures().count(),
            })
            .as_object(),
        ) {
            told.extend(more.clone());
        }
        return Ok(output::json(&told)?);
    }
    let times = match about.signed_at.as_slice() {
        [] => "at no time that is known".to_owned(),
        times => times.join(", "),
    };
    for (label, value) in [
        ("name", Some(head.name.clone())),
        ("version", Some(head.version.to_string())),
        ("digest", Some(package.digest().to_string())),
        ("identity", about.identity.clone()),
        ("issuer", about.issuer.clone()),
        ("key", Some(about.key.clone())),
        ("signed", Some(times)),
        ("logged", Some(about.logged.join("; ")).filter(|logged| !logged.is_empty())),
        ("file", Some(file.display().to_string())),
    ] {
        if let Some(value) = value {
            output::line(format!("{label:<10}{value}"));
        }
    }
    if about.signed_at.is_empty() {
        output::note("it has no timestamp: no trust policy admits this signature");
    } else if !about.verified {
        output::note(
            "its timestamps were not verified: give --trusted-root with a root that knows who made them",
        );
    }
    Ok(())
}

async fn with_key(package: &Package, statement: &[u8], by: &SignBy) -> Result<(Vec<u8>, About), Failure> {
    let Signing { signer, clocks } = Signing::open(&by.with)?;
    let key = signer.public();
    if package.signatures().any(|there| is_signed_by(there, key)) {
        let message = format!("{} is signed with the key {} already", package.head().name, key.fingerprint());
        return Err(Failure::new(Exit::Failed, message).code("already-signed"));
    }
    let signed = clocks.stamp(attest(statement, &*signer).map_err(refused)?).await?;
    let bundle = signed.to_json().map_err(refused)?;
    let verified = verify_back(package, &bundle, &signed, key, &clocks, by.trusted_root.as_deref())?;
    let about = About {
        key: key.fingerprint(),
        identity: None,
        issuer: None,
        signature: ContentDigest::of(&bundle).to_string(),
        signed_at: signed.stamps().iter().map(|stamp| stamp.at().to_string()).collect(),
        logged: Vec::new(),
        verified,
    };
    Ok((bundle, about))
}

/// Whether the verification, which is other code, finds what was signed as it was meant; otherwise an error. Not, where
/// there is nothing to verify the time with.
fn verify_back(
    package: &Package,
    bundle: &[u8],
    signed: &Signed,
    key: &PublicKey,
    clocks: &Clocks,
    root: Option<&Path>,
) -> Result<bool, Failure> {
    let failed = |code: &str, why: String| {
        Failure::new(Exit::Failed, format!("the signature does not verify, and nothing was written: {why}"))
            .code(code)
    };
    let root = match root {
        Some(file) => self::root(file)?,
        None if signed.stamps().is_empty() || !clocks.urls.is_empty() => {
            return match is_signed_by(bundle, key) {
                true => Ok(false),
                false => Err(failed("signature-mismatch", "it is not one by its key".to_owned())),
            };
        }
        None => {
            let authorities: Vec<_> = clocks.authorities.iter().collect();
            let root = trusted_root(&authorities).map_err(refused)?;
            TrustRoot::parse(root.as_bytes()).map_err(|e| failed(e.code().as_str(), e.to_string()))?
        }
    };
    let key = waystation_verify::PublicKey::from_spki(key.spki().to_vec())
        .map_err(|e| failed(e.code().as_str(), e.to_string()))?;
    let who = Who::Key { key, not_before: None, not_after: None };
    let signers = [Signer { name: "the signer".to_owned(), who, revoked: false }];
    let domain = Domain { sct: 0, tlog: 0, tsa: signed.stamps().len().max(1), ..Domain::default() };
    let admits = Admits { predicates: Predicates::Any, ..Admits::default() };
    let demand = Demand { signers: &signers, domain: &domain, admits: &admits, max_age: None };
    let Report { outcome, .. } = check(bundle, &subject(package), &demand, Some(&root), Timestamp::now());
    outcome.map(|_| true).map_err(|e| failed(e.code().as_str(), e.to_string()))
}

async fn keyless(package: &Package, statement: &[u8], by: &SignBy) -> Result<(Vec<u8>, About), Failure> {
    let Keyless { signing_config, identity_token_file, sign_in, audience, .. } = &by.keyless;
    let (Some(config), Some(root)) = (signing_config, &by.trusted_root) else {
        return Err(Failure::new(Exit::Usage, "--keyless needs --signing-config and --trusted-root"));
    };
    let root = self::root(root)?;
    let config = SigningConfig::parse(&files::read(config, MAX_CONFIG)?).map_err(|e| {
        let failure = unserved(e);
        Failure { message: format!("{}: {}", config.display(), failure.message), ..failure }
    })?;
    let http = http(by.with.time.services_ca_file.as_deref())?;
    let token = match (identity_token_file, sign_in) {
        (Some(file), _) => {
            let given = Source::Given(SecretString::from(files::text(file, MAX_CONFIG)?));
            given.token(&http, audience).await
        }
        (None, true) => signed_in(&http, &config, audience).await,
        (None, false) => {
            let found = Source::of_environment(|name| std::env::var(name).ok()).map_err(unserved)?;
            found.token(&http, audience).await
        }
    };
    let token = token.map_err(unserved)?;
    let services = Services { http: &http, config: &config, now: Timestamp::now };
    let signed = services.attest(statement, &subject(package), &token, &root).await.map_err(unserved)?;
    let facts = signed.facts;
    let about = About {
        key: facts.key,
        identity: facts.identity.map(|identity| identity.value),
        issuer: facts.issuer,
        signature: ContentDigest::of(&signed.bundle).to_string(),
        signed_at: facts.times.iter().map(|time| time.at.to_string()).collect(),
        logged: facts.logs.iter().map(|log| format!("{}, entry {}", log.log, log.index)).collect(),
        verified: true,
    };
    Ok((signed.bundle, about))
}

/// A token of whoever signs in with a browser.
async fn signed_in(http: &Http, config: &SigningConfig, client: &str) -> Result<IdentityToken, ServiceError> {
    let begun = SignIn::begin(http, config.issuer(Timestamp::now())?, client).await?;
    output::note(format!("Sign in with a browser on this machine:\n{}", begun.url()));
    begun.finish(http, PATIENCE).await
}

/// What signatures of a package are over.
fn subject(package: &Package) -> Subject {
    Subject::of_bytes(package.manifest().to_vec())
}

fn root(file: &Path) -> Result<TrustRoot, Failure> {
    TrustRoot::parse(&files::read(file, MAX_ROOT)?)
        .map_err(|e| Failure::new(Exit::Failed, format!("{}: {e}", file.display())).code(e.code().as_str()))
}
