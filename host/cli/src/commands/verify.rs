//! `waystation verify`: files in, a verdict out. No host is asked and nothing is fetched.

use std::fs::File;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

use jiff::Timestamp;
use waystation_verify::{
    Facts, MAX_BUNDLE, MAX_ROOT, Outcome as StepOutcome, Policy, Refusal, Request, Roots, Subject,
    SubjectHasher, Tried, TrustRoot, Verdict, verify,
};

use crate::args::{Global, Verify, VerifyBlob};
use crate::exit::{Exit, Failure, Outcome};
use crate::output;

/// The longest file that is kept in memory: some signatures need the whole file at once.
const MAX_KEPT: usize = 64 << 20;

pub(crate) fn run(global: &Global, command: &Verify) -> Outcome {
    match command {
        Verify::Blob(args) => blob(global, args),
    }
}

fn blob(global: &Global, args: &VerifyBlob) -> Outcome {
    let policy = Policy::parse(&read(&args.policy, MAX_ROOT)?).map_err(|e| refused(&args.policy, &e))?;
    let roots = roots(&args.trusted_root, &policy)?;
    let bundles = args.bundle.iter().map(|path| read(path, MAX_BUNDLE)).collect::<Result<Vec<_>, _>>()?;
    let bundles: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
    let subject = subject(args)?;
    let verdict =
        verify(&Request { subject: &subject, bundles: &bundles }, &policy, &roots, Timestamp::now());
    if global.json {
        output::json(&verdict)?;
    } else {
        if args.explain {
            steps(&verdict.tried);
        }
        if verdict.admitted {
            admitted(&verdict);
        }
    }
    if verdict.admitted {
        return Ok(());
    }
    let code = verdict.code.map_or("refused", |code| code.as_str());
    let failure = Failure::new(Exit::Failed, verdict.message).code(code);
    Err(match args.explain || global.json {
        true => failure,
        false => failure.hint("`--explain` shows each step"),
    })
}

/// A file of at most `most` bytes, and one more where it is longer.
fn read(path: &Path, most: usize) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    File::open(path)
        .and_then(|file| file.take(most as u64 + 1).read_to_end(&mut bytes))
        .map_err(|e| unreadable(path, &e))?;
    Ok(bytes)
}

fn unreadable(path: &Path, e: &std::io::Error) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {e}", path.display())).code("io")
}

fn refused(path: &Path, e: &Refusal) -> Failure {
    Failure::new(Exit::Failed, format!("{}: {e}", path.display())).code(e.code().as_str())
}

fn roots(given: &[String], policy: &Policy) -> Result<Roots, Failure> {
    let mut roots = Roots::default();
    let mut seen = Vec::new();
    for given in given {
        // A file may have `=` in its name: only a domain of the policy comes before one.
        let (domain, path) = match given.split_once('=') {
            Some((name, path)) if policy.domains().any(|domain| domain == name) => (Some(name), path),
            _ => (None, given.as_str()),
        };
        if seen.contains(&domain) {
            let what = domain.map_or_else(|| "all domains".to_owned(), |name| format!("the domain {name}"));
            return Err(Failure::new(Exit::Usage, format!("two trusted roots are given for {what}")));
        }
        seen.push(domain);
        let path = Path::new(path);
        let root = TrustRoot::parse(&read(path, MAX_ROOT)?).map_err(|e| refused(path, &e))?;
        roots = match domain {
            Some(name) => roots.for_domain(name, root),
            None => roots.for_all(root),
        };
    }
    Ok(roots)
}

fn subject(args: &VerifyBlob) -> Result<Subject, Failure> {
    if let Some(digest) = &args.digest {
        return Subject::of_digest(digest).ok_or_else(|| {
            Failure::new(Exit::Usage, format!("{digest:?} is not a digest"))
                .hint("give sha256: or sha512: and lower-case hex, as sha256:9f86d0…")
        });
    }
    let Some(path) = &args.file else {
        return Err(Failure::new(Exit::Usage, "a file or a digest is missing"));
    };
    let mut file = File::open(path).map_err(|e| unreadable(path, &e))?;
    let mut hasher = SubjectHasher::keeping(MAX_KEPT);
    let mut piece = vec![0; 64 << 10];
    loop {
        match file.read(&mut piece) {
            Ok(0) => return Ok(hasher.finish()),
            Ok(count) => hasher.update(piece.get(..count).unwrap_or_default()),
            Err(e) if e.kind() == ErrorKind::Interrupted => {}
            Err(e) => return Err(unreadable(path, &e)),
        }
    }
}

/// Prints how far each bundle got.
pub(super) fn steps(tried: &[Tried]) {
    for tried in tried {
        let digest: String = tried.bundle_sha256.chars().take(12).collect();
        output::line(format!("bundle {digest}… by {}, domain {}", tried.rule, tried.domain));
        for step in &tried.steps {
            let outcome = match step.outcome {
                StepOutcome::Passed => "passed",
                StepOutcome::Failed => "failed",
                StepOutcome::Skipped => "skipped",
            };
            output::line(format!(" {outcome:<8} {:<12} {}", step.step, step.detail));
        }
    }
}

fn admitted(verdict: &Verdict) {
    output::line(format!("admitted: {}", verdict.message));
    let row = |name: &str, value: &str| output::line(format!("  {name:<10}{value}"));
    row("rule", verdict.rule.as_deref().unwrap_or_default());
    row("digest", &verdict.subject);
    for Facts { identity, issuer, key, times, logs, predicate_type, .. } in &verdict.signatures {
        match identity {
            Some(identity) => row("identity", &identity.value),
            None => row("key", key),
        }
        if let Some(issuer) = issuer {
            row("issuer", issuer);
        }
        if let Some(predicate) = predicate_type {
            row("predicate", predicate);
        }
        for time in times {
            row("signed", &time.at.to_string());
        }
        for log in logs {
            row("logged", &format!("{}, entry {}", log.log, log.index));
        }
    }
}
