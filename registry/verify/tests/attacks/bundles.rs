//! The form of a bundle, its signature, and whose it is.

use serde_json::{Value, json};
use waystation_verify::{CertificateRule, Code, Domain, Issuer, Pattern, Subject, Version, Who};

use crate::lab::{self, Log, Make, make, second};
use crate::{Ask, Attack, by_key, certificate, each_is_refused, flip, named, public_key, stamped};

#[test]
fn what_is_signed_as_it_should_be_is_accepted() {
    let slsa = lab::statement(lab::SLSA, json!({}));
    for case in [
        Make::default(),
        second(),
        Make { statement: Some(slsa.clone()), ..Make::default() },
        Make { statement: Some(slsa.clone()), ..second() },
        Make { tsa: vec![1, 2], ..Make::default() },
    ] {
        let bundle = make(&case);
        let facts = Ask::default().about(&bundle).unwrap_or_else(|e| panic!("{case:?}: {} {e}", e.code()));
        assert_eq!(facts.subject, Subject::of_bytes(lab::ARTIFACT.to_vec()).digest());
        assert_eq!(facts.identity.unwrap().value, lab::IDENTITY);
        assert_eq!(facts.issuer.as_deref(), Some(lab::ISSUER));
        assert_eq!(facts.claims["source_repository_id"], "1234");
        assert_eq!(facts.logs.len(), 1);
        assert!(facts.logs[0].proven);
        assert!(facts.times.iter().all(|time| time.at.as_second() == lab::AT));
        assert_eq!(facts.predicate_type.is_some(), case.statement.is_some());
    }
    for case in
        [Make { key: Some(50), ..Make::default() }, Make { key: Some(50), statement: Some(slsa), ..second() }]
    {
        let facts =
            Ask::of(by_key(50)).about(&make(&case)).unwrap_or_else(|e| panic!("{case:?}: {} {e}", e.code()));
        assert_eq!(facts.key, public_key(50).fingerprint());
        assert_eq!(facts.identity, None);
    }
}

#[test]
fn a_bundle_of_two_meanings_is_refused() {
    let attacks: &[Attack] = &[
        ("an unknown field", |b| b["more"] = 1.into(), Code::BundleUnknownField),
        ("… below", |b| b["verificationMaterial"]["more"] = 1.into(), Code::BundleUnknownField),
        (
            "… in an entry",
            |b| b["verificationMaterial"]["tlogEntries"][0]["more"] = 1.into(),
            Code::BundleUnknownField,
        ),
        (
            "a field in another spelling",
            |b| b["media_type"] = b["mediaType"].take(),
            Code::BundleUnknownField,
        ),
        (
            "key and certificate",
            |b| b["verificationMaterial"]["publicKey"] = json!({}),
            Code::BundleAmbiguous,
        ),
        (
            "certificate and chain",
            |b| b["verificationMaterial"]["x509CertificateChain"] = json!({ "certificates": [] }),
            Code::BundleAmbiguous,
        ),
        (
            "message and envelope",
            |b| {
                b["messageSignature"] = json!({ "signature": "AAAA" });
                b["dsseEnvelope"] =
                    json!({ "payload": "AAAA", "payloadType": "a", "signatures": [{ "sig": "AAAA" }] });
            },
            Code::BundleAmbiguous,
        ),
        (
            "neither key nor certificate",
            |b| b["verificationMaterial"]["certificate"] = Value::Null,
            Code::NoCertificate,
        ),
        ("no media type", |b| b["mediaType"] = Value::Null, Code::BundleMalformed),
        (
            "a version to come",
            |b| b["mediaType"] = "application/vnd.dev.sigstore.bundle.v0.4+json".into(),
            Code::BundleVersion,
        ),
        (
            "an older version",
            |b| b["mediaType"] = "application/vnd.dev.sigstore.bundle+json;version=0.2".into(),
            Code::BundleVersion,
        ),
        ("a list", |b| *b = json!([b.clone()]), Code::BundleMalformed),
        ("nothing", |b| *b = json!({}), Code::BundleMalformed),
    ];
    each_is_refused(&Ask::default(), &[make(&Make::default()), make(&second())], attacks);
}

#[test]
fn a_bundle_is_one_whole_document() {
    let ask = Ask::default();
    let good = make(&Make::default()).to_string();
    let code = |text: &str| ask.bytes(text.as_bytes()).err().map(|e| e.code());
    assert_eq!(code(&good), None);
    assert_eq!(code(&format!("{good}{{}}")), Some(Code::BundleMalformed));
    assert_eq!(code(&format!("{good}x")), Some(Code::BundleMalformed));
    assert_eq!(
        code(&format!("{}{}", &good[..good.len() - 1], ",\"mediaType\":\"x\"}")),
        Some(Code::BundleDuplicateKey)
    );
    assert_eq!(
        code(&good.replacen("{\"keyId\"", "{\"keyId\":\"AAAA\",\"keyId\"", 1)),
        Some(Code::BundleDuplicateKey)
    );
    assert_eq!(
        code(&format!("{},\"x\":{}1{}}}", &good[..good.len() - 1], "[".repeat(20), "]".repeat(20))),
        Some(Code::BundleTooDeep)
    );
    assert_eq!(code(&format!("{good}{}", " ".repeat(4 << 20))), Some(Code::BundleTooLarge));
    for length in (0..good.len()).step_by(97) {
        assert!(code(&good[..length]).is_some(), "cut at {length}");
    }
}

#[test]
fn an_older_version_shows_as_much_as_a_newer_one() {
    let old = |mut bundle: Value, version: &str, proof: bool| {
        bundle["mediaType"] = format!("application/vnd.dev.sigstore.bundle+json;version={version}").into();
        let material = bundle["verificationMaterial"].as_object_mut().unwrap();
        if let Some(certificate) = material.remove("certificate") {
            material.insert("x509CertificateChain".to_owned(), json!({ "certificates": [certificate] }));
        }
        if !proof {
            material["tlogEntries"][0].as_object_mut().unwrap().remove("inclusionProof");
        }
        bundle
    };
    let good = make(&Make::default());
    // By default only 0.3 is admitted.
    for version in ["0.1", "0.2"] {
        assert_eq!(Ask::default().code(&old(good.clone(), version, true)), Some(Code::BundleVersion));
    }
    let domain = || Domain { bundles: Version::ALL.to_vec(), ..Domain::default() };
    let ask = Ask::within(domain());
    for version in ["0.1", "0.2"] {
        assert_eq!(ask.code(&old(good.clone(), version, true)), None);
        assert_eq!(ask.code(&old(good.clone(), version, false)), Some(Code::ProofMissing));
    }
    assert_eq!(ask.code(&old(good.clone(), "0.3", true)), Some(Code::BundleVersion));
    // Certificates that a bundle ships have to hold together; roots among them are not believed.
    let mut shipped = old(good.clone(), "0.2", true);
    let other = lab::leaf(&Make { leaf: (lab::AT - 61, lab::AT), ..Make::default() });
    let chain =
        shipped["verificationMaterial"]["x509CertificateChain"]["certificates"].as_array_mut().unwrap();
    chain.push(json!({ "rawBytes": lab::b64(other) }));
    assert_eq!(ask.code(&shipped), Some(Code::CertificateUntrusted));
    // A promise is enough only for what was logged before a time, and the log signed for the time.
    let until = |seconds| Some(jiff::Timestamp::from_second(seconds).unwrap());
    let before = Ask::within(Domain { promise_until: until(lab::AT), ..domain() });
    assert_eq!(before.code(&old(good.clone(), "0.1", false)), Some(Code::ProofMissing));
    let after = Ask::within(Domain { promise_until: until(lab::AT + 1), ..domain() });
    assert_eq!(after.code(&old(good.clone(), "0.1", false)), None);
    assert_eq!(after.code(&old(good.clone(), "0.2", false)), Some(Code::ProofMissing));
    let mut backdated = old(good.clone(), "0.1", false);
    backdated["verificationMaterial"]["tlogEntries"][0]["integratedTime"] = (lab::AT - 30).to_string().into();
    assert_eq!(after.code(&backdated), Some(Code::PromiseInvalid));
    // A key's bundle has the same shape in every version.
    let keyed = make(&Make { key: Some(50), ..Make::default() });
    let domain = Domain { old_until: until(lab::AT), ..domain() };
    let ask = Ask { domain, ..Ask::of(by_key(50)) };
    assert_eq!(ask.code(&keyed), None);
    assert_eq!(ask.code(&old(keyed, "0.1", true)), Some(Code::BundleVersion));
    assert_eq!(ask.code(&old(good, "0.1", true)), Some(Code::CertificateRequired));
}

#[test]
fn a_changed_signature_is_refused() {
    let attacks: &[Attack] = &[
        ("flipped", |b| flip(&mut b["messageSignature"]["signature"]), Code::EntryMismatch),
        ("empty", |b| b["messageSignature"]["signature"] = "".into(), Code::NoSignature),
        ("gone", |b| b["messageSignature"]["signature"] = Value::Null, Code::NoSignature),
        ("no content", |b| b["messageSignature"] = Value::Null, Code::NoSignature),
        ("not base64", |b| b["messageSignature"]["signature"] = "*".into(), Code::BundleMalformed),
        ("malleated: r, n - s", |b| malleate(&mut b["messageSignature"]["signature"]), Code::EntryMismatch),
        (
            "another algorithm of the digest",
            |b| b["messageSignature"]["messageDigest"]["algorithm"] = "SHA2_512".into(),
            Code::AlgorithmMismatch,
        ),
        (
            "another digest",
            |b| flip(&mut b["messageSignature"]["messageDigest"]["digest"]),
            Code::DigestMismatch,
        ),
    ];
    each_is_refused(&Ask::default(), &[make(&Make::default()), make(&second())], attacks);
    // With nothing but a timestamp, that is what holds it.
    let stamped = Ask::within(stamped());
    let mut bundle = make(&Make { log: Log::None, tsa: vec![1], ..Make::default() });
    assert_eq!(stamped.code(&bundle), None);
    malleate(&mut bundle["messageSignature"]["signature"]);
    assert_eq!(stamped.code(&bundle), Some(Code::TimestampInvalid));
}

fn malleate(signature: &mut Value) {
    let old = p256::ecdsa::Signature::from_der(&lab::unb64(signature)).unwrap();
    let new = p256::ecdsa::Signature::from_scalars(*old.r(), -*old.s()).unwrap();
    *signature = lab::b64(new.to_der()).into();
}

#[test]
fn other_bytes_are_refused() {
    let good = make(&Make::default());
    let about = |subject| Ask { subject, ..Ask::default() }.code(&good);
    let digest = Subject::of_bytes(lab::ARTIFACT.to_vec()).digest();
    assert_eq!(about(Subject::of_digest(&digest).unwrap()), None);
    assert_eq!(about(Subject::of_bytes(b"other bytes".to_vec())), Some(Code::DigestMismatch));
    assert_eq!(about(Subject::of_bytes(Vec::new())), Some(Code::DigestMismatch));
    let other = Subject::of_digest(&format!("sha256:{}", "00".repeat(32))).unwrap();
    assert_eq!(about(other), Some(Code::DigestMismatch));
    // A digest by another algorithm is not one of these bytes, whatever its value.
    let other = Subject::of_digest(&format!("sha512:{}", "00".repeat(64))).unwrap();
    assert_eq!(about(other), Some(Code::SubjectUnsupported));
}

#[test]
fn another_identity_is_refused() {
    let good = make(&Make::default());
    let rule =
        |identity: Pattern, issuer: &str| CertificateRule::new(vec![identity], Issuer::Is(issuer.to_owned()));
    let code = |rule| Ask::of(Who::Certificate(rule)).code(&good);
    let exact = |text: &str| Pattern::exact(text).unwrap();
    assert_eq!(code(rule(exact(lab::IDENTITY), lab::ISSUER)), None);
    for identity in [
        format!("{}x", lab::IDENTITY),
        lab::IDENTITY[..lab::IDENTITY.len() - 1].to_owned(),
        lab::IDENTITY.to_uppercase(),
        lab::IDENTITY.replace("acme", "evil"),
        lab::IDENTITY.replace("release.yml", "other.yml"),
        lab::IDENTITY.replace("v1", "v2"),
    ] {
        assert_eq!(code(rule(exact(&identity), lab::ISSUER)), Some(Code::IdentityMismatch), "{identity}");
    }
    for issuer in
        [&format!("{}/", lab::ISSUER), "https://gitlab.com", &lab::ISSUER.to_uppercase(), "https://"]
    {
        assert_eq!(code(rule(exact(lab::IDENTITY), issuer)), Some(Code::IssuerMismatch), "{issuer}");
    }
    let none = CertificateRule::new(vec![exact(lab::IDENTITY)], Issuer::None);
    assert_eq!(code(none), Some(Code::IssuerMismatch));
    assert_eq!(code(CertificateRule::new(Vec::new(), Issuer::Any)), Some(Code::IdentityMismatch));
    // One prefix of an owner is not that of another.
    let prefix = |text: &str| Pattern::prefix(text).unwrap();
    assert_eq!(code(rule(prefix("https://github.com/acme/"), lab::ISSUER)), None);
    assert_eq!(code(rule(prefix("https://github.com/acm/"), lab::ISSUER)), Some(Code::IdentityMismatch));
    assert_eq!(Pattern::prefix("https://github.com/acme").unwrap_err().code(), Code::PolicyPattern);
}

#[test]
fn claims_of_the_build_must_hold() {
    let exact = |text: &str| vec![Pattern::exact(text).unwrap()];
    let code = |made: Make, rule| Ask::of(Who::Certificate(rule)).code(&make(&made));
    for (claim, is) in [
        ("source_repository_id", "1234"),
        ("source_repository_ref", "refs/tags/v1"),
        ("source_repository_digest", "c0ffee"),
        ("build_signer_uri", lab::IDENTITY),
        ("build_trigger", "push"),
        ("runner_environment", "github-hosted"),
    ] {
        assert_eq!(code(Make::default(), certificate().claim(claim, exact(is)).unwrap()), None);
        let other = certificate().claim(claim, exact("other")).unwrap();
        assert_eq!(code(Make::default(), other), Some(Code::ClaimMismatch), "{claim}");
    }
    // One that is not there is not that of the rule.
    let absent = certificate().claim("deployment_environment", exact("production")).unwrap();
    assert_eq!(code(Make::default(), absent), Some(Code::ClaimMismatch));
    assert_eq!(certificate().claim("repository", exact("a")).unwrap_err().code(), Code::PolicyUnknownName);
    let with = |number, value: &str| {
        let mut claims = Make::default().claims;
        claims.retain(|(known, _)| *known != number);
        claims.push((number, value.to_owned()));
        Make { claims, ..Make::default() }
    };
    let own = || with(11, "self-hosted");
    assert_eq!(code(own(), certificate()), Some(Code::SelfHostedRunner));
    assert_eq!(code(own(), certificate().with_self_hosted(true)), None);
    for trigger in ["pull_request", "pull_request_target"] {
        assert_eq!(code(with(20, trigger), certificate()), Some(Code::ForkTrigger));
        assert_eq!(code(with(20, trigger), certificate().with_pull_requests(true)), None);
    }
}

#[test]
fn a_person_reads_who_signed_and_who_should_have() {
    let says = |ask: Ask, bundle: &Value| ask.about(bundle).unwrap_err();
    let key = |seed| public_key(seed).fingerprint();
    let hinted = |mut bundle: Value, seed| {
        bundle["verificationMaterial"]["publicKey"]["hint"] = lab::b64(lab::sha256(&lab::spki(seed))).into();
        bundle
    };
    let other = || Ask { domain: stamped(), ..Ask::of(by_key(51)) };
    let stamped = make(&Make { key: Some(50), log: Log::None, tsa: vec![1], ..Make::default() });
    let refusal = says(other(), &hinted(stamped.clone(), 50));
    let expected = format!(
        "the key {} made the signature, by the bundle's own account; the rule names expected (key {})",
        key(50),
        key(51)
    );
    assert_eq!((refusal.code(), refusal.detail()), (Code::SignatureInvalid, expected.as_str()));
    // What says nothing of it, and what lies.
    let refusal = says(other(), &stamped);
    let expected = format!("none of the rule's keys made the signature; it names expected (key {})", key(51));
    assert_eq!((refusal.code(), refusal.detail()), (Code::SignatureInvalid, expected.as_str()));
    let refusal = says(other(), &hinted(stamped, 51));
    assert!(refusal.detail().contains(&format!("says that the key {} made", key(51))), "{refusal}");
    // In a log, and where another kind of signer is wanted.
    let logged = hinted(make(&Make { key: Some(50), ..Make::default() }), 50);
    let refusal = says(Ask::of(by_key(51)), &logged);
    assert_eq!(refusal.code(), Code::EntryMismatch);
    assert!(refusal.detail().contains(&key(50)) && refusal.detail().contains(&key(51)), "{refusal}");
    let refusal = says(Ask::default(), &logged);
    assert!(refusal.detail().contains(&key(50)) && refusal.detail().contains(lab::IDENTITY), "{refusal}");
    let refusal = says(Ask::of(by_key(51)), &make(&Make::default()));
    assert!(refusal.detail().contains(lab::IDENTITY) && refusal.detail().contains(&key(51)), "{refusal}");
    let elsewhere = CertificateRule::new(
        vec![Pattern::exact(lab::IDENTITY).unwrap()],
        Issuer::Is("https://elsewhere.example".to_owned()),
    );
    let refusal = says(Ask::of(Who::Certificate(elsewhere)), &make(&Make::default()));
    let expected =
        format!("the certificate's issuer is {}, and the rule names https://elsewhere.example", lab::ISSUER);
    assert_eq!(refusal.detail(), expected);
}

#[test]
fn only_a_key_of_the_rule_counts() {
    let keyed = make(&Make { key: Some(50), ..Make::default() });
    assert_eq!(Ask::of(by_key(50)).code(&keyed), None);
    assert_eq!(Ask::of(by_key(51)).code(&keyed), Some(Code::EntryMismatch));
    assert_eq!(Ask::default().code(&keyed), Some(Code::KeyRequired));
    assert_eq!(Ask::of(by_key(50)).code(&make(&Make::default())), Some(Code::CertificateRequired));
    // The hint selects none.
    let mut hinted = keyed.clone();
    hinted["verificationMaterial"]["publicKey"]["hint"] = public_key(51).fingerprint().into();
    assert_eq!(Ask::of(by_key(50)).code(&hinted), None);
    assert_eq!(Ask::of(by_key(51)).code(&hinted), Some(Code::EntryMismatch));
    let both = Ask { signers: vec![named(by_key(51)), named(by_key(50))], ..Ask::default() };
    assert_eq!(both.code(&keyed), None);
}

#[test]
fn a_key_is_believed_in_its_time_and_until_it_is_revoked() {
    let keyed = make(&Make { key: Some(50), ..Make::default() });
    let time = |offset: i64| Some(jiff::Timestamp::from_second(lab::AT + offset).unwrap());
    let within =
        |not_before, not_after| Ask::of(Who::Key { key: public_key(50), not_before, not_after }).code(&keyed);
    assert_eq!(within(time(0), time(0)), None);
    assert_eq!(within(time(1), None), Some(Code::KeyOutsideValidity));
    assert_eq!(within(None, time(-1)), Some(Code::KeyOutsideValidity));
    let mut ask = Ask::of(by_key(50));
    ask.signers[0].revoked = true;
    assert_eq!(ask.code(&keyed), Some(Code::KeyRevoked));
    // Also where another name fits.
    ask.signers.push(named(by_key(50)));
    assert_eq!(ask.code(&keyed), Some(Code::KeyRevoked));
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(128))]

    /// Whatever byte of a bundle is another one, it is refused, or means the same.
    #[test]
    fn no_byte_of_a_bundle_can_be_changed(place: proptest::sample::Index, byte: u8, stamped: bool) {
        let good = make(&if stamped { second() } else { Make::default() });
        let mut bytes = good.to_string().into_bytes();
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if Ask::default().bytes(&bytes).is_ok() {
            let read: Value = serde_json::from_slice(&bytes).unwrap();
            proptest::prop_assert!(read == good, "byte {place} is not looked at");
        }
    }
}
