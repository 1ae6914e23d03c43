//! Plugins held against trust policies. What signs them is an instance of our own, which issues certificates,
//! timestamps and log entries.
#![allow(
    clippy::needless_pass_by_value,
    clippy::unwrap_used,
    clippy::panic,
    missing_docs,
    unreachable_pub,
    dead_code,
    reason = "tests and what they stand on"
)]

use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_bundle::{Kind, Limits, Package, PackageWriter, Statement};
use waystation_lab as lab;
use waystation_trust::{Evidence, Judgement, RevocationSource, Revocations, State, TrustError, TrustPolicy};
use waystation_verify::{Roots, TrustRoot};

const LIMITS: Limits = Limits::DEFAULT;

fn now() -> Timestamp {
    Timestamp::from_second(lab::AT + 365 * 86_400).unwrap()
}

fn roots() -> Roots {
    TrustRoot::parse(lab::root().to_string().as_bytes()).unwrap().into()
}

/// A plugin that nobody signed.
fn plugin(name: &str, version: &str, kind: &str) -> Package {
    let manifest = format!(
        "name = \"{name}\"\nversion = \"{version}\"\nkind = \"{kind}\"\nsummary = \"Versions\"\n\
         [[request]]\ncapability = \"http\"\nwhy = \"asks\"\n"
    );
    let escaped: String = manifest.bytes().map(|b| format!("\\{b:02x}")).collect();
    let text = format!("(component (@custom \"waystation:manifest\" \"{escaped}\"))");
    PackageWriter::new(wat::parse_str(text).unwrap(), &LIMITS).unwrap().finish().unwrap()
}

fn tool() -> Package {
    plugin("acme/tool", "1.2.0", "update-source@0.1")
}

/// The statement that is true of a plugin.
fn truth(package: &Package) -> Value {
    serde_json::from_slice(&Statement::of(package).unwrap().to_json().unwrap()).unwrap()
}

fn signature(statement: Value, make: lab::Make) -> Value {
    lab::make(&lab::Make { statement: Some(statement), ..make })
}

fn by_certificate() -> lab::Make {
    lab::Make::default()
}

/// A certificate of somebody else.
fn by_other() -> lab::Make {
    lab::Make {
        identities: vec!["https://github.com/evil/tool/.github/workflows/x.yml@refs/heads/main".into()],
        ..lab::Make::default()
    }
}

fn by_key(seed: u8) -> lab::Make {
    lab::Make { key: Some(seed), tsa: vec![1], ..lab::Make::default() }
}

fn signed(mut package: Package, makes: &[lab::Make]) -> Package {
    for make in makes {
        let bundle = signature(truth(&package), make.clone()).to_string();
        package.attach(Kind::Signature, bundle, &LIMITS).unwrap();
    }
    package
}

/// A policy with the signers `release` (a certificate) and `ops`, `audit` (keys 40, 41), and what is added.
fn policy(more: &str) -> TrustPolicy {
    parse(more).unwrap_or_else(|e| panic!("{e}"))
}

fn parse(more: &str) -> Result<TrustPolicy, TrustError> {
    let key = |seed| lab::pem("PUBLIC KEY", &lab::spki(seed));
    TrustPolicy::parse(&format!(
        "version = 1\n{more}\n\
         [domains.default]\nroot = \"root.json\"\n\
         [signers.release]\nidentity = \"{}\"\nissuer = \"{}\"\n\
         [signers.ops]\nkey = \"\"\"{}\"\"\"\n\
         [signers.audit]\nkey = \"\"\"{}\"\"\"\n",
        lab::IDENTITY,
        lab::ISSUER,
        key(40),
        key(41),
    ))
}

const ACME: &str =
    "[[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"release\", \"ops\"]\n";
const TWO: &str = "[[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"release\", \"ops\", \"audit\"]\nn = 2\n";

fn judged(policy: &TrustPolicy, package: &Package) -> Judgement {
    policy.judge(&Evidence::of(package), &roots(), None, now())
}

#[track_caller]
fn refused(judgement: &Judgement, state: State, code: &str) {
    let found = judgement.reason.map(waystation_trust::Reason::code);
    assert_eq!((judgement.state, found), (state, Some(code)), "{}", judgement.message);
    assert!(!judgement.admits() && judgement.signatures.is_empty() && !judgement.message.is_empty());
}

#[test]
fn a_plugin_signed_by_whom_the_policy_names_runs() {
    for make in [by_certificate(), lab::second(), by_key(40)] {
        let judgement = judged(&policy(ACME), &signed(tool(), &[make]));
        assert_eq!(judgement.state, State::Verified, "{}", judgement.message);
        assert_eq!((judgement.reason, judgement.signatures.len()), (None, 1));
        assert_eq!((judgement.name.as_str(), judgement.version.as_str()), ("acme/tool", "1.2.0"));
    }
}

#[test]
fn nobody_else_can_sign_for_a_namespace() {
    let acme = policy(ACME);
    refused(&judged(&acme, &tool()), State::Unsigned, "unsigned");
    refused(&judged(&acme, &signed(tool(), &[by_other()])), State::UntrustedSigner, "identity-mismatch");
    refused(&judged(&acme, &signed(tool(), &[by_key(41)])), State::UntrustedSigner, "entry-mismatch");
    let elsewhere = signed(plugin("other/tool", "1.0.0", "update-source@0.1"), &[by_certificate()]);
    refused(&judged(&acme, &elsewhere), State::UntrustedSigner, "namespace-unknown");
    // Neither a prefix nor a suffix of the namespace.
    for name in ["acme-2/tool", "acm/tool", "x-acme/tool"] {
        let package = signed(plugin(name, "1.0.0", "update-source@0.1"), &[by_certificate()]);
        refused(&judged(&acme, &package), State::UntrustedSigner, "namespace-unknown");
    }
    let kind = signed(plugin("acme/tool", "1.2.0", "notifier@0.1"), &[by_certificate()]);
    refused(&judged(&acme, &kind), State::UntrustedSigner, "kind-not-admitted");
    refused(
        &judged(&policy(""), &signed(tool(), &[by_certificate()])),
        State::UntrustedSigner,
        "namespace-unknown",
    );
}

#[test]
fn a_signature_of_another_plugin_does_not_do() {
    let mut package = tool();
    let other = signature(truth(&plugin("acme/tool", "1.1.0", "update-source@0.1")), by_certificate());
    package.attach(Kind::Signature, other.to_string(), &LIMITS).unwrap();
    refused(&judged(&policy(ACME), &package), State::Mismatch, "digest-mismatch");
}

#[test]
fn what_is_signed_has_to_be_true() {
    let lies: [(&str, Value); 6] = [
        ("/predicate/name", json!("acme/other")),
        ("/predicate/version", json!("9.9.9")),
        ("/predicate/kind", json!("notifier@0.1")),
        ("/predicate/requests", json!("00".repeat(32))),
        ("/subject/1/digest/sha256", json!("00".repeat(32))),
        ("/subject/1/name", json!("other.wasm")),
    ];
    for (at, lie) in lies {
        let mut package = tool();
        let mut statement = truth(&package);
        *statement.pointer_mut(at).unwrap() = lie;
        let bundle = signature(statement, by_certificate()).to_string();
        package.attach(Kind::Signature, bundle, &LIMITS).unwrap();
        refused(&judged(&policy(ACME), &package), State::Mismatch, "statement-mismatch");
        // Beside one that is true, it does no harm.
        let package = signed(package, &[by_key(40)]);
        assert_eq!(judged(&policy(ACME), &package).state, State::Verified);
    }
    let mut package = tool();
    let mut statement = truth(&package);
    statement["predicateType"] = "https://slsa.dev/provenance/v1".into();
    let bundle = signature(statement, by_certificate()).to_string();
    package.attach(Kind::Signature, bundle, &LIMITS).unwrap();
    refused(&judged(&policy(ACME), &package), State::UntrustedSigner, "predicate-type");
}

#[test]
fn a_threshold_counts_signers_and_not_signatures() {
    let two = policy(TWO);
    refused(&judged(&two, &signed(tool(), &[by_certificate()])), State::UntrustedSigner, "threshold-not-met");
    let again = lab::Make { at: lab::AT + 1, ..by_key(40) };
    refused(
        &judged(&two, &signed(tool(), &[by_key(40), again])),
        State::UntrustedSigner,
        "threshold-not-met",
    );
    let judgement = judged(&two, &signed(tool(), &[by_key(40), by_key(41)]));
    assert_eq!((judgement.state, judgement.signatures.len()), (State::Verified, 2), "{}", judgement.message);
    let three = "[[namespaces]]\nname = \"acme\"\nkinds = [\"update-source\"]\nany_of = [\"ops\"]\nn = 2\n";
    assert_eq!(parse(three).unwrap_err().code(), "trust-signers");
}

#[test]
fn an_older_version_than_the_minimum_is_withdrawn() {
    let policy = policy(&format!("{ACME}[minimum]\n\"acme/tool\" = \"1.2.0\"\n"));
    assert_eq!(judged(&policy, &signed(tool(), &[by_certificate()])).state, State::Verified);
    for version in ["1.1.9", "1.2.0-rc.1"] {
        let old = signed(plugin("acme/tool", version, "update-source@0.1"), &[by_certificate()]);
        refused(&judged(&policy, &old), State::Revoked, "below-minimum");
    }
}

#[test]
fn trust_that_is_missing_or_too_old_refuses() {
    let package = signed(tool(), &[by_certificate()]);
    let without = policy(ACME).judge(&Evidence::of(&package), &Roots::default(), None, now());
    refused(&without, State::ExpiredTrust, "root-missing");
    let text =
        format!("{ACME}[domains.aged]\nroot = \"root.json\"\nroot_expires = \"2025-01-01T00:00:00Z\"\n");
    let text = text.replace("\"release\", \"ops\"", "\"aged\"");
    let aged = format!(
        "{text}[signers.aged]\ndomain = \"aged\"\nidentity = \"{}\"\nissuer = \"{}\"\n",
        lab::IDENTITY,
        lab::ISSUER
    );
    refused(&judged(&policy(&aged), &package), State::ExpiredTrust, "root-expired");
}

/// What `ops` signs in the tests of revocations.
fn list(change: impl Fn(&mut Value)) -> Vec<u8> {
    let mut list = json!({
        "version": 1, "number": 7,
        "issued_at": now() - jiff::SignedDuration::from_hours(24),
        "expires_at": now() + jiff::SignedDuration::from_hours(24),
    });
    change(&mut list);
    list.to_string().into_bytes()
}

const REVOKING: &str = "[revocations]\nfile = \"revocations.json\"\nany_of = [\"ops\"]\n";

fn revoking() -> TrustPolicy {
    policy(&format!("{ACME}{REVOKING}"))
}

fn read(policy: &TrustPolicy, list: &[u8], make: lab::Make, seen: u64) -> Result<Revocations, TrustError> {
    let signature = lab::make(&lab::Make { file: Some(list.to_vec()), ..make }).to_string();
    let source = RevocationSource { list, signatures: &[signature.as_bytes()], seen };
    policy.revocations(&source, &roots(), now())
}

#[test]
fn what_is_revoked_does_not_run() {
    let policy = revoking();
    let package = signed(tool(), &[by_certificate()]);
    let with = |package: &Package, change: &dyn Fn(&mut Value)| {
        let revocations = read(&policy, &list(change), by_key(40), 7).unwrap_or_else(|e| panic!("{e}"));
        policy.judge(&Evidence::of(package), &roots(), Some(&revocations), now())
    };
    assert_eq!(with(&package, &|_| ()).state, State::Verified);
    let digest = package.digest();
    let revoked =
        with(&package, &|list| list["digests"] = json!([{ "digest": digest, "why": "leaks tokens" }]));
    refused(&revoked, State::Revoked, "digest-revoked");
    assert!(revoked.message.contains("leaks tokens"), "{}", revoked.message);
    let identity =
        |list: &mut Value| list["identities"] = json!([{ "identity": lab::IDENTITY, "issuer": lab::ISSUER }]);
    refused(&with(&package, &identity), State::Revoked, "signer-revoked");
    // Another signer can still vouch.
    assert_eq!(with(&signed(package.clone(), &[by_key(40)]), &identity).state, State::Verified);

    let by_ops = signed(tool(), &[by_key(40)]);
    let fingerprint = format!("sha256:{}", hex::encode(lab::sha256(&lab::spki(40))));
    let key = |list: &mut Value| list["keys"] = json!([{ "fingerprint": fingerprint }]);
    refused(&with(&by_ops, &key), State::Revoked, "signer-revoked");
    // A key that leaked later: what it signed before still counts.
    let at = |seconds: i64| Timestamp::from_second(lab::AT + seconds).unwrap();
    let since = |when: Timestamp| {
        move |list: &mut Value| {
            let fingerprint = format!("sha256:{}", hex::encode(lab::sha256(&lab::spki(40))));
            list["keys"] = json!([{ "fingerprint": fingerprint, "since": when }]);
        }
    };
    assert_eq!(with(&by_ops, &since(at(3_600))).state, State::Verified);
    refused(&with(&by_ops, &since(at(-3_600))), State::Revoked, "signer-revoked");
}

#[test]
fn a_list_of_revocations_has_to_be_there_and_current() {
    let policy = revoking();
    let package = signed(tool(), &[by_certificate()]);
    refused(&judged(&policy, &package), State::ExpiredTrust, "revocations-missing");
    let old = list(|list| list["expires_at"] = json!(now() - jiff::SignedDuration::from_secs(1)));
    let early = list(|list| list["issued_at"] = json!(now() + jiff::SignedDuration::from_secs(60)));
    for bytes in [old, early] {
        let revocations = read(&policy, &bytes, by_key(40), 0).unwrap();
        let judgement = policy.judge(&Evidence::of(&package), &roots(), Some(&revocations), now());
        refused(&judgement, State::ExpiredTrust, "revocations-expired");
    }
    let short = self::policy(&format!("{ACME}{REVOKING}max_age_days = 0\n"));
    let revocations = read(&short, &list(|_| ()), by_key(40), 0).unwrap();
    let judgement = short.judge(&Evidence::of(&package), &roots(), Some(&revocations), now());
    refused(&judgement, State::ExpiredTrust, "revocations-expired");
}

#[test]
fn a_list_of_revocations_is_signed_and_never_older_than_the_last() {
    let policy = revoking();
    let code = |outcome: Result<Revocations, TrustError>| outcome.unwrap_err().code();
    assert_eq!(code(read(&policy, &list(|_| ()), by_key(41), 0)), "revocations-untrusted");
    assert_eq!(code(read(&policy, &list(|_| ()), by_certificate(), 0)), "revocations-untrusted");
    assert_eq!(code(read(&policy, &list(|_| ()), by_key(40), 8)), "revocations-rolled-back");
    assert_eq!(
        code(read(&policy, &list(|list| list["more"] = json!(1)), by_key(40), 0)),
        "revocations-malformed"
    );
    assert_eq!(
        code(read(&policy, &list(|list| list["version"] = json!(2)), by_key(40), 0)),
        "revocations-malformed"
    );
    assert_eq!(code(read(&self::policy(ACME), &list(|_| ()), by_key(40), 0)), "revocations-malformed");
    let unsigned = RevocationSource { list: &list(|_| ()), signatures: &[], seen: 0 };
    assert_eq!(code(policy.revocations(&unsigned, &roots(), now())), "revocations-untrusted");
}

#[test]
fn a_policy_that_is_not_understood_is_refused() {
    let cases = [
        ("version = 2\n", "trust-version"),
        ("", "trust-malformed"),
        ("version = 1\nnamespace = []\n", "trust-malformed"),
        ("version = 1\n[domains.default]\ntlog = 1\n", "trust-no-root"),
        (
            "version = 1\n[[namespaces]]\nname = \"Acme\"\nkinds = [\"notifier\"]\nany_of = [\"x\"]\n",
            "trust-malformed",
        ),
        (
            "version = 1\n[[namespaces]]\nname = \"acme/*\"\nkinds = [\"notifier\"]\nany_of = [\"x\"]\n",
            "trust-malformed",
        ),
        ("version = 1\n[[namespaces]]\nname = \"acme\"\nkinds = []\nany_of = [\"x\"]\n", "trust-malformed"),
        (
            "version = 1\n[[namespaces]]\nname = \"acme\"\nkinds = [\"notifier\"]\nany_of = [\"x\"]\n",
            "trust-signers",
        ),
        ("version = 1\n[minimum]\n\"acme/tool\" = \"1.0.0\"\n", "trust-malformed"),
    ];
    for (text, code) in cases {
        assert_eq!(TrustPolicy::parse(text).unwrap_err().code(), code, "{text}");
    }
    assert_eq!(parse(&format!("{ACME}{ACME}")).unwrap_err().code(), "trust-duplicate-namespace");
    assert_eq!(parse(&format!("{ACME}extra = 1\n")).unwrap_err().code(), "trust-malformed");
    let unknown = "[domains.other]\nroot = \"r\"\nunknown = 1\n";
    assert_eq!(parse(&format!("{ACME}{unknown}")).unwrap_err().code(), "trust-signers");
    let roots: Vec<_> = policy(ACME).roots().iter().map(|root| root.domain.clone()).collect();
    assert_eq!(roots, ["default"]);
}
