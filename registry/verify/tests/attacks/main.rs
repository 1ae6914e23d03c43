//! Attacks on signatures, each on a bundle that a small instance of our own made, and each with the code that it is
//! refused with.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    clippy::needless_pass_by_value,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests and what they stand on"
)]

mod bundles;
mod domains;
mod evidence;
mod policies;
mod roots;
mod statements;

use jiff::Timestamp;
use serde_json::Value;
use waystation_lab as lab;
use waystation_verify::{
    Admits, CertificateRule, Code, Demand, Domain, Facts, Issuer, Pattern, Predicates, PublicKey, Refusal,
    Signer, Subject, TrustRoot, Who, check,
};

/// A year after everything was signed.
fn now() -> Timestamp {
    Timestamp::from_second(lab::AT + 365 * 86_400).unwrap()
}

fn root() -> TrustRoot {
    TrustRoot::parse(lab::root().to_string().as_bytes()).unwrap()
}

fn certificate() -> CertificateRule {
    CertificateRule::new(vec![Pattern::exact(lab::IDENTITY).unwrap()], Issuer::Is(lab::ISSUER.to_owned()))
}

fn named(who: Who) -> Signer {
    Signer { name: "expected".to_owned(), who, revoked: false }
}

fn public_key(seed: u8) -> PublicKey {
    PublicKey::from_spki(lab::spki(seed)).unwrap()
}

fn by_key(seed: u8) -> Who {
    Who::Key { key: public_key(seed), not_before: None, not_after: None }
}

/// What is asked, for tests to change a part of.
struct Ask {
    subject: Subject,
    signers: Vec<Signer>,
    domain: Domain,
    admits: Admits,
    root: Option<TrustRoot>,
    now: Timestamp,
}

impl Default for Ask {
    fn default() -> Self {
        Self {
            subject: Subject::of_bytes(lab::ARTIFACT.to_vec()),
            signers: vec![named(Who::Certificate(certificate()))],
            domain: Domain::default(),
            admits: Admits {
                message: true,
                predicates: Predicates::Of(vec![lab::SLSA.to_owned()]),
                ..Admits::default()
            },
            root: Some(root()),
            now: now(),
        }
    }
}

impl Ask {
    fn of(who: Who) -> Self {
        Self { signers: vec![named(who)], ..Self::default() }
    }

    fn within(domain: Domain) -> Self {
        Self { domain, ..Self::default() }
    }

    fn bytes(&self, bundle: &[u8]) -> Result<Facts, Refusal> {
        let Self { subject, signers, domain, admits, root, now } = self;
        let demand = Demand { signers, domain, admits, max_age: None };
        let report = check(bundle, subject, &demand, root.as_ref(), *now);
        let failed = report.steps.iter().any(|step| step.outcome == waystation_verify::Outcome::Failed);
        assert_eq!(failed, report.outcome.is_err(), "the steps tell of a refusal");
        report.outcome
    }

    fn about(&self, bundle: &Value) -> Result<Facts, Refusal> {
        self.bytes(bundle.to_string().as_bytes())
    }

    fn code(&self, bundle: &Value) -> Option<Code> {
        self.about(bundle).err().map(|refusal| refusal.code())
    }
}

/// Without timestamps of any kind but those of authorities: as for private repositories.
fn stamped() -> Domain {
    Domain { sct: 0, tlog: 0, tsa: 1, ..Domain::default() }
}

/// The last byte of what is in base64, changed.
fn flip(value: &mut Value) {
    let mut bytes = lab::unb64(value);
    *bytes.last_mut().unwrap() ^= 1;
    *value = lab::b64(bytes).into();
}

/// One change of a bundle, and the code it is refused with.
type Attack = (&'static str, fn(&mut Value), Code);

/// Each attack on each of these bundles that it changes; before it they are good.
fn each_is_refused(ask: &Ask, made: &[Value], attacks: &[Attack]) {
    for bundle in made {
        ask.about(bundle).unwrap_or_else(|e| panic!("{}: {e}", e.code()));
    }
    for (name, attack, code) in attacks {
        let mut hits = 0;
        for bundle in made {
            let mut changed = bundle.clone();
            attack(&mut changed);
            if changed != *bundle {
                hits += 1;
                let refusal = ask.about(&changed).err().unwrap_or_else(|| panic!("{name} is accepted"));
                assert_eq!(refusal.code(), *code, "{name}: {refusal}");
            }
        }
        assert!(hits > 0, "{name} changes nothing");
    }
}

/// Fuzzing starts from what is good. `WAYSTATION_UPDATE_SEEDS=1` writes them anew.
#[test]
fn seeds_of_fuzzing_are_good_ones() {
    let slsa = lab::statement(lab::SLSA, serde_json::json!({}));
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../fuzz/seeds");
    for (name, document) in [
        ("sigstore-bundle/message.json", lab::make(&lab::Make::default())),
        (
            "sigstore-bundle/attestation.json",
            lab::make(&lab::Make { statement: Some(slsa), ..lab::second() }),
        ),
        ("sigstore-bundle/key.json", lab::make(&lab::Make { key: Some(50), ..lab::Make::default() })),
        ("trusted-root/root.json", lab::root()),
    ] {
        let (path, text) = (folder.join(name), document.to_string());
        if std::env::var_os("WAYSTATION_UPDATE_SEEDS").is_some() {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap(), text, "{name}");
    }
}
