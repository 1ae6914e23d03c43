//! One signature: whether this bundle shows that one of these signers signed this subject, and everything it shows
//! beside.
//!
//! The steps are those of the Sigstore client specification, with what the engine leaves open closed around it.
//! Rules about how many signers there must be are one level up, in [`verify`](crate::verify()).

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use crate::bundle::{self, Bundle, Content, Entry, Kind, Version};
use crate::candidate::{Candidate, candidates, told};
use crate::domain::Domain;
use crate::engine::{self, Authority, Required};
use crate::entry::{self, Verifier};
use crate::error::{Code, Refusal};
use crate::facts::{Facts, LogEntry, Outcome, STEPS, Source, Step, Steps, Time};
use crate::key::PublicKey;
use crate::root::{Log, TrustRoot};
use crate::signer::Signer;
use crate::statement::{Admits, Statement};
use crate::subject::Subject;
use crate::timestamp;

/// What is asked of a signature.
#[derive(Debug, Clone, Copy)]
pub struct Demand<'a> {
    /// Who may have made it.
    pub signers: &'a [Signer],
    /// The evidence it needs.
    pub domain: &'a Domain,
    /// What may be signed.
    pub admits: &'a Admits,
    /// How old it may be.
    pub max_age: Option<SignedDuration>,
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Report {
    /// What the signature shows, or why it is refused.
    pub outcome: Result<Facts, Refusal>,
    /// Every step, in order.
    pub steps: Vec<Step>,
}

/// Verifies one bundle. `now` is the host's clock, and no signature may be from later.
///
/// The engine reads the system's clock as well, and refuses what is in the future of that one.
#[must_use]
pub fn check(
    bundle: &[u8],
    subject: &Subject,
    demand: &Demand<'_>,
    root: Option<&TrustRoot>,
    now: Timestamp,
) -> Report {
    let mut run = Run { steps: Steps::default(), at: "bundle" };
    let outcome = run.check(bundle, subject, demand, root, now);
    let refusal = outcome.as_ref().err().map(|refusal| (run.failed(refusal), refusal));
    Report { steps: run.steps.finish(refusal), outcome }
}

struct Run {
    steps: Steps,
    /// The step that is being taken.
    at: &'static str,
}

impl Run {
    /// The step at which it failed. The engine takes several, and its refusal tells which.
    fn failed(&mut self, refusal: &Refusal) -> &'static str {
        if self.at != "times" {
            return self.at;
        }
        let order = ["times", "certificate", "sct", "inclusion", "signature"];
        let step = match refusal.code() {
            Code::CertificateMalformed
            | Code::CertificateUntrusted
            | Code::CertificateExpired
            | Code::CertificateAuthorityWindow
            | Code::RootLacks => "certificate",
            Code::SctInvalid => "sct",
            Code::ProofInvalid | Code::ProofMissing | Code::CheckpointInvalid | Code::LogUnknown => {
                "inclusion"
            }
            Code::SignatureInvalid
            | Code::DigestMismatch
            | Code::SubjectUnsupported
            | Code::EntryMismatch
            | Code::EntryMalformed
            | Code::PayloadType
            | Code::StatementMalformed
            | Code::KeyUnusable => "signature",
            _ => "times",
        };
        for before in order.into_iter().take_while(|name| *name != step) {
            self.steps.passed(before, "holds as far as it was looked at");
        }
        step
    }

    fn step(&mut self, step: &'static str) {
        self.at = step;
    }

    fn check(
        &mut self,
        bytes: &[u8],
        subject: &Subject,
        demand: &Demand<'_>,
        root: Option<&TrustRoot>,
        now: Timestamp,
    ) -> Result<Facts, Refusal> {
        let domain = demand.domain;
        let bundle = Bundle::parse(bytes)?;
        self.steps.passed("bundle", format!("sha256:{}", hex::encode(bundle.sha256)));

        self.step("version");
        if !domain.bundles.contains(&bundle.version) {
            let detail =
                format!("the bundle is of version {}, which the rule does not admit", bundle.version);
            return Err(Code::BundleVersion.because(detail));
        }
        self.steps.passed("version", bundle.version.to_string());

        self.step("root");
        domain.validate()?;
        let by_certificate = matches!(bundle.signer, bundle::Signer::Certificate(_));
        let root = root.ok_or_else(|| {
            Code::RootMissing
                .because("the rule needs a trusted root, and none is given: name one with --trusted-root")
        })?;
        domain.admits(root, by_certificate, now)?;
        self.steps.passed("root", format!("sha256:{}", root.sha256()));

        self.step("signer");
        let candidates = candidates(&bundle, demand.signers)?;
        self.steps.passed(
            "signer",
            match by_certificate {
                true => "a certificate",
                false => "a key of the rule",
            },
        );

        // Of several keys, the refusal that came last on the way says most.
        let before = self.steps.clone();
        let mut refused: Option<(usize, Refusal, Steps, &'static str)> = None;
        for candidate in &candidates {
            self.steps = before.clone();
            match self.candidate(&bundle, subject, demand, root, now, candidate) {
                Ok(facts) => return Ok(facts),
                Err(refusal) => {
                    let far = STEPS.iter().position(|step| *step == self.at).unwrap_or_default();
                    if refused.as_ref().is_none_or(|(known, ..)| far > *known) {
                        refused = Some((far, refusal, std::mem::take(&mut self.steps), self.at));
                    }
                }
            }
        }
        match refused {
            Some((_, refusal, steps, at)) => {
                (self.steps, self.at) = (steps, at);
                Err(told(&bundle, demand.signers, refusal))
            }
            None => Err(Code::KeyRequired.because("the rule names no key")),
        }
    }

    fn candidate(
        &mut self,
        bundle: &Bundle,
        subject: &Subject,
        demand: &Demand<'_>,
        root: &TrustRoot,
        now: Timestamp,
        candidate: &Candidate<'_>,
    ) -> Result<Facts, Refusal> {
        let domain = demand.domain;
        self.step("log-entries");
        if let Content::Message { algorithm: Some(algorithm), .. } = &bundle.content
            && !PublicKey::admits(candidate.spki(), algorithm)
        {
            let detail = format!("the bundle names {algorithm}, which does not go with its key");
            return Err(Code::AlgorithmMismatch.because(detail));
        }
        let logs = entries(bundle, candidate.verifier(), root, domain)?;
        self.steps.passed("log-entries", format!("{} of known logs, about this signature", logs.len()));

        self.step("times");
        for token in &bundle.timestamps {
            timestamp::check(token, root)?;
        }
        let stamps = bundle.timestamps.len();
        let required = Required { sct: domain.sct > 0, inclusion: !bundle.entries.is_empty() };
        let (times, tokens) = match candidate {
            Candidate::Certificate { .. } => {
                let times = root.engine.by_certificate(&bundle.engine, subject, required)?;
                // Timestamps first.
                (times, 0..stamps)
            }
            Candidate::Key { key, .. } => {
                let times = root.engine.by_key(&bundle.engine, subject, key.spki(), required.inclusion)?;
                let logged = times.len().saturating_sub(stamps);
                (times, logged..logged.saturating_add(stamps))
            }
        };
        let promised = bundle.entries.iter().filter(|entry| entry.promised).count();
        if times.len() != promised + stamps {
            return Err(Code::NoVerifiedTime.because("not every time of the bundle was verified"));
        }
        let times: Vec<Time> = times
            .into_iter()
            .enumerate()
            .map(|(place, at)| Time {
                source: if tokens.contains(&place) { Source::TimestampAuthority } else { Source::Log },
                at,
            })
            .collect();
        self.times(bundle, &times, &logs, root, domain, now)?;
        self.note_engine(domain, &times, &logs, candidate);

        self.step("identity");
        let matched = candidate.matched(demand.signers, &times)?;
        self.steps.passed("identity", matched.join(", "));

        self.step("statement");
        let none = BTreeMap::new();
        let leaf = candidate.leaf();
        let predicate_type =
            statement(bundle, subject, demand.admits, leaf.map_or(&none, |leaf| &leaf.claims))?;
        let signed = times.iter().map(|time| time.at).min();
        if let (Some(max_age), Some(signed)) = (demand.max_age, signed)
            && now.duration_since(signed) > max_age
        {
            return Err(Code::SignatureTooOld
                .because(format!("the signature is of {signed}; it is older than the rule admits")));
        }
        match &predicate_type {
            Some(predicate) => self.steps.passed("statement", predicate.clone()),
            None => self.steps.note("statement", Outcome::Skipped, "a plain signature"),
        }
        Ok(Facts {
            subject: subject.digest(),
            matched,
            identity: leaf.map(|leaf| leaf.identity.clone()),
            issuer: leaf.and_then(|leaf| leaf.issuer.clone()),
            claims: leaf.map(|leaf| leaf.claims.clone()).unwrap_or_default(),
            key: PublicKey::from_spki(candidate.spki().to_vec())?.fingerprint(),
            times,
            logs: logs.into_iter().map(|(_, _, fact)| fact).collect(),
            predicate_type,
            bundle_version: bundle.version,
            bundle_sha256: hex::encode(bundle.sha256),
            root_sha256: root.sha256(),
        })
    }

    /// What is asked of the times, once each of them is verified.
    fn times(
        &mut self,
        bundle: &Bundle,
        times: &[Time],
        logs: &[(&Entry, &Log, LogEntry)],
        root: &TrustRoot,
        domain: &Domain,
        now: Timestamp,
    ) -> Result<(), Refusal> {
        if times.is_empty() {
            return Err(Code::NoVerifiedTime.because("nothing proves when the signature was made"));
        }
        if let Some(time) = times.iter().find(|time| time.at > now) {
            return Err(Code::TimeInFuture.because(format!("{} is in the future of {now}", time.at)));
        }
        let old = domain.old_until.filter(|_| bundle.version == Version::V0_1);
        if old.is_some_and(|until| times.iter().any(|time| time.at >= until)) {
            let detail =
                "the bundle is of version 0.1, and its signature of a time when newer ones were made";
            return Err(Code::BundleVersion.because(detail));
        }
        for (entry, log, _) in logs {
            // A promise names its own time. Without one, any of the verified times may be that of the entry.
            let own = entry.integrated.and_then(|s| Timestamp::from_second(i64::try_from(s).ok()?).ok());
            let outside = match own {
                Some(own) if entry.promised => (!log.window.contains(own)).then_some(own),
                _ => times.iter().map(|time| time.at).find(|at| !log.window.contains(*at)),
            };
            if let Some(at) = outside {
                let detail =
                    format!("{at} lies outside the time in which the key of {} is believed", log.name);
                return Err(Code::LogWindow.because(detail));
            }
        }
        let authorities = match domain.tsa {
            0 | 1 => bundle.timestamps.len().min(1),
            // Two chains of one authority, for two spans of time, share no leaf; one that is there twice does.
            _ => {
                let chains: Vec<_> =
                    root.timestamp_authorities.iter().map(|chain| Authority { chain }).collect();
                let made = engine::timestamp_authorities(&bundle.engine, &chains);
                let leaves: BTreeSet<_> = made
                    .into_iter()
                    .flatten()
                    .filter_map(|place| root.timestamp_authorities.get(place)?.first())
                    .collect();
                leaves.len()
            }
        };
        if authorities < domain.tsa {
            let detail = format!("{authorities} timestamp authorities vouch; the rule needs {}", domain.tsa);
            return Err(Code::TimestampMissing.because(detail));
        }
        Ok(())
    }

    fn note_engine(
        &mut self,
        domain: &Domain,
        times: &[Time],
        logs: &[(&Entry, &Log, LogEntry)],
        candidate: &Candidate<'_>,
    ) {
        let spoken: Vec<_> = times
            .iter()
            .map(|time| match time.source {
                Source::Log => format!("{} by a log", time.at),
                Source::TimestampAuthority => format!("{} by a timestamp authority", time.at),
            })
            .collect();
        self.steps.passed("times", spoken.join(", "));
        match candidate.leaf() {
            Some(leaf) => {
                let detail = format!("valid {} to {}", leaf.not_before, leaf.not_after);
                self.steps.passed("certificate", detail);
                match domain.sct {
                    0 => self.steps.note("sct", Outcome::Skipped, "the rule asks for none"),
                    _ => self.steps.passed("sct", "the certificate was logged"),
                }
            }
            None => {
                self.steps.note("certificate", Outcome::Skipped, "signed with a key");
                self.steps.note("sct", Outcome::Skipped, "signed with a key");
            }
        }
        let spoken: Vec<_> = logs
            .iter()
            .map(|(_, _, fact)| {
                let how = if fact.proven { "is in" } else { "was promised by" };
                format!("entry {} {how} {}", fact.index, fact.log)
            })
            .collect();
        match spoken.is_empty() {
            true => self.steps.note("inclusion", Outcome::Skipped, "the rule asks for none"),
            false => self.steps.passed("inclusion", spoken.join(", ")),
        }
        self.steps.passed("signature", "verifies over the subject");
    }
}

/// The entries with their logs; as many distinct logs and witnesses as the domain asks for.
fn entries<'a>(
    bundle: &'a Bundle,
    verifier: Verifier<'_>,
    root: &'a TrustRoot,
    domain: &Domain,
) -> Result<Vec<(&'a Entry, &'a Log, LogEntry)>, Refusal> {
    let mut found = Vec::new();
    for entry in &bundle.entries {
        let log = entry::log(entry, root)?;
        entry::body(entry, &bundle.content, verifier)?;
        let witnesses = entry::proof(entry, log, domain)?;
        if witnesses.is_none() && !promise_is_enough(bundle.version, entry, domain) {
            return Err(Code::ProofMissing.because("a log entry has no inclusion proof"));
        }
        if witnesses.unwrap_or(0) < domain.witness {
            let detail = format!(
                "{} witnesses signed the checkpoint; the rule needs {}",
                witnesses.unwrap_or(0),
                domain.witness
            );
            return Err(Code::WitnessMissing.because(detail));
        }
        let (kind, version) = entry.kind.name();
        let fact = LogEntry {
            log: log.name.clone(),
            id: hex::encode(log.id),
            index: entry.index,
            kind: format!("{kind}/{version}"),
            proven: witnesses.is_some(),
            witnesses: witnesses.unwrap_or(0),
        };
        found.push((entry, log, fact));
    }
    let logs: BTreeSet<_> = bundle.entries.iter().map(|entry| entry.log).collect();
    if logs.len() < domain.tlog {
        let detail = format!("{} logs hold the signature; the rule needs {}", logs.len(), domain.tlog);
        return Err(Code::LogMissing.because(detail));
    }
    Ok(found)
}

/// Bundles of version 0.1 could go without a proof while no other version was made.
fn promise_is_enough(version: Version, entry: &Entry, domain: &Domain) -> bool {
    let until = domain.promise_until.and_then(|until| u64::try_from(until.as_second()).ok());
    version == Version::V0_1
        && entry.promised
        && entry.kind != Kind::HashedRekord2
        && entry.integrated.zip(until).is_some_and(|(at, until)| at < until)
}

/// The predicate type, where the content is an attestation.
fn statement(
    bundle: &Bundle,
    subject: &Subject,
    admits: &Admits,
    claims: &BTreeMap<&'static str, String>,
) -> Result<Option<String>, Refusal> {
    match &bundle.content {
        Content::Message { .. } if admits.message => Ok(None),
        Content::Message { .. } => Err(Code::StatementRequired
            .because("the bundle is a plain signature; the rule asks for an attestation")),
        Content::Envelope { payload_type, payload, .. } => {
            let statement = Statement::parse(payload_type, payload, subject)?;
            statement.admitted(admits, claims)?;
            Ok(Some(statement.predicate_type))
        }
    }
}
