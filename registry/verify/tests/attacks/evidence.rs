//! Certificates, times, logs, checkpoints and witnesses.

use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_verify::{Code, Domain, TrustRoot, Who, Witness};

use crate::lab::{self, AT, Log, Make, make, second};
use crate::{Ask, Attack, by_key, certificate, each_is_refused, flip, stamped};

/// The entry of a bundle.
fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

fn proof(bundle: &mut Value) -> &mut Value {
    &mut entry(bundle)["inclusionProof"]
}

fn checkpoint(bundle: &mut Value, change: impl Fn(&str) -> String) {
    let text = &mut proof(bundle)["checkpoint"]["envelope"];
    *text = change(text.as_str().unwrap()).into();
}

fn stamps(bundle: &mut Value) -> Option<&mut Vec<Value>> {
    bundle["verificationMaterial"].get_mut("timestampVerificationData")?["rfc3161Timestamps"].as_array_mut()
}

#[test]
fn a_changed_log_entry_is_refused() {
    let attacks: &[Attack] = &[
        ("no entry", |b| b["verificationMaterial"]["tlogEntries"] = json!([]), Code::LogMissing),
        ("the list gone", |b| b["verificationMaterial"]["tlogEntries"] = Value::Null, Code::LogMissing),
        ("no proof", |b| *proof(b) = Value::Null, Code::ProofMissing),
        ("index beside the proof", |b| proof(b)["logIndex"] = "0".into(), Code::ProofInvalid),
        ("size beside the proof", |b| proof(b)["treeSize"] = "3".into(), Code::CheckpointInvalid),
        ("root beside the proof", |b| flip(&mut proof(b)["rootHash"]), Code::CheckpointInvalid),
        ("a hash", |b| flip(&mut proof(b)["hashes"][0]), Code::ProofInvalid),
        ("a hash less", |b| proof(b)["hashes"] = json!([]), Code::ProofInvalid),
        (
            "a hash more",
            |b| proof(b)["hashes"] = json!([lab::b64([7; 32]), lab::b64([7; 32])]),
            Code::ProofInvalid,
        ),
        ("negative index", |b| entry(b)["logIndex"] = "-1".into(), Code::BundleMalformed),
        ("no checkpoint", |b| proof(b)["checkpoint"] = Value::Null, Code::CheckpointInvalid),
        ("origin", |b| checkpoint(b, |text| format!("x{text}")), Code::CheckpointInvalid),
        (
            "size of the checkpoint",
            |b| checkpoint(b, |text| text.replace("\n2\n", "\n3\n")),
            Code::CheckpointInvalid,
        ),
        (
            "a line more",
            |b| checkpoint(b, |text| text.replace("\n\n", "\nmore\n\n")),
            Code::CheckpointInvalid,
        ),
        ("a part more", |b| checkpoint(b, |text| format!("{text}\nmore\n")), Code::CheckpointInvalid),
        (
            "another signer's name",
            |b| checkpoint(b, |text| text.replace("— rekor", "— evil")),
            Code::CheckpointInvalid,
        ),
        (
            "no signature of the log",
            |b| checkpoint(b, |text| format!("{}\n\n", text.split("\n\n").next().unwrap())),
            Code::CheckpointInvalid,
        ),
        ("an unknown log", |b| flip(&mut entry(b)["logId"]["keyId"]), Code::LogUnknown),
        ("an unknown kind", |b| entry(b)["kindVersion"]["kind"] = "rekord".into(), Code::EntryMalformed),
        ("the kind's version", |b| entry(b)["kindVersion"]["version"] = "0.0.9".into(), Code::EntryMalformed),
        (
            "the body",
            |b| {
                let body = String::from_utf8(lab::unb64(&entry(b)["canonicalizedBody"])).unwrap();
                entry(b)["canonicalizedBody"] = lab::b64(format!("{body} ")).into();
            },
            Code::ProofInvalid,
        ),
        (
            "twice",
            |b| {
                let one = entry(b).clone();
                b["verificationMaterial"]["tlogEntries"] = json!([one, one]);
            },
            Code::DuplicateEntry,
        ),
        (
            "twice, under another index",
            |b| {
                let (one, mut other) = (entry(b).clone(), entry(b).clone());
                other["logIndex"] = "0".into();
                b["verificationMaterial"]["tlogEntries"] = json!([one, other]);
            },
            Code::DuplicateEntry,
        ),
    ];
    let keyed = make(&Make { key: Some(50), ..Make::default() });
    // Stamped as well, so that the time does not hang on the log.
    let first = make(&Make { tsa: vec![1], ..Make::default() });
    for (ask, made) in [(Ask::default(), vec![make(&second()), first]), (Ask::of(by_key(50)), vec![keyed])] {
        // A promise covers the body and is looked at first.
        let attacks: Vec<Attack> =
            attacks.iter().copied().filter(|(name, ..)| made.len() > 1 || *name != "the body").collect();
        for bundle in &made {
            let attacks: Vec<Attack> = attacks
                .iter()
                .copied()
                .filter(|(name, ..)| {
                    *name != "the body" || entry(&mut bundle.clone()).get("integratedTime").is_none()
                })
                .collect();
            each_is_refused(&ask, std::slice::from_ref(bundle), &attacks);
        }
    }
}

#[test]
fn a_promise_holds_the_time_and_the_entry() {
    let attacks: &[Attack] = &[
        ("time", |b| entry(b)["integratedTime"] = (AT + 1).to_string().into(), Code::PromiseInvalid),
        ("index", |b| entry(b)["logIndex"] = "1002".into(), Code::PromiseInvalid),
        (
            "promise",
            |b| flip(&mut entry(b)["inclusionPromise"]["signedEntryTimestamp"]),
            Code::PromiseInvalid,
        ),
        ("no promise", |b| entry(b)["inclusionPromise"] = Value::Null, Code::IntegratedTimeUnsigned),
        ("no time", |b| entry(b)["integratedTime"] = Value::Null, Code::EntryMalformed),
        (
            "neither",
            |b| {
                entry(b)["inclusionPromise"] = Value::Null;
                entry(b)["integratedTime"] = Value::Null;
            },
            Code::NoVerifiedTime,
        ),
    ];
    each_is_refused(&Ask::default(), &[make(&Make::default())], attacks);
    // Rekor v2 signs no time.
    let attacks: &[Attack] = &[
        (
            "a time of no one",
            |b| entry(b)["integratedTime"] = AT.to_string().into(),
            Code::IntegratedTimeUnsigned,
        ),
        (
            "no timestamp",
            |b| b["verificationMaterial"]["timestampVerificationData"] = Value::Null,
            Code::NoVerifiedTime,
        ),
        (
            "a promise",
            |b| entry(b)["inclusionPromise"] = json!({ "signedEntryTimestamp": "AAAA" }),
            Code::EntryMalformed,
        ),
    ];
    each_is_refused(&Ask::default(), &[make(&second())], attacks);
}

#[test]
fn an_entry_of_something_else_is_refused() {
    // Everything but the entry is right, and so is the entry, for another signature.
    for (mine, other) in [
        (Make::default(), Make { key: Some(50), ..Make::default() }),
        (Make::default(), Make { identities: vec!["evil@example.com".to_owned()], ..Make::default() }),
        (Make::default(), Make { leaf: (AT - 61, AT + 540), ..Make::default() }),
        (second(), Make { key: Some(50), ..second() }),
    ] {
        let (mut bundle, other) = (make(&mine), make(&other));
        bundle["verificationMaterial"]["tlogEntries"] = other["verificationMaterial"]["tlogEntries"].clone();
        assert_eq!(Ask::default().code(&bundle), Some(Code::EntryMismatch));
    }
    // A log entry for this signature, which says that it is about other bytes.
    let der = lab::leaf(&Make::default());
    let signature = lab::unb64(&make(&Make::default())["messageSignature"]["signature"]);
    for log in [Log::V1, Log::V2] {
        let body = lab::body(log, false, b"other bytes", b"", &signature, ("CERTIFICATE", &der));
        let mut bundle = make(&Make { log, tsa: vec![1], ..Make::default() });
        bundle["verificationMaterial"]["tlogEntries"] = json!([lab::entry(log, &body, &[], AT)]);
        assert_eq!(Ask::default().code(&bundle), Some(Code::DigestMismatch));
    }
    // A key where the certificate has to be.
    let body = lab::body(Log::V1, false, lab::ARTIFACT, b"", &signature, ("PUBLIC KEY", &lab::spki(13)));
    let mut bundle = make(&Make::default());
    bundle["verificationMaterial"]["tlogEntries"] = json!([lab::entry(Log::V1, &body, &[], AT)]);
    assert_eq!(Ask::default().code(&bundle), Some(Code::EntryMismatch));
}

#[test]
fn a_checkpoint_of_another_trusted_log_is_refused() {
    // The engine believes a checkpoint of any log of the root; the entry's own it has to be.
    let mut bundle = make(&Make { tsa: vec![1], ..Make::default() });
    entry(&mut bundle)["logId"] = entry(&mut make(&second()))["logId"].clone();
    assert_eq!(Ask::default().code(&bundle), Some(Code::CheckpointInvalid));
    let mut bundle = make(&second());
    entry(&mut bundle)["logId"] = entry(&mut make(&Make::default()))["logId"].clone();
    assert_eq!(Ask::default().code(&bundle), Some(Code::CheckpointInvalid));
}

#[test]
fn a_kind_that_is_not_that_of_the_body_is_refused() {
    let mut bundle = make(&Make { tsa: vec![1], ..Make::default() });
    let other = make(&second());
    let material = &other["verificationMaterial"]["tlogEntries"][0]["kindVersion"];
    entry(&mut bundle)["kindVersion"] = material.clone();
    entry(&mut bundle)["inclusionPromise"] = Value::Null;
    entry(&mut bundle)["integratedTime"] = Value::Null;
    assert_eq!(Ask::default().code(&bundle), Some(Code::EntryMismatch));
}

#[test]
fn a_foreign_or_changed_timestamp_is_refused() {
    let attacks: &[Attack] = &[
        (
            "changed",
            |b| {
                if let Some(list) = stamps(b) {
                    flip(&mut list[0]["signedTimestamp"]);
                }
            },
            Code::TimestampInvalid,
        ),
        (
            "twice",
            |b| {
                if let Some(list) = stamps(b) {
                    list.push(list[0].clone());
                }
            },
            Code::DuplicateTimestamp,
        ),
        (
            "of another signature, beside a good one",
            |b| {
                if let Some(list) = stamps(b) {
                    list.push(json!({ "signedTimestamp": lab::b64(lab::timestamp(1, b"other", AT)) }));
                }
            },
            Code::TimestampInvalid,
        ),
        (
            "of an authority that is not trusted",
            |b| {
                let signature = lab::unb64(&b["messageSignature"]["signature"]);
                if let Some(list) = stamps(b) {
                    list.push(json!({ "signedTimestamp": lab::b64(lab::timestamp(5, &signature, AT)) }));
                }
            },
            Code::TimestampInvalid,
        ),
        (
            "nothing that is one",
            |b| {
                if let Some(list) = stamps(b) {
                    list.push(json!({ "signedTimestamp": "AAAA" }));
                }
            },
            Code::TimestampInvalid,
        ),
    ];
    each_is_refused(
        &Ask::default(),
        &[make(&second()), make(&Make { tsa: vec![2], ..Make::default() })],
        attacks,
    );
}

#[test]
fn a_certificate_is_valid_at_every_verified_time() {
    let code = |made: Make| Ask::default().code(&make(&made));
    for (leaf, expected) in [
        ((AT, AT), None),
        ((AT + 1, AT + 600), Some(Code::CertificateExpired)),
        ((AT - 600, AT - 1), Some(Code::CertificateExpired)),
    ] {
        assert_eq!(code(Make { leaf, ..Make::default() }), expected);
        assert_eq!(code(Make { leaf, ..second() }), expected);
    }
    // Logged in time, stamped late.
    let mut bundle = make(&Make { tsa: vec![1], ..Make::default() });
    let signature = lab::unb64(&bundle["messageSignature"]["signature"]);
    stamps(&mut bundle).unwrap()[0]["signedTimestamp"] =
        lab::b64(lab::timestamp(1, &signature, AT + 10_000)).into();
    assert_eq!(Ask::default().code(&bundle), Some(Code::CertificateExpired));
    // Without a time that anyone vouches for, today's is none.
    let bundle = make(&Make { log: Log::None, ..Make::default() });
    assert_eq!(Ask::default().code(&bundle), Some(Code::LogMissing));
    assert_eq!(Ask::within(stamped()).code(&bundle), Some(Code::NoVerifiedTime));
}

#[test]
fn no_time_is_from_the_future_of_the_hosts_clock() {
    let at = |offset: i64| Timestamp::from_second(AT + offset).unwrap();
    for made in [make(&Make::default()), make(&second())] {
        assert_eq!(Ask { now: at(0), ..Ask::default() }.code(&made), None);
        assert_eq!(Ask { now: at(-1), ..Ask::default() }.code(&made), Some(Code::TimeInFuture));
    }
    let keyed = make(&Make { key: Some(50), ..Make::default() });
    assert_eq!(Ask { now: at(-1), ..Ask::of(by_key(50)) }.code(&keyed), Some(Code::TimeInFuture));
}

#[test]
fn a_certificate_that_is_not_one_for_signing_is_refused() {
    let code = |made: Make| Ask::of(Who::Certificate(certificate())).code(&make(&made));
    let with = |extensions| Make { extensions, ..Make::default() };
    for (made, expected) in [
        (Make { code_signing: false, ..Make::default() }, Code::CertificateUntrusted),
        (Make { sct: false, ..Make::default() }, Code::SctInvalid),
        (Make { identities: Vec::new(), ..Make::default() }, Code::CertificateMalformed),
        (
            Make {
                identities: vec![lab::IDENTITY.to_owned(), "b@example.com".to_owned()],
                ..Make::default()
            },
            Code::CertificateMalformed,
        ),
        (Make { issuer: None, ..Make::default() }, Code::IssuerMismatch),
        // The same extension twice, the second time with what the rule wants.
        (
            with(vec![lab::extension("1.3.6.1.4.1.57264.1.15", false, &crate::der::utf8("1234"))]),
            Code::CertificateMalformed,
        ),
        (
            with(vec![lab::extension("2.5.29.19", true, &crate::der::sequence(&[&[1, 1, 255]]))]),
            Code::CertificateMalformed,
        ),
        (with(vec![lab::extension("1.3.6.1.4.1.57264.1.23", false, b"not DER")]), Code::CertificateMalformed),
        (with(vec![lab::extension("1.2.3.4", true, b"unknown and critical")]), Code::CertificateMalformed),
    ] {
        assert_eq!(code(made.clone()), Some(expected), "{made:?}");
    }
    let attacks: &[Attack] = &[
        ("changed", |b| flip(&mut b["verificationMaterial"]["certificate"]["rawBytes"]), Code::EntryMismatch),
        (
            "a byte more",
            |b| {
                let mut der = lab::unb64(&b["verificationMaterial"]["certificate"]["rawBytes"]);
                der.push(0);
                b["verificationMaterial"]["certificate"]["rawBytes"] = lab::b64(der).into();
            },
            Code::CertificateMalformed,
        ),
        (
            "empty",
            |b| b["verificationMaterial"]["certificate"]["rawBytes"] = "".into(),
            Code::BundleMalformed,
        ),
        (
            "that of another",
            |b| {
                let other =
                    lab::leaf(&Make { identities: vec!["evil@example.com".to_owned()], ..Make::default() });
                b["verificationMaterial"]["certificate"]["rawBytes"] = lab::b64(other).into();
            },
            Code::EntryMismatch,
        ),
    ];
    each_is_refused(&Ask::default(), &[make(&Make::default()), make(&second())], attacks);
    // Where no log would notice.
    let mut bundle = make(&Make { log: Log::None, tsa: vec![1], ..Make::default() });
    flip(&mut bundle["verificationMaterial"]["certificate"]["rawBytes"]);
    assert!(matches!(
        Ask::within(stamped()).code(&bundle),
        Some(Code::CertificateUntrusted | Code::CertificateMalformed)
    ));
}

#[test]
fn the_rule_says_which_evidence_is_needed() {
    let good = make(&Make { tsa: vec![1, 2], ..Make::default() });
    let bare = make(&Make { log: Log::None, sct: false, tsa: vec![1], ..Make::default() });
    let domain = |sct, tlog, tsa| Domain { sct, tlog, tsa, ..Domain::default() };
    for (domain, bundle, expected) in [
        (domain(1, 1, 0), &good, None),
        (domain(1, 1, 2), &good, None),
        (domain(1, 1, 3), &good, Some(Code::TimestampMissing)),
        (domain(1, 2, 0), &good, Some(Code::LogMissing)),
        (domain(0, 0, 1), &bare, None),
        (domain(0, 0, 2), &bare, Some(Code::TimestampMissing)),
        (domain(1, 0, 1), &bare, Some(Code::SctInvalid)),
        (domain(0, 1, 1), &bare, Some(Code::LogMissing)),
        (domain(0, 0, 0), &bare, Some(Code::PolicyNoEvidence)),
        (domain(2, 1, 0), &good, Some(Code::PolicyThreshold)),
    ] {
        assert_eq!(Ask::within(domain.clone()).code(bundle), expected, "{domain:?}");
    }
    // One authority twice, at two times, is one.
    let mut bundle = make(&Make { tsa: vec![1], ..Make::default() });
    let signature = lab::unb64(&bundle["messageSignature"]["signature"]);
    let again = json!({ "signedTimestamp": lab::b64(lab::timestamp(1, &signature, AT + 1)) });
    stamps(&mut bundle).unwrap().push(again);
    assert_eq!(Ask::within(domain(1, 1, 1)).code(&bundle), None);
    assert_eq!(Ask::within(domain(1, 1, 2)).code(&bundle), Some(Code::TimestampMissing));
    // What is there and not asked for has to hold all the same.
    let mut bundle = good.clone();
    flip(&mut proof(&mut bundle)["hashes"][0]);
    assert_eq!(Ask::within(domain(1, 0, 1)).code(&bundle), Some(Code::ProofInvalid));
}

#[test]
fn every_verified_time_lies_in_the_time_of_the_logs_key() {
    let ask = |place: usize, end: i64| {
        let mut root = lab::root();
        let end = Timestamp::from_second(AT + end).unwrap();
        root["tlogs"][place]["publicKey"]["validFor"]["end"] = end.to_string().into();
        Ask { root: Some(TrustRoot::parse(root.to_string().as_bytes()).unwrap()), ..Ask::default() }
    };
    let (first, stamped) = (make(&Make::default()), make(&second()));
    // An end counts.
    assert_eq!(ask(0, 0).code(&first), None);
    assert_eq!(ask(1, 0).code(&stamped), None);
    assert!(matches!(ask(0, -1).code(&first), Some(Code::LogWindow | Code::PromiseInvalid)));
    assert_eq!(ask(1, -1).code(&stamped), Some(Code::LogWindow));
    let keyed = make(&Make { key: Some(50), ..second() });
    let ask = Ask { root: ask(1, -1).root, ..Ask::of(by_key(50)) };
    assert_eq!(ask.code(&keyed), Some(Code::LogWindow));
}

#[test]
fn authorities_are_believed_in_their_time() {
    let ask = |section: &str, window: Value| {
        let mut root = lab::root();
        for authority in root[section].as_array_mut().unwrap() {
            match authority.get("publicKey").is_some() {
                true => authority["publicKey"]["validFor"] = window.clone(),
                false => authority["validFor"] = window.clone(),
            }
        }
        Ask { root: Some(TrustRoot::parse(root.to_string().as_bytes()).unwrap()), ..Ask::default() }
    };
    let bundle = make(&second());
    let time = |offset: i64| Timestamp::from_second(AT + offset).unwrap().to_string();
    for (section, code) in [
        ("certificateAuthorities", Code::CertificateAuthorityWindow),
        ("ctlogs", Code::SctInvalid),
        ("timestampAuthorities", Code::TimestampWindow),
        ("tlogs", Code::LogWindow),
    ] {
        let past = json!({ "start": "2020-01-01T00:00:00Z", "end": time(-120) });
        assert_eq!(ask(section, past).code(&bundle), Some(code), "{section}");
        let late = json!({ "start": time(120) });
        assert_eq!(ask(section, late).code(&bundle), Some(code), "{section}");
    }
}

#[test]
fn witnesses_count_by_their_keys() {
    let witness = |seed| Witness::try_from(lab::witness(seed)).unwrap();
    let ask =
        |need, witnesses: Vec<Witness>| Ask::within(Domain { witness: need, witnesses, ..Domain::default() });
    for made in [Make::default(), second()] {
        let seen = make(&Make { witnesses: vec![60, 61], ..made.clone() });
        let unseen = make(&made);
        assert_eq!(ask(2, vec![witness(60), witness(61), witness(62)]).code(&seen), None);
        assert_eq!(ask(1, vec![witness(60), witness(62)]).code(&seen), None);
        assert_eq!(ask(2, vec![witness(60), witness(62)]).code(&seen), Some(Code::WitnessMissing));
        assert_eq!(ask(2, vec![witness(60), witness(60)]).code(&seen), Some(Code::WitnessMissing));
        assert_eq!(ask(1, vec![witness(60)]).code(&unseen), Some(Code::WitnessMissing));
        let mut changed = make(&Make { witnesses: vec![60], ..made });
        checkpoint(&mut changed, |text| text.replace("witness60", "witness61"));
        assert_eq!(ask(1, vec![witness(60), witness(61)]).code(&changed), Some(Code::WitnessMissing));
    }
    assert_eq!(
        Witness::try_from(lab::witness(60).replace("witness60", "other")).unwrap_err().code(),
        Code::KeyUnusable
    );
}
