//! Policies: what cannot be one, and who and how many have to vouch.

use serde_json::{Value, json};
use waystation_verify::{Code, Policy, Request, Roots, Subject, Verdict, verify};

use crate::lab::{self, Make, make, pem, spki};
use crate::{now, root};

const HEAD: &str = "version = 1\n";
const SIGNER: &str = "[signers.a]\nidentity = \"a@example.com\"\nissuer = \"https://issuer.example\"\n";
const RULE: &str = "[[rules]]\nany_of = [\"a\"]\n";

fn code(text: &str) -> Option<Code> {
    Policy::parse(text.as_bytes()).err().map(|refusal| refusal.code())
}

#[test]
fn a_policy_that_is_not_understood_is_refused() {
    assert_eq!(code(&format!("{HEAD}{SIGNER}{RULE}")), None);
    let key = |name: &str, seed| {
        format!("[signers.{name}]\nkey = \"\"\"\n{}\"\"\"\n", pem("PUBLIC KEY", &spki(seed)))
    };
    for (text, expected) in [
        (String::new(), Code::PolicyVersion),
        (format!("{SIGNER}{RULE}"), Code::PolicyVersion),
        (format!("version = 2\n{SIGNER}{RULE}"), Code::PolicyVersion),
        (format!("version = \"1\"\n{SIGNER}{RULE}"), Code::PolicyVersion),
        ("version = ".to_owned(), Code::PolicyMalformed),
        (format!("{HEAD}versoin = 1\n{SIGNER}{RULE}"), Code::PolicyUnknownField),
        (format!("{HEAD}{SIGNER}isuer = \"x\"\n{RULE}"), Code::PolicyUnknownField),
        (format!("{HEAD}{SIGNER}{RULE}needs = 2\n"), Code::PolicyUnknownField),
        (format!("{HEAD}{SIGNER}{RULE}[domains.a]\ntlogs = 1\n"), Code::PolicyUnknownField),
        (
            format!("{HEAD}{SIGNER}identity = {{ globb = \"a\" }}\n{RULE}")
                .replace("identity = \"a@example.com\"\n", ""),
            Code::PolicyUnknownField,
        ),
        (HEAD.to_owned(), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}[[rules]]\nany_of = []\n"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}[[rules]]\nall_of = []\n"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}{RULE}predicate_types = []\n"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}{RULE}message = false\n"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}{RULE}all_of = [\"a\"]\n"), Code::PolicyMalformed),
        (format!("{HEAD}{SIGNER}[[rules]]\nname = \"x\"\n"), Code::PolicyMalformed),
        (format!("{HEAD}{SIGNER}[[rules]]\nany_of = [\"b\"]\n"), Code::PolicyUnknownName),
        (format!("{HEAD}{SIGNER}domain = \"none\"\n{RULE}"), Code::PolicyUnknownName),
        (format!("{HEAD}{SIGNER}claims = {{ repo = \"x\" }}\n{RULE}"), Code::PolicyUnknownName),
        (format!("{HEAD}{SIGNER}{RULE}n = 2\n"), Code::PolicyThreshold),
        (format!("{HEAD}{SIGNER}{RULE}n = 0\n"), Code::PolicyThreshold),
        (format!("{HEAD}{SIGNER}[[rules]]\nany_of = [\"a\", \"a\"]\nn = 2\n"), Code::PolicyThreshold),
        (
            format!("{HEAD}{}{}[[rules]]\nall_of = [\"b\", \"c\"]\n", key("b", 1), key("c", 1)),
            Code::PolicyDuplicateSigner,
        ),
        (
            format!("{HEAD}{}{}[[rules]]\nany_of = [\"b\", \"c\"]\nn = 2\n", key("b", 1), key("c", 1)),
            Code::PolicyThreshold,
        ),
        (format!("{HEAD}{SIGNER}{RULE}[domains.none]\ntlog = 0\n"), Code::PolicyNoEvidence),
        (format!("{HEAD}{SIGNER}{RULE}[domains.a]\nbundles = []\n"), Code::PolicyEmpty),
        (format!("{HEAD}{SIGNER}{RULE}[domains.a]\nbundles = [\"0.9\"]\n"), Code::PolicyMalformed),
        (format!("{HEAD}{SIGNER}{RULE}[domains.a]\nwitness = 1\n"), Code::PolicyThreshold),
        (format!("{HEAD}[signers.a]\nidentity = \"a@example.com\"\n{RULE}"), Code::PolicyMalformed),
        (format!("{HEAD}[signers.a]\nissuer = \"https://issuer.example\"\n{RULE}"), Code::PolicyMalformed),
        (format!("{HEAD}[signers.a]\n{RULE}"), Code::PolicyMalformed),
        (format!("{HEAD}{SIGNER}key = \"x\"\n{RULE}"), Code::PolicyMalformed),
        (format!("{HEAD}{SIGNER}not_after = \"2026-01-01T00:00:00Z\"\n{RULE}"), Code::PolicyMalformed),
        (format!("{HEAD}[signers.a]\nkey = \"x\"\n{RULE}"), Code::KeyUnusable),
        (
            format!("{HEAD}{SIGNER}{RULE}")
                .replace("\"a@example.com\"", "{ prefix = \"https://github.com/acme\" }"),
            Code::PolicyPattern,
        ),
        (
            format!("{HEAD}{SIGNER}{RULE}").replace("\"a@example.com\"", "{ regex = \".*\" }"),
            Code::PolicyPattern,
        ),
        (format!("{HEAD}{SIGNER}{RULE}").replace("\"a@example.com\"", "[]"), Code::PolicyEmpty),
        ("{\"version\":1,\"version\":1}".to_owned(), Code::PolicyMalformed),
        ("{\"version\":2}".to_owned(), Code::PolicyVersion),
    ] {
        assert_eq!(code(&text), Some(expected), "{text}");
    }
}

#[test]
fn the_policy_of_the_documentation_is_one() {
    let page = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/src/verify/blob.md");
    let page = std::fs::read_to_string(page).unwrap();
    let text = page.split("```toml\n").nth(1).unwrap().split("```").next().unwrap();
    assert_eq!(code(text), None, "{text}");
}

/// A policy of three keys, and of the certificate.
fn policy(rules: Value) -> Policy {
    let key = |seed| json!({ "key": pem("PUBLIC KEY", &spki(seed)) });
    let policy = json!({
        "version": 1,
        "signers": {
            "release": { "identity": { "prefix": "https://github.com/acme/" }, "issuer": lab::ISSUER },
            "exact": { "identity": lab::IDENTITY, "issuer": lab::ISSUER },
            "a": key(50), "again": key(50), "b": key(51),
            "bad": { "key": pem("PUBLIC KEY", &spki(52)), "revoked": true }, "worse": key(52),
        },
        "rules": rules,
    });
    Policy::parse(policy.to_string().as_bytes()).unwrap()
}

fn judge(policy: &Policy, made: &[Make]) -> Verdict {
    let bundles: Vec<Vec<u8>> = made.iter().map(|made| make(made).to_string().into_bytes()).collect();
    let bundles: Vec<&[u8]> = bundles.iter().map(Vec::as_slice).collect();
    let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
    let verdict =
        verify(&Request { subject: &subject, bundles: &bundles }, policy, &Roots::from(root()), now());
    // Whatever comes of it names the bytes that we saw.
    assert_eq!(verdict.subject, subject.digest());
    assert!(verdict.signatures.iter().all(|facts| facts.subject == subject.digest()));
    verdict
}

#[test]
fn distinct_signers_are_counted() {
    let key = |seed| Make { key: Some(seed), ..Make::default() };
    let keyless = Make::default;
    let two = |names: Value| policy(json!([{ "any_of": names, "n": 2 }]));
    let all = |names: Value| policy(json!([{ "all_of": names }]));
    for (policy, made, admitted) in [
        (two(json!(["a", "b"])), vec![key(50), key(51)], true),
        (two(json!(["a", "b"])), vec![key(50)], false),
        (two(json!(["a", "b"])), vec![key(50), key(50)], false),
        // One key under two names is one signer, also in two bundles.
        (two(json!(["a", "again", "b"])), vec![key(50), Make { tsa: vec![1], ..key(50) }], false),
        (two(json!(["a", "again", "b"])), vec![key(50), key(51)], true),
        // And so is one identity that two patterns fit.
        (two(json!(["release", "exact"])), vec![keyless(), Make { tsa: vec![1], ..keyless() }], false),
        (two(json!(["release", "exact", "a"])), vec![keyless(), key(50)], true),
        (all(json!(["a", "release"])), vec![key(50), keyless()], true),
        (all(json!(["a", "release"])), vec![key(50), key(51)], false),
        (all(json!(["release", "exact"])), vec![keyless()], false),
        // Two identities, of which each needs its own name: the one that fits both gives way.
        (
            all(json!(["release", "exact"])),
            vec![
                keyless(),
                Make { identities: vec!["https://github.com/acme/other".to_owned()], ..keyless() },
            ],
            true,
        ),
    ] {
        let verdict = judge(&policy, &made);
        assert_eq!(verdict.admitted, admitted, "{made:?} {}", verdict.message);
        assert_eq!(verdict.code.is_none(), admitted);
    }
    let verdict = judge(&two(json!(["a", "b"])), &[key(50)]);
    assert_eq!(verdict.code, Some(Code::ThresholdNotMet));
}

#[test]
fn a_revoked_key_is_revoked_under_every_name() {
    let made = [Make { key: Some(52), ..Make::default() }];
    for names in [json!(["bad"]), json!(["worse"]), json!(["worse", "a"])] {
        let verdict = judge(&policy(json!([{ "any_of": names }])), &made);
        assert_eq!(verdict.code, Some(Code::KeyRevoked));
    }
}

#[test]
fn where_no_rule_is_met_it_is_refused() {
    let rules = policy(json!([{ "any_of": ["b"] }, { "name": "second", "any_of": ["a"] }]));
    let verdict = judge(&rules, &[Make { key: Some(50), ..Make::default() }]);
    assert_eq!((verdict.admitted, verdict.rule.as_deref()), (true, Some("second")));
    let verdict = judge(&rules, &[Make { key: Some(53), ..Make::default() }]);
    assert!(!verdict.admitted && verdict.signatures.is_empty());
    assert_eq!(judge(&rules, &[]).code, Some(Code::NoBundle));
    let many = vec![Make { key: Some(50), ..Make::default() }; 17];
    assert_eq!(judge(&rules, &many).code, Some(Code::NoBundle));
}

#[test]
fn an_old_signature_is_refused_where_the_rule_says_so() {
    let made = [Make { key: Some(50), ..Make::default() }];
    for (days, expected) in [(365, None), (364, Some(Code::SignatureTooOld))] {
        let rules = policy(json!([{ "any_of": ["a"], "max_age_days": days }]));
        assert_eq!(judge(&rules, &made).code, expected, "{days}");
    }
}

#[test]
fn attestations_need_a_predicate_type_in_the_rule() {
    let made = [Make { statement: Some(lab::statement(lab::SLSA, json!({}))), ..Make::default() }];
    let judged = |rule: Value| judge(&policy(json!([rule])), &made).code;
    assert_eq!(judged(json!({ "any_of": ["release"] })), Some(Code::StatementNotAdmitted));
    assert_eq!(judged(json!({ "any_of": ["release"], "predicate_types": [lab::SLSA] })), None);
    let builder = |builder: &str| {
        judged(
            json!({ "any_of": ["release"], "predicate_types": [lab::SLSA], "slsa": { "builder": builder } }),
        )
    };
    assert_eq!(builder("https://builder.example"), Some(Code::ProvenanceMismatch));
}

#[test]
fn a_domain_has_its_own_root() {
    let rules = policy(json!([{ "any_of": ["a"] }]));
    let bundle = make(&Make { key: Some(50), ..Make::default() }).to_string().into_bytes();
    let subject = Subject::of_bytes(lab::ARTIFACT.to_vec());
    let code = |roots: Roots| {
        verify(&Request { subject: &subject, bundles: &[&bundle] }, &rules, &roots, now()).code
    };
    assert_eq!(code(Roots::default()), Some(Code::RootMissing));
    assert_eq!(code(Roots::default().for_domain("other", root())), Some(Code::RootMissing));
    assert_eq!(code(Roots::default().for_domain("default", root())), None);
}
