//! Certificates, times, logs, checkpoints and witnesses.

use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_verify::{Code, Who};

use crate::lab::{self, AT, Log, Make, make, second};
use crate::{Ask, Attack, by_key, certificate, each_is_refused, flip, stamped};

/// The entry of a bundle.
fn entry(bundle: &mut Value) -> &mut Value {
    &mut bundle["verificationMaterial"]["tlogEntries"][0]
}

pub fn proof(bundle: &mut Value) -> &mut Value {
    &mut entry(bundle)["inclusionProof"]
}

pub fn checkpoint(bundle: &mut Value, change: impl Fn(&str) -> String) {
    let text = &mut proof(bundle)["checkpoint"]["envelope"];
    *text = change(text.as_str().unwrap()).into();
}

pub fn stamps(bundle: &mut Value) -> Option<&mut Vec<Value>> {
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
            with(vec![lab::extension("1.3.6.1.4.1.57264.1.15", false, &lab::der::utf8("1234"))]),
            Code::CertificateMalformed,
        ),
        (
            with(vec![lab::extension("2.5.29.19", true, &lab::der::sequence(&[&[1, 1, 255]]))]),
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
