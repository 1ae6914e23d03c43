//! Which evidence a rule asks for, and when those who give it are believed.

use jiff::Timestamp;
use serde_json::{Value, json};
use waystation_verify::{Code, Domain, TrustRoot, Witness};

use crate::evidence::{checkpoint, proof, stamps};
use crate::lab::{self, AT, Log, Make, make, second};
use crate::{Ask, by_key, flip};

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
