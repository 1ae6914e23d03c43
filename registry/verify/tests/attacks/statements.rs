//! Attestations: what is signed, and about which bytes.

use serde_json::{Value, json};
use waystation_verify::{Admits, Code, Predicates, Subject};

use crate::lab::{self, Make, SLSA, make, second, statement};
use crate::{Ask, Attack, each_is_refused, flip};

fn attest(statement: Value) -> Value {
    make(&Make { statement: Some(statement), ..Make::default() })
}

#[test]
fn a_changed_envelope_is_refused() {
    let attacks: &[Attack] = &[
        ("payload", |b| flip(&mut b["dsseEnvelope"]["payload"]), Code::StatementMalformed),
        (
            "payload with a space",
            |b| {
                let mut payload = lab::unb64(&b["dsseEnvelope"]["payload"]);
                payload.push(b' ');
                b["dsseEnvelope"]["payload"] = lab::b64(payload).into();
            },
            Code::SignatureInvalid,
        ),
        ("payload type", |b| b["dsseEnvelope"]["payloadType"] = "text/plain".into(), Code::PayloadType),
        (
            "payload type in other case",
            |b| b["dsseEnvelope"]["payloadType"] = "application/vnd.in-toto+JSON".into(),
            Code::PayloadType,
        ),
        ("signature", |b| flip(&mut b["dsseEnvelope"]["signatures"][0]["sig"]), Code::EntryMismatch),
        ("no signature", |b| b["dsseEnvelope"]["signatures"] = json!([]), Code::NoSignature),
        ("an empty signature", |b| b["dsseEnvelope"]["signatures"][0]["sig"] = "".into(), Code::NoSignature),
        (
            "two signatures",
            |b| {
                let one = b["dsseEnvelope"]["signatures"][0].clone();
                b["dsseEnvelope"]["signatures"] = json!([one, one]);
            },
            Code::SeveralSignatures,
        ),
    ];
    let statement = statement(SLSA, json!({}));
    let made = [attest(statement.clone()), make(&Make { statement: Some(statement), ..second() })];
    each_is_refused(&Ask::default(), &made, attacks);
}

#[test]
fn a_statement_is_about_our_bytes() {
    let digest = |name: &str| Subject::of_bytes(lab::ARTIFACT.to_vec()).digest().replace("sha256:", name);
    let sha256 = digest("");
    let with = |subjects: Value| {
        let mut statement = statement(SLSA, json!({}));
        statement["subject"] = subjects;
        attest(statement)
    };
    let named = |digest: Value| json!({ "name": "it", "digest": digest });
    let code = |subjects| Ask::default().code(&with(subjects));
    assert_eq!(
        code(json!([named(json!({ "sha256": "00".repeat(32) })), named(json!({ "sha256": sha256 }))])),
        None
    );
    for (subjects, expected) in [
        (json!([]), Code::StatementMalformed),
        (json!([named(json!({ "sha256": "00".repeat(32) }))]), Code::DigestMismatch),
        (json!([named(json!({ "sha512": "00".repeat(64) }))]), Code::DigestMismatch),
        // One digest that is ours and one that is not: that is no file.
        (json!([named(json!({ "sha256": sha256, "sha512": "00".repeat(64) }))]), Code::DigestMismatch),
        (json!([named(json!({ "md5": sha256 }))]), Code::EntryMalformed),
        (Value::Array(vec![named(json!({ "sha256": sha256 })); 1_025]), Code::StatementSubjects),
    ] {
        assert_eq!(
            code(subjects.clone()),
            Some(expected),
            "{}",
            subjects.to_string().get(..80).unwrap_or_default()
        );
    }
    assert_eq!(code(Value::Array(vec![named(json!({ "sha256": sha256 })); 1_024])), None);
    // An attestation of another artifact.
    let other = Ask { subject: Subject::of_bytes(b"other".to_vec()), ..Ask::default() };
    assert_eq!(other.code(&with(json!([named(json!({ "sha256": sha256 }))]))), Some(Code::DigestMismatch));
}

#[test]
fn only_what_the_rule_names_may_be_attested() {
    let code = |admits, bundle: &Value| Ask { admits, ..Ask::default() }.code(bundle);
    let of = |types: &[&str]| Predicates::Of(types.iter().map(|text| (*text).to_owned()).collect());
    let attestation = attest(statement(SLSA, json!({})));
    let plain = make(&Make::default());
    let admits = |message, predicates| Admits { message, predicates, ..Admits::default() };
    assert_eq!(code(admits(false, of(&[SLSA])), &attestation), None);
    assert_eq!(
        code(admits(false, of(&["https://example.com/other"])), &attestation),
        Some(Code::PredicateType)
    );
    assert_eq!(
        code(admits(false, of(&["https://slsa.dev/provenance/v1/"])), &attestation),
        Some(Code::PredicateType)
    );
    assert_eq!(code(admits(true, Predicates::None), &attestation), Some(Code::StatementNotAdmitted));
    assert_eq!(code(admits(false, of(&[SLSA])), &plain), Some(Code::StatementRequired));
    assert_eq!(code(admits(true, Predicates::None), &plain), None);
    let mut of_type = statement(SLSA, json!({}));
    for (name, expected) in [
        ("https://in-toto.io/Statement/v0.1", None),
        ("https://in-toto.io/Statement/v2", Some(Code::StatementType)),
        ("https://evil.example/Statement/v1", Some(Code::StatementType)),
    ] {
        of_type["_type"] = name.into();
        assert_eq!(code(admits(false, of(&[SLSA])), &attest(of_type.clone())), expected, "{name}");
    }
}

#[test]
fn provenance_says_what_the_certificate_does() {
    let predicate = json!({
        "buildDefinition": {
            "buildType": "https://actions.github.io/buildtypes/workflow/v1",
            "externalParameters": { "workflow": {
                "repository": "https://github.com/acme/tool", "ref": "refs/tags/v1", "path": ".github/workflows/release.yml",
            } },
            "resolvedDependencies": [
                { "uri": "git+https://github.com/acme/tool@refs/tags/v1", "digest": { "gitCommit": "c0ffee" } },
                { "uri": "git+https://github.com/other/thing@refs/tags/v9", "digest": { "gitCommit": "beef" } },
            ],
        },
        "runDetails": { "builder": { "id": lab::IDENTITY } },
    });
    let mut claims = Make::default().claims;
    claims.push((18, lab::IDENTITY.to_owned()));
    let code = |predicate: Value| {
        let made =
            Make { statement: Some(statement(SLSA, predicate)), claims: claims.clone(), ..Make::default() };
        Ask::default().code(&make(&made))
    };
    assert_eq!(code(predicate.clone()), None);
    let lies: &[(&str, &str)] = &[
        ("/runDetails/builder/id", "https://github.com/acme/tool/.github/workflows/other.yml@refs/tags/v1"),
        ("/buildDefinition/externalParameters/workflow/repository", "https://github.com/acme/other"),
        ("/buildDefinition/externalParameters/workflow/ref", "refs/heads/main"),
        ("/buildDefinition/externalParameters/workflow/path", ".github/workflows/other.yml"),
        ("/buildDefinition/resolvedDependencies/0/digest/gitCommit", "beef"),
    ];
    for (at, lie) in lies {
        let mut changed = predicate.clone();
        *changed.pointer_mut(at).unwrap() = (*lie).into();
        assert_eq!(code(changed), Some(Code::ProvenanceMismatch), "{at}");
    }
}
