//! Cases of verification, one JSON object a line: a bundle, a trusted root, what it is about, who is expected,
//! and whether it is to be accepted.
#![allow(clippy::print_stderr, reason = "says what was left out")]

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::rc::Rc;

use jiff::Timestamp;
use serde::Deserialize;
use serde_json::Value;
use waystation_verify::{
    Admits, CertificateRule, Code, Demand, Domain, Issuer, Pattern, Policy, Predicates, PublicKey, Refusal,
    Report, Request, Roots, Signer, Subject, TrustRoot, Verdict, Version, Who, check, verify,
};

/// One case. Paths are relative to the folder of the cases' own folder.
#[derive(Debug, Clone, Deserialize)]
pub struct Case {
    pub id: String,
    pub bundle: String,
    pub trusted_root: Option<String>,
    pub identity: Option<String>,
    pub issuer: Option<String>,
    pub artifact: Option<String>,
    pub digest: Option<String>,
    pub skip_tlog: Option<bool>,
    pub skip_sct: Option<bool>,
    pub key: Option<String>,
    /// A policy, or the path of one.
    pub policy: Option<Value>,
    pub expect: Expect,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Expect {
    Valid,
    Invalid,
}

/// What came of all cases.
#[derive(Debug, Default)]
pub struct Tally {
    pub cases: usize,
    pub wrong_accepts: Vec<String>,
    /// With the reason of the refusal.
    pub wrong_rejects: Vec<String>,
    /// How often each code refused a case that was to be refused.
    pub codes: BTreeMap<String, usize>,
}

/// Bundles of version 0.1 went without a proof until version 0.2 was there, in the summer of 2023.
const PROMISES_UNTIL: i64 = 1_690_848_000;
/// Nobody made bundles of version 0.1 any more.
const OLD_UNTIL: i64 = 1_704_067_200;

/// Runs cases, and reads each trusted root once.
pub struct Runner {
    folder: PathBuf,
    roots: BTreeMap<String, Rc<Result<TrustRoot, Refusal>>>,
}

impl Runner {
    pub fn new(folder: &Path) -> Self {
        Self { folder: folder.to_owned(), roots: BTreeMap::new() }
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, String> {
        std::fs::read(self.folder.join(path)).map_err(|e| format!("unreadable: {path}: {e}"))
    }

    fn root(&mut self, path: &str) -> Result<Rc<Result<TrustRoot, Refusal>>, String> {
        if let Some(root) = self.roots.get(path) {
            return Ok(Rc::clone(root));
        }
        let root = Rc::new(TrustRoot::parse(&self.read(path)?));
        self.roots.insert(path.to_owned(), Rc::clone(&root));
        Ok(root)
    }

    /// Whether a case is accepted; otherwise why not. What cannot be read is refused.
    pub fn run(&mut self, case: &Case) -> Result<(), String> {
        let bundle = self.read(&case.bundle)?;
        let subject = match (&case.artifact, &case.digest) {
            (Some(path), _) => Subject::of_bytes(self.read(path)?),
            (None, Some(digest)) => Subject::of_digest(digest).ok_or("digest: it does not parse")?,
            (None, None) => return Err("case: there is neither `artifact` nor `digest`".to_owned()),
        };
        if let Some(policy) = &case.policy {
            return self.by_policy(case, policy, &bundle, &subject);
        }
        let who = match &case.key {
            Some(path) => {
                let key =
                    PublicKey::from_pem(&String::from_utf8_lossy(&self.read(path)?)).map_err(|e| told(&e))?;
                Who::Key { key, not_before: None, not_after: None }
            }
            None => Who::Certificate(certificate(case).map_err(|e| told(&e))?),
        };
        let root = case.trusted_root.as_ref().map(|path| self.root(path)).transpose()?;
        let root = root.as_deref().map(Result::as_ref).transpose().map_err(told)?;
        let domain = domain(case);
        let signers = [Signer { name: "expected".to_owned(), who, revoked: false }];
        let admits = Admits { message: true, predicates: Predicates::Any, ..Admits::default() };
        let demand = Demand { signers: &signers, domain: &domain, admits: &admits, max_age: None };
        let Report { outcome, .. } = check(&bundle, &subject, &demand, root, Timestamp::now());
        outcome.map(|_| ()).map_err(|e| told(&e))
    }

    fn by_policy(&self, case: &Case, policy: &Value, bundle: &[u8], subject: &Subject) -> Result<(), String> {
        let policy = match policy {
            Value::String(path) => self.read(path)?,
            policy => policy.to_string().into_bytes(),
        };
        let policy = Policy::parse(&policy).map_err(|e| told(&e))?;
        let mut roots = Roots::default();
        if let Some(path) = &case.trusted_root {
            roots = TrustRoot::parse(&self.read(path)?).map_err(|e| told(&e))?.into();
        }
        let request = Request { subject, bundles: &[bundle] };
        match verify(&request, &policy, &roots, Timestamp::now()) {
            Verdict { admitted: true, .. } => Ok(()),
            Verdict { code, message, .. } => {
                Err(format!("{}: {message}", code.map(Code::as_str).unwrap_or_default()))
            }
        }
    }
}

fn told(refusal: &Refusal) -> String {
    format!("{}: {refusal}", refusal.code())
}

fn certificate(case: &Case) -> Result<CertificateRule, Refusal> {
    let issuer = case.issuer.clone().map_or(Issuer::Any, Issuer::Is);
    let Some(identity) = &case.identity else { return Ok(CertificateRule::anyone().issued_by(issuer)) };
    let rule = CertificateRule::new(vec![Pattern::exact(identity)?], issuer);
    Ok(rule.with_self_hosted(true).with_pull_requests(true))
}

fn domain(case: &Case) -> Domain {
    let skip_tlog = case.skip_tlog.unwrap_or(false);
    Domain {
        sct: usize::from(!case.skip_sct.unwrap_or(false)),
        tlog: usize::from(!skip_tlog),
        tsa: usize::from(skip_tlog),
        bundles: Version::ALL.to_vec(),
        promise_until: Timestamp::from_second(PROMISES_UNTIL).ok(),
        old_until: Timestamp::from_second(OLD_UNTIL).ok(),
        ..Domain::default()
    }
}

/// Runs every case of `FOLDER/cases/*.jsonl`.
pub fn run(folder: &Path) -> Result<Tally, String> {
    let cases = folder.join("cases");
    let entries = std::fs::read_dir(&cases).map_err(|e| format!("{}: {e}", cases.display()))?;
    let mut files: Vec<PathBuf> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    files.sort_unstable();
    let mut tally = Tally::default();
    let mut runner = Runner::new(folder);
    for file in files {
        let text = std::fs::read_to_string(&file).map_err(|e| format!("{}: {e}", file.display()))?;
        for (number, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
            let at = format!("{}:{}", file.display(), number + 1);
            let case: Case = serde_json::from_str(line).map_err(|e| format!("{at}: {e}"))?;
            tally.cases += 1;
            match (runner.run(&case), case.expect) {
                (Ok(()), Expect::Invalid) => tally.wrong_accepts.push(case.id),
                (Err(why), Expect::Valid) => tally.wrong_rejects.push(format!("{} ({why})", case.id)),
                (Err(why), Expect::Invalid) => {
                    let code = why.split(": ").next().unwrap_or_default().to_owned();
                    *tally.codes.entry(code).or_default() += 1;
                }
                (Ok(()), Expect::Valid) => {}
            }
        }
    }
    Ok(tally)
}
