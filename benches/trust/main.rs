//! What trust costs: the verification of one signature, beside the JavaScript client of Sigstore; and a start with a
//! hundred signed plugins, beside one with as many that nobody is asked about.

mod start;

use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use jiff::Timestamp;
use waystation_benches::{Case, Report, take_turns};
use waystation_lab as lab;
use waystation_verify::{Policy, Request, Roots, Subject, TrustRoot, verify};

/// Rounds over all cases of verification.
const ROUNDS: usize = 31;

/// Bundles of one kind: more than there are verified signatures that a thread remembers, so that none is verified by
/// remembering.
const BUNDLES: usize = 200;

fn main() -> Result<()> {
    let report = Report::new("trust", "verification");
    verification(&report)?;
    start::starts(&Report::new("trust", "start"))
}

/// Bundles with the files that they are over.
struct Bundles(Vec<(Vec<u8>, Vec<u8>)>);

impl Bundles {
    /// Each with another file and another certificate.
    fn new(like: &lab::Make) -> Self {
        let bundle = |n: usize| {
            let file = format!("file {n}").into_bytes();
            let leaf = (like.leaf.0 - n as i64, like.leaf.1);
            let make = lab::Make { file: Some(file.clone()), leaf, ..like.clone() };
            (file, lab::make(&make).to_string().into_bytes())
        };
        Self((0..BUNDLES).map(bundle).collect())
    }

    /// Verifies so many of them.
    fn verify(&self, policy: &Policy, roots: &Roots, count: u32) -> Result<Duration> {
        let began = Instant::now();
        for (file, bundle) in self.0.iter().cycle().take(count as usize) {
            let subject = Subject::of_bytes(file.clone());
            let request = Request { subject: &subject, bundles: &[bundle] };
            let verdict = verify(&request, policy, roots, Timestamp::now());
            ensure!(verdict.admitted, "{}", verdict.message);
        }
        Ok(began.elapsed())
    }

    /// Writes them for the peer.
    fn write(&self, folder: &Path) -> Result<()> {
        std::fs::create_dir(folder)?;
        std::fs::write(folder.join("root.json"), lab::root().to_string())?;
        let names: Vec<String> = (0..self.0.len()).map(|n| format!("case-{n}")).collect();
        for (name, (file, bundle)) in names.iter().zip(&self.0) {
            std::fs::write(folder.join(name), file)?;
            std::fs::write(folder.join(format!("{name}.json")), bundle)?;
        }
        Ok(std::fs::write(folder.join("cases.json"), serde_json::to_vec(&names)?)?)
    }
}

/// What the peer needs for so many of them.
fn peer(folder: &Path, count: u32) -> Result<Duration> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/trust/peer.mjs");
    let mut command = Command::new("node");
    command.arg(script).arg(folder).args([lab::IDENTITY, lab::ISSUER, &count.to_string()]);
    let output = command.output().context("there is no `node`; `cargo xtask bench` says what is needed")?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(Duration::from_nanos(String::from_utf8(output.stdout)?.trim().parse()?))
}

fn verification(report: &Report) -> Result<()> {
    let policy = format!(
        "version = 1\n[domains.one]\ntsa = 0\n[domains.two]\ntsa = 1\n\
         [signers.one]\nidentity = \"{id}\"\nissuer = \"{issuer}\"\ndomain = \"one\"\n\
         [signers.two]\nidentity = \"{id}\"\nissuer = \"{issuer}\"\ndomain = \"two\"\n\
         [[rules]]\nname = \"all\"\nany_of = [\"one\", \"two\"]\n",
        id = lab::IDENTITY,
        issuer = lab::ISSUER,
    );
    let policy = Policy::parse(policy.as_bytes()).map_err(|e| anyhow::anyhow!("{e}"))?;
    let root = || TrustRoot::parse(lab::root().to_string().as_bytes()).map_err(|e| anyhow::anyhow!("{e}"));
    let roots = Roots::default().for_domain("one", root()?).for_domain("two", root()?);
    let (first, second) = (Bundles::new(&lab::Make::default()), Bundles::new(&lab::second()));
    let folder = tempfile::tempdir()?;
    let (of_first, of_second) = (folder.path().join("first"), folder.path().join("second"));
    first.write(&of_first)?;
    second.write(&of_second)?;
    let cases = vec![
        Case::new("certificate, Rekor v1", |count| first.verify(&policy, &roots, count)),
        Case::new("certificate, Rekor v2, timestamp", |count| second.verify(&policy, &roots, count)),
        Case::new("JavaScript: certificate, Rekor v1", |count| peer(&of_first, count)),
        Case::new("JavaScript: certificate, Rekor v2, timestamp", |count| peer(&of_second, count)),
    ];
    let samples = take_turns(cases, ROUNDS)?;
    for case in ["certificate, Rekor v1", "certificate, Rekor v2, timestamp"] {
        report.case(&samples, case, Some(&format!("JavaScript: {case}")))?;
        report.case(&samples, &format!("JavaScript: {case}"), None)?;
    }
    Ok(())
}
