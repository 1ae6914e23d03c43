//! Trusted roots that are damaged, or not the ones that a rule pins.

use serde_json::{Value, json};
use waystation_verify::{Code, Domain, TrustRoot};

use crate::lab::{self, Make, make};
use crate::{Ask, flip, now, root};

fn code(root: &Value) -> Option<Code> {
    TrustRoot::parse(root.to_string().as_bytes()).err().map(|refusal| refusal.code())
}

#[test]
fn whatever_is_damaged_is_refused_as_a_whole() {
    type Damage = (&'static str, fn(&mut Value), Code);
    fn each_window(root: &mut Value, change: impl Fn(&mut Value)) {
        for section in ["tlogs", "ctlogs"] {
            change(&mut root[section][0]["publicKey"]);
        }
        for section in ["certificateAuthorities", "timestampAuthorities"] {
            change(&mut root[section][0]);
        }
    }
    assert_eq!(code(&lab::root()), None);
    let damages: &[Damage] = &[
        ("nothing in it", |r| *r = json!({ "mediaType": r["mediaType"] }), Code::RootMalformed),
        ("not an object", |r| *r = json!([]), Code::RootMalformed),
        ("no media type", |r| r["mediaType"] = Value::Null, Code::RootMalformed),
        ("another media type", |r| r["mediaType"] = "application/json".into(), Code::RootVersion),
        ("an unknown field", |r| r["more"] = 1.into(), Code::RootUnknownField),
        ("… of a log", |r| r["tlogs"][0]["more"] = 1.into(), Code::RootUnknownField),
        (
            "… of a window",
            |r| r["ctlogs"][0]["publicKey"]["validFor"]["more"] = 1.into(),
            Code::RootUnknownField,
        ),
        ("logs that are no list", |r| r["tlogs"] = "none".into(), Code::RootMalformed),
        (
            "a key that does not parse",
            |r| r["tlogs"][0]["publicKey"]["rawBytes"] = "AAAA".into(),
            Code::RootKey,
        ),
        ("an empty key", |r| r["ctlogs"][0]["publicKey"]["rawBytes"] = "".into(), Code::RootMalformed),
        ("another point", |r| flip(&mut r["tlogs"][0]["publicKey"]["rawBytes"]), Code::RootKey),
        (
            "a key of another kind",
            |r| r["tlogs"][0]["publicKey"]["keyDetails"] = "PKIX_ED25519".into(),
            Code::RootKey,
        ),
        (
            "a kind that is not known",
            |r| r["tlogs"][0]["publicKey"]["keyDetails"] = "PKIX_X".into(),
            Code::RootKey,
        ),
        (
            "a hash that is not known",
            |r| r["tlogs"][0]["hashAlgorithm"] = "SHA2_512".into(),
            Code::RootMalformed,
        ),
        ("another id", |r| flip(&mut r["tlogs"][0]["logId"]["keyId"]), Code::RootLogId),
        ("another id of a named log", |r| flip(&mut r["tlogs"][1]["logId"]["keyId"]), Code::RootLogId),
        (
            "another name of a named log",
            |r| r["tlogs"][1]["baseUrl"] = "https://evil.example".into(),
            Code::RootLogId,
        ),
        ("no address", |r| r["tlogs"][0]["baseUrl"] = "rekor1".into(), Code::RootMalformed),
        (
            "a key swapped",
            |r| r["tlogs"][0]["publicKey"] = r["ctlogs"][0]["publicKey"].clone(),
            Code::RootLogId,
        ),
        ("a log twice", |r| twice(&mut r["tlogs"]), Code::RootDuplicateId),
        ("a log of certificates twice", |r| twice(&mut r["ctlogs"]), Code::RootDuplicateId),
        ("an authority twice", |r| twice(&mut r["certificateAuthorities"]), Code::RootDuplicateId),
        ("a timestamp authority twice", |r| twice(&mut r["timestampAuthorities"]), Code::RootDuplicateId),
        ("an empty chain", |r| chain(r).clear(), Code::RootCertificate),
        (
            "a certificate that does not parse",
            |r| chain(r)[0]["rawBytes"] = "AAAA".into(),
            Code::RootCertificate,
        ),
        ("a changed certificate", |r| flip(&mut chain(r)[0]["rawBytes"]), Code::RootCertificate),
        ("a changed root", |r| flip(&mut chain(r)[1]["rawBytes"]), Code::RootCertificate),
        ("a chain in another order", |r| chain(r).reverse(), Code::RootCertificate),
        (
            "a leaf for an authority",
            |r| *chain(r) = vec![json!({ "rawBytes": lab::b64(lab::leaf(&Make::default())) })],
            Code::RootCertificate,
        ),
        ("no window", |r| each_window(r, |at| at["validFor"] = Value::Null), Code::RootWindow),
        (
            "no start",
            |r| each_window(r, |at| at["validFor"] = json!({ "end": "2030-01-01T00:00:00Z" })),
            Code::RootWindow,
        ),
        (
            "an end before the start",
            |r| each_window(r, |at| at["validFor"]["end"] = "2000-01-01T00:00:00Z".into()),
            Code::RootWindow,
        ),
        (
            "a start that is no time",
            |r| each_window(r, |at| at["validFor"]["start"] = "soon".into()),
            Code::RootWindow,
        ),
        (
            "one authority without a window",
            |r| r["timestampAuthorities"][1]["validFor"] = Value::Null,
            Code::RootWindow,
        ),
    ];
    for (name, damage, expected) in damages {
        let mut root = lab::root();
        damage(&mut root);
        assert_eq!(code(&root), Some(*expected), "{name}");
    }
}

fn twice(list: &mut Value) {
    let list = list.as_array_mut().unwrap();
    list.push(list[0].clone());
}

fn chain(root: &mut Value) -> &mut Vec<Value> {
    root["certificateAuthorities"][0]["certChain"]["certificates"].as_array_mut().unwrap()
}

#[test]
fn a_root_is_one_whole_document() {
    let good = lab::root().to_string();
    let code = |text: &str| TrustRoot::parse(text.as_bytes()).err().map(|refusal| refusal.code());
    for length in (0..good.len()).step_by(151) {
        assert!(code(&good[..length]).is_some(), "cut at {length}");
    }
    assert_eq!(code(""), Some(Code::RootMalformed));
    assert_eq!(code(&format!("{good} {good}")), Some(Code::RootMalformed));
    assert_eq!(code(&format!("{},\"tlogs\":[]}}", &good[..good.len() - 1])), Some(Code::RootDuplicateKey));
    assert_eq!(code(&format!("{good}{}", " ".repeat(4 << 20))), Some(Code::RootTooLarge));
    assert_eq!(code(&good.replacen("[{", &format!("{}{{", "[".repeat(30)), 1)), Some(Code::RootTooDeep));
}

#[test]
fn what_a_root_lacks_is_not_left_out() {
    let bundle = make(&Make { tsa: vec![1], ..Make::default() });
    let without = |section: &str, domain: Domain| {
        let mut root = lab::root();
        root[section] = json!([]);
        let root = Some(TrustRoot::parse(root.to_string().as_bytes()).unwrap());
        Ask { root, domain, ..Ask::default() }.code(&bundle)
    };
    for section in ["certificateAuthorities", "ctlogs", "tlogs"] {
        assert_eq!(without(section, Domain::default()), Some(Code::RootLacks), "{section}");
    }
    assert_eq!(
        without("timestampAuthorities", Domain { tsa: 1, ..Domain::default() }),
        Some(Code::RootLacks)
    );
    // A timestamp that nobody can verify is no timestamp.
    assert_eq!(without("timestampAuthorities", Domain::default()), Some(Code::TimestampInvalid));
    let missing = Ask { root: None, ..Ask::default() };
    assert_eq!(missing.code(&bundle), Some(Code::RootMissing));
}

#[test]
fn a_rule_pins_its_root() {
    let bundle = make(&Make::default());
    let pinned = |digests: Vec<String>| {
        Ask::within(Domain { root_sha256: digests, ..Domain::default() }).code(&bundle)
    };
    assert_eq!(pinned(vec![root().sha256()]), None);
    assert_eq!(pinned(vec!["00".repeat(32), root().sha256()]), None);
    assert_eq!(pinned(vec!["00".repeat(32)]), Some(Code::RootPin));
    assert_eq!(pinned(vec![root().sha256().to_uppercase()]), Some(Code::PolicyPattern));
    let expires = |at| Ask::within(Domain { root_expires: Some(at), ..Domain::default() }).code(&bundle);
    assert_eq!(expires(now()), Some(Code::RootExpired));
    assert_eq!(expires(now().checked_add(jiff::SignedDuration::from_secs(1)).unwrap()), None);
}

#[test]
fn a_newer_root_names_logs_by_their_checkpoints() {
    let mut newer = lab::root();
    newer["mediaType"] = "application/vnd.dev.sigstore.trustedroot.v0.2+json".into();
    newer["tlogs"][0]["baseUrl"] = "rekor1.example".into();
    newer["tlogs"][1]["baseUrl"] = "rekor2.example".into();
    let root = Some(TrustRoot::parse(newer.to_string().as_bytes()).unwrap());
    assert_eq!(Ask { root, ..Ask::default() }.code(&make(&Make::default())), None);
    newer["tlogs"][0]["baseUrl"] = "other.example".into();
    let root = Some(TrustRoot::parse(newer.to_string().as_bytes()).unwrap());
    assert_eq!(Ask { root, ..Ask::default() }.code(&make(&Make::default())), Some(Code::CheckpointInvalid));
}

#[test]
fn another_instance_is_not_believed() {
    // Another instance with the same names and other keys.
    let mut bundle = make(&Make { key: Some(50), ..Make::default() });
    let own = lab::leaf(&Make::default());
    bundle["verificationMaterial"] = json!({ "certificate": { "rawBytes": lab::b64(own) } });
    assert_eq!(Ask::default().code(&bundle), Some(Code::LogMissing));
    let mut root = lab::root();
    root["tlogs"] = json!([root["tlogs"][1]]);
    let root = Some(TrustRoot::parse(root.to_string().as_bytes()).unwrap());
    assert_eq!(Ask { root, ..Ask::default() }.code(&make(&Make::default())), Some(Code::LogUnknown));
}
